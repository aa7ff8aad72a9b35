"""Receipts: what was received for a period; paid in full, a *quittance*, in part, a *reçu*."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any

from sesame.domain.certificates import Facts, Kind, Reason, Refused, Tenancy, common_facts, standing_lease
from sesame.domain.journal import Entry, Standing
from sesame.domain.notices import LineKind, Notice
from sesame.domain.takings import Taking

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
    )


def receipt_facts(tenancy: Tenancy, standing: PeriodStanding | None) -> Facts:
    """A receipt (*quittance*). Raises Refused unless the whole of the period's notice has been received."""
    standing = _billed(tenancy, standing)
    if standing.outstanding_cents:
        raise Refused(Reason.NOT_PAID_IN_FULL, outstanding_cents=standing.outstanding_cents)
    return common_facts(Kind.RECEIPT, tenancy) | {
        "code_tail": tenancy.lease.code_tail,
        "period": _period(standing),
    }


def part_payment_facts(tenancy: Tenancy, standing: PeriodStanding | None) -> Facts:
    """A part-payment receipt (*reçu*). Raises Refused if nothing was received, or if a receipt is due."""
    standing = _billed(tenancy, standing)
    if not standing.outstanding_cents:
        raise Refused(Reason.PAID_IN_FULL)
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


def rent_notice_facts(
    tenancy: Tenancy, standing: PeriodStanding | None, *, due_on: date, brought_forward_cents: int
) -> Facts:
    """A rent notice (*avis d'échéance*) as it was billed; what came in since is no part of it.

    `brought_forward_cents` is the balance before it, printed and never added (above zero: owed). Raises
    Refused where nothing was billed.
    """
    standing = _billed(tenancy, standing)
    period = _period(standing)
    for received in ("received_cents", "outstanding_cents", "settlements"):
        del period[received]
    return common_facts(Kind.RENT_NOTICE, tenancy) | {
        "period": period,
        "due_on": due_on.isoformat(),
        "brought_forward_cents": brought_forward_cents,
    }


def still_holds(facts: Facts, standing: PeriodStanding, entries: Iterable[Entry], wall: tzinfo) -> bool:
    """Whether what a receipt states is so now: its period still paid, for a whole one, and its money there.

    What it says was asked must be so too: a credit note changes that, or another notice in the place of the
    first. Money that a backdated credit has moved to another period was received all the same. Once some that
    came that day, that way, was given back, the lines that still pay the period decide.
    """
    if facts["kind"] == Kind.RECEIPT and standing.outstanding_cents:
        return False
    stated = facts["period"]
    if any(stated[name] != one for name, one in _asked(standing).items()):
        return False
    left = list(_period(standing)["settlements"])
    given_back = _given_back(entries, wall)
    for settlement in facts["period"]["settlements"]:
        if settlement in left:
            left.remove(settlement)
        elif (settlement["received_on"], settlement["method"]) in given_back:
            return False
    return True


def _given_back(entries: Iterable[Entry], wall: tzinfo) -> set[tuple[str, str]]:
    """The days (ISO 8601) and ways of what came in and was given back, were it in part."""
    known = list(entries)
    sources = {entry.reverses for entry in known if entry.takes_back}
    return {
        (entry.effective_at.astimezone(wall).date().isoformat(), entry.method or ONLINE)
        for entry in known
        if entry.amount_cents < 0 and entry.source in sources
    }


def _asked(standing: PeriodStanding) -> dict[str, Any]:
    return {
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
