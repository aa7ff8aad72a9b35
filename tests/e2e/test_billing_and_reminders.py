"""Rent notices and reminders through the deployed functions: schedule, queue, stream, bus, queue, mail."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from local.deploy import Deployment
from local.instance import Instance
from local.mailbox import Mail
from sesame.domain.calendar import first_day, last_day, period_of, shift
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.people import lease_of
from sesame.store.table import Table

Mails = Callable[..., list[Mail]]
HEADER = (
    "Référence;Résidence;Adresse;Code postal;Ville;Chambre;Nom;Prénom;Date de naissance;Courriel;"
    "Langue;Date d'entrée;Date de sortie;Redevance;Charges;Dépôt de garantie"
)
BORN = date(2004, 2, 1)
OWING, PAYING = "owing.billing@example.org", "paying.billing@example.org"


@pytest.fixture(scope="module")
def month() -> str:
    """The month before this one: its notice is news no more, its reminders are due."""
    return shift(period_of(datetime.now(UTC).date()), -1)


@pytest.fixture(scope="module")
def leases(
    http: httpx.Client,
    staff: dict[str, str],
    wait_for: Callable[..., Any],
    month: str,
    tables: dict[str, Table],
) -> dict[str, str]:
    """E-mail -> lease id, of two tenants who moved in last month."""
    starts, ends = first_day(month), last_day(shift(month, 6))
    rows = [
        f"BIL-{n};Les Échéances;1 rue du Terme;69007;Lyon;C{n:03};Essai;{name};{BORN:%d/%m/%Y};{email};"
        f"{language};{starts:%d/%m/%Y};{ends:%d/%m/%Y};400,00;50,00;400,00"
        for n, (name, email, language) in enumerate([("Ada", OWING, "fr"), ("Max", PAYING, "en")], start=1)
    ]
    started = http.post(
        "/v1/desk/lease-imports",
        content="\r\n".join([HEADER, *rows, ""]).encode(),
        headers={**staff, "Content-Type": "text/csv"},
    )
    assert started.status_code == 202, started.text

    def admitted() -> dict[str, str]:
        found = tables["identity"].query("RESIDENCE#les-echeances-69007", index=keys.GSI1).items
        by_room = {item["room"]: lease_of(item).lease_id for item in found}
        return {OWING: by_room["C001"], PAYING: by_room["C002"]} if len(by_room) == len(rows) else {}

    ids: dict[str, str] = wait_for(admitted)
    return ids


@pytest.fixture(scope="module")
def tables(instance: Instance, deployment: Deployment) -> dict[str, Table]:
    client = instance.client("dynamodb")
    return {name: Table(client, physical) for name, physical in deployment.tables.items()}


@pytest.fixture(scope="module")
def accounts(tables: dict[str, Table]) -> Accounts:
    return Accounts(tables["money"])


@pytest.fixture(scope="module")
def billed(
    invoke: Callable[..., Any], leases: dict[str, str], accounts: Accounts, month: str, wait_for: Any
) -> dict[str, str]:
    """Both owe last month's rent; its run was made up for, twice."""
    at = datetime.combine(first_day(month), datetime.min.time(), UTC) + timedelta(hours=3)
    for _ in range(2):
        invoke("BillingPlanFunction", {"scheduled_time": at.isoformat()})
    wait_for(lambda: all(accounts.get(lease_id) for lease_id in leases.values()))
    return leases


def test_a_welcome_comes_with_a_link_and_without_the_code(
    leases: dict[str, str], mails: Mails, wait_for: Callable[..., Any]
) -> None:
    [mail] = wait_for(lambda: mails(OWING))

    assert mail["subject"].startswith("Bienvenue")
    assert "/bienvenue/" in mail["text"]


def test_the_daily_run_issues_one_notice_however_often_it_runs(
    billed: dict[str, str], accounts: Accounts, month: str
) -> None:
    for lease_id in billed.values():
        journal = accounts.journal(lease_id)
        assert [one.notice.period for one in journal.notices] == [month]
        assert journal.account is not None
        assert journal.account.checkpoint.balance_cents == 45_000


