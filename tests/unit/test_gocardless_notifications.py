"""GoCardless's notifications: what its own library believes and reads, we do alike; nothing else."""

import hmac
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import gocardless_pro
import pytest
from gocardless_pro import webhooks as sdk
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.payments import EventKind
from sesame.providers.base import Forged, Malformed, Notification
from sesame.providers.gocardless import MOST_EVENTS, PAYMENTS, GoCardless

NOW = datetime(2026, 9, 5, 10, tzinfo=UTC)
SECRET, OTHER = "ED7D658C-D8EB-4941-948B-3973214F2D49", "another"
GOCARDLESS = GoCardless()
VECTORS = Path(__file__).parents[3] / "shared/vectors/gocardless.json"
OURS = {"payment_id": "p1", "lease_id": "l1"}


def event(action: str, kind: str = "payments", **values: Any) -> dict[str, Any]:
    links = {"payments": {"payment": "PM1"}, "billing_requests": {"billing_request": "BRQ1"}}
    return {
        "id": "EV1",
        "created_at": "2026-09-05T10:00:00.123Z",
        "resource_type": kind,
        "action": action,
        "links": links.get(kind, {"refund": "RF1"}),
        "details": {"origin": "gocardless", "cause": f"payment_{action}", "description": ""},
        "metadata": {},
        "resource_metadata": OURS,
    } | values


def body_of(*events: Any) -> bytes:
    return json.dumps({"events": list(events), "meta": {"webhook_id": "WB1"}}).encode()


BODY = body_of(event("confirmed"))


def signed(body: bytes = BODY, secret: str = SECRET) -> Notification:
    signature = hmac.digest(secret.encode(), body, sha256).hex()
    return Notification(body=body, headers={"webhook-signature": signature})


def parsed(*events: Any) -> Any:
    return GOCARDLESS.parse(Notification(body=body_of(*events), headers={}))


def assert_forged(notification: Notification) -> None:
    with pytest.raises(Forged):
        GOCARDLESS.verify(notification, [SECRET], NOW)


def test_what_its_own_library_believes_and_reads_we_do_alike() -> None:
    notification = signed(body_of(event("confirmed"), event("failed", id="EV2")))

    [first, second] = sdk.parse(notification.body, SECRET, notification.headers["webhook-signature"])
    GOCARDLESS.verify(notification, [SECRET], NOW)
    ours = GOCARDLESS.parse(notification).events

    assert [one.event.event_id for one in ours] == [first.id, second.id]
    assert ours[0].payment_id == first.resource_metadata["payment_id"]
    assert ours[0].event.occurred_at == datetime(2026, 9, 5, 10, 0, 0, 123_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "secret"), [(BODY, OTHER), (BODY, ""), (BODY + b" ", SECRET), (b"", SECRET)]
)
def test_what_its_own_library_refuses_we_refuse(body: bytes, secret: str) -> None:
    signature = signed(BODY, secret).headers["webhook-signature"]

    with pytest.raises(gocardless_pro.errors.InvalidSignatureError):
        sdk.parse(body, SECRET, signature)
    assert_forged(Notification(body=body, headers={"webhook-signature": signature}))


def test_every_live_secret_is_tried_and_none_believes_nothing() -> None:
    GOCARDLESS.verify(signed(secret=OTHER), [SECRET, OTHER], NOW)
    with pytest.raises(Forged):
        GOCARDLESS.verify(signed(), [], NOW)


@given(st.text(), st.binary())
def test_no_header_or_body_makes_verifying_do_anything_but_refuse(header: str, body: bytes) -> None:
    assert_forged(Notification(body=body, headers={"webhook-signature": header}))
    assert_forged(Notification(body=body, headers={}))


def test_a_header_without_end_is_forged() -> None:
    assert_forged(Notification(body=BODY, headers={"webhook-signature": "a" * 100_000}))


@pytest.mark.skipif(not VECTORS.exists(), reason="the public vectors are not here")
def test_the_public_vector_holds() -> None:
    vector = json.loads(VECTORS.read_text())
    notification = Notification(
        body=vector["raw_body"].encode(), headers={"webhook-signature": vector["signature"]}
    )

    GOCARDLESS.verify(notification, [vector["secret"]], NOW)
    assert GOCARDLESS.parse(notification).events == ()


