"""How far each provider was asked, and what each day's reconciliation found, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sesame.store import keys
from sesame.store.table import ConditionFailed, Item, Table

KEPT = timedelta(days=400)
"""As long as a provider's notifications."""
JOB = "reconciliation"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedEvent:
    """What a provider told only when it was asked: ids and an amount, in cents."""

    payment_id: str
    event_id: str
    kind: str
    amount_cents: int
    occurred_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFinding:
    """A page of a provider's events."""

    provider: str
    seen: int
    missed: int
    """Not posted although an hour old: no notification came, or none that could be posted."""
    early: int
    """Not posted either, but so young that its notification may be under way."""
    unknown: int
    """Of those, the events of payments that we do not have; not those that staff look at or dismissed."""
    examples: tuple[MissedEvent, ...]
    last: bool
    """Nothing more had happened."""
    unreadable: tuple[str, ...] = ()
    """Events and references of the provider's of which it would not say anything that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidenceFinding:
    """A page of a residence's accounts."""

    residence_id: str
    accounts: int
    differing: tuple[str, ...]
    """The leases whose stored balance is not what their journal comes to."""
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A day's reconciliation: what it set out to look at."""

    day: date
    planned_at: datetime
    providers: tuple[str, ...]
    residences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a day's reconciliation found so far."""

    providers: tuple[ProviderFinding, ...]
    residences: tuple[ResidenceFinding, ...]


@dataclass(frozen=True, slots=True)
class Reconciliations:
    """The reconciliations of the operations table."""

    table: Table

    def mark(self, provider: str) -> str | None:
        """How far a provider was asked; None before the first time."""
        item = self.table.get(keys.reconciliation_mark(provider))
        return item["mark"] if item else None

    def move_mark(self, provider: str, before: str | None, after: str, at: datetime) -> bool:
        """Goes on from a mark; False where somebody else did."""
        values: dict[str, Any] = {":after": after, ":at": at.isoformat()}
        condition = "attribute_not_exists(pk)"
        if before is not None:
            condition, values[":before"] = "mark = :before", before
        try:
            self.table.update(
                keys.reconciliation_mark(provider),
                "SET mark = :after, moved_at = :at",
                condition=condition,
                values=values,
            )
        except ConditionFailed:
            return False
        return True

    def plan(self, run: Run) -> None:
        """Notes what a day's run looks at; the day's latest plan is the one that counts."""
        self.table.put(
            {
                **keys.run(JOB, run.day.isoformat()),
                "for": run.planned_at.isoformat(),
                "providers": list(run.providers),
                "residences": list(run.residences),
                "expires_at": _expiry(run.planned_at),
                "version": 1,
            }
        )

    def runs(self, *, limit: int) -> list[Run]:
        """The latest runs, newest first. One query."""
        page = self.table.query(keys.runs(JOB), forward=False, limit=limit)
        return [_run_of(item) for item in page.items]

    def run(self, day: date) -> Run | None:
        """A day's run, or None where there was none."""
        item = self.table.get(keys.run(JOB, day.isoformat()))
        return _run_of(item) if item else None

    def note_provider(self, day: date, page: str, finding: ProviderFinding, at: datetime) -> None:
        """Writes what a page of events held, before any of it is posted. The first stays: once posted, the
        same page would show nothing missed.
        """
        item = {
            **keys.provider_finding(day.isoformat(), finding.provider, page),
            **asdict(finding),
            "examples": [asdict(one) for one in finding.examples],
            "unreadable": list(finding.unreadable),
            "expires_at": _expiry(at),
        }
        try:
            self.table.put(item, unless_exists=True)
        except ConditionFailed:
            return

    def note_residence(self, day: date, page: str, finding: ResidenceFinding, at: datetime) -> None:
        """Writes how a page of accounts compared; a later look replaces an earlier one."""
        item = {
            **keys.residence_finding(day.isoformat(), finding.residence_id, page),
            **asdict(finding),
            "differing": list(finding.differing),
            "expires_at": _expiry(at),
        }
        self.table.put(item)

    def findings(self, day: date) -> Findings:
        """All pages of a day. One query a megabyte."""
        providers: list[ProviderFinding] = []
        residences: list[ResidenceFinding] = []
        for item in self.table.query_all(keys.reconciliation(day.isoformat())):
            if item["sk"].startswith("PROVIDER#"):
                providers.append(_provider_of(item))
            else:
                residences.append(_residence_of(item))
        return Findings(providers=tuple(providers), residences=tuple(residences))


def _expiry(at: datetime) -> int:
    return int((at + KEPT).timestamp())


def _run_of(item: Item) -> Run:
    return Run(
        day=date.fromisoformat(item["sk"]),
        planned_at=datetime.fromisoformat(item["for"]),
        providers=tuple(item["providers"]),
        residences=tuple(item["residences"]),
    )


def _provider_of(item: Item) -> ProviderFinding:
    return ProviderFinding(
        provider=item["provider"],
        seen=item["seen"],
        missed=item["missed"],
        early=item["early"],
        unknown=item["unknown"],
        examples=tuple(_missed_of(one) for one in item["examples"]),
        last=item["last"],
        unreadable=tuple(item.get("unreadable", ())),
    )


def _missed_of(item: Mapping[str, Any]) -> MissedEvent:
    names: Sequence[str] = ("payment_id", "event_id", "kind", "amount_cents", "occurred_at")
    return MissedEvent(**{name: item[name] for name in names})


def _residence_of(item: Item) -> ResidenceFinding:
    return ResidenceFinding(
        residence_id=item["residence_id"],
        accounts=item["accounts"],
        differing=tuple(item["differing"]),
        last=item["last"],
    )
