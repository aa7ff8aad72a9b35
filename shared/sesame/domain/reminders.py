"""The ladder of reminders: the step an unpaid notice has reached, and when to look at the account again.

An account has one instant, `next_step_at`, while something is unpaid: an index finds it by that instant, and
whoever takes the step moves it on the condition that nobody has. So each step is taken once, however often
planners run. What stops the ladder for a while (a hold, a payment plan, a day on which something else was
sent) moves the instant without taking the step: `since` then says from when on steps are still to be taken.

A debt that was paid and is owed again, since the money was taken back, climbs again from where it is: what
lies behind is one message at the next allowed hour, never a formal notice if there is another step; the later
steps keep their distance from it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from sesame.domain.calendar import SENDING_OPENS, Period, local_date, period_of, wall_time
from sesame.domain.journal import Outstanding, notice_period_of
from sesame.domain.plans import AgreedPlan, uncovered
from sesame.domain.tenancy import USUAL_REMINDERS, ReminderSettings, ReminderStep, Surcharge

SHORT_NOTICE = timedelta(days=4)
TIME_TO_PAY = timedelta(days=9)
"""Who got a bill less than `SHORT_NOTICE` before its due date has `TIME_TO_PAY` from then: our being late
makes nobody late."""
ASK_AFTER = timedelta(minutes=50)
"""A formal notice is ordered by one hourly run and told of by the next, once its file is sealed."""
_USUAL_LADDER = timedelta(days=max(step.days for step in USUAL_REMINDERS.steps))
_DAY = timedelta(days=1)
_BASIS = 10_000


class HoldKind(StrEnum):
    """Why reminders are held."""

    HOLD = "hold"
    """A manager's decision."""
    DISPUTE = "dispute"
    """The tenant disputes the debt."""


class HoldReason(StrEnum):
    """What staff say of why."""

    AID_EXPECTED = "aid_expected"
    """Housing aid is on its way."""
    HARDSHIP = "hardship"
    PLAN_IN_PREPARATION = "plan_in_preparation"
    AMOUNT_DISPUTED = "amount_disputed"
    SERVICE_DISPUTED = "service_disputed"
    PAYMENT_ON_ITS_WAY = "payment_on_its_way"
    UNDER_REVIEW = "under_review"
    OTHER = "other"


HOLD_AT_MOST = timedelta(days=366)
"""Nothing is held for ever unseen: who holds longer says so again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Reminders are held until the end of a day, by the residence's calendar."""

    kind: HoldKind
    reason: HoldReason
    until: date
    by: str
    """The member of staff."""
    at: datetime

    def stands(self, now: datetime, time_zone: str) -> bool:
        """Whether it still holds."""
        return local_date(now, time_zone) <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Dun:
    """An account as far as reminders go. `look_at`: when to look; `since`: from when on steps wait."""

    unpaid: tuple[Outstanding, ...]
    look_at: datetime
    since: datetime | None = None
    hold: Hold | None = None
    plan: AgreedPlan | None = None
    reopened: Mapping[str, datetime] = field(default_factory=dict)
    """The debits, by entry, that are owed again since money was taken back, and since when."""

    @property
    def window_opens(self) -> datetime:
        """The steps from here on are still to be taken."""
        return min(self.since or self.look_at, self.look_at)


