"""One local AWS: the ports it listens on, the folder it keeps its files in, and clients to talk to it."""

from __future__ import annotations

import functools
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".local"

REGION = "eu-west-3"
# The emulator's root key: with AUTH on, any other is refused.
ROOT_KEY = "test"

# The API's id is pinned, so that its address is known before anything is deployed. Eight hexadecimal
# digits, the only shape that the emulator also accepts as a host name.
API_ID = "5e5a3e00"
PORTAL_HOST = "sesame.localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """Where one emulator listens (127.0.0.1 only) and where it keeps its files; two never share either."""

    port: int
    mailbox_port: int
    folder: Path
    keeps_state: bool
    clock: Path | None = None
    """Where its functions read what time it is, where a story says that (`local/story_clock.py`)."""

    @property
    def endpoint(self) -> str:
        """What AWS clients take as endpoint."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """The HTTP API, for plain clients: paths start with /v1."""
        return f"{self.endpoint}/_aws/execute-api/{API_ID}"

    @property
    def portal_url(self) -> str:
        """The same API at the root of a host of its own, for browsers: *.localhost is loopback to them."""
        return f"http://{PORTAL_HOST}:{self.port}"

    @property
    def local_url(self) -> str:
        """The mailbox, the sandbox payment provider and the students' identity provider."""
        return f"http://127.0.0.1:{self.mailbox_port}"

    @property
    def mailbox_url(self) -> str:
        """The e-mails sent so far, as JSON."""
        return f"{self.local_url}/mailbox"

    @property
    def sandbox_url(self) -> str:
        """The sandbox payment provider."""
        return f"{self.local_url}/sandbox"

    @property
    def student_issuer(self) -> str:
        """The students' identity provider: its issuer identifier."""
        return f"{self.local_url}/students"

    def client(self, service: str) -> Any:
        """A boto3 client of this instance, as root."""
        return client_of(service, self.endpoint)


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id=ROOT_KEY, aws_secret_access_key=ROOT_KEY, region_name=REGION)


@functools.cache
def client_of(service: str, endpoint: str) -> Any:
    """A boto3 client of the local AWS at an endpoint, as root."""
    # No retries: a refusal from the local AWS is a fact to show, not a glitch to paper over.
    config = Config(
        connect_timeout=2,
        read_timeout=60,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
        proxies={},
    )
    return _session().client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]


def free_port() -> int:
    """A TCP port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(keep: tuple[str, ...] = ("PATH", "HOME", "LANG", "LC_ALL")) -> dict[str, str]:
    """The few variables worth passing on: the deployed functions inherit whatever the emulator is given."""
    return {name: os.environ[name] for name in keep if name in os.environ}
