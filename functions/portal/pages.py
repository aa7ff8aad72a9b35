"""The pages that links on paper and in e-mails lead to: welcome, verification, back from payment.

Plain forms, no script: they work on any phone. Nothing is kept by the browser or told to another site.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from secrets import token_bytes
from urllib.parse import parse_qs, quote

from aws_lambda_powertools.event_handler import Request, Response

from sesame.domain.certificates import Validity
from sesame.domain.public_statements import Label, Line, PublicStatement
from sesame.domain.tenancy import RentWord
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Problem
from sesame.platform.http import Api, Language, Source, raw_body
from sesame.platform.pages import Pages, euros, facts, figure
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.documents import Download, Downloads, EntryDocuments, Verification, Verifications
from sesame.services.tenant_codes import Decipher
from sesame.services.unsubscribing import UnsubscribeTokens, Unsubscribing
from sesame.services.uploads import PDF, uploaded_file
from sesame.services.welcome import Welcomed, WelcomeLinkEnded, Welcomes, WrongBirthDate
from sesame.store.audit import Audit
from sesame.store.challenges import Challenges
from sesame.store.documents import Documents
from sesame.store.table import Table
from sesame.store.wishes import Wishes

_FORM_BYTES = 2048
pages = Pages(Path(__file__).parent)
WORDS = pages.words


class PortalSettings(Settings):
    """What this function is given."""

    identity_table: str
    documents_table: str
    operations_table: str
    bucket: str
    codes_key: str
    pepper_secret: str


settings = PortalSettings.from_env()
dynamodb = client("dynamodb")
identity = Table(dynamodb, settings.identity_table)
pepper = Pepper(Secrets(Later("secretsmanager")), settings.pepper_secret)
documents = Documents(Table(dynamodb, settings.documents_table))
welcomes = Welcomes(
    Challenges(identity),
    Audit(Table(dynamodb, settings.operations_table)),
    pepper,
    Decipher(Later("kms"), settings.codes_key),
    EntryDocuments(documents, token_bytes),
    utc_now,
    token_bytes,
)
verifications = Verifications(documents, utc_now)
downloads = Downloads(documents, Later("s3"), settings.bucket, utc_now)
unsubscribing = Unsubscribing(wishes=Wishes(identity), tokens=UnsubscribeTokens(pepper), clock=utc_now)


api = Api(show=pages.problem)


@api.get("/", in_schema=False)
def home(language: Language) -> Response[str]:
    """Says what is here, and where to turn for what is not."""
    words = WORDS[language]
    content = (
        f"<h1>{escape(words['home'])}</h1><p>{escape(words['home_why'])}</p>"
        f'<p><a class="button" href="/verification">{escape(words["home_verify"])}</a></p>'
    )
    return pages.page(200, language, "home", content)


@api.get("/bienvenue/<token>", in_schema=False)
def ask(token: str, language: Language) -> Response[str]:
    """The same form for every token: only the birth date opens it."""
    del token
    return pages.page(200, language, "ask", _form(WORDS[language]))


@api.post("/bienvenue/<token>", in_schema=False)
def show(token: str, language: Language, request: Request, source: Source) -> Response[str]:
    """Code and document, or the form again with what is wrong."""
    words = WORDS[language]
    form = parse_qs(raw_body(request, limit=_FORM_BYTES).decode("utf-8", "replace"))
    try:
        birth_date = date.fromisoformat(form.get("birth_date", [""])[0])
    except ValueError:
        return pages.page(422, language, "ask", _form(words, words["not_a_date"]))
    try:
        welcomed = welcomes.open(token, birth_date, source=source)
        download = downloads.of(welcomed.document_id)
    except WrongBirthDate as problem:
        return pages.page(422, language, "ask", _form(words, _said(problem, language)))
    except WelcomeLinkEnded:
        return pages.page(410, language, "ended", _ended(words))
    return pages.page(200, language, "your_code", _shown(words, welcomed, download, birth_date))


@api.get("/verification", in_schema=False)
def ask_for_a_code(language: Language, request: Request) -> Response[str]:
    """For who has only the code that is printed."""
    typed = (request.query_parameters or {}).get("code", "").strip()
    if typed:
        return _verdict(language, verifications.check(typed))
    words = WORDS[language]
    content = f"<h1>{escape(words['verify'])}</h1><p>{escape(words['verify_why'])}</p>{_code_form(words)}"
    return pages.page(200, language, "verify", content)


@api.post("/verification", in_schema=False)
def verify_file(language: Language, request: Request) -> Response[str]:
    """For who was sent the file: the verdict on every byte of it."""
    return _verdict(language, verifications.check_file(uploaded_file(request, PDF)), "unknown_file")


@api.get("/verification/<verification_code>", in_schema=False)
def verify(verification_code: str, language: Language) -> Response[str]:
    """What the QR code of a document leads to."""
    return _verdict(language, verifications.check(verification_code))


@api.get("/desabonnement/<token>", in_schema=False)
def ask_to_unsubscribe(token: str, language: Language) -> Response[str]:
    """A question, since programs that look at links for their readers must end nothing."""
    words = WORDS[language]
    content = (
        f"<h1>{escape(words['unsubscribe'])}</h1><p>{escape(words['unsubscribe_why'])}</p>"
        f"<p>{escape(words['unsubscribe_not'])}</p>"
        f'<form method="post" action="/desabonnement/{escape(quote(token))}">'
        f'<input type="hidden" name="List-Unsubscribe" value="One-Click">'
        f"<button>{escape(words['unsubscribe_button'])}</button></form>"
    )
    return pages.page(200, language, "unsubscribe", content)


@api.post("/desabonnement/<token>", in_schema=False)
def unsubscribe(token: str, language: Language) -> Response[str]:
    """By the page's button or a mail program's own (RFC 8058), which sends no cookie and follows nothing."""
    unsubscribing.stop(token)
    words = WORDS[language]
    content = (
        f"<h1>{escape(words['unsubscribed'])}</h1><p>{escape(words['unsubscribe_not'])}</p>"
        f"<p>{escape(words['unsubscribed_back'])}</p>"
    )
    return pages.page(200, language, "unsubscribed", content)


@api.get("/payments/<payment_id>", in_schema=False)
def back_from_payment(payment_id: str, language: Language, request: Request) -> Response[str]:
    """Where a provider sends the payer back to; what happened is told by its webhook, not by this visit."""
    del payment_id
    words = WORDS[language]
    whose = "paid_linked" if "link" in (request.query_parameters or {}) else "paid_own"
    paragraphs = "".join(f"<p>{escape(words[name])}</p>" for name in ("paid_when", whose, "paid_not"))
    return pages.page(200, language, "paid", f"<h1>{escape(words['paid'])}</h1>{paragraphs}")


def _verdict(language: str, answer: Verification, unknown: str = "unknown") -> Response[str]:
    words = WORDS[language]
    said = unknown if answer.validity is Validity.UNKNOWN else answer.validity.value
    why = "erased_file_why" if (said, unknown) == ("erased", "unknown_file") else f"{said}_why"
    mark = "" if said in {"genuine", "erased"} else ' class="wrong"'
    content = f"<h1{mark}>{escape(words[said])}</h1><p>{escape(words[why])}</p>"
    if answer.statement is not None:
        content += _stated(answer, answer.statement, language)
    if said == unknown:
        content += _code_form(words)
    return pages.page(200, language, said, content)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells a paper's lines in the reader's language, with the paper's own word for the rent."""

    language: str
    rent_word: RentWord

    def word(self, name: str, otherwise: str = "") -> str:
        """One of the words, as a residence that calls the rent otherwise has it."""
        words = WORDS[self.language]
        return words.get(f"{name}@{self.rent_word}", words.get(name, otherwise))

    def listed(self, line: Line) -> tuple[str, str]:
        """A line's name and what it states: an amount, and on a line of its own what more is said of it."""
        cents, name = line.amount_cents, f"line_{line.label.value}"
        period = _month(line.period, self.language) if line.period else ""
        if line.label in _VALUE_FIRST:
            said = self._joined(self.value(line), self._days(line))
        else:
            said = self._joined(period, self._days(line), self.value(line), self._surface(line))
        if cents is None:
            return self.word(name), said
        in_favour = self.word(f"{name}-") if cents < 0 else ""
        amount = euros(-cents if in_favour else cents, self.language)
        return in_favour or self.word(name), f"{amount}\n{said}" if said else amount

    def value(self, line: Line) -> str:
        """A word in the reader's language; what is printed as it is, as it is."""
        if line.label is Label.OVERDUE and not line.period:
            return self.word("word_overdue_other")
        if line.value is None:
            return ""
        if line.label is Label.SIRET:
            return _grouped(line.value)
        if line.label is Label.PAYMENT:  # whose ways are the providers' to name
            return self.word(f"word_payment_{line.value}", self.word("word_payment"))
        if line.label in _YES_OR_NO:
            return self.word(f"word_{line.value}")
        return self.word(f"word_{line.label.value}_{line.value}", line.value)

    def table(self, entries: Sequence[Line]) -> str:
        """The movements of an account."""
        if not entries:
            return ""
        heads = "".join(
            f'<th scope="col">{escape(self.word(name))}</th>'
            for name in ("entry", "entry_amount", "entry_balance")
        )
        rows = "".join(self._row(line) for line in entries)
        return (
            f"<h2>{escape(self.word('entries'))}</h2>"
            f'<p class="hint">{escape(self.word("entries_why"))}</p>'
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def _row(self, line: Line) -> str:
        month = f" {line.period[5:]}/{line.period[:4]}" if line.period else ""
        amounts = "".join(
            f"<td>{escape(figure(cents, self.language))}</td>"
            for cents in (line.amount_cents or 0, line.balance_cents or 0)
        )
        return (
            f'<tr><th scope="row">{line.on:%d/%m/%Y}<br>{escape(self.value(line) + month)}</th>{amounts}</tr>'
        )

    def _days(self, line: Line) -> str:
        on, until = (_day(day, self.language) if day else "" for day in (line.on, line.until))
        return self.word(_DAYS.get(line.label, ""), "{on}").format(on=on, until=until) if on else ""

    def _surface(self, line: Line) -> str:
        if line.square_decimetres is None:
            return ""
        amount = f"{line.square_decimetres / 100:.2f}".rstrip("0").rstrip(".")
        return f"{amount.replace('.', ',') if self.language == 'fr' else amount}\u00a0m²"

    def _joined(self, *parts: str) -> str:
        return ", ".join(filter(None, parts))


_VALUE_FIRST = {Label.UP_TO_DATE, Label.AGREEMENT, Label.ROOM_HELD}
_YES_OR_NO = {Label.THIRD_PARTY_PAYMENT, Label.UP_TO_DATE, Label.FURNISHED}
_DAYS = {
    Label.SPAN: "day_span",
    Label.ROOM_HELD: "day_span",
    Label.UP_TO_DATE: "day_as_of",
    Label.OPENING: "day_as_of",
    Label.CLOSING: "day_as_of",
    Label.DEBT: "day_as_of",
    Label.AGREEMENT: "day_agreement",
    Label.OVERDUE: "day_overdue",
}
"""How a day stands beside what it is the day of; by itself for the others."""


def _stated(answer: Verification, statement: PublicStatement, language: str) -> str:
    """What the paper says, in its order, so that the two are compared line by line."""
    teller = _Teller(language, statement.rent_word)
    told = {
        "since": _day(answer.since.date(), language) if answer.since else None,
        "kind": teller.word(statement.kind.value),
        "number": statement.number,
        "issued_on": _day(statement.issued_on, language),
        "erased_on": _day(answer.erased_on, language) if answer.erased_on else None,
        "landlord": statement.landlord,
        "holder": statement.holder,
        "residence": statement.residence,
        "room": statement.room,
        "period": _month(statement.period, language) if statement.period else None,
    }
    entries = [line for line in statement.lines if line.label is Label.ENTRY]
    listed = [(WORDS[language][name], value) for name, value in told.items() if value]
    listed += [teller.listed(line) for line in statement.lines if line not in entries]
    return f'<div class="stated">{facts(listed)}{teller.table(entries)}</div>'


def _grouped(siret: str) -> str:
    """`123 456 789 00012`, as on paper."""
    return "\u00a0".join((siret[:3], siret[3:6], siret[6:9], siret[9:])) if siret.isdigit() else siret


def _month(period: str, language: str) -> str:
    """`2026-10` as people say it."""
    year, month = period.split("-")
    return f"{WORDS[language]['months'].split()[int(month) - 1]} {year}"


def _day(day: date, language: str) -> str:
    number = "1er" if day.day == 1 and language == "fr" else str(day.day)
    return f"{number} {_month(f'{day:%Y-%m}', language)}".replace(" ", "\u00a0")


def _code_form(words: dict[str, str]) -> str:
    return (
        f'<form method="get" action="/verification"><label for="code">{escape(words["code"])}</label>'
        f'<input id="code" name="code" autocapitalize="characters" autocomplete="off" spellcheck="false" '
        f"required><button>{escape(words['verify_button'])}</button></form>"
        f'<form method="post" action="/verification" enctype="multipart/form-data">'
        f"<p>{escape(words['file_why'])}</p>"
        f'<label for="file">{escape(words["file"])}</label>'
        f'<input id="file" name="file" type="file" accept="application/pdf" required>'
        f"<button>{escape(words['file_button'])}</button></form>"
    )


def _said(problem: Problem, language: str) -> str:
    return f"{problem.title[language]}. {problem.detail[language]}"


def _form(words: dict[str, str], wrong: str = "") -> str:
    error = f'<p class="wrong" role="alert" id="wrong">{escape(wrong)}</p>' if wrong else ""
    described = ' aria-describedby="wrong" aria-invalid="true"' if wrong else ""
    return (
        f"<h1>{escape(words['ask'])}</h1><p>{escape(words['why'])}</p>{error}"
        f'<form method="post"><label for="birth_date">{escape(words["birth_date"])}</label>'
        f'<input id="birth_date" name="birth_date" type="date" autocomplete="bday" min="1900-01-01" required'
        f"{described}><button>{escape(words['show'])}</button></form>"
    )


def _ended(words: dict[str, str]) -> str:
    paragraphs = "".join(f"<p>{escape(words[name])}</p>" for name in ("ended_why", "ended_next"))
    return f"<h1>{escape(words['ended'])}</h1>{paragraphs}"


def _shown(words: dict[str, str], welcomed: Welcomed, download: Download, birth_date: date) -> str:
    listed = [
        (words["residence"], welcomed.residence.name),
        (words["room"], welcomed.lease.room),
        (words["reference"], welcomed.lease.tenant_reference),
    ]
    return (
        f"<h1>{escape(words['hello'])} {escape(welcomed.person.given_names)}</h1>"
        f'<h2>{escape(words["your_code"])}</h2><p class="code">{escape(welcomed.tenant_code)}</p>'
        f"<p>{escape(words['keep'])}</p>{facts(listed)}"
        f"<h2>{escape(words['document'])}</h2>{_document(words, download, birth_date)}"
        f"<h2>{escape(words['lost'])}</h2><p>{escape(words['lost_how'])}</p>"
    )


def _document(words: dict[str, str], download: Download, birth_date: date) -> str:
    if download.url is not None:
        return f'<p><a class="button" href="{escape(download.url)}">{escape(words["download"])}</a></p>'
    # The birth date goes along, so that a second click need not ask again; the page is never stored.
    return (
        f"<p>{escape(words['preparing'])}</p>"
        f'<form method="post"><input type="hidden" name="birth_date" value="{birth_date.isoformat()}">'
        f"<button>{escape(words['again'])}</button></form>"
    )


handler = api.handler
