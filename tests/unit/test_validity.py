"""Which later paper takes an earlier one's place."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from sesame.domain.certificates import Facts, Kind, Tenancy, residence_facts
from sesame.domain.tenancy import Language
from sesame.domain.validity import REPLACES, replaces
from tests.unit.documents import LEASE, PERSON, RESIDENCE

TODAY = date(2026, 11, 23)


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
