"""Hands text messages to SNS, which passes them on to the operators."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from sesame.domain.sms import segments
from sesame.notifications.outcome import hand_over
from sesame.platform.logs import count

OPTED_OUT = "OptedOut"
"""SNS's word for a number whose holder wants no messages."""
_REFUSALS = {"InvalidParameter", "InvalidParameterValue", OPTED_OUT}
"""The number is wrong, or its holder wants no messages."""


def sns_client() -> Any:
    """SNS without any automatic retry: a message has no idempotency token, so a retry could send twice."""
    return boto3.client(
        "sns",
        config=Config(connect_timeout=2, read_timeout=8, retries={"total_max_attempts": 1}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSender:
    """Sends under one name (at most eleven letters or digits), where the country allows a name."""

    client: Any
    sender_id: str = ""

    def send(self, to: str, text: str) -> str:
        """SNS's own id of the message. `to` in E.164. Raises NotAccepted, Refused, AnswerLost."""
        attributes = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
        if self.sender_id:
            attributes["AWS.SNS.SMS.SenderID"] = {"DataType": "String", "StringValue": self.sender_id}
        accepted = hand_over(
            lambda: self.client.publish(PhoneNumber=to, Message=text, MessageAttributes=attributes),
            refusals=_REFUSALS,
        )
        count("SmsSegments", segments(text))
        return accepted
