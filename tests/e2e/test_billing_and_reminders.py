"""Rent notices and reminders through the deployed functions: schedule, queue, stream, bus, queue, mail."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from local.deploy import Deployment
from local.instance import Instance
from local.mailbox import Mail
from sesame.domain.calendar import first_day, last_day, period_of, shift
from sesame.domain.journal import Entry, EntryKind
from sesame.platform.clock import utc_now
from sesame.services.accounts import Bookkeeping
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.people import lease_of
from sesame.store.table import Table

Mails = Callable[[str], list[Mail]]
HEADER = (
    "Référence;Résidence;Adresse;Code postal;Ville;Chambre;Nom;Prénom;Date de naissance;Courriel;"
    "Langue;Date d'entrée;Date de sortie;Redevance;Charges;Dépôt de garantie"
)
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
        f"BIL-{n};Les Échéances;1 rue du Terme;69007;Lyon;C{n:03};Essai;{name};01/02/2004;{email};{language};"
        f"{starts:%d/%m/%Y};{ends:%d/%m/%Y};400,00;50,00;400,00"
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
    accounts: Accounts,
    mails: Mails,
    wait_for: Callable[..., Any],
    month: str,
) -> None:
    pay_everything(accounts, billed[PAYING])
    three_days_late = _working_morning(first_day(month).replace(day=13))

    first = invoke("ReminderPlanFunction", {"scheduled_time": three_days_late.isoformat()})
    again = invoke("ReminderPlanFunction", {"scheduled_time": three_days_late.isoformat()})

    assert first["reminders"] >= 1
    assert again["reminders"] == 0
    reminders = wait_for(lambda: [mail for mail in mails(OWING) if "restent" in mail["subject"]])
    assert len(reminders) == 1
    assert "450,00" in reminders[0]["subject"]
    assert [mail["subject"] for mail in mails(PAYING) if "still to pay" in mail["subject"]] == []


def pay_everything(accounts: Accounts, lease_id: str) -> None:
    """By hand, as if posted."""
    account = accounts.get(lease_id)
    assert account is not None
    entry = Entry(
        entry_id="payment:test",
        kind=EntryKind.PAYMENT,
        amount_cents=-account.checkpoint.balance_cents,
        effective_at=utc_now(),
        source="payment:test",
    )
    Bookkeeping(accounts, utc_now).post(lease_id, account.residence_id, entry)


def _working_morning(day: date) -> datetime:
    while day.weekday() == 6:
        day += timedelta(days=1)
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=10)
