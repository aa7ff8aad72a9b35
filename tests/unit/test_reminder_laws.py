"""The laws of reminders, on the real planner and sender over tables in memory, whatever comes and whenever.

A history is drawn: planner runs by clocks that are wrong, messages delivered late, twice or never at first,
answers lost, calls that fail, payments, holds, in any order. Then the world becomes calm for ten weeks, and
everything that is owed must have been said, once, at a decent hour, one message a day.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from sesame.domain.calendar import Period, is_sending_time, local_date
from sesame.domain.certificates import Validity
from sesame.domain.journal import Entry, EntryKind, credit_note_id
from sesame.domain.notices import notice_for
from sesame.domain.plans import AgreedPlan, Instalment
from sesame.domain.reminders import (
    Hold,
    HoldKind,
    HoldReason,
    next_day_opens,
    next_step_at,
    owed,
    payable_by,
)
from sesame.domain.tenancy import (
    DEFAULT_STEPS,
    Channel,
    Landlord,
    Lease,
    Person,
    ReminderSettings,
    ReminderStep,
    Residence,
    Surcharge,
)
from sesame.domain.validity import Ending
from sesame.notifications.letters import Letter
from sesame.notifications.outcome import NotAccepted
from sesame.platform.events import Event
from sesame.services.accounts import Bookkeeping
from sesame.services.formal_notices import FormalNotices
from sesame.services.lease_terms import LeaseTerms, Who
from sesame.services.mailer import Draft, Envelope
from sesame.services.messages import Correspondence
from sesame.services.messages_again import MessagesAgain
from sesame.services.reminder_letters import reminder_messages
from sesame.services.reminders import ReminderRun, SomeNotPlanned
from sesame.services.retries import Retries
from sesame.services.scheduled_mail import ScheduledMail
from sesame.services.surcharges import Surcharges
from sesame.store.accounts import Account, Accounts
from sesame.store.audit import Audit
from sesame.store.documents import Documents
from sesame.store.message_allowances import MessageAllowances
from sesame.store.messages import LOST, Message, Messages, MessageState, StillSending
from sesame.store.people import People, lease_item, person_item, residence_item
from sesame.store.table import Table, transact, unmarshal
from sesame.store.tasks import TaskKind, Tasks
from tests.fakes.dynamo import FakeDynamo, Wire

ISSUED = datetime(2026, 9, 1, 3, tzinfo=UTC)
ZONES = (
    "Europe/Paris",
    "Indian/Reunion",
    "America/Martinique",
    "America/Miquelon",
    "Pacific/Tahiti",
    "Pacific/Noumea",
)
AT_ONCE = Retries(attempts=5, pause=lambda _: None)
RENT = 45_000


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message that the mail service took, or may have taken."""

    message_id: str
    lease_id: str
    at: datetime
    channel: Channel
    cause: dict[str, str]
    document_id: str | None
    """The formal notice that it tells of."""
    lost: bool
    """Whether the mail service's answer was lost, or never written down: then the message may be sent once
    more."""


@dataclass
class Post:
    """Stands for the mailer: takes, refuses for now, or loses its answer, as it is told."""

    world: "World"
    messages: Messages
    portal_url: str = "https://sesame.example"
    outcomes: list[str] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.world.now

    def write(self, _message: Message, draft: Draft) -> Envelope:
        content = "-" if draft.channel is Channel.SMS else Letter(subject="-", text="-", html="-")
        return Envelope(to="-", content=content)

    def send(self, message: Message, envelope: Envelope) -> tuple[MessageState, str]:
        outcome = self.outcomes.pop() if self.outcomes else "taken"
        if outcome == "busy":
            self.messages.settle(message, MessageState.WAITING, self.clock())
            raise NotAccepted
        self.world.sent(message, envelope.channel, lost=outcome == "lost")
        if outcome == "lost":
            self.messages.lost(message, self.clock())
            return MessageState.UNKNOWN, ""
        try:
            self.messages.accepted(message, envelope.channel, "ses-1", self.clock())
        except ConnectionError:  # whoever dies before it is written down leaves what a lost answer leaves
            self.world.history[-1] = replace(self.world.history[-1], lost=True)
            raise
        return MessageState.ACCEPTED, "ses-1"


