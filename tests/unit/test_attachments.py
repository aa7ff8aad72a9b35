"""Attachments' names, and how often somebody may do something."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.allowances import Allowance, kept, wait
from sesame.domain.attachments import MAX_NAME, WHY_REFUSED, disposition, readable_name, saved_name
from sesame.domain.file_contents import FileFault, FileType

NOW = datetime(2026, 9, 2, 8, tzinfo=UTC)
ALLOWED = (
    Allowance(most=3, within=timedelta(minutes=10)),
    Allowance(most=5, within=timedelta(hours=1)),
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("fuite.jpg", "fuite.jpg"),
        ("C:\\fakepath\\fuite d'eau.jpg", "fuite d'eau.jpg"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nContent-Type: text/html", "html"),
        ("gpj.\u202egnp.exe", "gpj. gnp.exe"),
        ("...", "document"),
        ("e\u0301te\u0301.pdf", "été.pdf"),
        ("\ud800.pdf", "pdf"),
        (f"{'a' * 300}.pdf", f"{'a' * (MAX_NAME - 4)}.pdf"),
    ],
)
def test_a_name_is_one_line_without_a_path_or_a_trick(typed: str, kept: str) -> None:
    assert readable_name(typed) == kept


@given(st.text(max_size=200))
def test_any_name_becomes_one_that_can_be_kept_and_told(typed: str) -> None:
    name = readable_name(typed)

    assert 0 < len(name) <= MAX_NAME
    assert readable_name(name) == name
    header = disposition(saved_name(name, FileType.PDF))
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("a.jpeg", "a.png"),
        ("a.exe", "a.exe.png"),
        (".jpg", ".jpg.png"),
        ("a", "a.png"),
        ("a.b.PDF", "a.b.png"),
    ],
)
def test_a_file_is_saved_with_the_ending_of_what_it_is(name: str, saved: str) -> None:
    assert saved_name(name, FileType.PNG) == saved


def test_every_reason_is_told_in_both_languages() -> None:
    assert set(WHY_REFUSED) == set(FileFault)
    assert all(words.keys() == {"fr", "en"} and all(words.values()) for words in WHY_REFUSED.values())


@given(st.lists(st.integers(0, 7_200), max_size=12))
def test_who_waits_as_long_as_told_and_no_longer_may_do_it_once_more(seconds: list[int]) -> None:
    moments = [NOW - timedelta(seconds=second) for second in seconds]
    waits = wait(moments, ALLOWED, NOW)

    assert wait(moments, ALLOWED, NOW + waits) == timedelta(0)
    if waits:
        assert wait(moments, ALLOWED, NOW + waits - timedelta(microseconds=1)) > timedelta(0)
    assert wait(kept(moments, ALLOWED, NOW), ALLOWED, NOW) == waits


@given(st.lists(st.integers(1, 900), min_size=20, max_size=20))
def test_nobody_does_it_more_often_than_allowed_within_any_while(pauses: list[int]) -> None:
    done: list[datetime] = []
    now = NOW
    for pause in pauses:
        now += timedelta(seconds=pause)
        if not wait(done, ALLOWED, now):
            done.append(now)

    for allowance in ALLOWED:
        for moment in done:
            assert sum(moment - allowance.within < one <= moment for one in done) <= allowance.most
