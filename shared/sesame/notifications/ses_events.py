"""What SES tells of a message after it took it: accepted, delivered, bounced, complained of.

Source: SES developer guide, "Examples of event data that Amazon SES publishes to Amazon SNS". Events come by
EventBridge, in any order, more than once, and may name several recipients. An event of the older form (with
`notificationType`) reads alike.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

MESSAGE_TAG = "message_id"
"""The tag by which we name a message; SES gives it back with everything it tells of it."""


class Word(StrEnum):
    """What SES says. What readers do with a message is never asked for."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    """For good: there is no such mailbox, or SES has given up on it."""
    BOUNCED_FOR_NOW = "bounced_for_now"
    """A mailbox that is full, a server that is busy: SES has tried, and says so."""
    DELAYED = "delayed"
    """SES goes on trying."""
    COMPLAINED = "complained"
    REJECTED = "rejected"
    OTHER = "other"


class UnreadableFeedback(ValueError):
    """Not a form in which SES tells of messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One event. `message_id` is ours, None where the message carried no tag; the other one is SES's."""

    word: Word
    at: datetime | None
    provider_message_id: str
    message_id: str | None
    addresses: tuple[str, ...]
    """Of the recipients that it concerns, as SES writes them."""


_WORDS = {
    "Send": Word.ACCEPTED,
    "Delivery": Word.DELIVERED,
    "Complaint": Word.COMPLAINED,
    "Reject": Word.REJECTED,
    "Rendering Failure": Word.REJECTED,
    "DeliveryDelay": Word.DELAYED,
}
_DETAILS = {"DeliveryDelay": "deliveryDelay", "Rendering Failure": "failure"}
_RECIPIENTS = ("bouncedRecipients", "complainedRecipients", "delayedRecipients")


def feedback_of(body: str) -> Feedback:
    """The event in a queue message: an EventBridge envelope around it, or SES's own JSON.

    Raises UnreadableFeedback, which quotes nothing.
    """
    try:
        message = json.loads(body)
        event: Mapping[str, Any] = message["detail"] if "detail-type" in message else message
        kind = str(event.get("eventType") or event["notificationType"])
        mail: Mapping[str, Any] = event["mail"]
        told: Mapping[str, Any] = event.get(_DETAILS.get(kind, kind.lower())) or {}
        return Feedback(
            word=_word(kind, told),
            at=_moment(told.get("timestamp") or mail.get("timestamp")),
            provider_message_id=str(mail["messageId"]),
            message_id=_tag(mail),
            addresses=_addresses(told),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise UnreadableFeedback from None


def _word(kind: str, told: Mapping[str, Any]) -> Word:
    if kind != "Bounce":
        return _WORDS.get(kind, Word.OTHER)
    return Word.BOUNCED if told.get("bounceType") == "Permanent" else Word.BOUNCED_FOR_NOW


def _addresses(told: Mapping[str, Any]) -> tuple[str, ...]:
    found = [one["emailAddress"] for name in _RECIPIENTS for one in told.get(name, ())]
    return tuple(str(one) for one in [*found, *told.get("recipients", ())])


def _tag(mail: Mapping[str, Any]) -> str | None:
    values = (mail.get("tags") or {}).get(MESSAGE_TAG) or []
    return str(values[0]) if values else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
