"""Issues rent notices: who should have one and has not? So it may run late, twice, or after an outage."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from sesame.domain.calendar import Period, local_date
from sesame.domain.journal import Outstanding
from sesame.domain.notices import notice_for, periods_to_bill
from sesame.domain.reminders import next_step_at
from sesame.domain.tenancy import Lease, Residence
from sesame.platform.events import Event, announcement
from sesame.platform.ids import derived_id
from sesame.platform.logs import count, describe, logger
from sesame.services.accounts import Bookkeeping, NextStep, StaleTerms
from sesame.services.queues import Queue
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.people import lease_of, residence_of
from sesame.store.table import Key, Table, batch_get

JOB = "billing"
LEASES_A_PAGE = 100


class NotAllIssued(Exception):
    """Some leases of a residence could not be billed; the others were. The queue brings it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingRun:
    """The daily run: it only says which residences to look at, so that it never outlasts its function."""

    identity: Table
    operations: Table
    queue: Queue

    def plan(self, now: datetime) -> int:
        """Queues every residence for the day `now` (UTC) and records the run; returns how many."""
        residence_ids = [item["sk"] for item in self.identity.query_all(keys.residences())]
        self.queue.send([_to_bill(residence_id, now) for residence_id in residence_ids])
        self.operations.put(
            {
                **keys.run(JOB, now.date().isoformat()),
                "for": now.isoformat(),
                "residences": len(residence_ids),
                "version": 1,
            }
        )
        count("BillingRun")
        return len(residence_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseBilling:
    """Who should have a notice and has not, and the notice: the same whoever asks, however late."""

    identity: Table
    accounts: Accounts

    def bill(self, lease_id: str, now: datetime) -> int:
        """Issues what one lease lacks at `now` (UTC); returns how many notices. Safe to repeat."""
        item = self.identity.get(keys.lease(lease_id))
        lease = lease_of(item) if item else None
        of_residence = self.identity.get(keys.residence(lease.residence_id)) if lease else None
        if lease is None or of_residence is None:
            return 0
        residence = residence_of(of_residence)
        return sum(
            self.issue(lease, residence, periods, now)
            for lease, periods in self.missing([lease], residence, now)
        )

    def missing(
        self, leases: Sequence[Lease], residence: Residence, now: datetime
    ) -> list[tuple[Lease, list[Period]]]:
        """Which periods each lease lacks, looking back from the latest one until one is there."""
        today = local_date(now, residence.time_zone)
        to_look_at = {
            lease.lease_id: periods
            for lease in leases
            if (periods := periods_to_bill(lease, residence, today))
        }
        missing: dict[str, list[Period]] = {}
        while to_look_at:
            lacking = self._without_notice({lease: periods[-1] for lease, periods in to_look_at.items()})
            for lease_id in lacking:
                missing.setdefault(lease_id, []).insert(0, to_look_at[lease_id][-1])
            to_look_at = {
                lease_id: periods[:-1]
                for lease_id, periods in to_look_at.items()
                if lease_id in lacking and periods[:-1]
            }
        return [(lease, missing[lease.lease_id]) for lease in leases if lease.lease_id in missing]

    def _without_notice(self, periods: dict[str, Period]) -> set[str]:
        # an eventually consistent read is enough, at half the price: the write itself is conditional
        money = self.accounts.table
        wanted = [(money.name, keys.notice(lease_id, period)) for lease_id, period in periods.items()]
        found = batch_get(money.client, wanted, consistent=False)
        return {lease_id for lease_id, item in zip(periods, found, strict=True) if item is None}

    def issue(self, lease: Lease, residence: Residence, periods: Sequence[Period], now: datetime) -> int:
        """Issues a lease's notices of these periods, oldest first; returns how many were new."""
        try:
            return self._issue_on(lease, residence, periods, now)
        except StaleTerms:
            # the index, or a page read long ago, still showed the terms before a change
            item = self.identity.get(keys.lease(lease.lease_id))
            return self._issue_on(lease_of(item), residence, periods, now) if item else 0

    def _issue_on(self, lease: Lease, residence: Residence, periods: Sequence[Period], now: datetime) -> int:
        books = Bookkeeping(self.accounts, clock=lambda: now)
        first = first_step(residence, now)
        notices = [notice_for(lease, residence, period) for period in periods]
        return sum(
            books.issue_notice(notice, first, lease_version=lease.version) for notice in notices if notice
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidenceBilling:
    """The work on one residence: each of its leases gets the notices it lacks, oldest first.

    That order is what makes one look enough: while a lease's latest notice is there, so are all before it.
    """

    identity: Table
    accounts: Accounts
    queue: Queue
    budget: timedelta
    """How long one invocation may work before it leaves the rest to a message of its own."""
    seconds: Callable[[], float] = monotonic

    def bill(self, event: Event) -> None:
        """Issues what is missing on the residence's own calendar at `event.at`. Safe to repeat.

        Raises NotAllIssued after the rest was done.
        """
        item = self.identity.get(keys.residence(event["residence_id"]))
        if item is None:
            return
        residence = residence_of(item)
        ends_at = self.seconds() + self.budget.total_seconds()
        work = LeaseBilling(identity=self.identity, accounts=self.accounts)
        failed, issued = 0, 0
        for leases, next_page in self._pages(residence.residence_id, event.data.get("after")):
            for lease, missing in work.missing(leases, residence, event.at):
                try:
                    issued += work.issue(lease, residence, missing, event.at)
                except Exception as error:  # one account in trouble must not keep the others waiting
                    failed += 1
                    logger.warning("notice", extra={"lease": lease.lease_id, "failure": describe(error)})
            if next_page is not None and self.seconds() > ends_at:
                self.queue.send([_to_bill(residence.residence_id, event.at, after=next_page)])
                break
        if issued:
            count("NoticesIssued", issued)
        if failed:
            raise NotAllIssued

    def _pages(self, residence_id: str, after: str | None) -> Iterator[tuple[list[Lease], str | None]]:
        """Pages of leases, each with where the next one starts."""
        partition = keys.leases_of_residence(residence_id)
        start: Key | None = json.loads(after) if after else None
        while True:
            page = self.identity.query(partition, index=keys.GSI1, start=start, limit=LEASES_A_PAGE)
            leases = [lease_of(item) for item in page.items]
            yield leases, json.dumps(page.next) if page.next else None
            if page.next is None:
                return
            start = page.next


def first_step(residence: Residence, now: datetime) -> NextStep:
    """When reminders must look at an account whose notices changed at `now`."""

    def at(unpaid: Sequence[Outstanding], previous: datetime | None) -> datetime | None:
        return next_step_at(
            unpaid,
            time_zone=residence.time_zone,
            previous=previous,
            now=now,
            settings=residence.reminders,
        )

    return at


def _to_bill(residence_id: str, now: datetime, *, after: str | None = None) -> dict[str, str]:
    """The event that has a residence billed as of `now`, from a place in its list of leases on."""
    cause = derived_id(JOB, residence_id, now.isoformat(), after or "")
    where = {"after": after} if after else {}
    return announcement("residence.to-bill", now, id=cause, residence_id=residence_id, **where)