@pytest.mark.parametrize(("action", "kind"), PAYMENTS.items())
def test_each_action_on_a_payment_has_its_meaning(action: str, kind: EventKind) -> None:
    [told] = parsed(event(action)).events

    assert (told.payment_id, told.lease_id, told.event.kind) == ("p1", "l1", kind)
    assert told.event.amount_cents in {0, None}


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ({"will_attempt_retry": True}, EventKind.RETRYING),
        ({"will_attempt_retry": False}, EventKind.RETURNED),
        ({"will_attempt_retry": "true"}, EventKind.RETURNED),
        ({}, EventKind.RETURNED),
        (None, EventKind.RETURNED),
    ],
)
def test_a_failure_says_whether_the_debit_is_presented_again(details: Any, kind: EventKind) -> None:
    [told] = parsed(event("failed", details=details)).events

    assert told.event.kind is kind


def test_a_signed_mandate_and_a_refund_have_the_truth_fetched_once_each() -> None:
    received = parsed(
        event("fulfilled", "billing_requests"),
        event("created", "refunds"),
        event("paid", "refunds", id="EV2"),
    )

    assert (received.events, received.to_fetch) == ((), ("BRQ1", "RF1"))


def test_a_payment_whose_event_says_nothing_of_its_owner_is_fetched() -> None:
    bare = event("confirmed")
    del bare["resource_metadata"]

    assert parsed(bare).to_fetch == ("PM1",)
    assert parsed(event("confirmed", resource_metadata={})).to_fetch == ("PM1",)


@pytest.mark.parametrize(
    "foreign",
    [
        event("confirmed", resource_metadata={"order": "5"}),
        event("fulfilled", "billing_requests", resource_metadata={"order": "5"}),
        event("created", "mandates"),
        event("payouts_paid", "payouts"),
        event("late_failure_settled"),
        event("chargeback_settled"),
        event("something_new"),
    ],
)
def test_what_is_no_event_of_a_payment_of_ours_is_taken_and_says_nothing(foreign: Any) -> None:
    received = parsed(foreign)

    assert (received.events, received.to_fetch) == ((), ())


@pytest.mark.parametrize(("action", "kind"), [("cancelled", "cancelled"), ("failed", "failed")])
def test_a_mandate_that_is_not_signed_ends_its_payment(action: str, kind: str) -> None:
    [told] = parsed(event(action, "billing_requests")).events

    assert told.event.kind.value == kind


def test_250_events_are_read_and_one_more_is_malformed() -> None:
    many = [event("confirmed", id=f"EV{number}") for number in range(MOST_EVENTS + 1)]

    assert len(parsed(*many[:-1]).events) == MOST_EVENTS
    with pytest.raises(Malformed):
        parsed(*many)


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        event("confirmed", id=["EV1"]),
        event("confirmed", id="x" * 200),
        event("confirmed", created_at="2026-09-05T10:00:00"),
        event("confirmed", created_at=5),
        event("confirmed", created_at="0001-01-01T00:00:00+14:00"),
        event("confirmed", links=None),
        event("confirmed", links={}),
        event("confirmed", links={"payment": "../x"}),
        event("confirmed", resource_type=None),
        event(["confirmed"]),  # type: ignore[arg-type]
        event("created", "refunds", links={}),
    ],
)
def test_one_event_that_is_not_as_documented_makes_the_body_malformed(wrong: Any) -> None:
    with pytest.raises(Malformed):
        parsed(event("confirmed", id="EV0"), wrong)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b"{}", b"[]", b'{"events":{}}', b"9" * 5000])
def test_a_body_that_is_not_as_documented_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        GOCARDLESS.parse(Notification(body=body, headers={}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(["payments", "billing_requests", "refunds", "mandates"]),
    st.sampled_from([*PAYMENTS, "fulfilled", "created"]),
    st.fixed_dictionaries(
        {},
        optional={
            name: anything
            for name in (
                "id",
                "created_at",
                "links",
                "details",
                "resource_metadata",
                "resource_type",
                "action",
            )
        },
    ),
)
def test_whatever_is_in_an_event_it_is_read_or_refused(
    kind: str, action: str, values: dict[str, Any]
) -> None:
    try:
        received = parsed(event(action, kind) | values)
    except Malformed:
        return
    assert all(one.payment_id == "p1" for one in received.events)
    assert all(isinstance(one, str) for one in received.to_fetch)


def test_a_repeat_is_known_by_its_content() -> None:
    assert GOCARDLESS.delivery_id(signed()) == GOCARDLESS.delivery_id(signed())
    assert GOCARDLESS.delivery_id(signed()) != GOCARDLESS.delivery_id(signed(BODY + b" "))
