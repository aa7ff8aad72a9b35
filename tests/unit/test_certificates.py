"""What documents state, who may have them, and the codes that prove them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain import codes
from sesame.domain.certificates import (
    Issue,
    Reason,
    Refused,
    Tenancy,
    canonical,
    document_number,
    entry_facts,
    facts_digest,
    read_verification_code,
    residence_facts,
    verification_code,
)
from sesame.domain.journal import Allocation, Standing
from sesame.domain.notices import Notice, notice_for
from sesame.domain.receipts import (
    Adjustment,
    PeriodStanding,
    Settlement,
    part_payment_facts,
    period_standing,
    receipt_facts,
    still_holds,
)
from sesame.domain.tenancy import Landlord, Language, Lease, LeaseStatus, Person, Residence
from sesame.domain.terms import amended

LANDLORD = Landlord(
    name="Résidences Horizon",
    address=("12 avenue du Général-Leclerc", "75014 Paris"),
    siret="81234567800012",
    signatory="Hélène Garnier",
    signatory_title="Directrice",
)
RESIDENCE = Residence(
    residence_id="jean-zay",
    name="Jean-Zay",
    address=("2 allée Jean-Zay",),
    postal_code="92160",
    city="Antony",
    time_zone="Europe/Paris",
    landlord=LANDLORD,
)
PERSON = Person(
    person_id="p1",
    family_name="D'Almeida",
    given_names="Chloé",
    birth_date=date(2004, 11, 10),
    ine="170669074DK",
    email="chloe@example.org",
)
TODAY = date(2026, 11, 23)
ISSUE = Issue(
    on=TODAY,
    at=datetime(2026, 11, 23, 9, tzinfo=UTC),
    number="2026-7K3M-9QZ2",
    verification_code="7K3M9QZ20XWH4TBC",
)


def lease(**changes: Any) -> Lease:
    """Chloé's lease from September to August."""
    described: dict[str, Any] = {
        "lease_id": "l1",
        "person_id": "p1",
        "residence_id": "jean-zay",
        "reference": "L0100000",
        "tenant_reference": "48213",
        "room": "B434",
        "starts_on": date(2026, 9, 1),
        "ends_on": date(2027, 8, 31),
        "rent_cents": 47_468,
        "charges_cents": 5_182,
        "deposit_cents": 47_468,
        "code_tail": "K7",
        "code_cipher": b"cipher",
        "code_hash": "1:hash",
    }
    return Lease(**described | changes)


def tenancy(*, language: Language = Language.FRENCH, **changes: Any) -> Tenancy:
    """Chloé in Jean-Zay."""
    return Tenancy(person=PERSON, lease=lease(**changes), residence=RESIDENCE, language=language)


def october(*paid_cents: int) -> PeriodStanding:
    """October, 526.50 euros, and what came in for it, day after day."""
    return PeriodStanding(
        period="2026-10",
        starts_on=date(2026, 10, 1),
        ends_on=date(2026, 10, 31),
        rent_cents=47_468,
        charges_cents=5_182,
        settlements=[
            Settlement(received_on=date(2026, 10, 3 + number), amount_cents=cents, method="card")
            for number, cents in enumerate(paid_cents)
        ],
    )


def refusal(call: Any, *arguments: Any) -> Refused:
    """What a refused call says."""
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value


def test_a_receipt_needs_the_whole_period_to_be_paid() -> None:
    refused = refusal(receipt_facts, tenancy(), october(40_000))

    assert refused.reason is Reason.NOT_PAID_IN_FULL
    assert refused.outstanding_cents == 12_650


def test_a_receipt_states_rent_and_charges_apart_and_every_payment_date() -> None:
    facts = receipt_facts(tenancy(), october(40_000, 12_650))

    assert facts["period"]["rent_cents"] == 47_468
    assert facts["period"]["charges_cents"] == 5_182
    assert [paid["received_on"] for paid in facts["period"]["settlements"]] == ["2026-10-03", "2026-10-04"]
    assert facts["code_tail"] == "K7"