def test_the_notice_of_this_month_comes_by_mail_and_that_of_last_month_does_not(
    invoke: Callable[..., Any], billed: dict[str, str], mails: Mails, wait_for: Callable[..., Any]
) -> None:
    today = datetime.now(UTC).isoformat()

    invoke("BillingPlanFunction", {"scheduled_time": today})

    notices = wait_for(lambda: [mail for mail in mails(PAYING) if "rent for" in mail["subject"]])
    assert len(notices) == 1


def test_who_owes_is_reminded_once_and_who_paid_is_not(
    invoke: Callable[..., Any],
    billed: dict[str, str],
    http: httpx.Client,
    tables: dict[str, Table],
    mails: Mails,
    wait_for: Callable[..., Any],
    month: str,
) -> None:
    pay_everything(http, mails, wait_for)
    # the notices' own mails are in, so that what comes from here on is a reminder
    wait_for(lambda: [mail for mail in mails(OWING) if mail["subject"].startswith("Votre loyer")])
    before = {who: len(mails(who)) for who in (OWING, PAYING)}
    three_days_late = _working_morning(first_day(month).replace(day=13))

    first = invoke("ReminderPlanFunction", {"scheduled_time": three_days_late.isoformat()})
    again = invoke("ReminderPlanFunction", {"scheduled_time": three_days_late.isoformat()})

    assert first["reminders"] >= 1
    assert again["reminders"] == 0
    wait_for(lambda: len(mails(OWING)) > before[OWING])
    [reminder] = mails(OWING)[: -before[OWING]]
    assert "restent à payer" in reminder["subject"]
    assert "450,00" in reminder["subject"]
    # the same run queued all that it announced: one for who has paid would be here, or on its account
    assert [mail["subject"] for mail in mails(PAYING)[: -before[PAYING]]] == []
    announced: dict[str, Any] = {
        who: (tables["money"].get(keys.account(billed[who])) or {}).get("announce") for who in before
    }
    assert announced[OWING]["type"] == "reminder.due"
    assert announced[PAYING] is None


def pay_everything(http: httpx.Client, mails: Mails, wait_for: Callable[..., Any]) -> None:
    """As the tenant does: the code by the welcome's link, a session, the provider's page."""
    [welcome] = wait_for(lambda: [mail for mail in mails(PAYING) if "/bienvenue/" in mail["text"]])
    link = re.search(r"/bienvenue/(\S+)", welcome["text"])
    assert link is not None
    opened = _asked(http, 200, "/v1/welcomes", {"token": link.group(1), "birth_date": BORN.isoformat()})
    before = len(mails(PAYING))
    asked = _asked(http, 202, "/v1/sign-ins", {"tenant_code": opened["tenant_code"]})
    wait_for(lambda: len(mails(PAYING)) > before)
    code = re.search(r"\b(\d{4}) (\d{4})\b", mails(PAYING)[0]["text"])
    assert code is not None
    session = _asked(
        http, 200, f"/v1/sign-ins/{asked['sign_in_id']}/confirm", {"otp": "".join(code.groups())}
    )
    headers = {"Authorization": f"Bearer {session['session_token']}"}

    owed = http.get("/v1/me/account", headers=headers).json()["balance_cents"]
    key = {"Idempotency-Key": "pay-everything"}
    started = _asked(http, 201, "/v1/me/payments", {"amount_cents": owed}, headers | key)
    page = httpx.post(started["checkout_url"], data={"action": "pay"}, timeout=30, trust_env=False)
    assert page.status_code == 303
    path = f"/v1/me/payments/{started['payment_id']}"
    wait_for(lambda: http.get(path, headers=headers).json()["state"] == "paid")


def _asked(
    http: httpx.Client, status: int, path: str, body: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    answer = http.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    content: dict[str, Any] = answer.json()
    return content


def _working_morning(day: date) -> datetime:
    while day.weekday() == 6:
        day += timedelta(days=1)
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=10)