class DebtKind(StrEnum):
    """What a row of what is owed is, for whoever reads it."""

    RENT = "rent"
    """A month's rent notice."""
    SURCHARGE = "surcharge"
    """What being late with a month cost."""
    INSTALMENT = "instalment"
    OTHER = "other"
    """A charge by itself, or money that was given back and is owed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A row of what is owed: a debit with its own due date, or an instalment of a plan. Cents."""

    kind: DebtKind = DebtKind.RENT
    period: Period
    """The month that it is for, or else falls due in."""
    due_on: date
    unpaid_cents: int
    entry_id: str | None = None
    """None for an instalment."""
    instalment: int | None = None
    """Its number in the plan, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A step, the debt that reached it, and when. A month may have more than one debt: each its own steps."""

    step: ReminderStep
    period: Period
    """The month that the debt is known by."""
    at: datetime
    entry_id: str | None = None
    """The debit; None where it is an instalment of a plan."""
    instalment: int | None = None
    """Its number."""
    reopened_at: datetime | None = None
    """Since when the debt is owed again, where it had been paid: its steps are said anew."""
    broken_plan: str | None = None
    """The plan of which this says that it broke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A surcharge that applies now to a debit. Cents."""

    debit: Outstanding
    amount_cents: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now (`reached` None: nothing is said), and when to look again (None: never)."""

    reached: Reached | None
    next_step_at: datetime | None
    since: datetime | None = None
    """What `since` becomes: set where steps wait beyond now."""
    breaks_plan: bool = False
    """Whether the plan ends with it."""
    broke_at: datetime | None = None
    """When the plan that ends now broke; None where it was cancelled."""
    surcharges: tuple[Late, ...] = ()
    left_to_staff: Mapping[str, datetime] = field(default_factory=dict)
    """The debits, by entry, owed again, of which this is the last that will be said; since when it is due."""


def payable_by(debit: Outstanding, time_zone: str) -> date:
    """The day that reminders count from and name: the due date, or later where the bill went out late."""
    issued_on = local_date(debit.issued_at, time_zone)
    return debit.due_on if debit.due_on - issued_on >= SHORT_NOTICE else issued_on + TIME_TO_PAY


def has_steps(debit: Outstanding) -> bool:
    """Whether reminders are made of a debit: a surcharge is named beside others, never chased by itself."""
    return debit.unpaid_cents > 0 and not is_surcharge(debit)


def is_surcharge(debit: Outstanding) -> bool:
    """Whether a debit is a late surcharge."""
    return debit.entry_id.startswith(_SURCHARGE)


_SURCHARGE = "surcharge:"


def kind_of(debit: Outstanding) -> DebtKind:
    """What a debit is."""
    if is_surcharge(debit):
        return DebtKind.SURCHARGE
    return DebtKind.RENT if debit.period else DebtKind.OTHER


def surcharge_entry_id(entry_id: str) -> str:
    """The id of the surcharge that a debit bears: one a debit."""
    return f"{_SURCHARGE}{entry_id}"


def owed(unpaid: Iterable[Outstanding], plan: AgreedPlan | None, time_zone: str) -> list[Owed]:
    """What is owed, oldest due first: a plan's instalments in the place of the debts that it covers."""
    listed = [one for one in unpaid if one.unpaid_cents > 0]
    rows = [
        Owed(
            kind=kind_of(debit),
            period=month_of(debit),
            due_on=payable_by(debit, time_zone),
            unpaid_cents=debit.unpaid_cents,
            entry_id=debit.entry_id,
        )
        for debit in uncovered(listed, plan)
    ]
    if plan is not None and plan.stands:
        rows += [
            Owed(
                kind=DebtKind.INSTALMENT,
                period=period_of(instalment.due_on),
                due_on=instalment.due_on,
                unpaid_cents=cents,
                instalment=number,
            )
            for number, instalment, cents in plan.unpaid(listed)
        ]
    return sorted(rows, key=lambda row: row.due_on)


def month_of(debit: Outstanding) -> Period:
    """The month a debit is known by: a surcharge by that of its notice."""
    of_notice = notice_period_of(debit.entry_id.removeprefix(_SURCHARGE))
    return debit.period or of_notice or period_of(debit.due_on)


def within_tolerance(unpaid: Iterable[Outstanding], settings: ReminderSettings) -> bool:
    """Whether so little is owed that nobody is reminded of it.

    Of what a plan covers, and of what it does not, each by itself: what is agreed makes nothing else urgent.
    """
    return sum(one.unpaid_cents for one in unpaid) <= settings.tolerance_cents


def surcharge_on(debit: Outstanding, rule: Surcharge | None, time_zone: str) -> date | None:
    """The day on which a debit will bear a surcharge, if it is unpaid then; None where it never will."""
    if rule is None or debit.period is None:
        return None
    if local_date(debit.issued_at, time_zone) < rule.applies_from:
        return None
    return payable_by(debit, time_zone) + timedelta(days=rule.grace_days)


