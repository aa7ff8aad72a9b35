"""HTTP Message Signatures (RFC 9421) and Content-Digest (RFC 9530), as far as partners need them. Pure.

One signature a request, made with HMAC-SHA256 (section 3.3.3), over at least the method, the path and the
digest of the body, with `created`, `keyid` and `nonce`. What is signed beyond that is checked too.
"""

import hmac
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

ALGORITHM = "hmac-sha256"
COVERED = frozenset({"@method", "@path", "content-digest"})
"""What a signature must cover: else a body, or a route, could be put in the place of another."""
TOLERANCE = timedelta(minutes=5)
"""How far a caller's clock may be from ours, either way."""
_LONGEST = 2048
_NAME = r"[a-z*][a-z0-9_.*-]{0,63}"
_INPUT = re.compile(
    rf'({_NAME})=(\("[^"\\\x00-\x1f]+"(?: "[^"\\\x00-\x1f]+")*\)'
    rf'(?:;{_NAME}=(?:"[^"\\\x00-\x1f]*"|[0-9]{{1,15}}))*)'
)
_PARAMETER = re.compile(rf';({_NAME})=(?:"([^"\\]*)"|([0-9]+))')
_SIGNATURE = re.compile(rf"({_NAME})=:([A-Za-z0-9+/]+=*):")
_SHA_256 = re.compile(r"(?:^|,\s*)sha-256=:([A-Za-z0-9+/]+=*):")
_NONCE = re.compile(r"[\x21-\x7e]{8,128}")


class Refusal(StrEnum):
    """Why a request is taken for nobody's."""

    MISSING = "missing"
    MALFORMED = "malformed"
    NOT_COVERED = "not_covered"
    CLOCK = "clock"
    DIGEST = "digest"
    SIGNATURE = "signature"
    """A key that we do not know, or a signature that is not its own: which, nobody is told."""


class NotSigned(Exception):
    """The request is not signed as it must be."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is signed. Header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature as it was sent, not yet verified."""

    key_id: str
    created: datetime
    nonce: str
    base: bytes
    mac: bytes


def read_signature(request: Request, now: datetime) -> Signature:
    """The signature of a request whose body is the one that was signed, made within five minutes of `now`.

    Raises NotSigned. What it returns is still to be checked with the key that it names.
    """
    given, signature = (request.headers.get(name, "") for name in ("signature-input", "signature"))
    if not given or not signature:
        raise NotSigned(Refusal.MISSING)
    if len(given) > _LONGEST or len(signature) > _LONGEST:
        raise NotSigned(Refusal.MALFORMED)
    label, params = _input(given)
    mac = _mac(signature, label)
    components = re.findall(r'"([^"]+)"', params[: params.index(")")])
    if not set(components) >= COVERED or len(set(components)) != len(components):
        raise NotSigned(Refusal.NOT_COVERED)
    parameters = {name: text or digits for name, text, digits in _PARAMETER.findall(params)}
    if parameters.get("alg", ALGORITHM) != ALGORITHM or not parameters.get("keyid"):
        raise NotSigned(Refusal.MALFORMED)
    nonce = parameters.get("nonce", "")
    if not _NONCE.fullmatch(nonce):
        raise NotSigned(Refusal.MALFORMED)
    created = _created(parameters, now)
    _check_digest(request)
    return Signature(
        key_id=parameters["keyid"],
        created=created,
        nonce=nonce,
        base=signature_base(request, components, params),
        mac=mac,
    )


def is_made_with(signature: Signature, secret: bytes) -> bool:
    """Whether a secret made it, in the same time whatever the answer."""
    return hmac.compare_digest(hmac.digest(secret, signature.base, sha256), signature.mac)


def signature_base(request: Request, components: list[str], params: str) -> bytes:
    """The text that is signed (section 2.5). Raises NotSigned for a component that is not there."""
    lines = [f'"{name}": {_component(request, name)}' for name in components]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode()


def _component(request: Request, name: str) -> str:
    match name:
        case "@method":
            return request.method.upper()
        case "@path":
            return request.path
        case "@authority":
            return request.headers.get("host", "").lower()
    value = None if name.startswith("@") else request.headers.get(name)
    if value is None:
        raise NotSigned(Refusal.NOT_COVERED)
    return value.strip()


def _input(given: str) -> tuple[str, str]:
    found = _INPUT.fullmatch(given.strip())
    if found is None:
        raise NotSigned(Refusal.MALFORMED)
    return found[1], found[2]


def _mac(signature: str, label: str) -> bytes:
    found = _SIGNATURE.fullmatch(signature.strip())
    if found is None or found[1] != label:
        raise NotSigned(Refusal.MALFORMED)
    return _decoded(found[2])


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except NotBase64 as error:
        raise NotSigned(Refusal.MALFORMED) from error


def _created(parameters: Mapping[str, str], now: datetime) -> datetime:
    moment = parameters.get("created", "")
    if not moment.isdigit():
        raise NotSigned(Refusal.MALFORMED)
    seconds = now.timestamp()
    if abs(int(moment) - seconds) > TOLERANCE.total_seconds():
        raise NotSigned(Refusal.CLOCK)
    expires = parameters.get("expires", "")
    if expires and (not expires.isdigit() or int(expires) < seconds):
        raise NotSigned(Refusal.CLOCK)
    return datetime.fromtimestamp(int(moment), now.tzinfo)


def _check_digest(request: Request) -> None:
    found = _SHA_256.search(request.headers.get("content-digest", ""))
    if found is None:
        raise NotSigned(Refusal.NOT_COVERED)
    if not hmac.compare_digest(_decoded(found[1]), sha256(request.body).digest()):
        raise NotSigned(Refusal.DIGEST)
