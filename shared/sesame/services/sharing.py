"""A tenant sees what is told of them, to whom and why, and decides where that is theirs to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sesame.domain.transmissions import GROUNDS, Basis, Ground, TransmissionKind
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict
from sesame.platform.ids import Random
from sesame.platform.secrets import Pepper
from sesame.services.sessions import Session
from sesame.store.audit import Action, Audit
from sesame.store.sharing import Decision, Sharing
from sesame.store.table import transact
from sesame.store.transmissions import SentFile, SentRow, Transmissions


class NotTheirsToDecide(Conflict):
    """A law or the contract has it told, whatever its tenant wishes."""

    slug = "not-yours-to-decide"
    title: ClassVar = {
        "fr": "Cette transmission ne dépend pas de votre accord",
        "en": "This is sent whether or not you agree",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A kind of thing that may be told: on which ground, and what the tenant said where they may."""

    kind: TransmissionKind
    ground: Ground
    decision: Decision | None

    @property
    def leaves(self) -> bool:
        """Whether it may leave."""
        if self.ground.basis is not Basis.CONSENT:
            return True
        return self.decision is not None and self.decision.agreed


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingDecisions:
    """What a tenant may look at and decide."""

    sharing: Sharing
    transmissions: Transmissions
    audit: Audit
    pepper: Pepper
    clock: Clock
    random: Random

    def of(self, session: Session) -> Sequence[Shared]:
        """Every kind. One query."""
        decided = self.sharing.of_person(session.person.person_id)
        return [
            Shared(kind=kind, ground=ground, decision=decided.get(kind)) for kind, ground in GROUNDS.items()
        ]

    def decide(self, session: Session, kind: TransmissionKind, *, agreed: bool, source: str) -> Shared:
        """Their word, from now on; what was sent before stays sent, and the next file takes it back.

        Raises NotTheirsToDecide. One transaction.
        """
        ground = GROUNDS[kind]
        if ground.basis is not Basis.CONSENT:
            raise NotTheirsToDecide(detail_fr=ground.why["fr"], detail_en=ground.why["en"])
        now = self.clock()
        decision = Decision(person_id=session.person.person_id, kind=kind, agreed=agreed, decided_at=now)
        entry = session.deed(
            Action.SHARING_AGREED if agreed else Action.SHARING_REFUSED,
            now,
            random=self.random,
            source=self.pepper.hash("source", source),
            kind=kind.value,
        )
        transact(
            self.sharing.table.client,
            [self.sharing.deciding(decision), self.audit.recording(entry)],
            attempts=3,
        )
        return Shared(kind=kind, ground=ground, decision=decision)

    def sent(self, session: Session) -> list[tuple[SentRow, SentFile]]:
        """What was sent of their lease, newest first: files that staff have taken away to hand over."""
        found = self.transmissions.of_lease(session.lease.lease_id)
        return [(row, file) for row, file in found if sent_at(file) is not None]


def sent_at(file: SentFile) -> datetime | None:
    """When a file left: when it was first taken away, or its acknowledgement came without that."""
    return file.downloaded_at or file.acknowledged_at
