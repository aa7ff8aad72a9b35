"""From handed over to delivered: quiet time, lost answers, the mail service's word, other ways, wishes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from sesame.domain.reminders import Hold, HoldKind, HoldReason
from sesame.domain.tenancy import Channel, Language, Unusable
from sesame.domain.terms import amended
from sesame.notifications.outcome import NotAccepted
from sesame.platform.events import Event, event_of
from sesame.services.failed_contacts import FailedContacts
from sesame.services.feedback import MailFeedback
from sesame.services.lease_terms import LeaseTerms, Who
from sesame.services.messages_again import MessagesAgain
from sesame.services.queues import Queue
from sesame.services.scheduled_mail import Leave, ScheduledMail
from sesame.services.unsubscribing import UnknownUnsubscribeLink, UnsubscribeTokens, Unsubscribing
from sesame.store.messages import Failure, Message, Messages, SentMessage
from sesame.store.people import People
from sesame.store.tasks import Tasks
from sesame.store.wishes import Wishes
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import LONG, PORTAL, Office
from tests.integration.entries import http_event, load, prepare
from tests.integration.tenants import RESIDENCE, Tenant, admit
from tests.integration.test_messages import refusal

ISSUED = datetime(2026, 9, 1, 3, tzinfo=UTC)
BEFORE_DUE = datetime(2026, 9, 5, 8, 5, tzinfo=UTC)
LATE = datetime(2026, 9, 14, 8, 5, tzinfo=UTC)
NIGHT = datetime(2026, 9, 14, 20, 30, tzinfo=UTC)
MORNING = datetime(2026, 9, 15, 7, 0, tzinfo=UTC)
"""Nine o'clock in Paris."""
PHONE = "+33639981234"
NO_ANSWER = ReadTimeoutError(endpoint_url="ses")
BUSY, REFUSED = refusal("TooManyRequestsException", 429), refusal("BadRequestException")


