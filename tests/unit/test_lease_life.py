"""A lease's life: the state table, the month of notice, and laws that hold over any sequence of decisions."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sesame.domain.calendar import days_in, period_of, periods
from sesame.domain.certificates import Kind, room_facts
from sesame.domain.corrections import corrections, issued_by_period
from sesame.domain.file_faults import WORDS, Fault
from sesame.domain.journal import Entry, EntryKind, notice_entry_id
from sesame.domain.lease_life import (
    BY_CALENDAR,
    TRANSITIONS,
    Cancellation,
    Closing,
    Extension,
    Leaving,
    LifeChange,
    LifeEvent,
    LifeRefused,
    Renewal,
    RentAmendment,
    RoomChange,
    SharingChange,
    Stage,
    Withdrawal,
    changed,
    earliest_departure,
    earliest_leaving,
    possible_at,
    stage_on,
)
from sesame.domain.notices import Notice, latest_period, notice_for
from sesame.domain.tenancy import DepartureReason, Lease, LeaseStatus
from sesame.domain.terms import RoomStay, rooms_held, segments, terms_on
from sesame.domain.validity import proves_more_than
from tests.unit.test_notices import LEASE, RESIDENCE

START, END = date(2026, 9, 1), date(2027, 2, 28)
FIRST = replace(LEASE, starts_on=START, ends_on=END, room="A1", rent_cents=310, charges_cents=70)
DAY = timedelta(days=1)

days = st.integers(-10, 260).map(lambda n: START + n * DAY)
cents = st.none() | st.integers(0, 900)
CHANGES: st.SearchStrategy[LifeChange] = st.one_of(
    st.builds(RoomChange, starts_on=days, room=st.sampled_from(["A1", "B2", "C3"]), rent_cents=cents),
    st.builds(RentAmendment, starts_on=days, rent_cents=cents, charges_cents=cents),
    st.builds(SharingChange, starts_on=days, occupants=st.integers(1, 3), rent_cents=cents),
    st.builds(Extension, ends_on=days),
    st.builds(Renewal, ends_on=days, rent_cents=cents),
    st.builds(Leaving, leaves_on=days, given_on=days, reason=st.sampled_from(DepartureReason)),
    st.builds(Withdrawal),
    st.builds(Cancellation),
    st.builds(Closing),
)


@pytest.mark.parametrize(
    ("given_on", "leaves_on"),
    [
        (date(2026, 9, 15), date(2026, 10, 15)),
        (date(2027, 1, 31), date(2027, 2, 28)),
        (date(2028, 1, 30), date(2028, 2, 29)),
        (date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_a_month_of_notice_ends_on_the_day_of_the_same_number(given_on: date, leaves_on: date) -> None:
    assert earliest_departure(given_on) == leaves_on


@pytest.mark.parametrize(
    ("months", "first"),
    [(0, date(2026, 9, 15)), (1, date(2026, 10, 15)), (3, date(2026, 12, 15)), (9, END)],
)
def test_a_residence_says_how_much_notice_a_tenant_gives(months: int, first: date) -> None:
    day = date(2026, 9, 15)
    notice = Leaving(leaves_on=first, given_on=day, reason=DepartureReason.TENANT_NOTICE)

    assert earliest_leaving(FIRST, day, months) == first
    if first < END:
        assert changed(FIRST, notice, day, notice_months=months).ends_on == first
    with pytest.raises(LifeRefused) as refused:
        changed(FIRST, replace(notice, leaves_on=first - DAY), day, notice_months=months)
    assert (refused.value.fault, refused.value.about) == (Fault.NOTICE_TOO_SHORT, first.isoformat())
    agreed = replace(notice, leaves_on=first - DAY, reason=DepartureReason.AGREEMENT)
    assert changed(FIRST, agreed, day, notice_months=months).ends_on == first - DAY


def test_every_stage_is_reached_and_only_the_closed_and_the_cancelled_stay_for_good() -> None:
    reached = {stage for targets in TRANSITIONS.values() for stage in targets}

    assert reached | {Stage.ADMITTED} == set(Stage)
    assert {stage for stage in Stage if not possible_at(stage)} == {Stage.CLOSED, Stage.CANCELLED}
    assert {event for _, event in TRANSITIONS} == set(LifeEvent)


@pytest.mark.parametrize("stage", Stage)
def test_what_a_stage_does_not_allow_is_refused_in_both_languages(stage: Stage) -> None:
    lease, today = {
        Stage.ADMITTED: (FIRST, START - DAY),
        Stage.ACTIVE: (FIRST, START),
        Stage.RENEWED: (replace(FIRST, renewed_from=(START,)), START),
        Stage.NOTICE_GIVEN: (left(FIRST, END - DAY), START),
        Stage.DEPARTED: (FIRST, END + DAY),
        Stage.CLOSED: (replace(FIRST, status=LeaseStatus.CLOSED), END),
        Stage.CANCELLED: (replace(FIRST, status=LeaseStatus.CANCELLED), START),
    }[stage]
    assert stage_on(lease, today) is stage

    decisions: dict[LifeEvent, LifeChange] = {
        LifeEvent.CANCELLED: Cancellation(),
        LifeEvent.CLOSED: Closing(),
        LifeEvent.NOTICE_WITHDRAWN: Withdrawal(),
        LifeEvent.EXTENDED: Extension(ends_on=END + DAY),
        LifeEvent.ROOM_CHANGED: RoomChange(starts_on=START, room="Z9"),
    }
    for event, change in decisions.items():
        if (stage, event) not in TRANSITIONS:
            with pytest.raises(LifeRefused) as refused:
                changed(lease, change, today)
            assert refused.value.words is WORDS[refused.value.fault]


def left(lease: Lease, on: date) -> Lease:
    return changed(lease, Leaving(leaves_on=on, given_on=START, reason=DepartureReason.AGREEMENT), START)


class Books:
    """Notices of a lease as the daily run and corrections keep them, and no more."""

    def __init__(self) -> None:
        self.standing: dict[str, Notice] = {}
        self.withdrawn: list[Notice] = []
        self.entries: list[Entry] = []

    def bill(self, lease: Lease, today: date) -> None:
        for period in periods(period_of(START), latest_period(RESIDENCE, today)):
            known = {one.period for one in [*self.standing.values(), *self.withdrawn]}
            if period not in known and (notice := notice_for(lease, RESIDENCE, period)):
                self.issue(notice)

    def correct(self, lease: Lease, today: date) -> None:
        issued = issued_by_period(list(self.standing.values()), self.withdrawn, self.entries)
        for one in corrections(lease, RESIDENCE, issued, today):
            if one.withdrawn is not None:
                self.withdrawn.append(self.standing.pop(one.period))
                note = Entry(
                    entry_id=f"credit-note:{one.period}#{one.withdrawn.number}",
                    kind=EntryKind.CREDIT_NOTE,
                    amount_cents=-one.withdrawn_cents,
                    effective_at=None,  # type: ignore[arg-type]
                    period=one.period,
                    credits=notice_entry_id(one.period, one.withdrawn.number),
                    withdraws=True,
                )
                self.entries.append(note)
            if one.replacement is not None:
                self.issue(one.replacement)

    def issue(self, notice: Notice) -> None:
        self.standing[notice.period] = notice
        number = notice_entry_id(notice.period, notice.number)
        self.entries.append(
            Entry(
                entry_id=number,
                kind=EntryKind.NOTICE,
                amount_cents=notice.amount_cents,
                effective_at=None,  # type: ignore[arg-type]
                period=notice.period,
            )
        )


class Diary:
    """The oracle: who lived where, at what rent, day by day; it knows nothing of terms or segments."""

    def __init__(self) -> None:
        self.days = {START + n * DAY: ("A1", 310, 70) for n in range((END - START).days + 1)}
        self.taken_out: dict[date, tuple[str, int, int]] = {}

    def write(self, change: LifeChange, before: Lease) -> None:
        match change:
            case RoomChange() | RentAmendment() | SharingChange():
                # until the eve of what was decided for later; should notice be taken back, beyond it too
                cut_off = before.departure.cut_off if before.departure else ()
                later = [one.starts_on for one in (*before.terms, *cut_off)]
                until = min((one for one in later if one > change.starts_on), default=date.max)
                how = self._new(self.days[change.starts_on], change)
                for days in (self.days, self.taken_out):
                    days |= {day: how for day in days if change.starts_on <= day < until}
            case Leaving():
                for day in [one for one in self.days if one > change.leaves_on]:
                    self.taken_out[day] = self.days.pop(day)
                for day in [one for one in self.taken_out if one <= change.leaves_on]:
                    self.days[day] = self.taken_out.pop(day)
            case Withdrawal():
                self.days |= self.taken_out
                self.taken_out = {}
            case Extension() | Renewal():
                self._longer(change)
            case Cancellation():
                self.days = {}
            case Closing():
                pass

    def _longer(self, change: Extension | Renewal) -> None:
        self.days |= {day: how for day, how in self.taken_out.items() if day <= change.ends_on}
        self.taken_out = {}
        last = max(self.days)
        how = self.days[last]
        if isinstance(change, Renewal) and change.rent_cents is not None:
            how = (how[0], change.rent_cents, how[2])
        for n in range(1, (change.ends_on - last).days + 1):
            self.days[last + n * DAY] = how

    @staticmethod
    def _new(how: tuple[str, int, int], change: LifeChange) -> tuple[str, int, int]:
        room, rent, charges = how
        new_rent, new_charges = getattr(change, "rent_cents", None), getattr(change, "charges_cents", None)
        return (
            getattr(change, "room", room),
            rent if new_rent is None else new_rent,
            charges if new_charges is None else new_charges,
        )

    def owed(self, period: str) -> float:
        """Cents: each day its part of the month's rent and charges, unrounded."""
        lived = [how for day, how in self.days.items() if period_of(day) == period]
        return sum(rent + charges for _, rent, charges in lived) / days_in(period)


