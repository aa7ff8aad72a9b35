"""What is said of a lease's account: its statement, that it is up to date, how it stood at the end."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from sesame.domain.certificates import (
    Facts,
    Kind,
    Reason,
    Refused,
    Stay,
    Tenancy,
    common_facts,
    current_lease,
    standing_lease,
    stay_facts,
    stay_on,
)
from sesame.domain.journal import MONEY, Entry, EntryKind, Outstanding, fold


def overdue(outstanding: Iterable[Outstanding], as_of: date) -> list[Outstanding]:
    """The debits whose last day to pay is over, oldest due first as given."""
    return [one for one in outstanding if one.due_on < as_of and one.unpaid_cents > 0]


def overdue_cents(outstanding: Iterable[Outstanding], as_of: date) -> int:
    """What is owed of them."""
    return sum(one.unpaid_cents for one in overdue(outstanding, as_of))


def statement_facts(
    tenancy: Tenancy, entries: Iterable[Entry], *, starts_on: date, ends_on: date, wall: tzinfo
) -> Facts:
    """A statement of account from a day to another, both included, by the residence's clock.

    Debits and credits apart, each line with the balance after it (above zero: owed). Raises Refused for a
    cancelled lease, and where the account has no movement until then.
    """
    standing_lease(tenancy)
    dated = sorted(
        ((entry.effective_at.astimezone(wall).date(), entry) for entry in entries),
        key=lambda one: one[1].position,
    )
    until = [(day, entry) for day, entry in dated if day <= ends_on]
    if not until:
        raise Refused(Reason.NOTHING_BILLED)
    opening = sum(entry.amount_cents for day, entry in until if day < starts_on)
    lines = list(_lines((one for one in until if one[0] >= starts_on), opening))
    return common_facts(Kind.STATEMENT_OF_ACCOUNT, tenancy) | {
        "statement": {
            "starts_on": starts_on.isoformat(),
            "ends_on": ends_on.isoformat(),
            "opening_cents": opening,
            "lines": lines,
            "debit_cents": sum(line["amount_cents"] for line in lines if line["amount_cents"] > 0),
            "credit_cents": -sum(line["amount_cents"] for line in lines if line["amount_cents"] < 0),
            "closing_cents": lines[-1]["balance_cents"] if lines else opening,
        }
    }


def _lines(dated: Iterable[tuple[date, Entry]], balance: int) -> Iterator[dict[str, Any]]:
    for day, entry in dated:
        balance += entry.amount_cents
        yield {
            "on": day.isoformat(),
            "kind": "correction" if entry.corrects else entry.kind.value,
            "period": entry.period,
            "amount_cents": entry.amount_cents,
            "balance_cents": balance,
        }


def up_to_date_facts(tenancy: Tenancy, outstanding: Iterable[Outstanding], *, as_of: date) -> Facts:
    """A certificate that rent is up to date. What is not due yet is no debt.

    Raises Refused unless the stay goes on; with what is overdue, beyond the residence's tolerance.
    """
    current_lease(tenancy, as_of)
    owed = overdue_cents(outstanding, as_of)
    if owed > tenancy.residence.documents.debt_tolerance_cents:
        raise Refused(Reason.NOT_UP_TO_DATE, outstanding_cents=owed)
    return stay_facts(Kind.UP_TO_DATE_CERTIFICATE, tenancy, as_of) | {"as_of": as_of.isoformat()}


def account_still_holds(
    facts: Facts, entries: Iterable[Entry], *, issued_at: datetime, tolerance_cents: int, wall: tzinfo
) -> bool:
    """Whether what a paper says of the account still holds as of its own day, once money was given back.

    Only that can undo it: not what was charged since, nor a tolerance that has become less.
    """
    as_of = date.fromisoformat(facts["as_of"])
    if facts["kind"] == Kind.END_OF_STAY_CERTIFICATE:
        ends = datetime.combine(as_of + timedelta(days=1), time(), wall)
        return _still_received(facts, _as_they_stand(entries, lambda at: at < ends), since=ends)
    if facts["kind"] == Kind.CAF_RENT_CERTIFICATE and not facts["caf"]["up_to_date"]:
        return True
    now = _as_they_stand(entries, lambda at: at <= issued_at)
    before = [entry for entry in now if not entry.takes_back]
    owed, owed_before = (overdue_cents(fold(some).checkpoint.outstanding, as_of) for some in (now, before))
    return owed <= max(tolerance_cents, owed_before)


def _as_they_stand(entries: Iterable[Entry], known: Callable[[datetime], bool]) -> list[Entry]:
    """The entries until a moment, with all that became of their payments since."""
    listed = list(entries)
    sources = {entry.source for entry in listed if entry.source and known(entry.effective_at)}
    return [entry for entry in listed if known(entry.effective_at) or entry.reverses in sources]


def _still_received(facts: Facts, entries: list[Entry], since: datetime) -> bool:
    """A refund of the credit that a paper states leaves it true: that was there to be given back."""
    account = facts["account"]
    lost = account["received_cents"] + sum(entry.amount_cents for entry in entries if _is_money(entry))
    refunds = [one for one in entries if one.kind is EntryKind.REFUND and one.effective_at >= since]
    refunded = sum(one.amount_cents for one in refunds)
    return bool(lost <= min(refunded, max(0, -account["balance_cents"])))


def end_of_stay_facts(tenancy: Tenancy, entries: Iterable[Entry], *, as_of: date, wall: tzinfo) -> Facts:
    """A certificate of a stay that is over, with the balance of its account (above zero: owed).

    The deposit is an account of its own, settled apart. Raises Refused while the stay goes on.
    """
    lease = standing_lease(tenancy)
    if stay_on(lease, as_of) is not Stay.PAST:
        raise Refused(Reason.STAY_NOT_OVER)
    known = [entry for entry in entries if entry.effective_at.astimezone(wall).date() <= as_of]
    return stay_facts(Kind.END_OF_STAY_CERTIFICATE, tenancy, as_of) | {
        "birth_date": tenancy.person.birth_date.isoformat(),
        "as_of": as_of.isoformat(),
        "account": {
            "charged_cents": sum(entry.amount_cents for entry in known if not _is_money(entry)),
            "received_cents": -sum(entry.amount_cents for entry in known if _is_money(entry)),
            "balance_cents": sum(entry.amount_cents for entry in known),
        },
    }


def _is_money(entry: Entry) -> bool:
    """Whether it moved money, in or back out, rather than charged something."""
    return entry.kind in MONEY
