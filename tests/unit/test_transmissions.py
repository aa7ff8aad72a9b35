"""What is sent to the CAF and universities: the rule of unpaid rent, what a correction says, the files."""

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.codes import new_tenant_reference
from sesame.domain.csv_files import Encoding
from sesame.domain.file_faults import Fault
from sesame.domain.journal import Outstanding
from sesame.domain.transmission_files import (
    COMMON,
    FORMATS,
    HEADINGS,
    file_reference,
    read_acknowledgements,
    read_file_reference,
)
from sesame.domain.transmissions import (
    GROUNDS,
    Basis,
    Change,
    Difference,
    Row,
    RowState,
    Said,
    TransmissionKind,
    Value,
    differences,
    unpaid,
)


def codes_of(number: int) -> str:
    """A tenant reference."""
    return new_tenant_reference(lambda size: bytes([number]) * size)


ID = "0123456789abcdefghjkmnpqrs"
A, B, C = (codes_of(n) for n in (1, 2, 3))


def owed(period: str, day: int, cents: int, paid: int = 0) -> Outstanding:
    year, month = map(int, period.split("-"))
    return Outstanding(
        entry_id=f"notice:{period}",
        period=period,
        due_on=date(year, month, day),
        amount_cents=cents,
        paid_cents=paid,
        issued_at=datetime(year, month, 1, tzinfo=UTC),
    )


def test_rent_is_unpaid_from_twice_what_a_month_costs_the_tenant_as_the_caf_explains_it() -> None:
    # the CAF's own example: rent 280, charges 20, aid 50 -> unpaid from 500
    below = unpaid([owed("2026-09", 10, 49_999)], monthly_cents=30_000, aid_cents=5_000, period="2026-09")
    at = unpaid([owed("2026-09", 10, 50_000)], monthly_cents=30_000, aid_cents=5_000, period="2026-09")

    assert below is None
    assert at is not None
    assert (at.owed_cents, at.threshold_cents, at.months) == (50_000, 50_000, 1)


def test_it_is_unpaid_since_the_due_day_that_reached_it_and_must_be_told_within_two_months() -> None:
    debts = [owed("2026-11", 10, 30_000), owed("2026-10", 10, 30_000, paid=5_000), owed("2026-12", 10, 1)]

    found = unpaid(debts, monthly_cents=30_000, aid_cents=3_000, period="2026-11")

    assert found is not None
    assert (found.owed_cents, found.months) == (55_000, 2)
    assert (found.oldest_due_on, found.since) == (date(2026, 10, 10), date(2026, 11, 10))
    assert found.report_by == date(2027, 1, 10)


def charge(kind: str, day: int, cents: int) -> Outstanding:
    """What is owed beside rent: a surcharge of a month, keys that were lost."""
    return replace(owed("2026-10", day, cents), entry_id=kind, period=None)


def test_only_rent_is_told_neither_surcharges_nor_what_staff_charged() -> None:
    rent = [owed("2026-10", 10, 40_000), owed("2026-11", 10, 40_000)]
    beside = [
        charge("surcharge:notice:2026-10", 20, 1_000),
        charge("surcharge:notice:2026-11", 20, 1_000),
        charge("adjustment:keys", 1, 9_000),
    ]

    alone = unpaid(rent, monthly_cents=45_000, aid_cents=5_000, period="2026-11")
    both = unpaid([*rent, *beside], monthly_cents=45_000, aid_cents=5_000, period="2026-11")
    short = unpaid([*rent[:1], *beside], monthly_cents=30_000, aid_cents=9_000, period="2026-11")

    assert both == alone
    assert both is not None
    assert (both.owed_cents, both.months, both.oldest_due_on) == (80_000, 2, date(2026, 10, 10))
    assert short is None


def test_a_month_that_costs_its_tenant_nothing_makes_no_unpaid_rent() -> None:
    debts = [owed("2026-10", 10, 100)]

    assert unpaid(debts, monthly_cents=45_000, aid_cents=45_000, period="2026-10") is None
    assert unpaid(debts, monthly_cents=45_000, aid_cents=130_000, period="2026-10") is None


@given(st.lists(st.integers(1, 60_000), max_size=6), st.integers(1, 50_000), st.integers(0, 60_000))
def test_what_is_told_is_always_at_least_the_threshold_and_what_is_not_always_below(
    amounts: list[int], monthly: int, aid: int
) -> None:
    debts = [owed(f"2026-{month:02}", 10, cents) for month, cents in enumerate(amounts, 1)]

    found = unpaid(debts, monthly_cents=monthly, aid_cents=aid, period="2026-12")

    threshold = 2 * max(0, monthly - aid)
    assert (found is not None) == (threshold > 0 and sum(amounts) >= threshold)


