"""What the verification page tells whoever holds a paper: what the paper says, line by line, and not more.

A line has what is printed of one thing: an amount, a day, a word. In the paper's order, so that who compares
the two goes down both at once. The birth date is left out of every kind: it is half of what a tenant code is
recovered with, and a code that was photographed with the paper folded must not give it away.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sesame.domain.certificates import SHOWS_THE_CODE, Facts, Issue, Kind
from sesame.domain.receipts import not_by_tenant
from sesame.domain.tenancy import RentWord


class Label(StrEnum):
    """What a line is about."""

    SPAN = "span"
    """From `on` to `until`, both included."""
    SIRET = "siret"
    LANDLORD_CODE = "landlord_code"
    AGENCY_CODE = "agency_code"
    THIRD_PARTY_PAYMENT = "third_party_payment"
    TENANT_REFERENCE = "tenant_reference"
    """Not secret: for the CAF and for transfers."""
    STAY = "stay"
    """`future`, `current` or `past`."""
    ENTERED_ON = "entered_on"
    ROOM_ENTERED_ON = "room_entered_on"
    """Into the room that is named, of whoever has several."""
    ROOM_HELD = "room_held"
    """One of several, from `on` to `until`, both included."""
    ENDS_ON = "ends_on"
    ADDRESS = "address"
    UP_TO_DATE = "up_to_date"
    """As of `on`."""
    SURFACE = "surface"
    FURNISHED = "furnished"
    STRUCTURE = "structure"
    AGREEMENT = "agreement"
    """Its number and day, or `none`."""
    MONTHLY_RENT = "monthly_rent"
    MONTHLY_CHARGES = "monthly_charges"
    ENTRY_RENT = "entry_rent"
    """Of the month of entry, from the day of entry on."""
    ENTRY_CHARGES = "entry_charges"
    DUE_ON = "due_on"
    RENT = "rent"
    CHARGES = "charges"
    ADJUSTMENT = "adjustment"
    """With the words printed for it, if any."""
    PERIOD_TOTAL = "period_total"
    BROUGHT_FORWARD = "brought_forward"
    """Above zero: owed."""
    TO_PAY = "to_pay"
    PURPOSE = "purpose"
    """`rent` or `deposit`."""
    PAYMENT = "payment"
    """A payment, or the part of one that counts here; with its way."""
    PAYMENT_REFERENCE = "payment_reference"
    RECEIVED = "received"
    RECEIVED_AS_AID = "received_as_aid"
    """What of it the CAF paid."""
    KEPT_OF_DEPOSIT = "kept_of_deposit"
    """What of it was kept of the deposit."""
    OUTSTANDING = "outstanding"
    OPENING = "opening"
    """A balance; above zero: owed."""
    ENTRY = "entry"
    """A movement: above zero a debit; with its kind and the balance after it."""
    DEBITS = "debits"
    CREDITS = "credits"
    CLOSING = "closing"
    """A balance as of `on`; above zero: owed."""
    CHARGED = "charged"
    DEBT = "debt"
    """As of `on`."""
    AGREED_ON = "agreed_on"
    INSTALMENT = "instalment"
    PAY_BY = "pay_by"
    OVERDUE = "overdue"
    """What is unpaid of a period, and the last day it could be paid."""


YES, NO, NONE = "yes", "no", "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that a paper states."""

    label: Label
    value: str | None = None
    """A word (`yes`, `current`, `card`), or what is printed as it is."""
    on: date | None = None
    until: date | None = None
    period: str | None = None
    """YYYY-MM."""
    amount_cents: int | None = None
    balance_cents: int | None = None
    square_decimetres: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicStatement:
    """What the public may see of a document."""

    kind: Kind
    issued_on: date
    number: str | None = None
    landlord: str | None = None
    holder: str | None = None
    residence: str | None = None
    room: str | None = None
    period: str | None = None
    amount_cents: int | None = None
    """What a receipt says was received."""
    rent_word: RentWord = RentWord.RENT
    """What the paper calls the rent."""
    lines: tuple[Line, ...] = ()


def public_statement(facts: Facts, issue: Issue) -> PublicStatement:
    """What the public may see of a document: of one that shows the tenant code, kind and day only."""
    kind = Kind(facts["kind"])
    if kind in SHOWS_THE_CODE:
        return PublicStatement(kind=kind, issued_on=issue.on)
    period: Mapping[str, Any] = facts.get("period", {})
    payment: Mapping[str, Any] = facts.get("payment", {})
    return PublicStatement(
        kind=kind,
        issued_on=issue.on,
        number=issue.number,
        landlord=facts["landlord"]["name"],
        holder=f"{facts['holder']['given_names']} {facts['holder']['family_name']}".strip(),
        residence=facts["residence"]["name"],
        room=facts["lease"]["room"],
        period=period.get("period"),
        amount_cents=payment.get("amount_cents", period.get("received_cents")),
        rent_word=RentWord(facts["style"]["rent_word"]),
        lines=tuple(_LINES[kind](facts)),
    )


