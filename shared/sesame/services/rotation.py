"""Gives a lease another tenant code: the old one is unknown from then on, and every contact is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sesame.domain import codes
from sesame.domain.codes import CodeFormats
from sesame.domain.tenancy import Lease
from sesame.platform.clock import Clock
from sesame.platform.events import announcement
from sesame.platform.ids import Random
from sesame.platform.secrets import Pepper
from sesame.services.sessions import Session
from sesame.services.tenant_codes import CodeErased, Decipher
from sesame.store.audit import Action, Audit, by_tenant
from sesame.store.people import People
from sesame.store.table import ConditionFailed, Contention, Write, transact

ATTEMPTS = 5
"""Tries before a rotation gives up: on a code that is taken, or a lease that others keep hold of."""
SAME_CLICK = timedelta(seconds=30)
"""A second request this soon is the first one's repeat: it shows the same new code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A new code, and the writes that bring it about: all of them, in one transaction."""

    tenant_code: str
    """As printed."""
    lease: Lease
    """As it will be."""
    writes: Sequence[Write]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotations:
    """Draws new codes, and changes leases to them."""

    people: People
    audit: Audit
    pepper: Pepper
    kms: Any
    codes_key: str
    clock: Clock
    random: Random
    formats: CodeFormats = codes.STANDARD

    def writes(self, lease: Lease, now: datetime, *, tells: bool = True) -> Rotation:
        """A new code and the writes of a rotation, four with one pepper. One call, to KMS; none writes.

        The transaction fails where the lease is no longer as given, or, rarely, where the code is taken:
        read the lease again and draw another. Without `tells` the caller announces the change itself.
        Raises CodeErased: what was erased does not come back.
        """
        if not lease.has_code:
            raise CodeErased
        code = self.formats.new(self.random)
        printed = self.formats.printed(code)
        sealed: bytes = self.kms.encrypt(
            KeyId=self.codes_key,
            Plaintext=printed.encode(),
            EncryptionContext={"lease_id": lease.lease_id},
        )["CiphertextBlob"]
        told = announcement("code.rotated", now, lease_id=lease.lease_id, person_id=lease.person_id)
        changed = replace(
            lease,
            code_cipher=sealed,
            code_hash=self.pepper.hash("code", code),
            code_tail=codes.tail(code),
            code_rotated_at=now,
            version=lease.version + 1,
        )
        return Rotation(
            tenant_code=printed,
            lease=changed,
            writes=self.people.rotating(lease, code, sealed=sealed, at=now, announce=told if tells else None),
        )

    def by_tenant(self, session: Session, source: str) -> str:
        """The new code, as printed. Raises Contention. Two calls, one for a moment's repeat.

        A double click changes the code once: whoever comes second within `SAME_CLICK`, or meanwhile, is
        answered the first one's code.
        """
        lease = session.lease
        for _ in range(ATTEMPTS):
            now = self.clock()
            if lease.code_rotated_at is not None and now - lease.code_rotated_at < SAME_CLICK:
                return Decipher(self.kms, self.codes_key)(lease)
            rotation = self.writes(lease, now)
            entry = by_tenant(
                Action.CODE_ROTATED,
                now,
                person_id=lease.person_id,
                lease_id=lease.lease_id,
                residence_id=lease.residence_id,
                random=self.random,
                source=self.pepper.hash("source", source),
            )
            try:
                transact(
                    self.people.table.client,
                    [*rotation.writes, self.audit.recording(entry)],
                    attempts=3,
                )
            except (ConditionFailed, Contention):
                lease = self.people.lease(lease.lease_id) or lease
                continue
            return rotation.tenant_code
        raise Contention