class World:
    """The office, and what brings messages back to it."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        self.office = Office(aws, clock)
        self.queue = Queue(aws.sqs, aws.sqs.create_queue(QueueName="notifications")["QueueUrl"])
        self.tasks = Tasks(aws.operations)
        self.people = People(aws.identity, aws.pepper)
        self.feedback = MailFeedback(
            messages=self.office.messages,
            failed_contacts=FailedContacts(people=self.people, wishes=Wishes(aws.identity), tasks=self.tasks),
            again=self.queue,
            clock=clock,
        )
        self.again = MessagesAgain(messages=self.office.messages, queue=self.queue, budget=LONG)
        self.tenant = admit(aws, phone=PHONE)
        self.office.bill(ISSUED)

    def reminder(self, at: datetime) -> Event:
        """What the planner announces at a time."""
        self.clock.now = at
        self.office.reminders.plan(at)
        [event] = self.office.announced("reminder.due")
        return event

    def relay(self) -> None:
        """What is queued for the sender, to the sender."""
        for event in self._queued():
            self.office.correspondence.handle(event)

    def call_again(self) -> None:
        """The run every five minutes, and what it queues."""
        self.again.run(self.clock())
        self.relay()

    def _queued(self) -> Iterator[Event]:
        while found := self.aws.sqs.receive_message(QueueUrl=self.queue.url).get("Messages"):
            self.aws.sqs.delete_message(QueueUrl=self.queue.url, ReceiptHandle=found[0]["ReceiptHandle"])
            yield event_of(found[0]["Body"])

    def tell(self, kind: str, *, address: str = "huong@example.org", message_id: str = "", **of: Any) -> None:
        """What SES says of the last message."""
        message_id = message_id or self.office.mailbox.sent[-1]["EmailTags"][0]["Value"]
        by_kind: dict[str, dict[str, Any]] = {
            "Bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": address}]},
            "Complaint": {"complainedRecipients": [{"emailAddress": address}]},
            "Delivery": {"recipients": [address]},
        }
        recipients = by_kind.get(kind, {})
        detail: dict[str, Any] = {
            "eventType": kind,
            kind.lower(): recipients | {"timestamp": self.clock().isoformat()} | of,
            "mail": {"messageId": "ses-x", "tags": {"message_id": [message_id]}},
        }
        self.feedback.take(json.dumps({"detail-type": "Email", "detail": detail}))

    def records(self) -> list[SentMessage]:
        """All that is kept of messages."""
        found = [self.office.messages.get(item["message_id"]) for item in self.office.records()]
        return sorted((one for one in found if one), key=lambda one: one.created_at)

    def states(self) -> list[str]:
        """Of every message."""
        return sorted(one.state.value for one in self.records())

    def open_tasks(self) -> list[str]:
        """The kinds of what the desk has to see to."""
        return [one.kind.value for one in self.tasks.open_in(self.tenant.lease.residence_id).tasks]

    def take_the_day(self, channel: Channel, at: datetime) -> None:
        """Another message of the clock's making has the tenant's day."""
        allowances = self.office.correspondence.schedule.allowances
        person = self.tenant.person.person_id
        assert allowances.claim(person, channel, "another", day=at.date(), now=at)

    def hold(self, *, until: date) -> None:
        """A manager holds the tenant's reminders."""
        account = self.office.accounts.get(self.tenant.lease.lease_id)
        assert account is not None
        hold = Hold(
            kind=HoldKind.HOLD, reason=HoldReason.HARDSHIP, until=until, by="manager", at=self.clock()
        )
        self.aws.money.write(
            self.office.accounts.arranging(
                account, hold=hold, plan=None, next_step_at=account.next_step_at, since=account.since
            )
        )

    def two_notices_wait(self) -> list[Event]:
        """September's corrected one and October's, both for the morning after: at that moment."""
        [first] = self.office.announced("notice.issued")
        self.office.correspondence.handle(first)
        self.office.mailbox.sent.clear()
        self.clock.now = datetime(2026, 9, 30, 10, tzinfo=UTC)
        LeaseTerms(people=self.people, books=self.office.books).apply(
            self.tenant.lease.lease_id,
            lambda lease: amended(lease, date(2026, 9, 1), rent_cents=35_000),
            Who(reason="rent", by="manager"),
        )
        self.clock.now = datetime(2026, 10, 1, 8, tzinfo=UTC)
        self.office.bill(self.clock())
        events = [one for one in self.office.announced("notice.issued") if one != first]
        self.take_the_day(Channel.EMAIL, self.clock())
        for event in events:
            self.office.correspondence.handle(event)
        self.clock.now = datetime(2026, 10, 2, 7, tzinfo=UTC)
        return events

    def person(self) -> Any:
        """As stored."""
        found = self.people.person(self.tenant.person.person_id)
        assert found is not None
        return found


@pytest.fixture
def world(aws: Any, clock: FrozenClock) -> World:
    return World(aws, clock)


# --- Quiet time


def test_a_reminder_that_reaches_the_sender_at_night_leaves_in_the_morning_and_once(world: World) -> None:
    event = world.reminder(LATE)
    world.clock.now = NIGHT

    for _ in range(2):
        world.office.correspondence.handle(event)
    assert world.office.mailbox.sent == []
    for _ in range(2):
        world.office.correspondence.handle(world.reminder(MORNING))

    assert len(world.office.mailbox.sent) == 1
    assert world.states() == ["accepted"]


def test_who_pays_while_a_reminder_waits_for_the_morning_gets_none(world: World) -> None:
    event = world.reminder(LATE)
    world.clock.now = NIGHT
    world.office.correspondence.handle(event)
    world.office.pay(world.tenant, 45_000)
    world.clock.now = MORNING

    assert world.office.reminders.plan(MORNING).reminders == 0
    world.office.correspondence.handle(event)

    assert world.office.mailbox.sent == []


