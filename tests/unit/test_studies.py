"""What a row of a university or a social service means beside those that were taken before it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.studies import MOST_APPLIED, Applied, Word, word

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