class World:
    """One person with a lease in each of two residences, and all that reminds them."""

    def __init__(
        self,
        zones: tuple[str, str],
        rules: ReminderSettings,
        holidays: frozenset[date],
        phone: str | None = None,
        period: Period = "2026-09",
    ) -> None:
        self.now, self.holidays, self.period = ISSUED, holidays, period
        year, month = map(int, period.split("-"))
        self.now = self.now.replace(year=year, month=month)
        self.history: list[Sent] = []
        self.pending: list[Event] = []
        self.delivered: list[Event] = []
        self.dynamo = FakeDynamo(self._written)
        self.identity, self.money, papers, operations = (
            Table(self.dynamo, name) for name in ("identity", "money", "documents", "operations")
        )
        self.documents = Documents(papers)
        self.accounts, audit = Accounts(self.money), Audit(operations)
        self.books = Bookkeeping(self.accounts, lambda: self.now, AT_ONCE)
        self.planner = ReminderRun(
            identity=self.identity,
            accounts=self.accounts,
            operations=operations,
            formal_notices=FormalNotices(
                documents=self.documents, identity=self.identity, accounts=self.accounts, audit=audit
            ),
            allowances=MessageAllowances(operations),
            surcharges=Surcharges(accounts=self.accounts, audit=audit),
            tasks=Tasks(operations),
            budget=timedelta(hours=1),
            holidays=lambda _: holidays.__contains__,
        )
        self.post = Post(self, Messages(operations))
        self.again = MessagesAgain(
            messages=self.post.messages, queue=cast(Any, self), budget=timedelta(hours=1)
        )
        self.tasks = Tasks(operations)
        self.allowances = MessageAllowances(operations)
        self.sender = correspondence(self, self.allowances)
        self.residences, self.leases = {}, dict[str, Lease]()
        self.identity.put(person_item(replace(PERSON, phone=phone)))
        for number, zone in enumerate(zones):
            residence = replace(RESIDENCE, residence_id=f"r{number}", time_zone=zone, reminders=rules)
            lease = replace(LEASE, lease_id=f"lease-{number}", residence_id=residence.residence_id)
            self.identity.put(residence_item(residence))
            self.identity.put(lease_item(lease))
            self.residences[lease.lease_id], self.leases[lease.lease_id] = residence, lease
            self.bill(lease.lease_id, period)

    def bill(self, lease_id: str, period: str) -> None:
        lease, residence = self.leases[lease_id], self.residences[lease_id]
        notice = notice_for(lease, residence, period)
        assert notice is not None
        self.books.issue_notice(
            notice,
            lambda unpaid, previous: next_step_at(
                unpaid,
                time_zone=residence.time_zone,
                previous=previous,
                now=self.now,
                settings=residence.reminders,
            ),
        )

    def pay(self, lease_id: str, cents: int) -> None:
        entry = Entry(
            entry_id=f"payment:{self.now.isoformat()}:{cents}",
            kind=EntryKind.PAYMENT,
            amount_cents=-cents,
            effective_at=self.now,
            source=f"payment:{self.now.isoformat()}",
        )
        self.books.post(lease_id, self.leases[lease_id].residence_id, entry)

    def take_back(self, lease_id: str, cents: int) -> None:
        """The bank returns the latest payment, or so much of it."""
        paid = [one for one in self.accounts.journal(lease_id).entries if one.kind is EntryKind.PAYMENT]
        if not paid:
            return
        latest = max(paid, key=lambda one: one.effective_at)
        entry = Entry(
            entry_id=f"charge-back:{self.now.isoformat()}",
            kind=EntryKind.CHARGE_BACK,
            amount_cents=min(cents, -latest.amount_cents),
            effective_at=self.now,
            reverses=latest.source,
        )
        self.books.post(lease_id, self.leases[lease_id].residence_id, entry)

    def take_the_day(self, channel: Channel) -> None:
        """Another message has the person's day by a channel."""
        day = local_date(self.now, "Europe/Paris")
        assert self.allowances.claim(PERSON.person_id, channel, "another", day=day, now=self.now)

    def amend(self, lease_id: str, rent_cents: int) -> None:
        """Another rent from the first day on: what is out is withdrawn, and another notice replaces it."""
        people = People(self.identity, cast(Any, None))
        terms = LeaseTerms(people=people, books=self.books, retries=AT_ONCE)
        who = Who(reason="mistake", by="manager")
        self.leases[lease_id] = terms.apply(
            lease_id, lambda lease: replace(lease, rent_cents=rent_cents), who
        ).after

    def credit(self, lease_id: str, period: str, cents: int) -> None:
        """A part of the notice that stands for a period is taken back."""
        journal = self.accounts.journal(lease_id)
        issued = next((one for one in journal.notices if one.notice.period == period), None)
        if issued is None or journal.account is None:
            return
        note = Entry(
            entry_id=credit_note_id(period, issued.notice.number, self.now.isoformat()),
            kind=EntryKind.CREDIT_NOTE,
            amount_cents=-cents,
            effective_at=self.books.never_backdated(journal.account),
            period=period,
            credits=issued.entry_id,
        )
        self.books.post(lease_id, self.leases[lease_id].residence_id, note)

    def hold(self, lease_id: str, days: int) -> None:
        account = self.accounts.get(lease_id)
        if account is None or not account.checkpoint.outstanding:
            return
        until = local_date(self.now, self.residences[lease_id].time_zone) + timedelta(days=days)
        hold = Hold(kind=HoldKind.HOLD, reason=HoldReason.OTHER, until=until, by="manager", at=self.now)
        self.money.write(
            self.accounts.arranging(
                account, hold=hold, plan=account.plan, next_step_at=account.next_step_at, since=account.since
            )
        )

    def release(self, lease_id: str) -> None:
        """Ends a hold, as services/reminder_desk does."""
        account = self.accounts.get(lease_id)
        if account is None or account.hold is None:
            return
        at = account.next_step_at
        self.money.write(
            self.accounts.arranging(
                account,
                hold=None,
                plan=account.plan,
                next_step_at=min(at, self.now) if at is not None and account.since is not None else at,
                since=account.since,
            )
        )

    def withdraw(self, lease_id: str) -> None:
        """Takes the latest formal notice back, as services/reminder_desk does."""
        account = self.accounts.get(lease_id)
        ordered = account.formal_notice if account else None
        paper = self.documents.get(ordered.document_id) if ordered else None
        if account is None or paper is None or paper.validity is not Validity.GENUINE:
            return
        void = self.documents.revoking(paper, Ending.WITHDRAWN, at=self.now, gives_up=False)
        transact(cast(Any, self.dynamo), [*void, self.accounts.withdrawing(account)])

    def agree(self, lease_id: str, days: tuple[int, ...]) -> None:
        """A plan for all that is owed, in equal parts, so many days from today."""
        account = self.accounts.get(lease_id)
        if account is None or not account.checkpoint.outstanding:
            return
        before, zone = account.plan, self.residences[lease_id].time_zone
        if before is not None and before.stands and any(before.unpaid(account.checkpoint.outstanding)):
            return
        cents, today = (
            sum(one.unpaid_cents for one in account.checkpoint.outstanding),
            local_date(self.now, zone),
        )
        parts = [cents // len(days)] * (len(days) - 1)
        parts.append(cents - sum(parts))
        plan = AgreedPlan(
            plan_id=f"plan-{self.now.isoformat()}",
            debts=tuple(one.entry_id for one in account.checkpoint.outstanding),
            instalments=tuple(
                Instalment(due_on=today + timedelta(days=day), amount_cents=part)
                for day, part in zip(days, parts, strict=True)
            ),
            resumes_from=min(account.dun(account.next_step_at or self.now).window_opens, self.now),
        )
        opens = next_day_opens(self.now, zone)
        look_at = min(account.next_step_at or self.now, opens)
        self.money.write(
            self.accounts.arranging(
                account, hold=account.hold, plan=plan, next_step_at=look_at, since=account.since
            )
        )

    def plan(self, skew: timedelta = timedelta(), fuse: int | None = None) -> None:
        self.dynamo.fuse = fuse
        with suppress(SomeNotPlanned, ConnectionError):  # the schedule tries again
            self.planner.plan(self.now + skew)
        self.dynamo.fuse = None

    def deliver(self, event: Event, outcome: str = "taken", fuse: int | None = None) -> bool:
        """Whether the queue is rid of it."""
        self.post.outcomes = [outcome]
        self.dynamo.fuse = fuse
        try:
            self.sender.handle(event)
        except (NotAccepted, StillSending, ConnectionError):
            return False
        finally:
            self.dynamo.fuse, self.post.outcomes = None, []
        return True

    def send(self, bodies: Sequence[dict[str, str]]) -> None:
        """The sender's queue, for who calls for a message again."""
        self.pending += [Event.of(body) for body in bodies]

    def live(self, until: datetime, every: timedelta = timedelta(hours=3)) -> None:
        """Everything works until then."""
        while self.now < until:
            self.now = min(self.now + every, until)
            self.again.run(self.now)
            self.plan()
            self.deliver_all()

    def told(self, lease_id: str = "lease-0") -> list[tuple[date, str]]:
        """(day, step) of what was said of a lease."""
        zone = self.residences[lease_id].time_zone
        return [
            (local_date(one.at, zone), one.cause["step"])
            for one in self.history
            if one.lease_id == lease_id and "step" in one.cause
        ]

    def deliver_all(self) -> None:
        waiting, self.pending = self.pending, []
        for event in waiting:
            if self.deliver(event):
                self.delivered.append(event)
            else:
                self.pending.append(event)

    def sent(self, message: Message, channel: Channel, *, lost: bool) -> None:
        """Notes what leaves, and holds it to the laws of the moment."""
        assert message.lease_id is not None
        residence, account = self.residences[message.lease_id], self.accounts.get(message.lease_id)
        assert account is not None
        assert is_sending_time(self.now, residence.time_zone, self.holidays.__contains__), "quiet time"
        if message.kind == "reminder":
            rows = owed(account.checkpoint.outstanding, account.plan, residence.time_zone)
            debts = {row.entry_id for row in rows} | {str(row.instalment) for row in rows}
            assert sum(row.unpaid_cents for row in rows) == sum(
                one.unpaid_cents for one in account.checkpoint.outstanding
            ), "a sum that no row asks for"
            about = message.cause.get("instalment") or message.cause["entry_id"]
            assert about in debts, "reminded after payment"
            held = account.hold is not None and account.hold.stands(self.now, residence.time_zone)
            assert not held, "reminded while held"
            if message.event is not None and "document_id" in message.event.data:
                self._holds_true(message.event, residence, account)
        self.history.append(
            Sent(
                message_id=message.message_id,
                lease_id=message.lease_id,
                at=self.now,
                channel=channel,
                cause=message.cause,
                document_id=message.event.data.get("document_id") if message.event else None,
                lost=lost,
            )
        )

    def _holds_true(self, event: Event, residence: Residence, account: Account) -> None:
        document = self.documents.get(event["document_id"])
        assert document is not None
        assert document.validity is Validity.GENUINE, "told of a formal notice that is void"
        if {"told", LOST} & event.data.keys() or (
            "by" in event.data and self.allowances.was_told(reminder_messages(event)[0])
        ):
            return  # the same paper by another channel, or once more
        today, demand = local_date(self.now, residence.time_zone), document.facts["demand"]
        late = [
            one
            for one in account.checkpoint.outstanding
            if payable_by(one, residence.time_zone) < today
            and not (account.plan is not None and account.plan.covers(one))
        ]
        assert demand["total_cents"] == sum(one.unpaid_cents for one in late), "another amount is owed"
        assert demand["as_of"] == today.isoformat(), "written on another day"

    def _written(self, before: Wire | None, after: Wire) -> None:
        if after["sk"]["S"] == "DOCUMENT":
            after["status"] = {"S": "ready"}  # rendered and sealed by the time anybody looks
            return
        new, old = after.get("announce"), (before or {}).get("announce")
        if new is None or new == old:
            return
        told = unmarshal({"announce": new})["announce"]
        if told["id"] == (unmarshal({"announce": old})["announce"]["id"] if old else None):
            return
        if told["type"] in {"reminder.due", "notice.issued"}:
            data = {name: value for name, value in told.items() if name not in {"id", "type", "at"}}
            self.pending.append(
                Event(id=told["id"], type=told["type"], at=datetime.fromisoformat(told["at"]), data=data)
            )


class Tokens:
    """Stands for the links that end courtesy reminders."""

    def of(self, person_id: str) -> str:
        return person_id


def correspondence(world: World, allowances: MessageAllowances) -> Correspondence:
    """The sender, with a mail service that does as it is told."""
    return Correspondence(
        mailer=cast(Any, world.post),
        identity=world.identity,
        accounts=world.accounts,
        welcome_links=cast(Any, None),
        unsubscribe=cast(Any, Tokens()),
        tasks=world.tasks,
        failed_contacts=cast(Any, None),
        schedule=ScheduledMail(
            accounts=world.accounts,
            allowances=allowances,
            holidays=lambda _: world.holidays.__contains__,
            retries=AT_ONCE,
        ),
    )


PERSON = Person(
    person_id="p", family_name="N", given_names="T", birth_date=date(2004, 5, 31), email="t@example.org"
)
RESIDENCE = Residence(
    residence_id="r",
    name="Les Tilleuls",
    address=("12 rue des Tilleuls",),
    postal_code="75013",
    city="Paris",
    time_zone="Europe/Paris",
    landlord=Landlord(name="Opérateur d'essai", address=()),
)
LEASE = Lease(
    lease_id="l",
    person_id="p",
    residence_id="r",
    reference="L1",
    tenant_reference="T1",
    room="B204",
    starts_on=date(2026, 9, 1),
    ends_on=date(2027, 8, 31),
    rent_cents=RENT,
    charges_cents=0,
    deposit_cents=0,
    code_tail="7K",
    code_cipher=b"-",
    code_hash="-",
)

ladders = st.one_of(
    st.just(DEFAULT_STEPS),
    st.lists(st.integers(-9, 40), min_size=1, max_size=6, unique=True).map(
        lambda days: tuple(ReminderStep(name=f"s{n}", days=day) for n, day in enumerate(sorted(days)))
    ),
)
SURCHARGE = Surcharge(
    flat_cents=500, cap_cents=1_000, grace_days=12, source="article 3", applies_from=date(2026, 1, 1)
)
rules = st.builds(
    ReminderSettings,
    steps=ladders,
    tolerance_cents=st.sampled_from([0, 500]),
    surcharge=st.sampled_from([None, SURCHARGE]),
)
fuses = st.one_of(st.none(), st.integers(0, 12))
leases = st.sampled_from(["lease-0", "lease-1"])
type Ways = tuple[Channel, ...]
type Act = Callable[[World], None]


def _redeliver(world: World, place: int) -> None:
    if world.delivered:
        world.deliver(world.delivered[place % len(world.delivered)])


def _deliver_one(world: World, place: int, outcome: str, fuse: int | None) -> None:
    if world.pending:
        event = world.pending.pop(place % len(world.pending))
        (world.delivered if world.deliver(event, outcome, fuse) else world.pending).append(event)


acts = st.one_of(
    st.builds(
        lambda minutes, fuse: lambda world: world.plan(timedelta(minutes=minutes), fuse),
        st.sampled_from([0, 0, 0, -600, -90, 90]),
        fuses,
    ),
    st.builds(
        lambda place, outcome, fuse: lambda world: _deliver_one(world, place, outcome, fuse),
        st.integers(0, 5),
        st.sampled_from(["taken", "taken", "lost", "busy"]),
        fuses,
    ),
    st.builds(lambda place: lambda world: _redeliver(world, place), st.integers(0, 50)),
    st.builds(
        lambda lease, cents: lambda world: world.pay(lease, cents),
        leases,
        st.sampled_from([RENT, RENT - 300, 20_000, 9_000]),
    ),
    st.builds(lambda lease, days: lambda world: world.hold(lease, days), leases, st.integers(0, 9)),
)
histories = st.lists(st.tuples(st.integers(0, 60 * 40), acts), max_size=40)
cents = st.sampled_from([RENT, RENT - 300, 20_000, 9_000])
changes: st.SearchStrategy[Act] = st.one_of(
    st.builds(lambda lease, cents: lambda world: world.take_back(lease, cents), leases, cents),
    st.builds(
        lambda lease, cents: lambda world: world.credit(lease, world.period, cents // 9), leases, cents
    ),
    st.builds(
        lambda lease, rent: lambda world: world.amend(lease, rent),
        leases,
        st.sampled_from([RENT - 5_000, RENT, RENT + 5_000, 0]),
    ),
    st.builds(
        lambda lease, days: lambda world: world.agree(lease, days),
        leases,
        st.sampled_from([(3,), (5, 12), (1, 8, 20)]),
    ),
    st.builds(lambda lease: lambda world: world.release(lease), leases),
    st.builds(lambda lease: lambda world: world.withdraw(lease), leases),
    st.just(lambda world: world.again.run(world.now)),
)
ways: st.SearchStrategy[Ways] = st.sampled_from(
    [(Channel.EMAIL,), (Channel.SMS,), (Channel.EMAIL, Channel.SMS)]
)


def _by(steps: tuple[ReminderStep, ...], first: Ways, second: Ways) -> tuple[ReminderStep, ...]:
    """A ladder whose steps take turns."""
    return tuple(replace(step, channels=(first, second)[n % 2]) for n, step in enumerate(steps))


by_two_channels = st.builds(_by, ladders, ways, ways)


@settings(max_examples=20, deadline=None)
@given(
    st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)),
    rules,
    by_two_channels,
    st.sampled_from(["2026-09", "2027-03"]),
    st.lists(st.tuples(st.integers(0, 60 * 40), st.one_of(acts, changes, changes)), min_size=5, max_size=40),
)
def test_debts_that_change_are_said_once_as_they_are_and_to_the_end(
    zones: tuple[str, str],
    chosen: ReminderSettings,
    steps: tuple[ReminderStep, ...],
    period: Period,
    history: Any,
) -> None:
    """By two channels, over both changes of the clock: what is paid and taken back, corrected, agreed."""
    world = World(zones, replace(chosen, steps=steps), frozenset(), phone="+33639981234", period=period)

    for minutes, act in history:
        world.now += timedelta(minutes=minutes)
        act(world)
    _become_calm(world)

    _holds(world)


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(st.sampled_from(ZONES), st.sampled_from(ZONES)),
    rules,
    st.frozensets(st.integers(0, 100).map(lambda days: date(2026, 9, 1) + timedelta(days=days)), max_size=9),
    histories,
)
def test_whatever_happens_each_step_is_said_once_in_time_and_one_a_day(
    zones: tuple[str, str], chosen: ReminderSettings, holidays: frozenset[date], history: Any
) -> None:
    world = World(zones, chosen, holidays)
    billed = False

    for minutes, act in history:
        world.now += timedelta(minutes=minutes)
        if not billed and world.now >= datetime(2026, 10, 1, 3, tzinfo=UTC):
            world.bill("lease-0", "2026-10")
            billed = True
        act(world)
    _become_calm(world)

    _holds(world)