def test_a_reminder_keeps_the_quiet_of_a_holiday(world: World) -> None:
    event = world.reminder(LATE)
    correspondence = world.office.correspondence
    schedule = replace(
        correspondence.schedule, holidays=lambda _: lambda day: day.isoformat() == "2026-09-14"
    )

    replace(correspondence, schedule=schedule).handle(event)

    assert world.office.mailbox.sent == []


def test_a_step_told_both_ways_rings_once_each_way_whatever_the_tenant_wishes(world: World) -> None:
    event = world.reminder(LATE)
    wishes = Wishes(world.aws.identity)
    wishes.set(world.person(), language=Language.FRENCH, reminders_by=Channel.SMS, courtesy=True, at=LATE)

    both = replace(event, data=event.data | {"channel": "email", "also": "sms"})
    for _ in range(2):
        world.office.correspondence.handle(both)
    world.tell("Bounce")
    world.relay()

    assert (len(world.office.mailbox.sent), len(world.office.phones.sent)) == (1, 1)


def test_a_notice_keeps_quiet_time_by_mail_and_by_text(world: World) -> None:
    [notice] = world.office.announced("notice.issued")
    world.clock.now = ISSUED  # five in the morning

    world.office.correspondence.handle(notice)
    assert world.office.mailbox.sent == []
    assert world.states() == ["waiting"]
    world.clock.now = ISSUED.replace(hour=7)
    world.call_again()
    assert world.office.mailbox.subjects[0].startswith("Votre loyer de septembre 2026")
    world.clock.now = ISSUED.replace(hour=20)
    world.tell("Bounce")
    world.relay()

    assert world.office.phones.sent == []
    world.clock.now = ISSUED.replace(day=2, hour=7)
    world.call_again()
    [text] = world.office.phones.sent
    assert "avis d'échéance" in text["Message"]


def test_a_notice_leaves_by_the_clock_on_its_own_residences_wall(aws: Any, clock: FrozenClock) -> None:
    world = World(aws, clock)
    papeete = replace(RESIDENCE, residence_id="papeete", postal_code="98714", time_zone="Pacific/Tahiti")
    overseas = admit(aws, residence=papeete, ine=None, email="moana@example.org").lease.lease_id
    world.clock.now = datetime(2026, 9, 2, 8, tzinfo=UTC)  # ten in Paris, ten in the evening before there
    world.office.bill(world.clock())
    [notice] = [one for one in world.office.announced("notice.issued") if one["lease_id"] == overseas]

    world.office.correspondence.handle(notice)

    [again] = world.office.messages.due_again(world.clock() + timedelta(days=9))
    assert (again.at, world.office.mailbox.sent) == (datetime(2026, 9, 2, 19, tzinfo=UTC), [])


@pytest.mark.parametrize(
    ("issued", "leaves"),
    [
        (datetime(2026, 9, 6, 8, tzinfo=UTC), datetime(2026, 9, 7, 7, tzinfo=UTC)),
        (datetime(2026, 11, 11, 9, tzinfo=UTC), datetime(2026, 11, 12, 8, tzinfo=UTC)),
    ],
    ids=["a Sunday", "Armistice Day"],
)
def test_a_notice_keeps_the_quiet_of_sundays_and_holidays(
    world: World, issued: datetime, leaves: datetime
) -> None:
    [notice] = world.office.announced("notice.issued")
    world.clock.now = issued

    world.office.correspondence.handle(notice)

    [again] = world.office.messages.due_again(issued + timedelta(days=9))
    assert (again.at, world.office.mailbox.sent) == (leaves, [])


# --- A message a day


def test_a_message_that_is_paid_before_it_is_taken_gives_its_day_back(aws: Any, world: World) -> None:
    event = world.reminder(LATE)
    world.office.mailbox.fail(BUSY)
    with pytest.raises(NotAccepted):
        world.office.correspondence.handle(event)
    world.office.pay(world.tenant, 45_000)
    world.office.correspondence.handle(event)

    assert world.states() == ["superseded"]
    world.take_the_day(Channel.EMAIL, LATE)


