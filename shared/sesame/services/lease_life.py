"""What becomes of a lease: each change is decided once, with all that it does to notices and papers.

The lease, its notices and account, the record of the change, the audit's entry and what is announced are one
transaction. What follows, papers that hold no more and messages, follows from what was announced.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import ClassVar, Protocol

from sesame.domain.calendar import local_date
from sesame.domain.lease_life import (
    BY_CALENDAR,
    Cancellation,
    Closing,
    Extension,
    Leaving,
    LifeChange,
    LifeEvent,
    LifeRefused,
    Renewal,
    RoomChange,
    Stage,
    Withdrawal,
    changed,
    possible_at,
    stage_on,
)
from sesame.domain.tenancy import Language, Lease, Residence
from sesame.platform.errors import Conflict
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.lease_terms import Changed, LeaseTerms, Who
from sesame.services.payments import KeyReused
from sesame.services.staff import Role, Staff, require
from sesame.store.audit import Action, ActorKind, Audit, AuditEntry
from sesame.store.lease_changes import LeaseChange, LeaseChanges
from sesame.store.table import Write

DECIDERS = (Role.MANAGER, Role.ADMINISTRATOR)
"""Who may change a lease."""
READERS = tuple(Role)

Also = Callable[[Changed], Sequence[Write]]


class ChangeRefused(Conflict):
    """The lease, as it stands, does not allow that change: the detail says why, and what to do instead."""

    slug = "lease-change-refused"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Ce changement du bail n'est pas possible",
        "en": "That change of the lease is not possible",
    }

    @classmethod
    def because(cls, refused: LifeRefused) -> "ChangeRefused":
        """In the words of the refusal."""
        words, about = refused.words, refused.about
        french, english = Language.FRENCH, Language.ENGLISH
        return cls(
            detail_fr=f"{words.reason(french, about)} {words.remedy(french, about)}",
            detail_en=f"{words.reason(english, about)} {words.remedy(english, about)}",
            errors=[{"reason": refused.fault.value} | ({"about": about} if about else {})],
        )


class Decider(Protocol):
    """Who decides a change, and how the audit tells it."""

    @property
    def kind(self) -> ActorKind: ...
    @property
    def id(self) -> str: ...
    def entry(self, lease: Lease, action: Action, **details: str | int) -> AuditEntry: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AtDesk:
    """A member of staff, from a network."""

    staff: Staff
    deeds: Deeds
    network: str
    kind: ActorKind = ActorKind.STAFF

    @property
    def id(self) -> str:
        """Theirs."""
        return self.staff.staff_id

    def entry(self, lease: Lease, action: Action, **details: str | int) -> AuditEntry:
        """The audit's entry of what they did."""
        return self.deeds.entry(
            action,
            self.staff,
            self.network,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            **details,
        )


