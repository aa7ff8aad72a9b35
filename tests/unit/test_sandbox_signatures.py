"""The sandbox's signatures: what its own scheme's reference library makes, we believe; nothing else."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from sesame.domain.payments import EventKind
from sesame.providers.base import Forged, Malformed, Notification
from sesame.providers.sandbox import KINDS, TOLERANCE, Sandbox

NOW = datetime(2026, 9, 5, 10, tzinfo=UTC)
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + b64encode(bytes(range(1, 33))).decode()
VECTORS = Path(__file__).parents[3] / "shared/vectors/standard_webhooks.json"
SANDBOX = Sandbox("http://127.0.0.1:1")
MESSAGE = {
    "id": "evt_1",
    "type": "payment.settled",
    "created_at": "2026-09-05T11:59:30+02:00",
    "rank": 2,
    "data": {"reference": "p1", "account": "l1", "amount_cents": 40_000, "currency": "EUR"},
}
BODY = json.dumps(MESSAGE).encode()


def signed(
    body: bytes = BODY, *, secret: str = SECRET, at: datetime = NOW, message_id: str = "msg_1"
) -> Notification:
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
    }
    return Notification(body=body, headers=headers)


def changed(notification: Notification, headers: Mapping[str, str]) -> Notification:
    return Notification(body=notification.body, headers={**notification.headers, **headers})


def assert_forged(notification: Notification) -> None:
    with pytest.raises(Forged):
        SANDBOX.verify(notification, [SECRET], NOW)


def test_what_the_reference_library_signs_is_believed() -> None:
    SANDBOX.verify(signed(), [SECRET], NOW)


def test_every_live_secret_is_tried_while_one_replaces_another() -> None:
    SANDBOX.verify(signed(secret=OTHER), [SECRET, OTHER], NOW)
    SANDBOX.verify(signed(secret=OTHER), ["no key at all", OTHER], NOW)


def test_one_good_signature_among_several_is_enough() -> None:
    good = signed().headers["webhook-signature"]
    several = changed(signed(), {"webhook-signature": f"v1,AAAA v1a,{'B' * 86}== {good} v2,CCCC"})

    SANDBOX.verify(several, [SECRET], NOW)


def test_a_secret_nobody_gave_us_is_forged() -> None:
    assert_forged(signed(secret=OTHER))


def test_a_changed_body_is_forged() -> None:
    notification = signed()

    assert_forged(Notification(body=BODY + b" ", headers=notification.headers))


def test_the_signature_of_another_message_is_forged() -> None:
    assert_forged(changed(signed(), {"webhook-id": "msg_2"}))


@pytest.mark.parametrize("sign", [1, -1])
def test_five_minutes_either_way_are_tolerated_and_no_more(sign: int) -> None:
    SANDBOX.verify(signed(at=NOW + sign * TOLERANCE), [SECRET], NOW)
    assert_forged(signed(at=NOW + sign * (TOLERANCE + timedelta(seconds=1))))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize(
    "value",
    ["", " ", "é", "\ud800", "v1", "v1,", "v1,é", "1e9", "-1", "١٧٨٨٦", "9" * 400, "v1," + "A" * 9000],
)
def test_a_malformed_header_is_forged_and_nothing_worse(name: str, value: str) -> None:
    assert_forged(changed(signed(), {name: value}))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_forged(name: str) -> None:
    headers = {one: value for one, value in signed().headers.items() if one != name}

    assert_forged(Notification(body=BODY, headers=headers))


@given(st.dictionaries(st.sampled_from(SANDBOX.kept_headers), st.text()), st.binary())
def test_no_input_makes_verifying_do_anything_but_refuse(headers: dict[str, str], body: bytes) -> None:
    assert_forged(Notification(body=body, headers=headers))


@pytest.mark.skipif(not VECTORS.exists(), reason="the public vectors are not here")
def test_the_public_vectors_of_the_scheme_hold() -> None:
    for vector in json.loads(VECTORS.read_text())["vectors"]:
        if "raw_body" not in vector:
            continue
        headers = {name: vector[name] for name in SANDBOX.kept_headers}
        notification = Notification(body=vector["raw_body"].encode(), headers=headers)
        at = datetime.fromtimestamp(int(vector["webhook-timestamp"]), UTC)

        if vector["valid"]:
            SANDBOX.verify(notification, [vector["secret"]], at)
        else:
            with pytest.raises(Forged):
                SANDBOX.verify(notification, [vector["secret"]], at)


@pytest.mark.parametrize("length", [31, 32, 33, 34])
def test_a_secret_without_its_padding_is_the_same_secret(length: int) -> None:
    padded = "whsec_" + b64encode(bytes(length)).decode()

    SANDBOX.verify(signed(secret=padded), [padded.rstrip("=")], NOW)
    SANDBOX.verify(signed(secret=padded), [padded.removeprefix("whsec_")], NOW)


def test_an_event_is_read_in_cents_utc_and_as_test_money() -> None:
    [found] = SANDBOX.parse(signed()).events

    assert (found.payment_id, found.lease_id) == ("p1", "l1")
    assert found.event.kind is EventKind.SETTLED
    assert found.event.amount_cents == 40_000
    assert found.event.occurred_at == datetime(2026, 9, 5, 9, 59, 30, tzinfo=UTC)
    assert found.event.live is False


def test_every_kind_of_event_has_a_name() -> None:
    assert set(KINDS.values()) == set(EventKind)


def with_data(**values: Any) -> dict[str, Any]:
    return {**MESSAGE, "data": {**MESSAGE["data"], **values}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "message",
    [
        [],
        "text",
        {**MESSAGE, "id": "\ud800"},
        {**MESSAGE, "id": "x" * 200},
        {**MESSAGE, "type": "payment.unheard-of"},
        {**MESSAGE, "type": []},
        {**MESSAGE, "created_at": "2026-09-05T11:59:30"},
        {**MESSAGE, "created_at": "0001-01-01T00:00:00+14:00"},
        {**MESSAGE, "created_at": 5},
        {**MESSAGE, "rank": "2"},
        {**MESSAGE, "rank": 10**60},
        {**MESSAGE, "data": None},
        with_data(amount_cents=-1),
        with_data(amount_cents=True),
        with_data(amount_cents=1.5),
        with_data(amount_cents=10**30),
        with_data(reference=["p1"]),
        with_data(currency="E U R"),
    ],
)
def test_an_event_that_is_not_as_documented_is_malformed(message: Any) -> None:
    with pytest.raises(Malformed):
        SANDBOX.parse(Notification(body=json.dumps(message).encode(), headers={}))


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 100_000, b"{", b"9" * 5000, b'{"id":NaN}'])
def test_a_body_that_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        SANDBOX.parse(Notification(body=body, headers={}))
