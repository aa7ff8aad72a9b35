"""Takings, deposits and each day's till, in the money table."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sesame.domain.deposits import Deduction, DeductionKind, Deposit, DepositReturn
from sesame.domain.takings import Method, Reversal, ReversalReason, Taking, TakingPurpose
from sesame.store import keys
from sesame.store.table import NOT_THERE, Item, Key, Put, Table, Update, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class TillLine:
    """What a desk took or, below zero, gave on a day."""

    line_id: str
    residence_id: str
    day: date
    at: datetime
    method: Method
    purpose: TakingPurpose
    amount_cents: int
    lease_id: str
    of: str
    """The taking, or the return of a deposit."""
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakingPage:
    """Some takings, newest first, and where to go on."""

    takings: tuple[Taking, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Takings:
    """The takings of the money table."""

    table: Table

    def key(self, taking_id: str) -> Key:
        """Where a taking is kept, for those who read it along with other items."""
        return keys.taking(taking_id)

    def get(self, taking_id: str) -> Taking | None:
        """One read."""
        item = self.table.get(keys.taking(taking_id))
        return taking_of(item) if item else None

    def of_lease(self, lease_id: str, *, after: Taking | None = None, limit: int = 50) -> TakingPage:
        """A lease's takings, newest first. One query of the index."""
        start = _index_key(after) if after else None
        page = self.table.query(
            keys.takings_of_lease(lease_id), index=keys.GSI1, forward=False, limit=limit, start=start
        )
        takings = tuple(taking_of(item) for item in page.items)
        return TakingPage(takings=takings, next=takings[-1].taking_id if page.next else None)

    def recording(self, taking: Taking) -> Put:
        """The write of a taking, once an id."""
        return Put(table=self.table.name, item=_taking_item(taking), condition=NOT_THERE)

    def reversing(self, taking: Taking, reversal: Reversal) -> Update:
        """The write that marks a taking as reversed, once."""
        return Update(
            table=self.table.name,
            key=keys.taking(taking.taking_id),
            expression="SET reversal = :reversal, version = :after",
            condition="version = :before AND attribute_not_exists(reversal)",
            values={
                ":reversal": _reversal_item(reversal),
                ":before": taking.version,
                ":after": taking.version + 1,
            },
        )

    def till(self, residence_id: str, day: date) -> Iterator[TillLine]:
        """The lines of a residence's day."""
        for item in self.table.query_all(keys.till(residence_id, day.isoformat())):
            yield _line_of(item)

    def ringing(self, line: TillLine) -> Put:
        """The write of a line of the till, once an id."""
        item = {
            **keys.till_line(line.residence_id, line.day.isoformat(), line.line_id),
            **asdict(line),
            "day": line.day.isoformat(),
            "at": line.at.isoformat(),
            "method": line.method.value,
            "purpose": line.purpose.value,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)


@dataclass(frozen=True, slots=True)
class Deposits:
    """The deposits of the money table."""

    table: Table

    def key(self, lease_id: str) -> Key:
        """Where a lease's deposit is kept, for those who read it along with other items."""
        return keys.deposit(lease_id)

    def of_lease(self, lease_id: str) -> tuple[Deposit | None, tuple[DepositReturn, ...]]:
        """What is held, and the returns so far, newest first. One query."""
        deposit: Deposit | None = None
        returns: list[DepositReturn] = []
        for item in self.table.query_all(keys.deposit(lease_id)["pk"]):
            if item["sk"] == keys.deposit(lease_id)["sk"]:
                deposit = deposit_of(item)
            else:
                returns.append(return_of(item))
        return deposit, tuple(sorted(returns, key=lambda one: one.recorded_at, reverse=True))

    def saving(self, before: Deposit, held_cents: int) -> Update:
        """The write that brings a deposit to what is now held, if nobody changed it since it was read."""
        values: dict[str, Any] = {
            ":held": held_cents,
            ":lease": before.lease_id,
            ":residence": before.residence_id,
            ":after": before.version + 1,
        }
        if before.version:
            values[":before"] = before.version
        return Update(
            table=self.table.name,
            key=keys.deposit(before.lease_id),
            expression="SET held_cents = :held, lease_id = :lease, residence_id = :residence, "
            "version = :after",
            condition="version = :before" if before.version else NOT_THERE,
            values=values,
        )

    def returning(self, given: DepositReturn) -> Write:
        """The write of a return, once an id."""
        item = {
            **keys.deposit_return(given.lease_id, given.return_id),
            **asdict(given),
            "method": given.method.value,
            "deductions": [asdict(one) | {"kind": one.kind.value} for one in given.deductions],
            "returned_on": given.returned_on.isoformat(),
            "recorded_at": given.recorded_at.isoformat(),
            "returned_cents": given.returned_cents,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)

    def reversing(self, given: DepositReturn, reversal: Reversal) -> Update:
        """The write that marks a return as reversed, once."""
        return Update(
            table=self.table.name,
            key=keys.deposit_return(given.lease_id, given.return_id),
            expression="SET reversal = :reversal, version = :after",
            condition="version = :before AND attribute_not_exists(reversal)",
            values={
                ":reversal": _reversal_item(reversal),
                ":before": given.version,
                ":after": given.version + 1,
            },
        )