def digest_of(change: LifeChange) -> str:
    """What was asked for, in a word: the same change has the same."""
    said = json.dumps([change.event, asdict(change)], default=str, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseLife:
    """Decides changes, whoever asks: desk, tenant, file, renewal."""

    terms: LeaseTerms
    changes: LeaseChanges
    audit: Audit

    def preview(self, lease_id: str, residence: Residence, change: LifeChange) -> Changed:
        """What a change would do to the lease and its notices, without doing it. Three reads.

        Raises LifeRefused, NotFound, TooManyCorrections.
        """
        return self.terms.preview(lease_id, self._make(residence, change))

    def decide(
        self,
        lease_id: str,
        residence: Residence,
        change: LifeChange,
        by: Decider,
        *,
        change_id: str,
        also: Also = lambda _: (),
        import_id: str = "",
    ) -> LeaseChange:
        """Makes a change, once an id; said again it is the same one, and nothing happens twice.

        `also` is written with it; `import_id` is of the file that says so. Raises LifeRefused, NotFound,
        KeyReused, TooManyCorrections. Four reads and a transaction.
        """
        if (known := self._known(lease_id, change_id, change)) is not None:
            return known
        recorded: list[LeaseChange] = []

        def writes(done: Changed) -> list[Write]:
            record = _record(done, change, by, change_id, import_id)
            recorded[:] = [record]
            entry = by.entry(
                done.after,
                Action.LEASE_CHANGED,
                what=change.event.value,
                change_id=change_id,
                effective_on=record.effective_on.isoformat(),
                difference_cents=record.difference_cents,
                **_surcharges(record),
            )
            return [
                self.changes.recording(record, tells=change.event in TOLD),
                self.audit.recording(entry),
                *also(done),
            ]

        try:
            self.terms.apply(
                lease_id,
                self._make(residence, change),
                Who(reason=change.event.value, by=by.id),
                also=writes,
                announce=lambda done: _announced(done, change, change_id),
            )
        except LifeRefused:
            # another request with the same id may have made it a moment ago
            if (known := self._known(lease_id, change_id, change)) is not None:
                return known
            raise
        [record] = recorded
        return record

    def _make(self, residence: Residence, change: LifeChange) -> Callable[[Lease], Lease]:
        def make(lease: Lease) -> Lease:
            today = local_date(self.terms.books.clock(), residence.time_zone)
            return changed(lease, change, today, notice_months=residence.notice_months)

        return make

    def _known(self, lease_id: str, change_id: str, change: LifeChange) -> LeaseChange | None:
        known = self.changes.get(lease_id, change_id)
        if known is not None and known.said != digest_of(change):
            raise KeyReused
        return known


TOLD = frozenset(LifeEvent) - BY_CALENDAR - {LifeEvent.CLOSED, LifeEvent.RENEWED}
"""What every contact of the tenant hears of: closing has its own paper, renewal its own message."""


def _record(done: Changed, change: LifeChange, by: Decider, change_id: str, import_id: str) -> LeaseChange:
    return LeaseChange(
        change_id=change_id,
        lease_id=done.after.lease_id,
        event=change.event,
        said=digest_of(change),
        at=done.at,
        by_kind=by.kind,
        by=by.id,
        effective_on=_effective_on(done, change),
        ends_on=done.after.ends_on,
        room=change.room if isinstance(change, RoomChange) else "",
        difference_cents=done.difference_cents,
        import_id=import_id,
        surcharges_reversed_cents=done.surcharges_reversed_cents,
        corrected=tuple(one.period for one in done.corrected),
    )


def _surcharges(record: LeaseChange) -> dict[str, int]:
    """Of them the audit speaks where there were any."""
    cents = record.surcharges_reversed_cents
    return {"surcharges_reversed_cents": cents} if cents else {}


def _effective_on(done: Changed, change: LifeChange) -> date:
    match change:
        case Cancellation():
            return done.after.starts_on
        case Leaving() | Extension() | Withdrawal() | Closing():
            return done.after.ends_on
        case Renewal():
            return done.after.renewed_from[-1]
    return change.starts_on


def _announced(done: Changed, change: LifeChange, change_id: str) -> dict[str, str]:
    kind = "lease.cancelled" if change.event is LifeEvent.CANCELLED else "lease.changed"
    lease_id = done.after.lease_id
    return announcement(kind, done.at, id=derived_id(kind, change_id), lease_id=lease_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeSeen:
    """A lease on a day, what may be decided of it, and what was."""

    lease: Lease
    stage: Stage
    today: date
    possible: tuple[LifeEvent, ...]
    changes: Sequence[LeaseChange]


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeDesk:
    """What staff see and decide of a lease's life."""

    leases: DeskLeases
    life: LeaseLife
    deeds: Deeds

    def seen(self, staff: Staff, lease_id: str) -> LifeSeen:
        """Where a lease is. Raises NotFound. Three reads."""
        require(staff, *READERS)
        lease = self.leases.seen(staff, lease_id)
        residence = self.life.terms.people.residence(lease.residence_id)
        zone = residence.time_zone if residence else "Europe/Paris"
        today = local_date(self.life.terms.books.clock(), zone)
        stage = stage_on(lease, today)
        return LifeSeen(
            lease=lease,
            stage=stage,
            today=today,
            possible=possible_at(stage),
            changes=self.life.changes.of_lease(lease_id),
        )

    def preview(self, staff: Staff, lease_id: str, change: LifeChange) -> Changed:
        """What a change would do. Raises Forbidden, NotFound, ChangeRefused, TooManyCorrections."""
        require(staff, *DECIDERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        try:
            return self.life.preview(lease_id, tenancy.residence, change)
        except LifeRefused as refused:
            raise ChangeRefused.because(refused) from refused

    def decide(
        self, staff: Staff, lease_id: str, change: LifeChange, *, key: str, network: str
    ) -> LeaseChange:
        """Makes a change, once a key of the caller's.

        Raises Forbidden, NotFound, ChangeRefused, KeyReused, TooManyCorrections. Six reads and a transaction
        besides the staff record's.
        """
        require(staff, *DECIDERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        by = AtDesk(staff=staff, deeds=self.deeds, network=network)
        change_id = derived_id("lease-change", lease_id, key)
        try:
            return self.life.decide(lease_id, tenancy.residence, change, by, change_id=change_id)
        except LifeRefused as refused:
            raise ChangeRefused.because(refused) from refused
