"""Sends the message that an event calls for: accepted at most once, and only while it still holds true."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sesame.domain.calendar import (
    is_sending_time,
    local_date,
    next_sending_time,
)
from sesame.domain.sending import OTHER
from sesame.domain.tenancy import Channel, Person, Unusable
from sesame.domain.terms import as_of
from sesame.notifications.letters import LetterKind
from sesame.notifications.sms import OPTED_OUT
from sesame.platform.events import Event
from sesame.platform.ids import derived_id
from sesame.platform.logs import count
from sesame.services.access_messages import TOLD_TO_ALL, AccessNotices
from sesame.services.addressees import Addressee, addressee
from sesame.services.failed_contacts import FailedContacts
from sesame.services.mailer import Draft, Envelope, Mailer
from sesame.services.notice_letters import is_news, issued_together, notice_facts
from sesame.services.reminder_letters import reminder_cause, reminder_facts
from sesame.services.scheduled_mail import BY_THE_CLOCK, Leave, NotNow, ScheduledMail
from sesame.services.study_messages import RENEWAL_DUE, STUDY_EVENTS, StudyLetters
from sesame.services.unsubscribing import UnsubscribeTokens
from sesame.services.welcome import WELCOME_LIFE, WelcomeLinks
from sesame.store.accounts import Accounts, IssuedNotice, Journal
from sesame.store.messages import LOST, Message, MessageState
from sesame.store.table import Table
from sesame.store.tasks import Task, TaskKind, Tasks, task_id_of

type Composed = Draft | MessageState | NotNow | Literal[Leave.TOO_LATE] | None
"""A draft, or why there is none; None where it was given back to the planner, which calls for it again."""

BY_EITHER = frozenset({LetterKind.REMINDER, LetterKind.NOTICE, LetterKind.DATA_EXPORT})
"""What goes another way where the first one failed. All others of these need an e-mail: they carry a link."""
MUST_ARRIVE = frozenset({LetterKind.REMINDER, LetterKind.NOTICE})
"""Whose failure to reach anybody is the desk's to see to: it must be able to prove that it told of a debt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """Every other message that the system sends, by the event that calls for it.

    An event may carry `channel`, the one to use if it can be (and no other, with `only`), or `by`, the one
    that is left to try.
    """

    mailer: Mailer
    identity: Table
    accounts: Accounts
    welcome_links: WelcomeLinks
    unsubscribe: UnsubscribeTokens
    tasks: Tasks
    failed_contacts: FailedContacts
    schedule: ScheduledMail

    def handle(self, event: Event) -> None:
        """Sends what the event calls for. Safe to repeat. Raises when the queue should bring it again."""
        if event.type in TOLD_TO_ALL:
            AccessNotices(mailer=self.mailer, identity=self.identity).handle(event)
            return
        if also := event.data.get("also"):  # a step that is told of two ways: a record for each
            rest = {name: value for name, value in event.data.items() if name != "also"}
            self.handle(replace(event, data=rest | {"only": "yes"}))
            self.handle(replace(event, data=rest | {"by": also}))
            return
        planned = self._about_studies(event) if event.type in STUDY_EVENTS else self._plan(event)
        message, compose = planned
        now = self.mailer.clock()
        if LOST in event.data and self.mailer.messages.is_lost(message.message_id, now):
            self._give_up(message)
            return
        self._act_on(message, event, compose(event))

    def _act_on(self, message: Message, event: Event, composed: Composed) -> None:
        match composed:
            case Leave.TOO_LATE:
                self._ask_the_desk(TaskKind.UNCONFIRMED, message)
                self._leave(message, MessageState.SUPERSEDED)
            case None if LOST in event.data:  # another event tells of it; this copy may have gone, or not
                self._leave(message, MessageState.SUPERSEDED)
            case None:
                if self.mailer.messages.give_back(message, self.mailer.clock()):
                    self._give_day_back(event, message)
            case NotNow():
                self._wait(message, event, composed)
            case MessageState():
                self._leave(message, composed)
            case Draft():
                self._hand_over(replace(message, channel=composed.channel), event, composed)

    def _hand_over(self, message: Message, event: Event, draft: Draft) -> None:
        # written before it is claimed: what fails on the way to the mail service leaves no lost one
        envelope = self.mailer.write(message, draft)
        if envelope is None:
            self._leave(message, MessageState.UNADDRESSED)
            return
        leave = self._may_leave(event, message, draft)
        if isinstance(leave, NotNow):
            self._wait(message, event, leave)
        elif leave is Leave.GIVEN_BACK:
            self.mailer.messages.give_back(message, self.mailer.clock())
        elif leave is Leave.NOW:
            if self.mailer.messages.begin(message, self.mailer.clock(), draft.merges):
                self._send(message, envelope, event)
            else:  # dealt with before, perhaps on another day
                self._give_day_back(event, message, draft.facts)

    def _wait(self, message: Message, event: Event, later: NotNow) -> None:
        """Has the event come again then. Noted first: a message on record as waiting is called for."""
        self.mailer.messages.put_off(message, self.schedule.as_of(event, later.until), later.until)
        self.mailer.messages.skip(message, MessageState.WAITING, self.mailer.clock())

    def _give_up(self, message: Message) -> None:
        """Sent twice, and nobody knows whether it came. The task first: then it can be repeated."""
        count("MessageLost")
        self._ask_the_desk(TaskKind.UNCONFIRMED, message)
        self.mailer.messages.settle(message, MessageState.LOST, self.mailer.clock())

    def _leave(self, message: Message, state: MessageState) -> None:
        if state is MessageState.UNADDRESSED and message.kind in MUST_ARRIVE:
            self._ask_the_desk(TaskKind.UNREACHABLE, message)
        # of a second way that has no contact there is nothing to note, unless it had waited
        by = message.event is not None and "by" in message.event.data
        messages = self.mailer.messages
        leave = messages.end if by and state is MessageState.UNADDRESSED else messages.skip
        if leave(message, state, self.mailer.clock()) and message.event is not None:
            self._give_day_back(message.event, message)

    def _give_day_back(self, event: Event, message: Message, facts: Mapping[str, Any] | None = None) -> None:
        """Of a message of the clock's making that does not go after all. `facts`: its draft's."""
        if event.type not in BY_THE_CLOCK:
            return
        if facts is None:
            found = self._addressee(event["lease_id"])
            if found is None:
                return
            facts = {"lease": found.lease, "residence": found.residence}
        self.schedule.give_day_back(
            event, facts["lease"], facts["residence"], message.message_id, self.mailer.clock()
        )

    def _send(self, message: Message, envelope: Envelope, event: Event) -> None:
        """Hands it over; what will never be taken goes the other way, and the desk is told."""
        reached, code = self.mailer.send(message, envelope)
        if reached is not MessageState.REFUSED:
            return
        self._give_day_back(event, message)
        if code == OPTED_OUT:
            self.failed_contacts.phone(envelope.to, Unusable.OPTED_OUT, self.mailer.clock())
        else:
            self._ask_the_desk(TaskKind.REFUSED, message, channel=envelope.channel.value)
        if message.kind in BY_EITHER and "by" not in event.data:
            self.handle(by_another_way(event, envelope.channel))

    def _ask_the_desk(self, kind: TaskKind, message: Message, **details: str) -> None:
        found = self._addressee(message.lease_id or "")
        if found is None or (kind is TaskKind.UNREACHABLE and any(map(found.person.usable, Channel))):
            return
        lease = found.lease
        self.tasks.raise_once(
            Task(
                task_id=task_id_of(kind, lease.lease_id),
                kind=kind,
                residence_id=lease.residence_id,
                lease_id=lease.lease_id,
                raised_at=self.mailer.clock(),
                details={"message_id": message.message_id, "message": message.kind, **details},
            )
        )

    def _plan(self, event: Event) -> tuple[Message, Callable[[Event], Composed]]:
        """The record of a message, and who writes it. Its id comes from what must not be said twice."""
        lease_id = event["lease_id"]
        match event.type:
            case "reminder.due":
                return _record(LetterKind.REMINDER, reminder_cause(event), event), self._reminder
            case "notice.issued":
                return notice_message(event), self._notice
            case "lease.admitted":
                cause = {"lease_id": lease_id, "event_id": event.id}
                return _record(LetterKind.WELCOME, cause, event, may_repeat=True), self._welcome
            case "data_export.ready":
                cause = {"lease_id": lease_id, "export_id": event["export_id"]}
                return _record(LetterKind.DATA_EXPORT, cause, event, may_repeat=True), self._data_export
            case "document.ready":
                cause = {"lease_id": lease_id, "document_id": event["document_id"]}
                return _record(LetterKind.DOCUMENT_READY, cause, event, may_repeat=True), self._document_ready
            case "thread.answered":
                cause = {"lease_id": lease_id, "thread_id": event["thread_id"], "number": event["number"]}
                return _record(
                    LetterKind.THREAD_ANSWERED, cause, event, may_repeat=True
                ), self._thread_answered
            case other:
                raise ValueError(f"no message for an event of type {other}")

    def _about_studies(self, event: Event) -> tuple[Message, Callable[[Event], Composed]]:
        """Of these only what reminds waits for a decent hour: the others answer to something."""
        message, compose = StudyLetters(identity=self.identity, clock=self.mailer.clock).plan(event)

        def composed(again: Event) -> Composed:
            draft = compose(again)
            if again.type != RENEWAL_DUE or not isinstance(draft, Draft):
                return draft
            facts = draft.facts
            found = Addressee(lease=facts["lease"], person=draft.person, residence=facts["residence"])
            return self._quiet(found, again) or draft

        return message, composed

    def _welcome(self, event: Event) -> Composed:
        found = self._addressee(event["lease_id"])
        if found is None or not found.person.usable(Channel.EMAIL):
            return MessageState.UNADDRESSED
        token = self.welcome_links.create(found.lease, found.person)
        ends_on = local_date(self.mailer.clock() + WELCOME_LIFE, found.residence.time_zone)
        link = f"{self.mailer.portal_url}/bienvenue/{token}"
        return _draft(found, LetterKind.WELCOME, link=link, link_ends_on=ends_on)

    def _data_export(self, event: Event) -> Composed:
        found = self._addressee(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        last_whole_day = datetime.fromisoformat(event["expires_at"]) - timedelta(days=1)
        ends_on = local_date(last_whole_day, found.residence.time_zone)
        channel = _way(found.person, event)
        if channel is None:
            return MessageState.UNADDRESSED
        return replace(_draft(found, LetterKind.DATA_EXPORT, ends_on=ends_on), channel=channel)

    def _document_ready(self, event: Event) -> Composed:
        found = self._addressee(event["lease_id"])
        if found is None or not found.person.usable(Channel.EMAIL):
            return MessageState.UNADDRESSED
        return _draft(found, LetterKind.DOCUMENT_READY)

    def _thread_answered(self, event: Event) -> Composed:
        """That something came, never what: mailboxes are read by others."""
        found = self._addressee(event["lease_id"])
        if found is None or not found.person.usable(Channel.EMAIL):
            return MessageState.UNADDRESSED
        return _draft(found, LetterKind.THREAD_ANSWERED)

    def _notice(self, event: Event) -> Composed:
        """Only what was the latest period's notice when it was issued is news, and one that replaces another.

        Those that a late run makes up for are on the account. Others of the lease that wait are said in the
        same message.
        """
        found = self._addressee(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        journal = self.accounts.journal(found.lease.lease_id)
        number = int(event.data.get("number", "1"))
        issued = next(
            (
                one
                for one in journal.notices
                if (one.notice.period, one.notice.number) == (event["period"], number)
            ),
            None,
        )
        today = local_date(self.mailer.clock(), found.residence.time_zone)
        if issued is None or journal.account is None or not is_news(issued, found.residence, today):
            return MessageState.SUPERSEDED
        channel = _way(found.person, event)
        if channel is None:
            return MessageState.UNADDRESSED
        if quiet := self._quiet(found, event):
            return quiet
        beside, merges = self._told_beside(event, issued, journal)
        told = [issued.notice, *(one.notice for one in beside)]
        return replace(
            _draft(found, LetterKind.NOTICE, **notice_facts(told, journal.account, today)),
            channel=channel,
            merges=merges,
        )

    def _told_beside(
        self, event: Event, issued: IssuedNotice, journal: Journal
    ) -> tuple[list[IssuedNotice], tuple[str, ...]]:
        """The other notices to tell of in a notice's message, and the ids of those that wait until now.

        A read where another one was issued about the same time; none in most months.
        """
        near = [one for one in journal.notices if one != issued and issued_together(one, issued)]
        ids = [notice_message(_event_of(one)).message_id for one in near]
        first = replace(event, data={name: value for name, value in event.data.items() if name != "by"})
        ours = {notice_message(one).message_id for one in (event, first)}
        beside, merges = [], []
        for one, record in zip(near, self.mailer.messages.some(ids), strict=True):
            if record is None:
                continue
            if record.state is MessageState.WAITING:
                merges.append(record.message_id)
            elif record.told_in not in ours:
                continue
            beside.append(one)
        return beside, tuple(merges)

    def _reminder(self, event: Event) -> Composed:
        """Only while the debt whose step it is remains unpaid: any other has steps of its own."""
        found = self._addressee(event["lease_id"])
        if found is None:
            return MessageState.UNADDRESSED
        account, person = self.accounts.get(found.lease.lease_id), found.person
        leave = self.schedule.reminder(event, found.residence, account, self.mailer.clock())
        if account is None or leave is Leave.NEVER:
            return MessageState.SUPERSEDED
        if leave is not Leave.NOW:
            return None if leave is Leave.GIVEN_BACK else leave
        # a run made for another day writes as of that day; one that waited in a queue, as of today
        facts = reminder_facts(event, account, found, max(self.mailer.clock(), event.at))
        late = facts["overdue_cents"] > 0
        if not late and not person.courtesy_reminders:
            return MessageState.UNWANTED
        channel = _way(person, event, person.reminders_by)
        if channel is None:
            return MessageState.UNADDRESSED
        token = None if late else self.unsubscribe.of(person.person_id)
        link = f"{self.mailer.portal_url}/desabonnement/{token}" if token else None
        return replace(_draft(found, LetterKind.REMINDER, **facts), channel=channel, unsubscribe_url=link)

    def _may_leave(self, event: Event, message: Message, draft: Draft) -> Leave | NotNow:
        """Whether the day is the message's own, where it is one that the clock called for."""
        if event.type not in BY_THE_CLOCK:
            return Leave.NOW
        lease, residence = draft.facts["lease"], draft.facts["residence"]
        return self.schedule.claim(
            event, lease, residence, message.message_id, draft.channel, self.mailer.clock()
        )

    def _quiet(self, found: Addressee, event: Event) -> NotNow | None:
        """Until when the residence's clock forbids it: a queue may bring a message at any hour."""
        if not self.schedule.keeps_quiet:
            return None
        now, residence = max(self.mailer.clock(), event.at), found.residence
        is_holiday = self.schedule.holidays(residence)
        if is_sending_time(now, residence.time_zone, is_holiday):
            return None
        return NotNow(next_sending_time(now, residence.time_zone, is_holiday))

    def _addressee(self, lease_id: str) -> Addressee | None:
        """With the terms that hold today. Two reads."""
        found = addressee(self.identity, lease_id)
        if found is None:
            return None
        today = local_date(self.mailer.clock(), found.residence.time_zone)
        return replace(found, lease=as_of(found.lease, today))


