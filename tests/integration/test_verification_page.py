"""The page that a paper's QR code leads to: what the paper says, so that altered figures show; no more."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType

import pytest
from moto import mock_aws

from sesame.domain.certificates import SHOWS_THE_CODE, Facts, Kind, Stay, Validity
from sesame.domain.journal import EntryKind
from sesame.domain.public_statements import Label, PublicStatement, public_statement
from sesame.domain.receipts import Adjustment, Billed, receipt_facts, rent_notice_facts
from sesame.domain.takings import Method
from sesame.domain.tenancy import Language, RentWord, Structure
from sesame.services.documents import Verification
from sesame.services.verification_answers import answer_of
from tests.integration.conftest import fresh_account
from tests.integration.entries import http_event, load, prepare
from tests.unit.documents import (
    ISSUE,
    KINDS,
    PERSON,
    TENANT_CODE,
    after_a_move,
    drawn,
    every_kind,
    october,
    tenancy,
    text_of,
    the_renderer,
)

# WeasyPrint leaves its colour profile open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")

CERTIFYING = [kind for kind in KINDS if kind not in SHOWS_THE_CODE]
_MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
}
_AMOUNTS = {"fr": r"\d{1,3}(?:\u202f\d{3})*,\d\d(?!\d)", "en": r"€\d{1,3}(?:,\d{3})*\.\d\d"}


@pytest.fixture(scope="module")
def facts_of() -> dict[str, Facts]:
    """Each kind's, in English beside French: both texts are on the paper."""
    return {kind: facts for kind, (facts, _) in every_kind(Language.ENGLISH).items()}


@pytest.fixture(scope="module")
def functions() -> Iterator[Callable[[str], ModuleType]]:
    """Loads functions, on one account for all tests: none of them keeps anything."""
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        prepare(fresh_account(monkeypatch), monkeypatch)
        yield load


@pytest.fixture(scope="module")
def portal(functions: Callable[[str], ModuleType]) -> ModuleType:
    """The one that serves the page."""
    return functions("portal/pages")


def page_of(portal: ModuleType, statement: PublicStatement, language: str = "fr") -> str:
    """What somebody reads on it, with ordinary spaces."""
    return unjoined(read_of(portal, statement, language))


def read_of(portal: ModuleType, statement: PublicStatement, language: str) -> str:
    """The same as it is set: what must stay on one line is held together by no-break spaces."""
    answer = Verification(validity=Validity.GENUINE, statement=statement)
    body: str = portal._verdict(language, answer).body
    return html.unescape(re.sub(r"<[^>]+>", " ", body.partition("<main>")[2]))


def unjoined(text: str) -> str:
    """With ordinary spaces, one at a time."""
    return re.sub(r"[\s\u00a0\u202f]+", " ", text)


def amounts(text: str, language: str) -> set[str]:
    """Every amount of money in a text."""
    return set(re.findall(_AMOUNTS[language], text))


def days(text: str, language: str) -> set[str]:
    """Every day in a text, as ISO 8601."""
    months = _MONTHS[language].split()
    spelt = re.findall(rf"(?<![\d,.])(\d{{1,2}})(?:er)?\s({'|'.join(months)})\s(\d{{4}})", text)
    short = re.findall(r"(\d\d)/(\d\d)/(\d{4})", text)
    return {f"{year}-{months.index(month) + 1:02}-{int(day):02}" for day, month, year in spelt} | {
        f"{year}-{month}-{day}" for day, month, year in short
    }


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", CERTIFYING)
def test_every_amount_and_day_of_the_paper_is_on_the_page_and_no_other(
    portal: ModuleType, facts_of: dict[str, Facts], kind: str, language: str
) -> None:
    paper = text_of(drawn(kind, Language.ENGLISH).pdf)
    page = read_of(portal, public_statement(facts_of[kind], ISSUE), language)

    # the day of issue, which the API always told, is the one that a rent notice does not print
    on_paper = days(paper, language) - {PERSON.birth_date.isoformat()} | {ISSUE.on.isoformat()}
    assert days(page, language) == on_paper
    # a statement of account has its figures in columns, which both languages share
    columns = kind in {Kind.STATEMENT_OF_ACCOUNT, Kind.CAF_RENT_CERTIFICATE}
    if language == "en" and columns:
        said = {figure(one) for one in amounts(page, "en")} | table_figures(page)
        assert said == amounts(paper, "fr")
    else:
        assert amounts(page, language) == amounts(paper, language)


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", sorted(after_a_move(Language.FRENCH)))
def test_every_room_and_its_days_are_on_the_page_with_what_others_paid(
    portal: ModuleType, kind: str, language: str
) -> None:
    facts = after_a_move(Language.FRENCH)[kind]
    paper = text_of(the_renderer().render(facts, ISSUE).pdf)

    page = read_of(portal, public_statement(facts, ISSUE), language)

    assert days(page, language) == days(paper, "fr") - {PERSON.birth_date.isoformat()} | {
        ISSUE.on.isoformat()
    }
    assert {"B434", "B101"} <= set(re.findall(r"B\d{3}", paper)) & set(re.findall(r"B\d{3}", page))
    if language == "fr" and kind != "rent_notice":
        assert amounts(page, "fr") == amounts(paper, "fr")


