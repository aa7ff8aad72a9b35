"""What a tenant sees of the tenancy: who, where, on what terms, and where the rent stands."""

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends

from sesame.domain.calendar import local_date
from sesame.domain.journal import Entry, Standing
from sesame.domain.lease_life import Stage, stage_on
from sesame.domain.sending import WHY_OBLIGATORY, Obligatory
from sesame.domain.tenancy import Channel, Person
from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.domain.terms import as_of
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import NotFound
from sesame.platform.http import Api, Language, Shown, StrictModel
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping, NoticeStanding
from sesame.services.consequences import block_of, formal_notice_of
from sesame.services.plan_views import PlanStatus, PlanViews
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.services.surcharges import announced
from sesame.services.tenancies import Tenancies
from sesame.store.accounts import Account, Accounts
from sesame.store.payment_plans import PaymentPlans
from sesame.store.sessions import Sessions
from sesame.store.table import Table
from sesame.store.wishes import Wishes


class TenancySettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str


class TenantShown(Shown):
    """The signed-in tenant."""

    given_names: str
    family_name: str
    language: str


class ResidenceShown(Shown):
    """Where the room is, and whom to ask."""

    name: str
    address: list[str]
    time_zone: str
    desk_contact: str


class LeaseShown(Shown):
    """The terms: cents a month, days included."""

    lease_id: str
    tenant_reference: str
    tenant_code_ends_with: str
    room: str
    starts_on: date
    ends_on: date
    rent_cents: int
    charges_cents: int
    deposit_cents: int
    stage: Stage
    """Where the lease is in its life today, on the residence's calendar."""


class SurchargeToCome(Shown):
    """What will be added on that day unless the notice is paid before it, and the text that it rests on."""

    on: date
    amount_cents: int
    source: str


class UnpaidShown(Shown):
    """A notice that is not paid in full. A payment plan may have taken the place of its due date."""

    period: str | None
    due_on: date
    amount_cents: int
    unpaid_cents: int
    surcharge: SurchargeToCome | None = None


class FormalNoticeToCome(Shown):
    """The formal notice that will be sent on that day unless the month is paid before it."""

    on: date
    period: str
    source: str


class RenewalBlock(Shown):
    """From that day renewal is blocked until what is late is paid; `applies` once the day has come."""

    on: date
    applies: bool
    amount_cents: int
    source: str


class Me(Shown):
    """The tenancy at a glance. A balance above zero is owed; credit pays the next notice."""

    tenant: TenantShown
    residence: ResidenceShown
    lease: LeaseShown
    currency: str = "EUR"
    balance_cents: int
    credit_cents: int
    unpaid: list[UnpaidShown]
    formal_notice: FormalNoticeToCome | None
    renewal_block: RenewalBlock | None


class NoticeLineShown(Shown):
    """An amount of a notice, and the days it is for."""

    kind: str
    starts_on: date
    ends_on: date
    amount_cents: int
    room: str | None
    """Which of two rooms, in a month of both."""
    label: str | None
    """What an adjustment is for."""


class NoticeShown(Shown):
    """A rent notice and how much of it is paid. It is no proof of payment: the receipt is."""

    period: str
    starts_on: date
    ends_on: date
    issued_at: datetime
    due_on: date
    currency: str = "EUR"
    amount_cents: int
    paid_cents: int
    unpaid_cents: int
    paid_in_full_at: datetime | None
    number: int
    """1; a notice that takes the place of a wrong one has the next number."""
    lines: list[NoticeLineShown]


class Notices(Shown):
    """All rent notices, oldest due first."""

    notices: list[NoticeShown]


class EntryShown(Shown):
    """A line of the account: above zero owed, below zero paid."""

    entry_id: str
    kind: str
    effective_at: datetime
    amount_cents: int
    period: str | None
    label: str | None
    """What staff wrote of a credit note or an adjustment."""


class AccountShown(Shown):
    """The whole account: its entries add up to the balance."""

    currency: str = "EUR"
    balance_cents: int
    credit_cents: int
    entries: list[EntryShown]


class InstalmentShown(Shown):
    """An instalment, and what is still owed of it."""

    number: int
    due_on: date
    amount_cents: int
    unpaid_cents: int


