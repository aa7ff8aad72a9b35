"""Which later paper takes an earlier one's place."""

from dataclasses import replace
from datetime import UTC, date
from typing import Any

import pytest

from sesame.domain.caf import caf_facts
from sesame.domain.certificates import Facts, Kind, Tenancy, residence_facts
from sesame.domain.receipts import receipt_facts
from sesame.domain.standings import end_of_stay_facts, up_to_date_facts
from sesame.domain.tenancy import Language, Lease, LeaseStatus, RoomSurface
from sesame.domain.terms import amended, as_of, ending
from sesame.domain.validity import PROOFS_OF_STAY, REPLACES, proves_more_than, replaces
from tests.unit.documents import LEASE, PERSON, RESIDENCE, october

TODAY = date(2026, 11, 23)
ANYWHERE = replace(
    RESIDENCE,
    documents=replace(
        RESIDENCE.documents,
        caf=replace(
            RESIDENCE.documents.caf,
            surfaces=(
                RoomSurface(rooms="B1*", square_decimetres=1_200),
                RoomSurface(rooms="B4*", square_decimetres=1_850),
            ),
        ),
    ),
)


def facts_of(*, language: Language = Language.FRENCH, as_of: date = TODAY, **lease: Any) -> Facts:
    """A residence certificate."""
    tenancy = Tenancy(person=PERSON, lease=replace(LEASE, **lease), residence=RESIDENCE, language=language)
    return residence_facts(tenancy, as_of=as_of)


def test_the_same_facts_on_another_day_or_in_another_language_leave_the_earlier_paper_true() -> None:
    assert not replaces(facts_of(as_of=date(2026, 12, 1)), facts_of())
    assert not replaces(facts_of(language=Language.ENGLISH), facts_of())
    assert not replaces(facts_of(as_of=date(2026, 12, 1)), facts_of(as_of=date(2026, 8, 1)))


@pytest.mark.parametrize("changed", [{"room": "C001"}, {"ends_on": date(2027, 1, 31)}])
def test_changed_facts_take_the_earlier_papers_place(changed: dict[str, Any]) -> None:
    assert replaces(facts_of(**changed), facts_of())


def test_a_receipt_takes_the_place_of_part_receipts_and_of_no_other_kind() -> None:
    def of(kind: Kind) -> Facts:
        return {"kind": kind.value, "period": {"period": "2026-09"}}

    assert replaces(of(Kind.RECEIPT), of(Kind.PART_PAYMENT_RECEIPT))
    assert not replaces(of(Kind.RECEIPT), of(Kind.RESIDENCE_CERTIFICATE))
    assert not replaces(of(Kind.RECEIPT), of(Kind.RECEIPT))
    assert Kind.STATEMENT_OF_ACCOUNT not in REPLACES


def test_who_signs_and_how_a_code_ends_are_no_reason_to_replace_a_paper() -> None:
    successor = replace(
        RESIDENCE.landlord, signatory="Paul Martin", signatory_title="Directeur", address=("1 rue Neuve",)
    )
    before = Tenancy(person=PERSON, lease=LEASE, residence=RESIDENCE, language=Language.FRENCH)
    after = replace(
        before,
        lease=replace(LEASE, code_tail="K7"),
        residence=replace(RESIDENCE, landlord=successor),
    )

    assert not replaces(residence_facts(after, as_of=TODAY), residence_facts(before, as_of=TODAY))
    assert not replaces(receipt_facts(after, october(123_450)), receipt_facts(before, october(123_450)))
    sold = replace(after, residence=replace(RESIDENCE, landlord=replace(successor, siret="1" * 14)))
    assert replaces(residence_facts(sold, as_of=TODAY), residence_facts(before, as_of=TODAY))


MOVE = date(2027, 1, 1)
MOVED = amended(LEASE, MOVE, room="B101")
BEFORE, AFTER = date(2026, 11, 23), date(2027, 2, 1)


def proof(kind: Kind, lease: Lease, day: date) -> Facts:
    """What a paper of a kind would say that day."""
    who = Tenancy(person=PERSON, lease=as_of(lease, day), residence=ANYWHERE, language=Language.FRENCH)
    match kind:
        case Kind.RESIDENCE_CERTIFICATE:
            return residence_facts(who, as_of=day)
        case Kind.CAF_RENT_CERTIFICATE:
            return caf_facts(who, as_of=day, overdue_cents=0)
        case Kind.UP_TO_DATE_CERTIFICATE:
            return up_to_date_facts(who, (), as_of=day)
    over = replace(who, lease=replace(who.lease, status=LeaseStatus.CLOSED))
    return end_of_stay_facts(over, (), as_of=day, wall=UTC)


