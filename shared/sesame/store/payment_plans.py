"""Payment plans as they were agreed: kept beside the account, which carries the one that stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sesame.domain.plans import Instalment
from sesame.store import keys
from sesame.store.table import NOT_THERE, Item, Put, Table, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """An agreement, for good. Whether it stands is for the account to say; `cancelled_at` ends it here."""

    plan_id: str
    lease_id: str
    residence_id: str
    debts: tuple[str, ...]
    instalments: tuple[Instalment, ...]
    agreed_on: date
    agreed_at: datetime
    agreed_by: str
    document_id: str
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    reason: str | None = None
    """Why it was cancelled."""

    @property
    def debt_cents(self) -> int:
        """What it pays off."""
        return sum(one.amount_cents for one in self.instalments)


@dataclass(frozen=True, slots=True)
class PaymentPlans:
    """The plans of the money table."""

    table: Table

    def get(self, lease_id: str, plan_id: str) -> PlanRecord | None:
        """One read."""
        item = self.table.get(keys.payment_plan(lease_id, plan_id))
        return _record(item) if item else None

    def of_lease(self, lease_id: str) -> Iterator[PlanRecord]:
        """Every plan that was agreed for a lease. One query."""
        return map(_record, self.table.query_all(keys.payment_plans(lease_id)))

    def agreeing(self, record: PlanRecord) -> Put:
        """The write of an agreement, once."""
        return Put(table=self.table.name, item=_item(record), condition=NOT_THERE)

    def cancelling(self, record: PlanRecord, *, at: datetime, by: str, reason: str) -> Update:
        """The write that ends one."""
        return Update(
            table=self.table.name,
            key=keys.payment_plan(record.lease_id, record.plan_id),
            expression="SET cancelled_at = :at, cancelled_by = :by, cancel_reason = :reason ADD version :one",
            condition="attribute_exists(pk) AND attribute_not_exists(cancelled_at)",
            values={":at": at.isoformat(), ":by": by, ":reason": reason, ":one": 1},
        )


def _item(record: PlanRecord) -> dict[str, Any]:
    return {
        **keys.payment_plan(record.lease_id, record.plan_id),
        "plan_id": record.plan_id,
        "lease_id": record.lease_id,
        "residence_id": record.residence_id,
        "debts": list(record.debts),
        "instalments": [
            {"due_on": one.due_on.isoformat(), "amount_cents": one.amount_cents} for one in record.instalments
        ],
        "agreed_on": record.agreed_on.isoformat(),
        "agreed_at": record.agreed_at.isoformat(),
        "agreed_by": record.agreed_by,
        "document_id": record.document_id,
        "version": 1,
    }


def _record(item: Item) -> PlanRecord:
    return PlanRecord(
        plan_id=item["plan_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        debts=tuple(item["debts"]),
        instalments=tuple(
            Instalment(due_on=date.fromisoformat(one["due_on"]), amount_cents=one["amount_cents"])
            for one in item["instalments"]
        ),
        agreed_on=date.fromisoformat(item["agreed_on"]),
        agreed_at=datetime.fromisoformat(item["agreed_at"]),
        agreed_by=item["agreed_by"],
        document_id=item["document_id"],
        cancelled_at=datetime.fromisoformat(item["cancelled_at"]) if "cancelled_at" in item else None,
        cancelled_by=item.get("cancelled_by"),
        reason=item.get("cancel_reason"),
    )