def test_a_message_that_is_refused_gives_its_day_back_and_goes_the_other_way(world: World) -> None:
    world.office.mailbox.fail(REFUSED)
    world.office.correspondence.handle(world.reminder(LATE))

    assert len(world.office.phones.sent) == 1
    world.take_the_day(Channel.EMAIL, LATE)


def test_a_message_that_went_on_another_day_takes_no_second_one(world: World) -> None:
    event = world.reminder(LATE)
    world.office.correspondence.handle(event)
    world.clock.now = MORNING

    world.office.correspondence.handle(replace(event, id="anew", at=MORNING))

    assert len(world.office.mailbox.sent) == 1
    world.take_the_day(Channel.EMAIL, MORNING)


@pytest.mark.parametrize("lost", [True, False])
def test_a_message_that_went_or_may_have_gone_keeps_its_day(world: World, lost: bool) -> None:
    event = world.reminder(LATE)
    if lost:
        world.office.mailbox.fail(NO_ANSWER)
    for _ in range(2):
        world.office.correspondence.handle(event)

    allowances, person = world.office.correspondence.schedule.allowances, world.tenant.person.person_id
    assert not allowances.claim(person, Channel.EMAIL, "another", day=LATE.date(), now=LATE)


# --- Notices that wait for a day


def test_a_notice_that_waits_for_a_day_is_told_of_although_its_rent_is_paid_meanwhile(world: World) -> None:
    [notice] = world.office.announced("notice.issued")
    world.clock.now = LATE
    world.take_the_day(Channel.EMAIL, LATE)
    world.office.correspondence.handle(notice)
    assert world.office.mailbox.sent == []

    world.office.pay(world.tenant, 45_000)
    world.clock.now = MORNING
    for _ in range(2):
        world.call_again()

    assert world.office.mailbox.subjects == ["Votre loyer de septembre 2026 : 450,00 €"]
    assert "Rien à payer" in world.office.mailbox.text
    assert world.states() == ["accepted"]


def test_a_notice_that_waits_beyond_the_next_months_issue_is_told_of_all_the_same(world: World) -> None:
    [september] = world.office.announced("notice.issued")
    world.clock.now = datetime(2026, 9, 30, 12, tzinfo=UTC)
    world.take_the_day(Channel.EMAIL, world.clock())
    world.office.correspondence.handle(september)
    world.clock.now = datetime(2026, 10, 1, 7, tzinfo=UTC)

    world.call_again()

    assert "Votre loyer de septembre 2026" in world.office.mailbox.subjects[0]


def test_notices_that_wait_together_are_told_of_in_one_message(world: World) -> None:
    events = world.two_notices_wait()

    for event in (*events, *events):
        world.call_again()
        world.office.correspondence.handle(event)

    assert world.office.mailbox.subjects == [
        "Vos avis d'échéance d'octobre 2026 et de septembre 2026",
    ]
    for said in ("Octobre 2026", "Septembre 2026, avis rectifié", "À payer en tout 800,00 €"):
        assert said in world.office.mailbox.text
    _, one, other = sorted(world.records(), key=lambda record: record.state)
    assert (one.state, other.state, other.told_in) == ("accepted", "merged", one.message_id)


def test_a_merged_message_that_bounces_is_told_of_whole_by_text(world: World) -> None:
    world.two_notices_wait()
    world.call_again()
    world.tell("Bounce")
    world.relay()

    [text] = world.office.phones.sent
    assert "avis d'échéance d'octobre 2026 (+ 1)" in text["Message"]
    assert world.states() == ["accepted", "accepted", "failed", "merged"]


def test_a_merged_message_whose_answer_is_lost_is_sent_again_whole(world: World) -> None:
    world.two_notices_wait()
    world.office.mailbox.fail(NO_ANSWER, taken=True)
    world.call_again()
    world.clock.advance(timedelta(minutes=31))
    world.call_again()

    assert len(world.office.mailbox.sent) == 2
    assert len(set(world.office.mailbox.subjects)) == 1
    assert world.states() == ["accepted", "accepted", "merged"]


# --- Lost answers


