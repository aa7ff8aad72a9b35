"""Stripe's notifications: what its own library signs and reads, we believe and read alike; nothing else."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.payments import EventKind
from sesame.providers.base import Forged, Malformed, Notification
from sesame.providers.stripe import DISPUTES, TOLERANCE, TYPES, Stripe

NOW = datetime(2026, 9, 5, 10, tzinfo=UTC)
SECRET, OTHER = "whsec_test_secret", "whsec_other"
STRIPE = Stripe()
VECTORS = Path(__file__).parents[3] / "shared/vectors/stripe.json"
INTENT: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 45_000,
    "amount_received": 45_000,
    "currency": "eur",
    "metadata": {"payment_id": "p1", "lease_id": "l1"},
    "status": "succeeded",
}


def event(kind: str, thing: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(NOW.timestamp()),
        "data": {"object": dict(thing)},
        "livemode": True,
        "type": kind,
    } | values


SUCCEEDED = event("payment_intent.succeeded", INTENT)
BODY = json.dumps(SUCCEEDED).encode()


def signed(body: bytes = BODY, *, secret: str = SECRET, at: datetime = NOW) -> Notification:
    header = sdk.WebhookSignature.generate_signature_header(
        payload=body.decode(), secret=secret, timestamp=int(at.timestamp())
    )
    return Notification(body=body, headers={"stripe-signature": header})


def with_header(header: str, body: bytes = BODY) -> Notification:
    return Notification(body=body, headers={"stripe-signature": header})


def header_of(notification: Notification) -> str:
    return notification.headers["stripe-signature"]


def assert_forged(notification: Notification) -> None:
    with pytest.raises(Forged):
        STRIPE.verify(notification, [SECRET], NOW)


def parsed(message: Any) -> Any:
    return STRIPE.parse(Notification(body=json.dumps(message).encode(), headers={}))


def test_what_stripes_own_library_signs_is_believed() -> None:
    STRIPE.verify(signed(), [SECRET], NOW)


def test_what_we_believe_stripes_own_library_believes() -> None:
    notification = signed()

    read = sdk.Webhook.construct_event(BODY, header_of(notification), SECRET, tolerance=10**9)

    [ours] = STRIPE.parse(notification).events
    intent: Any = read.data.object
    assert (ours.event.event_id, ours.event.live) == (read.id, read.livemode)
    assert ours.event.occurred_at.timestamp() == read.created
    assert (ours.payment_id, ours.event.amount_cents) == (
        intent.metadata["payment_id"],
        intent.amount_received,
    )
    assert ours.event.currency == intent.currency.upper()


def test_every_live_secret_is_tried_while_one_replaces_another() -> None:
    STRIPE.verify(signed(secret=OTHER), [SECRET, OTHER], NOW)


def test_one_good_signature_among_those_of_a_rotation_is_enough() -> None:
    stamp, good = header_of(signed()).split(",")

    STRIPE.verify(with_header(f"{stamp},v1={'0' * 64},v0=ab,{good}"), [SECRET], NOW)


@pytest.mark.parametrize("sign", [1, -1])
def test_five_minutes_either_way_are_tolerated_and_no_more(sign: int) -> None:
    STRIPE.verify(signed(at=NOW + sign * TOLERANCE), [SECRET], NOW)
    assert_forged(signed(at=NOW + sign * (TOLERANCE + timedelta(seconds=1))))


def test_another_secret_a_changed_body_and_no_secret_at_all_are_forged() -> None:
    assert_forged(signed(secret=OTHER))
    assert_forged(with_header(header_of(signed()), BODY + b" "))
    with pytest.raises(Forged):
        STRIPE.verify(signed(), [], NOW)


def test_the_older_scheme_alone_is_forged() -> None:
    assert_forged(with_header(header_of(signed()).replace("v1=", "v0=")))


STAMP = int(NOW.timestamp())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t",
        "t=",
        f"t={STAMP}",
        f"t={STAMP},v1=",
        f"t={STAMP},v1=é",
        f"t={STAMP},v1=\ud800",
        f"t={STAMP}.0,v1=ab",
        "t=١٧٨٨٦,v1=ab",
        f"t=-{STAMP},v1=ab",
        f"t={'9' * 400},v1=ab",
        "v1=ab",
        "=,=,=",
        "," * 4000,
        "v1=" + "a" * 9000,
        f"t={STAMP}," + ",".join(["v1=ab"] * 17),
    ],
)
def test_a_malformed_header_is_forged_and_nothing_worse(header: str) -> None:
    assert_forged(with_header(header))


def test_a_second_time_is_forged_even_where_the_first_is_right() -> None:
    assert_forged(with_header(header_of(signed()) + ",t=1"))


def test_no_header_is_forged() -> None:
    assert_forged(Notification(body=BODY, headers={}))


@given(st.text(), st.binary())
def test_no_header_or_body_makes_verifying_do_anything_but_refuse(header: str, body: bytes) -> None:
    assert_forged(with_header(header, body))


@given(st.binary() | st.text().map(str.encode))
def test_no_body_makes_reading_do_anything_but_refuse(body: bytes) -> None:
    with pytest.raises(Malformed):
        STRIPE.parse(Notification(body=body, headers={}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(TYPES),
    st.fixed_dictionaries(
        {},
        optional={
            name: anything
            for name in (
                "id",
                "amount_received",
                "amount_total",
                "amount_refunded",
                "amount",
                "currency",
                "metadata",
                "payment_intent",
                "charge",
                "status",
                "payment_status",
            )
        },
    ),
    st.fixed_dictionaries({}, optional={"created": anything, "livemode": anything, "id": anything}),
    st.booleans(),
)
def test_whatever_is_in_an_event_it_is_read_or_refused(
    kind: str, thing: dict[str, Any], values: dict[str, Any], mine: bool
) -> None:
    owned = {"metadata": INTENT["metadata"]} if mine else {}
    body = json.dumps(event(kind, {**thing, **owned}, **values)).encode()

    try:
        received = STRIPE.parse(Notification(body=body, headers={}))
    except Malformed:
        return
    for one in received.events:
        assert one.payment_id == "p1"
        assert 0 <= (one.event.amount_cents or 0) <= 10**9
    assert STRIPE.delivery_id(Notification(body=body, headers={}))


@pytest.mark.skipif(not VECTORS.exists(), reason="the public vectors are not here")
def test_the_public_vectors_of_signatures_hold() -> None:
    vectors = json.loads(VECTORS.read_text())
    at = datetime.fromtimestamp(vectors["timestamp"], UTC)
    for vector in [vectors["test_suite_payload"], *vectors["events"]]:
        notification = with_header(vector["header"], vector["raw_body"].encode())

        STRIPE.verify(notification, [vectors["secret"]], at)
        with pytest.raises(Forged):
            STRIPE.verify(notification, [OTHER], at)
    for vector in vectors["events"]:
        body = vector["raw_body"].encode()
        again = json.dumps(json.loads(body)).encode()
        with pytest.raises(Forged):
            STRIPE.verify(with_header(vector["header"], again), [vectors["secret"]], at)


@pytest.mark.skipif(not VECTORS.exists(), reason="the public vectors are not here")
def test_the_public_events_are_read_once_they_are_of_a_payment_of_ours() -> None:
    read: dict[str, list[str]] = {}
    for vector in json.loads(VECTORS.read_text())["events"]:
        message = json.loads(vector["raw_body"])
        thing = message["data"]["object"]
        assert parsed(message).events == ()
        thing["metadata"] = INTENT["metadata"]
        received = parsed(message)
        read[message["type"]] = [one.event.kind.value for one in received.events] or list(received.to_fetch)
        assert all(one.event.live is False for one in received.events)

    assert read["payment_intent.succeeded"] == ["settled"]
    assert read["payment_intent.processing"] == ["pending"]
    assert read["payment_intent.payment_failed"] == ["failed"]
    assert read["charge.refunded"] == ["refunded"]
    assert read["charge.dispute.created"] == ["ch_1PgafuB7WZ01zgkWXYmPNZs8"]
    assert read["checkout.session.async_payment_succeeded"] == ["settled"]


SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "amount_total": 45_000,
    "currency": "eur",
    "metadata": INTENT["metadata"],
    "payment_intent": "pi_1",
}


@pytest.mark.parametrize(
    ("kind", "thing", "expected", "cents"),
    [
        ("checkout.session.completed", SESSION | {"payment_status": "paid"}, EventKind.SETTLED, None),
        ("checkout.session.completed", SESSION | {"payment_status": "unpaid"}, EventKind.PENDING, 0),
        ("checkout.session.async_payment_succeeded", SESSION, EventKind.SETTLED, None),
        ("checkout.session.async_payment_failed", SESSION, EventKind.FAILED, 0),
        ("checkout.session.expired", SESSION, EventKind.EXPIRED, 0),
        ("payment_intent.processing", INTENT, EventKind.PENDING, 0),
        ("payment_intent.succeeded", INTENT | {"amount_received": 39_000}, EventKind.SETTLED, 39_000),
        ("payment_intent.payment_failed", INTENT, EventKind.FAILED, 0),
        ("payment_intent.canceled", INTENT, EventKind.CANCELLED, 0),
        ("charge.refunded", INTENT | {"amount_refunded": 1_000}, EventKind.REFUNDED, 1_000),
        ("refund.failed", INTENT | {"status": "failed", "amount": 500}, EventKind.REFUND_FAILED, 500),
    ],
)
def test_each_kind_of_event_has_its_meaning(
    kind: str, thing: dict[str, Any], expected: EventKind, cents: int | None
) -> None:
    [told] = parsed(event(kind, thing)).events

    assert (told.payment_id, told.lease_id) == ("p1", "l1")
    assert (told.event.kind, told.event.amount_cents, told.event.currency) == (expected, cents, "EUR")
    assert told.event.occurred_at == NOW
    assert told.event.live is True


@pytest.mark.parametrize("kind", DISPUTES)
def test_a_dispute_has_its_payments_truth_fetched(kind: str) -> None:
    dispute = {"id": "du_1", "amount": 45_000, "charge": "ch_1", "payment_intent": "pi_1", "metadata": {}}

    assert parsed(event(kind, dispute)).to_fetch == ("pi_1",)


@pytest.mark.parametrize("kind", ["charge.refunded", "refund.failed"])
def test_a_refund_that_does_not_say_whose_has_its_payments_truth_fetched(kind: str) -> None:
    thing = {
        "id": "re_1",
        "amount": 5,
        "amount_refunded": 5,
        "payment_intent": "pi_1",
        "metadata": {},
        "status": "failed",
    }

    assert parsed(event(kind, thing)).to_fetch == ("pi_1",)


@pytest.mark.parametrize(
    "message",
    [
        event("customer.created", {"id": "cus_1"}),
        event("payment_intent.succeeded", INTENT | {"metadata": {}}),
        event("payment_intent.succeeded", INTENT | {"metadata": {"payment_id": "p1"}}),
        event("payment_intent.succeeded", INTENT | {"metadata": {"payment_id": "../x", "lease_id": "l"}}),
        event("refund.updated", {"id": "re_1", "status": "pending"}),
    ],
)
def test_what_is_no_event_of_a_payment_of_ours_is_taken_and_says_nothing(message: Any) -> None:
    received = parsed(message)

    assert (received.events, received.to_fetch) == ((), ())


@pytest.mark.parametrize(
    "message",
    [
        [],
        {},
        event("payment_intent.succeeded", INTENT, object="v2.core.event"),
        event("payment_intent.succeeded", INTENT, id="x" * 200),
        event("payment_intent.succeeded", INTENT, id=None),
        event("payment_intent.succeeded", INTENT, created="now"),
        event("payment_intent.succeeded", INTENT, created=10**20),
        event("payment_intent.succeeded", INTENT, livemode=None),
        event("payment_intent.succeeded", INTENT, data=[]),
        event("payment_intent.succeeded", INTENT | {"amount_received": -1}),
        event("payment_intent.succeeded", INTENT | {"amount_received": True}),
        event("payment_intent.succeeded", INTENT | {"amount_received": "45000"}),
        event("payment_intent.succeeded", INTENT | {"currency": "e u r"}),
        event("charge.dispute.created", {"payment_intent": ["pi_1"]}),
    ],
)
def test_an_event_that_is_not_as_documented_is_malformed(message: Any) -> None:
    with pytest.raises(Malformed):
        parsed(message)


def test_a_repeat_is_known_by_the_events_id() -> None:
    assert STRIPE.delivery_id(signed()) == "evt_1"
