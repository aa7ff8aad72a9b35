"""What is answered to whoever checks a paper: the same to anyone, by whichever way they ask."""

from dataclasses import asdict
from datetime import date, datetime

from sesame.domain.certificates import Kind, Validity
from sesame.domain.public_statements import Label
from sesame.platform.http import Shown
from sesame.services.documents import Verification


class StatedLine(Shown):
    """One thing that the paper states. Amounts in cents; of balances and movements, above zero is owed."""

    label: Label
    value: str | None
    """A word (`yes`, `card`, `current`), or what is printed as it is."""
    on: date | None
    until: date | None
    period: str | None
    amount_cents: int | None
    balance_cents: int | None
    """After a movement of an account."""
    square_decimetres: int | None


class VerificationAnswer(Shown):
    """Whether the paper is genuine and, if so, what it says: compare. Of an entry document, its kind only.

    `erased`: it was genuine when it was issued, and its record has been erased since. What it says, and
    whether it still holds, can no longer be confirmed.
    """

    status: Validity
    since: datetime | None = None
    """When it ceased to hold, for one that was revoked or replaced. Why is between its tenant and us."""
    erased_on: date | None = None
    """When its record was erased, if it was: then kind and day of issue are all that is left."""
    kind: Kind | None = None
    issued_on: date | None = None
    number: str | None = None
    landlord: str | None = None
    holder: str | None = None
    residence: str | None = None
    room: str | None = None
    period: str | None = None
    amount_cents: int | None = None
    currency: str | None = None
    lines: tuple[StatedLine, ...] = ()
    """Every figure and day of the paper, in its order; the birth date is told of none."""


def answer_of(answer: Verification) -> VerificationAnswer:
    """The answer as it is shown."""
    statement = answer.statement
    if statement is None:
        return VerificationAnswer(status=answer.validity)
    return VerificationAnswer(
        status=answer.validity,
        since=answer.since,
        erased_on=answer.erased_on,
        kind=statement.kind,
        issued_on=statement.issued_on,
        number=statement.number,
        landlord=statement.landlord,
        holder=statement.holder,
        residence=statement.residence,
        room=statement.room,
        period=statement.period,
        amount_cents=statement.amount_cents,
        currency="EUR" if any(line.amount_cents is not None for line in statement.lines) else None,
        lines=tuple(StatedLine(**asdict(line)) for line in statement.lines),
    )
