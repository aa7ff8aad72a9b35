"""A tenant leaves: what it comes to, notice itself, and where the final account stands."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from sesame.domain.deposits import DeductionKind
from sesame.domain.lease_life import Stage
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Invalid, NotFound
from sesame.platform.http import Api, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.departures import Preview, ShownOtherwise, TenantDepartures
from sesame.services.final_accounts import FinalAccount, TenantFinalAccounts
from sesame.services.lease_life import ChangeRefused, LeaseLife
from sesame.services.lease_terms import LeaseTerms, TooManyCorrections
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.lease_changes import LeaseChanges
from sesame.store.people import People
from sesame.store.sessions import Sessions
from sesame.store.table import Table
from sesame.store.takings import Deposits


class DepartureSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    pepper_secret: str


class NoticeToLeave(StrictModel):
    """The last day, and `shown` of the preview that was read: nobody confirms other figures unseen."""

    leaves_on: date
    shown: Annotated[str, Field(min_length=32, max_length=32, pattern=r"^[0-9a-f]+$")]


class DepartureMonth(Shown):
    """A month of the stay: its days, and their rent with charges. `billed_cents`: the notice that is out."""

    period: str
    starts_on: date
    ends_on: date
    days: int
    rent_cents: int
    billed_cents: int | None


class DeparturePreview(Shown):
    """What giving notice today comes to. `months` runs to the last, by day; send `shown` to confirm it."""

    given_on: date
    notice_months: int
    earliest_on: date
    leaves_on: date
    ends_on: date
    months: list[DepartureMonth]
    balance_cents: int
    corrected_cents: int
    left_to_pay_cents: int
    deposit_held_cents: int
    currency: str = "EUR"
    shown: str


class NoticeGiven(Shown):
    """Notice as it was recorded."""

    given_at: datetime
    leaves_on: date
    corrected: list[str]
    difference_cents: int
    currency: str = "EUR"


class KeptShown(Shown):
    """One item kept of the deposit."""

    kind: DeductionKind
    amount_cents: int
    label: str


class MyFinalAccount(Shown):
    """Where the settling of the stay stands. Below zero the balance is yours to ask back."""

    stage: Stage
    balance_cents: int
    credit_cents: int
    deposit_held_cents: int
    deductions: list[KeptShown]
    returned_cents: int
    refund_under_way: bool
    settle_by: date
    currency: str = "EUR"


settings = DepartureSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
people = People(identity, pepper)
books = Bookkeeping(Accounts(money), utc_now)
departures = TenantDepartures(
    life=LeaseLife(
        terms=LeaseTerms(people=people, books=books),
        changes=LeaseChanges(identity),
        audit=Audit(Table(dynamodb, settings.operations_table)),
    ),
    deposits=Deposits(money),
    pepper=pepper,
    random=token_bytes,
)
final_accounts = TenantFinalAccounts(money=money, people=people, books=books)
CurrentSession = Annotated[Session, Depends(session_dependency(SessionCheck(Sessions(identity), utc_now)))]
LeavesOn = Annotated[date | None, Query()]
api = Api()


@api.get(
    "/v1/me/departure",
    summary="What leaving comes to, before anything is done",
    errors=[NotFound, ChangeRefused, TooManyCorrections, Invalid],
    security="session",
)
def preview(session: CurrentSession, on: LeavesOn = None) -> DeparturePreview:
    """`on` is the last day; without it the first that the residence's notice allows."""
    return _preview(departures.preview(session, on))


@api.post(
    "/v1/me/departure",
    status=201,
    summary="Give notice to leave",
    errors=[NotFound, ChangeRefused, ShownOtherwise, TooManyCorrections, Invalid],
    security="session",
)
def give(body: NoticeToLeave, session: CurrentSession, source: Source) -> NoticeGiven:
    """Every contact is told. Sent again it is the same notice; to take it back, ask the residence."""
    given = departures.give(session, body.leaves_on, body.shown, network=source)
    return NoticeGiven(
        given_at=given.at,
        leaves_on=given.effective_on,
        corrected=list(given.corrected),
        difference_cents=given.difference_cents,
    )


@api.get(
    "/v1/me/final-account",
    summary="Where the final account of the stay stands",
    errors=[NotFound],
    security="session",
)
def final_account(session: CurrentSession) -> MyFinalAccount:
    """The deposit, what is kept of it and why, and what is left."""
    return _final(final_accounts.of(session.lease))


def _preview(shown: Preview) -> DeparturePreview:
    return DeparturePreview(
        given_on=shown.given_on,
        notice_months=shown.notice_months,
        earliest_on=shown.earliest_on,
        leaves_on=shown.leaves_on,
        ends_on=shown.ends_on,
        months=[
            DepartureMonth(
                period=one.period,
                starts_on=one.starts_on,
                ends_on=one.ends_on,
                days=one.days,
                rent_cents=one.rent_cents,
                billed_cents=one.billed_cents,
            )
            for one in shown.months
        ],
        balance_cents=shown.balance_cents,
        corrected_cents=shown.corrected_cents,
        left_to_pay_cents=shown.left_to_pay_cents,
        deposit_held_cents=shown.deposit_held_cents,
        shown=shown.shown,
    )


def _final(final: FinalAccount) -> MyFinalAccount:
    return MyFinalAccount(
        stage=final.stage,
        balance_cents=final.balance_cents,
        credit_cents=final.credit_cents,
        deposit_held_cents=final.deposit_held_cents,
        deductions=[
            KeptShown(kind=one.kind, amount_cents=one.amount_cents, label=one.label)
            for one in final.deductions
        ],
        returned_cents=final.returned_cents,
        refund_under_way=final.refund_under_way,
        settle_by=final.settle_by,
    )


handler = api.handler
