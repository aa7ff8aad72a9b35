"""What SES tells of messages, read: its own samples, the forms it may take, and what is not one."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.notifications.ses_events import UnreadableFeedback, Word, feedback_of

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "ses_events.json"
WORDS = {
    "test_bounce_event": (Word.BOUNCED, ("jane@example.com",)),
    "test_multiple_bounce_event": (Word.BOUNCED, ("jane@example.com", "richard@example.com")),
    "test_complaint_event": (Word.COMPLAINED, ("richard@example.com",)),
    "test_delivery_event": (Word.DELIVERED, ("jane@example.com",)),
    "test_send_event": (Word.ACCEPTED, ()),
    "test_reject_event": (Word.REJECTED, ()),
    "test_open_event": (Word.OTHER, ()),
    "test_click_event": (Word.OTHER, ()),
    "test_rendering_failure_event": (Word.REJECTED, ()),
}


def samples() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))["ses_events"]
    return found


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors lie beside the project")
def test_the_samples_of_amazon_are_read_in_both_forms_and_in_an_envelope() -> None:
    for name, event in samples().items():
        bare = feedback_of(json.dumps(event))

        assert (bare.word, bare.addresses) == WORDS[name]
        assert feedback_of(json.dumps({"detail-type": "Email Bounced", "detail": event})) == bare
        assert bare.provider_message_id == event["mail"]["messageId"]
        assert bare.message_id is None


def test_the_tag_names_our_message_and_the_time_is_the_events_own() -> None:
    event = {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Transient",
            "bounceSubType": "MailboxFull",
            "bouncedRecipients": [{"emailAddress": "a@example.org"}],
            "timestamp": "2026-09-14T09:00:00.000Z",
        },
        "mail": {
            "messageId": "ses-1",
            "timestamp": "2026-09-14T08:00:00Z",
            "tags": {"message_id": ["m" * 26]},
        },
    }

    told = feedback_of(json.dumps(event))

    assert (told.word, told.message_id) == (Word.BOUNCED_FOR_NOW, "m" * 26)
    assert told.at == datetime(2026, 9, 14, 9, tzinfo=UTC)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["detail", "detail-type", "eventType", "mail", "bounce", "tags", "messageId"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(
    JSON | st.just({"eventType": "Bounce", "mail": {"messageId": "x"}, "bounce": {"bouncedRecipients": [3]}})
)
def test_whatever_else_comes_is_unreadable_and_quotes_nothing(message: Any) -> None:
    refusal = ""
    try:
        feedback_of(json.dumps(message))
    except UnreadableFeedback as refused:
        refusal = str(refused)

    assert refusal == ""
