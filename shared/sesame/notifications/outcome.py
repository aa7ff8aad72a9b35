"""What became of a message that was handed to a service: taken, not taken, refused for good, or unknown."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)
from botocore.parsers import ResponseParserError

_NEVER_CALLED = (EndpointConnectionError, ConnectTimeoutError, NoCredentialsError, ParamValidationError)
_SERVER_ERROR = 500
_TOO_MANY = 429
_THROTTLES = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "LimitExceededException",
}


class NotAccepted(Exception):
    """The service did not take the message; the same one may be taken later."""


class TooFast(NotAccepted):
    """It came faster than the account may send, or after the day's quota."""


class Refused(Exception):
    """The service did not take the message and never will as it is."""


class AnswerLost(Exception):
    """The service was called and its answer did not arrive: it may or may not have taken the message."""


def hand_over(call: Callable[[], dict[str, Any]], *, refusals: set[str]) -> str:
    """Calls the service and returns its own id of the message. Raises NotAccepted, Refused, AnswerLost.

    `refusals` are the error codes that speak of the message itself; any other 4xx is about our account or our
    pace. No error names an address or a number.
    """
    try:
        return str(call()["MessageId"])
    except _NEVER_CALLED as error:
        raise NotAccepted(type(error).__name__) from None
    except (BotoCoreError, ResponseParserError) as error:
        raise AnswerLost(type(error).__name__) from None
    except ClientError as error:
        raise _failure(error, refusals) from None


def _failure(error: ClientError, refusals: set[str]) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= _SERVER_ERROR:
        return AnswerLost(code)
    if status == _TOO_MANY or code in _THROTTLES:
        return TooFast(code)
    return Refused(code) if code in refusals else NotAccepted(code)