def test_a_period_that_was_credited_in_full_gives_no_receipt_of_nothing() -> None:
    credited = replace(october(), adjustments=(Adjustment(amount_cents=-52_650),))

    for facts in (receipt_facts, part_payment_facts):
        assert refusal(facts, tenancy(), credited).reason is Reason.CREDITED_IN_FULL


def test_a_month_of_two_rooms_names_both_with_their_days() -> None:
    moved = amended(lease(), date(2026, 10, 16), room="C101", rent_cents=60_000)
    notice = notice_for(moved, RESIDENCE, "2026-10")
    assert notice is not None
    paid = standing_of(notice, allocation(notice.amount_cents, datetime(2026, 10, 4, 9, tzinfo=UTC)))

    standing = period_standing(notice, paid, ZoneInfo("Europe/Paris"))

    facts = receipt_facts(tenancy(), standing)
    assert facts["period"]["rooms"] == [
        {"room": "B434", "starts_on": "2026-10-01", "ends_on": "2026-10-15"},
        {"room": "C101", "starts_on": "2026-10-16", "ends_on": "2026-10-31"},
    ]
    assert still_holds(facts, standing, (), ZoneInfo("Europe/Paris"))
    assert not still_holds(facts, replace(standing, rooms=()), (), ZoneInfo("Europe/Paris"))
    assert "rooms" not in receipt_facts(tenancy(), october(52_650))["period"]


def test_a_period_without_a_notice_gives_no_receipt_of_either_kind() -> None:
    assert refusal(receipt_facts, tenancy(), None).reason is Reason.NO_NOTICE
    assert refusal(part_payment_facts, tenancy(), None).reason is Reason.NO_NOTICE


def test_a_part_payment_receipt_says_what_came_in_and_what_is_still_owed() -> None:
    facts = part_payment_facts(tenancy(), october(40_000))

    assert facts["period"]["received_cents"] == 40_000
    assert facts["period"]["outstanding_cents"] == 12_650


def test_a_part_payment_receipt_is_refused_where_nothing_came_in_or_a_full_receipt_is_due() -> None:
    assert refusal(part_payment_facts, tenancy(), october()).reason is Reason.NOTHING_RECEIVED
    assert refusal(part_payment_facts, tenancy(), october(52_650)).reason is Reason.PAID_IN_FULL


@pytest.mark.parametrize(
    ("day", "stay"),
    [
        (date(2026, 8, 31), "future"),
        (date(2026, 9, 1), "current"),
        (date(2027, 8, 31), "current"),
        (date(2027, 9, 1), "past"),
    ],
)
def test_a_residence_certificate_says_whether_the_stay_is_to_come_current_or_over(
    day: date, stay: str
) -> None:
    assert residence_facts(tenancy(), as_of=day)["stay"] == stay


def test_a_stay_that_was_closed_early_is_over_for_a_residence_certificate() -> None:
    assert residence_facts(tenancy(status=LeaseStatus.CLOSED), as_of=TODAY)["stay"] == "past"


def test_a_cancelled_lease_gives_no_document() -> None:
    cancelled = tenancy(status=LeaseStatus.CANCELLED)

    for call in (
        lambda: residence_facts(cancelled, as_of=TODAY),
        lambda: receipt_facts(cancelled, october(52_650)),
        lambda: part_payment_facts(cancelled, october(1)),
        lambda: entry_facts(cancelled),
    ):
        assert refusal(call).reason is Reason.LEASE_CANCELLED


def test_post_code_and_city_are_printed_once_whether_or_not_the_address_has_them() -> None:
    assert residence_facts(tenancy(), as_of=TODAY)["residence"]["address"] == [
        "2 allée Jean-Zay",
        "92160 Antony",
    ]


def test_neither_code_nor_contact_nor_ine_is_among_the_facts() -> None:
    for facts in (
        entry_facts(tenancy()),
        residence_facts(tenancy(), as_of=TODAY),
        receipt_facts(tenancy(), october(52_650)),
    ):
        text = canonical(facts)
        for secret in ("cipher", "1:hash", "170669074DK", "chloe@example.org"):
            assert secret not in text


