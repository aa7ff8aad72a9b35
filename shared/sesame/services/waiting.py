"""What whoever waits for a one-time code is told, at a sign-in, a recovery and a confirmation alike."""

from datetime import datetime
from math import ceil
from typing import TypedDict

from sesame.platform.http import Shown
from sesame.services.confirming import ONE_TIME_CODE_LIFE, Started

HELP = "/v1/code-recoveries/help"


class Waiting(Shown):
    """Until when the one-time code counts, and from when another message may be asked for."""

    expires_in_seconds: int
    resend_after_seconds: int
    help: str
    """Where it says what to do when nothing comes."""


class Wait(TypedDict):
    """The fields of `Waiting`."""

    expires_in_seconds: int
    resend_after_seconds: int
    help: str


def waiting(started: Started, now: datetime) -> Wait:
    """The fields of `Waiting` for a request just made."""
    return {
        "expires_in_seconds": int(ONE_TIME_CODE_LIFE.total_seconds()),
        "resend_after_seconds": max(0, ceil((started.resend_at - now).total_seconds())),
        "help": HELP,
    }