def test_a_lost_answer_is_settled_by_the_mail_services_own_word(world: World) -> None:
    event = world.reminder(LATE)
    world.office.mailbox.fail(NO_ANSWER, taken=True)
    world.office.correspondence.handle(event)
    assert world.states() == ["unknown"]

    world.tell("Send")
    assert world.states() == ["accepted"]
    world.clock.advance(timedelta(hours=1))
    world.call_again()

    assert len(world.office.mailbox.sent) == 1


def test_without_a_word_for_half_an_hour_a_message_is_sent_once_more_under_the_same_reference(
    world: World,
) -> None:
    event = world.reminder(LATE)
    world.office.mailbox.fail(NO_ANSWER)
    world.office.correspondence.handle(event)

    world.clock.advance(timedelta(minutes=29))
    world.call_again()
    assert world.office.mailbox.sent == []
    world.clock.advance(timedelta(minutes=1))
    world.call_again()
    world.office.correspondence.handle(event)

    [sent] = world.office.mailbox.sent
    [record] = world.records()
    assert sent["EmailTags"][0]["Value"] == record.message_id
    assert record.state == "accepted"
    assert record.sent_again_at == world.clock()


def test_a_message_lost_twice_is_sent_no_third_time_and_is_a_task_for_the_desk_once(world: World) -> None:
    event = world.reminder(LATE)
    world.office.mailbox.fail(NO_ANSWER, taken=True)
    world.office.mailbox.fail(NO_ANSWER, taken=True)
    world.office.correspondence.handle(event)

    world.clock.advance(timedelta(minutes=31))
    world.call_again()
    world.clock.advance(timedelta(minutes=29))
    world.call_again()
    assert world.states() == ["unknown"]
    for _ in range(3):
        world.clock.advance(timedelta(minutes=31))
        world.call_again()
        world.office.correspondence.handle(event)

    assert len(world.office.mailbox.sent) == 2
    assert world.states() == ["lost"]
    assert world.open_tasks() == ["unconfirmed"]


def test_a_word_that_comes_after_a_message_was_given_up_still_counts(world: World) -> None:
    event = world.reminder(LATE)
    for _ in range(2):
        world.office.mailbox.fail(NO_ANSWER, taken=True)
    world.office.correspondence.handle(event)
    for _ in range(2):
        world.clock.advance(timedelta(minutes=31))
        world.call_again()
    assert world.states() == ["lost"]

    world.tell("Delivery")

    assert world.states() == ["delivered"]


def test_a_lost_message_whose_debt_is_paid_meanwhile_is_settled_without_a_second_copy_or_a_task(
    world: World,
) -> None:
    event = world.reminder(LATE)
    world.office.mailbox.fail(NO_ANSWER, taken=True)
    world.office.correspondence.handle(event)
    world.office.pay(world.tenant, 45_000)
    world.clock.advance(timedelta(minutes=31))

    world.call_again()

    assert len(world.office.mailbox.sent) == 1
    assert (world.states(), world.open_tasks()) == (["lost"], [])


def test_a_lost_message_that_another_event_takes_the_place_of_is_settled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = world.reminder(LATE)
    world.office.mailbox.fail(NO_ANSWER)
    world.office.correspondence.handle(event)
    world.clock.advance(timedelta(minutes=31))

    monkeypatch.setattr(ScheduledMail, "reminder", lambda *_: Leave.GIVEN_BACK)
    world.call_again()

    assert world.states() == ["lost"]


def test_a_message_lost_in_the_evening_is_settled_the_morning_after(world: World) -> None:
    event = world.reminder(LATE)
    world.clock.now = datetime(2026, 9, 14, 16, 50, tzinfo=UTC)
    world.office.mailbox.fail(NO_ANSWER)
    world.office.correspondence.handle(event)
    world.clock.advance(timedelta(minutes=31))
    world.call_again()
    assert (world.states(), world.office.mailbox.sent) == (["unknown"], [])

    world.clock.now = MORNING
    world.call_again()

    assert (world.states(), len(world.office.mailbox.sent)) == (["accepted"], 1)


