"""The e-mails about social files and renewals: that something changed or is due, and where to look.

None says what a file holds or why something was decided: a mailbox is not the tenant's space.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sesame.domain.calendar import deadline, local_date
from sesame.domain.renewals import RenewalState
from sesame.domain.tenancy import Channel
from sesame.notifications.letters import LetterKind
from sesame.platform.clock import Clock
from sesame.platform.events import Event
from sesame.platform.ids import derived_id
from sesame.services.addressees import Addressee, addressee
from sesame.services.mailer import Draft
from sesame.store.messages import Message, MessageState
from sesame.store.renewals import Campaigns, Renewals
from sesame.store.social_files import SocialFiles
from sesame.store.table import Table

SOCIAL_FILE_CHANGED, RENEWAL_DUE, RENEWAL_DECIDED = (
    "social_file.changed",
    "renewal.due",
    "renewal.decided",
)
STUDY_EVENTS = frozenset({SOCIAL_FILE_CHANGED, RENEWAL_DUE, RENEWAL_DECIDED})

type Composed = Draft | MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLetters:
    """Writes them. Each looks again at what it is about: what is over is not said."""

    identity: Table
    clock: Clock

    def plan(self, event: Event) -> tuple[Message, Callable[[Event], Composed]]:
        """The record of a message, and who writes it."""
        match event.type:
            case "social_file.changed":
                kind, compose, names = LetterKind.SOCIAL_FILE_CHANGED, self._social_file, ("year", "version")
            case "renewal.due":
                kind, compose, names = LetterKind.RENEWAL_DUE, self._renewal_due, ("campaign_id", "step")
            case "renewal.decided":
                kind, compose, names = (
                    LetterKind.RENEWAL_DECIDED,
                    self._renewal_decided,
                    ("campaign_id", "version"),
                )
            case other:
                raise ValueError(f"no message for an event of type {other}")
        cause = {name: event[name] for name in ("lease_id", *names)}
        message = Message(
            message_id=derived_id(kind, *cause.values()),
            kind=kind,
            cause=cause,
            lease_id=event["lease_id"],
            event=event,
        )
        return message, compose

    def _social_file(self, event: Event) -> Composed:
        """Of changes to tell in a row the last is told; the first day that something is due, and no more."""
        found = self._addressee(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        file = SocialFiles(self.identity).get(found.person.person_id, event["year"])
        if file is None or file.told_version != int(event["version"]):
            return MessageState.SUPERSEDED
        due_on: date | None = min((piece.due_on for piece in file.missing), default=None)
        return _draft(found, LetterKind.SOCIAL_FILE_CHANGED, due_on=due_on, year=file.year)

    def _renewal_due(self, event: Event) -> Composed:
        """Only while it is open and the tenant has not answered."""
        found = self._addressee(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        campaign = Campaigns(self.identity).get(event["campaign_id"])
        renewal = Renewals(self.identity).get(found.lease.lease_id, event["campaign_id"])
        # a run made for another day writes as of that day; one that waited in a queue, as of today
        now, time_zone = max(self.clock(), event.at), found.residence.time_zone
        if campaign is None or renewal is None or renewal.state is not RenewalState.INVITED:
            return MessageState.SUPERSEDED
        today = local_date(now, time_zone)
        if not (campaign.is_about(found.lease, today) and campaign.is_open(now, time_zone)):
            return MessageState.SUPERSEDED
        return _draft(
            found,
            LetterKind.RENEWAL_DUE,
            first=date.fromisoformat(event["step"]) == campaign.opens_on,
            closes_at=_on_the_wall(deadline(campaign.closes_on, time_zone), time_zone),
            lease_ends_on=found.lease.ends_on,
            renews_until=campaign.renews_until,
        )

    def _renewal_decided(self, event: Event) -> Composed:
        """Of two decisions the last is told."""
        found = self._addressee(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        renewal = Renewals(self.identity).get(found.lease.lease_id, event["campaign_id"])
        if renewal is None or renewal.decided is None or renewal.version != int(event["version"]):
            return MessageState.SUPERSEDED
        return _draft(
            found,
            LetterKind.RENEWAL_DECIDED,
            accepted=renewal.state is RenewalState.ACCEPTED,
            renewed_until=renewal.decided.renewed_until,
        )

    def _addressee(self, lease_id: str) -> Addressee | None:
        """Whom to write to: two reads. None where there is nobody, or no address that works."""
        found = addressee(self.identity, lease_id)
        return found if found and found.person.usable(Channel.EMAIL) else None


def _on_the_wall(at: datetime, time_zone: str) -> datetime:
    """A deadline as a letter prints it: to the minute, which at 23:59:59 must not become the next day."""
    return at.astimezone(ZoneInfo(time_zone)).replace(microsecond=0) - timedelta(seconds=at.second)


def _draft(found: Addressee, kind: LetterKind, **facts: Any) -> Draft:
    return Draft(
        person=found.person, kind=kind, facts={"lease": found.lease, "residence": found.residence, **facts}
    )
