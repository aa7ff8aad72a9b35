"""The social file, from the desk or a file to the tenant: what is missing, by when; little in a mail."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sesame.domain.attachments import AttachmentState
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.domain.tenancy import LeaseStatus
from sesame.store import keys
from sesame.store.attachments import Attachments
from tests.integration.staff_members import enrol
from tests.integration.study_fixtures import DESK, ELSEWHERE, MANAGER, START, Office, Resident, open_office
from tests.integration.tenants import RESIDENCE, admit_again

YEAR = "2026-2027"
ASKED = {
    "step": "ask_for_pieces",
    "pieces": [
        {"kind": "tax_notice", "due_on": "2026-09-30"},
        {"kind": "other", "label": "Attestation sur l'honneur", "due_on": "2026-09-20"},
    ],
}
STATES = "INE;Année;État;Décision;Échelon;Pièces manquantes;Date limite\n"
ENROLMENTS = "INE;Référence locataire;Année;Établissement;Statut\n"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with open_office() as office:
        yield office


@pytest.fixture
def resident(office: Office) -> Resident:
    office.clock.now = START
    return office.admit()


def test_the_tenant_sees_what_is_missing_and_until_when_on_the_residences_clock(
    office: Office, resident: Resident
) -> None:
    assert resident.me("GET", "/v1/me/social-file") == {"files": []}
    office.ask("PUT", f"{resident.lease}/social-files/{YEAR}", ASKED, by=DESK)

    [file] = resident.me("GET", "/v1/me/social-file")["files"]

    assert (file["year"], file["state"]) == (YEAR, "incomplete")
    assert [(one["label"] or one["kind"], one["due_at"], one["late"]) for one in file["missing"]] == [
        ("Attestation sur l'honneur", "2026-09-20T21:59:59Z", False),
        ("tax_notice", "2026-09-30T21:59:59Z", False),
    ]
    office.clock.now += timedelta(days=20)
    [late] = resident.me("GET", "/v1/me/social-file")["files"]
    assert [one["late"] for one in late["missing"]] == [True, False]


def test_the_tenant_is_told_by_mail_that_it_changed_and_by_when_and_nothing_else(
    office: Office, resident: Resident
) -> None:
    office.ask("PUT", f"{resident.lease}/social-files/{YEAR}", ASKED, by=DESK)
    grant = {"step": "grant", "echelon": "5", "decided_on": "2026-09-02"}
    office.ask("PUT", f"{resident.lease}/social-files/{YEAR}", grant, by=DESK)

    asked, granted = resident.mail()
    assert "dimanche 20 septembre 2026" in asked
    for mail in (asked, granted):
        for secret in ("accord", "échelon", "honneur", "imposition", "bourse"):
            assert secret not in mail.casefold(), secret


def test_of_changes_in_a_row_only_the_last_is_told(office: Office, resident: Resident) -> None:
    path = f"{resident.lease}/social-files/{YEAR}"
    for step in ("submit", "review", "refuse"):
        answer = office.house.ask("PUT", path, {"step": step}, staff=DESK)
        assert answer.status == 200, answer
    office.house.relay()

    assert len(resident.mail()) == 1


@pytest.mark.parametrize("silently", ["handed_in", "file"])
def test_a_change_is_told_even_where_one_that_is_not_told_came_before_the_mail(
    office: Office, resident: Resident, silently: str
) -> None:
    path, own = f"{resident.lease}/social-files/{YEAR}", f"/v1/me/social-file/{YEAR}/pieces/p1/files"
    key = keys.social_file(resident.tenant.person.person_id, YEAR)
    assert office.house.ask("PUT", path, ASKED, staff=DESK).status == 200
    event = (office.aws.identity.get(key) or {})["announce"]  # published, and the mail waits in its queue
    if silently == "handed_in":
        resident.me("POST", own, {"attachment_id": resident.attachment()}, relay=False)
    else:
        row = "Incomplet;;;Avis d'imposition;30/09/2026\n"
        office.work("social-file", STATES + f"{resident.ine};2026-2027;{row}")

    assert (office.aws.identity.get(key) or {})["version"] == 2

    message = json.dumps({"detail-type": event["type"], "detail": event})
    office.house.deliver("notifications/send", message)

    [told] = resident.mail()
    assert "dimanche 20 septembre 2026" in told


def test_the_same_news_again_changes_nothing_and_tells_nobody(office: Office, resident: Resident) -> None:
    first = office.ask("PUT", f"{resident.lease}/social-files/{YEAR}", ASKED, by=DESK)
    again = office.ask("PUT", f"{resident.lease}/social-files/{YEAR}", ASKED, by=DESK)

    assert again == first
    assert len(resident.mail()) == 1
    [entry] = resident.audited("social_file_set")
    assert entry["details"] == {"year": YEAR, "state": "incomplete", "step": "ask_for_pieces"}


def test_what_makes_no_sense_is_refused(office: Office, resident: Resident) -> None:
    path = f"{resident.lease}/social-files/{YEAR}"
    unnamed = {"step": "ask_for_pieces", "pieces": [{"kind": "other", "due_on": "2026-09-30"}]}

    assert "step-not-possible" in office.ask("PUT", path, {"step": "appeal"}, expect=409)["type"]
    office.ask("PUT", path, {"step": "refuse", "echelon": "3"}, expect=422)
    office.ask("PUT", path, unnamed, expect=422)
    office.ask("PUT", f"{resident.lease}/social-files/2026-2028", {"step": "submit"}, expect=404)
    office.ask("POST", f"{path}/pieces/p1/verdict", {"accepted": True}, expect=404)
    assert resident.audited("social_file_set") == []


def test_a_piece_that_came_on_paper_is_accepted_and_one_that_will_not_do_is_missing_again(
    office: Office, resident: Resident
) -> None:
    path = f"{resident.lease}/social-files/{YEAR}"
    office.ask("PUT", path, ASKED, by=DESK)

    accepted = office.ask("POST", f"{path}/pieces/p1/verdict", {"accepted": True}, by=DESK)
    assert accepted["missing"] == 1
    verdict = {"accepted": False, "reason": "out_of_date"}
    assert office.ask("POST", f"{path}/pieces/p1/verdict", verdict, by=DESK)["missing"] == 2
    [file] = resident.me("GET", "/v1/me/social-file")["files"]
    assert {one["piece_id"]: one["refused_because"] for one in file["missing"]} == {
        "p1": "out_of_date",
        "p2": None,
    }
    office.ask("POST", f"{path}/pieces/p2/verdict", {"accepted": False}, expect=422)


def test_accountants_see_no_social_file_and_nobody_sets_their_own(office: Office, resident: Resident) -> None:
    office.ask("GET", f"{resident.lease}/social-files", by=("manager-1", "accountant"), expect=403)
    enrol(office.aws, "tenant-too", EVERYWHERE, person_id=resident.tenant.person.person_id)

    path = f"{resident.lease}/social-files/{YEAR}"
    office.ask("PUT", path, ASKED, by=("tenant-too", "desk"), expect=403)
    row = f"{resident.ine};2026-2027;Déposé;;;;\n"
    own = office.import_file("social-file", STATES + row, by=("tenant-too", "desk"))
    assert [one["fault"] for one in own["problems"]] == ["own_lease"]


def test_a_residences_files_are_listed_by_state_page_after_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.store.social_files.PAGE", 2)
    year = "2024-2025"  # no other test's
    for step in ("submit", "grant", "submit", "review"):
        office.ask("PUT", f"{office.admit().lease}/social-files/{year}", {"step": step}, by=DESK)
    path, seen, query = f"/v1/desk/residences/{RESIDENCE.residence_id}/social-files", [], f"year={year}"
    while True:
        page = office.ask("GET", path, by=DESK, query=query)
        seen += [one["state"] for one in page["files"]]
        if page["next"] is None:
            break
        query = f"year={year}&after={page['next']}"

    assert seen == ["granted", "submitted", "submitted", "under_review"]
    office.ask("GET", path, by=DESK, query=f"year={year}&after=granted.{'0' * 26}")
    office.ask("GET", path, by=DESK, query=f"year={year}&after=anything", expect=422)


# --- Handing a piece in


def test_a_piece_is_handed_in_looked_at_and_refused_and_the_file_stays_as_long_as_it_is_of_use(
    office: Office, resident: Resident
) -> None:
    path = f"{resident.lease}/social-files/{YEAR}"
    office.ask("PUT", path, ASKED, by=DESK)
    attachment_id, own = resident.attachment(), f"/v1/me/social-file/{YEAR}/pieces/p1/files"

    file = resident.me("POST", own, {"attachment_id": attachment_id})
    again = resident.me("POST", own, {"attachment_id": attachment_id})

    assert again == file
    [came] = [one for one in file["others"] if one["piece_id"] == "p1"]
    assert (came["state"], came["attachment_ids"]) == ("handed_in", [attachment_id])
    stored = office.aws.documents.get(keys.attachment(resident.tenant.lease.lease_id, attachment_id)) or {}
    assert stored["delete_at"] == "2029-08-31T00:00:00+00:00"
    assert len(resident.audited("social_file_piece_handed_in")) == 1
    assert len(resident.mail()) == 1  # of the asking: who hands in knows it

    link = office.ask("GET", f"{path}/pieces/p1/files/{attachment_id}", by=DESK)
    assert link["download_url"].startswith("https://")
    assert "avis" not in link["download_url"]
    [shown] = resident.audited("social_file_piece_shown")
    assert shown["details"]["piece_id"] == "p1"
    office.ask("GET", f"{path}/pieces/p2/files/{attachment_id}", by=DESK, expect=404)
    office.ask("GET", f"{path}/pieces/p1/files/{attachment_id}", by=ELSEWHERE, expect=404)


def test_a_piece_that_is_refused_goes_after_a_month_and_somebody_elses_at_once(
    office: Office, resident: Resident
) -> None:
    path, own = f"{resident.lease}/social-files/{YEAR}", f"/v1/me/social-file/{YEAR}/pieces"
    office.ask("PUT", path, ASKED, by=DESK)
    blurred, others = resident.attachment(), resident.attachment()
    resident.me("POST", f"{own}/p1/files", {"attachment_id": blurred})
    resident.me("POST", f"{own}/p2/files", {"attachment_id": others})

    def goes(attachment_id: str) -> str:
        key = keys.attachment(resident.tenant.lease.lease_id, attachment_id)
        item = office.aws.documents.get(key) or {}
        assert item["gsi1sk"] == f"{item['delete_at']}#{attachment_id}"
        return str(item["delete_at"])

    def judge(piece_id: str, **verdict: Any) -> None:
        office.ask("POST", f"{path}/pieces/{piece_id}/verdict", verdict, by=DESK)

    judge("p1", accepted=False, reason="illegible")
    judge("p2", accepted=False, reason="of_somebody_else")

    assert goes(blurred) == (office.clock.now + timedelta(days=30)).isoformat()
    assert goes(others) == office.clock.now.isoformat()
    assert office.ask("GET", f"{path}/pieces/p1/files/{blurred}", by=DESK)["download_url"]
    office.ask("GET", f"{path}/pieces/p2/files/{others}", by=DESK, expect=404)
    [file] = resident.me("GET", "/v1/me/social-file")["files"]
    assert {one["piece_id"]: one["attachment_ids"] for one in file["missing"]} == {"p1": [blurred], "p2": []}

    judge("p1", accepted=True)  # it could be read after all
    assert goes(blurred) == "2029-08-31T00:00:00+00:00"

    judge("p1", accepted=False, reason="out_of_date")
    resident.me("POST", f"{own}/p1/files", {"attachment_id": resident.attachment()})
    assert goes(blurred) == (office.clock.now + timedelta(days=30)).isoformat()


def test_a_piece_is_judged_even_where_its_file_is_gone(office: Office, resident: Resident) -> None:
    path, own = f"{resident.lease}/social-files/{YEAR}", f"/v1/me/social-file/{YEAR}/pieces"
    office.ask("PUT", path, ASKED, by=DESK)
    attachment_id = resident.attachment()
    resident.me("POST", f"{own}/p1/files", {"attachment_id": attachment_id})
    refusal = {"accepted": False, "reason": "illegible"}
    office.ask("POST", f"{path}/pieces/p1/verdict", refusal, by=DESK)
    store = Attachments(office.aws.documents)
    gone = store.get(resident.tenant.lease.lease_id, attachment_id)
    assert gone is not None
    store.forget(gone)

    assert office.ask("POST", f"{path}/pieces/p1/verdict", {"accepted": True}, by=DESK)["missing"] == 1
    assert store.get(resident.tenant.lease.lease_id, attachment_id) is None


def test_only_ones_own_file_that_passed_its_check_is_handed_in_and_once(
    office: Office, resident: Resident
) -> None:
    path = f"{resident.lease}/social-files/{YEAR}"
    office.ask("PUT", path, ASKED, by=DESK)
    own = f"/v1/me/social-file/{YEAR}/pieces"
    neighbour, checking = office.admit(), resident.attachment(state=AttachmentState.CHECKING)
    used = resident.attachment()
    resident.me("POST", f"{own}/p1/files", {"attachment_id": used})

    for attachment_id in (neighbour.attachment(), checking, used, "0" * 26):
        refused = resident.me("POST", f"{own}/p2/files", {"attachment_id": attachment_id}, expect=422)
        assert "not-attachable" in refused["type"]
    resident.me("POST", f"{own}/p9/files", {"attachment_id": resident.attachment()}, expect=404)
    neighbour.me("POST", f"{own}/p1/files", {"attachment_id": neighbour.attachment()}, expect=404)
    office.ask("PUT", path, {"step": "withdraw"}, by=DESK)
    resident.me("POST", f"{own}/p2/files", {"attachment_id": resident.attachment()}, expect=409)


# --- By the file


def test_a_file_of_states_is_taken_once_and_each_row_reported(office: Office, resident: Resident) -> None:
    rows = (
        f"{resident.ine};2026-2027;Incomplet;;;Avis d'imposition | RIB;30/09/2026\n"
        "999999999AB;2026-2027;Incomplet;;;;\n"
        "0EQ5D403GU7;2026-2027;Peut-être;;;;\n"
    )
    first = office.import_file("social-file", STATES + rows)
    again = office.import_file("social-file", STATES + rows)

    assert (first["taken"], first["known"], first["rejected"]) == (1, 0, 2)
    assert [(one["line"], one["column"], one["fault"]) for one in first["problems"]] == [
        (3, "INE", "unknown_student"),
        (4, "État", "bad_file_state"),
    ]
    assert all(one["reason"] and one["remedy"] for one in first["problems"])
    assert (again["taken"], again["known"], again["rejected"]) == (0, 1, 2)
    [file] = resident.me("GET", "/v1/me/social-file")["files"]
    assert [one["kind"] for one in file["missing"]] == ["tax_notice", "bank_details"]
    assert len(resident.mail()) == 1
    [entry] = resident.audited("social_file_set")
    assert entry["details"]["state"] == "incomplete"
    assert "import_id" in entry["details"]


def test_an_older_file_sent_again_does_not_take_a_newer_word_back(office: Office, resident: Resident) -> None:
    older = STATES + f"{resident.ine};2026-2027;Incomplet;;;RIB;30/09/2026\n"
    newer = STATES + f"{resident.ine};2026-2027;Décidé;Accordée;4;;\n"
    office.import_file("social-file", older)
    office.import_file("social-file", newer)

    assert office.import_file("social-file", older)["known"] == 1
    [file] = resident.me("GET", "/v1/me/social-file")["files"]
    assert (file["state"], file["echelon"]) == ("granted", "4")


def test_what_cannot_follow_and_who_is_out_of_sight_is_refused_and_a_past_day_is_told(
    office: Office, resident: Resident
) -> None:
    refused = office.import_file("social-file", STATES + f"{resident.ine};2026-2027;Refusé;;;;\n")
    report = office.import_file("social-file", STATES + f"{resident.ine};2026-2027;Retiré;;;;\n")
    row = STATES + f"{resident.ine};2025-2026;Incomplet;;;RIB;01/06/2026\n"
    hidden = office.import_file("social-file", row, by=ELSEWHERE)
    past = office.import_file("social-file", row)

    assert refused["taken"] == 1
    [problem] = report["problems"]
    assert (problem["column"], problem["fault"]) == ("État", "step_not_possible")
    assert [one["fault"] for one in hidden["problems"]] == ["unknown_student"]
    assert (past["taken"], [one["fault"] for one in past["notes"]]) == (1, ["due_date_past"])


def test_the_refused_rows_come_back_as_a_file_to_mend(office: Office) -> None:
    path = "/v1/desk/social-file-imports"
    text = STATES + "999999999AB;2026-2027;Incomplet;;;;\n"
    taken = office.ask("POST", path, text, by=DESK, expect=202, content_type="text/csv; charset=utf-8")

    csv = office.house.ask("GET", f"{path}/{taken['import_id']}", staff=DESK, query="format=csv").text

    assert "999999999AB;2026-2027;Incomplet" in csv
    assert "INE: Aucun locataire" in csv


# --- Enrolments


def test_a_universitys_file_is_taken_once_and_changes_what_it_says(
    office: Office, resident: Resident
) -> None:
    reference, ine = resident.tenant.lease.tenant_reference, resident.ine
    text = ENROLMENTS + f"{ine};;2026-2027;Lyon 2;préinscrit\n;{reference};2027-2028;Lyon 2;inscrite\n"
    first = office.import_file("enrolment", text)
    again = office.import_file("enrolment", text)
    later = office.import_file("enrolment", ENROLMENTS + f"{ine};;2026-2027;LYON 2;inscrit\n")
    stale = office.import_file("enrolment", text)

    assert [(one["taken"], one["known"]) for one in (first, again, later, stale)] == [
        (2, 0),
        (0, 2),
        (1, 0),
        (0, 2),
    ]
    listed = office.ask("GET", f"{resident.lease}/enrolments", by=DESK)["enrolments"]
    assert [(one["year"], one["status"]) for one in listed] == [
        ("2027-2028", "enrolled"),
        ("2026-2027", "enrolled"),
    ]
    assert len(resident.audited("enrolment_set")) == 3
    kept = office.items(office.aws.identity, "ENROLMENT#2026-2027")
    assert datetime.fromtimestamp(kept[0]["expires_at"], UTC).date() == date(2029, 8, 31)


def test_a_universitys_word_that_is_true_again_is_taken_from_a_new_file(
    office: Office, resident: Resident
) -> None:
    october = ENROLMENTS + f"{resident.ine};;2026-2027;Lyon 2;inscrit\n"
    november = ENROLMENTS + f"{resident.ine};;2026-2027;Lyon 2;non inscrit\n"
    reports = [office.import_file("enrolment", text) for text in (october, november, october + "\n")]

    [one] = office.ask("GET", f"{resident.lease}/enrolments", by=DESK)["enrolments"]
    assert [(report["taken"], report["known"], report["notes"]) for report in reports] == [(1, 0, [])] * 3
    assert one["status"] == "enrolled"

    stale = office.import_file("enrolment", november)

    [one] = office.ask("GET", f"{resident.lease}/enrolments", by=DESK)["enrolments"]
    assert one["status"] == "enrolled"
    assert (stale["known"], [note["fault"] for note in stale["notes"]]) == (1, ["overtaken"])


def test_a_file_of_a_night_that_said_nothing_new_takes_nothing_back_when_it_comes_again(
    office: Office, resident: Resident
) -> None:
    row = f"{resident.ine};2026-2027;En cours;;;;\n"
    first, second = STATES + row, STATES + row + "\n"  # the same of two nights, not byte for byte
    third = STATES + f"{resident.ine};2026-2027;Incomplet;;;RIB;30/09/2026\n"
    taken = [office.import_file("social-file", text)["taken"] for text in (first, second, third)]

    again = office.import_file("social-file", second)
    [file] = resident.me("GET", "/v1/me/social-file")["files"]
    back = office.import_file("social-file", STATES + row + "\n\n")
    [after] = resident.me("GET", "/v1/me/social-file")["files"]

    assert taken == [1, 0, 1]
    assert (again["known"], [note["fault"] for note in again["notes"]]) == (1, ["overtaken"])
    assert (file["state"], after["state"]) == ("incomplete", "under_review")
    assert (back["taken"], back["notes"]) == (1, [])


def test_what_the_desk_knows_better_stays_while_files_say_the_same_and_the_sender_is_told(
    office: Office, resident: Resident
) -> None:
    text = ENROLMENTS + f"{resident.ine};;2026-2027;Lyon 2;non inscrit\n"
    office.import_file("enrolment", text)
    told = {"university": "Lyon 2", "status": "enrolled"}
    office.ask("PUT", f"{resident.lease}/enrolments/2026-2027", told, by=DESK)

    report = office.import_file("enrolment", text + "\n")

    [one] = office.ask("GET", f"{resident.lease}/enrolments", by=DESK)["enrolments"]
    assert one["status"] == "enrolled"
    assert (report["known"], [note["fault"] for note in report["notes"]]) == (1, ["overtaken"])


def test_two_persons_are_not_taken_for_one_and_a_cancelled_lease_tells_nobody(
    office: Office, resident: Resident
) -> None:
    reference = office.admit().tenant.lease.tenant_reference
    two = office.import_file("enrolment", ENROLMENTS + f"{resident.ine};{reference};2026;Lyon;inscrit\n")
    later = admit_again(office.aws, resident.tenant).lease
    cancelled = {":s": LeaseStatus.CANCELLED.value}
    office.aws.identity.update(
        keys.lease(later.lease_id), "SET #s = :s", names={"#s": "status"}, values=cancelled
    )
    office.import_file("enrolment", ENROLMENTS + f"{resident.ine};;2026;Lyon;inscrit\n")

    assert [one["fault"] for one in two["problems"]] == ["two_students"]
    assert len(resident.audited("enrolment_set")) == 1


def test_a_certificate_shown_at_the_desk_is_set_by_hand(office: Office, resident: Resident) -> None:
    path = f"{resident.lease}/enrolments/2027-2028"
    told = {"university": "Sorbonne Université", "status": "pre_enrolled"}
    office.ask("PUT", path, told, by=DESK)
    office.ask("PUT", path, told | {"status": "enrolled"}, by=MANAGER)

    [one] = office.ask("GET", f"{resident.lease}/enrolments", by=DESK)["enrolments"]
    assert (one["university"], one["status"]) == ("Sorbonne Université", "enrolled")


# --- Somebody who moves to another residence

NEAR, FAR = RESIDENCE.residence_id, "les-tilleuls-69000"
FAR_AWAY = replace(RESIDENCE, residence_id=FAR, name="Les Tilleuls")
HERE, THERE = ("here-1", "desk"), ("there-1", "desk")


@pytest.fixture
def mover(office: Office, resident: Resident) -> tuple[Resident, Resident]:
    """A tenant of a residence until summer 2027, and as the tenant of another one from then on."""
    enrol(office.aws, "here-1", Scope(residence_ids=frozenset({NEAR})))
    enrol(office.aws, THERE[0], Scope(residence_ids=frozenset({FAR})))
    later = admit_again(office.aws, resident.tenant, residence=FAR_AWAY)
    office.aws.identity.update(keys.lease(later.lease.lease_id), "REMOVE announce")
    return resident, Resident(office=office, tenant=later)


def test_staff_of_a_former_residence_neither_see_nor_change_what_is_told_of_later_years(
    office: Office, mover: tuple[Resident, Resident]
) -> None:
    before, now = mover
    year, asked = "2027-2028", {**ASKED, "pieces": [{"kind": "tax_notice", "due_on": "2027-09-30"}]}
    office.clock.now = datetime(2027, 9, 10, tzinfo=UTC)
    office.ask("PUT", f"{now.lease}/social-files/{year}", asked, by=THERE)
    attachment_id = now.attachment()
    now.me("POST", f"/v1/me/social-file/{year}/pieces/p1/files", {"attachment_id": attachment_id})
    told = len(now.mail())
    path = f"{before.lease}/social-files/{year}"

    assert office.ask("GET", f"{before.lease}/social-files", by=HERE)["files"] == []
    office.ask("PUT", path, {"step": "refuse"}, by=HERE, expect=404)
    office.ask("POST", f"{path}/pieces/p1/verdict", {"accepted": True}, by=HERE, expect=404)
    office.ask("GET", f"{path}/pieces/p1/files/{attachment_id}", by=HERE, expect=404)
    row = STATES + f"{before.ine};{year};Refusé;;;;\n"
    assert [one["fault"] for one in office.import_file("social-file", row, by=HERE)["problems"]] == [
        "unknown_student"
    ]
    office.ask("PUT", path, {"step": "review"}, by=DESK)  # who sees both: it stays where it is

    page = office.ask("GET", f"/v1/desk/residences/{FAR}/social-files", by=THERE, query=f"year={year}")
    assert [one["lease_id"] for one in page["files"]] == [now.tenant.lease.lease_id]
    assert len(now.mail()) == told + 1
    assert all("Les Tilleuls" in mail for mail in now.mail())
    assert {one["details"].get("state") for one in now.audited("social_file_set")} == {
        "incomplete",
        "under_review",
    }
    assert before.audited("social_file_set") == []


def test_a_file_goes_on_with_its_student_and_the_years_before_stay_where_they_lived(
    office: Office, mover: tuple[Resident, Resident]
) -> None:
    before, now = mover
    for year in ("2026-2027", "2027-2028"):
        office.aws.identity.update(
            keys.lease(now.tenant.lease.lease_id), "SET starts_on = :d", values={":d": "2029-09-01"}
        )  # not admitted there yet
        office.ask("PUT", f"{before.lease}/social-files/{year}", {"step": "submit"}, by=HERE)
    office.aws.identity.update(
        keys.lease(now.tenant.lease.lease_id), "SET starts_on = :d", values={":d": "2027-09-01"}
    )

    def years(resident: Resident, by: tuple[str, str]) -> list[str]:
        return [one["year"] for one in office.ask("GET", f"{resident.lease}/social-files", by=by)["files"]]

    assert (years(before, HERE), years(now, THERE)) == (["2027-2028", "2026-2027"], ["2027-2028"])
    office.ask("PUT", f"{now.lease}/social-files/2026-2027", {"step": "review"}, by=THERE, expect=404)
    office.ask("PUT", f"{now.lease}/social-files/2027-2028", {"step": "review"}, by=THERE)
    assert (years(before, HERE), years(now, THERE)) == (["2026-2027"], ["2027-2028"])

    office.aws.identity.update(
        keys.lease(now.tenant.lease.lease_id),
        "SET #s = :s",
        names={"#s": "status"},
        values={":s": LeaseStatus.CANCELLED.value},
    )  # and then does not move after all
    assert years(before, HERE) == ["2027-2028", "2026-2027"]


def test_a_tenant_who_signs_in_for_their_former_lease_does_not_take_the_file_back_there(
    office: Office, mover: tuple[Resident, Resident]
) -> None:
    before, now = mover
    office.clock.now = datetime(2027, 9, 10, tzinfo=UTC)
    office.ask("PUT", f"{now.lease}/social-files/2027-2028", ASKED, by=THERE)
    attachment_id = before.attachment()

    own = "/v1/me/social-file/2027-2028/pieces/p1/files"
    before.me("POST", own, {"attachment_id": attachment_id})

    [file] = office.ask("GET", f"{now.lease}/social-files", by=THERE)["files"]
    assert (file["lease_id"], file["pieces"][0]["state"]) == (now.tenant.lease.lease_id, "handed_in")
    path = f"{now.lease}/social-files/2027-2028/pieces/p1/files/{attachment_id}"
    assert office.ask("GET", path, by=THERE)["download_url"]


def test_enrolments_are_seen_and_set_where_their_student_lives_that_year(
    office: Office, mover: tuple[Resident, Resident]
) -> None:
    before, now = mover
    told = {"university": "Lyon 2", "status": "enrolled"}
    office.ask("PUT", f"{before.lease}/enrolments/2026-2027", told, by=HERE)
    office.ask("PUT", f"{now.lease}/enrolments/2027-2028", told, by=THERE)

    office.ask("PUT", f"{before.lease}/enrolments/2027-2028", told, by=HERE, expect=404)
    office.ask("PUT", f"{now.lease}/enrolments/2026-2027", told, by=THERE, expect=404)
    row = ENROLMENTS + f"{before.ine};;2027-2028;Lyon 2;non inscrit\n"
    refused = office.import_file("enrolment", row, by=HERE)

    def years(resident: Resident, by: tuple[str, str]) -> list[str]:
        listed = office.ask("GET", f"{resident.lease}/enrolments", by=by)["enrolments"]
        return [one["year"] for one in listed]

    assert [one["fault"] for one in refused["problems"]] == ["unknown_student"]
    assert (years(before, HERE), years(now, THERE)) == (["2026-2027"], ["2027-2028"])
