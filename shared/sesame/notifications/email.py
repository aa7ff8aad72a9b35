"""Hands e-mails to SES."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from sesame.notifications.letters import Letter
from sesame.notifications.outcome import hand_over
from sesame.notifications.ses_events import MESSAGE_TAG

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

    def send(
        self, to: str, letter: Letter, *, message_id: str, kind: str, unsubscribe_url: str | None = None
    ) -> str:
        """SES's own id of the message. Raises NotAccepted, Refused, AnswerLost; none names the address.

        With `unsubscribe_url` mail programs show a button that posts to it (RFC 8058).
        """
        # RFC 3834: holiday responders leave it alone
        headers = {"Auto-Submitted": "auto-generated"}
        if unsubscribe_url is not None:
            headers |= {
                "List-Unsubscribe": f"<{unsubscribe_url}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            }
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
                    "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
                }
            },
            "EmailTags": [{"Name": MESSAGE_TAG, "Value": message_id}, {"Name": "kind", "Value": kind}],
        }
        if self.configuration_set:
            request["ConfigurationSetName"] = self.configuration_set
        return hand_over(lambda: self.client.send_email(**request), refusals=_REFUSALS)