def test_a_message_whose_sender_died_and_whose_debt_is_paid_does_not_stay_on_its_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = world.reminder(LATE)
    with monkeypatch.context() as patched:
        patched.setattr("sesame.store.messages.Messages.accepted", _killed)
        with pytest.raises(KeyboardInterrupt):
            world.office.correspondence.handle(event)
    world.office.pay(world.tenant, 45_000)

    for minutes in (4, 31):
        world.clock.advance(timedelta(minutes=minutes))
        world.office.correspondence.handle(event)
        world.call_again()

    assert world.states() == ["lost"]


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_word_that_comes_before_the_sender_has_written_its_own_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = world.reminder(LATE)
    send = world.office.mailbox.send_email

    def told_at_once(**request: Any) -> dict[str, str]:
        answer = send(**request)
        world.tell("Delivery")
        return answer

    monkeypatch.setattr(world.office.mailbox, "send_email", told_at_once)
    world.office.correspondence.handle(event)

    [record] = world.records()
    assert (record.state, record.provider_message_id) == ("delivered", "ses-1")
    assert record.accepted_at is not None


# --- What the mail service tells


def test_words_in_any_order_and_twice_come_to_the_same(aws: Any, clock: FrozenClock) -> None:
    messages = Messages(aws.operations)

    for number, order in enumerate(permutations(["accepted", "delivered", "failed", "complaint"])):
        message = Message(message_id=f"{number:026}", kind="reminder", cause={})
        assert messages.begin(message, clock())
        words = {
            "accepted": lambda one=message: messages.told_accepted(one.message_id, clock(), "ses-1"),
            "delivered": lambda one=message: messages.told_delivered(one.message_id, clock()),
            "failed": lambda one=message: messages.told_failed(one.message_id, clock(), Failure.BOUNCE),
            "complaint": lambda one=message: messages.told_of_complaint(one.message_id, clock()),
        }
        for word in (*order, order[0]):
            words[word]()

        record = messages.get(message.message_id)
        assert record is not None
        assert (record.state, record.failure, record.provider_message_id) == ("failed", "bounce", "ses-1")
        assert record.delivered_at == record.complained_at == clock()
        assert not messages.begin(message, clock() + LONG)


def test_delivered_is_said_only_when_the_mail_service_says_so(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))
    assert world.states() == ["accepted"]

    world.tell("Delivery")

    assert world.states() == ["delivered"]


def test_a_hard_bounce_ends_the_address_tells_the_desk_and_goes_by_text(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))

    for _ in range(2):
        world.tell("Bounce")
        world.relay()

    [text] = world.office.phones.sent
    assert text["PhoneNumber"] == PHONE
    assert "450,00" in text["Message"]
    assert world.states() == ["accepted", "failed"]
    assert world.open_tasks() == ["bounce"]
    assert world.person().usable(Channel.EMAIL) is None


def test_a_bounce_that_comes_at_night_lets_the_text_leave_in_the_morning(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))
    world.clock.now = NIGHT
    world.tell("Bounce")
    world.relay()

    assert world.office.phones.sent == []
    for _ in range(2):
        world.clock.now = MORNING
        world.call_again()

    [text] = world.office.phones.sent
    assert "450,00" in text["Message"]
    assert world.states() == ["accepted", "failed"]


def test_a_bounce_on_a_day_that_has_its_text_lets_the_next_one_leave_on_the_morrow(world: World) -> None:
    world.take_the_day(Channel.SMS, LATE)
    world.office.correspondence.handle(world.reminder(LATE))
    world.tell("Bounce")
    world.relay()

    assert world.office.phones.sent == []
    world.clock.advance(timedelta(hours=1))
    world.call_again()
    assert world.office.phones.sent == []
    world.clock.now = MORNING
    world.call_again()

    assert len(world.office.phones.sent) == 1


