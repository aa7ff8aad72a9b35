"""What is not posted is swept up; what nobody knows is seen by staff, and resolved once."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.payments import PaymentState
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.platform.errors import Forbidden, Invalid, NotFound
from sesame.platform.events import event_of
from sesame.services.deeds import Deeds
from sesame.services.payment_reviews import (
    AlreadyResolved,
    Decision,
    DismissalReason,
    PaymentReviews,
    ShownReview,
)
from sesame.services.posting import YOUNG, NotYetKnown
from sesame.services.queues import Queue
from sesame.services.retries import Retries
from sesame.services.staff import Role, Staff
from sesame.services.sweeping import STUCK, Sweep
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.deliveries import Delivery, DeliveryState, Hints
from tests.conftest import FrozenClock
from tests.integration.tenants import RESIDENCE, admit
from tests.integration.test_payments import House

MINUTE = timedelta(minutes=1)
NETWORK = "192.0.2.1"
ACCOUNTANT = Staff(staff_id="accountant-1", groups=frozenset({Role.ACCOUNTANT}), scope=EVERYWHERE)
MANAGER = replace(ACCOUNTANT, staff_id="manager-1", groups=frozenset({Role.MANAGER}))
NOT_OURS = Decision(dismissed=DismissalReason.NOT_OURS)


class Backlog(House):
    """The money services with a sweeper, its queue, and staff who look at what nobody knows."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        self.bill("2026-09")
        self.queue = Queue(aws.sqs, aws.sqs.create_queue(QueueName="posting")["QueueUrl"])
        self.sweep = Sweep(deliveries=self.deliveries, queue=self.queue, budget=timedelta(hours=1))
        self.reviews = PaymentReviews(
            money=aws.money,
            identity=aws.identity,
            audit=Audit(aws.operations),
            deeds=Deeds(pepper=aws.pepper, clock=clock, random=token_bytes),
            clock=clock,
            retries=Retries(pause=lambda _: None),
        )

    def queued(self) -> Iterator[str]:
        """Takes the queue's messages and posts each; the id of its delivery."""
        while found := self.aws.sqs.receive_message(QueueUrl=self.queue.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in found:
                self.aws.sqs.delete_message(QueueUrl=self.queue.url, ReceiptHandle=message["ReceiptHandle"])
                event = event_of(message["Body"])
                hints = Hints(payment_id=event.data.get("payment_id"), lease_id=event.data.get("lease_id"))
                self.posting.post(event["provider"], event["delivery_id"], hints)
                yield event["delivery_id"]

    def swept(self) -> list[str]:
        """A run of the sweeper, and what it had posted."""
        self.sweep.run(self.clock())
        return list(self.queued())

    def unknown(self, payment_id: str = "never-made", **more: Any) -> ShownReview:
        """A payment that nobody knows, told of and old enough to be up for review."""
        message = self.message(payment_id, **more)
        self.take(self.signed(message))
        self.clock.advance(YOUNG)
        self.post(f"msg-{message['id']}")
        [shown] = self.reviews.waiting(ACCOUNTANT).reviews
        return shown

    def resolve(self, shown: ShownReview, decision: Decision, *, by: Staff = ACCOUNTANT) -> Any:
        """A decision of staff's."""
        return self.reviews.resolve(by, shown.review_id, decision, network=NETWORK)

    def deeds(self, subject: str) -> list[Action]:
        """What the audit tells of a lease or a member of staff."""
        actions = [entry.action for entry in Audit(self.aws.operations).of(subject).entries]
        return [action for action in actions if action is not Action.LEASE_ADMITTED]

    @property
    def lease_id(self) -> str:
        """The tenant's."""
        return self.lease.lease_id


@pytest.fixture
def backlog(aws: Any, clock: FrozenClock) -> Backlog:
    return Backlog(aws, clock)


# ---------------------------------------------------------------- the sweeper


def test_what_waits_for_five_minutes_is_queued_and_posted_and_nothing_younger(backlog: Backlog) -> None:
    payment = backlog.checkout().payment_id
    backlog.take(backlog.signed(backlog.message(payment)))

    assert backlog.swept() == []
    backlog.clock.advance(5 * MINUTE)
    assert backlog.swept() == ["msg-payment-settled"]

    assert backlog.balance == 0
    assert backlog.state(payment) is PaymentState.PAID
    backlog.clock.advance(60 * MINUTE)
    assert backlog.swept() == []


def test_what_cannot_be_posted_is_queued_less_and_less_often_and_then_called_stuck(
    backlog: Backlog, capsys: pytest.CaptureFixture[str]
) -> None:
    backlog.take(backlog.signed(backlog.message(backlog.checkout().payment_id)))
    times: list[int] = []
    for minute in range(1, 400):
        backlog.clock.advance(MINUTE)
        if backlog.sweep.run(backlog.clock()).queued:
            times.append(minute)

    assert times == [5, 10, 20, 40, 80, 160, 320]
    stuck = [line for line in capsys.readouterr().out.splitlines() if '"DeliveryStuck": 1' in line]
    assert len(stuck) == len(times) - STUCK + 1
    assert len(list(backlog.queued())) == len(times)
    assert backlog.balance == 0


def test_a_run_out_of_time_leaves_the_rest_to_the_next(backlog: Backlog) -> None:
    payment = backlog.checkout(key="k").payment_id
    for number in range(25):
        backlog.take(backlog.signed(backlog.message(payment), delivery=f"msg-{number}"))
    backlog.clock.advance(6 * MINUTE)
    hurried = replace(backlog.sweep, budget=timedelta(0))

    first = hurried.run(backlog.clock())
    assert (first.queued, first.finished) == (10, False)
    assert hurried.run(backlog.clock()).queued == 10
    last = hurried.run(backlog.clock())
    assert (last.queued, hurried.run(backlog.clock()).queued) == (5, 0)


def test_a_queue_that_takes_nothing_leaves_everything_waiting(backlog: Backlog) -> None:
    backlog.take(backlog.signed(backlog.message(backlog.checkout().payment_id)))
    backlog.clock.advance(6 * MINUTE)
    broken = replace(
        backlog.sweep, queue=replace(backlog.queue, url="https://sqs.eu-west-3.amazonaws.com/1/no")
    )

    with pytest.raises(Exception, match="NonExistentQueue"):
        broken.run(backlog.clock())

    assert backlog.swept() == ["msg-payment-settled"]


# ---------------------------------------------------------------- the review queue


def test_staff_see_what_a_provider_says_of_a_payment_that_nobody_knows(backlog: Backlog) -> None:
    shown = backlog.unknown()

    [told] = shown.review.unknown
    assert (told.payment_id, told.event.amount_cents) == ("never-made", 45_000)
    assert shown.residence_id == RESIDENCE.residence_id
    assert backlog.balance == 45_000


def test_posted_to_a_lease_it_takes_the_usual_path_and_later_events_find_it(backlog: Backlog) -> None:
    shown = backlog.unknown()

    review = backlog.resolve(shown, Decision(lease_id=backlog.lease_id))
    assert review.state is DeliveryState.RECEIVED
    backlog.post("msg-payment-settled")

    assert backlog.balance == 0
    assert backlog.state("never-made") is PaymentState.PAID
    assert backlog.reviews.waiting(ACCOUNTANT).reviews == []
    backlog.clock.advance(MINUTE)
    backlog.hear(backlog.message("never-made", "payment.refunded", cents=5_000))
    assert backlog.balance == 5_000
    assert backlog.deeds(backlog.lease_id) == [Action.PAYMENT_REVIEWED]


def test_the_same_decision_twice_is_one_and_another_is_refused(backlog: Backlog, aws: Any) -> None:
    shown, other = backlog.unknown(), admit(aws, ine="861583842CH", email="b@example.org")
    decision = Decision(lease_id=backlog.lease_id)
    backlog.resolve(shown, decision)

    for _ in range(2):
        backlog.resolve(shown, decision)
        backlog.post("msg-payment-settled")
    with pytest.raises(AlreadyResolved):
        backlog.resolve(shown, Decision(lease_id=other.lease.lease_id))
    with pytest.raises(AlreadyResolved):
        backlog.resolve(shown, NOT_OURS)

    assert backlog.balance == 0
    assert backlog.deeds(backlog.lease_id) == [Action.PAYMENT_REVIEWED]


def test_a_reopened_delivery_whose_message_is_lost_is_swept_up(backlog: Backlog) -> None:
    backlog.resolve(backlog.unknown(), Decision(lease_id=backlog.lease_id))
    backlog.clock.advance(6 * MINUTE)

    assert backlog.swept() == ["msg-payment-settled"]
    assert backlog.balance == 0


def test_a_payment_names_the_lease(backlog: Backlog) -> None:
    pending = backlog.checkout().payment_id
    shown = backlog.unknown()

    backlog.resolve(shown, Decision(payment_id=pending))
    backlog.post("msg-payment-settled")

    assert backlog.balance == 0
    with pytest.raises(NotFound):
        backlog.resolve(shown, Decision(payment_id="0" * 26))


def test_dismissed_it_is_gone_from_the_queue_and_nothing_is_posted(backlog: Backlog) -> None:
    shown = backlog.unknown()

    for _ in range(2):
        assert backlog.resolve(shown, NOT_OURS).state is DeliveryState.DISMISSED
    backlog.post("msg-payment-settled")

    assert backlog.reviews.waiting(ACCOUNTANT).reviews == []
    assert backlog.balance == 45_000
    assert backlog.deeds(ACCOUNTANT.staff_id) == [Action.PAYMENT_REVIEWED]
    with pytest.raises(AlreadyResolved):
        backlog.resolve(shown, Decision(dismissed=DismissalReason.MADE_BY_A_TEST))
    with pytest.raises(AlreadyResolved):
        backlog.resolve(shown, Decision(lease_id=backlog.lease_id))


def test_a_payment_that_came_to_be_known_meanwhile_takes_the_event_once(backlog: Backlog) -> None:
    shown = backlog.unknown()
    backlog.resolve(shown, Decision(lease_id=backlog.lease_id))
    backlog.post("msg-payment-settled")
    backlog.take(backlog.signed(backlog.message("never-made"), delivery="msg-again"))
    backlog.post("msg-again")

    assert backlog.balance == 0


def test_what_is_up_for_review_can_be_looked_at_again(backlog: Backlog) -> None:
    shown = backlog.unknown()

    for _ in range(2):
        assert backlog.resolve(shown, Decision(retry=True)).state is DeliveryState.RECEIVED
    backlog.post("msg-payment-settled")

    [again] = backlog.reviews.waiting(ACCOUNTANT).reviews
    assert again.review_id == shown.review_id
    backlog.resolve(again, Decision(lease_id=backlog.lease_id))
    backlog.post("msg-payment-settled")
    assert backlog.balance == 0


SAID = {"payment_id": "never-made", "lease_id": "somewhere"}


def gocardless_event(action: str, **more: Any) -> bytes:
    """GoCardless tells of a debit; its events say no amounts."""
    event = {
        "id": f"EV-{action}",
        "created_at": "2026-09-05T10:00:00.000Z",
        "resource_type": "payments",
        "action": action,
        "links": {"payment": "PM1"},
        "details": {},
        "resource_metadata": SAID,
    }
    return json.dumps({"events": [event | more]}).encode()


def stripe_event(kind: str, **more: Any) -> bytes:
    """Stripe tells of a Checkout session, which knows what was asked, or of its payment intent."""
    thing = {"id": "cs_1", "metadata": SAID, "currency": "eur", "payment_status": "paid", "amount_total": 1}
    event = {"object": "event", "id": "evt_1", "type": kind, "livemode": False, "created": 1788602400}
    return json.dumps(event | {"data": {"object": thing | more}}).encode()


def under_review(backlog: Backlog, provider: str, body: bytes) -> ShownReview:
    """A delivery of that provider's, up for review. The residence offers it."""
    backlog.registry.secret_ids[provider] = ""  # type: ignore[index]
    backlog.aws.identity.update(
        keys.residence(RESIDENCE.residence_id), "SET other_providers = :all", values={":all": [provider]}
    )
    delivery = Delivery(
        provider=provider,
        delivery_id="d1",
        body=body,
        headers={},
        query="",
        received_at=backlog.clock() - YOUNG,
    )
    backlog.deliveries.store(delivery, Hints())
    backlog.posting.post(provider, "d1", Hints())
    [shown] = backlog.reviews.waiting(ACCOUNTANT).reviews
    return shown


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("gocardless", gocardless_event("confirmed")),
        ("gocardless", gocardless_event("created")),
        ("stripe", stripe_event("checkout.session.completed")),
    ],
)
def test_where_no_event_says_what_came_staff_say_it_and_that_is_posted(
    backlog: Backlog, provider: str, body: bytes
) -> None:
    shown = under_review(backlog, provider, body)

    with pytest.raises(Invalid):
        backlog.resolve(shown, Decision(lease_id=backlog.lease_id))
    backlog.resolve(shown, Decision(lease_id=backlog.lease_id, amount_cents=45_000))
    backlog.posting.post(provider, "d1", Hints())
    if provider == "gocardless":
        later = Delivery(
            provider=provider,
            delivery_id="d2",
            body=gocardless_event("confirmed"),
            headers={},
            query="",
            received_at=backlog.clock(),
        )
        backlog.deliveries.store(later, Hints())
        backlog.posting.post(provider, "d2", Hints())

    payment = backlog.payments.get("never-made")
    assert payment is not None
    assert payment.amount_cents == 45_000
    assert backlog.state("never-made") is PaymentState.PAID
    assert backlog.balance == 0