def surcharge_cents(debit: Outstanding, rule: Surcharge) -> int:
    """What it is of what is unpaid now: the flat part and the share, half a cent up, to the cap."""
    share = (2 * debit.unpaid_cents * rule.basis_points + _BASIS) // (2 * _BASIS)
    return min(rule.cap_cents, rule.flat_cents + share)


def owed_again(
    before: Iterable[Outstanding],
    after: Iterable[Outstanding],
    *,
    charged: Collection[str],
    plan: AgreedPlan | None = None,
    taken_back_on: date | None = None,
    looks_ahead: bool = True,
) -> list[str]:
    """The debits, by entry, of which most had been paid and is owed again, though nothing of them was
    `charged` now. The ladder of one that was owed for the greater part has never stopped.

    It has where it was said to its end: then whatever is taken back counts, on the day given. So it does
    where the usual ladder would be (a longer one is taken up from where it is), or nothing is `looks_ahead`
    to. Of what a plan covers the instalments count: one that was paid, and is not.
    """
    was, now = list(before), list(after)
    unpaid = {one.entry_id: one.unpaid_cents for one in was}
    instalments = plan is not None and plan.owes_again(was, now)

    def again(one: Outstanding) -> bool:
        least = unpaid.get(one.entry_id, 0)
        if one.entry_id in charged or one.unpaid_cents <= least:
            return False
        if plan is not None and plan.covers(one):
            return instalments
        if one.unpaid_cents > 2 * least:
            return True
        return taken_back_on is not None and (not looks_ahead or taken_back_on > one.due_on + _USUAL_LADDER)

    return [one.entry_id for one in now if again(one)]


def next_step_at(
    unpaid: Sequence[Outstanding],
    *,
    time_zone: str,
    previous: datetime | None,
    now: datetime,
    settings: ReminderSettings = USUAL_REMINDERS,
) -> datetime | None:
    """When an account must next be looked at, after its journal changed; None when no step is left.

    `previous` is the instant the account carried before. A step that was due and not yet taken stays due; a
    step that lies behind is never taken again. An instant that was there for another reason stays too: to
    look once too often costs a write, to look too late a step.
    """
    earliest = min(now, previous) if previous else now
    instants = [one.at for one in _ladder(unpaid, settings, time_zone) if one.at >= earliest]
    instants += [late.at for late in _surcharges(unpaid, settings, time_zone) if late.at >= earliest]
    return min([*instants, previous] if previous else instants, default=None)


def decide(
    account: Dun,
    *,
    time_zone: str,
    now: datetime,
    settings: ReminderSettings = USUAL_REMINDERS,
    escalates: bool = True,
) -> Decision | None:
    """What to do with an account; None while its time has not come.

    All steps that wait are merged into one: the highest rung, of the oldest month on it. Where a plan breaks
    and none waits, its end is what is said. Whoever takes the decision writes `next_step_at` on the condition
    that the account is as it was read. Where nothing `escalates`, a formal notice is passed over: nobody has
    read the settings that it would rest on.
    """
    if now < account.look_at:
        return None
    if account.hold is not None and account.hold.stands(now, time_zone):
        return Decision(
            reached=None,
            next_step_at=_opening(account.hold.until + _DAY, time_zone),
            since=account.window_opens,
        )
    opens, carried = account.window_opens, account.plan
    plan = carried
    breaks_at = _breaks_at(plan, account, settings, time_zone) if plan is not None else None
    breaks = breaks_at is not None and breaks_at <= now
    ends = breaks or (plan is not None and plan.cancelled and plan.broken_on is None)
    # what a plan covered goes on from where its ladder was left; what it did not cover never stopped
    opens_covered = min(opens, plan.resumes_from) if plan is not None and ends else opens
    covered = frozenset(plan.debts) if plan is not None and ends else frozenset()
    plan = None if ends else plan
    free = uncovered(account.unpaid, plan)
    found = [
        *_ladder(free, settings, time_zone, account.reopened),
        *(_instalments(plan, account, settings, time_zone) if plan else ()),
    ]
    late = list(_surcharges(free, settings, time_zone))
    instants = [one.at for one in found] + [one.at for one in late]
    if plan is not None and breaks_at is not None:
        instants.append(breaks_at)
    upcoming = min((at for at in instants if at > now), default=None)

    def waits(at: datetime, entry_id: str | None) -> bool:
        return (opens_covered if entry_id in covered else opens) <= at <= now

    quiet = within_tolerance(free, settings)
    quiet_plan = within_tolerance([one for one in account.unpaid if one not in free], settings)
    due = [
        one
        for one in found
        if waits(one.at, one.entry_id)
        and not (quiet if one.instalment is None else quiet_plan)
        and (escalates or not one.step.formal_notice)
    ]
    highest = min(due, key=lambda one: (-one.step.days, one.period, one.entry_id or ""), default=None)
    if highest is None and carried is not None and not quiet:
        broken_on = local_date(now, time_zone) if breaks else carried.broken_on
        end = _end_of(carried, broken_on, account, settings, time_zone)
        # given back, it is found again by the day on which it broke
        highest = end if end is not None and (breaks or opens <= end.at) else None
    return Decision(
        reached=highest,
        next_step_at=upcoming,
        breaks_plan=ends,
        broke_at=breaks_at if breaks else None,
        surcharges=()
        if quiet
        else tuple(one for one in late if waits(one.at, one.debit.entry_id) and one.amount_cents > 0),
        left_to_staff={}
        if quiet
        else {
            debit.entry_id: last
            for debit in free
            if debit.entry_id in account.reopened and has_steps(debit)
            if waits(last := _last_of(debit, found, account.reopened), debit.entry_id)
        },
    )