def taking_of(item: Item) -> Taking:
    """A taking's item, read."""
    return Taking(
        taking_id=item["taking_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        method=Method(item["method"]),
        purpose=TakingPurpose(item["purpose"]),
        amount_cents=item["amount_cents"],
        received_on=date.fromisoformat(item["received_on"]),
        recorded_at=datetime.fromisoformat(item["recorded_at"]),
        recorded_by=item["recorded_by"],
        reference=item.get("reference"),
        designated=tuple(item.get("designated", ())),
        import_id=item.get("import_id"),
        document_id=item.get("document_id"),
        reversal=_reversal_of(item.get("reversal")),
        version=item["version"],
    )


def deposit_of(item: Item) -> Deposit:
    """A deposit's item, read."""
    return Deposit(
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        held_cents=item["held_cents"],
        version=item["version"],
    )


def return_of(item: Item) -> DepositReturn:
    """The item of a deposit's return, read."""
    return DepositReturn(
        return_id=item["return_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        held_cents=item["held_cents"],
        deductions=tuple(
            Deduction(
                kind=DeductionKind(one["kind"]), amount_cents=one["amount_cents"], label=one.get("label", "")
            )
            for one in item["deductions"]
        ),
        method=Method(item["method"]),
        reference=item.get("reference"),
        returned_on=date.fromisoformat(item["returned_on"]),
        recorded_at=datetime.fromisoformat(item["recorded_at"]),
        recorded_by=item["recorded_by"],
        reversal=_reversal_of(item.get("reversal")),
        version=item["version"],
    )


def _index_key(taking: Taking) -> dict[str, str]:
    return {
        **keys.taking(taking.taking_id),
        "gsi1pk": keys.takings_of_lease(taking.lease_id),
        "gsi1sk": f"{taking.recorded_at.isoformat(timespec='microseconds')}#{taking.taking_id}",
    }


def _taking_item(taking: Taking) -> Item:
    return {
        **_index_key(taking),
        **asdict(taking),
        "method": taking.method.value,
        "purpose": taking.purpose.value,
        "received_on": taking.received_on.isoformat(),
        "recorded_at": taking.recorded_at.isoformat(),
        "designated": list(taking.designated) or None,
        "reversal": _reversal_item(taking.reversal) if taking.reversal else None,
    }


def _reversal_item(reversal: Reversal) -> dict[str, str]:
    return {"reason": reversal.reason.value, "at": reversal.at.isoformat(), "by": reversal.by}


def _reversal_of(item: dict[str, str] | None) -> Reversal | None:
    if item is None:
        return None
    return Reversal(
        reason=ReversalReason(item["reason"]), at=datetime.fromisoformat(item["at"]), by=item["by"]
    )


def _line_of(item: Item) -> TillLine:
    return TillLine(
        line_id=item["line_id"],
        residence_id=item["residence_id"],
        day=date.fromisoformat(item["day"]),
        at=datetime.fromisoformat(item["at"]),
        method=Method(item["method"]),
        purpose=TakingPurpose(item["purpose"]),
        amount_cents=item["amount_cents"],
        lease_id=item["lease_id"],
        of=item["of"],
        by=item["by"],
    )