def test_where_the_provider_says_what_came_nobody_says_otherwise(backlog: Backlog) -> None:
    body = stripe_event("payment_intent.succeeded", amount_received=45_000)
    shown = under_review(backlog, "stripe", body)

    with pytest.raises(Invalid):
        backlog.resolve(shown, Decision(lease_id=backlog.lease_id, amount_cents=44_000))
    backlog.resolve(shown, Decision(lease_id=backlog.lease_id))
    backlog.posting.post("stripe", "d1", Hints())

    assert backlog.balance == 0


def test_what_is_of_another_residence_is_not_shown_nor_resolved(backlog: Backlog) -> None:
    shown = backlog.unknown()
    elsewhere = replace(ACCOUNTANT, scope=Scope(residence_ids=frozenset({"les-erables-35000"})))

    assert backlog.reviews.waiting(elsewhere).reviews == []
    with pytest.raises(NotFound):
        backlog.resolve(shown, NOT_OURS, by=elsewhere)
    assert backlog.resolve(shown, NOT_OURS, by=MANAGER).state is DeliveryState.DISMISSED


def test_what_names_no_lease_is_for_accountants_and_administrators(backlog: Backlog) -> None:
    shown = backlog.unknown(account="somewhere")

    assert shown.residence_id is None
    assert backlog.reviews.waiting(MANAGER).reviews == []
    with pytest.raises(NotFound):
        backlog.resolve(shown, NOT_OURS, by=MANAGER)


