"""Tenant codes in clear, for the few functions that may show one."""

from dataclasses import dataclass
from typing import Any, Protocol


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
        """The tenant code as it was printed, or as its operator writes it."""
        answer = self.kms.decrypt(
            CiphertextBlob=lease.code_cipher,
            KeyId=self.key,
            EncryptionContext={"lease_id": lease.lease_id},
        )
        return str(answer["Plaintext"].decode())
