"""Receipts: what was received for a period; paid in full, a *quittance*, in part, a *reçu*."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from typing import Any

from sesame.domain.calendar import days_in
from sesame.domain.certificates import (
    Facts,
    Kind,
    Reason,
    Refused,
    Tenancy,
    common_facts,
    room_facts,
    standing_lease,
)
from sesame.domain.journal import Entry, Standing
from sesame.domain.notices import LineKind, Notice
from sesame.domain.takings import Taking
from sesame.domain.terms import RoomStay

ONLINE = "online"
"""How a payment came that its entry says nothing of: through a provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A line of a notice besides rent and charges. Negative cents are a reduction."""

    amount_cents: int
    label: str = ""
    """As printed; empty for a plain correction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A part of a payment that went to the period. `received_on` is the day by the residence's clock."""

    received_on: date
    amount_cents: int
    method: str = ""
    """A provider's or desk's word for how it was paid (`card`, `transfer`, ...); empty if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodStanding:
    """A rent notice and what was received for it. `starts_on` to `ends_on` inclusive; amounts in cents."""

    period: str
    """YYYY-MM."""
    starts_on: date
    ends_on: date
    rent_cents: int
    charges_cents: int
    adjustments: Sequence[Adjustment] = ()
    settlements: Sequence[Settlement] = ()
    rooms: Sequence[RoomStay] = ()
    """Of a month in more than one: each with its days."""

    @property
    def total_cents(self) -> int:
        """What the notice asked for."""
        return self.rent_cents + self.charges_cents + sum(line.amount_cents for line in self.adjustments)

    @property
    def received_cents(self) -> int:
        """What came in for it."""
        return sum(settlement.amount_cents for settlement in self.settlements)

    @property
    def outstanding_cents(self) -> int:
        """What is still owed for it, never negative."""
        return max(0, self.total_cents - self.received_cents)


def period_standing(notice: Notice, standing: Standing, clock_on_the_wall: tzinfo) -> PeriodStanding:
    """A notice as its journal stands, with what staff added to it and what a credit note took off it."""
    added = tuple(Adjustment(amount_cents=line.amount_cents, label=line.label) for line in notice.adjustments)
    credited = standing.amount_cents - notice.amount_cents
    return PeriodStanding(
        period=str(notice.period),
        starts_on=notice.starts_on,
        ends_on=notice.ends_on,
        rent_cents=notice.sum_of(LineKind.RENT),
        charges_cents=notice.sum_of(LineKind.CHARGES),
        adjustments=added + ((Adjustment(amount_cents=credited),) if credited else ()),
        settlements=tuple(
            Settlement(
                received_on=allocation.received_at.astimezone(clock_on_the_wall).date(),
                amount_cents=allocation.amount_cents,
                method=allocation.method or ONLINE,
            )
            for allocation in sorted(standing.allocations, key=lambda one: (one.received_at, one.credit_id))
        ),
        rooms=_rooms(notice),
    )


def _rooms(notice: Notice) -> tuple[RoomStay, ...]:
    """Which room was billed for which days, where there was more than one."""
    days: dict[str, list[date]] = {}
    for line in notice.lines:
        if line.room:
            days.setdefault(line.room, []).extend((line.starts_on, line.ends_on))
    held = (RoomStay(room=room, starts_on=min(of), ends_on=max(of)) for room, of in days.items())
    return tuple(sorted(held, key=lambda one: one.starts_on))


def receipt_facts(tenancy: Tenancy, standing: PeriodStanding | None) -> Facts:
    """A receipt (*quittance*). Raises Refused unless the whole of the period's notice has been received.

    What a credit note took away whole was not paid: nobody gives a receipt for nothing.
    """
    standing = _billed(tenancy, standing)
    if standing.outstanding_cents:
        raise Refused(Reason.NOT_PAID_IN_FULL, outstanding_cents=standing.outstanding_cents)
    if standing.received_cents <= 0:
        raise Refused(Reason.CREDITED_IN_FULL)
    return common_facts(Kind.RECEIPT, tenancy) | {
        "code_tail": tenancy.lease.code_tail,
        "period": _period(standing),
    }


def part_payment_facts(tenancy: Tenancy, standing: PeriodStanding | None) -> Facts:
    """A part-payment receipt (*reçu*). Raises Refused if nothing was received, or if a receipt is due."""
    standing = _billed(tenancy, standing)
    if not standing.outstanding_cents:
        raise Refused(Reason.PAID_IN_FULL if standing.received_cents > 0 else Reason.CREDITED_IN_FULL)
    if standing.received_cents <= 0:
        raise Refused(Reason.NOTHING_RECEIVED, outstanding_cents=standing.outstanding_cents)
    period = _period(standing)
    return common_facts(Kind.PART_PAYMENT_RECEIPT, tenancy) | {
        "code_tail": tenancy.lease.code_tail,
        "period": period,
    }


def _billed(tenancy: Tenancy, standing: PeriodStanding | None) -> PeriodStanding:
    standing_lease(tenancy)
    if standing is None:
        raise Refused(Reason.NO_NOTICE)
    return standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What a rent notice prints besides the period's amounts."""

    due_on: date
    brought_forward_cents: int
    """The balance before it, printed and never added (above zero: owed)."""
    expected_aid_cents: int = 0
    """What the CAF should pay for the month, printed and never posted; zero where nobody knows."""
    notice: Notice | None = None
    """As issued: its number, and its lines where there are more than one of a kind."""
    credit_notes: Sequence[Entry] = ()
    """Of the period, in the order in which they were issued."""


def notice_number(period: str, number: int) -> str:
    """What names a notice on paper and on the telephone: `2026-10/2`."""
    return f"{period}/{number}"


