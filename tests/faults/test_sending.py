"""Messages under every fault: accepted once, the window of a lost answer aside; no bounce is forgotten."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from sesame.domain.tenancy import Channel, Person
from sesame.notifications.email import EmailSender
from sesame.notifications.letters import LetterKind
from sesame.notifications.sms import SmsSender
from sesame.platform.events import Event, event_of
from sesame.services.failed_contacts import FailedContacts
from sesame.services.feedback import MailFeedback
from sesame.services.mailer import Draft, Mailer
from sesame.services.messages_again import MessagesAgain
from sesame.services.queues import Queue
from sesame.store.messages import LOST, Message, Messages, MessageState
from sesame.store.people import People
from sesame.store.tasks import Tasks
from sesame.store.wishes import Wishes
from tests.conftest import FrozenClock
from tests.faults.harness import Scene, faults_of, stage
from tests.faults.harness import outward as leaves
from tests.integration.billing_fixtures import LONG, Mailbox
from tests.integration.conftest import Aws
from tests.integration.tenants import admit
from tests.unit.test_letters import FACTS, LEASE, PERSON, RESIDENCE

EVENT = Event(id="e", type="reminder.due", at=datetime(2026, 9, 14, 8, 5, tzinfo=UTC), data={"lease_id": "l"})
MESSAGE = Message(message_id="m" * 26, kind=LetterKind.REMINDER, cause={"lease_id": "l"}, event=EVENT)


class Ses(Mailbox):
    """Whose call can fail too: its answer is lost, whether it took the message or not."""

    def send_email(self, **request: Any) -> dict[str, str]:
        send: Callable[[], dict[str, str]] = lambda: Mailbox.send_email(self, **request)  # noqa: E731
        answer: dict[str, str] = leaves("ses.SendEmail", send, _lost)
        return answer


def _lost(name: str) -> Exception:
    return ReadTimeoutError(endpoint_url=name)


AS_LOST = replace(EVENT, data={**EVENT.data, LOST: "yes"})
"""The same, called for because an answer was lost."""


class SendScene(Scene):
    """A message, and the run that calls for it again; the mail service never says a word of its own."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        del monkeypatch
        self.clock, self.ses = FrozenClock(EVENT.at), Ses()
        self.messages = Messages(aws.operations)
        self.mailer = Mailer(
            messages=self.messages,
            email=EmailSender(client=self.ses, sender="a@sesame.example"),
            texts=SmsSender(client=None),
            clock=self.clock,
            portal_url="https://sesame.example",
        )
        person: Person = PERSON
        facts = {**FACTS[LetterKind.REMINDER], "lease": LEASE, "residence": RESIDENCE}
        envelope = self.mailer.write(MESSAGE, Draft(person=person, kind=LetterKind.REMINDER, facts=facts))
        assert envelope is not None
        self.envelope = envelope
        self.queue = Queue(aws.sqs, aws.sqs.create_queue(QueueName="again")["QueueUrl"])

    def trigger(self) -> bool:
        if self.messages.begin(MESSAGE, self.clock()):
            self.mailer.send(MESSAGE, self.envelope)
        return True

    def wait(self) -> None:
        self.clock.advance(timedelta(minutes=9))

    def check(self) -> None:
        """Never called accepted before it was, and never more than the two copies of a lost answer."""
        record = self.messages.get(MESSAGE.message_id)
        assert record is not None
        assert len(self.ses.sent) <= 2
        if record.state is MessageState.ACCEPTED:
            assert self.ses.sent
        if len(self.ses.sent) == 2:
            assert record.sent_again_at is not None

    def go_on(self) -> None:
        """Half an hour without a word; whatever is due comes again, more often than it must."""
        for _ in range(3):
            self.clock.advance(timedelta(minutes=31))
            MessagesAgain(messages=self.messages, queue=self.queue, budget=LONG).run(self.clock())
            while found := self.queue.client.receive_message(QueueUrl=self.queue.url).get("Messages"):
                called = event_of(found[0]["Body"])
                assert replace(called, data={**called.data, LOST: "yes"}) == AS_LOST
                self.queue.client.delete_message(
                    QueueUrl=self.queue.url, ReceiptHandle=found[0]["ReceiptHandle"]
                )
                self.trigger()
        self.check()
        record = self.messages.get(MESSAGE.message_id)
        assert record is not None
        assert record.state is MessageState.ACCEPTED

    def state(self) -> object:
        record = self.messages.get(MESSAGE.message_id)
        assert record is not None
        return record.state in {MessageState.ACCEPTED, MessageState.UNKNOWN}


class BounceScene(Scene):
    """What SES tells of an address that does not exist."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        del monkeypatch
        self.clock = FrozenClock(EVENT.at)
        self.tenant = admit(aws, phone="+33639981234")
        self.messages, self.tasks = Messages(aws.operations), Tasks(aws.operations)
        self.people = People(aws.identity, aws.pepper)
        self.messages.begin(MESSAGE, self.clock())
        self.queue = Queue(aws.sqs, aws.sqs.create_queue(QueueName="again")["QueueUrl"])
        self.feedback = MailFeedback(
            messages=self.messages,
            failed_contacts=FailedContacts(people=self.people, wishes=Wishes(aws.identity), tasks=self.tasks),
            again=self.queue,
            clock=self.clock,
        )
        self.body = json.dumps(
            {
                "eventType": "Bounce",
                "bounce": {
                    "bounceType": "Permanent",
                    "bouncedRecipients": [{"emailAddress": "huong@example.org"}],
                    "timestamp": EVENT.at.isoformat(),
                },
                "mail": {"messageId": "s", "tags": {"message_id": [MESSAGE.message_id]}},
            }
        )

    def trigger(self) -> bool:
        self.feedback.take(self.body)
        return True

    def check(self) -> None:
        """All three, whatever failed in between: the record, the mark, the task; and the other way."""
        record = self.messages.get(MESSAGE.message_id)
        person = self.people.person(self.tenant.person.person_id)
        assert record is not None
        assert person is not None
        assert record.state is MessageState.FAILED
        assert person.usable(Channel.EMAIL) is None
        assert len(self.tasks.open_in(self.tenant.lease.residence_id).tasks) == 1
        found = self.queue.client.receive_message(QueueUrl=self.queue.url, VisibilityTimeout=0)["Messages"]
        assert event_of(found[0]["Body"]).data["by"] == Channel.SMS


@pytest.mark.parametrize("scene", [SendScene, BounceScene])
def test_a_message_and_its_fate_survive_any_fault(
    scene: Callable[[Aws, pytest.MonkeyPatch], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in faults_of(stage(scene, monkeypatch)):
        fault.play()
