"""The laws of what comes back to the sender: bounces, lost answers, waits; by two channels.

The world of `test_reminder_laws` with a phone, the run that calls for messages again, and what the mail
service tells. Whatever the order and the hour, what was said to nobody is said by the way that is left, or by
a later step.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, cast

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sesame.domain.tenancy import Channel, ReminderSettings, Unusable, UnusableContact
from sesame.platform.events import Event
from sesame.services.mailer import Envelope
from sesame.services.messages import by_another_way
from sesame.services.messages_again import MessagesAgain
from sesame.store import keys
from sesame.store.messages import OPEN, Failure, Message, MessageState
from sesame.store.people import person_item, unusable_item
from sesame.store.tasks import Task, TaskKind, Tasks
from tests.unit.test_reminder_laws import PERSON, ZONES, Act, Post, Sent, World, acts, ladders
from tests.unit.test_reminder_laws import _holds as said_once_in_time_and_one_a_day

PHONE = "+33639981234"


@dataclass(frozen=True, kw_only=True)
class Bounced:
    """A message that reached nobody."""

    sent: Sent
    told_at: Any


class TownPost(Post):
    """The mail service's answer is lost, too, where its sender dies before it is written down."""

    def send(self, message: Message, envelope: Envelope) -> tuple[MessageState, str]:
        before = len(self.world.history)
        try:
            state, code = super().send(message, envelope)
        except ConnectionError:
            if len(self.world.history) > before:
                self.world.history[-1] = replace(self.world.history[-1], lost=True)
            raise
        return state, code


@dataclass
class Town(World):
    """The same world, with what brings messages back."""

    bounced: list[Bounced] = field(default_factory=list)

    def __init__(self, zones: tuple[str, str], rules: ReminderSettings, holidays: frozenset[date]) -> None:
        super().__init__(zones, rules, holidays)
        self.bounced = []
        self.identity.put(person_item(replace(PERSON, phone=PHONE)))
        self.post = TownPost(self, self.post.messages)
        self.tasks = Tasks(self.post.messages.table)
        self.sender = replace(self.sender, mailer=cast(Any, self.post), tasks=self.tasks)
        self.again = MessagesAgain(
            messages=self.post.messages, queue=cast(Any, self), budget=timedelta(hours=1)
        )

    def send(self, bodies: Sequence[dict[str, str]]) -> None:
        """The sender's queue, for who calls for a message again."""
        self.pending += [Event.of(body) for body in bodies]

    def call_again(self) -> None:
        """The run every five minutes."""
        self.again.run(self.now)

    def deliver_all(self, losses: list[bool] | None = None) -> None:
        waiting, self.pending = self.pending, []
        for event in waiting:
            outcome = "lost" if losses and losses.pop() else "taken"
            (self.delivered if self.deliver(event, outcome) else self.pending).append(event)

    def bounce(self, place: int) -> None:
        """The mail service tells that an e-mail reached nobody, counted from the last one it took."""
        taken = [one for one in reversed(self.history) if one.channel is Channel.EMAIL and not one.lost]
        if taken:
            self.bounces(taken[place % len(taken)])

    def bounces(self, sent: Sent) -> None:
        """As services/feedback does."""
        self.post.messages.told_failed(sent.message_id, self.now, Failure.BOUNCE)
        assert PERSON.email is not None
        mark = UnusableContact(
            channel=Channel.EMAIL, contact=PERSON.email, reason=Unusable.BOUNCE, since=self.now
        )
        self.identity.update(
            keys.person(PERSON.person_id),
            "SET unusable_email = :mark ADD version :one",
            values={":mark": unusable_item(mark), ":one": 1},
        )
        record = self.post.messages.get(sent.message_id)
        assert record is not None
        assert record.event is not None
        self.bounced.append(Bounced(sent=sent, told_at=self.now))
        self.pending.append(by_another_way(record.event, Channel.EMAIL))

    def open_tasks(self, residence_id: str) -> list[Task]:
        """What a residence's desk has to see to."""
        return self.tasks.open_in(residence_id).tasks

    def mend(self) -> None:
        """The desk has a new address of theirs."""
        self.identity.update(
            keys.person(PERSON.person_id), "REMOVE unusable_email ADD version :one", values={":one": 1}
        )


