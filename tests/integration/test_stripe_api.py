"""Stripe's adapter over real HTTP against a fake of its API, which Stripe's own library speaks to as well."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
import stripe as sdk

from sesame.domain.payments import EventKind, Payment, PaymentState, outcome
from sesame.providers import http
from sesame.providers.base import (
    CheckoutOrder,
    Credentials,
    ProviderEvent,
    ProviderRefused,
    ProviderUnavailable,
)
from sesame.providers.stripe import Stripe
from tests.fakes.server import Served, elsewhere, garbage, lost, serve, silence, status
from tests.fakes.stripe import KEY, FakeStripe

ORDER = CheckoutOrder(
    payment_id="p1",
    lease_id="l1",
    amount_cents=45_000,
    currency="EUR",
    return_url="https://portal.example/payments/p1",
    language="fr",
)
STRIPE = Stripe()


@pytest.fixture
def fake() -> FakeStripe:
    """A Stripe where nothing has happened."""
    return FakeStripe()


@pytest.fixture
def served(fake: FakeStripe) -> Iterator[Served]:
    """That Stripe on loopback."""
    with serve(fake) as running:
        yield running


@pytest.fixture
def credentials(served: Served) -> Credentials:
    """What opens it."""
    return Credentials(api_key=KEY, webhook_secrets=("whsec_x",), url=served.url)


def reached(events: tuple[ProviderEvent, ...]) -> tuple[PaymentState, int]:
    """State and net of the payment that these events are of."""
    assert {(one.payment_id, one.lease_id) for one in events} <= {("p1", "l1")}
    payment = Payment(
        payment_id="p1",
        lease_id="l1",
        residence_id="r1",
        provider="stripe",
        amount_cents=45_000,
        created_at=events[0].event.occurred_at,
        events=tuple(one.event for one in events),
    )
    return outcome(payment).state, outcome(payment).net_cents


def paid(fake: FakeStripe, credentials: Credentials) -> tuple[str, str]:
    """A session that was paid by card, and its payment intent."""
    session = STRIPE.start_checkout(ORDER, credentials).provider_reference
    intent = fake.submit(session)["id"]
    fake.succeed(intent)
    return session, intent


def test_the_same_order_twice_is_the_same_page(fake: FakeStripe, credentials: Credentials) -> None:
    first, again = (STRIPE.start_checkout(ORDER, credentials) for _ in range(2))

    assert first == again
    assert first.url == f"https://checkout.stripe.com/c/pay/{first.provider_reference}"
    assert len(fake.things) == 1


def test_an_order_is_asked_for_in_the_words_of_stripes_own_library(
    served: Served, credentials: Credentials
) -> None:
    STRIPE.start_checkout(ORDER, credentials)
    ours: dict[str, str] = {"payment_id": "p1", "lease_id": "l1"}

    client: Any = sdk.StripeClient(KEY, base_addresses={"api": served.url})
    session = client.v1.checkout.sessions.create(
        params={
            "mode": "payment",
            "client_reference_id": "p1",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": 45_000,
                        "product_data": {"name": "Loyer"},
                    },
                }
            ],
            "success_url": ORDER.return_url,
            "cancel_url": ORDER.return_url,
            "locale": "fr",
            "payment_method_types": ["card", "sepa_debit"],
            "metadata": ours,
            "payment_intent_data": {"metadata": ours},
        }
    )

    mine, theirs = served.seen
    assert dict(parse_qsl(mine.body)) == dict(parse_qsl(theirs.body))
    assert mine.headers["stripe-version"] == theirs.headers["stripe-version"]
    assert session.amount_total == 45_000
    assert session.metadata["payment_id"] == "p1"


def test_a_retry_after_a_lost_answer_makes_nothing_new(
    fake: FakeStripe, served: Served, credentials: Credentials
) -> None:
    served.faults = [lost]
    with pytest.raises(ProviderUnavailable):
        STRIPE.start_checkout(ORDER, credentials)

    STRIPE.start_checkout(ORDER, credentials)

    assert len([one for one in fake.things.values() if one["object"] == "checkout.session"]) == 1


@pytest.mark.parametrize("code", [408, 409, 425, 429, 500, 502, 503])
def test_an_answer_that_passes_is_no_refusal(served: Served, credentials: Credentials, code: int) -> None:
    served.faults = [status(code)]

    with pytest.raises(ProviderUnavailable):
        STRIPE.start_checkout(ORDER, credentials)


@pytest.mark.parametrize("fault", [lost, garbage, elsewhere, status(200, []), status(200, {"id": 5})])
def test_what_is_no_answer_of_stripes_is_none_yet(
    served: Served, credentials: Credentials, fault: object
) -> None:
    served.faults = [fault]  # type: ignore[list-item]

    with pytest.raises(ProviderUnavailable):
        STRIPE.start_checkout(ORDER, credentials)
    assert len(served.seen) == 1


def test_an_answer_that_takes_too_long_is_not_waited_for(
    served: Served, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.1)
    served.faults = [silence(0.5)]

    with pytest.raises(ProviderUnavailable):
        STRIPE.start_checkout(ORDER, credentials)


def test_nobody_there_is_unavailable() -> None:
    nowhere = Credentials(api_key=KEY, webhook_secrets=(), url="http://127.0.0.1:9")

    with pytest.raises(ProviderUnavailable):
        STRIPE.fetch("pi_1", nowhere)


def test_a_wrong_key_an_amount_too_small_and_what_is_not_there_are_refused(credentials: Credentials) -> None:
    with pytest.raises(ProviderRefused):
        STRIPE.start_checkout(ORDER, replace(credentials, api_key="sk_test_other"))
    with pytest.raises(ProviderRefused):
        STRIPE.start_checkout(replace(ORDER, amount_cents=10), credentials)
    with pytest.raises(ProviderRefused):
        STRIPE.fetch("pi_nothing", credentials)


def test_the_truth_of_a_paid_session_is_told_alike_each_time(
    fake: FakeStripe, credentials: Credentials
) -> None:
    session, intent = paid(fake, credentials)

    truth = STRIPE.fetch(session, credentials)

    assert reached(truth) == (PaymentState.PAID, 45_000)
    assert STRIPE.fetch(intent, credentials) == truth
    assert STRIPE.fetch(fake.things[intent]["latest_charge"], credentials) == truth
    assert [one.event.live for one in truth] == [False]


def test_the_truth_of_a_session_nobody_used_is_nothing_until_it_expires(
    fake: FakeStripe, credentials: Credentials
) -> None:
    session = STRIPE.start_checkout(ORDER, credentials).provider_reference
    assert STRIPE.fetch(session, credentials) == ()

    fake.expire(session)

    assert reached(STRIPE.fetch(session, credentials))[0] is PaymentState.EXPIRED


def test_the_truth_of_a_debit_under_way_is_that_it_is(fake: FakeStripe, credentials: Credentials) -> None:
    session = STRIPE.start_checkout(ORDER, credentials).provider_reference
    fake.submit(session, "sepa_debit")

    assert reached(STRIPE.fetch(session, credentials)) == (PaymentState.AWAITING_PROVIDER, 0)


def test_refunds_are_asked_for_once_and_told_as_running_totals(
    fake: FakeStripe, served: Served, credentials: Credentials
) -> None:
    session, intent = paid(fake, credentials)
    fake.pass_time(60)

    STRIPE.refund(session, 10_000, "r1", credentials)
    STRIPE.refund(session, 10_000, "r1", credentials)
    STRIPE.refund(session, 5_000, "r2", credentials)

    truth = STRIPE.fetch(session, credentials)
    assert reached(truth) == (PaymentState.PARTLY_REFUNDED, 30_000)
    refunds = [one.event for one in truth if one.event.kind is EventKind.REFUNDED]
    assert [one.amount_cents for one in refunds] == [10_000, 15_000]
    assert fake.bank[intent] == 30_000
    [asked] = [one for one in fake.things.values() if one.get("metadata", {}).get("refund_id") == "r1"]
    assert (asked["metadata"]["payment_id"], asked["amount"]) == ("p1", 10_000)


def test_more_than_was_paid_is_not_given_back(fake: FakeStripe, credentials: Credentials) -> None:
    session, _ = paid(fake, credentials)

    with pytest.raises(ProviderRefused):
        STRIPE.refund(session, 45_001, "r1", credentials)
    with pytest.raises(ProviderRefused):
        STRIPE.refund(
            STRIPE.start_checkout(replace(ORDER, payment_id="p2"), credentials).provider_reference,
            100,
            "r2",
            credentials,
        )


def test_a_refund_is_given_once_though_stripe_forgets_keys_after_a_day(
    fake: FakeStripe, credentials: Credentials
) -> None:
    session, intent = paid(fake, credentials)

    STRIPE.refund(session, 10_000, "r1", credentials)
    fake.pass_time(3 * 86_400)
    STRIPE.refund(session, 10_000, "r1", credentials)
    STRIPE.refund(session, 5_000, "r2", credentials)

    assert fake.bank[intent] == 30_000


def test_a_refund_that_failed_is_not_given_again_for_the_same_request(
    fake: FakeStripe, credentials: Credentials
) -> None:
    session, intent = paid(fake, credentials)
    STRIPE.refund(session, 10_000, "r1", credentials)
    [refund] = [one for one in fake.things.values() if one["object"] == "refund"]
    fake.fail_refund(refund["id"])
    fake.pass_time(3 * 86_400)

    STRIPE.refund(session, 10_000, "r1", credentials)

    assert fake.bank[intent] == 45_000


def test_a_refund_that_failed_is_in_the_truth(fake: FakeStripe, credentials: Credentials) -> None:
    session, intent = paid(fake, credentials)
    fake.pass_time(60)
    refund = fake.refund(intent, 10_000)
    fake.pass_time(86_400)
    fake.fail_refund(refund["id"])
    fake.refund(intent, 2_000)

    assert reached(STRIPE.fetch(session, credentials)) == (PaymentState.PARTLY_REFUNDED, 43_000)


@pytest.mark.parametrize(
    ("end", "state", "net"),
    [
        ("", PaymentState.CHARGED_BACK, 0),
        ("lost", PaymentState.CHARGED_BACK, 0),
        ("won", PaymentState.PAID, 45_000),
    ],
)
def test_a_dispute_takes_the_money_until_it_is_won(
    fake: FakeStripe, credentials: Credentials, end: str, state: PaymentState, net: int
) -> None:
    session, intent = paid(fake, credentials)
    fake.pass_time(60)
    dispute = fake.dispute(intent)
    if end:
        fake.pass_time(60)
        fake.close(dispute["id"], end)

    assert reached(STRIPE.fetch(session, credentials)) == (state, net)
    assert fake.bank[intent] == net


def test_an_inquiry_moves_nothing(fake: FakeStripe, credentials: Credentials) -> None:
    session, intent = paid(fake, credentials)
    dispute = fake.dispute(intent, inquiry=True)
    assert reached(STRIPE.fetch(session, credentials)) == (PaymentState.PAID, 45_000)

    fake.close(dispute["id"], "warning_closed")

    closed = STRIPE.fetch(session, credentials)
    assert reached(closed) == (PaymentState.PAID, 45_000)
    assert closed[-1].event.kind is EventKind.REINSTATED


def test_a_payment_that_is_none_of_ours_is_nothing(fake: FakeStripe, credentials: Credentials) -> None:
    session, intent = paid(fake, credentials)
    fake.things[intent]["metadata"] = {}

    assert STRIPE.fetch(intent, credentials) == ()
    assert STRIPE.fetch(session, credentials) == ()


def everything_since(mark: str | None, credentials: Credentials) -> tuple[list[ProviderEvent], str | None]:
    told: list[ProviderEvent] = []
    while True:
        page = STRIPE.events_since(mark, credentials)
        told += page.events
        mark = page.mark
        if not page.more:
            return told, mark


@pytest.mark.parametrize("size", [1, 2, 100])
def test_what_happened_since_a_mark_is_told_oldest_first_page_by_page(
    fake: FakeStripe, credentials: Credentials, size: int
) -> None:
    fake.page_size = size
    assert STRIPE.events_since(None, credentials).mark is None
    session, intent = paid(fake, credentials)

    told, mark = everything_since(None, credentials)
    assert [one.event.kind for one in told] == [EventKind.SETTLED, EventKind.SETTLED]
    assert everything_since(mark, credentials) == ([], mark)

    fake.pass_time(60)
    fake.refund(intent, 1_000)
    fake.pass_time(60)
    fake.dispute(intent)
    more, _ = everything_since(mark, credentials)
    assert more[0].event.kind is EventKind.REFUNDED
    assert reached(tuple(told + more)) == reached(STRIPE.fetch(session, credentials))


def test_what_cannot_be_read_is_named_and_keeps_nobody_from_the_rest(
    fake: FakeStripe, credentials: Credentials
) -> None:
    _, intent = paid(fake, credentials)
    fake.dispute(intent)
    gone, broken = fake.events[-1], fake.events[0]
    gone["data"]["object"] = gone["data"]["object"] | {"payment_intent": "pi_gone"}
    broken["data"] = None

    page = STRIPE.events_since(None, credentials)

    assert EventKind.SETTLED in {one.event.kind for one in page.events}
    assert page.mark == gone["id"]
    assert set(page.unreadable) == {broken["id"], gone["id"]}


def test_a_mark_that_stripe_no_longer_keeps_starts_anew(fake: FakeStripe, credentials: Credentials) -> None:
    paid(fake, credentials)

    assert [one.event.kind for one in STRIPE.events_since("evt_old", credentials).events] == [
        EventKind.SETTLED,
        EventKind.SETTLED,
    ]