def figure(amount: str) -> str:
    """An English amount as French columns have it."""
    return amount.removeprefix("€").replace(",", "\u202f").replace(".", ",")


def table_figures(page: str) -> set[str]:
    """The figures without a currency, as French columns have them."""
    return {figure(one) for one in re.findall(r"(?<![€\d,.])\d{1,3}(?:,\d{3})*\.\d\d", page)}


@pytest.mark.parametrize("kind", CERTIFYING)
def test_who_where_and_under_which_number_are_on_the_page(
    portal: ModuleType, facts_of: dict[str, Facts], kind: str
) -> None:
    facts = facts_of[kind]

    page = page_of(portal, public_statement(facts, ISSUE))

    for said in (ISSUE.number, facts["landlord"]["name"], "Chloé D'Almeida", "B434", "Jean-Zay"):
        assert said in page
    for untold in ("10 novembre 2004", "2004-11-10", "Garnier", TENANT_CODE, TENANT_CODE.replace("-", "")):
        assert untold not in page


@pytest.mark.parametrize("kind", sorted(SHOWS_THE_CODE))
def test_of_a_paper_that_shows_the_code_kind_and_day_are_all_that_is_told(
    portal: ModuleType, facts_of: dict[str, Facts], kind: str
) -> None:
    statement = public_statement(facts_of[kind], ISSUE)

    page = page_of(portal, statement)

    assert statement == PublicStatement(kind=Kind(kind), issued_on=ISSUE.on)
    assert days(page, "fr") == {ISSUE.on.isoformat()}
    for untold in ("Chloé", "B434", "Jean-Zay", ISSUE.number, TENANT_CODE):
        assert untold not in page


def test_what_the_caf_reads_is_on_the_page_word_by_word(
    portal: ModuleType, facts_of: dict[str, Facts]
) -> None:
    page = page_of(portal, public_statement(facts_of["caf_rent_certificate"], ISSUE))

    for said in (
        "SIRET 812 345 678 00012",
        "Code bailleur 0924417",
        "Tiers payant (aide versée au bailleur) oui",
        "Référence locataire 48213",
        "À jour de ses loyers oui, au 23 novembre 2026",
        "2 allée Jean-Zay, 92160 Antony",
        "Surface 18,5 m²",
        "Meublé oui",
        "résidence universitaire",
        "92/2019/0417, le 1er juillet 2019",
        "1 174,68 € septembre 2026",
    ):
        assert said in page


def test_a_payments_way_and_reference_are_on_the_page(portal: ModuleType, facts_of: dict[str, Facts]) -> None:
    by_cheque = page_of(portal, public_statement(facts_of["payment_receipt"], ISSUE))
    by_card = page_of(portal, public_statement(facts_of["receipt"], ISSUE), "en")

    assert "dépôt de garantie" in by_cheque
    assert "350,00 € 3 octobre 2026, chèque" in by_cheque
    assert "1234567" in by_cheque
    assert "€1,000.00 3 October 2026, card" in by_card


def test_a_way_that_has_no_word_is_a_payment(portal: ModuleType, facts_of: dict[str, Facts]) -> None:
    facts = facts_of["payment_receipt"]
    facts = facts | {"payment": facts["payment"] | {"method": "barter"}}

    assert "350,00 € 3 octobre 2026, paiement" in page_of(portal, public_statement(facts, ISSUE))


