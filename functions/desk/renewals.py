"""The desk's routes of renewal: campaigns, requests and decisions, and the warnings that a rule counts."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from sesame.domain.csv_files import MAX_AMOUNT_CENTS
from sesame.domain.renewals import (
    DEFAULT_REMINDERS,
    MOST_REMINDERS,
    Campaign,
    Criterion,
    DeclinedFor,
    RenewalState,
    RenewalStep,
    Rules,
    Warned,
)
from sesame.domain.scope import Scope
from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Conflict, Forbidden, Invalid, NotFound
from sesame.platform.http import Api, Id, Language, Shown, Source, StrictModel
from sesame.platform.ids import derived_id
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.lease_life import ChangeRefused, LeaseLife
from sesame.services.lease_terms import LeaseTerms, TooManyCorrections
from sesame.services.renewals import (
    AS_BEFORE,
    CampaignBegun,
    DecidedOtherwise,
    DeskCampaigns,
    DeskRenewals,
    NewRent,
    NotEligible,
    RenewalDecision,
    RenewalSeen,
    RenewalStandings,
)
from sesame.services.social_files import StepNotPossible
from sesame.services.staff import Staff, staff_dependency
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.lease_changes import LeaseChanges
from sesame.store.people import People
from sesame.store.renewals import Campaigns, Renewal, Renewals
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table


class RenewalsSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    pepper_secret: str


class RenewalRules(StrictModel):
    """What a renewal asks of a tenant. null: that rule is not applied."""

    debt_tolerance_cents: Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT_CENTS)] | None = 0
    """What may be overdue of who is still up to date."""
    enrolment_year: Annotated[str, Field(pattern=r"^20[0-9]{2}-20[0-9]{2}$")] | None = None
    """The year for which an enrolment must be known."""
    pre_enrolment_counts: bool = True
    most_warnings: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    """How many warnings of the last year still pass."""
    most_renewals: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    """How many years may follow the first."""


ResidenceIds = Annotated[
    list[Annotated[str, Field(max_length=250)]], Field(max_length=500, default_factory=list)
]


class CampaignRequest(StrictModel):
    """A season of renewals. Days are of each residence's own calendar, the last ones included."""

    residence_ids: ResidenceIds
    """Empty for all of the operator's."""
    all_residences: bool = False
    opens_on: date
    closes_on: date
    leases_end_from: date
    """The leases that it is about: those whose last day lies between these two."""
    leases_end_to: date
    renews_until: date
    """The last day of the new period."""
    rules: RenewalRules = RenewalRules()
    remind_days: Annotated[
        list[Annotated[int, Field(strict=True, ge=0, le=120)]],
        Field(max_length=MOST_REMINDERS, default_factory=lambda: list(DEFAULT_REMINDERS)),
    ]
    """Days before the closing on which who has not answered is written to, after the opening's message."""

    def campaign(self, campaign_id: str) -> Campaign:
        """As the rules read it."""
        return Campaign(
            campaign_id=campaign_id,
            scope=Scope(everywhere=self.all_residences, residence_ids=frozenset(self.residence_ids)),
            opens_on=self.opens_on,
            closes_on=self.closes_on,
            leases_end_from=self.leases_end_from,
            leases_end_to=self.leases_end_to,
            renews_until=self.renews_until,
            rules=Rules(**self.rules.model_dump()),
            remind_days=tuple(self.remind_days),
        )


class CampaignShown(Shown):
    """A campaign as it stands; `steps` are the days on which who has not answered is written to."""

    campaign_id: str
    residence_ids: list[str]
    all_residences: bool
    opens_on: date
    closes_on: date
    leases_end_from: date
    leases_end_to: date
    renews_until: date
    rules: RenewalRules
    remind_days: list[int]
    steps: list[date]


class CampaignList(Shown):
    """The latest to open first."""

    campaigns: list[CampaignShown]


