"""GoCardless's adapter over real HTTP against a fake of its API, which its own library speaks to as well."""

import json
from collections.abc import Iterator
from dataclasses import replace

import gocardless_pro
import pytest

from sesame.domain.payments import EventKind, Payment, PaymentState, outcome
from sesame.providers import http
from sesame.providers.base import (
    CheckoutOrder,
    Credentials,
    ProviderEvent,
    ProviderRefused,
    ProviderUnavailable,
)
from sesame.providers.gocardless import LIVE_URL, SANDBOX_URL, GoCardless
from tests.fakes.gocardless import TOKEN, FakeGoCardless
from tests.fakes.server import Fault, Served, answered, elsewhere, garbage, lost, serve, silence, status

ORDER = CheckoutOrder(
    payment_id="p1",
    lease_id="l1",
    amount_cents=45_000,
    currency="EUR",
    return_url="https://portal.example/payments/p1",
    language="fr",
)
GOCARDLESS = GoCardless()


@pytest.fixture
def fake() -> FakeGoCardless:
    """A GoCardless where nothing has happened."""
    return FakeGoCardless()


@pytest.fixture
def served(fake: FakeGoCardless) -> Iterator[Served]:
    """It on loopback."""
    with serve(fake) as running:
        yield running


@pytest.fixture
def credentials(served: Served) -> Credentials:
    """What opens it."""
    return Credentials(api_key=TOKEN, webhook_secrets=("s",), url=served.url)


def reached(events: tuple[ProviderEvent, ...]) -> tuple[PaymentState, int]:
    """State and net of the payment that these events are of."""
    assert {(one.payment_id, one.lease_id) for one in events} == {("p1", "l1")}
    payment = Payment(
        payment_id="p1",
        lease_id="l1",
        residence_id="r1",
        provider="gocardless",
        amount_cents=45_000,
        created_at=events[0].event.occurred_at,
        events=tuple(one.event for one in events),
    )
    return outcome(payment).state, outcome(payment).net_cents


def debited(fake: FakeGoCardless, credentials: Credentials) -> tuple[str, str]:
    """A billing request whose mandate is signed, and the debit that was asked for then."""
    request = GOCARDLESS.start_checkout(ORDER, credentials).provider_reference
    fake.fulfil(request)
    GOCARDLESS.fetch(request, credentials)
    [payment] = fake.bank
    return request, payment


def test_a_checkout_is_a_page_where_a_mandate_is_signed(
    fake: FakeGoCardless, credentials: Credentials
) -> None:
    checkout = GOCARDLESS.start_checkout(ORDER, credentials)

    request = fake.things[checkout.provider_reference]
    assert checkout.url.startswith("https://pay-sandbox.gocardless.com/")
    assert request["mandate_request"]["scheme"] == "sepa_core"
    assert request["metadata"] == {"payment_id": "p1", "lease_id": "l1", "amount_cents": "45000"}


def test_the_same_order_twice_is_the_same_billing_request(
    fake: FakeGoCardless, served: Served, credentials: Credentials
) -> None:
    served.faults = [lost]
    with pytest.raises(ProviderUnavailable):
        GOCARDLESS.start_checkout(ORDER, credentials)

    first, again = (GOCARDLESS.start_checkout(ORDER, credentials) for _ in range(2))

    assert first.provider_reference == again.provider_reference
    assert len([one for one in fake.things.values() if one["kind"] == "billing_requests"]) == 1


def test_what_is_asked_is_worded_as_its_own_library_words_it(
    fake: FakeGoCardless, served: Served, credentials: Credentials
) -> None:
    request, _ = debited(fake, credentials)
    mandate = fake.things[request]["mandate"]
    bodies = {one.path: json.loads(one.body) for one in served.seen if one.method == "POST"}

    client = gocardless_pro.Client(access_token=TOKEN, environment="sandbox", base_url=served.url)
    asked = client.billing_requests.create(params=bodies["/billing_requests"]["billing_requests"])
    client.billing_request_flows.create(params=bodies["/billing_request_flows"]["billing_request_flows"])
    payment = client.payments.create(params=bodies["/payments"]["payments"])

    assert {one.path: json.loads(one.body) for one in served.seen[-3:]} == bodies
    assert asked.metadata["payment_id"] == "p1"
    assert (payment.amount, payment.links.mandate) == (45_000, mandate)


def test_a_signed_mandate_is_debited_once_however_often_it_is_looked_at(
    fake: FakeGoCardless, served: Served, credentials: Credentials
) -> None:
    request = GOCARDLESS.start_checkout(ORDER, credentials).provider_reference
    assert GOCARDLESS.fetch(request, credentials) == ()
    fake.fulfil(request)
    served.faults = [
        status(200, {"billing_requests": dict(fake.things[request])}),
        status(200, {"payments": [], "meta": {}}),
        lost,
    ]
    with pytest.raises(ProviderUnavailable):
        GOCARDLESS.fetch(request, credentials)

    for _ in range(2):
        assert reached(GOCARDLESS.fetch(request, credentials)) == (PaymentState.AWAITING_PROVIDER, 0)

    assert list(fake.bank.values()) == [0]


