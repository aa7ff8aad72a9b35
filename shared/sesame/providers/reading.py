"""Reading what providers send: every value is checked, since all of them end in keys or amounts."""

import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sesame.providers.base import Malformed

LONGEST_HEADER = 4096
NAME = re.compile(r"[A-Za-z0-9_:-]{1,128}")
MOST_CENTS = 10**9


def object_of(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Malformed."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed from error
    return mapping(found)


def mapping(value: Any) -> dict[str, Any]:
    """An object within one. Raises Malformed."""
    if not isinstance(value, dict):
        raise Malformed
    return value


def name(value: Any) -> str:
    """An id, or another short word that may become a key. Raises Malformed."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Malformed
    return value


def event_name(event: Any) -> str:
    """How to speak of an event that may be unreadable."""
    stated = event.get("id") if isinstance(event, dict) else None
    return stated if isinstance(stated, str) and NAME.fullmatch(stated) else "unnamed"


def word(value: Any) -> str:
    """A text that is only compared with others. Raises Malformed."""
    if not isinstance(value, str):
        raise Malformed
    return value


def cents(value: Any) -> int:
    """An amount. Raises Malformed, also for a boolean, a fraction or a sum that nobody pays."""
    if type(value) is not int or not 0 <= value <= MOST_CENTS:
        raise Malformed
    return value


def seconds(value: Any) -> datetime:
    """A Unix time. Raises Malformed."""
    if type(value) is not int:
        raise Malformed
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed from error


def instant(value: Any) -> datetime:
    """An ISO 8601 time with its offset, in UTC. Raises Malformed."""
    try:
        stated = datetime.fromisoformat(word(value))
        if stated.tzinfo is None:
            raise Malformed
        return stated.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed from error


def ours(metadata: Any) -> Mapping[str, str] | None:
    """What we had a provider keep with a payment: `payment_id` and `lease_id`. None: it is none of ours."""
    if not isinstance(metadata, dict):
        return None
    values = [metadata.get(key) for key in ("payment_id", "lease_id")]
    return metadata if all(isinstance(one, str) and NAME.fullmatch(one) for one in values) else None


def hex_signed(secrets: Sequence[str], signed: bytes, offered: Iterable[str]) -> bool:
    """Whether one of the live secrets made one of the signatures offered: hex HMAC-SHA256.

    Every secret is tried with every signature, so that the time taken tells nothing.
    """
    given = [one.encode(errors="replace") for one in offered]
    digests = [hmac.digest(secret.encode(), signed, sha256).hex().encode() for secret in secrets]
    return sum(hmac.compare_digest(digest, one) for digest in digests for one in given) > 0