def _residence(facts: Facts) -> Iterator[Line]:
    yield Line(label=Label.STAY, value=facts["stay"])
    yield from _stay(facts)


def _caf(facts: Facts) -> Iterator[Line]:
    caf, rent = facts["caf"], facts["rent"]
    yield Line(label=Label.SIRET, value=facts["landlord"]["siret"])
    yield Line(label=Label.LANDLORD_CODE, value=caf["landlord_code"])
    if caf["agency_code"]:
        yield Line(label=Label.AGENCY_CODE, value=caf["agency_code"])
    yield Line(label=Label.THIRD_PARTY_PAYMENT, value=_yes(caf["third_party_payment"]))
    yield _reference(facts)
    yield _entered(facts)
    yield from _rooms(facts)
    yield Line(label=Label.UP_TO_DATE, value=_yes(caf["up_to_date"]), on=_day(facts["as_of"]))
    yield _address(facts)
    yield Line(label=Label.SURFACE, square_decimetres=caf["surface_dm2"])
    yield Line(label=Label.FURNISHED, value=_yes(caf["furnished"]))
    yield Line(label=Label.STRUCTURE, value=caf["structure"])
    agreed = caf["agreement_on"] if caf["agreement_number"] else None
    yield Line(
        label=Label.AGREEMENT, value=caf["agreement_number"] or NONE, on=_day(agreed) if agreed else None
    )
    month = rent["entry_month"]
    for label, cents in (
        (Label.MONTHLY_RENT, rent["monthly_rent_cents"]),
        (Label.MONTHLY_CHARGES, rent["monthly_charges_cents"]),
        (Label.ENTRY_RENT, rent["entry_month_rent_cents"]),
        (Label.ENTRY_CHARGES, rent["entry_month_charges_cents"]),
    ):
        yield Line(label=label, period=month, amount_cents=cents)


def _rent_notice(facts: Facts) -> Iterator[Line]:
    before = facts["brought_forward_cents"]
    yield _span(facts["period"])
    yield from _rooms(facts["period"])
    yield Line(label=Label.DUE_ON, on=_day(facts["due_on"]))
    yield from _charged(facts["period"])
    yield Line(label=Label.BROUGHT_FORWARD, amount_cents=before)
    yield Line(label=Label.TO_PAY, amount_cents=facts["period"]["total_cents"] + before)
    yield _reference(facts)


def _receipt(facts: Facts) -> Iterator[Line]:
    period = facts["period"]
    yield _span(period)
    yield from _rooms(period)
    yield from (_address(facts), _reference(facts))
    yield from _charged(period)
    for paid in period["settlements"]:
        yield Line(
            label=Label.PAYMENT,
            on=_day(paid["received_on"]),
            value=paid["method"],
            amount_cents=paid["amount_cents"],
        )
    yield Line(label=Label.RECEIVED, amount_cents=period["received_cents"])
    aid, deposit = not_by_tenant(period)
    if aid:
        yield Line(label=Label.RECEIVED_AS_AID, amount_cents=aid)
    if deposit:
        yield Line(label=Label.KEPT_OF_DEPOSIT, amount_cents=deposit)
    if period["outstanding_cents"]:
        yield Line(label=Label.OUTSTANDING, amount_cents=period["outstanding_cents"])


def _payment_receipt(facts: Facts) -> Iterator[Line]:
    payment = facts["payment"]
    yield Line(label=Label.PURPOSE, value=payment["purpose"])
    yield from (_address(facts), _reference(facts))
    yield Line(
        label=Label.PAYMENT,
        on=_day(payment["received_on"]),
        value=payment["method"],
        amount_cents=payment["amount_cents"],
    )
    if payment["reference"]:
        yield Line(label=Label.PAYMENT_REFERENCE, value=payment["reference"])


def _statement(facts: Facts) -> Iterator[Line]:
    account = facts["statement"]
    yield _span(account)
    yield Line(label=Label.OPENING, on=_day(account["starts_on"]), amount_cents=account["opening_cents"])
    for line in account["lines"]:
        yield Line(
            label=Label.ENTRY,
            on=_day(line["on"]),
            value=line["kind"],
            period=line["period"] or None,
            amount_cents=line["amount_cents"],
            balance_cents=line["balance_cents"],
        )
    yield Line(label=Label.DEBITS, amount_cents=account["debit_cents"])
    yield Line(label=Label.CREDITS, amount_cents=account["credit_cents"])
    yield Line(label=Label.CLOSING, on=_day(account["ends_on"]), amount_cents=account["closing_cents"])


