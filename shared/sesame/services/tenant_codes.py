"""Tenant codes in clear, for the few functions that may show one."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from sesame.platform.errors import Conflict


class CodeErased(Conflict):
    """The lease is over, and its code was erased at the tenant's wish: there is none to show or to change."""

    slug = "code-erased"
    title: ClassVar = {
        "fr": "Le code de ce séjour a été effacé",
        "en": "The code of this stay was erased",
    }

    def __init__(self) -> None:
        super().__init__(
            detail_fr="Ce séjour est terminé ; son code, effacé à la demande du locataire, n'existe plus.",
            detail_en="This stay is over; its code was erased at the tenant's request and is no more.",
        )


class Enciphered(Protocol):
    """Whatever carries an encrypted tenant code: a lease, or a document that shows its code."""

    @property
    def lease_id(self) -> str: ...

    @property
    def code_cipher(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Decipher:
    """Tenant codes in clear: KMS decrypts only under the lease that the code belongs to."""

    kms: Any
    key: str

    def __call__(self, lease: Enciphered) -> str:
        """The tenant code as it was printed, or as its operator writes it. Raises CodeErased."""
        if not lease.code_cipher:
            raise CodeErased
        answer = self.kms.decrypt(
            CiphertextBlob=lease.code_cipher,
            KeyId=self.key,
            EncryptionContext={"lease_id": lease.lease_id},
        )
        return str(answer["Plaintext"].decode())
