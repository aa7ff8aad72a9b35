"""Housing aid of a lease: what is expected a month, and what came for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sesame.domain.aid_files import Aid
from sesame.domain.takings import Method, Taking
from sesame.store import keys
from sesame.store.table import NOT_THERE, Put, Table, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAid:
    """What a month's aid should be, in cents, as somebody knows it from the CAF; zero for none."""

    lease_id: str
    monthly_cents: int
    aid: Aid | None = None
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseAid:
    """A lease's aid: cents by month and payment, without what was taken back."""

    expected: ExpectedAid | None = None
    paid: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Period -> taking -> cents."""

    def of(self, period: str) -> int:
        """What came for a month."""
        return sum(self.paid.get(period, {}).values())

    def expected_for(self, period: str) -> int | None:
        """What should come for a month: what somebody set, else what came for the month before it that had
        any; None where neither is known.
        """
        if self.expected is not None:
            return self.expected.monthly_cents
        before = [month for month in self.paid if month < period]
        return self.of(max(before)) if before else None


@dataclass(frozen=True, slots=True)
class LeaseAids:
    """The aid of the money table."""

    table: Table

    def of(self, lease_id: str) -> LeaseAid:
        """One query."""
        expected: ExpectedAid | None = None
        paid: dict[str, dict[str, int]] = {}
        for item in self.table.query_all(keys.expected_aid(lease_id)["pk"]):
            if item["sk"] == keys.expected_aid(lease_id)["sk"]:
                expected = ExpectedAid(
                    lease_id=lease_id,
                    monthly_cents=item["monthly_cents"],
                    aid=Aid(item["aid"]) if "aid" in item else None,
                    set_by=item["set_by"],
                    set_at=datetime.fromisoformat(item["set_at"]),
                )
            elif "reversed" not in item:
                paid.setdefault(item["period"], {})[item["taking_id"]] = item["amount_cents"]
        return LeaseAid(expected=expected, paid=paid)

    def expecting(self, expected: ExpectedAid) -> Put:
        """The write that sets what is expected."""
        item = {
            **keys.expected_aid(expected.lease_id),
            "monthly_cents": expected.monthly_cents,
            "aid": expected.aid.value if expected.aid else None,
            "set_by": expected.set_by,
            "set_at": expected.set_at.isoformat(),
        }
        return Put(table=self.table.name, item=item)

    def notes(self, taking: Taking, period: str) -> list[tuple[str, str]]:
        """What was to be known about aid when it was posted: words of ours, and what each is about."""
        item = self.table.get(keys.aid_paid(taking.lease_id, period, taking.taking_id))
        return [(note["fault"], note["about"]) for note in item["notes"]] if item else []

    def paying(self, taking: Taking, period: str, notes: Sequence[tuple[str, str]]) -> Put:
        """The write that notes aid for a month, with its taking."""
        item = {
            **keys.aid_paid(taking.lease_id, period, taking.taking_id),
            "period": period,
            "taking_id": taking.taking_id,
            "amount_cents": taking.amount_cents,
            "notes": [{"fault": str(fault), "about": about} for fault, about in notes],
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)

    def reversing(self, taking: Taking) -> list[Update]:
        """The writes that note that aid from a file was taken back: it did not come for its month."""
        return [
            Update(
                table=self.table.name,
                key=keys.aid_paid(taking.lease_id, period, taking.taking_id),
                expression="SET reversed = :yes",
                condition="attribute_exists(pk)",
                values={":yes": True},
            )
            for period in (taking.designated if taking.method is Method.AID and taking.import_id else ())
        ]
