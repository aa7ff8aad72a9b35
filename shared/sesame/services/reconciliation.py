"""Reconciliation: what providers know that we were not told, and balances that their journal denies.

What was missed is kept as a delivery of its own and takes the usual path: queue, posting, journal. The mark
of an account at a provider moves once its page is kept, so that a run may die anywhere and be made again,
days late too.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import batched
from time import monotonic

from sesame.domain.arrears import Owed, owed_with
from sesame.domain.journal import fold
from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound
from sesame.platform.events import Event, announcement
from sesame.platform.ids import derived_id
from sesame.platform.logs import count, logger
from sesame.providers.base import EventPage, ProviderEvent
from sesame.providers.registry import Registry, UnknownProvider
from sesame.services.queues import Queue
from sesame.services.staff import Role, Staff, require
from sesame.store import keys
from sesame.store.accounts import Account, Accounts, Journal
from sesame.store.arrears import note_owed, owed_item, owed_of
from sesame.store.deliveries import Deliveries, Delivery, Hints, Told
from sesame.store.payments import Payments, payment_of
from sesame.store.people import lease_of, residence_of
from sesame.store.reconciliations import (
    Findings,
    MissedEvent,
    ProviderFinding,
    Reconciliations,
    ResidenceFinding,
    Run,
)
from sesame.store.table import Key, Table, same_table

READERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
EARLY = timedelta(hours=1)
"""A notification younger than this may still be under way: posting it again does no harm, calling it missed
would be a false alarm."""
LOOK_BACK = timedelta(days=60)
"""How far back a dismissal is remembered, so that the same event does not come up again."""
DAY = timedelta(days=1)
EXAMPLES = 100
LEASES_A_PAGE = 50
DAYS_SHOWN = 31
_BATCH = 100
TO_RECONCILE = "provider.to-reconcile"
TO_CHECK = "residence.to-check"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationRun:
    """The daily run: it only says which providers to ask and which residences to check."""

    identity: Table
    reconciliations: Reconciliations
    registry: Registry
    queue: Queue

    def plan(self, now: datetime) -> Run:
        """Queues every provider's account and every residence for the day `now` (UTC)."""
        known = [residence_of(item) for item in self.identity.query_all(keys.residences())]
        offered = {name for residence in known for name in residence.providers}
        providers = tuple(
            name for name in sorted({*offered, *self.registry.secret_ids}) if self._is_here(name)
        )
        residences = tuple(residence.residence_id for residence in known)
        self._look_back(now.date() - DAY)
        run = Run(day=now.date(), planned_at=now, providers=providers, residences=residences)
        self.reconciliations.plan(run)
        self.queue.send(
            [
                *(_to_reconcile(name, now) for name in providers),
                *(_to_check(residence_id, now) for residence_id in residences),
            ]
        )
        count("ReconciliationRun")
        return run

    def _look_back(self, day: date) -> None:
        """Counts a day that was begun and not brought to its end: a provider kept silent, a queue stood."""
        before = self.reconciliations.run(day)
        if before is not None and not DayReport(before, self.reconciliations.findings(day)).finished:
            count("ReconciliationUnfinished")
            logger.error("reconciliation unfinished", extra={"day": day.isoformat()})

    def _is_here(self, name: str) -> bool:
        try:
            self.registry.get(name)
        except UnknownProvider:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationWork:
    """The work on one provider or one residence, as the queue brings it."""

    identity: Table
    money: Table
    reconciliations: Reconciliations
    registry: Registry
    queue: Queue
    clock: Clock
    budget: timedelta
    """How long one invocation may work before it leaves the rest to a message of its own."""
    seconds: Callable[[], float] = monotonic

    def consume(self, event: Event) -> None:
        """Safe to repeat. Raises ProviderUnavailable or ProviderRefused: the queue brings it again."""
        if event.type == TO_RECONCILE:
            self._ask(event)
        elif event.type == TO_CHECK:
            self._check(event)

    def _ask(self, event: Event) -> None:
        name, ends_at = event["provider"], self._ends_at()
        try:
            provider, credentials = self.registry.get(name), self.registry.credentials(name)
        except UnknownProvider:
            self._note_closed(event, name)
            return
        while True:
            mark = self.reconciliations.mark(name)
            page = provider.events_since(mark, credentials)
            self._keep(event, name, mark, page)
            moved = page.mark is not None and page.mark != mark
            if moved and not self.reconciliations.move_mark(name, mark, page.mark or "", self.clock()):
                return  # another run is at it
            if not (page.more and moved):
                return
            if self.seconds() > ends_at:
                self.queue.send([_to_reconcile(name, event.at, after=page.mark or "")])
                return

    def _note_closed(self, event: Event, name: str) -> None:
        """There is no such account here, or none of real money: nothing can have happened."""
        nothing = ProviderFinding(provider=name, seen=0, missed=0, early=0, unknown=0, examples=(), last=True)
        self.reconciliations.note_provider(event.at.date(), "closed", nothing, self.clock())

    def _keep(self, event: Event, name: str, mark: str | None, page: EventPage) -> None:
        """The finding first, then the deliveries: made again half-way, it finds the same."""
        lacking, unknown = self._lacking(name, page.events)
        late = [one for one in lacking if self.clock() - one.event.occurred_at >= EARLY]
        self.reconciliations.note_provider(
            event.at.date(),
            derived_id(name, mark or "", page.mark or ""),
            ProviderFinding(
                provider=name,
                seen=len(page.events),
                missed=len(late),
                early=len(lacking) - len(late),
                unknown=unknown,
                examples=tuple(_missed(one) for one in late[:EXAMPLES]),
                last=not page.more,
                unreadable=page.unreadable,
            ),
            self.clock(),
        )
        for payment_id in dict.fromkeys(one.payment_id for one in lacking):
            self._deliver(name, [one for one in lacking if one.payment_id == payment_id])
        if late:
            count("PaymentMissed", len(late))
        if page.unreadable:
            count("ProviderUnreadable", len(page.unreadable))

    def _lacking(self, name: str, told: Sequence[ProviderEvent]) -> tuple[list[ProviderEvent], int]:
        """The events that no payment of ours has, and how many of them are of payments that we lack too."""
        ids = list(dict.fromkeys(one.payment_id for one in told))
        events: dict[str, set[str]] = {}
        for some in batched(ids, _BATCH, strict=False):
            for item in same_table(self.money, [Payments(self.money).key(one) for one in some]):
                payment = payment_of(item) if item else None
                if payment is not None and payment.provider == name:
                    events[payment.payment_id] = {event.event_id for event in payment.events}
        lacking = [one for one in told if one.event.event_id not in events.get(one.payment_id, ())]
        unknown = [one for one in lacking if one.payment_id not in events]
        if unknown:
            known = self._set_aside(name)
            unknown = [one for one in unknown if one.event.event_id not in known]
            lacking = [one for one in lacking if one.payment_id in events or one in unknown]
        return lacking, len(unknown)

    def _set_aside(self, name: str) -> set[str]:
        """The events that staff look at already, or found to be none of ours."""
        return {
            told.event.event_id
            for review in Deliveries(self.money).set_aside(self.clock() - LOOK_BACK)
            if review.provider == name
            for told in review.unknown
        }

    def _deliver(self, name: str, told: Sequence[ProviderEvent]) -> None:
        """Keeps what one payment lacks as if its provider had sent it."""
        event_ids = sorted(one.event.event_id for one in told)
        lease_ids = {one.lease_id for one in told if one.lease_id}
        delivery = Delivery(
            provider=name,
            delivery_id=f"reconciled-{derived_id(told[0].payment_id, *event_ids)}",
            body=b"",
            headers={},
            query="",
            received_at=self.clock(),
            told=tuple(
                Told(payment_id=one.payment_id, lease_id=one.lease_id, event=one.event) for one in told
            ),
        )
        hints = Hints(
            payment_id=told[0].payment_id, lease_id=lease_ids.pop() if len(lease_ids) == 1 else None
        )
        Deliveries(self.money).store(delivery, hints)

    def _check(self, event: Event) -> None:
        residence_id, ends_at = event["residence_id"], self._ends_at()
        after = event.data.get("after")
        # what the pages before came to travels with the event, so that a repeat counts nothing twice
        owed = owed_of(json.loads(event.data["owed"])) if "owed" in event.data else Owed()
        for lease_ids, next_page in self._pages(residence_id, after):
            differing = []
            for lease_id in lease_ids:
                account, differs = self._looked_at(lease_id)
                differing += [lease_id] if differs else []
                owed = owed_with(owed, account.checkpoint.outstanding) if account else owed
            self.reconciliations.note_residence(
                event.at.date(),
                derived_id(residence_id, after or ""),
                ResidenceFinding(
                    residence_id=residence_id,
                    accounts=len(lease_ids),
                    differing=tuple(differing),
                    last=next_page is None,
                ),
                self.clock(),
            )
            if differing:
                count("JournalDiffers", len(differing))
                logger.error("journal", extra={"residence": residence_id, "leases": differing})
            if next_page is not None and self.seconds() > ends_at:
                so_far = json.dumps(owed_item(owed), sort_keys=True)
                self.queue.send([_to_check(residence_id, event.at, after=next_page, owed=so_far)])
                return
            after = next_page
        note_owed(self.reconciliations.table, residence_id, owed, event.at)

    def _pages(self, residence_id: str, after: str | None) -> Iterator[tuple[list[str], str | None]]:
        """Pages of lease ids, each with where the next one starts."""
        start: Key | None = json.loads(after) if after else None
        while True:
            page = self.identity.query(
                keys.leases_of_residence(residence_id), index=keys.GSI1, start=start, limit=LEASES_A_PAGE
            )
            leases = [lease_of(item).lease_id for item in page.items]
            yield leases, json.dumps(page.next, sort_keys=True) if page.next else None
            if page.next is None:
                return
            start = page.next

    def _looked_at(self, lease_id: str) -> tuple[Account | None, bool]:
        """A lease's account, and whether its journal denies it. What denies is looked at twice: what is
        posted while a journal is read makes it look wrong once, not again."""
        accounts = Accounts(self.money)
        journal = accounts.journal(lease_id)
        if not _is_wrong(journal):
            return journal.account, False
        journal = accounts.journal(lease_id)
        return journal.account, _is_wrong(journal)

    def _ends_at(self) -> float:
        return self.seconds() + self.budget.total_seconds()