def _last_of(debit: Outstanding, found: Iterable[Reached], reopened: Mapping[str, datetime]) -> datetime:
    """When the last step is that is taken of a debit owed again."""
    return max([reopened[debit.entry_id], *(one.at for one in found if one.entry_id == debit.entry_id)])


def still_holds(
    account: Dun,
    *,
    period: Period,
    entry_id: str | None = None,
    instalment: int | None,
    reopened_at: datetime | None = None,
    time_zone: str,
    settings: ReminderSettings,
) -> bool:
    """Whether a step that was taken may still be told of: not where its debt is paid, or so much that the
    rest is tolerated, nor where a plan has taken its place, nor where it was paid in between and is owed
    again: then its steps begin anew. A debt is known by its entry, by its month where a step names none."""
    plan = account.plan
    free = uncovered(account.unpaid, plan)
    counts = free if instalment is None else [one for one in account.unpaid if one not in free]
    if within_tolerance(counts, settings):
        return False
    rows = owed(account.unpaid, plan, time_zone)
    if instalment is not None:
        return any(row.instalment == instalment for row in rows)
    if entry_id is None:
        return any(row.period == period for row in rows)
    return account.reopened.get(entry_id) == reopened_at and any(row.entry_id == entry_id for row in rows)


def formal_notices_called_for(account: Dun, settings: ReminderSettings, time_zone: str) -> Iterator[Reached]:
    """The formal notices of what no plan covers, those behind too; none of so little that it is tolerated."""
    plan = account.plan
    free = uncovered(account.unpaid, plan)
    if not within_tolerance(free, settings):
        for one in _ladder(free, settings, time_zone, account.reopened):
            if one.step.formal_notice:
                yield one


def _ladder(
    unpaid: Iterable[Outstanding],
    settings: ReminderSettings,
    time_zone: str,
    reopened: Mapping[str, datetime] | None = None,
) -> Iterator[Reached]:
    """Every step of every unpaid debit, at the instant when sending opens that day at the residence."""
    for debit in unpaid:
        if not has_steps(debit):
            continue
        issued_on, last_day = local_date(debit.issued_at, time_zone), payable_by(debit, time_zone)
        again_at = reopened.get(debit.entry_id) if reopened else None
        for step, at in _climb(settings.steps, last_day, again_at, time_zone):
            # the notice's own e-mail said it that day: a step before or on it would only repeat it
            if local_date(at, time_zone) > issued_on or at == again_at:
                yield Reached(
                    step=step,
                    period=month_of(debit),
                    at=at,
                    entry_id=debit.entry_id,
                    reopened_at=again_at,
                )