def test_every_movement_of_an_account_is_a_row_with_its_balance(
    portal: ModuleType, facts_of: dict[str, Facts]
) -> None:
    page = page_of(portal, public_statement(facts_of["statement_of_account"], ISSUE))

    for line in facts_of["statement_of_account"]["statement"]["lines"]:
        assert any(days(page, "fr") & {line["on"]})
    assert "20/10/2026 Paiement −234,50 0,00" in page
    assert "27/10/2026 Remboursement 234,50 234,50" in page


@pytest.mark.parametrize(
    ("cents", "named"),
    [(-1_250, "Solde antérieur en faveur du locataire 12,50 €"), (0, "Solde antérieur restant dû 0,00 €")],
)
def test_a_balance_is_named_by_whose_it_is(portal: ModuleType, cents: int, named: str) -> None:
    facts = rent_notice_facts(tenancy(), october(), Billed(due_on=ISSUE.on, brought_forward_cents=cents))

    assert named in page_of(portal, public_statement(facts, ISSUE))


def test_a_reduction_keeps_its_words_and_its_sign(portal: ModuleType) -> None:
    reduced = replace(
        october(103_450, 18_000), adjustments=(Adjustment(amount_cents=-2_000, label="Panne <1>"),)
    )

    page = page_of(portal, public_statement(receipt_facts(tenancy(), reduced), ISSUE))

    assert "−20,00 € Panne <1>" in page
    assert "Total de la période 1 214,50 €" in page


def test_the_page_calls_the_rent_as_the_paper_does(portal: ModuleType, facts_of: dict[str, Facts]) -> None:
    facts = facts_of["receipt"]
    facts = facts | {"style": facts["style"] | {"rent_word": RentWord.FEE.value}}

    page = page_of(portal, public_statement(facts, ISSUE))

    assert "Quittance de redevance" in page
    assert "Redevance 1 174,68 €" in page
    assert "Loyer" not in page


def test_each_thing_that_may_be_stated_has_a_name_in_both_languages(portal: ModuleType) -> None:
    lines = {f"line_{label.value}" for label in Label} - {"line_entry"}
    movements = {f"word_entry_{kind.value}" for kind in EntryKind} | {"word_entry_correction"}
    ways = {f"word_payment_{method.value}" for method in Method}
    structures = {f"word_structure_{structure.value}" for structure in Structure}
    stays = {f"word_stay_{stay.value}" for stay in Stay}

    for words in portal.WORDS.values():
        assert lines | movements | ways | structures | stays <= set(words)


def test_the_api_says_the_same_lines() -> None:
    facts, _ = every_kind(Language.FRENCH)["receipt"]
    answer = Verification(validity=Validity.GENUINE, statement=public_statement(facts, ISSUE))

    shown = answer_of(answer).model_dump(mode="json")

    rent = next(line for line in shown["lines"] if line["label"] == "rent")
    paid = next(line for line in shown["lines"] if line["label"] == "payment")
    assert rent["amount_cents"] == 117_468
    assert (paid["on"], paid["value"], paid["amount_cents"]) == ("2026-10-03", "card", 100_000)
    assert shown["amount_cents"] == 123_450


def sent(portal: ModuleType, kind: str, body: bytes, language: str = "fr") -> tuple[int, str]:
    """What is answered to a file."""
    event = http_event("POST", "/verification", body, content_type=kind, accept_language=language)
    answer = portal.handler(event, None)
    return answer["statusCode"], unjoined(html.unescape(re.sub(r"<[^>]+>", " ", answer["body"])))


@pytest.mark.parametrize("kind", ["application/pdf", "application/octet-stream"])
def test_a_pdf_may_be_sent_without_a_form(portal: ModuleType, kind: str) -> None:
    status, said = sent(portal, kind, b"%PDF-1.7 of nobody's")

    assert status == 200
    assert "Ce fichier n'est pas un document que nous avons émis" in said


@pytest.mark.parametrize("kind", ["text/csv", "image/png"])
def test_who_sends_something_else_is_asked_for_a_pdf(portal: ModuleType, kind: str) -> None:
    for language, remedy in (("fr", "Envoyer le fichier PDF"), ("en", "Send the PDF file")):
        status, said = sent(portal, kind, b"x", language)

        assert status == 415
        assert remedy in said
        assert "CSV" not in said
