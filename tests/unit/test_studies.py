"""What a row means beside those that were taken before it, and through which leases a year is told."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.studies import MOST_APPLIED, Applied, Word, leases_of_year, word
from sesame.domain.tenancy import Lease, LeaseStatus
from tests.unit.documents import LEASE

START = datetime(2026, 10, 1, tzinfo=UTC)


def row(says: str, day: int) -> Applied:
    """A row of the file that came on a day."""
    return Applied(digest=says, import_id=f"import-{day}", sent_at=START + timedelta(days=day))


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_the_last_word_of_files_that_come_in_order_stands_and_a_file_again_changes_nothing(
    said: list[str],
) -> None:
    applied: list[Applied] = []
    for day, says in enumerate(said):
        one = row(says, day)
        if word(applied, one, file_is_new=True) is Word.NEWS:
            applied = [*applied, one][-MOST_APPLIED:]

        assert applied[-1].digest == says
        assert word(applied, one, file_is_new=True) is not Word.NEWS

    for day, says in enumerate(said):
        known = says in {one.digest for one in applied}
        late, again = row(says, day), row(says, len(said) + day)
        assert late == applied[-1] or word(applied, late, file_is_new=True) is not Word.NEWS
        assert not known or word(applied, again, file_is_new=False) is not Word.NEWS


def test_a_row_of_an_older_file_that_is_worked_late_is_overtaken() -> None:
    assert word([row("b", 2)], row("a", 1), file_is_new=True) is Word.OVERTAKEN
    assert word([row("b", 2)], row("b", 1), file_is_new=True) is Word.SAID
    assert word([row("a", 1), row("b", 2)], row("a", 3), file_is_new=False) is Word.OVERTAKEN
    assert word([row("a", 1), row("b", 2)], row("a", 3), file_is_new=True) is Word.NEWS
    assert word([row("a", 1), row("b", 2)], row("a", 1), file_is_new=True) is Word.REPEATED


def lease(starts: str, ends: str, **changed: Any) -> Lease:
    """A lease of somebody between two days."""
    return replace(LEASE, starts_on=date.fromisoformat(starts), ends_on=date.fromisoformat(ends), **changed)


FIRST, SECOND = lease("2024-09-01", "2025-06-30"), lease("2026-09-01", "2027-08-31")


@pytest.mark.parametrize(
    ("year", "through"),
    [
        ("2022-2023", [FIRST]),  # known of somebody before they come
        ("2024-2025", [FIRST]),
        ("2025-2026", [FIRST]),  # asked for while they lived there
        ("2026-2027", [SECOND]),
        ("2027-2028", [SECOND]),
    ],
)
def test_a_year_is_told_through_the_leases_that_lived_in_it_or_the_last_one_before(
    year: str, through: list[Lease]
) -> None:
    cancelled = lease("2025-09-01", "2026-08-31", status=LeaseStatus.CANCELLED)

    assert leases_of_year([FIRST, cancelled, SECOND], year) == through


def test_who_moves_within_a_year_is_told_of_through_both_leases() -> None:
    moved = lease("2027-02-01", "2027-08-31")

    assert leases_of_year([SECOND, moved], "2026-2027") == [SECOND, moved]
    assert leases_of_year([], "2026-2027") == []
