"""Renewal: a tenant sees where they stand and answers; staff open campaigns, warn, and decide.

Eligibility is worked out each time it is looked at, from the account, the enrolments, the warnings and the
years so far; nothing of it is kept but the decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import ClassVar

from sesame.domain.calendar import local_date
from sesame.domain.certificates import Tenancy
from sesame.domain.lease_life import LifeRefused
from sesame.domain.lease_life import Renewal as FurtherPeriod
from sesame.domain.renewals import (
    Campaign,
    DeclinedFor,
    Facts,
    RenewalState,
    RenewalStep,
    Verdict,
    Warned,
    campaign_for,
    eligibility,
    faults_of,
    is_eligible,
    next_state,
    warnings_that_count,
)
from sesame.domain.standings import overdue_cents
from sesame.domain.studies import standing
from sesame.domain.tenancy import Lease, LeaseStatus, Residence
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Forbidden, Invalid, NotFound
from sesame.platform.events import announcement
from sesame.platform.ids import Random, derived_id
from sesame.platform.secrets import Pepper
from sesame.services.consequences import block_of
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.lease_life import AtDesk, ChangeRefused, LeaseLife, digest_of
from sesame.services.lease_terms import Changed
from sesame.services.payments import KeyReused
from sesame.services.retries import USUAL, Retries
from sesame.services.sessions import Session
from sesame.services.social_files import StepNotPossible
from sesame.services.staff import Role, Staff, require, within
from sesame.store import keys
from sesame.store.accounts import Account, account_of
from sesame.store.audit import Action, Audit
from sesame.store.people import lease_of, residence_of
from sesame.store.renewals import (
    Campaigns,
    Decided,
    LeaseRenewals,
    Renewal,
    RenewalPage,
    Renewals,
    accepted,
)
from sesame.store.social_files import Enrolments
from sesame.store.table import ConditionFailed, Table, Write, batch_get, same_table, transact

RENEWAL_STAFF = (Role.MANAGER, Role.ADMINISTRATOR)
"""Who opens campaigns, warns and decides."""
LOOKING = (Role.DESK, Role.MANAGER, Role.ADMINISTRATOR)


class RenewalClosed(Conflict):
    """No campaign is open for this lease: it has not begun, or is over."""

    slug = "renewal-closed"
    title: ClassVar = {"fr": "Renouvellement fermé", "en": "Renewal is closed"}


class NotEligible(Conflict):
    """A rule is not met: `errors` names each; an exception must be said to be one."""

    slug = "not-eligible"
    title: ClassVar = {"fr": "Une condition n'est pas remplie", "en": "A condition is not met"}


class CampaignBegun(Conflict):
    """What tenants were told when the campaign opened cannot be changed any more."""

    slug = "campaign-begun"
    title: ClassVar = {"fr": "La campagne a commencé", "en": "The campaign has begun"}


class DecidedOtherwise(Conflict):
    """It was decided before, with another rent or other words: that stands."""

    slug = "decided-otherwise"
    title: ClassVar = {"fr": "Déjà décidé autrement", "en": "It was decided otherwise"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalSeen:
    """Where a lease stands in a campaign. Times in UTC."""

    campaign: Campaign
    lease: Lease
    opens_at: datetime
    closes_at: datetime
    is_open: bool
    renewal: Renewal
    verdicts: list[Verdict]

    @property
    def eligible(self) -> bool:
        """Whether every rule is met."""
        return is_eligible(self.verdicts)


@dataclass(frozen=True, slots=True)
class RenewalStandings:
    """Reads where a lease stands, from the identity and money tables."""

    identity: Table
    money: Table

    def seen(self, lease: Lease, now: datetime) -> RenewalSeen:
        """In the campaign that its tenant is shown, by four to seven reads. Raises NotFound without one."""
        residence = self._residence(lease)
        of_lease = Renewals(self.identity).of_lease(lease.lease_id)
        answered = frozenset(one.campaign_id for one in of_lease.renewals)
        campaigns = Campaigns(self.identity).all()
        campaign = campaign_for(lease, campaigns, answered, now, residence.time_zone)
        if campaign is None:
            raise NotFound(
                detail_fr="Aucune campagne de renouvellement ne concerne votre logement.",
                detail_en="No renewal campaign is about your room.",
            )
        return self._seen(lease, residence, campaign, of_lease, now)

    def of(self, lease: Lease, campaign_id: str, now: datetime) -> RenewalSeen:
        """In one campaign. Raises NotFound where it is none of the lease's."""
        campaign = Campaigns(self.identity).get(campaign_id)
        of_lease = Renewals(self.identity).of_lease(lease.lease_id)
        residence = self._residence(lease)
        today = local_date(now, residence.time_zone)
        if campaign is None or not (campaign.is_about(lease, today) or of_lease.of(campaign_id)):
            raise NotFound
        return self._seen(lease, residence, campaign, of_lease, now)

    def all_of(self, lease: Lease, now: datetime) -> list[RenewalSeen]:
        """In every campaign that is, or was, about it; the latest first."""
        residence = self._residence(lease)
        today = local_date(now, residence.time_zone)
        of_lease = Renewals(self.identity).of_lease(lease.lease_id)
        return [
            self._seen(lease, residence, campaign, of_lease, now)
            for campaign in Campaigns(self.identity).all()
            if campaign.is_about(lease, today) or of_lease.of(campaign.campaign_id)
        ]

    def _seen(
        self,
        lease: Lease,
        residence: Residence,
        campaign: Campaign,
        of_lease: LeaseRenewals,
        now: datetime,
    ) -> RenewalSeen:
        renewal = of_lease.of(campaign.campaign_id) or Renewal(
            lease_id=lease.lease_id,
            person_id=lease.person_id,
            residence_id=lease.residence_id,
            campaign_id=campaign.campaign_id,
        )
        zone = residence.time_zone
        # Once it is renewed, the rules of that campaign are over.
        is_over = renewal.state is RenewalState.ACCEPTED
        verdicts = [] if is_over else self._verdicts(lease, residence, campaign, of_lease, now)
        return RenewalSeen(
            campaign=campaign,
            lease=lease,
            opens_at=campaign.opens_at(zone),
            closes_at=campaign.closes_at(zone),
            is_open=campaign.is_open(now, zone),
            renewal=renewal,
            verdicts=verdicts,
        )

    def _verdicts(
        self,
        lease: Lease,
        residence: Residence,
        campaign: Campaign,
        of_lease: LeaseRenewals,
        now: datetime,
    ) -> list[Verdict]:
        rules, enrolment, renewals = campaign.rules, None, 0
        item = self.money.get(keys.account(lease.lease_id))
        today = local_date(now, residence.time_zone)
        account = (
            account_of(item) if item else Account(lease_id=lease.lease_id, residence_id=lease.residence_id)
        )
        if rules.enrolment_year is not None:
            known = Enrolments(self.identity).of_person(lease.person_id)
            enrolment = standing(known, rules.enrolment_year)
        if rules.most_renewals is not None:
            renewals = self._renewals_so_far(lease, of_lease)
        facts = Facts(
            overdue_cents=overdue_cents(account.checkpoint.outstanding, today),
            enrolment=enrolment,
            warnings=warnings_that_count(of_lease.warnings, now, residence.time_zone),
            renewals=renewals,
            block=block_of(account, residence, now),
        )
        return eligibility(rules, facts)

    def _renewals_so_far(self, lease: Lease, of_lease: LeaseRenewals) -> int:
        """The renewals that were accepted, and earlier leases: some operators write a new one each year."""
        pointers = self.identity.query_all(keys.person(lease.person_id)["pk"], "LEASE#")
        others = [one["lease_id"] for one in pointers if one["lease_id"] != lease.lease_id]
        items = same_table(self.identity, [keys.lease(one) for one in others])
        earlier = [
            other
            for item in items
            if item
            and (other := lease_of(item)).starts_on < lease.starts_on
            and other.status is not LeaseStatus.CANCELLED
        ]
        store = Renewals(self.identity)
        before = sum(1 + accepted(store.of_lease(other.lease_id).renewals) for other in earlier)
        return before + accepted(of_lease.renewals)

    def _residence(self, lease: Lease) -> Residence:
        item = self.identity.get(keys.residence(lease.residence_id))
        if item is None:
            raise NotFound
        return residence_of(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRenewal:
    """The tenant's side."""

    standings: RenewalStandings
    renewals: Renewals
    audit: Audit
    pepper: Pepper
    clock: Clock
    random: Random
    retries: Retries = USUAL

    def seen(self, session: Session) -> RenewalSeen:
        """Where the tenant stands. Raises NotFound where no campaign is about the lease."""
        return self.standings.seen(session.lease, self.clock())

    def answer(self, session: Session, step: RenewalStep, *, source: str) -> RenewalSeen:
        """Asks for another year, or says that the tenant leaves. The same answer again changes nothing.

        Raises NotFound, RenewalClosed, StepNotPossible once it is decided.
        """

        def attempt() -> RenewalSeen:
            seen = self.seen(session)
            if not seen.is_open:
                raise RenewalClosed(
                    detail_fr="Vous pouvez répondre pendant la campagne de renouvellement seulement.",
                    detail_en="You can answer during the renewal campaign only.",
                )
            now = self.clock()
            after = answered(seen, step, now)
            if after.state is seen.renewal.state:
                return seen
            entry = session.deed(
                Action.RENEWAL_ANSWERED,
                now,
                random=self.random,
                source=self.pepper.hash("source", source),
                campaign_id=after.campaign_id,
                answer=step,
            )
            writes = [self.renewals.saving(after), self.audit.recording(entry)]
            transact(self.renewals.table.client, writes)
            return replace(seen, renewal=replace(after, version=after.version + 1))

        return self.retries.run(attempt)


def answered(seen: RenewalSeen, step: RenewalStep, at: datetime) -> Renewal:
    """A renewal after the tenant's answer. Raises StepNotPossible."""
    renewal = seen.renewal
    if step is RenewalStep.ASK and renewal.state is not RenewalState.ACCEPTED and seen.lease.departure:
        raise StepNotPossible(
            detail_fr="Un congé a été donné : demandez d'abord à l'accueil de le retirer.",
            detail_en="Notice to leave was given: ask the reception desk to withdraw it first.",
        )
    state = next_state(renewal.state, step)
    if state is None:
        raise StepNotPossible(
            detail_fr="Votre demande est déjà décidée ; adressez-vous à l'accueil.",
            detail_en="Your request is decided already; ask at the reception desk.",
        )
    return replace(renewal, state=state, answered_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRent:
    """What the new period costs, in cents a month; None for what stays as it was."""

    rent_cents: int | None = None
    charges_cents: int | None = None


AS_BEFORE = NewRent()
"""The rent stays what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalDecision:
    """What staff decide. `exception` lets a rule be unmet; `reason` says why a request is declined."""

    accepts: bool
    reason: DeclinedFor | None = None
    note: str = ""
    exception: bool = False
    rent: NewRent = AS_BEFORE
    """Of the new period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRenewals:
    """The desk's side of one lease."""

    standings: RenewalStandings
    renewals: Renewals
    leases: DeskLeases
    life: LeaseLife
    audit: Audit
    deeds: Deeds
    clock: Clock
    retries: Retries = USUAL

    def of_lease(self, staff: Staff, lease_id: str) -> list[RenewalSeen]:
        """A lease in every campaign about it. Raises Forbidden, NotFound."""
        require(staff, *LOOKING)
        return self.standings.all_of(self.leases.seen(staff, lease_id), self.clock())

    def of_residence(
        self,
        staff: Staff,
        residence_id: str,
        campaign_id: str,
        *,
        state: RenewalState | None = None,
        after: str | None = None,
    ) -> RenewalPage:
        """A page of a residence's renewals in a campaign. Raises Forbidden, NotFound."""
        require(staff, *LOOKING)
        within(staff, residence_id)
        return self.renewals.of_residence(residence_id, campaign_id, state=state, after=after)

    def answer(
        self, staff: Staff, lease_id: str, campaign_id: str, step: RenewalStep, *, network: str
    ) -> RenewalSeen:
        """Takes a tenant's answer down at the desk, after the closing too.

        Raises Forbidden, NotFound, StepNotPossible.
        """
        require(staff, *LOOKING)

        def attempt() -> RenewalSeen:
            lease = self.leases.acted_on(staff, lease_id).lease
            seen = self.standings.of(lease, campaign_id, self.clock())
            after = answered(seen, step, self.clock())
            if after.state is seen.renewal.state:
                return seen
            entry = self.deeds.entry(
                Action.RENEWAL_ANSWERED,
                staff,
                network,
                lease_id=lease_id,
                residence_id=lease.residence_id,
                campaign_id=campaign_id,
                answer=step,
            )
            writes = [self.renewals.saving(after), self.audit.recording(entry)]
            transact(self.renewals.table.client, writes)
            return replace(seen, renewal=replace(after, version=after.version + 1))

        return self.retries.run(attempt)

    def decide(
        self, staff: Staff, lease_id: str, campaign_id: str, decision: RenewalDecision, *, network: str
    ) -> RenewalSeen:
        """Accepts a request, which gives the lease its new last day, or declines it. The same decision again
        changes nothing.

        Raises Forbidden, NotFound, StepNotPossible, DecidedOtherwise where it was accepted at another rent or
        in other words, ChangeRefused where the lease's life does not allow it, TooManyCorrections, and
        NotEligible where a rule is not met and no exception is made.
        """
        require(staff, *RENEWAL_STAFF)

        def attempt() -> RenewalSeen:
            tenancy = self.leases.acted_on(staff, lease_id)
            lease, now = tenancy.lease, self.clock()
            seen = self.standings.of(lease, campaign_id, now)
            if _is_decided_so(seen.renewal, decision):
                self._check_is_the_same(seen, decision)
                return seen
            after = _after(seen, decision, now, staff)
            entry = self.deeds.entry(
                Action.RENEWAL_DECIDED,
                staff,
                network,
                lease_id=lease_id,
                residence_id=lease.residence_id,
                campaign_id=campaign_id,
                decision=after.state,
                **_details(seen, decision),
            )
            writes: list[Write] = [
                self.renewals.saving(after, _decided(after, now)),
                self.audit.recording(entry),
            ]
            if decision.accepts:
                by = AtDesk(staff=staff, deeds=self.deeds, network=network)
                lease = self._renewed(tenancy, seen, decision, by, writes)
            else:
                transact(self.renewals.table.client, writes)
            return replace(
                seen,
                renewal=replace(after, version=after.version + 1),
                lease=lease,
                verdicts=[] if decision.accepts else seen.verdicts,
            )

        try:
            return self.retries.run(attempt)
        except LifeRefused as refused:
            raise ChangeRefused.because(refused) from refused
        except KeyReused as error:
            raise _decided_otherwise() from error

    def _renewed(
        self,
        tenancy: Tenancy,
        seen: RenewalSeen,
        decision: RenewalDecision,
        by: AtDesk,
        writes: Sequence[Write],
    ) -> Lease:
        """The lease after its renewal, which is one of its changes. Raises LifeRefused, StepNotPossible where
        it ends on another day than was decided on: another change came first."""
        lease = tenancy.lease
        after: list[Lease] = []

        def also(done: Changed) -> Sequence[Write]:
            if done.before.ends_on != lease.ends_on:
                raise StepNotPossible(
                    detail_fr="La fin du bail vient de changer : relisez-le avant de décider.",
                    detail_en="The lease's last day has just changed: read it again before you decide.",
                )
            after[:] = [done.after]
            return writes

        change, change_id = _further(seen.campaign, decision), _change_id(seen)
        self.life.decide(lease.lease_id, tenancy.residence, change, by, change_id=change_id, also=also)
        # where the same request made it a moment before, nothing was written here
        return after[0] if after else self.leases.seen(by.staff, lease.lease_id)

    def _check_is_the_same(self, seen: RenewalSeen, decision: RenewalDecision) -> None:
        """Raises DecidedOtherwise where more was asked for than what stands."""
        decided = seen.renewal.decided
        same = decided is not None and decided.note == decision.note
        if same and decision.accepts:
            made = self.life.changes.get(seen.lease.lease_id, _change_id(seen))
            same = made is None or made.said == digest_of(_further(seen.campaign, decision))
        if not same:
            raise _decided_otherwise()

    def warnings_of(self, staff: Staff, lease_id: str) -> list[Warned]:
        """A lease's warnings, the latest first. Raises Forbidden, NotFound."""
        require(staff, *LOOKING)
        self.leases.seen(staff, lease_id)
        found = self.renewals.of_lease(lease_id).warnings
        return sorted(found, key=lambda one: (one.given_on, one.warning_id), reverse=True)

    def warn(self, staff: Staff, lease_id: str, rule: str, given_on: date, *, network: str) -> Warned:
        """Records a warning; the same day and rule again is the same one.

        Raises Forbidden, NotFound, Invalid for a day to come or long gone.
        """
        require(staff, *RENEWAL_STAFF)
        tenancy = self.leases.acted_on(staff, lease_id)
        now = self.clock()
        today = local_date(now, tenancy.residence.time_zone)
        if not today - timedelta(days=366) <= given_on <= today:
            raise Invalid(
                detail_fr="La date d'un avertissement est passée, et d'un an au plus.",
                detail_en="A warning's day is past, by a year at most.",
                errors=[{"field": "given_on", "reason": today.isoformat()}],
            )
        warned = Warned(
            warning_id=derived_id("warning", lease_id, given_on.isoformat(), rule.casefold()),
            lease_id=lease_id,
            given_on=given_on,
            rule=rule,
            recorded_at=now,
            recorded_by=staff.staff_id,
        )
        entry = self.deeds.entry(
            Action.WARNING_GIVEN,
            staff,
            network,
            lease_id=lease_id,
            residence_id=tenancy.lease.residence_id,
            warning_id=warned.warning_id,
        )
        try:
            transact(
                self.renewals.table.client,
                [self.renewals.giving(warned), self.audit.recording(entry)],
                attempts=3,
            )
        except ConditionFailed:
            return self.renewals.warning(lease_id, warned.warning_id) or warned
        return warned

    def withdraw(self, staff: Staff, lease_id: str, warning_id: str, *, network: str) -> Warned:
        """Takes a warning back: it counts no more, and is still seen. Raises Forbidden, NotFound."""
        require(staff, *RENEWAL_STAFF)
        lease = self.leases.acted_on(staff, lease_id).lease
        warned = self.renewals.warning(lease_id, warning_id)
        if warned is None:
            raise NotFound
        if warned.withdrawn_at is not None:
            return warned
        now = self.clock()
        entry = self.deeds.entry(
            Action.WARNING_WITHDRAWN,
            staff,
            network,
            lease_id=lease_id,
            residence_id=lease.residence_id,
            warning_id=warning_id,
        )
        try:
            transact(
                self.renewals.table.client,
                [self.renewals.withdrawing(warned, now), self.audit.recording(entry)],
                attempts=3,
            )
        except ConditionFailed:
            return self.renewals.warning(lease_id, warning_id) or warned
        return replace(warned, withdrawn_at=now)


def _decided_otherwise() -> DecidedOtherwise:
    return DecidedOtherwise(
        detail_fr="Cette demande est décidée, à un autre loyer ou avec un autre message. "
        "Pour changer le loyer d'un bail renouvelé, modifiez ses conditions.",
        detail_en="This request is decided, at another rent or in other words. "
        "To change the rent of a renewed lease, amend its terms.",
    )


def _further(campaign: Campaign, decision: RenewalDecision) -> FurtherPeriod:
    """What an acceptance makes of the lease."""
    rent = decision.rent
    return FurtherPeriod(
        ends_on=campaign.renews_until, rent_cents=rent.rent_cents, charges_cents=rent.charges_cents
    )


def _change_id(seen: RenewalSeen) -> str:
    """A campaign renews a lease once."""
    return derived_id("renewal", seen.lease.lease_id, seen.campaign.campaign_id)


def _after(seen: RenewalSeen, decision: RenewalDecision, now: datetime, staff: Staff) -> Renewal:
    """The renewal once it is decided. Raises StepNotPossible, NotEligible."""
    state = next_state(seen.renewal.state, RenewalStep.ACCEPT if decision.accepts else RenewalStep.DECLINE)
    if state is None:
        raise StepNotPossible(
            detail_fr="La demande, où elle en est, ne peut pas être décidée ainsi.",
            detail_en="The request, as it stands, cannot be decided so.",
        )
    # of a notice to leave the lease's life speaks for itself
    given_up = seen.lease.departure is not None
    if decision.accepts and not given_up and not seen.campaign.can_renew(seen.lease):
        raise StepNotPossible(
            detail_fr="Le bail ne finit plus dans la période de cette campagne, qui ne le renouvelle pas.",
            detail_en="The lease no longer ends within this campaign's days, which cannot renew it.",
        )
    exception = decision.accepts and not seen.eligible
    if exception and not decision.exception:
        raise NotEligible(errors=[_unmet(verdict) for verdict in seen.verdicts if not verdict.met])
    return replace(
        seen.renewal,
        state=state,
        decided=Decided(
            at=now,
            by=staff.staff_id,
            reason=decision.reason,
            note=decision.note,
            exception=exception,
            renewed_until=seen.campaign.renews_until if decision.accepts else None,
        ),
    )


def _details(seen: RenewalSeen, decision: RenewalDecision) -> dict[str, str]:
    """What the audit keeps of a decision."""
    if not decision.accepts:
        return {"reason": decision.reason or ""}
    unmet = ",".join(verdict.criterion.value for verdict in seen.verdicts if not verdict.met)
    until = seen.campaign.renews_until.isoformat()
    return {"until": until, "exception": unmet} if unmet else {"until": until}


def _decided(renewal: Renewal, at: datetime) -> dict[str, str]:
    version = str(renewal.version + 1)
    return announcement(
        "renewal.decided",
        at,
        id=derived_id("renewal.decided", renewal.lease_id, renewal.campaign_id, version),
        lease_id=renewal.lease_id,
        campaign_id=renewal.campaign_id,
        version=version,
    )


def _is_decided_so(renewal: Renewal, decision: RenewalDecision) -> bool:
    if renewal.decided is None:
        return False
    if decision.accepts:
        return renewal.state is RenewalState.ACCEPTED
    return renewal.state is RenewalState.DECLINED and renewal.decided.reason is decision.reason


def _unmet(verdict: Verdict) -> dict[str, object]:
    french, english = verdict.said.values()
    return {"field": verdict.criterion.value, "reason": f"{french} / {english}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskCampaigns:
    """The operator's campaigns."""

    identity: Table
    campaigns: Campaigns
    audit: Audit
    deeds: Deeds
    clock: Clock

    def seen(self, staff: Staff) -> list[Campaign]:
        """Those of residences that the caller sees, the latest first. Raises Forbidden."""
        require(staff, *LOOKING)
        return [one for one in self.campaigns.all() if _is_seen(staff, one)]

    def one(self, staff: Staff, campaign_id: str) -> Campaign:
        """A campaign. Raises Forbidden, NotFound."""
        require(staff, *LOOKING)
        campaign = self.campaigns.get(campaign_id)
        if campaign is None or not _is_seen(staff, campaign):
            raise NotFound
        return campaign

    def open(self, staff: Staff, campaign: Campaign, *, network: str) -> Campaign:
        """Makes a new campaign; the same id again is the same one. Raises Forbidden, NotFound, Invalid."""
        require(staff, *RENEWAL_STAFF)
        self._check(staff, campaign)
        try:
            self._save(staff, campaign, network)
        except ConditionFailed:
            return self.one(staff, campaign.campaign_id)
        return replace(campaign, version=1)

    def change(self, staff: Staff, wanted: Campaign, *, network: str) -> Campaign:
        """Changes a campaign. Once it has begun only its closing, later, its rules and its reminders.

        Raises Forbidden, NotFound, Invalid, CampaignBegun.
        """
        require(staff, *RENEWAL_STAFF)
        before = self.one(staff, wanted.campaign_id)
        # Who sees only some of its residences may look at it, and not change it for the others.
        if not _covers(staff, before):
            raise Forbidden
        self._check(staff, wanted)
        after = replace(wanted, version=before.version)
        if after == before:
            return before
        if self._has_begun(before) and _told(after) != _told(before):
            raise CampaignBegun(
                detail_fr="Après l'ouverture, seuls la clôture, les règles et les rappels se changent.",
                detail_en="After the opening only the closing, the rules and the reminders can be changed.",
            )
        try:
            self._save(staff, after, network)
        except ConditionFailed as failure:
            raise Conflict from failure
        return replace(after, version=before.version + 1)

    def _has_begun(self, campaign: Campaign) -> bool:
        """Whether it is the opening day anywhere on the operator's clocks."""
        return local_date(self.clock(), "Pacific/Wallis") >= campaign.opens_on

    def _check(self, staff: Staff, campaign: Campaign) -> None:
        if not _covers(staff, campaign):
            raise NotFound
        wrong: list[dict[str, object]] = [
            {"field": name, "reason": "incohérent / inconsistent"} for name in faults_of(campaign)
        ]
        wanted = sorted(campaign.scope.residence_ids)
        known: set[str] = set()
        for start in range(0, len(wanted), 100):
            some = wanted[start : start + 100]
            items = batch_get(
                self.identity.client, [(self.identity.name, keys.residence(one)) for one in some]
            )
            known |= {item["sk"] for item in items if item}
        wrong += [
            {"field": "residence_ids", "reason": "inconnu / unknown"} for one in wanted if one not in known
        ]
        if wrong:
            raise Invalid(errors=wrong)

    def _save(self, staff: Staff, campaign: Campaign, network: str) -> None:
        entry = self.deeds.entry(
            Action.RENEWAL_CAMPAIGN_SET, staff, network, campaign_id=campaign.campaign_id
        )
        writes = [self.campaigns.saving(campaign), self.audit.recording(entry)]
        transact(self.campaigns.table.client, writes, attempts=3)


def _told(campaign: Campaign) -> Sequence[object]:
    """What tenants were told at the opening, or what decides whom it is about."""
    return (
        campaign.scope,
        campaign.opens_on,
        campaign.leases_end_from,
        campaign.leases_end_to,
        campaign.renews_until,
    )


def _is_seen(staff: Staff, campaign: Campaign) -> bool:
    mine = staff.scope
    return (
        mine.everywhere
        or (campaign.scope.everywhere and bool(mine.residence_ids))
        or not campaign.scope.residence_ids.isdisjoint(mine.residence_ids)
    )


def _covers(staff: Staff, campaign: Campaign) -> bool:
    """Whether every residence of a campaign is theirs."""
    if staff.scope.everywhere:
        return True
    return not campaign.scope.everywhere and campaign.scope.residence_ids <= staff.scope.residence_ids
