"""What a tenant sees of the tenancy: who, where, on what terms, and where the rent stands."""

from datetime import date, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends

from sesame.domain.journal import Entry, Standing
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import NotFound
from sesame.platform.http import Api, Shown
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping, NoticeStanding
from sesame.services.plan_views import PlanStatus, PlanViews
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.services.surcharges import announced
from sesame.services.tenancies import Tenancies
from sesame.store.accounts import Accounts
from sesame.store.payment_plans import PaymentPlans
from sesame.store.sessions import Sessions
from sesame.store.table import Table


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
    status: str


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


class Me(Shown):
    """The tenancy at a glance. A balance above zero is owed; credit pays the next notice."""

    tenant: TenantShown
    residence: ResidenceShown
    lease: LeaseShown
    currency: str = "EUR"
    balance_cents: int
    credit_cents: int
    unpaid: list[UnpaidShown]


class NoticeLineShown(Shown):
    """An amount of a notice, and the days it is for."""

    kind: str
    starts_on: date
    ends_on: date
    amount_cents: int


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
    person, lease, residence = session.person, session.lease, tenancy.residence
    checkpoint = tenancy.account.checkpoint if tenancy.account else None
    surcharges = {
        one.entry_id: SurchargeToCome(on=one.on, amount_cents=one.amount_cents, source=one.source)
        for one in (announced(tenancy.account, residence, utc_now()) if tenancy.account else ())
    }
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
            status=lease.status.value,
        ),
        balance_cents=checkpoint.balance_cents if checkpoint else 0,
        credit_cents=checkpoint.credit_cents if checkpoint else 0,
        unpaid=[
            UnpaidShown(
                period=debit.period,
                due_on=debit.due_on,
                amount_cents=debit.amount_cents,
                unpaid_cents=debit.unpaid_cents,
                surcharge=surcharges.get(debit.entry_id),
            )
            for debit in (checkpoint.outstanding if checkpoint else ())
        ],
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
        debt_cents=plan.record.debt_cents,
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
        amount_cents=one.notice.amount_cents,
        paid_cents=standing.paid_cents,
        unpaid_cents=standing.unpaid_cents,
        paid_in_full_at=standing.settled_at,
        lines=[
            NoticeLineShown(
                kind=line.kind.value,
                starts_on=line.starts_on,
                ends_on=line.ends_on,
                amount_cents=line.amount_cents,
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
    )


handler = api.handler
