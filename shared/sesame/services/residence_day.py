"""A residence's day for who runs it: who comes and leaves this week, what waits for an answer, what is owed.

Five calls and less than 50 read units for 500 rooms (ADR 94): everything comes from sparse indexes, and what
is owed from the sums that the night's reconciliation left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sesame.domain.arrears import Arrears, owed_on
from sesame.domain.calendar import local_date
from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound
from sesame.services.staff import Role, Staff, as_recorded, require, within
from sesame.store import keys
from sesame.store.arrears import owed_last_night
from sesame.store.documents import FLAGGED, Documents
from sesame.store.people import Move, moves_between, residence_of
from sesame.store.refunds import Refunds
from sesame.store.staff import staff_record_of
from sesame.store.table import Table, batch_get
from sesame.store.tasks import TaskKind, Tasks

VIEWERS = (Role.MANAGER, Role.ADMINISTRATOR)
DAYS_AHEAD = 7
MOST = 100
"""Of a kind that are counted: more than these say so, and are read on their own pages."""
LONGEST_ID = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many of a kind wait, and since when the oldest does; with `more` at least so many."""

    count: int
    more: bool
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedLastNight:
    """Arrears as of today of what was unpaid at `as_of`, and how many leases are in arrears."""

    arrears: Arrears
    leases: int
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidenceDay:
    """A day of a residence's calendar, and the seven after it."""

    residence_id: str
    day: date
    moves: Mapping[date, Sequence[Move]]
    """For each of the eight days."""
    threads: Waiting
    flagged_documents: Waiting
    refunds: Waiting
    flagged_payments: Waiting
    """Payments that came otherwise than asked."""
    tasks: Waiting
    tasks_by_kind: Mapping[TaskKind, int]
    arrears: OwedLastNight | None
    """None until a night's reconciliation has gone through the residence's accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidenceDays:
    """Reads a residence's day."""

    identity: Table
    money: Table
    documents: Table
    operations: Table
    clock: Clock

    def of(self, named: Staff, residence_id: str) -> ResidenceDay:
        """Of a residence that the member of staff whom a token names may see: their record is read here.

        Raises Forbidden, and NotFound where it is not theirs. Five calls.
        """
        require(named, *VIEWERS)
        if len(residence_id) > LONGEST_ID:
            raise NotFound
        record, stored, owed = batch_get(
            self.identity.client,
            [
                (self.identity.name, keys.staff(named.staff_id)),
                (self.identity.name, keys.residence(residence_id)),
                (self.operations.name, keys.arrears(residence_id)),
            ],
        )
        staff = as_recorded(named, staff_record_of(record) if record else None)
        require(staff, *VIEWERS)
        within(staff, residence_id)
        if stored is None:
            raise NotFound
        now = self.clock()
        today = local_date(now, residence_of(stored).time_zone)
        days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]
        moves = moves_between(self.identity, residence_id, days[0], days[-1])
        threads, flagged = self._talk(residence_id)
        money = Refunds(self.money).to_see_to(residence_id, limit=2 * MOST)
        tasks = Tasks(self.operations).open_in(residence_id, limit=MOST)
        return ResidenceDay(
            residence_id=residence_id,
            day=today,
            moves={day: [one for one in moves if one.day == day] for day in days},
            threads=threads,
            flagged_documents=flagged,
            # refunds come first: they are cut off only where no flagged payment is read at all
            refunds=_waiting(money.refunds, more=money.more and not money.flagged_payments),
            flagged_payments=_waiting(money.flagged_payments, more=money.more),
            tasks=_waiting([one.raised_at for one in tasks.tasks], more=tasks.next is not None),
            tasks_by_kind=Counter(one.kind for one in tasks.tasks),
            arrears=self._arrears(owed, today),
        )

    def _talk(self, residence_id: str) -> tuple[Waiting, Waiting]:
        """Threads that wait and documents to look at: neighbours in one index, so one query."""
        page = Documents(self.documents).to_see_to(residence_id, limit=2 * MOST)
        flagged = [moment for prefix, moment in page.moments if prefix == FLAGGED]
        threads = [moment for prefix, moment in page.moments if prefix != FLAGGED]
        # flagged documents come first: they are cut off only where no thread is read at all
        return (
            _waiting(threads, more=page.more),
            _waiting(flagged, more=page.more and not threads),
        )

    def _arrears(self, item: dict[str, object] | None, today: date) -> OwedLastNight | None:
        if item is None:
            return None
        owed, as_of = owed_last_night(item)
        arrears, leases = owed_on(owed, today)
        return OwedLastNight(arrears=arrears, leases=leases, as_of=as_of)


def _waiting(moments: Sequence[datetime], *, more: bool) -> Waiting:
    return Waiting(count=len(moments), more=more, oldest_at=min(moments, default=None))
