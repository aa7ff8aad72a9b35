"""Admitting leases: one transaction, no duplicate, nothing half-written."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain import codes
from sesame.domain.codes import CodeFormat, CodeFormats
from sesame.domain.file_faults import Fault
from sesame.domain.lease_files import Column, LeaseRow, check_lease
from sesame.domain.scope import EVERYWHERE
from sesame.platform.secrets import Pepper, Secrets
from sesame.services.admissions import Created, Origin, Outcome, Rejected, Unchanged
from sesame.services.tenant_codes import Decipher
from sesame.store.people import AdmissionCollision, Collision, People
from sesame.store.table import Contention
from tests.integration.import_fixtures import Desk, cells_of, desk_on

MANAGED = Origin(staff_id="manager-1", scope=EVERYWHERE, creates_residences=True)


@pytest.fixture
def desk(aws: Any, clock: Any) -> Desk:
    return desk_on(aws, clock)


def a_row(number: int = 1, **changed: str) -> LeaseRow:
    row = check_lease(cells_of(number, **changed))
    assert isinstance(row, LeaseRow)
    return row


def admitted(desk: Desk, row: LeaseRow) -> Created:
    outcome = desk.admissions.admit(row, MANAGED)
    assert isinstance(outcome, Created)
    return outcome


def items(aws: Any) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = aws.dynamodb.scan(TableName=aws.identity.name)["Items"]
    return answer


def shape(aws: Any) -> Counter[str]:
    """How many items of each kind stand in the identity table."""
    return Counter(item["pk"]["S"].split("#")[0] for item in items(aws))


def test_a_lease_is_found_by_code_ine_email_phone_reference_and_residence(desk: Desk, aws: Any) -> None:
    outcome = admitted(desk, a_row())

    lease, person = desk.people.lease_with_person(outcome.lease_id) or pytest.fail("no lease")
    code = aws.kms.decrypt(CiphertextBlob=lease.code_cipher, EncryptionContext={"lease_id": lease.lease_id})[
        "Plaintext"
    ].decode()
    assert codes.STANDARD.printed(codes.STANDARD.read(code)) == code
    assert lease.code_tail == outcome.code_tail == code[-2:]
    assert desk.people.lease_by_code(codes.STANDARD.read(code)) == lease
    assert desk.people.person_by_ine("000000001AB") == person
    assert desk.people.persons_by_email("tenant.1@example.org") == [person]
    assert desk.people.persons_by_phone("+33639981234") == [person]
    assert desk.people.leases_of_person(person.person_id) == [lease]
    assert desk.people.leases_of_residence("les-tanneurs-69005").leases == [lease]
    assert codes.is_tenant_reference(lease.tenant_reference)
    assert (lease.rent_cents, lease.charges_cents, lease.deposit_cents) == (35194, 3560, 35194)
    assert (person.full_name, person.birth_date.isoformat()) == ("Zoé Nguyễn", "2000-01-18")


def test_a_lease_announces_its_admission_with_ids_only(desk: Desk, aws: Any, clock: Any) -> None:
    outcome = admitted(desk, a_row())

    announce = aws.identity.get({"pk": f"LEASE#{outcome.lease_id}", "sk": "LEASE"})["announce"]

    assert announce["type"] == "lease.admitted"
    assert announce["at"] == clock().isoformat()
    assert set(announce) == {"id", "type", "at", "lease_id", "person_id"}


def test_no_key_and_no_lookup_holds_personal_data_in_clear(desk: Desk, aws: Any) -> None:
    admitted(desk, a_row())

    keys = " ".join(item["pk"]["S"] + item["sk"]["S"] for item in items(aws))

    assert not any(text in keys for text in ("tenant.1", "000000001AB", "639981234", "Nguy"))


def test_a_new_residence_gets_its_own_clock_and_waits_for_confirmation(desk: Desk) -> None:
    outcome = admitted(
        desk, a_row(residence="Outumaoro", postal_code="98702", city="Faa'a", address="BP 6570")
    )

    residence = desk.people.residence("outumaoro-98702") or pytest.fail("no residence")

    assert outcome.residence_created == "outumaoro-98702"
    assert (residence.time_zone, residence.confirmed) == ("Pacific/Tahiti", False)
    assert residence.address == ("BP 6570", "98702 Faa'a")
    assert residence.landlord.name == "Opérateur d'essai"
    assert admitted(desk, a_row(2, residence="OUTUMAORO", postal_code="98702")).residence_created is None


def test_the_desk_alone_cannot_bring_a_residence_in(desk: Desk, aws: Any) -> None:
    outcome = desk.admissions.admit(a_row(), replace(MANAGED, creates_residences=False))

    assert outcome == Rejected(Column.RESIDENCE, Fault.UNKNOWN_RESIDENCE)
    assert items(aws) == []


def test_the_same_row_again_changes_nothing(desk: Desk, aws: Any) -> None:
    first = admitted(desk, a_row())
    before = items(aws)

    again = desk.admissions.admit(a_row(), MANAGED)

    assert again == Unchanged(
        lease_id=first.lease_id, tenant_reference=first.tenant_reference, code_tail=first.code_tail
    )
    assert items(aws) == before


def test_the_same_row_again_within_its_own_import_still_counts_as_created(desk: Desk) -> None:
    origin = replace(MANAGED, import_id="import-1")

    assert desk.admissions.admit(a_row(), origin) == desk.admissions.admit(a_row(), origin)


def test_another_lease_under_a_known_reference_is_refused_and_changes_nothing(desk: Desk, aws: Any) -> None:
    admitted(desk, a_row())
    before = items(aws)

    outcome = desk.admissions.admit(a_row(rent_cents="400,00"), MANAGED)

    assert outcome == Rejected(Column.REFERENCE, Fault.REFERENCE_KNOWN)
    assert items(aws) == before


def test_a_second_lease_of_the_same_ine_goes_to_the_same_person(desk: Desk) -> None:
    first = admitted(desk, a_row())

    second = admitted(
        desk, a_row(reference="L9", email="new@example.org", family_name="NGUYEN", given_names="zoe")
    )

    [person] = desk.people.persons_by_email("tenant.1@example.org")
    assert {lease.lease_id for lease in desk.people.leases_of_person(person.person_id)} == {
        first.lease_id,
        second.lease_id,
    }
    assert second.contacts_kept == (Column.EMAIL,)
    assert person.email == "tenant.1@example.org"
    assert desk.people.persons_by_email("new@example.org") == []


def test_without_an_ine_the_same_email_birth_date_and_name_are_the_same_person(desk: Desk, aws: Any) -> None:
    admitted(desk, a_row(ine=""))
    admitted(desk, a_row(reference="L9", ine=""))
    admitted(desk, a_row(reference="L10"))

    [person] = desk.people.persons_by_email("tenant.1@example.org")

    assert len(desk.people.leases_of_person(person.person_id)) == 3
    assert person.ine == "000000001AB"
    assert desk.people.person_by_ine("000000001AB") == person


def test_two_people_may_share_an_email(desk: Desk) -> None:
    admitted(desk, a_row())
    admitted(desk, a_row(2, email="tenant.1@example.org", given_names="Léa"))

    assert len(desk.people.persons_by_email("tenant.1@example.org")) == 2


@pytest.mark.parametrize("changed", [{"birth_date": "19/01/2000"}, {"family_name": "Martin"}])
def test_an_ine_of_somebody_else_is_refused(desk: Desk, aws: Any, changed: dict[str, str]) -> None:
    admitted(desk, a_row())
    before = items(aws)

    outcome = desk.admissions.admit(a_row(2, ine="000000001AB", **changed), MANAGED)

    assert outcome == Rejected(Column.INE, Fault.INE_OF_ANOTHER_PERSON)
    assert items(aws) == before


def test_a_known_person_with_another_ine_is_refused(desk: Desk) -> None:
    admitted(desk, a_row())

    outcome = desk.admissions.admit(a_row(2, email="tenant.1@example.org"), MANAGED)

    assert outcome == Rejected(Column.INE, Fault.INE_UNLIKE_RECORD)


def test_an_imported_code_is_kept_as_it_is_and_found_however_it_is_typed(desk: Desk, aws: Any) -> None:
    outcome = admitted(desk, a_row(tenant_code="Loc-00123"))

    lease = desk.people.lease_by_code(codes.fold("l0c 00I23")) or pytest.fail("no lease")
    plain = aws.kms.decrypt(CiphertextBlob=lease.code_cipher, EncryptionContext={"lease_id": lease.lease_id})
    assert lease.lease_id == outcome.lease_id
    assert plain["Plaintext"] == b"Loc-00123"
    assert lease.code_tail == "23"


def test_an_imported_code_that_folds_to_one_in_use_is_refused(desk: Desk, aws: Any) -> None:
    admitted(desk, a_row(tenant_code="LOC-00123"))
    before = items(aws)

    outcome = desk.admissions.admit(a_row(2, tenant_code="1oc-OOI23"), MANAGED)

    assert outcome == Rejected(Column.TENANT_CODE, Fault.CODE_TAKEN)
    assert items(aws) == before


def test_an_imported_code_that_would_be_read_as_another_is_refused(desk: Desk) -> None:
    form = CodeFormat(prefix="TIL-")
    formats = CodeFormats((form,), imported="[A-Z0-9]+")
    admissions = replace(desk.admissions, formats=formats)

    outcome = admissions.admit(a_row(tenant_code=form.printed(formats.new(token_bytes))), MANAGED)

    assert outcome == Rejected(Column.TENANT_CODE, Fault.CODE_NOT_EXPECTED)


def test_a_new_code_has_the_form_that_the_operator_chose(desk: Desk, aws: Any) -> None:
    formats = CodeFormats((CodeFormat(length=12, alphabet="0123456789", prefix="TIL-"),))
    outcome = replace(desk.admissions, formats=formats).admit(a_row(), MANAGED)
    assert isinstance(outcome, Created)

    lease = desk.people.lease(outcome.lease_id) or pytest.fail("no lease")
    printed = Decipher(aws.kms, aws.codes_key)(lease)
    assert re.fullmatch(r"TIL-\d{4}-\d{4}-\d{4}", printed)
    assert desk.people.lease_by_code(formats.read(printed)) == lease


def test_an_allocated_code_or_reference_that_is_taken_is_drawn_again(desk: Desk) -> None:
    drawn = [bytes(5), bytes(8), bytes(5), bytes(8), b"\x01" * 5, bytes(8), b"\x02" * 5, b"\x02" * 8]
    script: Iterator[bytes] = iter(drawn)

    def random(size: int) -> bytes:
        return next(script) if size in {5, 8} else __import__("os").urandom(size)

    admissions = replace(desk.admissions, random=random)
    first = admissions.admit(a_row(1), MANAGED)
    second = admissions.admit(a_row(2), MANAGED)

    assert isinstance(first, Created)
    assert isinstance(second, Created)
    assert first.tenant_reference != second.tenant_reference


def test_a_code_made_under_an_older_pepper_is_still_taken(desk: Desk, aws: Any) -> None:
    admitted(desk, a_row(tenant_code="LOC-00123"))
    rotated = '{"current": "2", "1": "' + "p" * 64 + '", "2": "' + "q" * 64 + '"}'
    aws.secrets.put_secret_value(SecretId=aws.pepper_secret, SecretString=rotated)
    pepper = Pepper(Secrets(aws.secrets), aws.pepper_secret)
    admissions = replace(desk.admissions, pepper=pepper, people=People(aws.identity, pepper))

    code_again = admissions.admit(a_row(2, tenant_code="LOC-00123"), MANAGED)
    ine_again = admissions.admit(a_row(reference="L9"), MANAGED)

    assert code_again == Rejected(Column.TENANT_CODE, Fault.CODE_TAKEN)
    assert isinstance(ine_again, Created)
    assert shape(aws)["INE"] == 1


class Interrupted(Exception):
    """The function died."""


@pytest.mark.parametrize("steps", range(4))
def test_whatever_the_moment_an_admission_is_interrupted_nothing_is_half_written(
    desk: Desk, aws: Any, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(steps))

    def dies(*_arguments: object, **_named: object) -> None:
        if next(left, None) is None:
            raise Interrupted

    aws.dynamodb.meta.events.register("before-call.dynamodb", dies, unique_id="dies")
    with pytest.raises(Interrupted):
        desk.admissions.admit(a_row(), MANAGED)
    aws.dynamodb.meta.events.unregister("before-call.dynamodb", unique_id="dies")

    assert items(aws) == []
    admitted(desk, a_row())


def test_an_admission_that_lost_a_race_reads_again_and_finds_the_winner(desk: Desk) -> None:
    stale = desk.admissions.on_record([a_row()])
    winner = admitted(desk, a_row())

    outcome: Outcome = desk.admissions.admit(a_row(), MANAGED, stale)
    sibling = desk.admissions.admit(a_row(reference="L9"), MANAGED, stale)

    assert isinstance(outcome, Unchanged)
    assert outcome.lease_id == winner.lease_id
    assert isinstance(sibling, Created)
    assert len(desk.people.persons_by_email("tenant.1@example.org")) == 1


def test_an_admission_gives_up_when_others_keep_hold_of_its_items(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_arguments: object) -> None:
        raise Contention

    monkeypatch.setattr(People, "admit", held)

    with pytest.raises(Contention):
        desk.admissions.admit(a_row(), MANAGED)


def test_a_collision_says_what_it_met() -> None:
    assert str(AdmissionCollision({Collision.CODE, Collision.INE})) == "CODE, INE"


def test_an_admission_costs_three_calls_once_its_batch_is_read(desk: Desk, aws: Any) -> None:
    rows = [a_row(number) for number in range(1, 11)]
    admitted(desk, a_row(99))
    known = desk.admissions.on_record(rows)
    calls: Counter[str] = Counter()
    for client in (aws.dynamodb, aws.kms, aws.secrets):
        client.meta.events.register("before-call", lambda model, **_: calls.update([model.name]))

    for row in rows:
        desk.admissions.admit(row, MANAGED, known)

    assert calls == {"Query": 10, "Encrypt": 10, "TransactWriteItems": 10}


def test_a_code_that_could_never_sign_in_is_refused_rather_than_kept(desk: Desk) -> None:
    outcome = desk.admissions.admit(a_row(tenant_code="ABCDEFGH"), MANAGED)

    assert outcome == Rejected(Column.TENANT_CODE, Fault.CODE_NOT_EXPECTED)
