"""The page behind the welcome e-mail's link: asks for the birth date, then shows code and entry document.

Plain forms, no script: it works on any phone. Nothing of it is kept by the browser or told to another site.
"""

from datetime import date
from html import escape
from pathlib import Path
from secrets import token_bytes
from string import Template
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import Request, Response

from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Problem
from sesame.platform.http import Api, Language, raw_body
from sesame.platform.settings import Settings
from sesame.services.certificates import Download, Downloads, EntryDocuments
from sesame.services.tenant_codes import Decipher
from sesame.services.welcome import Welcomed, WelcomeLinkEnded, Welcomes, WrongBirthDate
from sesame.store.challenges import Challenges
from sesame.store.documents import Documents
from sesame.store.table import Table

_PAGE = Template((Path(__file__).parent / "welcome.html").read_text("utf-8"))
_FORM_BYTES = 2048
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}

WORDS = {
    "fr": {
        "ask": "Bienvenue dans votre résidence",
        "why": (
            "Pour afficher votre code locataire et votre document d'entrée, "
            "confirmez votre date de naissance."
        ),
        "birth_date": "Date de naissance",
        "show": "Afficher mon code",
        "not_a_date": "Indiquez votre date de naissance complète.",
        "ended": "Ce lien a déjà servi ou a expiré",
        "ended_why": "Par sécurité, ce lien ne s'ouvre qu'une fois et pendant sept jours.",
        "ended_next": (
            "Votre code n'est pas perdu : demandez-le de nouveau avec « Code perdu » sur votre espace "
            "locataire, ou présentez-vous à l'accueil de la résidence avec une pièce d'identité."
        ),
        "hello": "Bonjour",
        "your_code": "Votre code locataire",
        "keep": (
            "Gardez-le pour vous. Il sert à vous connecter, avec un code à usage unique envoyé à votre "
            "contact : personne ne vous le demandera par téléphone ni par e-mail."
        ),
        "residence": "Résidence",
        "room": "Logement",
        "reference": "Référence locataire",
        "document": "Votre document d'entrée",
        "download": "Télécharger le document (PDF)",
        "preparing": "Il est en préparation ; cela prend quelques secondes.",
        "again": "Afficher le document",
        "lost": "Si vous perdez votre code",
        "lost_how": (
            "Il figure sur le document d'entrée. Vous pouvez aussi le retrouver avec « Code perdu », "
            "ou à l'accueil avec une pièce d'identité."
        ),
    },
    "en": {
        "ask": "Welcome to your residence",
        "why": "To see your tenant code and your entry document, confirm your birth date.",
        "birth_date": "Birth date",
        "show": "Show my code",
        "not_a_date": "Enter your full birth date.",
        "ended": "This link has been used or has expired",
        "ended_why": "For your safety, this link opens only once, within seven days.",
        "ended_next": (
            "Your code is not lost: ask for it again with “Lost code” in your tenant space, "
            "or come to the reception of the residence with an ID."
        ),
        "hello": "Hello",
        "your_code": "Your tenant code",
        "keep": (
            "Keep it to yourself. You sign in with it and a one-time code sent to your contact: "
            "nobody will ask you for it by phone or e-mail."
        ),
        "residence": "Residence",
        "room": "Room",
        "reference": "Tenant reference",
        "document": "Your entry document",
        "download": "Download the document (PDF)",
        "preparing": "It is being prepared; this takes a few seconds.",
        "again": "Show the document",
        "lost": "If you lose your code",
        "lost_how": (
            "It is on the entry document. You can also get it back with “Lost code”, "
            "or at the reception with an ID."
        ),
    },
}


class WelcomeSettings(Settings):
    """What this function is given."""

    identity_table: str
    documents_table: str
    bucket: str
    codes_key: str


settings = WelcomeSettings.from_env()
dynamodb = client("dynamodb")
documents = Documents(Table(dynamodb, settings.documents_table))
welcomes = Welcomes(
    Challenges(Table(dynamodb, settings.identity_table)),
    Decipher(client("kms"), settings.codes_key),
    EntryDocuments(documents, token_bytes),
    utc_now,
)
downloads = Downloads(documents, Later("s3"), settings.bucket)

api = Api()


@api.get("/bienvenue/<token>", in_schema=False)
def ask(token: str, language: Language) -> Response[str]:
    """The same form for every token: only the birth date opens it."""
    del token
    return _page(200, language, "ask", _form(WORDS[language]))


@api.post("/bienvenue/<token>", in_schema=False)
def show(token: str, language: Language, request: Request) -> Response[str]:
    """Code and document, or the form again with what is wrong."""
    words = WORDS[language]
    form = parse_qs(raw_body(request, limit=_FORM_BYTES).decode("utf-8", "replace"))
    try:
        birth_date = date.fromisoformat(form.get("birth_date", [""])[0])
    except ValueError:
        return _page(422, language, "ask", _form(words, words["not_a_date"]))
    try:
        welcomed = welcomes.open(token, birth_date)
        download = downloads.of(welcomed.document_id)
    except WrongBirthDate as problem:
        return _page(422, language, "ask", _form(words, _said(problem, language)))
    except WelcomeLinkEnded:
        return _page(410, language, "ended", _ended(words))
    return _page(200, language, "your_code", _shown(words, welcomed, download, birth_date))


def _page(status: int, language: str, title: str, content: str) -> Response[str]:
    body = _PAGE.substitute(language=language, title=escape(WORDS[language][title]), content=content)
    return Response(
        status_code=status,
        content_type="text/html; charset=utf-8",
        body=body,
        headers={**_HEADERS, "Content-Language": language},
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
    facts = (
        ("residence", welcomed.residence.name),
        ("room", welcomed.lease.room),
        ("reference", welcomed.lease.tenant_reference),
    )
    listed = "".join(f"<dt>{escape(words[name])}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return (
        f"<h1>{escape(words['hello'])} {escape(welcomed.person.given_names)}</h1>"
        f'<h2>{escape(words["your_code"])}</h2><p class="code">{escape(welcomed.tenant_code)}</p>'
        f"<p>{escape(words['keep'])}</p><dl>{listed}</dl>"
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
