"""Draws the state tables of the domain as Mermaid diagrams in docs/states.md, from the code itself.

Usage: python docs/states.py [--check]     (--check fails when the file is not what the tables say)

A table is what the domain holds: `{(state, event): state}`, or `{state: {state, ...}}` where nothing is named
that moves it. To draw another one, add it to `tables`.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "states.md"

type Table = Mapping[Any, Any]
"""`{(state, event): state}` or `{state: {state, ...}}`; a Mapping of narrower keys would fit neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A table of the domain. `first` are the states in which something begins; `who`, where it is given, says
    for an event whose it is."""

    title: str
    module: str
    says: str
    table: Table
    first: tuple[StrEnum, ...]
    who: Mapping[Any, StrEnum] | None = None


@dataclass(frozen=True, slots=True, order=True)
class Arrow:
    """From a state to another, and what moves it."""

    source: str
    target: str
    label: str


def arrows(table: Table, who: Mapping[Any, StrEnum] | None = None) -> list[Arrow]:
    """The moves of a table, in its order; several events between the same two states are one arrow."""
    moves: dict[tuple[str, str], list[str]] = {}
    for key, value in table.items():
        if isinstance(key, tuple):
            source, event = key
            label = f"{event} ({who[event]})" if who else str(event)
            moves.setdefault((str(source), str(value)), []).append(label)
        else:
            for target in sorted(value):
                moves.setdefault((str(key), str(target)), [])
    return [Arrow(source, target, ", ".join(labels)) for (source, target), labels in moves.items()]


def diagram(table: Table, first: Iterable[StrEnum], who: Mapping[Any, StrEnum] | None = None) -> str:
    """A Mermaid state diagram: beginnings, moves, and the states that nothing leads out of. Raises ValueError
    for a state that nothing leads to."""
    moves, beginnings = arrows(table, who), [str(state) for state in first]
    lines = ["stateDiagram-v2", *(f"    [*] --> {state}" for state in beginnings)]
    for move in moves:
        label = f" : {move.label}" if move.label else ""
        lines.append(f"    {move.source} --> {move.target}{label}")
    reached = [*dict.fromkeys([*beginnings, *(move.target for move in moves)])]
    left = {move.source for move in moves}
    if lost := left - set(reached):
        raise ValueError(f"nothing leads to {', '.join(sorted(lost))}")
    lines += [f"    {state} --> [*]" for state in reached if state not in left]
    return "\n".join(lines)


def document(drawn: Iterable[Drawn]) -> str:
    """The whole page."""
    parts = ["# States", "Drawn from the code by `docs/states.py`; `make check` fails where they differ."]
    for one in drawn:
        parts.append(f"## {one.title}")
        parts.append(f"{one.says} (`{one.module}`)")
        parts.append(f"```mermaid\n{diagram(one.table, one.first, one.who)}\n```")
    return "\n\n".join(parts) + "\n"


def tables() -> list[Drawn]:
    """What is drawn, in the order of the page."""
    from sesame.domain import attachments, payments, refunds, renewals, repairs, social_file, threads  # noqa: PLC0415  # noqa: PLC0415

    tenant, staff = attachments.Side.TENANT, attachments.Side.STAFF
    return [
        Drawn(
            title="A thread of messages",
            module="domain/threads.py",
            says="Whose turn it is. A message opens a closed thread again.",
            table=threads.TRANSITIONS,
            first=(threads.ThreadState.WAITING, threads.ThreadState.ANSWERED),
        ),
        Drawn(
            title="A repair",
            module="domain/repairs.py",
            says="What staff do about what a tenant reports, and what the tenant says to that.",
            table=repairs.TRANSITIONS,
            first=(repairs.RepairState.REPORTED,),
            who=repairs.WHO_MAY,
        ),
        Drawn(
            title="An attachment",
            module="domain/attachments.py",
            says="A file on its way in. Nobody is given one that is not accepted.",
            table=attachments.TRANSITIONS,
            first=(attachments.AttachmentState.WAITING,),
        ),
        Drawn(
            title="A payment",
            module="domain/payments.py",
            says="A fold over a provider's events, in its own order; whatever is not here changes nothing.",
            table=payments.TRANSITIONS,
            first=(payments.PaymentState.CREATED,),
        ),
        Drawn(
            title="A refund request",
            module="domain/refunds.py",
            says="A lease has one open at most.",
            table=refunds.TRANSITIONS,
            first=(refunds.RefundState.REQUESTED,),
        ),
        Drawn(
            title="A social file",
            module="domain/social_file.py",
            says="As staff or a file tell it; files skip steps, so that what comes later may come at once.",
            table=social_file.FILE_TRANSITIONS,
            first=(social_file.FileState.NOT_SUBMITTED,),
        ),
        Drawn(
            title="A piece of a social file",
            module="domain/social_file.py",
            says="What is asked for, handed in and judged.",
            table=social_file.PIECE_TRANSITIONS,
            first=(social_file.PieceState.ASKED,),
            who={
                one: tenant if one is social_file.PieceStep.HAND_IN else staff
                for one in social_file.PieceStep
            },
        ),
        Drawn(
            title="A renewal",
            module="domain/renewals.py",
            says="A lease in a campaign. Answers are the tenant's while it is open, the desk's afterwards.",
            table=renewals.RENEWAL_TRANSITIONS,
            first=(renewals.RenewalState.INVITED,),
            who={one: tenant if one in renewals.ANSWERS else staff for one in renewals.RenewalStep},
        ),
    ]


def main() -> int:
    """Writes or checks the file."""
    sys.path.insert(0, str(ROOT / "shared"))
    text = document(tables())
    if "--check" not in sys.argv:
        DOCUMENT.write_text(text, "utf-8")
        return 0
    if DOCUMENT.exists() and DOCUMENT.read_text("utf-8") == text:
        return 0
    sys.stderr.write("docs/states.md is not what the tables say: run `make states`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