def test_a_text_that_waits_until_its_tenant_has_paid_is_not_sent(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))
    world.clock.now = NIGHT
    world.tell("Bounce")
    world.relay()
    world.office.pay(world.tenant, 45_000)
    world.clock.now = MORNING
    world.call_again()

    assert world.office.phones.sent == []
    assert world.states() == ["failed", "superseded"]


def test_a_text_that_waits_until_the_next_step_is_due_is_merged_with_it(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))
    world.clock.now = datetime(2026, 9, 19, 20, tzinfo=UTC)  # a Saturday, late: the next step is Monday's
    world.tell("Bounce")
    world.relay()
    world.clock.now = datetime(2026, 9, 21, 7, tzinfo=UTC)
    world.call_again()
    world.office.correspondence.handle(world.reminder(world.clock()))

    assert len(world.office.phones.sent) == 1


def test_a_text_that_waits_while_reminders_are_held_leaves_after_the_hold(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))
    world.hold(until=date(2026, 9, 16))
    world.tell("Bounce")
    world.relay()
    for hours in (24, 48):
        world.clock.now = LATE + timedelta(hours=hours)
        world.call_again()
    assert world.office.phones.sent == []

    world.clock.now = datetime(2026, 9, 17, 7, tzinfo=UTC)
    world.call_again()

    assert len(world.office.phones.sent) == 1


def test_what_comes_later_for_an_address_that_bounced_goes_by_text_at_once(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))
    world.tell("Bounce")
    world.relay()

    world.office.correspondence.handle(world.reminder(datetime(2026, 9, 21, 8, 5, tzinfo=UTC)))

    assert len(world.office.mailbox.sent) == 1
    assert len(world.office.phones.sent) == 2


def test_a_bounce_of_who_has_paid_meanwhile_sends_nothing_more(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))
    world.office.pay(world.tenant, 45_000)

    world.tell("Bounce")
    world.relay()

    assert world.office.phones.sent == []


def test_who_shares_the_address_that_bounced_is_marked_too_and_each_desk_is_told(
    aws: Any, world: World
) -> None:
    other = admit(aws, ine=None, given_names="Linh")

    world.office.correspondence.handle(world.reminder(LATE))
    world.tell("Bounce", address="Huong@Example.org")

    found = world.people.person(other.person.person_id)
    assert found is not None
    assert found.usable(Channel.EMAIL) is None
    assert world.open_tasks() == ["bounce", "bounce"]


def test_a_new_address_is_usable_however_the_old_one_ended(world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))
    world.tell("Bounce")

    assert replace(world.person(), email="new@example.org").usable(Channel.EMAIL) == "new@example.org"


def test_a_complaint_ends_notices_and_reminders_by_mail_but_no_one_time_codes(aws: Any, world: World) -> None:
    world.office.correspondence.handle(world.reminder(LATE))

    world.tell("Complaint")

    person = world.person()
    assert world.states() == ["delivered"]
    assert world.open_tasks() == ["complaint"]
    assert person.unusable[0].reason is Unusable.COMPLAINT
    assert person.can_prove_by(Channel.EMAIL, world.clock())


def test_a_soft_bounce_is_only_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.office.correspondence.handle(world.reminder(LATE))

    world.tell("Bounce", bounceType="Transient")

    assert world.states() == ["accepted"]
    assert world.open_tasks() == []
    assert world.person().usable(Channel.EMAIL) is not None
    assert '"MessageBouncedForNow": 1' in capsys.readouterr().out


def test_an_event_of_a_message_that_is_none_of_ours_changes_nothing(world: World) -> None:
    world.tell("Delivery", message_id="0" * 26)

    assert world.records() == []


