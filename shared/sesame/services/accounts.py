"""Accounts: issue notices, post entries, say where a lease stands. The checkpoint moves with the entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sesame.domain.journal import (
    EMPTY,
    MONEY,
    Checkpoint,
    Entry,
    Outstanding,
    Standing,
    advance,
    fold,
)
from sesame.domain.notices import Adjustment, Notice, with_adjustments
from sesame.domain.plans import AgreedPlan, corrected, with_all_that_is_owed
from sesame.domain.reminders import owed_again
from sesame.platform.clock import Clock
from sesame.services.retries import USUAL, Retries
from sesame.store.accounts import Account, Accounts, IssuedNotice, notice_entry
from sesame.store.table import ConditionFailed, Update, Write, transact


class StaleTerms(Exception):
    """The lease was read before its terms changed: read it again."""


NextStep = Callable[[Sequence[Outstanding], datetime | None], datetime | None]
"""When to look at an account next, from what is unpaid (never empty) and the instant it carried before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeStanding:
    """A rent notice, and how much of it is paid by what."""

    notice: Notice
    issued_at: datetime
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A lease's whole account. Cents; balance above zero is owed, credit pays the next notice."""

    lease_id: str
    balance_cents: int
    credit_cents: int
    notices: tuple[NoticeStanding, ...]
    """Oldest due first."""
    entries: tuple[Entry, ...]
    """In the order of their effective time."""
    standings: tuple[Standing, ...] = ()
    """Every debit, notices among them, oldest due first."""
    withdrawn: tuple[IssuedNotice, ...] = ()
    """The notices that a credit note has taken away."""

    def of(self, period: str) -> NoticeStanding | None:
        """The notice of a period (`YYYY-MM`), or None when there is none."""
        return next((one for one in self.notices if one.notice.period == period), None)


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """The one way into and out of a lease's journal."""

    accounts: Accounts
    clock: Clock
    retries: Retries = USUAL

    def overview(self, lease_id: str) -> Account | None:
        """Balance, credit and what is outstanding, in one read; None for a lease that was never billed."""
        return self.accounts.get(lease_id)

    def statement(self, lease_id: str) -> Statement:
        """The whole account, folded afresh from one query: empty where nothing was ever posted."""
        journal = self.accounts.journal(lease_id)
        ledger = fold(journal.entries)
        return Statement(
            lease_id=lease_id,
            balance_cents=ledger.checkpoint.balance_cents,
            credit_cents=ledger.checkpoint.credit_cents,
            notices=_with_standings(journal.notices, ledger.standings),
            entries=tuple(sorted(journal.entries, key=lambda entry: entry.position)),
            standings=ledger.standings,
            withdrawn=journal.withdrawn,
        )

    def paid_by(self, lease_id: str, source: str) -> set[str]:
        """The periods that the money of one source went to."""
        return {
            standing.period
            for standing in fold(self.accounts.journal(lease_id).entries).standings
            if standing.period and any(one.credit_id == source for one in standing.allocations)
        }

    def issue_notice(
        self, notice: Notice, next_step: NextStep | None = None, *, lease_version: int | None = None
    ) -> bool:
        """Issue a notice once, with the adjustments that wait: False when the period has one already.

        Raises StaleTerms where the lease, read at `lease_version`, has had other terms since.

        A month after all that was billed takes two plain writes instead of a transaction, which would cost
        twice as much: first the account, with the notice on it, then the notice's own item. Whoever dies in
        between leaves a notice that every reader of the journal sees, and the next run writes.
        """

        def attempt() -> bool:
            account = self._account(notice.lease_id, notice.residence_id)
            if lease_version is not None and lease_version < account.lease_version:
                raise StaleTerms
            pending = account.issuing
            if pending is not None and pending.notice.period == notice.period:
                return self._written(pending)
            adjusted, waiting = with_adjustments(notice, account.adjustments)
            issued = IssuedNotice(
                notice=adjusted, issued_at=_never_backdated(self.clock(), account.checkpoint)
            )
            if not _follows(account, notice):
                return self._issued_at_once(account, issued, waiting, next_step)
            if pending is not None and not self.accounts.is_issued(pending.notice):
                self._written(pending)  # before another takes its place on the account
            change = self.change(
                account,
                [notice_entry(adjusted, issued.issued_at)],
                next_step,
                adjustments=waiting,
                issuing=issued,
                billed_to=notice.period,
            )
            self.accounts.table.write(change)
            return self._written(issued)

        return self.retries.run(attempt)

    def _written(self, issued: IssuedNotice) -> bool:
        """Writes a notice's own item; False where it was there already."""
        try:
            self.accounts.table.write(self.accounts.issuing(issued.notice, issued.issued_at))
        except ConditionFailed:
            return False
        return True

    def _billed_to(self, account: Account) -> str:
        """Of an account from before it was noted: one look at all of it, once."""
        journal = self.accounts.journal(account.lease_id)
        return max((one.notice.period for one in [*journal.notices, *journal.withdrawn]), default="")

    def _issued_at_once(
        self,
        account: Account,
        issued: IssuedNotice,
        waiting: Sequence[Adjustment],
        next_step: NextStep | None,
    ) -> bool:
        """A month that may have been billed before: account and notice together, or neither."""
        change = self.change(
            account,
            [notice_entry(issued.notice, issued.issued_at)],
            next_step,
            adjustments=waiting,
            billed_to=max(account.billed_to or self._billed_to(account), issued.notice.period),
        )
        try:
            self._transact([self.accounts.issuing(issued.notice, issued.issued_at), change])
        except ConditionFailed as failure:
            if failure.failed(0):
                return False
            raise
        return True

    def post(self, lease_id: str, residence_id: str, entry: Entry) -> bool:
        """Post an entry by itself, once: False when its id is in the journal already."""

        def attempt() -> bool:
            account = self._account(lease_id, residence_id)
            change = self.change(account, [entry])
            try:
                self._transact([self.accounts.entering(lease_id, entry, self.clock()), change])
            except ConditionFailed as failure:
                if failure.failed(0):
                    return False
                raise
            return True

        return self.retries.run(attempt)

    def change(
        self,
        account: Account,
        entries: Sequence[Entry],
        next_step: NextStep | None = None,
        *,
        adjustments: Sequence[Adjustment] | None = None,
        lease_version: int | None = None,
        issuing: IssuedNotice | None = None,
        billed_to: str | None = None,
    ) -> Update:
        """The write that brings an account to where these entries lead; it goes into their own transaction.

        Usually nothing more is read; an entry that comes late or takes money back needs the whole journal.
        Where given, `adjustments` then wait for the next notice, `lease_version` is the least to bill by,
        `issuing` is the notice that is written next, and `billed_to` the latest period billed.
        """
        checkpoint = self._after(account, entries)
        at, now = account.next_step_at, self.clock()
        charged = {entry.entry_id for entry in entries} | {one.corrects for one in entries if one.corrects}
        plan, takes_back = self._plan(account, entries), any(entry.takes_back for entry in entries)
        again = owed_again(
            account.checkpoint.outstanding,
            checkpoint.outstanding,
            charged=charged,
            plan=plan,
            taken_back_on=now.date() if takes_back else None,
            looks_ahead=at is not None,
        )
        unpaid = {one.entry_id for one in checkpoint.outstanding}
        if not unpaid:
            at = None
        elif next_step is not None:
            at = next_step(checkpoint.outstanding, at)
        elif at is None or unpaid & charged:
            at = min(at or now, now)  # the planner finds when the first step of what is charged now is
        if again:
            at = min(at or now, now)
        if plan is not None and takes_back:
            plan = with_all_that_is_owed(plan, checkpoint.outstanding, now)
        if plan is not None and plan.asks_desk:
            at = min(at or now, now)  # though nothing may be owed any more
        still = {entry_id: since for entry_id, since in account.reopened.items() if entry_id in unpaid}
        return self.accounts.saving(
            account,
            checkpoint,
            at,
            adjustments=adjustments,
            lease_version=lease_version,
            issuing=issuing,
            billed_to=billed_to,
            reopened=still | dict.fromkeys(again, now),
            plan=plan,
        )

    def _plan(self, account: Account, entries: Sequence[Entry]) -> AgreedPlan | None:
        """The account's plan; corrected with its debts where these entries correct any."""
        plan = account.plan
        debts = plan.debts if plan is not None else ()
        if plan is None or not any({entry.credits, entry.corrects} & {*debts} for entry in entries):
            return plan
        # money that comes along pays instalments, as ever
        charges = [entry for entry in entries if entry.kind not in MONEY or entry.corrects in debts]
        withdrawn = {
            entry.credits: entry.replaced_by for entry in charges if entry.withdraws and entry.credits
        }
        after = self._after(account, charges).outstanding
        return corrected(plan, account.checkpoint.outstanding, after, withdrawn, self.clock())

    def never_backdated(self, account: Account) -> datetime:
        """When a debit that is made now takes effect: after all that is folded."""
        return _never_backdated(self.clock(), account.checkpoint)

    def _after(self, account: Account, entries: Sequence[Entry]) -> Checkpoint:
        checkpoint: Checkpoint | None = account.checkpoint
        for entry in sorted(entries, key=lambda entry: entry.position):
            checkpoint = advance(checkpoint or EMPTY, entry)
            if checkpoint is None:
                return fold([*self.accounts.journal(account.lease_id).entries, *entries]).checkpoint
        return checkpoint or EMPTY

    def _account(self, lease_id: str, residence_id: str) -> Account:
        return self.accounts.get(lease_id) or Account(lease_id=lease_id, residence_id=residence_id)

    def _transact(self, writes: Sequence[Write]) -> None:
        transact(self.accounts.table.client, writes)


def _follows(account: Account, notice: Notice) -> bool:
    """Whether a notice is the first of a month after all that were billed, so that none of it can be there.

    Of an account from before that was noted, nobody knows.
    """
    known = bool(account.billed_to) or not account.version
    return known and notice.period > account.billed_to and notice.number == 1


def _never_backdated(now: datetime, checkpoint: Checkpoint) -> datetime:
    """A debit comes after all that is folded: put before a credit, it could unpay a newer notice."""
    if checkpoint.folded_to is None or checkpoint.folded_to.at < now:
        return now
    return checkpoint.folded_to.at + timedelta(microseconds=1)


def _with_standings(
    notices: Sequence[IssuedNotice], standings: Sequence[Standing]
) -> tuple[NoticeStanding, ...]:
    issued = {one.notice.period: one for one in notices}
    return tuple(
        NoticeStanding(
            notice=issued[standing.period].notice,
            issued_at=issued[standing.period].issued_at,
            standing=standing,
        )
        for standing in standings
        if standing.period is not None
    )