EVERY_PROOF = sorted(PROOFS_OF_STAY)


@pytest.mark.parametrize("kind", EVERY_PROOF)
def test_a_room_change_ends_what_names_the_old_room_for_days_that_are_no_longer_in_it(kind: Kind) -> None:
    assert proves_more_than(MOVED, proof(kind, LEASE, BEFORE), BEFORE)
    assert proves_more_than(MOVED, proof(kind, LEASE, BEFORE), AFTER)


@pytest.mark.parametrize("kind", EVERY_PROOF)
@pytest.mark.parametrize("day", [BEFORE, MOVE, AFTER])
def test_a_paper_that_knows_of_the_move_stays_true_before_and_after_it(kind: Kind, day: date) -> None:
    facts = proof(kind, MOVED, day)

    for today in (BEFORE, MOVE, AFTER):
        assert not proves_more_than(MOVED, facts, today)


@pytest.mark.parametrize("kind", EVERY_PROOF)
def test_a_move_that_is_called_off_ends_what_told_of_it(kind: Kind) -> None:
    assert proves_more_than(LEASE, proof(kind, MOVED, BEFORE), BEFORE)


@pytest.mark.parametrize("kind", EVERY_PROOF)
def test_another_rent_ends_no_proof_of_a_stay(kind: Kind) -> None:
    dearer = amended(LEASE, MOVE, rent_cents=130_000)

    assert not proves_more_than(dearer, proof(kind, LEASE, BEFORE), AFTER)


@pytest.mark.parametrize(
    ("kind", "shorter", "longer"),
    [
        (Kind.RESIDENCE_CERTIFICATE, True, False),
        (Kind.CAF_RENT_CERTIFICATE, True, False),
        (Kind.UP_TO_DATE_CERTIFICATE, False, False),
        (Kind.END_OF_STAY_CERTIFICATE, True, True),
    ],
)
def test_another_last_day_ends_what_says_more_and_of_a_stay_that_is_over_whatever_says_another(
    kind: Kind, shorter: bool, longer: bool
) -> None:
    facts = proof(kind, LEASE, BEFORE)

    assert proves_more_than(ending(LEASE, date(2027, 6, 30)), facts, BEFORE) is shorter
    assert proves_more_than(ending(LEASE, date(2028, 8, 31)), facts, BEFORE) is longer


def test_after_a_move_the_entry_into_the_room_is_dated_apart_from_that_into_the_residence() -> None:
    facts = proof(Kind.RESIDENCE_CERTIFICATE, MOVED, AFTER)

    assert (facts["lease"]["room"], facts["lease"]["starts_on"]) == ("B101", "2026-09-01")
    assert facts["room_since"] == "2027-01-01"
    assert facts["rooms"] == [
        {"room": "B434", "starts_on": "2026-09-01", "ends_on": "2026-12-31"},
        {"room": "B101", "starts_on": "2027-01-01", "ends_on": "2027-08-31"},
    ]
    ahead = proof(Kind.RESIDENCE_CERTIFICATE, MOVED, BEFORE)
    assert (ahead["lease"]["room"], ahead["room_since"]) == ("B434", "2026-09-01")
    assert "rooms" not in proof(Kind.RESIDENCE_CERTIFICATE, LEASE, AFTER)


def test_the_cafs_certificate_has_the_rent_of_the_entry_and_the_room_of_today() -> None:
    dearer = amended(MOVED, AFTER, rent_cents=150_000, charges_cents=9_000)

    facts = proof(Kind.CAF_RENT_CERTIFICATE, dearer, date(2027, 3, 15))

    assert facts["rent"] == {
        "monthly_rent_cents": LEASE.rent_cents,
        "monthly_charges_cents": LEASE.charges_cents,
        "entry_month": "2026-09",
        "entry_month_rent_cents": LEASE.rent_cents,
        "entry_month_charges_cents": LEASE.charges_cents,
    }
    assert (facts["lease"]["room"], facts["caf"]["surface_dm2"]) == ("B101", 1_200)
