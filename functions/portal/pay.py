"""The page that a payment link leads to: a parent sees for whom and how much, and pays without an account.

A plain form, no script. What it shows is all that the link lets its holder know.
"""

import re
from html import escape
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import Depends, Request, Response

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Problem, Unavailable
from sesame.platform.http import Api, Language, raw_body
from sesame.platform.ids import new_id
from sesame.platform.pages import Pages, euros, facts
from sesame.platform.secrets import Pepper, Secrets
from sesame.providers.registry import ProviderSettings, Registry
from sesame.services.payment_links import LinkedPayments, LinkShown, LinkTokens
from sesame.services.payments import Checkouts, NothingToPay, Order, Started, StillInFlight, WrongAmount
from sesame.store.table import Table

_FORM_BYTES = 2048
_AMOUNT = re.compile(r"(\d{1,6})(?:[.,](\d{1,2}))?")
_KEY = re.compile(r"[0-9a-z]{26}")


class PaySettings(ProviderSettings):
    """What this function is given."""

    identity_table: str
    money_table: str
    portal_url: str
    pepper_secret: str


pages = Pages(Path(__file__).parent)
settings = PaySettings.from_env()
dynamodb = client("dynamodb")
money, identity = Table(dynamodb, settings.money_table), Table(dynamodb, settings.identity_table)
secrets = Secrets(client("secretsmanager"))
links = LinkedPayments(
    money=money,
    identity=identity,
    tokens=LinkTokens(Pepper(secrets, settings.pepper_secret)),
    checkouts=Checkouts(
        money=money,
        identity=identity,
        registry=Registry.of(settings, secrets),
        portal_url=settings.portal_url,
        clock=utc_now,
    ),
    clock=utc_now,
)


def _form_of(request: Request) -> dict[str, list[str]]:
    return parse_qs(raw_body(request, limit=_FORM_BYTES).decode("utf-8", "replace"))


Form = Annotated[dict[str, list[str]], Depends(_form_of)]
api = Api(show=pages.problem)


@api.get("/payer/<token>", in_schema=False)
def show(token: str, language: Language) -> Response[str]:
    """For whom, how much, and a form to pay it or a part of it."""
    return _asked(200, language, links.look(token), new_id())


@api.post("/payer/<token>", in_schema=False)
def pay(token: str, language: Language, form: Form) -> Response[str]:
    """On to the provider's page; or the form again with what is wrong.

    By a link and not by a redirection: the policy of our pages lets a form lead to nobody else.
    """
    typed, key = (form.get(name, [""])[0].strip() for name in ("amount", "key"))
    cents = _cents(typed)
    if cents is None or not _KEY.fullmatch(key):
        return _asked(422, language, links.look(token), new_id(), pages.words[language]["pay_no_amount"])
    try:
        started = links.pay(token, Order(amount_cents=cents), key=key, language=language)
    except (WrongAmount, NothingToPay, StillInFlight, Unavailable) as problem:
        shown, said = links.look(token), _said(problem, language)
        # the same key, so that what is still under way is not begun again
        return _asked(problem.status, language, shown, _next_key(problem, key), said)
    return _started(language, started)


def _next_key(problem: Problem, key: str) -> str:
    return key if isinstance(problem, (StillInFlight, Unavailable)) else new_id()


def _cents(typed: str) -> int | None:
    """`412,5` is 412.50 euros; None for what is no amount."""
    found = _AMOUNT.fullmatch(re.sub(r"[\s\u202f\u00a0€]", "", typed))
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0")) if found else None


def _asked(status: int, language: str, link: LinkShown, key: str, wrong: str = "") -> Response[str]:
    words = pages.words[language]
    listed = [(words["reference"], link.tenant_reference)]
    if link.payable_cents:
        listed.append((words["pay_amount"], euros(link.payable_cents, language)))
    head = f"<h1>{escape(words['pay_for'])} {escape(link.given_names)}</h1>{facts(listed)}"
    if not link.payable_cents:
        return pages.page(status, language, "pay", f"{head}<p>{escape(words['pay_nothing'])}</p>")
    amount = f"{link.payable_cents // 100}{',' if language == 'fr' else '.'}{link.payable_cents % 100:02}"
    error = f'<p class="wrong" role="alert" id="wrong">{escape(wrong)}</p>' if wrong else ""
    described = ' aria-describedby="hint wrong" aria-invalid="true"' if wrong else ' aria-describedby="hint"'
    content = (
        f"{head}{error}"
        f'<form method="post"><input type="hidden" name="key" value="{key}">'
        f'<label for="amount">{escape(words["pay_how_much"])}</label>'
        f'<input id="amount" name="amount" inputmode="decimal" autocomplete="off" required value="{amount}"'
        f'{described}><p class="hint" id="hint">{escape(words["pay_hint"])}</p>'
        f"<button>{escape(words['pay_button'])}</button></form>"
        f'<p class="hint">{escape(words["pay_why"])}</p>'
    )
    return pages.page(status, language, "pay", content)


def _started(language: str, started: Started) -> Response[str]:
    words = pages.words[language]
    content = (
        f"<h1>{escape(words['pay_on'])}</h1>"
        f"{facts([(words['pay_amount'], euros(started.amount_cents, language))])}"
        f"<p>{escape(words['pay_on_why'])}</p>"
        f'<p><a class="button" rel="noreferrer" href="{escape(started.checkout_url)}">'
        f"{escape(words['pay_on_button'])}</a></p>"
    )
    return pages.page(200, language, "pay_on", content)


def _said(problem: Problem, language: str) -> str:
    return f"{problem.title[language]}. {problem.detail[language]}".strip()


handler = api.handler