def _is_wrong(journal: Journal) -> bool:
    """Whether what is stored is not what the journal comes to; or says that nothing is owed and reminds."""
    if journal.account is None:
        return bool(journal.entries)
    account, rebuilt = journal.account, fold(journal.entries).checkpoint
    return account.checkpoint != rebuilt or (account.next_step_at is not None and not rebuilt.outstanding)


@dataclass(frozen=True, slots=True)
class DayReport:
    """A day's reconciliation as a member of staff sees it: all providers, their own residences."""

    run: Run
    findings: Findings

    @property
    def finished(self) -> bool:
        """Whether every provider and residence was looked at to its end."""
        done = {one.provider for one in self.findings.providers if one.last}
        checked = {one.residence_id for one in self.findings.residences if one.last}
        return done.issuperset(self.run.providers) and checked.issuperset(self.run.residences)


@dataclass(frozen=True, slots=True)
class ReconciliationReports:
    """What each day's reconciliation found."""

    reconciliations: Reconciliations

    def runs(self, staff: Staff) -> list[Run]:
        """The last days' runs, newest first."""
        require(staff, *READERS)
        return [_of(staff, run) for run in self.reconciliations.runs(limit=DAYS_SHOWN)]

    def of(self, staff: Staff, day: date) -> DayReport:
        """A day's report. Raises NotFound."""
        require(staff, *READERS)
        run = self.reconciliations.run(day)
        if run is None:
            raise NotFound
        found = self.reconciliations.findings(day)
        own = tuple(one for one in found.residences if staff.sees(one.residence_id))
        return DayReport(run=_of(staff, run), findings=Findings(providers=found.providers, residences=own))


def _of(staff: Staff, run: Run) -> Run:
    return Run(
        day=run.day,
        planned_at=run.planned_at,
        providers=run.providers,
        residences=tuple(one for one in run.residences if staff.sees(one)),
    )


def _missed(one: ProviderEvent) -> MissedEvent:
    return MissedEvent(
        payment_id=one.payment_id,
        event_id=one.event.event_id,
        kind=one.event.kind.value,
        amount_cents=one.event.amount_cents or 0,
        occurred_at=one.event.occurred_at.astimezone(UTC).isoformat(),
    )


def _to_reconcile(provider: str, now: datetime, *, after: str = "") -> dict[str, str]:
    cause = derived_id(TO_RECONCILE, provider, now.isoformat(), after)
    return announcement(TO_RECONCILE, now, id=cause, provider=provider)


def _to_check(residence_id: str, now: datetime, **where: str) -> dict[str, str]:
    """`where` a page starts (`after`), and what was `owed` on those before it."""
    cause = derived_id(TO_CHECK, residence_id, now.isoformat(), where.get("after", ""))
    return announcement(TO_CHECK, now, id=cause, residence_id=residence_id, **where)
