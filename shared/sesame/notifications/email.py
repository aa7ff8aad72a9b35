"""Hands e-mails to SES and tells apart what it took, what it did not, and what nobody can know."""

from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError

from sesame.notifications.letters import Letter

_REFUSED = {"BadRequestException"}
"""The message itself is wrong, most often its address. Every other 4xx is about our account or our pace."""
_NEVER_CALLED = (EndpointConnectionError, ConnectTimeoutError, NoCredentialsError, ParamValidationError)
_SERVER_ERROR = 500


class NotAccepted(Exception):
    """SES did not take the message; the same one may be taken later."""


class Refused(Exception):
    """SES did not take the message and never will as it is."""


class AnswerLost(Exception):
    """SES was called and its answer did not arrive: it may or may not have taken the message."""


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
        try:
            answer: dict[str, str] = self.client.send_email(**request)
        except _NEVER_CALLED as error:
            raise NotAccepted(type(error).__name__) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise AnswerLost(type(error).__name__) from None
        except ClientError as error:
            raise _failure(error) from None
        return answer["MessageId"]


def _failure(error: ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= _SERVER_ERROR:
        return AnswerLost(code)
    return Refused(code) if code in _REFUSED else NotAccepted(code)