class DecidedShown(Shown):
    """What was decided; `exception`: although a rule was not met."""

    at: datetime
    by: str
    reason: DeclinedFor | None
    note: str
    exception: bool
    renewed_until: date | None


class LeaseRenewalShown(Shown):
    """A lease's renewal in a campaign."""

    lease_id: str
    campaign_id: str
    state: RenewalState
    reminded_on: date | None
    answered_at: datetime | None
    decided: DecidedShown | None


class RenewalList(Shown):
    """By state. Where there is more, give `next` as `after`."""

    renewals: list[LeaseRenewalShown]
    next: str | None


class CriterionShown(Shown):
    """A rule, whether it is met, and what would mend it."""

    criterion: Criterion
    met: bool
    said: str
    remedy: str


class LeaseRenewalSeen(LeaseRenewalShown):
    """With the campaign's times, and each rule as it stands now."""

    opens_at: datetime
    closes_at: datetime
    is_open: bool
    renews_until: date
    lease_ends_on: date
    eligible: bool
    criteria: list[CriterionShown]


class LeaseRenewals(Shown):
    """In every campaign that is or was about the lease, the latest first."""

    renewals: list[LeaseRenewalSeen]


class AnswerRequest(StrictModel):
    """What the tenant said at the desk."""

    wish: Literal["renew", "leave"]


class DecisionRequest(StrictModel):
    """`accept` gives the lease its new last day; `decline` says why. `exception` lets a rule be unmet."""

    decision: Literal["accept", "decline"]
    reason: DeclinedFor | None = None
    note: Annotated[str, Field(max_length=500)] = ""
    """In the operator's words; the tenant reads it."""
    exception: bool = False
    rent_cents: Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT_CENTS)] | None = None
    """A month, from the new period's first day; left out where it stays as it was."""
    charges_cents: Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT_CENTS)] | None = None


class WarningRequest(StrictModel):
    """A warning: the day it was given, and which rule was broken."""

    given_on: date
    rule: Annotated[str, Field(min_length=1, max_length=200)]


class WarningShown(Shown):
    """A warning; one that was taken back counts no more."""

    warning_id: str
    given_on: date
    rule: str
    recorded_at: datetime
    recorded_by: str
    withdrawn_at: datetime | None


class WarningList(Shown):
    """The latest first."""

    warnings: list[WarningShown]


settings = RenewalsSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
audit = Audit(Table(dynamodb, settings.operations_table))
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
campaigns = DeskCampaigns(
    identity=identity, campaigns=Campaigns(identity), audit=audit, deeds=deeds, clock=utc_now
)
renewals = DeskRenewals(
    standings=RenewalStandings(identity, money),
    renewals=Renewals(identity),
    leases=DeskLeases(identity),
    life=LeaseLife(
        terms=LeaseTerms(people=People(identity, pepper), books=Bookkeeping(Accounts(money), utc_now)),
        changes=LeaseChanges(identity),
        audit=audit,
    ),
    audit=audit,
    deeds=deeds,
    clock=utc_now,
)

CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
api = Api()


