"""Renewal from the campaign's opening to the lease's new last day: told once a step, decided, told."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.certificates import Kind, Tenancy, Validity
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.lease_life import Leaving, LifeEvent, changed
from sesame.domain.scope import Scope
from sesame.domain.tenancy import USUAL_REMINDERS, Channel, DepartureReason, RenewalBlock
from sesame.domain.terms import segments, terms_on
from sesame.services.accounts import Bookkeeping
from sesame.services.document_validity import DocumentValidity
from sesame.services.documents import Order, keep
from sesame.services.gathering import Gathering
from sesame.services.renewal_reminders import RenewalReminderRun
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.documents import Documents
from sesame.store.lease_changes import LeaseChanges
from sesame.store.message_allowances import MessageAllowances
from sesame.store.messages import Messages
from sesame.store.people import People, lease_of, residence_item
from sesame.store.table import Delete
from tests.integration.staff_members import enrol
from tests.integration.study_fixtures import DESK, ELSEWHERE, MANAGER, Office, Resident, open_office
from tests.integration.tenants import RESIDENCE, admit_again

OPENING = datetime(2027, 4, 1, 8, 20, tzinfo=UTC)  # a Thursday, 10:20 in Paris
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = {"enrolment_year": "2027-2028", "most_warnings": 0, "most_renewals": 1}
CAMPAIGN: dict[str, Any] = {
    "opens_on": "2027-04-01",
    "closes_on": "2027-04-30",
    "leases_end_from": "2027-06-01",
    "leases_end_to": "2027-08-31",
    "renews_until": "2028-08-31",
    "rules": RULES,
}
ENROLLED = {"university": "Lyon 2", "status": "enrolled"}


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with open_office() as office:
        yield office


class Season:
    """A campaign of a residence of its own, and its tenants."""

    def __init__(self, office: Office, name: str, **campaign: Any) -> None:
        self.office = office
        zone = campaign.pop("time_zone", "Europe/Paris")
        self.residence = replace(RESIDENCE, residence_id=name, time_zone=zone)
        self.resident = office.admit(self.residence)
        self.body = CAMPAIGN | {"residence_ids": [name]} | campaign
        office.clock.now = OPENING - DAY
        opened = office.ask("POST", "/v1/desk/renewal-campaigns", self.body, expect=201)
        self.campaign_id = opened["campaign_id"]
        self.path = f"/v1/desk/renewal-campaigns/{self.campaign_id}"
        office.clock.now = OPENING

    def answer(self, who: Resident) -> str:
        return f"{who.lease}/renewals/{self.campaign_id}/answer"

    def decision(self, who: Resident) -> str:
        return f"{who.lease}/renewals/{self.campaign_id}/decision"


@pytest.fixture
def season(office: Office, request: pytest.FixtureRequest) -> Season:
    return Season(office, request.node.name.replace("_", "-")[:80])


def lease(who: Resident) -> Any:
    return lease_of(who.office.aws.identity.get(keys.lease(who.tenant.lease.lease_id)) or {})


def owes(who: Resident, cents: int, due_on: date) -> None:
    """A debit that was due by a day."""
    of = who.tenant.lease
    entry = Entry(
        entry_id="notice:2027-03",
        kind=EntryKind.NOTICE,
        amount_cents=cents,
        effective_at=OPENING - 30 * DAY,
        period="2027-03",
        due_on=due_on,
    )
    books = Bookkeeping(Accounts(who.office.aws.money), who.office.clock)
    books.post(of.lease_id, of.residence_id, entry)


LOOKS = (
    "03-31T22",  # the opening day in Paris, at midnight
    "04-01T06",
    "04-01T08",
    "04-01T09",
    "04-22T08",
    "04-23T06",
    "04-23T07",
    "04-25T08",  # a Sunday
    "04-28T12",
    "04-28T13",
    "05-01T08",
)


def test_each_step_is_told_once_in_a_decent_hour_to_who_has_not_answered(office: Office) -> None:
    season = Season(office, "reminded-at-night", remind_days=[7, 2])
    silent, quick = season.resident, office.admit(season.residence)
    told: list[str] = []
    for moment in LOOKS:
        before = len(silent.mail())
        office.plan(datetime.fromisoformat(f"2027-{moment}:05+00:00"))
        told += [moment] * (len(silent.mail()) - before)
        if moment == "04-01T08":
            quick.me("POST", "/v1/me/renewal", {"wish": "renew"})

    # the opening, seven days before the closing, and two
    assert told == ["04-01T08", "04-23T07", "04-28T12"]
    assert len(quick.mail()) == 1
    assert "Rester l'an prochain" in silent.mail()[0] or "Souhaitez-vous rester" in silent.mail()[0]
    assert "23:59" in silent.mail()[0]
    assert "proposé à quelqu'un d'autre" in silent.mail()[2]


def test_a_tenant_whom_no_campaign_is_about_is_told_so(office: Office) -> None:
    office.admit(replace(RESIDENCE, residence_id="no-campaign-here")).me("GET", "/v1/me/renewal", expect=404)


def test_each_condition_is_told_with_what_mends_it_and_mended_it_is_met(season: Season) -> None:
    who, office = season.resident, season.office
    owes(who, 45_000, date(2027, 3, 10))
    warning = office.ask(
        "POST", f"{who.lease}/warnings", {"given_on": "2027-01-10", "rule": "Article 4"}, expect=201
    )

    lacking = who.me("GET", "/v1/me/renewal", accept_language="en")

    assert lacking["is_open"]
    assert lacking["closes_at"] == "2027-04-30T21:59:59Z"
    assert not lacking["eligible"]
    assert {one["criterion"]: one["met"] for one in lacking["criteria"]} == {
        "rent": False,
        "enrolment": False,
        "conduct": False,
        "renewals": True,
    }
    assert lacking["criteria"][0]["said"] == "€450.00 of rent is overdue."
    office.ask("PUT", f"{who.lease}/enrolments/2027-2028", ENROLLED, by=DESK)
    office.ask("POST", f"{who.lease}/warnings/{warning['warning_id']}/withdrawal")
    of = who.tenant.lease
    payment = Entry(
        entry_id="payment:1",
        kind=EntryKind.PAYMENT,
        amount_cents=-45_000,
        effective_at=OPENING,
        source="payment:1",
    )
    Bookkeeping(Accounts(office.aws.money), office.clock).post(of.lease_id, of.residence_id, payment)
    assert who.me("GET", "/v1/me/renewal")["eligible"]


def test_a_residences_rule_on_being_late_blocks_a_renewal_until_it_is_paid_or_waived(season: Season) -> None:
    who, office = season.resident, season.office
    rule = RenewalBlock(days=10, over_cents=10_000, source="article 14", applies_from=date(2027, 1, 1))
    reminders = replace(USUAL_REMINDERS, renewal_block=rule)
    office.aws.identity.put(residence_item(replace(season.residence, reminders=reminders)))
    season_of = {"rules": {"debt_tolerance_cents": None}, "residence_ids": [season.residence.residence_id]}
    office.ask("PUT", season.path, season.body | season_of)
    owes(who, 45_000, date(2027, 3, 25))

    coming = who.me("GET", "/v1/me/renewal")
    office.clock.now = OPENING + 7 * DAY
    blocked = who.me("GET", "/v1/me/renewal")
    at_a_glance = who.me("GET", "/v1/me")
    who.me("POST", "/v1/me/renewal", {"wish": "renew"})
    refused = office.ask("POST", season.decision(who), {"decision": "accept"}, expect=409)

    [told] = coming["criteria"]
    assert coming["eligible"]
    assert "avant le 04/04/2027" in told["said"]
    [told] = blocked["criteria"]
    assert (told["criterion"], told["met"], blocked["eligible"]) == ("lateness", False, False)
    assert "article 14" in told["said"]
    assert told["remedy"]
    assert at_a_glance["renewal_block"] == {
        "on": "2027-04-04",
        "applies": True,
        "amount_cents": 45_000,
        "source": "article 14",
    }
    assert at_a_glance["formal_notice"]["on"] == "2027-04-24"
    assert [one["field"] for one in refused["errors"]] == ["lateness"]

    accounts = Accounts(office.aws.money)
    account = accounts.get(who.tenant.lease.lease_id)
    assert account is not None
    waived = accounts.arranging(
        account,
        hold=None,
        plan=None,
        next_step_at=account.next_step_at,
        since=None,
        block_waived=("2027-03",),
    )
    office.aws.money.write(waived)
    assert who.me("GET", "/v1/me/renewal")["eligible"]


def test_a_request_accepted_gives_the_lease_its_new_last_day_and_tells_the_tenant(season: Season) -> None:
    who, office = season.resident, season.office
    office.ask("PUT", f"{who.lease}/enrolments/2027-2028", ENROLLED, by=DESK)

    before = who.me("GET", "/v1/me")
    assert who.me("POST", "/v1/me/renewal", {"wish": "renew"})["state"] == "requested"
    accepted = office.ask("POST", season.decision(who), {"decision": "accept"})
    again = office.ask("POST", season.decision(who), {"decision": "accept"})

    assert (accepted["state"], again["state"]) == ("accepted", "accepted")
    assert lease(who).ends_on == date(2028, 8, 31)
    [mail] = who.mail()
    assert "jusqu'au 31 août 2028" in mail
    shown = who.me("GET", "/v1/me/renewal")
    assert (shown["state"], shown["campaign_id"]) == ("accepted", season.campaign_id)
    assert len(who.audited("renewal_decided")) == 1
    assert len(who.audited("renewal_answered")) == 1
    assert [before["lease"]["stage"], who.me("GET", "/v1/me")["lease"]["stage"]] == ["active", "renewed"]
    life = office.ask("GET", f"{who.lease}/life")
    assert [(one["what"], one["effective_on"], one["ends_on"]) for one in life["changes"]] == [
        ("renewed", "2027-09-01", "2028-08-31")
    ]
    assert life["renewed_from"] == ["2027-09-01"]
    who.me("POST", "/v1/me/renewal", {"wish": "leave"}, expect=409)


def test_a_new_rent_holds_from_the_new_periods_first_day_and_not_before(season: Season) -> None:
    who, office = season.resident, season.office
    who.me("POST", "/v1/me/renewal", {"wish": "renew"})
    decision = {"decision": "accept", "exception": True, "rent_cents": 42_000}
    office.ask("POST", season.decision(who), decision)

    renewed = lease(who)
    assert [(one.starts_on, one.ends_on, one.terms.rent_cents) for one in segments(renewed)] == [
        (date(2026, 9, 1), date(2027, 8, 31), 40_000),
        (date(2027, 9, 1), date(2028, 8, 31), 42_000),
    ]
    assert terms_on(renewed, date(2028, 1, 1)).charges_cents == 5_000


def test_a_renewal_that_is_decided_after_the_stay_is_a_change_of_the_lease_like_any_other(
    season: Season,
) -> None:
    who, office = season.resident, season.office
    who.me("POST", "/v1/me/renewal", {"wish": "renew"})
    office.clock.now = datetime(2027, 9, 6, 8, tzinfo=UTC)
    documents = Documents(office.aws.documents)
    person, stay = who.tenant.person, lease(who)
    tenancy = Tenancy(person=person, lease=stay, residence=season.residence, language=person.language)
    facts = Gathering(Accounts(office.aws.money), tenancy, office.clock()).facts(Kind.END_OF_STAY_CERTIFICATE)
    paper = keep(documents, token_bytes, Order(tenancy=tenancy, facts=facts, now=office.clock()))

    accepted = office.ask("POST", season.decision(who), {"decision": "accept", "exception": True})

    stored = office.aws.identity.get(keys.lease(stay.lease_id)) or {}
    assert stored["announce"]["type"] == "lease.changed"
    DocumentValidity(documents).lease_changed(office.aws.identity, stay.lease_id, office.clock())
    found = documents.get(paper.document_id)
    assert found is not None
    assert found.validity is Validity.REVOKED
    [change] = LeaseChanges(office.aws.identity).of_lease(stay.lease_id)
    assert (change.event, change.effective_on, change.ends_on, change.by) == (
        LifeEvent.RENEWED,
        date(2027, 9, 1),
        date(2028, 8, 31),
        accepted["decided"]["by"],
    )
    assert len(who.audited("lease_changed")) == 1


def test_what_the_life_of_a_lease_does_not_allow_is_refused_in_its_words(season: Season) -> None:
    who, office = season.resident, season.office
    who.me("POST", "/v1/me/renewal", {"wish": "renew"})
    of = keys.lease(who.tenant.lease.lease_id)
    office.aws.identity.update(of, "SET starts_on = :day", values={":day": "2027-05-01"})

    refused = office.ask("POST", season.decision(who), {"decision": "accept", "exception": True}, expect=409)

    assert refused["errors"] == [{"reason": "stay_not_begun"}]
    assert refused["detail"]
    assert lease(who).ends_on == date(2027, 8, 31)
    assert who.me("GET", "/v1/me/renewal")["state"] == "requested"


def test_who_has_given_notice_is_not_renewed_and_staff_are_told_why(season: Season) -> None:
    who, office = season.resident, season.office
    who.me("POST", "/v1/me/renewal", {"wish": "renew"})
    today = date(2027, 4, 1)
    leaving = Leaving(leaves_on=date(2027, 6, 30), given_on=today, reason=DepartureReason.TENANT_NOTICE)
    left = changed(lease(who), leaving, today)
    office.aws.identity.write(People(office.aws.identity, office.aws.pepper).amending(lease(who), left))

    refused = office.ask("POST", season.decision(who), {"decision": "accept", "exception": True}, expect=409)

    assert refused["errors"] == [{"reason": "notice_was_given"}]
    assert lease(who).ends_on == date(2027, 6, 30)


def test_another_decision_than_the_one_that_was_made_is_refused_not_ignored(season: Season) -> None:
    who, office = season.resident, season.office
    who.me("POST", "/v1/me/renewal", {"wish": "renew"})
    made = {"decision": "accept", "exception": True, "rent_cents": 42_000, "note": "Bienvenue."}
    office.ask("POST", season.decision(who), made)
    assert office.ask("POST", season.decision(who), made)["state"] == "accepted"

    for other in ({"rent_cents": 45_000}, {"charges_cents": 100}, {"note": "Pour la dernière fois."}):
        refused = office.ask("POST", season.decision(who), made | other, expect=409)
        assert refused["type"].endswith("decided-otherwise")
        assert refused["detail"]

    assert terms_on(lease(who), date(2028, 1, 1)).rent_cents == 42_000


def test_a_condition_that_is_not_met_is_accepted_only_as_an_exception_which_the_audit_keeps(
    season: Season,
) -> None:
    who, office = season.resident, season.office
    who.me("POST", "/v1/me/renewal", {"wish": "renew"})

    refused = office.ask("POST", season.decision(who), {"decision": "accept"}, expect=409)
    assert [one["field"] for one in refused["errors"]] == ["enrolment"]
    assert lease(who).ends_on == date(2027, 8, 31)
    made = office.ask("POST", season.decision(who), {"decision": "accept", "exception": True})

    assert made["decided"]["exception"]
    [entry] = who.audited("renewal_decided")
    assert entry["details"]["exception"] == "enrolment"


def test_a_request_declined_says_why_in_the_space_and_not_in_the_mail_and_can_be_reviewed(
    season: Season,
) -> None:
    who, office = season.resident, season.office
    who.me("POST", "/v1/me/renewal", {"wish": "renew"})
    office.ask("POST", season.decision(who), {"decision": "decline"}, expect=422)
    declined = {"decision": "decline", "reason": "rules_broken", "note": "Trois plaintes du voisinage."}
    office.ask("POST", season.decision(who), declined)

    shown, [mail] = who.me("GET", "/v1/me/renewal"), who.mail()

    assert (shown["state"], shown["declined_because"]) == ("declined", "rules_broken")
    assert shown["note"] == "Trois plaintes du voisinage."
    assert "plaintes" not in mail
    assert lease(who).ends_on == date(2027, 8, 31)
    office.ask("POST", season.decision(who), {"decision": "accept", "exception": True})
    assert lease(who).ends_on == date(2028, 8, 31)
    assert len(who.mail()) == 2


def test_answers_are_taken_while_the_campaign_is_open_and_at_the_desk_after_it(season: Season) -> None:
    who, office = season.resident, season.office
    who.me("POST", "/v1/me/renewal", {"wish": "leave"})
    office.clock.now = datetime(2027, 4, 30, 21, 59, 59, tzinfo=UTC)
    assert who.me("POST", "/v1/me/renewal", {"wish": "renew"})["state"] == "requested"
    office.clock.now += timedelta(seconds=1)

    assert "closed" in who.me("POST", "/v1/me/renewal", {"wish": "leave"}, expect=409)["type"]
    assert not who.me("GET", "/v1/me/renewal")["is_open"]
    late = office.ask("POST", season.answer(who), {"wish": "leave"}, by=DESK)
    assert late["state"] == "leaving"
    office.ask("POST", season.decision(who), {"decision": "accept"}, expect=409)
    office.ask("POST", season.decision(who), {"decision": "accept"}, by=DESK, expect=403)


def test_years_that_followed_the_first_are_counted_leases_and_renewals_alike(season: Season) -> None:
    who, office = season.resident, season.office
    # an operator that writes a lease a year: the first one ended before this one began
    earlier = admit_again(
        office.aws,
        who.tenant,
        residence=season.residence,
        starts_on=date(2025, 9, 1),
        ends_on=date(2026, 8, 31),
    )

    [rule] = [one for one in who.me("GET", "/v1/me/renewal")["criteria"] if one["criterion"] == "renewals"]

    assert not rule["met"]
    assert "1" in rule["said"]
    assert earlier.lease.lease_id != who.tenant.lease.lease_id


# --- Who has not answered is written to


def test_overseas_the_step_is_taken_on_the_residences_own_day_and_hour(office: Office) -> None:
    season = Season(office, "tahiti", time_zone="Pacific/Tahiti")

    told = []
    for hour in (10, 20, 21):  # midnight there, ten in the morning, eleven
        office.plan(datetime(2027, 4, 1, hour, 5, tzinfo=UTC))
        told.append(len(season.resident.mail()))

    assert told == [0, 1, 1]
    assert "heure de la résidence" in season.resident.mail()[0]


def test_a_run_that_died_half_way_goes_on_and_tells_nobody_twice(office: Office) -> None:
    season = Season(office, "died-half-way")
    others = [office.admit(season.residence) for _ in range(2)]
    office.plan(OPENING)
    mark = keys.renewal_mark(season.campaign_id, "2027-04-01", "died-half-way")
    office.aws.operations.write(Delete(table=office.aws.operations.name, key=mark))
    late = office.admit(season.residence)

    office.plan(OPENING + HOUR)

    assert [len(one.mail()) for one in (season.resident, *others, late)] == [1, 1, 1, 1]


def test_who_answers_between_the_announcement_and_the_message_is_not_written_to(office: Office) -> None:
    season = Season(office, "answers-at-once")
    run = RenewalReminderRun(identity=office.aws.identity, operations=office.aws.operations, budget=HOUR)
    assert run.plan(OPENING).told >= 1
    answer = season.office.house.ask("POST", season.answer(season.resident), {"wish": "leave"}, staff=MANAGER)
    assert answer.status == 200, answer

    office.house.relay()

    assert season.resident.mail() == []


def test_of_two_messages_that_the_clock_called_for_on_a_day_that_of_a_campaign_goes_on_the_next(
    office: Office,
) -> None:
    season = Season(office, "another-message-that-day")
    who, messages = season.resident, Messages(office.aws.operations)
    allowances, person_id = MessageAllowances(office.aws.operations), who.tenant.person.person_id
    day = OPENING.date()
    assert allowances.claim(person_id, Channel.EMAIL, "a reminder", day=day, now=OPENING)

    office.plan(OPENING)
    assert who.mail() == []

    office.clock.now = OPENING + DAY
    for again in messages.due_again(office.clock()):
        office.house.deliver("notifications/send", json.dumps(again.announce))
        messages.looked_at_again(again)
    assert len(who.mail()) == 1
    assert not allowances.claim(person_id, Channel.EMAIL, "a notice", day=day + DAY, now=office.clock())


# --- Campaigns


def test_a_campaign_is_opened_once_and_changed_in_part_once_it_has_begun(season: Season) -> None:
    office = season.office
    again = office.ask("POST", "/v1/desk/renewal-campaigns", season.body, expect=201)
    assert again["campaign_id"] == season.campaign_id
    assert again["steps"] == ["2027-04-01", "2027-04-09", "2027-04-23", "2027-04-28"]

    longer = season.body | {"closes_on": "2027-05-15", "rules": RULES | {"most_renewals": 3}}
    assert office.ask("PUT", season.path, longer)["closes_on"] == "2027-05-15"
    assert office.ask("PUT", season.path, longer)["rules"]["most_renewals"] == 3
    begun = office.ask("PUT", season.path, longer | {"renews_until": "2029-08-31"}, expect=409)
    assert "campaign-begun" in begun["type"]
    office.ask("PUT", season.path, longer | {"closes_on": "2027-03-01"}, expect=422)
    office.ask("PUT", season.path, longer | {"residence_ids": ["nowhere"]}, expect=422)
    everywhere = longer | {"residence_ids": []}
    office.ask("POST", "/v1/desk/renewal-campaigns", everywhere, expect=422)


def test_a_manager_opens_and_changes_campaigns_of_their_own_residences_only(season: Season) -> None:
    office = season.office
    enrol(office.aws, "local", Scope(residence_ids=frozenset({season.residence.residence_id})))
    local = ("local", "manager")
    everywhere = CAMPAIGN | {"all_residences": True, "opens_on": "2027-06-02", "closes_on": "2027-06-03"}

    office.ask("POST", "/v1/desk/renewal-campaigns", everywhere, by=local, expect=404)
    office.ask("PUT", season.path, season.body, by=ELSEWHERE, expect=404)
    office.ask("PUT", season.path, season.body, by=("local", "desk"), expect=403)
    assert office.ask("GET", "/v1/desk/renewal-campaigns", by=ELSEWHERE)["campaigns"] == []
    listed = office.ask("GET", "/v1/desk/renewal-campaigns", by=local)["campaigns"]
    assert season.campaign_id in [one["campaign_id"] for one in listed]
    office.ask("PUT", season.path, season.body | {"closes_on": "2027-05-02"}, by=local)


def test_a_residences_renewals_are_listed_by_state(season: Season) -> None:
    office = season.office
    second = office.admit(season.residence)
    office.plan(OPENING)
    second.me("POST", "/v1/me/renewal", {"wish": "renew"})
    path = f"/v1/desk/residences/{season.residence.residence_id}/renewals"
    query = f"campaign_id={season.campaign_id}"

    everyone = office.ask("GET", path, by=DESK, query=query)["renewals"]
    asked = office.ask("GET", path, by=DESK, query=f"{query}&state=requested")["renewals"]

    assert [one["state"] for one in everyone] == ["invited", "requested"]
    assert [one["lease_id"] for one in asked] == [second.tenant.lease.lease_id]
    office.ask("GET", path, by=ELSEWHERE, query=query, expect=404)


def test_a_warning_is_recorded_once_and_its_day_is_of_the_last_year(season: Season) -> None:
    who, office = season.resident, season.office
    path, body = f"{who.lease}/warnings", {"given_on": "2027-03-20", "rule": "Article 7"}
    first = office.ask("POST", path, body, expect=201)
    assert office.ask("POST", path, body, expect=201) == first

    office.ask("POST", path, body | {"given_on": "2027-04-02"}, expect=422)
    office.ask("POST", path, body | {"given_on": "2026-03-01"}, expect=422)
    office.ask("POST", path, body, by=DESK, expect=403)
    withdrawn = office.ask("POST", f"{path}/{first['warning_id']}/withdrawal")
    assert withdrawn["withdrawn_at"] is not None
    [listed] = office.ask("GET", path, by=DESK)["warnings"]
    assert listed["withdrawn_at"] == withdrawn["withdrawn_at"]
    assert len(who.audited("warning_given")) == len(who.audited("warning_withdrawn")) == 1
    office.ask("POST", f"{path}/{'0' * 26}/withdrawal", expect=404)