class PaymentPlanShown(Shown):
    """The plan that was agreed. Ask for its agreement among the certificates, by `document_id`."""

    status: PlanStatus
    currency: str = "EUR"
    debt_cents: int
    agreed_on: date
    instalments: list[InstalmentShown]
    broken_on: date | None
    document_id: str


class PreferencesRequest(StrictModel):
    """All three, as they shall be. `reminders_by` null: however the residence does it."""

    language: SpokenLanguage
    reminders_by: Channel | None
    courtesy_reminders: bool


class ObligatoryShown(Shown):
    """Messages that go out whatever the tenant prefers, and why."""

    messages: Obligatory
    reason: str


class ContactUse(Shown):
    """Whether a contact is on record, and whether notices and reminders can go to it."""

    channel: Channel
    on_record: bool
    usable: bool


class PreferencesShown(Shown):
    """How the tenant is written to. `obligatory` cannot be switched off."""

    language: SpokenLanguage
    reminders_by: Channel | None
    courtesy_reminders: bool
    contacts: list[ContactUse]
    obligatory: list[ObligatoryShown]


settings = TenancySettings.from_env()
dynamodb = client("dynamodb")
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
tenancies = Tenancies(identity, money)
bookkeeping = Bookkeeping(Accounts(money), utc_now)
plans = PlanViews(Accounts(money), PaymentPlans(money))
check = SessionCheck(Sessions(identity), utc_now)
CurrentSession = Annotated[Session, Depends(session_dependency(check))]

api = Api()


@api.get("/v1/me", summary="The tenancy at a glance", errors=[NotFound], security="session")
def me(session: CurrentSession) -> Me:
    """Two reads: the session, then residence and account together."""
    tenancy = tenancies.of(session)
    person, residence = session.person, tenancy.residence
    now = utc_now()
    today = local_date(now, residence.time_zone)
    lease = as_of(session.lease, today)
    account = tenancy.account or Account(lease_id=lease.lease_id, residence_id=lease.residence_id)
    checkpoint = account.checkpoint
    surcharges = {
        one.entry_id: SurchargeToCome(on=one.on, amount_cents=one.amount_cents, source=one.source)
        for one in announced(account, residence, now)
    }
    formal, block = formal_notice_of(account, residence, now), block_of(account, residence, now)
    return Me(
        tenant=TenantShown(
            given_names=person.given_names, family_name=person.family_name, language=person.language.value
        ),
        residence=ResidenceShown(
            name=residence.name,
            address=list(residence.address),
            time_zone=residence.time_zone,
            desk_contact=residence.desk_contact,
        ),
        lease=LeaseShown(
            lease_id=lease.lease_id,
            tenant_reference=lease.tenant_reference,
            tenant_code_ends_with=lease.code_tail,
            room=lease.room,
            starts_on=lease.starts_on,
            ends_on=lease.ends_on,
            rent_cents=lease.rent_cents,
            charges_cents=lease.charges_cents,
            deposit_cents=lease.deposit_cents,
            stage=stage_on(session.lease, today),
        ),
        balance_cents=checkpoint.balance_cents,
        credit_cents=checkpoint.credit_cents,
        unpaid=[
            UnpaidShown(
                period=debit.period,
                due_on=debit.due_on,
                amount_cents=debit.amount_cents,
                unpaid_cents=debit.unpaid_cents,
                surcharge=surcharges.get(debit.entry_id),
            )
            for debit in checkpoint.outstanding
        ],
        formal_notice=FormalNoticeToCome(on=formal.on, period=formal.period, source=formal.source)
        if formal
        else None,
        renewal_block=RenewalBlock(
            on=block.on, applies=block.applies, amount_cents=block.cents, source=block.source
        )
        if block and block.on
        else None,
    )


@api.get("/v1/me/notices", summary="The rent notices", security="session")
def notices(session: CurrentSession) -> Notices:
    """Each with what is paid of it."""
    statement = bookkeeping.statement(session.lease.lease_id)
    return Notices(notices=[_notice(one) for one in statement.notices])