MOVES_BEFORE_STAYING_ON: list[tuple[int, LifeChange]] = [
    (0, Leaving(leaves_on=START + 20 * DAY, given_on=START - 5 * DAY, reason=DepartureReason.AGREEMENT)),
    (0, RoomChange(starts_on=START, room="B2")),
    (0, Withdrawal()),
]


@settings(max_examples=150, deadline=None)
@given(story=st.lists(st.tuples(st.integers(0, 45), CHANGES), max_size=9))
@example(story=MOVES_BEFORE_STAYING_ON)
def test_after_any_sequence_of_decisions_notices_and_papers_say_what_was_lived(
    story: list[tuple[int, LifeChange]],
) -> None:
    lease, today, books, diary = FIRST, START - 5 * DAY, Books(), Diary()
    for wait, change in story:
        today += wait * DAY
        books.bill(lease, today)
        stage = stage_on(lease, today)
        try:
            after = changed(lease, change, today)
        except LifeRefused:
            continue
        assert stage_on(after, today) in TRANSITIONS[stage, change.event]
        diary.write(change, lease)
        books.correct(after, today)
        _papers_hold(lease, after, today, diary)
        lease = after
        _agree(lease, books, diary, today)
    today = max(diary.days, default=END) + 40 * DAY
    books.bill(lease, today)
    _agree(lease, books, diary, today)


