"""AWS clients, made once per process, with time-outs and retries set.

Made by botocore itself: importing boto3 costs every function a tenth of its cold start, and nothing of it is
used here.
"""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "max_attempts": 4},
    tcp_keepalive=True,
    # Or presigned links name S3's global host, which sends a fresh bucket of another region elsewhere.
    s3={"addressing_style": "virtual"},
)

# In older regions S3 links are still signed the old way by default, which KMS-encrypted objects refuse.
_SIGNED = Config(signature_version="s3v4")


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@cache
def client(service: str) -> Any:
    """The client of a service, by its name in boto3 (`dynamodb`, `sqs`, ...)."""
    return _session().create_client(service, config=_CONFIG.merge(_SIGNED) if service == "s3" else _CONFIG)


class Later:
    """A client made when it is first called: for what few requests need, such as a download's link."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(client(self._service), name)