@api.get("/v1/me/notices/<period>", summary="A month's rent notice", errors=[NotFound], security="session")
def notice(period: str, session: CurrentSession) -> NoticeShown:
    """By its period, YYYY-MM."""
    found = bookkeeping.statement(session.lease.lease_id).of(period)
    if found is None:
        raise NotFound(
            detail_fr="Il n'y a pas d'avis d'échéance pour cette période.",
            detail_en="There is no rent notice for this period.",
        )
    return _notice(found)


@api.get("/v1/me/account", summary="The account: balance and every entry", security="session")
def account(session: CurrentSession) -> AccountShown:
    """The journal, oldest first."""
    statement = bookkeeping.statement(session.lease.lease_id)
    return AccountShown(
        balance_cents=statement.balance_cents,
        credit_cents=statement.credit_cents,
        entries=[_entry(entry) for entry in statement.entries],
    )


@api.get("/v1/me/payment-plan", summary="The payment plan", errors=[NotFound], security="session")
def payment_plan(session: CurrentSession) -> PaymentPlanShown:
    """The last one that was agreed, as far as it is paid."""
    plan = plans.current(session.lease.lease_id)
    return PaymentPlanShown(
        status=plan.status,
        debt_cents=plan.debt_cents,
        agreed_on=plan.record.agreed_on,
        instalments=[
            InstalmentShown(
                number=one.number,
                due_on=one.instalment.due_on,
                amount_cents=one.instalment.amount_cents,
                unpaid_cents=one.unpaid_cents,
            )
            for one in plan.instalments
        ],
        broken_on=plan.broken_on,
        document_id=plan.record.document_id,
    )


def _notice(one: NoticeStanding) -> NoticeShown:
    standing: Standing = one.standing
    return NoticeShown(
        period=str(one.notice.period),
        starts_on=one.notice.starts_on,
        ends_on=one.notice.ends_on,
        issued_at=one.issued_at,
        due_on=one.notice.due_on,
        amount_cents=standing.amount_cents,
        paid_cents=standing.paid_cents,
        unpaid_cents=standing.unpaid_cents,
        paid_in_full_at=standing.settled_at,
        number=one.notice.number,
        lines=[
            NoticeLineShown(
                kind=line.kind.value,
                starts_on=line.starts_on,
                ends_on=line.ends_on,
                amount_cents=line.amount_cents,
                room=line.room or None,
                label=line.label or None,
            )
            for line in one.notice.lines
        ],
    )


def _entry(entry: Entry) -> EntryShown:
    return EntryShown(
        entry_id=entry.entry_id,
        kind=entry.kind.value,
        effective_at=entry.effective_at,
        amount_cents=entry.amount_cents,
        period=entry.period,
        label=entry.label,
    )


@api.get("/v1/me/preferences", summary="How the tenant is written to", security="session")
def preferences(session: CurrentSession, language: Language) -> PreferencesShown:
    """Language, channel of reminders, whether there are any while nothing is late."""
    return _preferences(session.person, language)


@api.put("/v1/me/preferences", summary="Say how to be written to", security="session")
def set_preferences(
    body: PreferencesRequest, session: CurrentSession, language: Language
) -> PreferencesShown:
    """Reminders go by the channel chosen while its contact can be used, else by the other one."""
    Wishes(identity).set(
        session.person,
        language=body.language,
        reminders_by=body.reminders_by,
        courtesy=body.courtesy_reminders,
        at=utc_now(),
    )
    changed = replace(
        session.person,
        language=body.language,
        reminders_by=body.reminders_by,
        courtesy_reminders=body.courtesy_reminders,
    )
    return _preferences(changed, language)


def _preferences(person: Person, language: str) -> PreferencesShown:
    return PreferencesShown(
        language=person.language,
        reminders_by=person.reminders_by,
        courtesy_reminders=person.courtesy_reminders,
        contacts=[
            ContactUse(
                channel=channel,
                on_record=person.contact(channel) is not None,
                usable=person.usable(channel) is not None,
            )
            for channel in Channel
        ],
        obligatory=[
            ObligatoryShown(messages=kind, reason=reason[language]) for kind, reason in WHY_OBLIGATORY.items()
        ],
    )


handler = api.handler
