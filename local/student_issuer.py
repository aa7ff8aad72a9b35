"""The students' identity provider, as far as the API needs one: OIDC discovery, its key, and tokens to try.

It signs whatever it is asked to sign, so it lives on loopback only and its key for one run only.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local.mailbox import Answer

AUDIENCE = "sesame-personal-space"
TOKEN_SECONDS = 300
_KEY_BITS = 2048


class StudentIssuer:
    """An OIDC issuer with a key made now. `url` is its issuer identifier, where it is mounted."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.url = url
        self._clock = clock
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        self._key_id = secrets.token_urlsafe(12)

    def token(self, **claims: Any) -> str:
        """A signed token; `claims` add to the usual ones, or replace them."""
        now = int(self._clock())
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": secrets.token_urlsafe(12),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self._key_id}
        signed = f"{_packed(header)}.{_packed(usual | claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request: the discovery document, the key, or a token for the claims in a JSON body."""
        del headers
        match method, path:
            case "GET", "/.well-known/openid-configuration":
                return _json(200, self._discovery())
            case "GET", "/keys":
                return _json(200, {"keys": [self._public_key()]})
            case "POST", "/token":
                try:
                    claims = json.loads(body or b"{}")
                except ValueError:
                    claims = None
                if not isinstance(claims, dict):
                    return _json(400, {"error": "invalid_request"})
                return _json(200, {"id_token": self.token(**claims), "expires_in": TOKEN_SECONDS})
        return _json(404, {"error": "not_found"})

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint": f"{self.url}/token",
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"],
            "claims_supported": ["sub", "ine", "email", "email_verified", "birthdate"],
        }

    def _public_key(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self._key_id,
            "n": _base64(numbers.n.to_bytes(_KEY_BITS // 8)),
            "e": _base64(numbers.e.to_bytes(3)),
        }


def _packed(part: Mapping[str, Any]) -> str:
    return _base64(json.dumps(part).encode())


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _json(status: int, content: Any) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(content).encode())
