"""Late surcharges: posted once a notice, by the residence's rule, as the planner finds that they apply."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sesame.domain.calendar import local_date
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.reminders import TIME_TO_PAY, Late, surcharge_cents, surcharge_entry_id, surcharge_on
from sesame.domain.tenancy import Residence
from sesame.platform.ids import derived_id
from sesame.services.accounts import Bookkeeping
from sesame.store.accounts import Account, Accounts
from sesame.store.audit import Action, Actor, ActorKind, Audit, AuditEntry
from sesame.store.table import ConditionFailed, Contention, transact

JOB = "reminders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surcharges:
    """Posts what the planner found to apply."""

    accounts: Accounts
    audit: Audit

    def post(
        self, account: Account, residence: Residence, lates: Sequence[Late], now: datetime
    ) -> Account | None:
        """The account once each is in the journal, whoever put it there; None where it changed meanwhile.

        A transaction for each, then a read.
        """
        books = Bookkeeping(self.accounts, lambda: now)
        known: Account | None = account
        for late in lates:
            if known is None:
                return None
            entry = Entry(
                entry_id=surcharge_entry_id(late.debit.entry_id),
                kind=EntryKind.SURCHARGE,
                amount_cents=late.amount_cents,
                effective_at=books.never_backdated(known),
                due_on=local_date(now, residence.time_zone) + TIME_TO_PAY,
            )
            try:
                transact(
                    self.accounts.table.client,
                    [
                        self.accounts.entering(account.lease_id, entry, now),
                        books.change(known, [entry]),
                        self.audit.recording(_posted(known, late, entry, now)),
                    ],
                )
            except ConditionFailed as failure:
                if not failure.failed(0):  # the entry is not there: the account is not what it was
                    return None
            except Contention:
                return None
            known = self.accounts.get(account.lease_id)
        return known if known is not None and known.next_step_at is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpcomingSurcharge:
    """A surcharge that will apply unless the debt is paid before that day. Cents."""

    entry_id: str
    period: str
    on: date
    amount_cents: int
    source: str


def announced(account: Account, residence: Residence, now: datetime) -> list[UpcomingSurcharge]:
    """Those that are announced: the rule applies to them, their day has not come, no plan covers the debt."""
    rule, zone = residence.reminders.surcharge, residence.time_zone
    found = []
    for debit in account.checkpoint.outstanding:
        on = surcharge_on(debit, rule, zone)
        if rule is None or on is None or on <= local_date(now, zone) or debit.period is None:
            continue
        if account.plan is None or not account.plan.covers(debit):
            found.append(
                UpcomingSurcharge(
                    entry_id=surcharge_entry_id(debit.entry_id),
                    period=debit.period,
                    on=on,
                    amount_cents=surcharge_cents(debit, rule),
                    source=rule.source,
                )
            )
    return [one for one in found if one.amount_cents > 0]


def _posted(account: Account, late: Late, entry: Entry, now: datetime) -> AuditEntry:
    return AuditEntry(
        entry_id=derived_id("surcharge-posted", account.lease_id, entry.entry_id),
        at=now,
        action=Action.SURCHARGE_POSTED,
        actor=Actor(kind=ActorKind.SYSTEM, id=JOB),
        subject=account.lease_id,
        residence_id=account.residence_id,
        details={"period": late.debit.period or "", "amount_cents": entry.amount_cents},
    )
