"""One click ends the reminders that one may do without (RFC 8058): those while nothing is late.

A token is a person's id, signed with the pepper: it names nobody to who reads it, is kept nowhere and has no
end, since a mail may be opened years later. All it can do is what its holder may ask for.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import ClassVar

from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound
from sesame.platform.ids import id_bytes, id_from_bytes
from sesame.platform.logs import count
from sesame.platform.secrets import Pepper
from sesame.store.wishes import Wishes

_ID_BYTES, _MAC_BYTES = 16, 16


class UnknownUnsubscribeLink(NotFound):
    """No link of ours has that token."""

    slug = "unknown-unsubscribe-link"
    title: ClassVar = {
        "fr": "Ce lien de désabonnement n'existe pas",
        "en": "There is no such unsubscribe link",
    }


@dataclass(frozen=True, slots=True)
class UnsubscribeTokens:
    """Signs them and reads what was signed."""

    pepper: Pepper

    def of(self, person_id: str) -> str:
        """The token that goes into a person's mails."""
        signed = id_bytes(person_id)
        [mac, *_] = self._macs(signed)
        return urlsafe_b64encode(signed + mac).rstrip(b"=").decode()

    def read(self, token: str) -> str:
        """The person's id. Raises UnknownUnsubscribeLink for what we did not sign."""
        try:
            packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError) as failure:
            raise UnknownUnsubscribeLink from failure
        signed, mac = packed[:_ID_BYTES], packed[_ID_BYTES:]
        matches = [compare_digest(mac, one) for one in self._macs(signed)]
        as_written = urlsafe_b64encode(packed).rstrip(b"=") == token.encode()  # its last bits mean nothing
        if len(packed) != _ID_BYTES + _MAC_BYTES or not any(matches) or not as_written:
            raise UnknownUnsubscribeLink
        return id_from_bytes(signed)

    def _macs(self, signed: bytes) -> list[bytes]:
        """Under every live pepper, the current one first."""
        digests = self.pepper.hashes("unsubscribe", signed.hex())
        return [sha256(digest.encode()).digest()[:_MAC_BYTES] for digest in digests]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribing:
    """What the link does."""

    wishes: Wishes
    tokens: UnsubscribeTokens
    clock: Clock

    def stop(self, token: str) -> None:
        """No more courtesy reminders. Asked again, the same. Raises UnknownUnsubscribeLink. One write."""
        if not self.wishes.stop_courtesy(self.tokens.read(token), self.clock()):
            raise UnknownUnsubscribeLink
        count("Unsubscribed")