def _up_to_date(facts: Facts) -> Iterator[Line]:
    yield Line(label=Label.UP_TO_DATE, value=YES, on=_day(facts["as_of"]))
    yield from (_address(facts), _entered(facts))
    yield from _rooms(facts)
    yield _reference(facts)


def _end_of_stay(facts: Facts) -> Iterator[Line]:
    account = facts["account"]
    yield from _stay(facts)
    yield Line(label=Label.CHARGED, amount_cents=account["charged_cents"])
    yield Line(label=Label.RECEIVED, amount_cents=account["received_cents"])
    yield Line(label=Label.CLOSING, on=_day(facts["as_of"]), amount_cents=account["balance_cents"])


def _payment_plan(facts: Facts) -> Iterator[Line]:
    plan = facts["plan"]
    yield Line(label=Label.AGREED_ON, on=_day(plan["agreed_on"]))
    yield Line(label=Label.DEBT, amount_cents=plan["debt_cents"])
    for one in plan["instalments"]:
        yield Line(label=Label.INSTALMENT, on=_day(one["due_on"]), amount_cents=one["amount_cents"])


def _formal_notice(facts: Facts) -> Iterator[Line]:
    demand = facts["demand"]
    yield Line(label=Label.DEBT, on=_day(demand["as_of"]), amount_cents=demand["total_cents"])
    yield Line(label=Label.PAY_BY, on=_day(demand["pay_by"]))
    for one in demand["debts"]:
        yield Line(
            label=Label.OVERDUE,
            period=one["period"] or None,
            on=_day(one["due_on"]),
            amount_cents=one["unpaid_cents"],
        )
    yield from (_address(facts), _reference(facts))


_LINES: Mapping[Kind, Callable[[Facts], Iterator[Line]]] = {
    Kind.RESIDENCE_CERTIFICATE: _residence,
    Kind.CAF_RENT_CERTIFICATE: _caf,
    Kind.RENT_NOTICE: _rent_notice,
    Kind.RECEIPT: _receipt,
    Kind.PART_PAYMENT_RECEIPT: _receipt,
    Kind.PAYMENT_RECEIPT: _payment_receipt,
    Kind.STATEMENT_OF_ACCOUNT: _statement,
    Kind.UP_TO_DATE_CERTIFICATE: _up_to_date,
    Kind.END_OF_STAY_CERTIFICATE: _end_of_stay,
    Kind.PAYMENT_PLAN_AGREEMENT: _payment_plan,
    Kind.FORMAL_NOTICE: _formal_notice,
}


def _span(dated: Mapping[str, Any]) -> Line:
    return Line(label=Label.SPAN, on=_day(dated["starts_on"]), until=_day(dated["ends_on"]))


def _stay(facts: Facts) -> Iterator[Line]:
    yield _address(facts)
    yield _entered(facts)
    yield from _rooms(facts)
    yield Line(label=Label.ENDS_ON, on=_day(facts["lease"]["ends_on"]))
    yield _reference(facts)


def _entered(facts: Facts) -> Line:
    return Line(label=Label.ENTERED_ON, on=_day(facts["lease"]["starts_on"]))


def _rooms(said: Mapping[str, Any]) -> Iterator[Line]:
    """Of whoever has several."""
    if "room_since" in said:
        yield Line(label=Label.ROOM_ENTERED_ON, on=_day(said["room_since"]))
    for one in said.get("rooms", ()):
        on, until = _day(one["starts_on"]), _day(one["ends_on"])
        yield Line(label=Label.ROOM_HELD, value=one["room"], on=on, until=until)


def _address(facts: Facts) -> Line:
    return Line(label=Label.ADDRESS, value=", ".join(facts["residence"]["address"]))


def _reference(facts: Facts) -> Line:
    return Line(label=Label.TENANT_REFERENCE, value=facts["lease"]["tenant_reference"])


def _charged(period: Mapping[str, Any]) -> Iterator[Line]:
    yield Line(label=Label.RENT, amount_cents=period["rent_cents"])
    yield Line(label=Label.CHARGES, amount_cents=period["charges_cents"])
    for one in period["adjustments"]:
        yield Line(label=Label.ADJUSTMENT, value=one["label"] or None, amount_cents=one["amount_cents"])
    yield Line(label=Label.PERIOD_TOTAL, amount_cents=period["total_cents"])


def _yes(so: bool) -> str:
    return YES if so else NO


def _day(iso: str) -> date:
    return date.fromisoformat(iso)