def test_nobody_posts_to_their_own_lease_or_to_one_of_another_residence(backlog: Backlog) -> None:
    shown = backlog.unknown(account="somewhere")
    themselves = replace(ACCOUNTANT, person_id=backlog.tenant.person.person_id)
    elsewhere = replace(ACCOUNTANT, scope=Scope(residence_ids=frozenset({"les-erables-35000"})))

    with pytest.raises(Forbidden):
        backlog.resolve(shown, Decision(lease_id=backlog.lease_id), by=themselves)
    with pytest.raises(NotFound):
        backlog.resolve(shown, Decision(lease_id=backlog.lease_id), by=elsewhere)
    with pytest.raises(Invalid):
        backlog.resolve(shown, Decision())
    with pytest.raises(NotFound):
        backlog.reviews.resolve(ACCOUNTANT, "not a review", NOT_OURS, network=NETWORK)


def test_a_message_in_the_queue_is_what_the_outbox_would_have_sent(backlog: Backlog) -> None:
    backlog.take(backlog.signed(backlog.message(backlog.checkout().payment_id)))
    backlog.clock.advance(6 * MINUTE)
    backlog.sweep.run(backlog.clock())

    [message] = backlog.aws.sqs.receive_message(QueueUrl=backlog.queue.url)["Messages"]
    assert json.loads(message["Body"]) == dict(backlog.announced("msg-payment-settled"))


def test_an_unknown_payment_that_is_young_goes_back_to_the_queue(backlog: Backlog) -> None:
    backlog.take(backlog.signed(backlog.message("never-made")))
    backlog.clock.advance(6 * MINUTE)

    backlog.sweep.run(backlog.clock())
    with pytest.raises(NotYetKnown):
        list(backlog.queued())
    assert backlog.reviews.waiting(ACCOUNTANT).reviews == []