def _agree(lease: Lease, books: Books, diary: Diary, today: date) -> None:
    """The lease is what the diary says, day by day; so are notices less credit notes, month by month."""
    lived: dict[date, tuple[str, int, int]] = {}
    if lease.status is not LeaseStatus.CANCELLED:
        for one in segments(lease):
            for n in range((one.ends_on - one.starts_on).days + 1):
                terms = one.terms
                lived[one.starts_on + n * DAY] = (terms.room, terms.rent_cents, terms.charges_cents)
    assert lived == diary.days
    for period in periods(period_of(START), latest_period(RESIDENCE, today)):
        charged = sum(entry.amount_cents for entry in books.entries if entry.period == period)
        rooms = 2 * (1 + sum(one.starts_on.day > 1 for one in segments(lease)))
        assert abs(charged - diary.owed(period)) <= rooms, (period, charged, diary.owed(period))


def _papers_hold(stated: Lease, after: Lease, today: date, diary: Diary) -> None:
    """A proof made before holds if, and only if, every day that it speaks of is lived as it says."""
    held = rooms_held(stated)
    facts = {
        "kind": Kind.RESIDENCE_CERTIFICATE.value,
        "lease": {
            "room": terms_on(stated, today).room,
            "starts_on": stated.starts_on.isoformat(),
            "ends_on": stated.ends_on.isoformat(),
        },
    } | ({"rooms": room_facts(held)} if len(held) > 1 else {})
    said = {one.starts_on + n * DAY: one.room for one in held for n in range(_length(one))}
    kept = all(diary.days.get(day, ("",))[0] == room for day, room in said.items())
    if after.status is LeaseStatus.ADMITTED:
        assert proves_more_than(after, facts, today) == (not kept)
    if after.status is LeaseStatus.CANCELLED:
        assert proves_more_than(after, facts, today)


def _length(stay: RoomStay) -> int:
    return (stay.ends_on - stay.starts_on).days + 1


def test_the_calendar_alone_makes_a_stay_begin_and_end() -> None:
    calendar = {event: at for at, event in TRANSITIONS if event in BY_CALENDAR}

    assert calendar.keys() == BY_CALENDAR
    assert [stage_on(FIRST, day) for day in (START - DAY, START, END, END + DAY)] == [
        Stage.ADMITTED,
        Stage.ACTIVE,
        Stage.ACTIVE,
        Stage.DEPARTED,
    ]
    assert terms_on(FIRST, END + DAY).room == "A1"