ROWS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), max_size=6)


def rows_of(state: dict[str, int]) -> list[Row]:
    return [Row(reference=one, lease_id=one, values={"amount_unpaid": n}) for one, n in state.items()]


def after(said: dict[str, Said], changes: Iterable[Difference]) -> dict[str, Said]:
    held = dict(said)
    for one in changes:
        if one.change is Change.WITHDRAWN:
            del held[one.row.reference]
        else:
            row = one.row
            held[row.reference] = Said(reference=row.reference, lease_id=row.lease_id, digest=row.digest)
    return held


@given(st.lists(ROWS, max_size=5))
def test_however_often_it_is_built_the_recipient_holds_what_is_so_and_a_repeat_says_nothing(
    states: list[dict[str, int]],
) -> None:
    said: dict[str, Said] = {}
    for state in states:
        said = after(said, differences(said, rows_of(state)))

        assert {one: of.digest for one, of in said.items()} == {r.reference: r.digest for r in rows_of(state)}
        assert differences(said, rows_of(state)) == []


def test_whose_tenant_was_erased_is_not_taken_back() -> None:
    said = after({}, differences({}, rows_of({"a": 1, "b": 1})))

    assert [one.row.reference for one in differences(said, [], left_alone=frozenset({"a"}))] == ["b"]


@pytest.mark.parametrize("kind", TransmissionKind)
def test_a_file_names_its_columns_neutralises_its_cells_and_says_its_encoding(kind: TransmissionKind) -> None:
    values = {
        heading.name: "=cmd|'/C calc'!A0" for heading in HEADINGS[kind] if heading.name == "family_name"
    }
    row = Row(reference="1234567890", lease_id="l", values=values)

    written = FORMATS[kind].write(kind, file_reference(ID, 2), [Difference(change=Change.CHANGED, row=row)])

    assert written.encoding == Encoding.UTF_8_BOM
    lines = list(csv.reader(io.StringIO(written.data.decode("utf-8-sig")), delimiter=";"))
    assert lines[0] == [*COMMON, *(heading.title for heading in HEADINGS[kind])]
    assert lines[1][:3] == [f"{ID}-2", "1234567890", "modification"]
    assert "'=cmd|'/C calc'!A0" in lines[1]
    assert len({len(line) for line in lines}) == 1


def test_amounts_days_and_months_are_written_as_the_caf_reads_them() -> None:
    kind = TransmissionKind.UNPAID_RENT
    values: dict[str, Value] = {
        "amount_unpaid": 123_405,
        "unpaid_since": date(2026, 11, 10),
        "period": "2026-11",
    }
    row = Row(reference="1234567890", lease_id="l", values=values)

    written = FORMATS[kind].write(kind, "x", [Difference(change=Change.NEW, row=row)])

    [line] = list(csv.DictReader(io.StringIO(written.data.decode("utf-8-sig")), delimiter=";"))
    assert (line["Montant impayé"], line["Impayé constitué le"], line["Mois"]) == (
        "1234,05",
        "10/11/2026",
        "11/2026",
    )


@given(st.integers(1, 999))
def test_a_files_reference_reads_back(number: int) -> None:
    assert read_file_reference(file_reference(ID, number).upper()) == (ID, number)


def test_an_acknowledgement_says_row_by_row_and_what_cannot_be_read_is_told() -> None:
    text = (
        "Transmission;Référence locataire;Statut;Motif\r\n"
        f"{ID}-1;{A};Accepté;\r\n"
        f"{ID}-1;{B};REJETÉ;Allocataire inconnu\r\n"
        f"{ID}-1;{A};Rejeté;deux fois\r\n"
        f"nothing;{A};ok;\r\n"
        f"{ID}-1;{C};peut-être;\r\n"
    )

    file = read_acknowledgements(text.encode("cp1252"))

    assert [(row.reference, row.state, row.reason) for row in file.rows] == [
        (A, RowState.ACCEPTED, ""),
        (B, RowState.REJECTED, "Allocataire inconnu"),
    ]
    assert [(one.line, one.fault) for one in file.problems] == [
        (4, Fault.REPEATED_ROW),
        (5, Fault.UNKNOWN_TRANSMISSION),
        (6, Fault.BAD_ACKNOWLEDGEMENT),
    ]


def test_every_kind_has_a_ground_and_only_consent_can_be_refused() -> None:
    assert set(GROUNDS) == set(TransmissionKind) == set(HEADINGS) == set(FORMATS)
    assert [kind for kind, of in GROUNDS.items() if of.basis is Basis.CONSENT] == ["housing_confirmations"]
    assert all(set(of.why) == {"fr", "en"} and of.law for of in GROUNDS.values())
