"""Renewal campaigns, each lease's answer in them, and the warnings that their rules count."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sesame.domain.renewals import Campaign, DeclinedFor, RenewalState, Rules, Warned
from sesame.domain.scope import Scope
from sesame.store import keys
from sesame.store.table import NOT_THERE, ConditionFailed, Item, Key, Put, Table, Update, same_table

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What staff decided of a request."""

    at: datetime
    by: str
    reason: DeclinedFor | None = None
    note: str = ""
    """The operator's own words to the tenant, with a refusal."""
    exception: bool = False
    """Accepted although a rule was not met."""
    renewed_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A lease's renewal in a campaign. `version` 0: nothing is stored yet."""

    lease_id: str
    person_id: str
    residence_id: str
    campaign_id: str
    state: RenewalState = RenewalState.INVITED
    reminded_on: date | None = None
    """The last step of the campaign that the tenant was written to for."""
    answered_at: datetime | None = None
    decided: Decided | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRenewals:
    """What a lease's partition says of renewal."""

    renewals: tuple[Renewal, ...] = ()
    warnings: tuple[Warned, ...] = ()

    def of(self, campaign_id: str) -> Renewal | None:
        """Its renewal in a campaign, or None."""
        return next((one for one in self.renewals if one.campaign_id == campaign_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalPage:
    """Some of a residence's renewals, and where to go on (None at the end)."""

    renewals: list[Renewal]
    next: str | None
    """State and lease of the last one."""


@dataclass(frozen=True, slots=True)
class Campaigns:
    """The campaigns of the identity table."""

    table: Table

    def all(self) -> list[Campaign]:
        """Every campaign, the latest to open first. One read."""
        found = map(campaign_of, self.table.query_all(keys.renewal_campaigns()))
        return sorted(found, key=lambda one: (one.opens_on, one.campaign_id), reverse=True)

    def get(self, campaign_id: str) -> Campaign | None:
        """A campaign, or None."""
        item = self.table.get(keys.renewal_campaign(campaign_id))
        return campaign_of(item) if item else None

    def saving(self, after: Campaign) -> Put:
        """The write of a campaign, if nobody changed it since it was read."""
        item: Item = {
            **keys.renewal_campaign(after.campaign_id),
            "campaign_id": after.campaign_id,
            "everywhere": after.scope.everywhere,
            "residence_ids": sorted(after.scope.residence_ids),
            "opens_on": after.opens_on.isoformat(),
            "closes_on": after.closes_on.isoformat(),
            "leases_end_from": after.leases_end_from.isoformat(),
            "leases_end_to": after.leases_end_to.isoformat(),
            "renews_until": after.renews_until.isoformat(),
            "rules": asdict(after.rules),
            "remind_days": list(after.remind_days),
            "version": after.version + 1,
        }
        return _saving(self.table, item, after.version)


@dataclass(frozen=True, slots=True)
class Renewals:
    """The renewals and warnings of the identity table."""

    table: Table

    def of_lease(self, lease_id: str) -> LeaseRenewals:
        """All of a lease's renewals and warnings. One read."""
        renewals: list[Renewal] = []
        warnings: list[Warned] = []
        for item in self.table.query_all(keys.lease(lease_id)["pk"]):
            if item["sk"].startswith("RENEWAL#"):
                renewals.append(renewal_of(item))
            elif item["sk"].startswith("WARNING#"):
                warnings.append(warning_of(item))
        return LeaseRenewals(renewals=tuple(renewals), warnings=tuple(warnings))

    def get(self, lease_id: str, campaign_id: str) -> Renewal | None:
        """A lease's renewal in a campaign, or None."""
        item = self.table.get(keys.renewal(lease_id, campaign_id))
        return renewal_of(item) if item else None

    def of_leases(self, lease_ids: Sequence[str], campaign_id: str) -> dict[str, Renewal]:
        """Lease -> renewal, for those of at most a hundred leases that have one. One read."""
        items = same_table(self.table, [keys.renewal(one, campaign_id) for one in lease_ids])
        return {item["lease_id"]: renewal_of(item) for item in items if item}

    def of_residence(
        self, residence_id: str, campaign_id: str, *, state: RenewalState | None, after: str | None
    ) -> RenewalPage:
        """A page of a residence's renewals in a campaign. One read of the index."""
        partition = keys.renewals_of_residence(residence_id, campaign_id)
        prefix = f"{state.value}#" if state else ""
        start: Key | None = None
        if after:
            place, _, lease_id = after.partition(".")
            at = {"gsi1pk": partition, "gsi1sk": f"{place}#{lease_id}"}
            start = {**at, **keys.renewal(lease_id, campaign_id)}
        page = self.table.query(partition, prefix, index=keys.GSI1, start=start, limit=PAGE)
        renewals = [renewal_of(item) for item in page.items]
        last = f"{renewals[-1].state}.{renewals[-1].lease_id}" if page.next and renewals else None
        return RenewalPage(renewals=renewals, next=last)

    def saving(self, after: Renewal, announce: Mapping[str, str] | None = None) -> Put:
        """The write of a renewal, if nobody changed it since it was read."""
        item: Item = {
            **keys.renewal(after.lease_id, after.campaign_id),
            "gsi1pk": keys.renewals_of_residence(after.residence_id, after.campaign_id),
            "gsi1sk": f"{after.state}#{after.lease_id}",
            "lease_id": after.lease_id,
            "person_id": after.person_id,
            "residence_id": after.residence_id,
            "campaign_id": after.campaign_id,
            "state": after.state.value,
            "reminded_on": after.reminded_on.isoformat() if after.reminded_on else None,
            "answered_at": after.answered_at.isoformat() if after.answered_at else None,
            "decided": _decided_item(after.decided) if after.decided else None,
            "announce": announce,
            "version": after.version + 1,
        }
        return _saving(self.table, item, after.version)

    def invite(self, after: Renewal, announce: Mapping[str, str]) -> bool:
        """Writes that a tenant is written to for a step, and announces it. False where somebody was first."""
        try:
            self.table.write(self.saving(after, announce))
        except ConditionFailed:
            return False
        return True

    def warning(self, lease_id: str, warning_id: str) -> Warned | None:
        """A warning, or None."""
        item = self.table.get(keys.warning(lease_id, warning_id))
        return warning_of(item) if item else None

    def giving(self, warned: Warned) -> Put:
        """The write of a new warning; the same one again fails."""
        item: Item = {
            **keys.warning(warned.lease_id, warned.warning_id),
            "warning_id": warned.warning_id,
            "lease_id": warned.lease_id,
            "given_on": warned.given_on.isoformat(),
            "rule": warned.rule,
            "recorded_at": warned.recorded_at.isoformat(),
            "recorded_by": warned.recorded_by,
            "version": 1,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)

    def withdrawing(self, warned: Warned, at: datetime) -> Update:
        """The write by which a warning is taken back, once."""
        return Update(
            table=self.table.name,
            key=keys.warning(warned.lease_id, warned.warning_id),
            expression="SET withdrawn_at = :at ADD version :one",
            condition="attribute_exists(pk) AND attribute_not_exists(withdrawn_at)",
            values={":at": at.isoformat(), ":one": 1},
        )


@dataclass(frozen=True, slots=True)
class RenewalMarks:
    """Which steps of a campaign were done in which residences: the marks of the operations table."""

    table: Table

    def done(self, campaign_id: str, step_on: date) -> set[str]:
        """The residences where a step is done. One read."""
        items = self.table.query_all(keys.renewal_marks(campaign_id), f"{step_on}#")
        return {item["residence_id"] for item in items}

    def mark(self, campaign_id: str, step_on: date, residence_id: str, *, told: int, expires_at: int) -> None:
        """Notes that a step is done, and how many were told."""
        self.table.put(
            {
                **keys.renewal_mark(campaign_id, step_on.isoformat(), residence_id),
                "residence_id": residence_id,
                "told": told,
                "expires_at": expires_at,
                "version": 1,
            }
        )


def _saving(table: Table, item: Item, read: int) -> Put:
    if not read:
        return Put(table=table.name, item=item, condition=NOT_THERE)
    return Put(table=table.name, item=item, condition="version = :read", values={":read": read})


def campaign_of(item: Item) -> Campaign:
    """A campaign's item, read."""
    rules = item["rules"]
    return Campaign(
        campaign_id=item["campaign_id"],
        scope=Scope(everywhere=item["everywhere"], residence_ids=frozenset(item["residence_ids"])),
        opens_on=date.fromisoformat(item["opens_on"]),
        closes_on=date.fromisoformat(item["closes_on"]),
        leases_end_from=date.fromisoformat(item["leases_end_from"]),
        leases_end_to=date.fromisoformat(item["leases_end_to"]),
        renews_until=date.fromisoformat(item["renews_until"]),
        rules=Rules(
            debt_tolerance_cents=rules.get("debt_tolerance_cents"),
            enrolment_year=rules.get("enrolment_year"),
            pre_enrolment_counts=rules["pre_enrolment_counts"],
            most_warnings=rules.get("most_warnings"),
            most_renewals=rules.get("most_renewals"),
        ),
        remind_days=tuple(item["remind_days"]),
        version=item["version"],
    )


def renewal_of(item: Item) -> Renewal:
    """A renewal's item, read."""
    return Renewal(
        lease_id=item["lease_id"],
        person_id=item["person_id"],
        residence_id=item["residence_id"],
        campaign_id=item["campaign_id"],
        state=RenewalState(item["state"]),
        reminded_on=date.fromisoformat(item["reminded_on"]) if item.get("reminded_on") else None,
        answered_at=datetime.fromisoformat(item["answered_at"]) if item.get("answered_at") else None,
        decided=_decided_of(item["decided"]) if item.get("decided") else None,
        version=item["version"],
    )


def warning_of(item: Item) -> Warned:
    """A warning's item, read."""
    withdrawn = item.get("withdrawn_at")
    return Warned(
        warning_id=item["warning_id"],
        lease_id=item["lease_id"],
        given_on=date.fromisoformat(item["given_on"]),
        rule=item["rule"],
        recorded_at=datetime.fromisoformat(item["recorded_at"]),
        recorded_by=item["recorded_by"],
        withdrawn_at=datetime.fromisoformat(withdrawn) if withdrawn else None,
    )


def _decided_item(decided: Decided) -> dict[str, Any]:
    return {
        "at": decided.at.isoformat(),
        "by": decided.by,
        "reason": decided.reason.value if decided.reason else None,
        "note": decided.note,
        "exception": decided.exception,
        "renewed_until": decided.renewed_until.isoformat() if decided.renewed_until else None,
    }


def _decided_of(item: Mapping[str, Any]) -> Decided:
    reason, until = item.get("reason"), item.get("renewed_until")
    return Decided(
        at=datetime.fromisoformat(item["at"]),
        by=item["by"],
        reason=DeclinedFor(reason) if reason else None,
        note=item["note"],
        exception=item["exception"],
        renewed_until=date.fromisoformat(until) if until else None,
    )


def accepted(renewals: Iterator[Renewal] | Sequence[Renewal]) -> int:
    """How many of them were accepted."""
    return sum(one.state is RenewalState.ACCEPTED for one in renewals)
