"""What a document states, gathered from the stores as things stand: for a tenant's wish, a run, or a desk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from sesame.domain.caf import caf_facts
from sesame.domain.calendar import Period, first_day, last_day, local_date
from sesame.domain.certificates import Facts, Kind, Reason, Refused, Tenancy, entry_facts, residence_facts
from sesame.domain.journal import Outstanding, fold, notice_entry_id
from sesame.domain.notices import Notice
from sesame.domain.receipts import (
    Billed,
    PeriodStanding,
    part_payment_facts,
    period_standing,
    receipt_facts,
    rent_notice_facts,
)
from sesame.domain.standings import end_of_stay_facts, overdue_cents, statement_facts, up_to_date_facts
from sesame.domain.terms import as_of
from sesame.store.accounts import Account, Accounts, Journal
from sesame.store.aid import LeaseAids

BY_PERIOD = frozenset({Kind.RECEIPT, Kind.PART_PAYMENT_RECEIPT, Kind.RENT_NOTICE})
"""About one month, which must be said."""
MAY_HAVE_PERIOD = frozenset({Kind.STATEMENT_OF_ACCOUNT})
"""From a month on, if one is said; else from the first day of the stay."""


@dataclass(slots=True)
class Gathering:
    """The facts of one tenancy; reads the account once, and only for what needs it."""

    accounts: Accounts
    tenancy: Tenancy
    now: datetime
    period: Period | None = None
    _read: Journal | None = None

    def __post_init__(self) -> None:
        """The room and the rent are those of the month that a paper is about; else of today."""
        day = last_day(self.period) if self.period else self.today
        self.tenancy = replace(self.tenancy, lease=as_of(self.tenancy.lease, day))

    def facts(self, kind: Kind) -> Facts:
        """What a document of that kind states. Raises Refused, for a kind that nobody can wish for too."""
        if kind not in _BUILDERS:
            raise Refused(Reason.MADE_BY_THE_RESIDENCE, kind=kind)
        return _BUILDERS[kind](self)

    @property
    def today(self) -> date:
        """By the residence's clock."""
        return local_date(self.now, self.tenancy.residence.time_zone)

    @property
    def wall(self) -> tzinfo:
        """That clock."""
        return ZoneInfo(self.tenancy.residence.time_zone)

    @property
    def journal(self) -> Journal:
        """The whole account."""
        if self._read is None:
            self._read = self.accounts.journal(self.tenancy.lease.lease_id)
        return self._read

    @property
    def account(self) -> Account | None:
        """The account as the facts rest on it; None where they do not, or nothing was ever posted."""
        return self._read.account if self._read else None

    @property
    def outstanding(self) -> tuple[Outstanding, ...]:
        """What is not paid in full, oldest due first."""
        return fold(self.journal.entries).checkpoint.outstanding

    @property
    def notice(self) -> Notice | None:
        """The rent notice of the period."""
        return next((one.notice for one in self.journal.notices if one.notice.period == self.period), None)

    def standing(self) -> PeriodStanding | None:
        """What was asked and received for the period; None where nothing was asked."""
        notice = self.notice
        if notice is None:
            return None
        entry_id = notice_entry_id(notice.period, notice.number)
        standings = fold(self.journal.entries).standings
        return period_standing(notice, next(one for one in standings if one.entry_id == entry_id), self.wall)

    def brought_forward_cents(self) -> int:
        """The balance just before the period's notice was issued."""
        notice = self.notice
        entry_id = notice_entry_id(notice.period, notice.number) if notice else ""
        entries = self.journal.entries
        own = next((entry.position for entry in entries if entry.entry_id == entry_id), None)
        return sum(entry.amount_cents for entry in entries if own is not None and entry.position < own)

    def expected_aid_cents(self) -> int:
        """What the CAF should pay for the period, as far as anybody knows. One read."""
        aid = LeaseAids(self.accounts.table).of(self.tenancy.lease.lease_id)
        return aid.expected_for(str(self.period)) or 0


def _statement(of: Gathering) -> Facts:
    starts_on = first_day(of.period) if of.period else of.tenancy.lease.starts_on
    ends_on = min(last_day(of.period), of.today) if of.period else of.today
    return statement_facts(
        of.tenancy, of.journal.entries, starts_on=min(starts_on, ends_on), ends_on=ends_on, wall=of.wall
    )


def _rent_notice(of: Gathering) -> Facts:
    notice = of.notice
    notes = [one for one in of.journal.entries if one.credits and one.period == of.period]
    billed = Billed(
        due_on=notice.due_on if notice else of.today,
        brought_forward_cents=of.brought_forward_cents(),
        expected_aid_cents=of.expected_aid_cents(),
        notice=notice,
        credit_notes=sorted(notes, key=lambda one: one.position),
    )
    return rent_notice_facts(of.tenancy, of.standing(), billed, of.wall)


_BUILDERS: Mapping[Kind, Callable[[Gathering], Facts]] = {
    Kind.RESIDENCE_CERTIFICATE: lambda of: residence_facts(of.tenancy, as_of=of.today),
    Kind.CAF_RENT_CERTIFICATE: lambda of: caf_facts(
        of.tenancy, as_of=of.today, overdue_cents=overdue_cents(of.outstanding, of.today)
    ),
    Kind.RENT_NOTICE: _rent_notice,
    Kind.RECEIPT: lambda of: receipt_facts(of.tenancy, of.standing()),
    Kind.PART_PAYMENT_RECEIPT: lambda of: part_payment_facts(of.tenancy, of.standing()),
    Kind.STATEMENT_OF_ACCOUNT: _statement,
    Kind.UP_TO_DATE_CERTIFICATE: lambda of: up_to_date_facts(of.tenancy, of.outstanding, as_of=of.today),
    Kind.END_OF_STAY_CERTIFICATE: lambda of: end_of_stay_facts(
        of.tenancy, of.journal.entries, as_of=of.today, wall=of.wall
    ),
    Kind.ENTRY_DOCUMENT: lambda of: entry_facts(of.tenancy),
}
WISHED_FOR = frozenset(_BUILDERS)
"""The kinds that may be wished for. Others state what a desk decides, not the stores alone."""