def test_a_mandate_is_not_debited_again_when_the_idempotency_key_is_forgotten(
    fake: FakeGoCardless, credentials: Credentials
) -> None:
    request, payment = debited(fake, credentials)
    fake.confirm(payment)
    fake.made.clear()  # a month later

    assert reached(GOCARDLESS.fetch(request, credentials)) == (PaymentState.PAID, 45_000)
    everything_since(None, credentials)

    assert list(fake.bank) == [payment]


def test_a_billing_request_that_was_given_up_is_never_debited(
    fake: FakeGoCardless, credentials: Credentials
) -> None:
    request = GOCARDLESS.start_checkout(ORDER, credentials).provider_reference
    fake.give_up(request)

    assert reached(GOCARDLESS.fetch(request, credentials)) == (PaymentState.CANCELLED, 0)
    assert fake.bank == {}


def test_the_truth_of_a_payment_has_amounts(fake: FakeGoCardless, credentials: Credentials) -> None:
    request, payment = debited(fake, credentials)
    fake.submit(payment)
    fake.confirm(payment)

    truth = GOCARDLESS.fetch(payment, credentials)

    assert reached(truth) == (PaymentState.PAID, 45_000)
    assert {one.event.amount_cents for one in truth if one.event.kind is EventKind.SETTLED} == {45_000}
    assert GOCARDLESS.fetch(request, credentials) == truth


@pytest.mark.parametrize("size", [1, 2, 500])
def test_a_long_life_is_read_page_by_page(fake: FakeGoCardless, credentials: Credentials, size: int) -> None:
    fake.page_size = size
    _, payment = debited(fake, credentials)
    fake.fail(payment, retry=True)
    fake.submit(payment)
    fake.confirm(payment)
    fake.pay_out(payment)
    fake.charge_back(payment)
    fake.cancel_charge_back(payment)
    fake.refund(payment, 10_000)
    bounced = fake.refund(payment, 5_000)
    fake.fail_refund(bounced["id"])

    truth = GOCARDLESS.fetch(payment, credentials)

    assert reached(truth) == (PaymentState.PARTLY_REFUNDED, fake.bank[payment])
    assert fake.bank[payment] == 35_000


@pytest.mark.parametrize("retry", [True, False])
def test_a_debit_that_failed_late_is_not_paid(
    fake: FakeGoCardless, credentials: Credentials, retry: bool
) -> None:
    _, payment = debited(fake, credentials)
    fake.confirm(payment)
    fake.fail(payment, retry=retry)

    expected = PaymentState.AWAITING_PROVIDER if retry else PaymentState.FAILED
    assert reached(GOCARDLESS.fetch(payment, credentials)) == (expected, 0)


def test_refunds_are_asked_for_once(fake: FakeGoCardless, served: Served, credentials: Credentials) -> None:
    request, payment = debited(fake, credentials)
    fake.confirm(payment)

    GOCARDLESS.refund(request, 10_000, "r1", credentials)
    served.faults = []
    GOCARDLESS.refund(request, 10_000, "r1", credentials)
    GOCARDLESS.refund(request, 5_000, "r2", credentials)

    assert fake.bank[payment] == 30_000
    refund = next(one for one in fake.things.values() if one["kind"] == "refunds")
    assert reached(GOCARDLESS.fetch(refund["id"], credentials)) == (PaymentState.PARTLY_REFUNDED, 30_000)


def test_more_than_was_paid_or_what_was_never_debited_is_not_given_back(
    fake: FakeGoCardless, credentials: Credentials
) -> None:
    request, payment = debited(fake, credentials)
    fake.confirm(payment)
    unsigned = GOCARDLESS.start_checkout(replace(ORDER, payment_id="p2"), credentials).provider_reference

    for reference, cents in ((request, 45_001), (unsigned, 100)):
        with pytest.raises(ProviderRefused):
            GOCARDLESS.refund(reference, cents, "r1", credentials)


@pytest.mark.parametrize("code", [408, 429, 500, 503])
def test_an_answer_that_passes_is_no_refusal(served: Served, credentials: Credentials, code: int) -> None:
    served.faults = [status(code)]

    with pytest.raises(ProviderUnavailable):
        GOCARDLESS.start_checkout(ORDER, credentials)


@pytest.mark.parametrize(
    "fault", [lost, garbage, elsewhere, status(200, []), status(201, {"billing_requests": {"id": []}})]
)
def test_what_is_no_answer_of_gocardless_is_none_yet(
    served: Served, credentials: Credentials, fault: object
) -> None:
    served.faults = [fault]  # type: ignore[list-item]

    with pytest.raises(ProviderUnavailable):
        GOCARDLESS.start_checkout(ORDER, credentials)


