"""Renewal: who may stay, what mends what is lacking, who is written to, and when a campaign closes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.consequences import BlockState
from sesame.domain.renewals import (
    ANSWERS,
    DECLINED_FOR,
    RENEWAL_TRANSITIONS,
    Campaign,
    Criterion,
    Facts,
    RenewalState,
    RenewalStep,
    Rules,
    Warned,
    campaign_for,
    eligibility,
    faults_of,
    is_eligible,
    next_state,
    warnings_that_count,
)
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.domain.studies import EnrolmentStatus
from sesame.domain.tenancy import Departure, DepartureReason, Language, LeaseStatus
from tests.unit.test_letters import LEASE

RULES = Rules(enrolment_year="2027-2028", most_warnings=1, most_renewals=2)
NO_BLOCK = BlockState(source="Règlement intérieur, article 14", on=None, cents=0, applies=False)
GOOD = Facts(overdue_cents=0, enrolment=EnrolmentStatus.ENROLLED, warnings=0, renewals=1, block=NO_BLOCK)
CAMPAIGN = Campaign(
    campaign_id="spring",
    scope=EVERYWHERE,
    opens_on=date(2027, 4, 1),
    closes_on=date(2027, 4, 30),
    leases_end_from=date(2027, 6, 1),
    leases_end_to=date(2027, 8, 31),
    renews_until=date(2028, 8, 31),
    rules=RULES,
)
facts = st.builds(
    Facts,
    overdue_cents=st.integers(0, 2_000_00),
    enrolment=st.none() | st.sampled_from(EnrolmentStatus),
    warnings=st.integers(0, 4),
    renewals=st.integers(0, 4),
    block=st.none()
    | st.builds(
        BlockState,
        source=st.just("article 14"),
        on=st.just(date(2027, 5, 20)),
        cents=st.just(100),
        applies=st.booleans(),
    ),
)
rules = st.builds(
    Rules,
    debt_tolerance_cents=st.none() | st.integers(0, 1_000_00),
    enrolment_year=st.none() | st.just("2027-2028"),
    pre_enrolment_counts=st.booleans(),
    most_warnings=st.none() | st.integers(0, 4),
    most_renewals=st.none() | st.integers(0, 4),
)


def unmet(found: Facts, by: Rules = RULES) -> list[Criterion]:
    return [verdict.criterion for verdict in eligibility(by, found) if not verdict.met]


def test_who_meets_every_rule_may_stay_and_is_told_so() -> None:
    verdicts = eligibility(RULES, GOOD)

    assert [verdict.criterion for verdict in verdicts] == list(Criterion)
    assert is_eligible(verdicts)


def test_each_thing_that_is_lacking_is_told_with_what_mends_it() -> None:
    blocked = replace(NO_BLOCK, on=date(2026, 10, 20), cents=12_345_67, applies=True)
    lacking = Facts(overdue_cents=12_345_67, enrolment=None, warnings=2, renewals=2, block=blocked)
    verdicts = eligibility(RULES, lacking)

    assert unmet(lacking) == list(Criterion)
    assert "12\u202f345,67\u00a0€" in verdicts[0].said[Language.FRENCH]
    assert "€12,345.67" in verdicts[0].said[Language.ENGLISH]
    assert all(verdict.remedy[language] for verdict in verdicts for language in Language)


def test_a_block_is_told_with_its_source_before_it_applies_and_stands_in_nobodys_way_until_then() -> None:
    coming = replace(GOOD, block=replace(NO_BLOCK, on=date(2027, 5, 20), cents=45_000))
    told = next(one for one in eligibility(RULES, coming) if one.criterion is Criterion.LATENESS)

    assert is_eligible(eligibility(RULES, coming))
    for said in told.said.values():
        assert "20/05/2027" in said
        assert "Règlement intérieur, article 14" in said
    assert unmet(replace(GOOD, block=None)) == []


@given(rules, facts)
def test_a_rule_is_judged_by_its_own_figures_and_a_rule_that_is_not_set_by_none(
    by: Rules, found: Facts
) -> None:
    expected = {
        Criterion.RENT: by.debt_tolerance_cents is not None and found.overdue_cents > by.debt_tolerance_cents,
        Criterion.LATENESS: found.block is not None and found.block.applies,
        Criterion.ENROLMENT: by.enrolment_year is not None
        and found.enrolment is not EnrolmentStatus.ENROLLED
        and not (by.pre_enrolment_counts and found.enrolment is EnrolmentStatus.PRE_ENROLLED),
        Criterion.CONDUCT: by.most_warnings is not None and found.warnings > by.most_warnings,
        Criterion.RENEWALS: by.most_renewals is not None and found.renewals >= by.most_renewals,
    }

    assert set(unmet(found, by)) == {criterion for criterion, lacking in expected.items() if lacking}
    for verdict in eligibility(by, found):
        assert all(bool(verdict.remedy[language]) is not verdict.met for language in Language)


@given(facts, st.sampled_from(["overdue_cents", "warnings", "renewals"]), st.integers(0, 5))
def test_owing_less_and_fewer_warnings_or_years_never_take_a_right_away(
    found: Facts, name: str, less: int
) -> None:
    better = replace(found, **{name: max(0, getattr(found, name) - less)})

    assert set(unmet(better)) <= set(unmet(found))


def test_every_criterion_has_its_reason_to_decline() -> None:
    assert set(DECLINED_FOR) == set(Criterion)


def test_a_campaign_closes_with_the_last_second_of_its_last_day_on_each_residences_clock() -> None:
    assert CAMPAIGN.closes_at("Europe/Paris") == datetime(2027, 4, 30, 21, 59, 59, tzinfo=UTC)
    assert CAMPAIGN.closes_at("Pacific/Tahiti") == datetime(2027, 5, 1, 9, 59, 59, tzinfo=UTC)
    late = datetime(2027, 4, 30, 22, 30, tzinfo=UTC)
    assert not CAMPAIGN.is_open(late, "Europe/Paris")
    assert CAMPAIGN.is_open(late, "America/Martinique")
    assert CAMPAIGN.is_open(datetime(2027, 3, 31, 22, tzinfo=UTC), "Europe/Paris")
    assert not CAMPAIGN.is_open(datetime(2027, 3, 31, 21, 59, 59, tzinfo=UTC), "Europe/Paris")


def test_who_has_not_answered_is_written_to_at_the_opening_and_on_the_reminders_days() -> None:
    assert CAMPAIGN.steps() == [
        date(2027, 4, 1),
        date(2027, 4, 9),
        date(2027, 4, 23),
        date(2027, 4, 28),
    ]
    assert CAMPAIGN.step_on(date(2027, 3, 31)) is None
    assert CAMPAIGN.step_on(date(2027, 4, 8)) == date(2027, 4, 1)
    assert CAMPAIGN.step_on(date(2027, 4, 30)) == date(2027, 4, 28)
    assert CAMPAIGN.step_on(date(2027, 5, 1)) is None


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(0, 60))
def test_steps_are_few_in_order_and_within_the_campaign(days: list[int], length: int) -> None:
    campaign = replace(
        CAMPAIGN, remind_days=tuple(days), closes_on=CAMPAIGN.opens_on + timedelta(days=length)
    )
    steps = campaign.steps()

    assert steps == sorted(set(steps))
    assert steps[0] == campaign.opens_on
    assert len(steps) <= 1 + len(days)
    assert all(step <= campaign.closes_on for step in steps)
    for offset in range(length + 1):
        day = campaign.opens_on + timedelta(days=offset)
        assert campaign.step_on(day) in steps


def test_a_campaign_is_about_the_leases_that_end_in_its_window_in_its_residences() -> None:
    today = date(2027, 4, 5)
    assert CAMPAIGN.is_about(LEASE, today)
    assert not CAMPAIGN.is_about(replace(LEASE, ends_on=date(2027, 9, 1)), today)
    assert not CAMPAIGN.is_about(replace(LEASE, status=LeaseStatus.CANCELLED), today)
    elsewhere = replace(CAMPAIGN, scope=Scope(residence_ids=frozenset({"elsewhere"})))
    assert not elsewhere.is_about(LEASE, today)


def test_nobody_who_leaves_or_has_left_is_asked_to_stay() -> None:
    notice = Departure(
        given_on=date(2027, 4, 2), reason=DepartureReason.TENANT_NOTICE, ended_on=LEASE.ends_on
    )
    leaving = replace(LEASE, ends_on=date(2027, 6, 30), departure=notice)

    assert not CAMPAIGN.is_about(leaving, date(2027, 4, 5))
    assert not CAMPAIGN.can_renew(leaving)
    assert not CAMPAIGN.is_about(LEASE, LEASE.ends_on + timedelta(days=1))
    assert CAMPAIGN.can_renew(LEASE)  # decided late: nobody left


def test_a_tenant_is_shown_the_open_campaign_else_the_next_else_the_last() -> None:
    autumn = replace(CAMPAIGN, campaign_id="autumn", opens_on=date(2026, 10, 1), closes_on=date(2026, 10, 31))
    both, nothing = [autumn, CAMPAIGN], frozenset[str]()

    def shown(at: datetime) -> str | None:
        found = campaign_for(LEASE, both, nothing, at, "Europe/Paris")
        return found.campaign_id if found else None

    assert shown(datetime(2026, 10, 5, tzinfo=UTC)) == "autumn"
    assert shown(datetime(2026, 12, 5, tzinfo=UTC)) == "spring"
    assert shown(datetime(2027, 4, 5, tzinfo=UTC)) == "spring"
    assert shown(datetime(2027, 6, 5, tzinfo=UTC)) == "spring"
    renewed = replace(LEASE, ends_on=date(2028, 8, 31))
    at = datetime(2027, 6, 5, tzinfo=UTC)
    assert campaign_for(renewed, both, nothing, at, "Europe/Paris") is None
    assert campaign_for(renewed, both, frozenset({"spring"}), at, "Europe/Paris") == CAMPAIGN


def test_what_makes_no_sense_together_is_named() -> None:
    assert faults_of(CAMPAIGN) == []
    wrong = replace(
        CAMPAIGN,
        closes_on=date(2027, 3, 1),
        leases_end_to=date(2027, 5, 1),
        renews_until=date(2027, 4, 1),
        remind_days=(1, 2, 3, 4, 5, 6),
    )
    assert faults_of(wrong) == ["closes_on", "leases_end_to", "remind_days", "renews_until"]
    assert faults_of(replace(CAMPAIGN, closes_on=date(2027, 9, 15))) == ["closes_on"]


def test_nothing_follows_a_renewal_and_a_decision_is_staffs() -> None:
    assert all(next_state(RenewalState.ACCEPTED, step) is None for step in RenewalStep)
    decided = {RenewalState.ACCEPTED, RenewalState.DECLINED}
    assert all(to not in decided for (_, step), to in RENEWAL_TRANSITIONS.items() if step in ANSWERS)
    assert all(
        state in {RenewalState.REQUESTED, RenewalState.DECLINED}
        for state, step in RENEWAL_TRANSITIONS
        if step not in ANSWERS
    )


def test_a_warning_counts_for_a_year_unless_it_was_taken_back() -> None:
    now = datetime(2027, 4, 10, tzinfo=UTC)

    def given(day: date, withdrawn: datetime | None = None) -> Warned:
        return Warned(
            warning_id=str(day),
            lease_id="l",
            given_on=day,
            rule="art. 4",
            recorded_at=now,
            recorded_by="s",
            withdrawn_at=withdrawn,
        )

    warnings = [given(date(2027, 4, 10)), given(date(2026, 4, 10)), given(date(2027, 1, 1), now)]
    assert warnings_that_count(warnings, now, "Europe/Paris") == 1
