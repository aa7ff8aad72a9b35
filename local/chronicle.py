"""A story that takes months: dated steps, the clock's jobs on the days between, every e-mail told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from local.mailbox import Mail
from local.stack import Stack
from local.story_clock import StoryClock
from local.telling import Newcomer, Teller

MORNING = time(10, 30)
ONE_TIME_CODE = "one-time code"
"""In the subject of an e-mail that carries one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of the clock: its logical id, and when its schedule in the template runs it at the residence.

    An hourly one is run once a day, in the first hour in which it may write to anybody.
    """

    function: str
    at: time


REMINDERS = Job(function="ReminderPlanFunction", at=time(9, 5))
RENEWALS = Job(function="RenewalPlanFunction", at=time(9, 20))
BILLING = Job(function="BillingPlanFunction", at=time(10))
JOBS = (REMINDERS, RENEWALS, BILLING)


class Chronicle(Teller):
    """A teller whose steps have days. `who` is the tenant that it is about, `code` their tenant code."""

    who: Newcomer
    code: str

    def __init__(
        self, stack: Stack, folder: Path, say: Callable[[str], None], clock: StoryClock, zone: ZoneInfo
    ) -> None:
        super().__init__(stack, folder, say)
        self.clock = clock
        self.zone = zone
        self.reminded: list[tuple[date, str]] = []
        """Each reminder so far: the day it was sent, and its subject."""
        self._told: set[int] = set()

    @property
    def today(self) -> date:
        """By the residence's calendar."""
        return self.clock().astimezone(self.zone).date()

    def on(self, day: date, text: str, at: time = MORNING) -> None:
        """Let time pass until a day, and announce its step."""
        self.pass_to(day, at)
        self.step(f"{dated(day)}. {text}")
        untold = self.untold()
        self.must(not untold, f"no e-mail by then that nobody expected, there was {untold}")

    def pass_to(self, day: date, at: time = MORNING) -> None:
        """Let time pass: the jobs whose time comes meanwhile are run, in their order, each at its time."""
        target = datetime.combine(day, at, self.zone).astimezone(UTC)
        passing = self.today
        while passing <= day:
            for job in JOBS:
                moment = datetime.combine(passing, job.at, self.zone).astimezone(UTC)
                if self.clock() < moment <= target:
                    self.clock.move_to(moment)
                    self.run(job)
            passing += timedelta(days=1)
        self.clock.move_to(target)

    def run(self, job: Job) -> None:
        """Run one job as of now; what it has written is waited for and told."""
        outcome = self.invoke(job.function, {"scheduled_time": self.clock().isoformat()})
        if job is REMINDERS:
            for _ in range(outcome["reminders"]):
                self.reminded.append((self.today, self.hear("", "reminder")["subject"]))
        elif job is RENEWALS:
            for _ in range(outcome["told"]):
                self.hear("", "renewal")
        else:
            self.billed()

    def billed(self) -> None:
        """What follows the daily billing job: a story that expects a notice waits for it here."""

    def hear(self, subject: str, name: str) -> Mail:
        """The next e-mail with these words in its subject that was not told yet; it is told and kept.

        One-time codes are not told.
        """

        def look() -> tuple[int, Mail] | None:
            oldest_first = self.mails(self.who)[::-1]
            fresh = ((number, mail) for number, mail in enumerate(oldest_first) if number not in self._told)
            return next(
                (
                    (number, mail)
                    for number, mail in fresh
                    if subject in mail["subject"] and ONE_TIME_CODE not in mail["subject"]
                ),
                None,
            )

        number, mail = self.until(look, f"an e-mail to {self.who.given_names} about {subject or name!r}")
        self._told.add(number)
        self.keep_mail(f"{self.today:%Y-%m-%d}-{name}", mail)
        self.got(f"e-mail of {dated(self.today)}: {mail['subject']}")
        return mail

    def untold(self) -> list[str]:
        """Subjects of e-mails that no step expected, one-time codes left out."""
        return [
            mail["subject"]
            for number, mail in enumerate(self.mails(self.who)[::-1])
            if number not in self._told and ONE_TIME_CODE not in mail["subject"]
        ]

    def reminded_since(self, day: date) -> list[str]:
        """The subjects of reminders from a day on."""
        return [subject for sent_on, subject in self.reminded if sent_on >= day]


def dated(day: date) -> str:
    """A day in words, as in `16 October 2024`."""
    return f"{day.day} {day:%B %Y}"


def span(first: date, last: date) -> str:
    """The days from one to another."""
    return f"{dated(first)} to {dated(last)}"