def by_another_way(event: Event, failed: Channel) -> Event:
    """The same event, for the channel that is left where one failed."""
    told = {name: value for name, value in event.data.items() if name != LOST}
    return replace(event, data=told | {"by": OTHER[failed].value})


def notice_message(event: Event) -> Message:
    """The record of a notice's message: of a month's second notice another one, by its number."""
    again = {"number": event.data["number"]} if "number" in event.data else {}
    cause = {"lease_id": event["lease_id"], "period": event["period"], **again}
    return _record(LetterKind.NOTICE, cause, event)


def _event_of(issued: IssuedNotice) -> Event:
    """What calls for a notice's message, as far as the message's id goes."""
    notice = issued.notice
    again = {"number": str(notice.number)} if notice.number > 1 else {}
    data = {"lease_id": notice.lease_id, "period": notice.period, **again}
    return Event(id="", type="notice.issued", at=issued.issued_at, data=data)


def _record(kind: LetterKind, cause: dict[str, str], event: Event, *, may_repeat: bool = False) -> Message:
    """`by` another way it is another message, with a record of its own."""
    by = event.data.get("by")
    return Message(
        message_id=derived_id(kind, *cause.values(), *([by] if by else [])),
        kind=kind,
        cause=cause,
        lease_id=cause["lease_id"],
        may_repeat=may_repeat,
        event=event,
    )


def _way(person: Person, event: Event, wished: Channel | None = None) -> Channel | None:
    """The channel to use: the only one left, or the tenant's wish, or the step's, or else the other one."""
    if by := event.data.get("by"):
        return Channel(by) if person.usable(Channel(by)) else None
    if "only" in event.data:  # told both ways: a wish for one of them would make that one ring twice
        channel = Channel(event["channel"])
        return channel if person.usable(channel) else None
    first = wished or Channel(event.data.get("channel", Channel.EMAIL))
    return next((one for one in (first, OTHER[first]) if person.usable(one)), None)


def _draft(found: Addressee, kind: LetterKind, **facts: Any) -> Draft:
    return Draft(
        person=found.person, kind=kind, facts={"lease": found.lease, "residence": found.residence, **facts}
    )