@pytest.mark.parametrize("document", [{}, {"error": "no"}, {"error": {"errors": [{"reason": 5}]}}])
def test_a_conflict_that_does_not_name_what_it_is_with_is_refused(
    served: Served, credentials: Credentials, document: object
) -> None:
    served.faults = [status(409, document)]

    with pytest.raises((ProviderRefused, ProviderUnavailable)):
        GOCARDLESS.start_checkout(ORDER, credentials)


def test_an_answer_that_takes_too_long_is_not_waited_for(
    served: Served, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.1)
    served.faults = [silence(0.5)]

    with pytest.raises(ProviderUnavailable):
        GOCARDLESS.start_checkout(ORDER, credentials)


def test_a_wrong_token_and_what_is_not_there_are_refused(credentials: Credentials) -> None:
    with pytest.raises(ProviderRefused):
        GOCARDLESS.start_checkout(ORDER, replace(credentials, api_key="sandbox_other"))
    with pytest.raises(ProviderRefused):
        GOCARDLESS.fetch("PM9", credentials)


def test_a_token_says_which_environment_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def call(_: str, url: str, *__: object) -> dict[str, object]:
        asked.append(url)
        return {"payments": {"id": "PM1"}}

    monkeypatch.setattr(http, "call", call)
    for token in ("sandbox_1", "live_1"):
        GOCARDLESS.fetch("PM1", Credentials(api_key=token, webhook_secrets=()))

    assert asked == [f"{SANDBOX_URL}/payments/PM1", f"{LIVE_URL}/payments/PM1"]


def test_a_payment_that_is_none_of_ours_is_nothing(fake: FakeGoCardless, credentials: Credentials) -> None:
    _, payment = debited(fake, credentials)
    fake.things[payment]["metadata"] = {}

    assert GOCARDLESS.fetch(payment, credentials) == ()


@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("size", [1, 3, 500])
def test_what_happened_since_a_mark_is_told_and_a_signed_mandate_nobody_told_of_is_debited(
    fake: FakeGoCardless, credentials: Credentials, size: int, echoes: bool
) -> None:
    fake.page_size, fake.echoes = size, echoes
    assert GOCARDLESS.events_since(None, credentials).mark is None
    request = GOCARDLESS.start_checkout(ORDER, credentials).provider_reference
    fake.fulfil(request)

    _, mark = everything_since(None, credentials)
    [payment] = fake.bank
    fake.submit(payment)
    fake.confirm(payment)
    fake.refund(payment, 1_000)
    told, later = everything_since(mark, credentials)

    assert reached(tuple(told)) == (PaymentState.PARTLY_REFUNDED, 44_000)
    assert everything_since(later, credentials)[1] == later


def test_a_refund_of_a_mandate_is_none_of_ours(fake: FakeGoCardless, credentials: Credentials) -> None:
    _, payment = debited(fake, credentials)
    fake.confirm(payment)
    refund = fake.refund(payment, 1_000)
    refund["links"] = {"mandate": "MD1"}

    assert GOCARDLESS.fetch(refund["id"], credentials) == ()
    page = GOCARDLESS.events_since(None, credentials)
    assert reached(page.events) == (PaymentState.PAID, 45_000)
    assert page.unreadable == ()


def test_what_cannot_be_read_is_named_and_keeps_nobody_from_the_rest(
    fake: FakeGoCardless, credentials: Credentials
) -> None:
    _, payment = debited(fake, credentials)
    gone, garbled = fake.refund(payment, 1_000), fake.refund(payment, 2_000)
    del fake.things[gone["id"]]
    garbled["links"] = {"payment": []}
    fake.confirm(payment)
    fake.events[0]["action"] = None
    broken = fake.events[0]["id"]

    page = GOCARDLESS.events_since(None, credentials)

    assert EventKind.SETTLED in {one.event.kind for one in page.events}
    assert page.mark == fake.events[-1]["created_at"]
    assert sorted(page.unreadable) == sorted([broken, gone["id"], garbled["id"]])


@pytest.mark.parametrize("fault", [status(401), status(403), status(500), lost])
def test_what_is_not_about_a_reference_stops_the_walk(
    fake: FakeGoCardless, served: Served, credentials: Credentials, fault: Fault
) -> None:
    _, payment = debited(fake, credentials)
    fake.confirm(payment)
    fake.refund(payment, 1_000)
    before = len(served.seen)
    GOCARDLESS.events_since(None, credentials)
    listed = next(place for place, one in enumerate(served.seen[before:]) if one.path != "/events")
    served.faults = [answered] * listed + [fault]

    with pytest.raises((ProviderRefused, ProviderUnavailable)):
        GOCARDLESS.events_since(None, credentials)


def everything_since(mark: str | None, credentials: Credentials) -> tuple[list[ProviderEvent], str | None]:
    told: list[ProviderEvent] = []
    while True:
        page = GOCARDLESS.events_since(mark, credentials)
        told += page.events
        mark = page.mark
        if not page.more:
            return told, mark