def test_a_phone_that_takes_no_texts_is_written_to_by_mail(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes = Wishes(world.aws.identity)
    wishes.set(world.person(), language=Language.FRENCH, reminders_by=Channel.SMS, courtesy=True, at=LATE)

    def opted_out(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "OptedOut"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "P")  # type: ignore[typeddict-item]

    monkeypatch.setattr(world.office.phones, "publish", opted_out)
    world.office.correspondence.handle(world.reminder(LATE))

    assert world.states() == ["accepted", "refused"]
    assert len(world.office.mailbox.sent) == 1
    assert world.open_tasks() == ["opted_out"]
    assert world.person().usable(Channel.SMS) is None


def test_who_cannot_be_reached_at_all_is_a_task_for_the_desk(world: World) -> None:
    marks = world.feedback.failed_contacts
    marks.email("huong@example.org", Unusable.BOUNCE, LATE)
    marks.phone(PHONE, Unusable.OPTED_OUT, LATE)

    world.office.correspondence.handle(world.reminder(LATE))

    assert world.states() == ["unaddressed"]
    assert sorted(world.open_tasks()) == ["bounce", "opted_out", "unreachable"]


# --- What a tenant wishes


def test_a_courtesy_reminder_has_the_one_click_headers_and_one_of_overdue_rent_has_not(world: World) -> None:
    world.office.correspondence.handle(world.reminder(BEFORE_DUE))
    world.office.correspondence.handle(world.reminder(LATE))

    courtesy, overdue = (
        {one["Name"]: one["Value"] for one in sent["Content"]["Simple"]["Headers"]}
        for sent in world.office.mailbox.sent
    )
    token = UnsubscribeTokens(world.aws.pepper).of(world.tenant.person.person_id)
    assert courtesy["List-Unsubscribe"] == f"<{PORTAL}/desabonnement/{token}>"
    assert courtesy["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not any(name.startswith("List-") for name in overdue)


def test_one_click_ends_courtesy_reminders_and_no_others(
    aws: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(aws, monkeypatch)
    pages = load("portal/pages")
    path = f"/desabonnement/{UnsubscribeTokens(aws.pepper).of(world.tenant.person.person_id)}"

    looked = pages.handler(http_event("GET", path, ""), None)
    assert looked["statusCode"] == 200
    assert world.person().courtesy_reminders
    clicked = http_event(
        "POST", path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert [pages.handler(clicked, None)["statusCode"] for _ in range(2)] == [200, 200]

    world.office.correspondence.handle(world.reminder(BEFORE_DUE))
    assert world.states() == ["unwanted"]
    world.office.correspondence.handle(world.reminder(LATE))
    assert len(world.office.mailbox.sent) == 1


def test_a_token_that_we_did_not_sign_ends_nothing(aws: Any, world: World) -> None:
    tokens = UnsubscribeTokens(aws.pepper)
    token = tokens.of(world.tenant.person.person_id)
    unsubscribing = Unsubscribing(wishes=Wishes(aws.identity), tokens=tokens, clock=world.clock)

    forged = [token[:-1] + ("A" if token[-1] != "A" else "B"), token[:-4], token + "AAAA", "", "é", "x" * 999]
    for one in forged:
        with pytest.raises(UnknownUnsubscribeLink):
            unsubscribing.stop(one)
    assert world.person().courtesy_reminders
    assert tokens.read(token) == world.tenant.person.person_id


def test_reminders_go_the_way_that_a_tenant_wishes(world: World) -> None:
    wishes = Wishes(world.aws.identity)
    wishes.set(world.person(), language=Language.ENGLISH, reminders_by=Channel.SMS, courtesy=True, at=LATE)

    world.office.correspondence.handle(world.reminder(LATE))

    [text] = world.office.phones.sent
    assert "of rent is overdue" in text["Message"]
    assert world.office.mailbox.sent == []


def test_a_tenant_without_a_phone_who_wishes_texts_gets_mail(aws: Any, clock: FrozenClock) -> None:
    world = World(aws, clock)
    without: Tenant = world.tenant
    aws.identity.update(
        {"pk": f"PERSON#{without.person.person_id}", "sk": "PROFILE"},
        "SET reminders_by = :sms REMOVE phone",
        values={":sms": "sms"},
    )

    world.office.correspondence.handle(world.reminder(LATE))

    assert len(world.office.mailbox.sent) == 1
