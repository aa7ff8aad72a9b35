"""E-mails: the same facts in text and HTML, in the reader's language, with nothing loaded and nothing run."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from html import unescape
from typing import Any

import pytest
from jinja2 import UndefinedError

from sesame.domain.lease_life import LifeEvent
from sesame.domain.notices import LineKind, NoticeLine
from sesame.domain.sms import is_gsm7, segments
from sesame.domain.tenancy import DocumentSettings, Landlord, Language, Lease, Person, RentWord, Residence
from sesame.notifications.letters import (
    _TEMPLATES,
    Letter,
    LetterKind,
    day,
    money,
    of_month,
    short_day,
    write_letter,
    write_text,
)
from sesame.services.lease_life import TOLD
from sesame.services.notice_letters import ToldNotice
from sesame.store.audit import ActorKind
from sesame.store.lease_changes import LeaseChange

FRENCH, ENGLISH = Language.FRENCH, Language.ENGLISH
RESIDENCE = Residence(
    residence_id="jean-zay-92160",
    name="Jean-Zay",
    address=("2 allée Jean-Zay",),
    postal_code="92160",
    city="Antony",
    time_zone="Europe/Paris",
    landlord=Landlord(name="Opérateur d'essai", address=()),
    desk_contact="01 23 45 67 89",
)
PERSON = Person(
    person_id="p",
    family_name="D'Almeida",
    given_names="Chloé",
    birth_date=date(2003, 11, 10),
    email="c@x.org",
)
LEASE = Lease(
    lease_id="l",
    person_id="p",
    residence_id=RESIDENCE.residence_id,
    reference="L1",
    tenant_reference="T-4821",
    room="B434",
    starts_on=date(2026, 9, 1),
    ends_on=date(2027, 8, 31),
    rent_cents=47_468,
    charges_cents=5_182,
    deposit_cents=0,
    code_tail="7K",
    code_cipher=b"",
    code_hash="",
)


@dataclass(frozen=True)
class Debt:
    period: str
    due_on: date
    unpaid_cents: int
    instalment: int | None = None
    kind: str = "rent"


SEPTEMBER = Debt("2026-09", date(2026, 9, 10), 52_650)
OCTOBER = Debt("2026-10", date(2026, 10, 10), 52_650)
LINE = NoticeLine(
    kind=LineKind.RENT,
    starts_on=date(2026, 9, 1),
    ends_on=date(2026, 9, 30),
    monthly_cents=52_650,
    amount_cents=52_650,
)
SHARED: dict[str, Any] = {
    "person": PERSON,
    "residence": RESIDENCE,
    "lease": LEASE,
    "message_id": "m" * 26,
    "portal_url": "https://sesame.example",
}


def reminder(today: date, *debts: Debt, tone: str = "courtesy", **more: Any) -> dict[str, Any]:
    overdue = [debt.unpaid_cents for debt in debts if debt.due_on < today]
    next_due = min((debt.due_on for debt in debts if debt.due_on >= today), default=None)
    return {
        "tone": tone,
        "words": "",
        "returned": False,
        "plan": False,
        "plan_broken": False,
        "pay_by": None,
        "surcharges": (),
        "formal_notice": None,
        "block": None,
        "today": today,
        "debts": debts,
        "total_cents": sum(debt.unpaid_cents for debt in debts),
        "overdue_cents": sum(overdue),
        "due_on": next_due,
        "due_cents": sum(debt.unpaid_cents for debt in debts if debt.due_on == next_due),
        **more,
    }


AT = datetime(2026, 9, 5, 14, 3)  # noqa: DTZ001 - local time, as printed
NOTICE = {
    "period": "2026-09",
    "starts_on": date(2026, 9, 1),
    "ends_on": date(2026, 9, 30),
    "due_on": date(2026, 9, 10),
    "lines": (LINE,),
    "notice_cents": 52_650,
    "balance_cents": 52_650,
    "earlier_cents": 0,
    "others": [],
    "told_cents": 52_650,
    "today": date(2026, 9, 1),
    "corrected": False,
}
TOLD_TOO = ToldNotice(
    period="2026-08",
    starts_on=date(2026, 8, 1),
    ends_on=date(2026, 8, 31),
    due_on=date(2026, 8, 10),
    lines=(replace(LINE, amount_cents=40_000),),
    amount_cents=40_000,
    corrected=True,
)
LEAVING = LeaseChange(
    change_id="c1",
    lease_id="l1",
    event=LifeEvent.NOTICE_GIVEN,
    said="",
    at=datetime(2026, 9, 5, 12, 3, tzinfo=UTC),
    by_kind=ActorKind.TENANT,
    by="p1",
    effective_on=date(2026, 10, 5),
    ends_on=date(2026, 10, 5),
    room="C301",
    difference_cents=-12_000,
    corrected=("2026-10",),
)
FACTS: dict[LetterKind, dict[str, Any]] = {
    LetterKind.WELCOME: {"link": "https://sesame.example/bienvenue/abc", "link_ends_on": date(2026, 9, 8)},
    LetterKind.ONE_TIME_CODE: {"code": "1234 5678", "minutes": 10, "purpose": "sign_in", "next_at": None},
    LetterKind.CODE_RECOVERED: {
        "at": AT,
        "way": "self_service",
        "code_replaced": False,
        "contacts_changed": False,
        "contacts_held_until": None,
    },
    LetterKind.CODE_ROTATED: {"at": AT},
    LetterKind.CONTACT_HELD: {"until": AT},
    LetterKind.CONTACT_SHARED: {"until": None},
    LetterKind.DATA_EXPORT: {"ends_on": date(2026, 9, 8)},
    LetterKind.DOCUMENT_READY: {},
    LetterKind.THREAD_ANSWERED: {},
    LetterKind.ERASURE_ASKED: {
        "asked_at": datetime(2026, 9, 1, 14, 5),  # noqa: DTZ001  a local time, as a letter says it
        "erases_at": datetime(2026, 9, 2, 14, 5),  # noqa: DTZ001
    },
    LetterKind.REFUND_ASKED: {
        "asked_at": datetime(2026, 9, 1, 14, 5),  # noqa: DTZ001
        "decides_at": datetime(2026, 9, 2, 14, 5),  # noqa: DTZ001
    },
    LetterKind.ERASURE_SET_ASIDE: {"asked_at": AT},
    LetterKind.LEASE_CHANGED: {"change": LEAVING, "at": AT},
    LetterKind.SOCIAL_FILE_CHANGED: {"due_on": date(2026, 9, 18), "year": "2026-2027"},
    LetterKind.RENEWAL_DUE: {
        "first": True,
        "closes_at": datetime(2027, 4, 30, 23, 59),  # noqa: DTZ001
        "lease_ends_on": date(2027, 8, 31),
        "renews_until": date(2028, 8, 31),
    },
    LetterKind.RENEWAL_DECIDED: {"accepted": True, "renewed_until": date(2028, 8, 31)},
    LetterKind.NOTICE: NOTICE,
    LetterKind.REMINDER: reminder(date(2026, 9, 14), SEPTEMBER),
}
every_letter = pytest.mark.parametrize(
    ("kind", "language"), [(kind, language) for kind in LetterKind for language in Language]
)


def letter(kind: LetterKind, language: Language, **facts: Any) -> Letter:
    return write_letter(kind, language, {**SHARED, **FACTS[kind], **facts})


def words(html: str) -> str:
    """What a reader of the HTML sees."""
    body = re.sub(r"(?s)<style>.*?</style>|<title>.*?</title>|<div style=\"display:none.*?</div>", " ", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@every_letter
def test_text_and_html_say_the_same(kind: LetterKind, language: Language) -> None:
    found = letter(kind, language)

    in_html = set(re.findall(r"\w+", words(found.html).lower()))
    in_text = set(re.findall(r"\w+", re.sub(r"https://\S+", "", found.text).lower()))
    assert in_html == in_text


@every_letter
def test_nothing_is_loaded_from_anywhere_and_every_link_is_ours(kind: LetterKind, language: Language) -> None:
    html = letter(kind, language).html

    assert not re.search(r"<(img|script|link|iframe|object|form)\b|@import|url\(", html)
    assert all(link.startswith("https://sesame.example") for link in re.findall(r'href="([^"]*)"', html))


@every_letter
def test_the_page_names_its_language_and_follows_the_readers_dark_mode(
    kind: LetterKind, language: Language
) -> None:
    html = letter(kind, language).html

    assert f'<html lang="{language}">' in html
    assert "prefers-color-scheme: dark" in html
    assert html.count("<h1") == 1


@every_letter
def test_a_subject_is_one_short_line_without_a_name_or_a_code(kind: LetterKind, language: Language) -> None:
    subject = letter(kind, language).subject

    assert subject == subject.strip()
    assert "\n" not in subject
    assert len(subject) <= 90
    assert not re.search(r"Chloé|Almeida|1234", subject)


@every_letter
def test_what_a_lease_file_brought_in_is_text_and_never_markup(kind: LetterKind, language: Language) -> None:
    person = replace(PERSON, given_names="<img src=x onerror=alert(1)>\r\nBcc: a@b")
    html = letter(kind, language, person=person).html

    assert "<img" not in html


@pytest.mark.parametrize(
    ("language", "recovery", "reception"),
    [
        (FRENCH, "« Code perdu » (e-mail, INE ou téléphone, et date de naissance)", "accueil"),
        (ENGLISH, "“Lost code” (e-mail, INE or phone, and birth date)", "reception"),
    ],
)
def test_who_comes_too_late_for_the_link_is_told_of_the_recovery_before_the_reception(
    language: Language, recovery: str, reception: str
) -> None:
    text = " ".join(letter(LetterKind.WELCOME, language).text.split())

    assert 0 < text.find(recovery) < text.find(reception, text.find(recovery))
    assert text.count(reception) == 1


@pytest.mark.parametrize("event", sorted(TOLD))
@pytest.mark.parametrize("language", list(Language))
def test_each_decision_of_a_lease_is_told_in_words_of_its_own(event: LifeEvent, language: Language) -> None:
    others = TOLD - {event}
    change = replace(LEAVING, event=event)

    told = letter(LetterKind.LEASE_CHANGED, language, change=change)
    texts = write_text(LetterKind.LEASE_CHANGED, language, SHARED | {"change": change})

    subjects = {
        letter(LetterKind.LEASE_CHANGED, language, change=replace(LEAVING, event=one)).subject
        for one in others
    }
    assert told.subject not in subjects
    assert ("C301" in told.text) == (event is LifeEvent.ROOM_CHANGED)
    assert segments(texts) == 1, texts


def test_a_missing_fact_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError):
        write_letter(LetterKind.ONE_TIME_CODE, FRENCH, {**SHARED, "code": "1234 5678", "purpose": "recovery"})


def test_amounts_and_days_are_in_the_readers_words() -> None:
    assert money(105_300, FRENCH) == "1\u202f053,00\u00a0€"
    assert money(105_300, ENGLISH) == "€1,053.00"
    assert day(date(2026, 9, 10), FRENCH) == "jeudi 10 septembre 2026"
    assert day(date(2026, 9, 10), ENGLISH) == "Thursday 10 September 2026"
    assert short_day(date(2026, 9, 1), FRENCH) == "1er septembre"
    assert [of_month(f"2026-{n:02}", FRENCH) for n in (4, 8, 9, 10)] == [
        "d'avril 2026",
        "d'août 2026",
        "de septembre 2026",
        "d'octobre 2026",
    ]


@pytest.mark.parametrize(
    ("today", "tone", "title"),
    [
        (date(2026, 9, 5), "courtesy", "Votre loyer est bientôt à payer"),
        (date(2026, 9, 10), "courtesy", "Votre loyer est à payer aujourd'hui"),
        (date(2026, 9, 14), "courtesy", "Votre loyer reste à payer"),
        (date(2026, 9, 30), "pressing", "Votre loyer n'est toujours pas réglé"),
    ],
)
def test_a_reminders_tone_follows_the_step_and_the_day(today: date, tone: str, title: str) -> None:
    found = letter(LetterKind.REMINDER, FRENCH, **reminder(today, SEPTEMBER, tone=tone))

    assert title in found.text
    assert ("Difficile de payer" in found.text) == (today > SEPTEMBER.due_on)


def test_a_formal_notice_says_what_is_demanded_by_when_and_where_the_document_is() -> None:
    facts = reminder(date(2026, 10, 12), SEPTEMBER, tone="pressing", pay_by=date(2026, 10, 20))
    french, english = (letter(LetterKind.REMINDER, language, **facts) for language in (FRENCH, ENGLISH))

    assert french.subject == "Mise en demeure de payer 526,50\N{NO-BREAK SPACE}€"
    assert "mardi 20 octobre 2026" in " ".join(french.text.split())
    assert english.subject == "Formal notice to pay €526.50"
    assert "Tuesday 20 October 2026" in " ".join(english.text.split())


def test_an_instalment_is_called_by_its_number_and_a_residences_own_words_open_the_message() -> None:
    instalment = Debt("2026-11", date(2026, 11, 5), 20_000, instalment=2)
    plan = letter(LetterKind.REMINDER, FRENCH, **reminder(date(2026, 11, 8), instalment, plan=True))
    own = letter(
        LetterKind.REMINDER, FRENCH, **reminder(date(2026, 9, 14), SEPTEMBER, words="Venez nous voir.")
    )

    assert "Échéance 2 de l'échelonnement" in plan.text
    assert "Votre échelonnement" in plan.text
    assert "Venez nous voir." in own.text
    assert "simple oubli" not in own.text


@pytest.mark.parametrize(
    ("language", "plan", "not_named"),
    [
        (FRENCH, "Votre échelonnement\N{NO-BREAK SPACE}: 90,00", "novembre 2026"),
        (ENGLISH, "Your payment plan: €90.00", "November 2026"),
    ],
)
def test_an_instalment_is_not_called_the_rent_of_the_month_that_it_falls_in(
    language: Language, plan: str, not_named: str
) -> None:
    instalment = Debt("2026-11", date(2026, 11, 20), 9_000, instalment=5, kind="instalment")

    found = letter(LetterKind.REMINDER, language, **reminder(date(2026, 11, 17), instalment, plan=True))

    assert found.subject.startswith(plan)
    assert not_named not in found.subject


@pytest.mark.parametrize(
    ("language", "title"),
    [(FRENCH, "Votre échelonnement a pris fin"), (ENGLISH, "Your payment plan has ended")],
)
def test_a_plan_that_broke_is_said_to_have_ended(language: Language, title: str) -> None:
    facts = reminder(date(2026, 11, 2), SEPTEMBER, tone="firm", plan_broken=True)

    assert title in letter(LetterKind.REMINDER, language, **facts).text


@pytest.mark.parametrize(
    ("language", "named", "subject"),
    [
        (
            FRENCH,
            "Pénalité de retard de septembre 2026",
            "Rappel\N{NO-BREAK SPACE}: 551,50\N{NO-BREAK SPACE}€ en retard",
        ),
        (ENGLISH, "Late surcharge for September 2026", "Reminder: €551.50 overdue"),
    ],
)
def test_a_surcharge_is_named_as_one_and_not_as_a_months_rent(
    language: Language, named: str, subject: str
) -> None:
    surcharge = Debt("2026-09", date(2026, 10, 5), 2_500, kind="surcharge")
    facts = reminder(date(2026, 10, 20), SEPTEMBER, surcharge, tone="pressing")

    found = letter(LetterKind.REMINDER, language, **facts)
    text = write_text(LetterKind.REMINDER, language, {**SHARED, **facts})

    assert named in found.text
    assert found.subject == subject
    assert not re.search("loyer|rent", text)


@pytest.mark.parametrize(
    ("language", "named", "said"),
    [
        (FRENCH, "Autre somme", "n'a finalement pas abouti"),
        (ENGLISH, "Other amount", "did not go through after all"),
    ],
)
def test_a_charge_by_itself_is_no_rent_and_money_taken_back_is_called_so(
    language: Language, named: str, said: str
) -> None:
    charge = Debt("2026-09", date(2026, 9, 17), 3_000, kind="other")
    other = letter(LetterKind.REMINDER, language, **reminder(date(2026, 9, 20), charge))
    again = letter(LetterKind.REMINDER, language, **reminder(date(2026, 9, 20), SEPTEMBER, returned=True))

    assert named in other.text
    assert not re.search("loyer|rent", other.subject)
    assert said in " ".join(again.text.split())


@dataclass(frozen=True)
class Late:
    on: date
    period: str
    amount_cents: int
    source: str


@pytest.mark.parametrize("language", Language)
def test_a_surcharge_that_goes_with_its_notice_is_named(language: Language) -> None:
    change = replace(LEAVING, difference_cents=-13_000, surcharges_reversed_cents=1_000)

    found = letter(LetterKind.LEASE_CHANGED, language, change=change)

    said = {Language.FRENCH: "pénalité de retard de 10,00", Language.ENGLISH: "late surcharge of €10.00"}
    assert said[language] in " ".join(found.text.split())
    assert said[language] not in letter(LetterKind.LEASE_CHANGED, language).text


def test_a_surcharge_is_announced_with_its_day_amount_and_source() -> None:
    late = Late(date(2026, 9, 25), "2026-09", 1_500, "Règlement intérieur, article 12")
    found = letter(LetterKind.REMINDER, FRENCH, **reminder(date(2026, 9, 14), SEPTEMBER, surcharges=(late,)))

    said = " ".join(found.text.split())
    assert "avant le 25 septembre 2026" in said
    assert "15,00" in said
    assert "(Règlement intérieur, article 12)" in said


def test_a_reminder_of_several_months_lists_each_and_asks_first_for_what_is_late() -> None:
    found = letter(LetterKind.REMINDER, ENGLISH, **reminder(date(2026, 10, 1), SEPTEMBER, OCTOBER))

    assert "€526.50" in found.subject
    assert "September 2026 (was due on 10 September)" in found.text
    assert "October 2026 (to be paid by 10 October)" in found.text
    assert "€1,053.00" in found.text


def test_a_notice_that_went_out_late_names_no_day_that_has_passed() -> None:
    found = letter(LetterKind.NOTICE, FRENCH, today=date(2026, 9, 20))

    assert "10 septembre" not in found.subject + found.text


@pytest.mark.parametrize("language", list(Language))
def test_a_notice_shows_the_codes_last_two_symbols_and_where_to_find_the_rest(language: Language) -> None:
    found = letter(LetterKind.NOTICE, language)

    for text in (found.text, words(found.html)):
        assert f"{'se termine par' if language is Language.FRENCH else 'ends in'} 7K" in " ".join(
            text.split()
        )


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", [LetterKind.NOTICE, LetterKind.REMINDER, LetterKind.LEASE_CHANGED])
def test_a_residence_that_says_redevance_never_writes_of_a_rent(kind: LetterKind, language: Language) -> None:
    social = replace(RESIDENCE, documents=DocumentSettings(rent_word=RentWord.FEE))
    days = (date(2026, 9, 5), date(2026, 9, 10), date(2026, 9, 20))
    several = {
        LetterKind.NOTICE: [NOTICE, NOTICE | {"corrected": True}, NOTICE | {"others": [TOLD_TOO]}],
        LetterKind.REMINDER: [
            reminder(today, *debts, tone=tone)
            for today in days
            for tone in ("courtesy", "firm", "pressing")
            for debts in ((SEPTEMBER,), (SEPTEMBER, OCTOBER))
        ],
        LetterKind.LEASE_CHANGED: [
            {"change": replace(LEAVING, event=event), "at": AT} for event in sorted(TOLD)
        ],
    }
    wrong = r"\bloyers?\b" if language is FRENCH else r"\brents?\b"
    for facts in several[kind]:
        told = SHARED | facts | {"residence": social}
        found = write_letter(kind, language, told)

        for text in (found.subject, found.text, found.html, write_text(kind, language, told)):
            assert not re.search(wrong, text, re.IGNORECASE), text
        assert segments(write_text(kind, language, told)) == 1


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (FRENCH, ["Vos avis d'échéance de septembre 2026 et d'août 2026", "Août 2026, avis rectifié"]),
        (ENGLISH, ["Your rent notices for September 2026 and August 2026", "August 2026, corrected notice"]),
    ],
)
def test_notices_told_together_are_a_table_each_and_one_amount(language: Language, said: list[str]) -> None:
    facts = SHARED | NOTICE | {"others": [TOLD_TOO], "told_cents": 92_650, "balance_cents": 92_650}

    letter = write_letter(LetterKind.NOTICE, language, facts)

    text = " ".join(letter.text.split())
    assert [letter.subject, *(one for one in said[1:] if one in text)] == said
    assert money(92_650, language) in letter.text
    assert "10 août" not in text, "a day that has passed is not named"
    assert "10 August" not in text
    assert segments(write_text(LetterKind.NOTICE, language, facts)) == 1


def test_a_notice_prints_the_balance_brought_forward_beside_its_own_charge() -> None:
    found = letter(LetterKind.NOTICE, ENGLISH, balance_cents=60_000, earlier_cents=7_350)

    assert "€526.50" in found.subject
    assert "€73.50" in found.text
    assert "€600.00" in found.text
    assert "not a receipt" in found.text


BY_SMS = [kind for kind in LetterKind if (_TEMPLATES / f"{kind}.fr.sms.j2").exists()]
LONGEST: dict[str, Any] = {
    "way": "desk",
    "contacts_changed": True,
    "purpose": "recovery",
    "until": AT,
    "ends_on": date(2026, 9, 30),
}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", BY_SMS)
def test_a_text_message_is_one_segment_of_the_cheap_alphabet(kind: LetterKind, language: Language) -> None:
    for facts in (FACTS[kind], FACTS[kind] | LONGEST):
        text = write_text(kind, language, {**SHARED, **facts})

        assert is_gsm7(text), [letter for letter in text if not is_gsm7(letter)]
        assert segments(text) == 1, f"{len(text)} letters: {text}"


HARD_TO_FIT: dict[str, Any] = {
    "residence": replace(RESIDENCE, name="Résidence universitaire Jean-Baptiste-Čapek « L'Œuvre »"),
    "lease": replace(LEASE, tenant_reference="T" * 12),
    "person": replace(PERSON, given_names="Nguyễn Thị Hương Ğülsüm-Małgorzata"),
}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    "facts",
    [
        reminder(date(2026, 12, 1), replace(SEPTEMBER, unpaid_cents=1_234_567), step="late-2"),
        reminder(
            date(2026, 12, 1),
            replace(SEPTEMBER, unpaid_cents=1_234_567),
            step="formal-notice",
            pay_by=date(2026, 12, 31),
        ),
        reminder(date(2026, 9, 1), replace(SEPTEMBER, unpaid_cents=1_234_567), step="before-due"),
        reminder(date(2026, 9, 10), replace(SEPTEMBER, unpaid_cents=1_234_567), step="due"),
        NOTICE | {"balance_cents": 1_234_567, "period": "2026-12", "due_on": date(2026, 12, 31)},
        NOTICE | {"balance_cents": 1_234_567, "today": date(2026, 10, 1)},
        NOTICE | {"balance_cents": -1},
    ],
    ids=["overdue", "formal-notice", "before-due", "due", "notice", "notice-late", "notice-paid"],
)
def test_long_names_and_amounts_cost_no_second_segment(language: Language, facts: dict[str, Any]) -> None:
    kind = LetterKind.REMINDER if "step" in facts else LetterKind.NOTICE

    text = write_text(kind, language, {**SHARED, **facts, **HARD_TO_FIT})

    assert is_gsm7(text), [letter for letter in text if not is_gsm7(letter)]
    assert segments(text) == 1, f"{len(text)} letters: {text}"
    assert "T" * 12 in text or "balance_cents" in facts


@pytest.mark.parametrize("language", Language)
def test_a_reminder_asks_for_what_is_due_by_the_day_it_names_and_not_for_what_comes_later(
    language: Language,
) -> None:
    first = replace(SEPTEMBER, due_on=date(2026, 10, 5), unpaid_cents=20_000, instalment=1)
    later = replace(SEPTEMBER, due_on=date(2026, 11, 5), unpaid_cents=25_000, instalment=2)
    facts = {**SHARED, **reminder(date(2026, 10, 1), first, later, plan=True)}

    mail = write_letter(LetterKind.REMINDER, language, facts)

    assert "200" in mail.subject
    assert "450" not in mail.subject
    assert "200" in write_text(LetterKind.REMINDER, language, facts)
    assert "450" not in write_text(LetterKind.REMINDER, language, facts)


@pytest.mark.parametrize("language", Language)
def test_only_a_letter_with_a_link_to_unsubscribe_by_says_so(language: Language) -> None:
    link = "https://sesame.example/desabonnement/abc"

    with_link = letter(LetterKind.REMINDER, language, unsubscribe_url=link)
    without = letter(LetterKind.REMINDER, language)

    assert link in with_link.text
    assert f'href="{link}"' in with_link.html
    assert "desabonnement" not in without.text + without.html


def test_everything_told_of_the_code_has_words_for_a_phone() -> None:
    told = {LetterKind.ONE_TIME_CODE, LetterKind.CODE_RECOVERED, LetterKind.CODE_ROTATED}

    assert told | {LetterKind.CONTACT_HELD, LetterKind.CONTACT_SHARED} <= set(BY_SMS)


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("desk", "à l'accueil de votre résidence"),
        ("personal_space", "votre espace étudiant"),
        ("self_service", "récupération"),
    ],
)
def test_the_letter_on_a_recovered_code_says_which_way_it_went(way: str, said: str) -> None:
    text = " ".join(letter(LetterKind.CODE_RECOVERED, FRENCH, way=way).text.split())

    assert said in text


def test_a_change_of_contacts_at_the_desk_is_told_with_the_hour_from_which_it_counts() -> None:
    written = letter(
        LetterKind.CODE_RECOVERED, FRENCH, way="desk", contacts_changed=True, contacts_held_until=AT
    )

    assert written.subject == "Vos coordonnées viennent d'être changées à l'accueil"
    assert "samedi 5 septembre 2026 à 14:03" in " ".join(written.text.split())


def test_the_last_code_of_an_hour_says_when_the_next_one_can_come() -> None:
    written = letter(LetterKind.ONE_TIME_CODE, ENGLISH, next_at=AT)

    assert "from Saturday 5 September 2026 at 14:03" in " ".join(written.text.split())


@pytest.mark.parametrize(
    ("language", "said"),
    [(FRENCH, "annule et remplace le précédent"), (ENGLISH, "takes the place of the one before")],
)
def test_a_corrected_notice_says_so_and_shows_rooms_and_adjustments(language: Language, said: str) -> None:
    lines = (
        replace(LINE, room="A101", ends_on=date(2026, 9, 15), amount_cents=26_000),
        replace(LINE, room="C301", starts_on=date(2026, 9, 16), amount_cents=26_650),
        replace(LINE, kind=LineKind.ADJUSTMENT, amount_cents=-1_500, label="Panne de chauffage"),
    )

    found = letter(LetterKind.NOTICE, language, corrected=True, lines=lines)

    text = " ".join(found.text.split())
    assert said in text
    assert all(one in text for one in ("A101", "C301", "Panne de chauffage"))
