"""Billing, reminders and messages wired on one account and one clock, and a meter of AWS calls."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Any

from sesame.domain.journal import Entry, EntryKind
from sesame.notifications.email import EmailSender
from sesame.notifications.sms import SmsSender
from sesame.platform.events import Event, event_of
from sesame.services.access_messages import OneTimeCodeMail
from sesame.services.accounts import Bookkeeping
from sesame.services.billing import BillingRun, LeaseBilling, ResidenceBilling
from sesame.services.failed_contacts import FailedContacts
from sesame.services.formal_notices import FormalNotices
from sesame.services.mailer import Mailer
from sesame.services.messages import Correspondence
from sesame.services.one_time_codes import OneTimeCodes
from sesame.services.queues import Queue
from sesame.services.reminders import ReminderRun
from sesame.services.scheduled_mail import ScheduledMail
from sesame.services.surcharges import Surcharges
from sesame.services.unsubscribing import UnsubscribeTokens
from sesame.services.welcome import WelcomeLinks
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.challenges import Challenges
from sesame.store.documents import Documents
from sesame.store.message_allowances import MessageAllowances
from sesame.store.messages import Messages
from sesame.store.pacing import Pacing
from sesame.store.people import People
from sesame.store.table import Item, unmarshal
from sesame.store.tasks import Tasks
from sesame.store.wishes import Wishes
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls

PORTAL = "https://sesame.example"
LONG = timedelta(hours=1)


def reminder_run(aws: Any) -> ReminderRun:
    """The planner, with all the time it wants."""
    accounts, audit = Accounts(aws.money), Audit(aws.operations)
    return ReminderRun(
        identity=aws.identity,
        accounts=accounts,
        operations=aws.operations,
        formal_notices=FormalNotices(
            documents=Documents(aws.documents), identity=aws.identity, accounts=accounts, audit=audit
        ),
        allowances=MessageAllowances(aws.operations),
        surcharges=Surcharges(accounts=accounts, audit=audit),
        tasks=Tasks(aws.operations),
        budget=LONG,
    )


class Mailbox:
    """Stands for SES: keeps what it takes, and fails as it is told."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.failures: list[tuple[Exception, bool]] = []

    def fail(self, error: Exception, *, taken: bool = False) -> None:
        """The next call ends in this error; `taken` when the message went all the same."""
        self.failures.append((error, taken))

    def send_email(self, **request: Any) -> dict[str, str]:
        """As of SES v2."""
        error, taken = self.failures.pop(0) if self.failures else (None, True)
        if taken:
            self.sent.append(request)
        if error:
            raise error
        return {"MessageId": f"ses-{len(self.sent)}"}

    @property
    def subjects(self) -> list[str]:
        """Of what was taken, oldest first, with plain spaces."""
        return [" ".join(one["Content"]["Simple"]["Subject"]["Data"].split()) for one in self.sent]

    @property
    def text(self) -> str:
        """The plain text of the last one, on one line and with plain spaces."""
        return " ".join(self.sent[-1]["Content"]["Simple"]["Body"]["Text"]["Data"].split())


class Phones:
    """Stands for SNS: keeps the text messages it takes."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def publish(self, **request: Any) -> dict[str, str]:
        """As of SNS."""
        self.sent.append(request)
        return {"MessageId": f"sns-{len(self.sent)}"}


class Office:
    """Everything that bills, reminds and writes."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        self.accounts = Accounts(aws.money)
        self.books = Bookkeeping(self.accounts, clock)
        self.queue = Queue(aws.sqs, aws.sqs.create_queue(QueueName="billing")["QueueUrl"])
        self.run = BillingRun(identity=aws.identity, operations=aws.operations, queue=self.queue)
        self.billing = self.residence_billing(LONG)
        self.reminders = reminder_run(aws)
        self.lease_billing = LeaseBilling(identity=aws.identity, accounts=self.accounts)
        self.mailbox = Mailbox()
        self.phones = Phones()
        challenges = Challenges(aws.identity)
        self.messages = Messages(aws.operations)
        mailer = Mailer(
            messages=self.messages,
            email=EmailSender(client=self.mailbox, sender="residence@sesame.example"),
            texts=SmsSender(client=self.phones, sender_id="Sesame"),
            clock=clock,
            portal_url=PORTAL,
        )
        self.correspondence = Correspondence(
            mailer=mailer,
            identity=aws.identity,
            accounts=self.accounts,
            welcome_links=WelcomeLinks(challenges, clock, token_bytes),
            schedule=ScheduledMail(accounts=self.accounts, allowances=MessageAllowances(aws.operations)),
            unsubscribe=UnsubscribeTokens(aws.pepper),
            tasks=Tasks(aws.operations),
            failed_contacts=FailedContacts(
                people=People(aws.identity, aws.pepper),
                wishes=Wishes(aws.identity),
                tasks=Tasks(aws.operations),
            ),
        )
        self.code_mail = OneTimeCodeMail(
            mailer=mailer,
            one_time_codes=OneTimeCodes(challenges, Pacing(aws.identity), aws.pepper, clock, token_bytes),
        )

    def residence_billing(self, budget: timedelta) -> ResidenceBilling:
        """The work on a residence, with so much time for an invocation."""
        return ResidenceBilling(
            identity=self.aws.identity, accounts=self.accounts, queue=self.queue, budget=budget
        )

    def bill(self, now: datetime) -> None:
        """The daily run and all that it queues."""
        self.run.plan(now)
        for event in self.queued():
            self.billing.bill(event)

    def queued(self) -> Iterator[Event]:
        """What waits in the billing queue, also what is added meanwhile."""
        while found := self.aws.sqs.receive_message(QueueUrl=self.queue.url, MaxNumberOfMessages=1).get(
            "Messages"
        ):
            self.aws.sqs.delete_message(QueueUrl=self.queue.url, ReceiptHandle=found[0]["ReceiptHandle"])
            yield event_of(found[0]["Body"])

    def pay(self, tenant: Any, cents: int) -> None:
        """A payment comes in."""
        entry = Entry(
            entry_id=f"payment:{tenant.lease.lease_id}:{self.clock().isoformat()}",
            kind=EntryKind.PAYMENT,
            amount_cents=-cents,
            effective_at=self.clock(),
            source="payment:test",
        )
        self.books.post(tenant.lease.lease_id, tenant.lease.residence_id, entry)

    def announced(self, kind: str) -> list[Event]:
        """The events of a type that the tables announce at this moment."""
        return [
            Event(
                id=announce["id"],
                type=announce["type"],
                at=datetime.fromisoformat(announce["at"]),
                data={name: value for name, value in announce.items() if name not in {"id", "type", "at"}},
            )
            for item in self.items(self.aws.money)
            + self.items(self.aws.identity)
            + self.items(self.aws.operations)
            if (announce := item.get("announce")) and announce["type"] == kind
        ]

    def items(self, table: Any) -> list[Item]:
        """Everything in a table."""
        return [unmarshal(item) for item in table.client.scan(TableName=table.name)["Items"]]

    def records(self) -> list[Item]:
        """What is kept of messages."""
        return [item for item in self.items(self.aws.operations) if item["sk"] == "MESSAGE"]

    @contextmanager
    def metered(self) -> Iterator[Counter[str]]:
        """How many DynamoDB calls are made meanwhile, by operation."""
        calls: Counter[str] = Counter()
        with count_calls(self.aws.dynamodb) as made:
            yield calls
        calls.update(made)
