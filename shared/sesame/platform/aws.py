"""AWS clients, made once per process, with time-outs and retries set."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "max_attempts": 4},
    tcp_keepalive=True,
)


@cache
def client(service: str) -> Any:
    """The client of a service, by its name in boto3 (`dynamodb`, `s3`, `kms`, `sesv2`, ...)."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]
