"""Secrets Manager, read through a short cache; and the pepper that turns personal data into look-up keys."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

_LIFETIME_SECONDS = 300.0


@dataclass(slots=True)
class Secrets:
    """Secret values by id or ARN, kept for five minutes so that a rotation is seen without a deployment."""

    client: Any
    now: Callable[[], float] = monotonic
    _kept: dict[tuple[str, str], tuple[float, str | None]] = field(default_factory=dict)

    def get(self, secret_id: str) -> str:
        """The current value. Raises LookupError when there is none."""
        value = self._read(secret_id, "AWSCURRENT")
        if value is None:
            raise LookupError("the secret has no current value")
        return value

    def all_versions(self, secret_id: str) -> list[str]:
        """Every live value, the current one first: during a rotation the previous one still counts."""
        previous = self._read(secret_id, "AWSPREVIOUS")
        return [self.get(secret_id)] + ([previous] if previous is not None else [])

    def _read(self, secret_id: str, stage: str) -> str | None:
        kept = self._kept.get((secret_id, stage))
        if kept and kept[0] > self.now():
            return kept[1]
        try:
            answer = self.client.get_secret_value(SecretId=secret_id, VersionStage=stage)
            value: str | None = answer["SecretString"]
        except self.client.exceptions.ResourceNotFoundException:
            value = None
        self._kept[secret_id, stage] = (self.now() + _LIFETIME_SECONDS, value)
        return value


@dataclass(frozen=True, slots=True)
class Pepper:
    """Keyed hashes of what must be found but not read: codes, e-mails, INEs, phones.

    The secret is either one random string (version 1), or, once rotated, JSON of the form
    `{"current": "2", "1": "...", "2": "..."}`. Each hash carries the version that made it, so that old items
    are found until they are written anew.
    """

    secrets: Secrets
    secret_id: str

    def hash(self, kind: str, value: str) -> str:
        """`{version}:{43 characters}` under the current version. `kind` keeps uses apart."""
        return self.hashes(kind, value)[0]

    def hashes(self, kind: str, value: str) -> list[str]:
        """The hash under every live version, the current one first."""
        return [f"{version}:{_mac(key, kind, value)}" for version, key in self._keys()]

    def _keys(self) -> list[tuple[str, str]]:
        text = self.secrets.get(self.secret_id)
        if not text.startswith("{"):
            return [("1", text)]
        versions: dict[str, str] = json.loads(text)
        current = versions.pop("current")
        return [(current, versions.pop(current)), *sorted(versions.items(), reverse=True)]


def _mac(key: str, kind: str, value: str) -> str:
    digest = hmac.digest(key.encode(), f"{kind}\x1f{value}".encode(), hashlib.sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
