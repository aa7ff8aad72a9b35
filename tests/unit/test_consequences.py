"""What being late leads to: never before its day, announced until then, gone as soon as it is paid."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.consequences import formal_notice_to_come, months_that_lead_there, renewal_block
from sesame.domain.journal import Outstanding
from sesame.domain.plans import AgreedPlan, Instalment
from sesame.domain.reminders import Dun, Hold, HoldKind, HoldReason
from sesame.domain.tenancy import USUAL_REMINDERS, RenewalBlock
from tests.unit.test_reminders import ISSUED, OCTOBER, PARIS, SEPTEMBER, unpaid_notice

RULE = RenewalBlock(days=30, source="Règlement intérieur, article 14", applies_from=date(2026, 9, 1))
SETTINGS = replace(USUAL_REMINDERS, renewal_block=RULE)
ACCOUNT = Dun(unpaid=(SEPTEMBER,), look_at=ISSUED)
BLOCKS_ON = date(2026, 10, 10)
"""30 days after the 10th of September."""
DAY = timedelta(days=1)


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, tzinfo=UTC)


def block(account: Dun, day: date, waived: tuple[str, ...] = (), rule: RenewalBlock | None = RULE) -> object:
    settings = replace(SETTINGS, renewal_block=rule)
    state = renewal_block(account, waived, settings, time_zone=PARIS, now=at(day))
    return state and (state.on, state.cents, state.applies)


def held(until: date) -> Hold:
    return Hold(kind=HoldKind.HOLD, reason=HoldReason.AID_EXPECTED, until=until, by="manager-1", at=at(until))


def test_nobody_is_blocked_where_there_is_no_rule() -> None:
    assert block(ACCOUNT, date(2027, 4, 1), rule=None) is None


def test_a_block_is_announced_applies_on_its_day_and_ends_with_the_payment() -> None:
    cents = SEPTEMBER.unpaid_cents

    assert block(ACCOUNT, BLOCKS_ON - DAY) == (BLOCKS_ON, cents, False)
    assert block(ACCOUNT, BLOCKS_ON) == (BLOCKS_ON, cents, True)
    assert block(replace(ACCOUNT, unpaid=()), BLOCKS_ON) == (None, 0, False)


def test_so_much_may_be_late_and_the_rest_is_what_has_to_be_paid() -> None:
    cents = SEPTEMBER.unpaid_cents
    both = replace(ACCOUNT, unpaid=(SEPTEMBER, OCTOBER))
    second = date(2026, 11, 9)

    assert block(ACCOUNT, second, rule=replace(RULE, over_cents=cents)) == (None, 0, False)
    assert block(both, BLOCKS_ON, rule=replace(RULE, over_cents=cents)) == (second, 2 * cents, False)
    assert block(both, second, rule=replace(RULE, over_cents=cents)) == (second, 2 * cents, True)


def test_what_was_waived_or_billed_before_the_rule_never_counts_and_another_month_does() -> None:
    both = replace(ACCOUNT, unpaid=(SEPTEMBER, OCTOBER))
    winter = date(2026, 12, 1)

    assert months_that_lead_there(both) == ("2026-09", "2026-10")
    assert block(both, winter, ("2026-09", "2026-10")) == (None, 0, False)
    assert block(both, winter, ("2026-09",)) == (date(2026, 11, 9), OCTOBER.unpaid_cents, True)
    later = replace(RULE, applies_from=date(2026, 9, 2))
    assert block(both, winter, rule=later) == (date(2026, 11, 9), OCTOBER.unpaid_cents, True)


def test_a_plan_a_hold_and_the_tolerance_stop_it_as_they_stop_reminders() -> None:
    plan = AgreedPlan(
        plan_id="p",
        debts=(SEPTEMBER.entry_id,),
        instalments=(Instalment(due_on=date(2027, 1, 10), amount_cents=SEPTEMBER.unpaid_cents),),
        resumes_from=ISSUED,
    )
    winter, until = date(2026, 12, 1), date(2026, 12, 31)

    assert block(replace(ACCOUNT, plan=plan), winter) == (None, 0, False)
    assert block(replace(ACCOUNT, plan=replace(plan, cancelled=True)), winter) is not None
    assert block(replace(ACCOUNT, hold=held(until)), winter) == (until + DAY, SEPTEMBER.unpaid_cents, False)
    tolerant = replace(SETTINGS, tolerance_cents=SEPTEMBER.unpaid_cents)
    state = renewal_block(ACCOUNT, (), tolerant, time_zone=PARIS, now=at(winter))
    assert state is not None
    assert state.on is None


@given(
    paid=st.lists(st.integers(0, 45_000), min_size=3, max_size=3),
    over=st.integers(0, 90_000),
    day=st.integers(0, 150),
)
def test_whoever_is_blocked_was_told_the_day_before_and_is_free_once_the_sum_is_paid(
    paid: list[int], over: int, day: int
) -> None:
    today = date(2026, 9, 1) + day * DAY
    debits = [
        replace(unpaid_notice(f"2026-{month:02}", date(2026, month, 10), at(date(2026, month, 1))))
        for month in (9, 10, 11)
    ]
    unpaid = tuple(
        replace(debit, paid_cents=min(cents, debit.amount_cents))
        for debit, cents in zip(debits, paid, strict=True)
    )
    account, rule = replace(ACCOUNT, unpaid=unpaid), replace(RULE, over_cents=over)
    settings = replace(SETTINGS, renewal_block=rule)

    state = renewal_block(account, (), settings, time_zone=PARIS, now=at(today))

    assert state is not None
    late = sum(one.unpaid_cents for one in unpaid if one.due_on + 30 * DAY <= today)
    assert state.applies == (late > over)
    if state.applies:
        assert state.on is not None
        assert state.cents == late
        eve = renewal_block(account, (), settings, time_zone=PARIS, now=at(state.on - DAY))
        assert eve is not None
        assert (eve.on, eve.applies) == (state.on, False)
        settled = tuple(replace(one, paid_cents=one.amount_cents) for one in unpaid)
        free = renewal_block(replace(account, unpaid=settled), (), settings, time_zone=PARIS, now=at(today))
        assert free is not None
        assert not free.applies


def test_a_formal_notice_is_announced_until_its_day() -> None:
    def found(account: Dun, day: date) -> object:
        coming = formal_notice_to_come(account, USUAL_REMINDERS, time_zone=PARIS, now=at(day))
        return coming and (coming.on, coming.period)

    both = replace(ACCOUNT, unpaid=(SEPTEMBER, OCTOBER))
    assert found(ACCOUNT, date(2026, 9, 5)) == (BLOCKS_ON, "2026-09")
    assert found(ACCOUNT, BLOCKS_ON) is None
    assert found(both, BLOCKS_ON) == (date(2026, 11, 9), "2026-10")
    assert found(replace(ACCOUNT, hold=held(date(2026, 12, 31))), BLOCKS_ON) == (date(2027, 1, 1), "2026-09")
    assert found(replace(ACCOUNT, unpaid=()), date(2026, 9, 5)) is None
    no_such_step = replace(USUAL_REMINDERS, steps=USUAL_REMINDERS.steps[:-1])
    assert formal_notice_to_come(ACCOUNT, no_such_step, time_zone=PARIS, now=ISSUED) is None


def test_what_a_plan_covers_makes_nothing_else_urgent() -> None:
    plan = AgreedPlan(
        plan_id="p",
        debts=(SEPTEMBER.entry_id,),
        instalments=(Instalment(due_on=date(2027, 1, 10), amount_cents=SEPTEMBER.unpaid_cents),),
        resumes_from=ISSUED,
    )
    account = replace(ACCOUNT, unpaid=(SEPTEMBER, OCTOBER), plan=plan)
    tolerant = replace(SETTINGS, tolerance_cents=OCTOBER.unpaid_cents)
    now = at(date(2026, 10, 20))

    assert formal_notice_to_come(account, tolerant, time_zone=PARIS, now=now) is None
    state = renewal_block(account, (), tolerant, time_zone=PARIS, now=now)
    assert state is not None
    assert state.on is None
    coming = formal_notice_to_come(account, SETTINGS, time_zone=PARIS, now=now)
    assert coming is not None
    assert coming.period == "2026-10"


def test_what_is_no_rent_blocks_nobody() -> None:
    key = Outstanding(
        entry_id="adjustment:1",
        period=None,
        due_on=date(2026, 9, 10),
        amount_cents=5_000,
        paid_cents=0,
        issued_at=ISSUED,
    )
    assert block(replace(ACCOUNT, unpaid=(key,)), date(2027, 1, 1)) == (None, 0, False)
