"""A calendar of due dates: the same days and UIDs whenever it is read, alarms, and nothing of the money."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest

from sesame.domain.due_dates import DueDate, due_dates
from sesame.domain.plans import AgreedPlan, Instalment
from sesame.domain.tenancy import Language, LeaseStatus, RentWord
from sesame.services.calendar_feeds import calendar_of
from tests.unit.test_arrears import debt
from tests.unit.test_letters import LEASE, RESIDENCE

NOW = datetime(2026, 9, 20, 9, tzinfo=UTC)
TODAY = NOW.date()
UNPAID = replace(debt(0, 45_000), due_on=date(2026, 9, 10), period="2026-09")


def test_what_is_unpaid_stays_and_the_coming_year_follows_to_the_leases_end() -> None:
    found = due_dates(LEASE, RESIDENCE, [UNPAID], TODAY)

    assert found[0] == DueDate(period="2026-09", due_on=date(2026, 9, 10))
    assert found[1] == DueDate(period="2026-10", due_on=date(2026, 10, 10))
    assert found[-1].period == "2027-08"
    assert len(found) == 12


def test_what_is_paid_is_not_there_and_a_cancelled_lease_has_nothing() -> None:
    paid = replace(UNPAID, paid_cents=UNPAID.amount_cents)

    assert due_dates(LEASE, RESIDENCE, [paid], TODAY)[0].period == "2026-10"
    assert due_dates(replace(LEASE, status=LeaseStatus.CANCELLED), RESIDENCE, [], TODAY) == []


def test_a_lease_that_begins_later_has_its_own_first_month() -> None:
    later = replace(LEASE, starts_on=date(2027, 1, 15))

    assert due_dates(later, RESIDENCE, [], TODAY)[0].period == "2027-01"


PLAN = AgreedPlan(
    plan_id="plan-1",
    debts=(UNPAID.entry_id,),
    instalments=(
        Instalment(due_on=date(2026, 10, 15), amount_cents=20_000),
        Instalment(due_on=date(2026, 11, 15), amount_cents=25_000),
    ),
    resumes_from=NOW,
)


def test_an_agreed_plans_instalments_take_the_place_of_what_it_covers() -> None:
    found = due_dates(LEASE, RESIDENCE, [UNPAID], TODAY, PLAN)

    assert [(one.due_on, one.instalment) for one in found][:4] == [
        (date(2026, 10, 10), 0),
        (date(2026, 10, 15), 1),
        (date(2026, 11, 10), 0),
        (date(2026, 11, 15), 2),
    ]


@pytest.mark.parametrize("ended", [{"broken_on": TODAY}, {"cancelled": True}])
def test_a_plan_that_ended_leaves_the_debts_own_day(ended: dict[str, Any]) -> None:
    found = due_dates(LEASE, RESIDENCE, [UNPAID], TODAY, replace(PLAN, **ended))

    assert found == due_dates(LEASE, RESIDENCE, [UNPAID], TODAY)


def test_an_instalment_that_is_paid_is_not_there_and_the_other_keeps_its_uid() -> None:
    paid = replace(UNPAID, paid_cents=20_000)

    uids = [
        {
            str(one["uid"]): one["dtstart"].dt
            for one in events(due_dates(LEASE, RESIDENCE, [owed], TODAY, PLAN))
        }
        for owed in (UNPAID, paid)
    ]

    assert uids[1].items() < uids[0].items()
    assert set(uids[0].values()) - set(uids[1].values()) == {date(2026, 10, 15)}


def test_two_debts_of_a_month_are_one_event() -> None:
    surcharge = replace(UNPAID, entry_id="surcharge:1", due_on=date(2026, 9, 25))

    found = events(due_dates(LEASE, RESIDENCE, [surcharge, UNPAID], TODAY))

    assert len({str(one["uid"]) for one in found}) == len(found) == 12
    assert found[0]["dtstart"].dt == date(2026, 9, 10)


@pytest.mark.parametrize(
    ("language", "said"),
    [(Language.FRENCH, "Redevance de septembre 2026"), (Language.ENGLISH, "Residence fee for September")],
)
def test_a_calendar_calls_the_rent_what_the_residence_calls_it(language: Language, said: str) -> None:
    dates = due_dates(LEASE, RESIDENCE, [UNPAID], TODAY)
    text = calendar_of("lease", dates, language, "https://x.example", NOW, RentWord.FEE)

    assert said in text
    assert not {"Loyer", "Rent"} & set(text.split())


def events(dates: list[DueDate]) -> list[Any]:
    text = calendar_of("lease", dates, Language.FRENCH, "https://x.example", NOW)
    found: list[Any] = icalendar.Calendar.from_ical(text).walk("VEVENT")
    return found


@pytest.mark.parametrize("language", Language)
def test_a_calendar_reads_back_as_whole_days_with_alarms_and_without_an_amount(language: Language) -> None:
    text = calendar_of(
        "lease", due_dates(LEASE, RESIDENCE, [UNPAID], TODAY), language, "https://x.example", NOW
    )

    events: list[Any] = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert len(events) == 12
    first = events[0]
    assert first["dtstart"].dt == date(2026, 9, 10)
    assert first["dtend"].dt == date(2026, 9, 11)
    assert [alarm["trigger"].dt for alarm in first.walk("VALARM")] == [
        timedelta(days=-3, hours=9),
        timedelta(hours=9),
    ]
    assert "2026" in first["summary"]
    for private in ("450", "45000", "B434", "Chlo", "Almeida", RESIDENCE.name, "Antony", "T-4821"):
        assert private not in text
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


def test_a_months_event_has_the_same_uid_however_late_it_is_read() -> None:
    def uids(now: datetime) -> set[str]:
        dates = due_dates(LEASE, RESIDENCE, [], now.date())
        text = calendar_of("lease", dates, Language.FRENCH, "https://x.example", now)
        return {str(event["uid"]) for event in icalendar.Calendar.from_ical(text).walk("VEVENT")}

    assert uids(NOW + timedelta(days=40)) < uids(NOW)