def _become_calm(world: World) -> None:
    """Ten weeks in which everything works: two runs in each residence's sending hours, messages at once."""
    world.live(world.now + timedelta(weeks=10), timedelta(hours=5))


def _holds(world: World) -> None:
    answered = [one.message_id for one in world.history if not one.lost]
    assert len(set(answered)) == len(answered), "a step was accepted twice"
    for message_id in {one.message_id for one in world.history if one.lost}:
        assert sum(one.message_id == message_id for one in world.history) <= 2, (
            "a lost answer is tried once more"
        )
    days = {
        (local_date(one.at, world.residences[one.lease_id].time_zone), one.channel, one.message_id)
        for one in world.history
    }
    assert len({day[:2] for day in days}) == len(days), "two messages a day"
    for lease_id, residence in world.residences.items():
        account = world.accounts.get(lease_id)
        assert account is not None
        unpaid, plan = account.checkpoint.outstanding, account.plan
        if plan is not None and plan.broken_on is not None:
            tasks = world.tasks.open_in(residence.residence_id).tasks
            assert plan.plan_id in {
                one.details["plan_id"] for one in tasks if one.kind is TaskKind.PLAN_BROKEN
            }, "broken without a word"
        told = [one for one in world.history if one.lease_id == lease_id and "step" in one.cause]
        if sum(one.unpaid_cents for one in unpaid) <= residence.reminders.tolerance_cents:
            continue
        for debit in unpaid:
            last = residence.reminders.steps[-1]
            day = payable_by(debit, residence.time_zone) + timedelta(days=last.days)
            if debit.period is None or not local_date(debit.issued_at, residence.time_zone) < day:
                continue
            if again := account.reopened.get(debit.entry_id):
                again_on = local_date(again, residence.time_zone)
                if again_on > payable_by(debit, residence.time_zone):
                    day = again_on
                    asked = {
                        task.details.get("entry_id")
                        for task in world.tasks.open_in(residence.residence_id).tasks
                    }
                    assert debit.entry_id in asked, "the desk was never asked"
            late_enough = [
                one for one in told if local_date(one.at, residence.time_zone) >= day - timedelta(days=1)
            ]
            assert late_enough, f"the last step of {debit.period} was never said"
    assert world.pending == [], "something waits for ever"
