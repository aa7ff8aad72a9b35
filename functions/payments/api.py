"""Tenants pay: start a checkout, see what became of each payment."""

from datetime import datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from pydantic import Field

from sesame.domain.payments import CURRENCY, MINIMUM_CENTS, EventKind, Flag, PaymentState
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Invalid, NotFound, Unavailable
from sesame.platform.http import Api, Id, Language, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.providers.registry import ProviderSettings, Registry
from sesame.services.accounts import Bookkeeping
from sesame.services.idempotency import KeyReused
from sesame.services.payment_links import (
    LinkedPayments,
    LinkState,
    LinkTokens,
    ListedLink,
    PaymentLinkEnded,
    PaymentLinks,
    PaymentLinkUsedUp,
    TooManyPaymentLinks,
    UnknownPaymentLink,
)
from sesame.services.payments import (
    Checkouts,
    History,
    NothingToPay,
    Order,
    PaymentUse,
    ProviderNotOffered,
    ProviderRefusedPayment,
    StillInFlight,
    UnknownNotice,
    WrongAmount,
)
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.payments import Payments
from sesame.store.sessions import Sessions
from sesame.store.table import Table

Period = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
_MOST_CENTS = 100_000_00
_MOST_DAYS = 90


class PaymentsSettings(ProviderSettings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    pepper_secret: str
    portal_url: str


class CheckoutBody(StrictModel):
    """What to pay: an amount, or without one all of the notices named, or without those all that is owed.

    Notices are paid first, oldest due next. `provider` is one that the residence offers, its first without.
    """

    amount_cents: Annotated[int, Field(strict=True, ge=1, le=_MOST_CENTS, examples=[41250])] | None = None
    provider: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    notices: tuple[Period, ...] = Field(default=(), max_length=24, examples=[["2026-09"]])


class CheckoutStarted(Shown):
    """A payment that waits for the payer at `checkout_url`."""

    payment_id: str
    checkout_url: str
    state: PaymentState
    amount_cents: int
    currency: str


class PaymentEventView(Shown):
    """Something that the provider said, and when it happened there."""

    kind: EventKind
    at: datetime
    amount_cents: int | None


class PaidTo(Shown):
    """A notice, by its period, that the payment pays a part or all of."""

    notice: str
    amount_cents: int


class PaymentView(Shown):
    """A payment. Amounts in cents; `paid_cents` is what really came.

    `credit_cents` above zero means that more was paid than was owed: it pays the next notice.
    """

    payment_id: str
    state: PaymentState
    provider: str
    amount_cents: int
    paid_cents: int
    refunded_cents: int
    charged_back_cents: int
    credit_cents: int
    currency: str
    notices: list[str]
    created_at: datetime
    paid_at: datetime | None
    changed_at: datetime | None
    """When the provider last told of a change."""
    paid_to: list[PaidTo]
    events: list[PaymentEventView]
    flags: list[Flag]
    through_link: bool
    """Whether it was begun through a payment link, by whoever holds it."""
    checkout_url: str | None
    """While it may still be paid there: not once a debit is under way, which takes days, nor on a page
    that its provider keeps no more."""


class PaymentList(Shown):
    """Payments, newest first. Where `next` is given, ask again with it as `after`."""

    payments: list[PaymentView]
    next: str | None


class PaymentLinkBody(StrictModel):
    """How much may be paid through the link in all, and for how long it lives."""

    amount_cents: Annotated[int, Field(strict=True, ge=MINIMUM_CENTS, le=_MOST_CENTS, examples=[45000])]
    expires_in_days: Annotated[int, Field(strict=True, ge=1, le=_MOST_DAYS)] = 14


class PaymentLinkView(Shown):
    """A payment link. What is under way counts against the amount until the provider says how it ends."""

    link_id: str
    state: LinkState
    amount_cents: int
    paid_cents: int
    under_way_cents: int
    currency: str = CURRENCY
    created_at: datetime
    ends_at: datetime


class PaymentLinkCreated(PaymentLinkView):
    """A new link. `url` is shown this once: pass it on to whoever is to pay."""

    url: str


class PaymentLinkList(Shown):
    """The links, newest first; ended ones stay listed for 90 days."""

    payment_links: list[PaymentLinkView]


class PaymentLinkShown(Shown):
    """All that a link tells whoever holds it. `amount_cents` can be paid now; 0 where nothing is owed."""

    given_names: str
    tenant_reference: str
    amount_cents: int
    currency: str = CURRENCY
    ends_at: datetime


class LinkedCheckoutBody(StrictModel):
    """How much to pay; all that can be paid without it."""

    amount_cents: Annotated[int, Field(strict=True, ge=1, le=_MOST_CENTS, examples=[45000])] | None = None


settings = PaymentsSettings.from_env()
dynamodb = client("dynamodb")
money = Table(dynamodb, settings.money_table)
identity = Table(dynamodb, settings.identity_table)
secrets = Secrets(client("secretsmanager"))
checkouts = Checkouts(
    money=money,
    identity=identity,
    registry=Registry.of(settings, secrets),
    portal_url=settings.portal_url,
    clock=utc_now,
)
history = History(Payments(money), Bookkeeping(Accounts(money), utc_now))
tokens = LinkTokens(Pepper(secrets, settings.pepper_secret))
links = PaymentLinks(
    money=money,
    audit=Audit(Table(dynamodb, settings.operations_table)),
    tokens=tokens,
    clock=utc_now,
    random=token_bytes,
)
linked = LinkedPayments(money=money, identity=identity, tokens=tokens, checkouts=checkouts, clock=utc_now)
CurrentSession = Annotated[Session, Depends(session_dependency(SessionCheck(Sessions(identity), utc_now)))]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
api = Api()


@api.post(
    "/v1/me/payments",
    status=201,
    summary="Start a payment",
    errors=[
        NothingToPay,
        WrongAmount,
        UnknownNotice,
        ProviderNotOffered,
        KeyReused,
        StillInFlight,
        ProviderRefusedPayment,
        Unavailable,
    ],
    security="session",
)
def start(
    body: CheckoutBody, session: CurrentSession, language: Language, idempotency_key: IdempotencyKey
) -> CheckoutStarted:
    """The same `Idempotency-Key` and body give the same answer for 24 hours."""
    order = Order(amount_cents=body.amount_cents, provider=body.provider, notices=body.notices)
    lease = session.lease
    started = checkouts.start(
        lease.lease_id, lease.residence_id, order, key=idempotency_key, language=language
    )
    return CheckoutStarted.model_validate(started.item())


@api.get("/v1/me/payments", summary="The payments", errors=[NotFound, Invalid], security="session")
def payments(
    session: CurrentSession, after: Annotated[str | None, Query(max_length=26)] = None
) -> PaymentList:
    """Newest first, 20 at a time."""
    page = history.page(session.lease.lease_id, after=after)
    return PaymentList(payments=[_view(one) for one in page.payments], next=page.next)


@api.get("/v1/me/payments/<payment_id>", summary="A payment", errors=[NotFound], security="session")
def payment(payment_id: Id, session: CurrentSession) -> PaymentView:
    """One of the tenant's own; another's is not found."""
    return _view(history.one(session.lease.lease_id, payment_id))


@api.post(
    "/v1/me/payment-links",
    status=201,
    summary="Make a link by which somebody else can pay",
    errors=[TooManyPaymentLinks],
    security="session",
)
def create_link(body: PaymentLinkBody, session: CurrentSession, source: Source) -> PaymentLinkCreated:
    """Whoever holds it can pay, and learns given names, tenant reference and amount, nothing else."""
    listed, token = links.create(session, body.amount_cents, body.expires_in_days, source=source)
    shown = _link(listed).model_dump()
    return PaymentLinkCreated(**shown, url=f"{settings.portal_url}/payer/{token}")


@api.get("/v1/me/payment-links", summary="The payment links", security="session")
def list_links(session: CurrentSession) -> PaymentLinkList:
    """Without their addresses, which are kept nowhere."""
    listed = links.of_lease(session.lease.lease_id)
    return PaymentLinkList(payment_links=[_link(one) for one in listed])


@api.delete(
    "/v1/me/payment-links/<link_id>",
    status=204,
    summary="Withdraw a payment link",
    errors=[NotFound],
    security="session",
)
def revoke_link(link_id: Id, session: CurrentSession, source: Source) -> None:
    """At once. What is under way through it goes on."""
    links.revoke(session, link_id, source=source)


@api.get(
    "/v1/payment-links/<token>",
    summary="What a payment link is for",
    errors=[UnknownPaymentLink, PaymentLinkEnded],
)
def show_link(token: str) -> PaymentLinkShown:
    """For whoever holds it."""
    shown = linked.look(token)
    return PaymentLinkShown(
        given_names=shown.given_names,
        tenant_reference=shown.tenant_reference,
        amount_cents=shown.payable_cents,
        ends_at=shown.ends_at,
    )


@api.post(
    "/v1/payment-links/<token>",
    status=201,
    summary="Start a payment through a link",
    errors=[
        UnknownPaymentLink,
        PaymentLinkEnded,
        PaymentLinkUsedUp,
        NothingToPay,
        WrongAmount,
        ProviderNotOffered,
        KeyReused,
        StillInFlight,
        ProviderRefusedPayment,
        Unavailable,
    ],
)
def pay_through_link(
    token: str, body: LinkedCheckoutBody, language: Language, idempotency_key: IdempotencyKey
) -> CheckoutStarted:
    """The same amount again within a quarter of an hour gives the same page: paid there, it is paid once."""
    order = Order(amount_cents=body.amount_cents)
    started = linked.pay(token, order, key=idempotency_key, language=language)
    return CheckoutStarted.model_validate(started.item())


def _link(listed: ListedLink) -> PaymentLinkView:
    link = listed.link
    return PaymentLinkView(
        link_id=link.link_id,
        state=listed.state,
        amount_cents=link.cap_cents,
        paid_cents=listed.paid_cents,
        under_way_cents=listed.under_way_cents,
        created_at=link.created_at,
        ends_at=link.ends_at,
    )


def _view(use: PaymentUse) -> PaymentView:
    payment, reached = use.payment, use.outcome
    return PaymentView(
        payment_id=payment.payment_id,
        state=reached.state,
        provider=payment.provider,
        amount_cents=payment.amount_cents,
        paid_cents=reached.paid_cents,
        refunded_cents=reached.refunded_cents,
        charged_back_cents=reached.charged_back_cents,
        credit_cents=use.credit_cents,
        currency=payment.currency,
        notices=list(payment.designated),
        created_at=payment.created_at,
        paid_at=reached.paid_at,
        changed_at=reached.changed_at,
        paid_to=[PaidTo(notice=one, amount_cents=cents) for one, cents in use.paid_to.items()],
        events=[
            PaymentEventView(kind=one.kind, at=one.occurred_at, amount_cents=one.amount_cents)
            for one in payment.events
        ],
        flags=sorted(reached.flags),
        through_link=payment.link_id is not None,
        checkout_url=checkouts.page_of(payment),
    )


handler = api.handler
