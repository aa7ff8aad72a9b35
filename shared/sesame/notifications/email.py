"""Hands e-mails to SES."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from sesame.notifications.letters import Letter
from sesame.notifications.outcome import hand_over

_REFUSALS = {"BadRequestException"}
"""The message itself is wrong, most often its address."""


def ses_client() -> Any:
    """SES v2 without any automatic retry: it has no idempotency token, so a retry could send twice."""
    return boto3.client(
        "sesv2",
        config=Config(connect_timeout=2, read_timeout=8, retries={"total_max_attempts": 1}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSender:
    """Sends from one address. `configuration_set` makes SES report bounces, complaints and deliveries."""

    client: Any
    sender: str
    configuration_set: str | None = None

    def send(self, to: str, letter: Letter, *, message_id: str, kind: str) -> str:
        """SES's own id of the message. Raises NotAccepted, Refused, AnswerLost; none names the address."""
        request: dict[str, Any] = {
            "FromEmailAddress": self.sender,
            "Destination": {"ToAddresses": [to]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": letter.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": letter.text, "Charset": "UTF-8"},
                        "Html": {"Data": letter.html, "Charset": "UTF-8"},
                    },
                    # RFC 3834: holiday responders leave it alone
                    "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
                }
            },
            "EmailTags": [{"Name": "message_id", "Value": message_id}, {"Name": "kind", "Value": kind}],
        }
        if self.configuration_set:
            request["ConfigurationSetName"] = self.configuration_set
        return hand_over(lambda: self.client.send_email(**request), refusals=_REFUSALS)