@api.post(
    "/v1/desk/renewal-campaigns",
    status=201,
    summary="Open a renewal campaign",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def open_campaign(body: CampaignRequest, staff: CurrentStaff, network: Source) -> CampaignShown:
    """For managers and administrators, of residences that they see. Asked again alike, it is the same one."""
    campaign_id = derived_id("renewal-campaign", body.model_dump_json())
    return _campaign(campaigns.open(staff, _checked(body, campaign_id), network=network))


@api.get("/v1/desk/renewal-campaigns", summary="The renewal campaigns", errors=[Forbidden], security="staff")
def list_campaigns(staff: CurrentStaff) -> CampaignList:
    """Those of residences that the caller sees."""
    return CampaignList(campaigns=[_campaign(one) for one in campaigns.seen(staff)])


@api.put(
    "/v1/desk/renewal-campaigns/<campaign_id>",
    summary="Change a renewal campaign",
    errors=[Forbidden, NotFound, Invalid, CampaignBegun, Conflict],
    security="staff",
)
def change_campaign(
    campaign_id: Id, body: CampaignRequest, staff: CurrentStaff, network: Source
) -> CampaignShown:
    """Once it has begun: its closing, its rules and its reminders only."""
    return _campaign(campaigns.change(staff, _checked(body, campaign_id), network=network))


@api.get(
    "/v1/desk/residences/<residence_id>/renewals",
    summary="A residence's renewals in a campaign",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def residence_renewals(
    residence_id: Annotated[str, Path(max_length=250)],
    staff: CurrentStaff,
    campaign_id: Annotated[str, Query(pattern=r"^[0-9a-z]{26}$")],
    state: Annotated[RenewalState | None, Query()] = None,
    after: Annotated[str | None, Query(pattern=r"^[a-z]{1,20}\.[0-9a-z]{26}$")] = None,
) -> RenewalList:
    """Who asked, who leaves, who was written to and has not answered; fifty at a time."""
    page = renewals.of_residence(staff, residence_id, campaign_id, state=state, after=after)
    return RenewalList(renewals=[_shown(one) for one in page.renewals], next=page.next)


@api.get(
    "/v1/desk/leases/<lease_id>/renewals",
    summary="A lease's renewals, with each rule as it stands",
    errors=[Forbidden, NotFound],
    security="staff",
)
def lease_renewals(lease_id: Id, staff: CurrentStaff, language: Language) -> LeaseRenewals:
    """In every campaign that is or was about it."""
    return LeaseRenewals(renewals=[_seen(one, language) for one in renewals.of_lease(staff, lease_id)])


@api.post(
    "/v1/desk/leases/<lease_id>/renewals/<campaign_id>/answer",
    summary="Take down what a tenant answers at the desk",
    errors=[Forbidden, NotFound, StepNotPossible],
    security="staff",
)
def take_answer(
    lease_id: Id,
    campaign_id: Id,
    body: AnswerRequest,
    staff: CurrentStaff,
    language: Language,
    network: Source,
) -> LeaseRenewalSeen:
    """After the closing too."""
    step = RenewalStep.ASK if body.wish == "renew" else RenewalStep.LEAVE
    return _seen(renewals.answer(staff, lease_id, campaign_id, step, network=network), language)


@api.post(
    "/v1/desk/leases/<lease_id>/renewals/<campaign_id>/decision",
    summary="Accept a renewal, or decline it",
    errors=[
        Forbidden,
        NotFound,
        StepNotPossible,
        DecidedOtherwise,
        ChangeRefused,
        NotEligible,
        TooManyCorrections,
    ],
    security="staff",
)
def decide(
    lease_id: Id,
    campaign_id: Id,
    body: DecisionRequest,
    staff: CurrentStaff,
    language: Language,
    network: Source,
) -> LeaseRenewalSeen:
    """For managers and administrators. Accepted, the lease goes on until the campaign's `renews_until`."""
    accepts = body.decision == "accept"
    if accepts == (body.reason is not None):
        raise Invalid(errors=[{"field": "reason", "reason": "decline"}])
    rent = NewRent(rent_cents=body.rent_cents, charges_cents=body.charges_cents)
    if not accepts and rent != AS_BEFORE:
        raise Invalid(errors=[{"field": "rent_cents", "reason": "accept"}])
    decision = RenewalDecision(
        accepts=accepts, reason=body.reason, note=body.note, exception=body.exception, rent=rent
    )
    return _seen(renewals.decide(staff, lease_id, campaign_id, decision, network=network), language)


@api.get(
    "/v1/desk/leases/<lease_id>/warnings",
    summary="A tenant's warnings",
    errors=[Forbidden, NotFound],
    security="staff",
)
def lease_warnings(lease_id: Id, staff: CurrentStaff) -> WarningList:
    """Those taken back too."""
    return WarningList(warnings=[_warning(one) for one in renewals.warnings_of(staff, lease_id)])


@api.post(
    "/v1/desk/leases/<lease_id>/warnings",
    status=201,
    summary="Record a warning",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def warn(lease_id: Id, body: WarningRequest, staff: CurrentStaff, network: Source) -> WarningShown:
    """For managers and administrators. The same day and rule again is the same warning."""
    return _warning(renewals.warn(staff, lease_id, body.rule, body.given_on, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/warnings/<warning_id>/withdrawal",
    summary="Take a warning back",
    errors=[Forbidden, NotFound],
    security="staff",
)
def withdraw_warning(lease_id: Id, warning_id: Id, staff: CurrentStaff, network: Source) -> WarningShown:
    """It counts no more."""
    return _warning(renewals.withdraw(staff, lease_id, warning_id, network=network))


def _checked(body: CampaignRequest, campaign_id: str) -> Campaign:
    """The campaign. Raises Invalid unless it says of which residences it is, and names a year that is one."""
    if body.all_residences == bool(body.residence_ids):
        raise Invalid(errors=[{"field": "residence_ids", "reason": "all_residences"}])
    year = body.rules.enrolment_year
    if year and int(year[5:]) != int(year[:4]) + 1:
        raise Invalid(errors=[{"field": "rules.enrolment_year", "reason": "2026-2027"}])
    return body.campaign(campaign_id)


def _campaign(campaign: Campaign) -> CampaignShown:
    rules = campaign.rules
    return CampaignShown(
        campaign_id=campaign.campaign_id,
        residence_ids=sorted(campaign.scope.residence_ids),
        all_residences=campaign.scope.everywhere,
        opens_on=campaign.opens_on,
        closes_on=campaign.closes_on,
        leases_end_from=campaign.leases_end_from,
        leases_end_to=campaign.leases_end_to,
        renews_until=campaign.renews_until,
        rules=RenewalRules(
            debt_tolerance_cents=rules.debt_tolerance_cents,
            enrolment_year=rules.enrolment_year,
            pre_enrolment_counts=rules.pre_enrolment_counts,
            most_warnings=rules.most_warnings,
            most_renewals=rules.most_renewals,
        ),
        remind_days=list(campaign.remind_days),
        steps=campaign.steps(),
    )


def _fields(renewal: Renewal) -> dict[str, object]:
    decided = renewal.decided
    return {
        "lease_id": renewal.lease_id,
        "campaign_id": renewal.campaign_id,
        "state": renewal.state,
        "reminded_on": renewal.reminded_on,
        "answered_at": renewal.answered_at,
        "decided": DecidedShown(
            at=decided.at,
            by=decided.by,
            reason=decided.reason,
            note=decided.note,
            exception=decided.exception,
            renewed_until=decided.renewed_until,
        )
        if decided
        else None,
    }


def _shown(renewal: Renewal) -> LeaseRenewalShown:
    return LeaseRenewalShown(**_fields(renewal))


def _seen(seen: RenewalSeen, language: str) -> LeaseRenewalSeen:
    spoken = SpokenLanguage(language)
    return LeaseRenewalSeen(
        **_fields(seen.renewal),
        opens_at=seen.opens_at,
        closes_at=seen.closes_at,
        is_open=seen.is_open,
        renews_until=seen.campaign.renews_until,
        lease_ends_on=seen.lease.ends_on,
        eligible=seen.eligible,
        criteria=[
            CriterionShown(
                criterion=one.criterion, met=one.met, said=one.said[spoken], remedy=one.remedy[spoken]
            )
            for one in seen.verdicts
        ],
    )


def _warning(one: Warned) -> WarningShown:
    return WarningShown(
        warning_id=one.warning_id,
        given_on=one.given_on,
        rule=one.rule,
        recorded_at=one.recorded_at,
        recorded_by=one.recorded_by,
        withdrawn_at=one.withdrawn_at,
    )


handler = api.handler