def rent_notice_facts(
    tenancy: Tenancy, standing: PeriodStanding | None, billed: Billed, wall: tzinfo = UTC
) -> Facts:
    """A rent notice (*avis d'échéance*) as it was billed; what came in since is no part of it.

    A notice that takes another's place says so, and which credit note withdrew that; a credit note for a part
    is shown too. Raises Refused where nothing was billed.
    """
    standing = _billed(tenancy, standing)
    period = _period(standing)
    for received in ("received_cents", "outstanding_cents", "settlements"):
        del period[received]
    return common_facts(Kind.RENT_NOTICE, tenancy) | {
        "period": period,
        "due_on": billed.due_on.isoformat(),
        "brought_forward_cents": billed.brought_forward_cents,
        "expected_aid_cents": billed.expected_aid_cents,
        "days": _days(standing),
        **_as_issued(billed, wall),
    }


def _days(standing: PeriodStanding) -> dict[str, int] | None:
    """Of a month that is charged in part: how many days of how many."""
    charged, whole = (standing.ends_on - standing.starts_on).days + 1, days_in(standing.period)
    return {"charged": charged, "of": whole} if charged < whole else None


def _as_issued(billed: Billed, wall: tzinfo) -> dict[str, Any]:
    notice = billed.notice
    if notice is None:
        return {}
    of_rent = [line for line in notice.lines if line.kind is not LineKind.ADJUSTMENT]
    several = len({line.kind for line in of_rent}) < len(of_rent)
    return {
        "number": notice_number(notice.period, notice.number),
        "replaces": notice_number(notice.period, notice.number - 1) if notice.number > 1 else None,
        "lines": [
            {
                "kind": line.kind.value,
                "room": line.room,
                "starts_on": line.starts_on.isoformat(),
                "ends_on": line.ends_on.isoformat(),
                "amount_cents": line.amount_cents,
            }
            for line in (of_rent if several else ())
        ],
        "credit_notes": [
            {
                "number": note.entry_id.removeprefix("credit-note:").split(":")[0].replace("#", "/"),
                "on": note.effective_at.astimezone(wall).date().isoformat(),
                "amount_cents": -note.amount_cents,
                "label": note.label or "",
                "withdraws": note.withdraws,
            }
            for note in billed.credit_notes
        ],
    }


def still_holds(facts: Facts, standing: PeriodStanding, entries: Iterable[Entry], wall: tzinfo) -> bool:
    """Whether what a receipt states is so now: its period still paid, for a whole one, and its money there.

    What it says was asked must be so too: a credit note changes that, or another notice in the place of the
    first. Money that a backdated credit has moved to another period was received all the same. Once some that
    came that day, that way, was given back, the lines that still pay the period decide.
    """
    if facts["kind"] == Kind.RECEIPT and standing.outstanding_cents:
        return False
    if asked_otherwise(facts, standing):
        return False
    left = list(_period(standing)["settlements"])
    given_back = _given_back(entries, wall)
    for settlement in facts["period"]["settlements"]:
        if settlement in left:
            left.remove(settlement)
        elif (settlement["received_on"], settlement["method"]) in given_back:
            return False
    return True


def asked_otherwise(facts: Facts, standing: PeriodStanding) -> bool:
    """Whether what a receipt says was asked for its period is no longer so."""
    stated, now = facts["period"], _asked(standing)
    return any(stated.get(name) != now.get(name) for name in {"rooms", *now})


def _given_back(entries: Iterable[Entry], wall: tzinfo) -> set[tuple[str, str]]:
    """The days (ISO 8601) and ways of what came in and was given back, were it in part."""
    known = list(entries)
    sources = {entry.reverses for entry in known if entry.takes_back}
    return {
        (entry.effective_at.astimezone(wall).date().isoformat(), entry.method or ONLINE)
        for entry in known
        if entry.amount_cents < 0 and entry.source in sources
    }


AID, DEPOSIT = "aid", "deposit"
"""How what the CAF pays comes, and what is kept of the deposit."""


def not_by_tenant(period: Mapping[str, Any]) -> tuple[int, int]:
    """Of what a period's facts say was received, in cents: what the CAF paid, and what the deposit did."""
    aid, deposit = (
        sum(one["amount_cents"] for one in period["settlements"] if one["method"] == method)
        for method in (AID, DEPOSIT)
    )
    return aid, deposit


def _asked(standing: PeriodStanding) -> dict[str, Any]:
    rooms = {"rooms": room_facts(standing.rooms)} if standing.rooms else {}
    return rooms | {
        "starts_on": standing.starts_on.isoformat(),
        "ends_on": standing.ends_on.isoformat(),
        "rent_cents": standing.rent_cents,
        "charges_cents": standing.charges_cents,
        "total_cents": standing.total_cents,
    }


def _period(standing: PeriodStanding) -> dict[str, Any]:
    return _asked(standing) | {
        "period": standing.period,
        "adjustments": [
            {"label": line.label, "amount_cents": line.amount_cents} for line in standing.adjustments
        ],
        "received_cents": standing.received_cents,
        "outstanding_cents": standing.outstanding_cents,
        "settlements": [
            {
                "received_on": settlement.received_on.isoformat(),
                "amount_cents": settlement.amount_cents,
                "method": settlement.method,
            }
            for settlement in standing.settlements
        ],
    }


def payment_receipt_facts(tenancy: Tenancy, taking: Taking) -> Facts:
    """A payment receipt, for money that a desk received."""
    return common_facts(Kind.PAYMENT_RECEIPT, tenancy) | {
        "payment": {
            "payment_id": taking.taking_id,
            "purpose": taking.purpose.value,
            "method": taking.method.value,
            "amount_cents": taking.amount_cents,
            "received_on": taking.received_on.isoformat(),
            "reference": taking.reference,
        },
    }