bounces: st.SearchStrategy[Act] = st.builds(
    lambda place: lambda town: cast(Town, town).bounce(place), st.integers(0, 9)
)
called: st.SearchStrategy[Act] = st.just(lambda town: cast(Town, town).call_again())
histories = st.lists(
    st.tuples(st.integers(0, 60 * 30), st.one_of(acts, acts, bounces, called)), min_size=5, max_size=40
)


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)),
    ladders.map(lambda steps: ReminderSettings(steps=steps)),
    st.frozensets(st.integers(0, 100).map(lambda days: date(2026, 9, 1) + timedelta(days=days)), max_size=9),
    histories,
    st.lists(st.booleans(), max_size=12),
    st.lists(st.booleans(), max_size=12),
)
def test_what_reached_nobody_is_said_another_way_or_by_a_later_step(
    zones: tuple[str, str],
    rules: ReminderSettings,
    holidays: frozenset[date],
    history: Any,
    fates: list[bool],
    losses: list[bool],
) -> None:
    town = Town(zones, rules, holidays)

    for minutes, act in history:
        town.now += timedelta(minutes=minutes)
        act(town)
    become_calm(town, fates, losses)

    said_once_in_time_and_one_a_day(town)
    no_bounce_is_forgotten(town)
    nothing_is_left_open(town)


def become_calm(town: Town, fates: list[bool], losses: list[bool]) -> None:
    """Ten weeks in which everything works, but for e-mails that bounce hours later, by `fates`, and answers
    that are lost, by `losses`; and the desk mends what it hears of."""
    seen = len(town.history)
    for _ in range(70 * 24 // 5):  # twice in each residence's sending hours
        town.now += timedelta(hours=5)
        new, seen = town.history[seen:], len(town.history)
        town.mend()
        for sent in new:
            if sent.channel is Channel.EMAIL and fates and fates.pop():
                town.bounces(sent)
        town.call_again()
        town.deliver_all(losses)
        town.plan()
        town.deliver_all(losses)


def no_bounce_is_forgotten(town: Town) -> None:
    """Whoever still owes at the end was told of that step, or a later one, by the phone after each bounce; or
    it was a formal notice whose last day came first, which is the desk's."""
    asked = unconfirmed(town)
    for one in town.bounced:
        cause, residence = one.sent.cause, town.residences[one.sent.lease_id]
        account = town.accounts.get(one.sent.lease_id)
        assert account is not None
        owed = {debit.period for debit in account.checkpoint.outstanding if debit.unpaid_cents > 0}
        if "step" not in cause or cause["period"] not in owed:
            continue
        if one.sent.document_id is not None and one.sent.lease_id in asked:
            continue
        days = {step.name: step.days for step in residence.reminders.steps}
        assert any(
            days.get(later.cause.get("step", ""), -99) >= days[cause["step"]]
            for later in town.history
            if later.lease_id == one.sent.lease_id
            and later.at >= one.told_at
            and later.message_id != one.sent.message_id
        ), f"{cause} bounced and was forgotten"


def nothing_is_left_open(town: Town) -> None:
    """No message waits, is on its way, or of unknown fate, for ever; what was given up is the desk's."""
    states = {
        one.message_id: record.state
        for one in town.history
        if (record := town.post.messages.get(one.message_id))
    }
    assert not set(states.values()) & set(OPEN)
    copies = Counter(one.message_id for one in town.history)
    lost = [one for one, state in states.items() if state is MessageState.LOST]
    asked = unconfirmed(town)
    lease_of = {one.message_id: one.lease_id for one in town.history}
    for one in lost:
        sent_once = copies[one] == 1
        assert lease_of[one] in asked or (sent_once and has_nothing_left_to_say(town, one)), "lost, dropped"
    for lease_id in asked:
        of_lease = town.post.messages.of_lease(lease_id).messages
        assert any(one.state in {MessageState.LOST, MessageState.SUPERSEDED} for one in of_lease)


def unconfirmed(town: Town) -> set[str]:
    """The leases of whose messages the desk was told that nobody knows whether they came."""
    return {
        lease_id
        for lease_id, residence in town.residences.items()
        for task in town.open_tasks(residence.residence_id)
        if task.kind is TaskKind.UNCONFIRMED
    }


def has_nothing_left_to_say(town: Town, message_id: str) -> bool:
    """Whether what a reminder was about is paid, or a later step of it was said."""
    sent = next(one for one in town.history if one.message_id == message_id)
    account = town.accounts.get(sent.lease_id)
    assert account is not None
    if sent.cause.get("entry_id") not in {one.entry_id for one in account.checkpoint.outstanding}:
        return True
    days = {step.name: step.days for step in town.residences[sent.lease_id].reminders.steps}
    return any(
        days[later.cause["step"]] > days[sent.cause["step"]]
        for later in town.history
        if "step" in later.cause and later.cause["entry_id"] == sent.cause["entry_id"]
    )