def _climb(
    steps: Sequence[ReminderStep], last_day: date, again_at: datetime | None, time_zone: str
) -> Iterator[tuple[ReminderStep, datetime]]:
    """The steps from a last day to pay; of what is owed again from the steps behind, merged, on.

    The later ones keep their days while the last day to pay has not passed, else their distance.
    """
    usual = [(step, _opening(last_day + timedelta(days=step.days), time_zone)) for step in steps]
    behind = [step for step, at in usual if again_at is not None and at <= again_at]
    if again_at is None or not behind:
        yield from usual
        return
    first = max((one for one in behind if not one.formal_notice), key=lambda one: one.days, default=behind[0])
    yield first, again_at
    today = local_date(again_at, time_zone)
    for step, at in usual:
        if today <= last_day and at > again_at:
            yield step, at
        elif today > last_day and step.days > first.days:
            yield step, _opening(today + timedelta(days=step.days - first.days), time_zone)


def _instalments(
    plan: AgreedPlan, account: Dun, settings: ReminderSettings, time_zone: str
) -> Iterator[Reached]:
    if not plan.stands:
        return
    again_at = _reopened(plan, account)
    for number, instalment, _ in plan.unpaid(account.unpaid):
        overdue = again_at is not None and instalment.due_on < local_date(again_at, time_zone)
        since = again_at if overdue else None
        for step, at in _climb(settings.plan_steps, instalment.due_on, since, time_zone):
            yield Reached(
                step=step,
                period=period_of(instalment.due_on),
                at=at,
                instalment=number,
                reopened_at=since,
            )


def _reopened(plan: AgreedPlan, account: Dun) -> datetime | None:
    """Since when more is owed of a plan, as money was taken back; None where none was."""
    return max((at for entry_id, at in account.reopened.items() if entry_id in plan.debts), default=None)


def _surcharges(unpaid: Iterable[Outstanding], settings: ReminderSettings, time_zone: str) -> Iterator[Late]:
    rule = settings.surcharge
    for debit in unpaid:
        day = surcharge_on(debit, rule, time_zone)
        if rule is not None and day is not None and debit.unpaid_cents > 0:
            yield Late(debit=debit, amount_cents=surcharge_cents(debit, rule), at=_opening(day, time_zone))


def _end_of(
    plan: AgreedPlan, broken_on: date | None, account: Dun, settings: ReminderSettings, time_zone: str
) -> Reached | None:
    """That a plan broke, said as the last step of an instalment of the oldest debt that it covered; None
    where staff ended it, nothing is owed of it, or the ladders have formal notices alone."""
    steps = settings.plan_steps or tuple(one for one in settings.steps if not one.formal_notice)
    debts = [one for one in account.unpaid if one.unpaid_cents > 0 and one.entry_id in plan.debts]
    if plan.cancelled or broken_on is None or not steps or not debts:
        return None
    debit = min(debts, key=lambda one: (is_surcharge(one), one.due_on, one.entry_id))
    return Reached(
        step=max(steps, key=lambda one: one.days),
        period=month_of(debit),
        at=_opening(broken_on, time_zone),
        entry_id=debit.entry_id,
        reopened_at=account.reopened.get(debit.entry_id),
        broken_plan=plan.plan_id,
    )


def _breaks_at(plan: AgreedPlan, account: Dun, settings: ReminderSettings, time_zone: str) -> datetime | None:
    """When a plan breaks, should nothing more be paid; None where it is paid, or ended already. Whose money
    was taken back has the same days from then."""
    first = next(plan.unpaid(account.unpaid), None) if plan.stands else None
    if first is None:
        return None
    late_from, again_at = first[1].due_on, _reopened(plan, account)
    if again_at is not None:
        late_from = max(late_from, local_date(again_at, time_zone))
    return _opening(late_from + timedelta(days=settings.plan_grace_days), time_zone)


def _opening(day: date, time_zone: str) -> datetime:
    return wall_time(day, SENDING_OPENS, time_zone)


def next_day_opens(now: datetime, time_zone: str) -> datetime:
    """When sending opens on the next day of a residence's calendar, holiday or not."""
    return _opening(local_date(now, time_zone) + _DAY, time_zone)