def test_the_same_facts_have_the_same_digest_and_other_facts_another() -> None:
    facts = receipt_facts(tenancy(), october(52_650))

    assert facts_digest(facts) == facts_digest(dict(reversed(facts.items())))
    assert facts_digest(facts) != facts_digest(receipt_facts(tenancy(), october(52_000, 650)))
    assert facts_digest(facts) != facts_digest(
        receipt_facts(tenancy(language=Language.ENGLISH), october(52_650))
    )


def test_a_residence_certificate_of_another_day_is_another_document() -> None:
    today = residence_facts(tenancy(), as_of=TODAY)
    tomorrow = residence_facts(tenancy(), as_of=date(2026, 11, 24))

    assert facts_digest(today) != facts_digest(tomorrow)


def test_a_new_tenant_code_makes_another_entry_document() -> None:
    facts = entry_facts(tenancy())

    assert facts_digest(facts, secret="1:hash") != facts_digest(facts, secret="1:other")


def test_a_payment_date_is_the_day_on_the_residences_wall() -> None:
    notice = notice_of("2026-10")
    late_evening_utc = datetime(2026, 10, 4, 21, 0, tzinfo=UTC)
    standing = standing_of(notice, allocation(notice.amount_cents, late_evening_utc))

    in_tahiti = period_standing(notice, standing, ZoneInfo("Pacific/Tahiti"))
    in_reunion = period_standing(notice, standing, ZoneInfo("Indian/Reunion"))

    assert in_tahiti.settlements[0].received_on == date(2026, 10, 4)
    assert in_reunion.settlements[0].received_on == date(2026, 10, 5)


def test_a_corrected_notice_shows_the_correction_as_a_line_of_its_own() -> None:
    notice = notice_of("2026-10")
    corrected = Standing(
        entry_id="notice:2026-10",
        period="2026-10",
        due_on=notice.due_on,
        amount_cents=notice.amount_cents - 1_000,
        effective_at=datetime(2026, 10, 1, tzinfo=UTC),
        allocations=(),
    )

    standing = period_standing(notice, corrected, ZoneInfo("Europe/Paris"))

    assert standing.total_cents == corrected.amount_cents
    assert [line.amount_cents for line in standing.adjustments] == [-1_000]


def notice_of(period: str) -> Notice:
    """Chloé's notice."""
    notice = notice_for(lease(), RESIDENCE, period)
    assert notice is not None
    return notice


def allocation(cents: int, received_at: datetime) -> Allocation:
    """A credit's part."""
    return Allocation(
        credit_id="payment:1", amount_cents=cents, received_at=received_at, allocated_at=received_at
    )


def standing_of(notice: Notice, *allocations: Allocation) -> Standing:
    """A notice and what pays it."""
    return Standing(
        entry_id=f"notice:{notice.period}",
        period=notice.period,
        due_on=notice.due_on,
        amount_cents=notice.amount_cents,
        effective_at=datetime(2026, 10, 1, tzinfo=UTC),
        allocations=allocations,
    )


@given(st.binary(min_size=10, max_size=10))
def test_a_verification_code_is_read_back_however_it_is_typed(raw: bytes) -> None:
    code = verification_code(raw)
    printed = codes.printed(code)

    assert len(printed) == 19
    for typed in (printed, printed.lower(), code, printed.replace("-", " "), f"  {printed} "):
        assert read_verification_code(typed) == code
    confused = printed.replace("0", "O").replace("1", "l")
    assert read_verification_code(confused) == code


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_other_random_bits_give_another_code(one: bytes, other: bytes) -> None:
    assert (verification_code(one) == verification_code(other)) == (one == other)


@pytest.mark.parametrize(
    "typed", ["", "7K3M", "7K3M-9QZ2-0XWH-4TB", "7K3M-9QZ2-0XWH-4TBU", "é" * 16, "7" * 400]
)
def test_what_cannot_be_a_verification_code_is_none(typed: str) -> None:
    assert read_verification_code(typed) is None


def test_a_document_number_names_the_year_and_opens_nothing() -> None:
    assert document_number("0123456789abcdefgh7k3m9qz2", TODAY) == "2026-7K3M-9QZ2"
