"""A tenant gives notice: what it comes to is shown first, and only what was shown can be confirmed."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import ClassVar

from sesame.domain.calendar import Period, local_date, period_of, periods
from sesame.domain.file_faults import Fault
from sesame.domain.lease_life import Leaving, LifeRefused, Stage, earliest_leaving, stage_on
from sesame.domain.notices import notice_for, periods_to_bill
from sesame.domain.tenancy import DepartureReason, Lease, Residence
from sesame.platform.errors import Conflict, NotFound
from sesame.platform.ids import Random, derived_id
from sesame.platform.secrets import Pepper
from sesame.services.lease_life import ChangeRefused, LeaseLife
from sesame.services.lease_terms import Changed
from sesame.services.sessions import Session
from sesame.store.accounts import Journal
from sesame.store.audit import Action, ActorKind, AuditEntry, by_tenant
from sesame.store.lease_changes import LeaseChange
from sesame.store.takings import Deposits


class ShownOtherwise(Conflict):
    """What was shown holds no more, or never was: look again before confirming."""

    slug = "departure-shown-otherwise"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Les montants ont changé : relisez-les avant de confirmer",
        "en": "The figures have changed: read them again before you confirm",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOwed:
    """A month until the departure: the rent of its days, and whether its notice is out. Cents."""

    period: Period
    starts_on: date
    ends_on: date
    days: int
    rent_cents: int
    """For these days, charges included."""
    billed_cents: int | None
    """What the notice that is out asks; None while none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What giving notice today comes to. Cents; days of the residence's calendar."""

    given_on: date
    notice_months: int
    """Full months."""
    earliest_on: date
    leaves_on: date
    ends_on: date
    """The lease's last day without it."""
    months: tuple[MonthOwed, ...]
    """From the first that is not billed yet, or the one of today, to the last, by day."""
    balance_cents: int
    corrected_cents: int
    """What the months billed so far will cost more (above zero) or less, their surcharges included."""
    left_to_pay_cents: int
    """All that is owed until the end, as things stand; below zero: credit to be given back."""
    deposit_held_cents: int
    shown: str
    """What to send back with the confirmation: it stands for all of these figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByTenant:
    """A tenant who is signed in, from a network."""

    session: Session
    pepper: Pepper
    random: Random
    network: str
    at: "LeaseLife"
    kind: ActorKind = ActorKind.TENANT

    @property
    def id(self) -> str:
        """The person's."""
        return self.session.person.person_id

    def entry(self, lease: Lease, action: Action, **details: str | int) -> AuditEntry:
        """The audit's entry of what they did."""
        return by_tenant(
            action,
            self.at.terms.books.clock(),
            person_id=self.id,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            random=self.random,
            source=self.pepper.hash("source", self.network),
            **details,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDepartures:
    """The tenant's side of leaving. Taking notice back is for staff to allow."""

    life: LeaseLife
    deposits: Deposits
    pepper: Pepper
    random: Random

    def preview(self, session: Session, leaves_on: date | None) -> Preview:
        """What leaving on a day, the first possible one unless said, comes to. Six reads.

        Raises ChangeRefused, NotFound.
        """
        return self._preview(session.lease, leaves_on)

    def give(self, session: Session, leaves_on: date, shown: str, *, network: str) -> LeaseChange:
        """Gives notice on the figures that were shown; sent again it is the same notice.

        Raises ShownOtherwise, ChangeRefused, NotFound.
        """
        lease_id = session.lease.lease_id
        change_id = derived_id("departure", lease_id, leaves_on.isoformat(), shown)
        known = self.life.changes.get(lease_id, change_id)
        if known is not None:
            return known
        preview = self._preview(session.lease, leaves_on)
        if not hmac.compare_digest(preview.shown, shown):
            raise ShownOtherwise
        change = Leaving(leaves_on=leaves_on, given_on=preview.given_on, reason=DepartureReason.TENANT_NOTICE)
        by = ByTenant(session=session, pepper=self.pepper, random=self.random, network=network, at=self.life)
        try:
            return self.life.decide(lease_id, self._residence(session.lease), change, by, change_id=change_id)
        except LifeRefused as refused:
            raise ChangeRefused.because(refused) from refused

    def _preview(self, lease: Lease, leaves_on: date | None) -> Preview:
        residence = self._residence(lease)
        given_on = local_date(self.life.terms.books.clock(), residence.time_zone)
        # another day than the one that was confirmed, or one that is past, is for staff to agree to
        not_theirs = {Stage.NOTICE_GIVEN: Fault.NOTICE_WAS_GIVEN, Stage.DEPARTED: Fault.STAY_OVER}
        if (fault := not_theirs.get(stage_on(lease, given_on))) is not None:
            raise ChangeRefused.because(LifeRefused(fault))
        earliest = earliest_leaving(lease, given_on, residence.notice_months)
        chosen = leaves_on or earliest
        change = Leaving(leaves_on=chosen, given_on=given_on, reason=DepartureReason.TENANT_NOTICE)
        try:
            changed = self.life.preview(lease.lease_id, residence, change)
        except LifeRefused as refused:
            raise ChangeRefused.because(refused) from refused
        journal = self.life.terms.books.accounts.journal(lease.lease_id)
        deposit, _ = self.deposits.of_lease(lease.lease_id)
        months = _months(changed, journal, given_on)
        balance = journal.account.checkpoint.balance_cents if journal.account else 0
        # what the change itself would issue is in its corrections, months that were never billed too
        issues = {one.period for one in changed.corrections}
        issued = sum(one.difference_cents for one in changed.corrections if not one.corrects)
        to_come = sum(
            one.rent_cents for one in months if one.billed_cents is None and one.period not in issues
        )
        figures = Preview(
            given_on=given_on,
            notice_months=residence.notice_months,
            earliest_on=earliest,
            leaves_on=chosen,
            ends_on=changed.before.ends_on,
            months=months,
            balance_cents=balance,
            corrected_cents=changed.difference_cents,
            left_to_pay_cents=balance + changed.difference_cents + issued + to_come + _waiting(journal),
            deposit_held_cents=deposit.held_cents if deposit else 0,
            shown="",
        )
        return _sealed(figures, changed.before)

    def _residence(self, lease: Lease) -> Residence:
        residence = self.life.terms.people.residence(lease.residence_id)
        if residence is None:
            raise NotFound
        return residence


def _months(changed: Changed, journal: Journal, today: date) -> tuple[MonthOwed, ...]:
    billed = {one.notice.period: one.notice.amount_cents for one in journal.notices}
    lease, residence = changed.after, changed.residence
    late = [period for period in periods_to_bill(lease, residence, today) if period not in billed]
    first = max(min([period_of(today), *late]), period_of(lease.starts_on))
    owed = (notice_for(lease, residence, period) for period in periods(first, period_of(lease.ends_on)))
    return tuple(
        MonthOwed(
            period=notice.period,
            starts_on=notice.starts_on,
            ends_on=notice.ends_on,
            days=(notice.ends_on - notice.starts_on).days + 1,
            rent_cents=notice.amount_cents,
            billed_cents=billed.get(notice.period),
        )
        for notice in owed
        if notice is not None
    )


def _waiting(journal: Journal) -> int:
    return sum(one.amount_cents for one in journal.account.adjustments) if journal.account else 0


def _sealed(figures: Preview, lease: Lease) -> Preview:
    """With what stands for them: another lease, another day, another figure is another word."""
    said = json.dumps([lease.lease_id, lease.version, asdict(figures)], default=str, sort_keys=True)
    return replace(figures, shown=hashlib.sha256(said.encode()).hexdigest()[:32])
