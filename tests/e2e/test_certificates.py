"""Documents through the deployed functions: request, queue, renderer, bucket, link, verification."""

import hashlib
import html
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zipfile import ZipFile

import httpx
import pypdfium2
import pytest
import zxingcpp

from local.deploy import Deployment
from local.instance import Instance
from local.mailbox import Mail
from sesame.documents.verify import Trust, verify
from sesame.domain.calendar import first_day, last_day, period_of, shift
from sesame.domain.journal import Entry, EntryKind
from sesame.platform.clock import utc_now
from sesame.services.accounts import Bookkeeping
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.table import Table

EMAIL = "zoe.documents@example.org"
BIRTH_DATE = date(2004, 2, 1)
HEADER = (
    "Référence;Résidence;Adresse;Code postal;Ville;Chambre;Nom;Prénom;Date de naissance;Courriel;"
    "Langue;Date d'entrée;Date de sortie;Redevance;Charges;Dépôt de garantie"
)
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def month() -> str:
    """Last month, billed and paid."""
    return shift(period_of(datetime.now(UTC).date()), -1)


@pytest.fixture(scope="module")
def welcome_token(
    http: httpx.Client, staff: dict[str, str], mails: Callable[..., list[Mail]], wait_for: Ask, month: str
) -> str:
    """The desk admits Zoë; her welcome link comes by e-mail."""
    row = (
        "DOC-1;Les Papiers;3 rue du Sceau;69007;Lyon;D101;Nguyễn-D'Arc;Zoë;01/02/2004;"
        f"{EMAIL};fr;{first_day(month):%d/%m/%Y};{last_day(shift(month, 6)):%d/%m/%Y};400,00;50,00;400,00"
    )
    answer = http.post(
        "/v1/desk/lease-imports",
        content=f"{HEADER}\r\n{row}\r\n".encode(),
        headers={**staff, "Content-Type": "text/csv"},
    )
    assert answer.status_code == 202, answer.text

    def token() -> str:
        found = [re.search(r"/bienvenue/([\w-]+)", mail["text"]) for mail in mails(EMAIL)]
        return next((match.group(1) for match in found if match), "")

    return str(wait_for(token))


@pytest.fixture(scope="module")
def welcomed(http: httpx.Client, welcome_token: str, wait_for: Ask) -> dict[str, Any]:
    """The link opened with the birth date, once the entry document is ready."""
    body = {"token": welcome_token, "birth_date": BIRTH_DATE.isoformat()}

    def ready() -> dict[str, Any] | None:
        answer = http.post("/v1/welcomes", json=body)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown if shown["entry_document"]["status"] == "ready" else None

    shown: dict[str, Any] = wait_for(ready, every=0.3)
    return shown


@pytest.fixture(scope="module")
def session(
    http: httpx.Client, welcomed: dict[str, Any], mails: Callable[..., list[Mail]], wait_for: Ask
) -> dict[str, str]:
    """Zoë signed in."""
    seen = len(mails(EMAIL))
    started = http.post("/v1/sign-ins", json={"tenant_code": welcomed["tenant_code"]}).json()
    [mail, *_] = wait_for(lambda: mails(EMAIL) if len(mails(EMAIL)) > seen else None)
    found = re.search(r"\b(\d{4})\s?(\d{4})\b", mail["text"])
    assert found is not None
    confirmed = http.post(
        f"/v1/sign-ins/{started['sign_in_id']}/confirm", json={"otp": "".join(found.groups())}
    )
    assert confirmed.status_code == 200, confirmed.text
    return {"Authorization": f"Bearer {confirmed.json()['session_token']}"}


@pytest.fixture(scope="module")
def obtain(http: httpx.Client, session: dict[str, str], wait_for: Ask) -> Callable[..., dict[str, Any]]:
    """Ask for a document and wait until it is ready."""

    def ask(**wish: str) -> dict[str, Any]:
        asked = http.post("/v1/me/certificates", json=wish, headers=session)
        assert asked.status_code == 202, asked.text

        def ready() -> dict[str, Any] | None:
            shown: dict[str, Any] = http.get(asked.headers["Location"].lstrip("/"), headers=session).json()
            return shown if shown["status"] == "ready" else None

        document: dict[str, Any] = wait_for(ready, every=0.2)
        return document

    return ask


def download(url: str) -> bytes:
    """Without credentials: the link is enough."""
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    return answer.content


def judged(pdf: bytes, stack: dict[str, Any]) -> dict[str, str]:
    """What `sesame verify` finds, trusting what the stack says to trust."""
    trust = Trust.of_text(Path(stack["trust"]).read_text())
    assert trust.verification_address == f"{stack['portal_url']}/verification"
    report = verify(pdf, trust, datetime.now(UTC))
    return {finding.check.value: finding.verdict.value for finding in report.findings}


def print_two_d_docs(http: httpx.Client, staff: dict[str, str]) -> None:
    """As a residence's manager decides it."""
    listed = http.get("/v1/desk/residences", headers=staff).json()["residences"]
    [residence] = [one for one in listed if one["residence_id"] == "les-papiers-69007"]
    settings = residence["settings"]
    settings["documents"]["two_d_doc"] = True
    answer = http.put("/v1/desk/residences/les-papiers-69007", json=settings, headers=staff)
    assert answer.status_code == 200, answer.text


def asked_of_the_page(stack: dict[str, Any], pdf: bytes) -> str:
    """The verification page's verdict on a file, sent as a browser sends it."""
    url = urlsplit(stack["portal_url"])
    answer = httpx.post(
        f"http://127.0.0.1:{url.port}/verification",
        headers={"Host": url.netloc, "Accept-Language": "fr"},
        files={"file": ("attestation.pdf", pdf, "application/pdf")},
        trust_env=False,
    )
    assert answer.status_code == 200
    found = re.search("<h1[^>]*>(.*?)</h1>", answer.text)
    assert found is not None
    return html.unescape(found[1])


def text_of(pdf: bytes) -> str:
    """What the pages say, with ordinary spaces."""
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def test_the_entry_document_shows_the_code_of_the_welcome(welcomed: dict[str, Any]) -> None:
    pdf = download(welcomed["entry_document"]["download_url"])

    assert welcomed["tenant_code"] in text_of(pdf)
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=2).to_pil()
    [qr] = zxingcpp.read_barcodes(image)
    assert welcomed["tenant_code"].replace("-", "") not in qr.text


def test_a_residence_certificate_is_made_downloaded_and_verified_by_its_qr_code(
    http: httpx.Client, obtain: Callable[..., dict[str, Any]], stack: dict[str, Any], staff: dict[str, str]
) -> None:
    print_two_d_docs(http, staff)
    certificate = obtain(kind="residence_certificate", language="en")

    pdf = download(certificate["download_url"])
    assert judged(pdf, stack) == {"seal": "holds", "data": "holds", "qr-code": "holds", "2d-doc": "holds"}
    assert asked_of_the_page(stack, pdf) == "Ce document est authentique"
    assert asked_of_the_page(stack, pdf[:-1]) == "Ce fichier n'est pas un document que nous avons émis"
    digest = hashlib.sha256(pdf).hexdigest()
    assert http.get(f"/v1/verifications/files/{digest}").json()["number"] == certificate["number"]
    text = text_of(pdf)
    assert "Zoë Nguyễn-D’Arc" in text
    assert "Certificate of residence" in text
    printed = zxingcpp.read_barcodes(pypdfium2.PdfDocument(io.BytesIO(pdf))[0].render(scale=2).to_pil())
    [qr] = [one.text for one in printed if one.format == zxingcpp.BarcodeFormat.QRCode]
    page, _, code = qr.rpartition("/")
    assert page == f"{stack['portal_url']}/verification"
    answer = http.get(f"/v1/verifications/{code}").json()
    assert answer["status"] == "genuine"
    assert answer["holder"] == "Zoë Nguyễn-D'Arc"
    assert http.get(f"/v1/verifications/{certificate['verification_code'].lower()}").json() == answer


def test_a_receipt_comes_once_the_month_is_paid(
    http: httpx.Client,
    session: dict[str, str],
    obtain: Callable[..., dict[str, Any]],
    invoke: Callable[..., Any],
    instance: Instance,
    deployment: Deployment,
    month: str,
    wait_for: Ask,
) -> None:
    wish = {"kind": "receipt", "period": month}
    early = http.post("/v1/me/certificates", json=wish, headers=session)
    assert (early.status_code, early.json()["type"]) == (409, "urn:sesame:problem:no-notice")
    at = datetime.combine(first_day(month), datetime.min.time(), UTC) + timedelta(hours=6)
    invoke("BillingPlanFunction", {"scheduled_time": at.isoformat()})

    def unpaid() -> bool:
        answer = http.post("/v1/me/certificates", json=wish, headers=session).json()
        return bool(answer.get("type") == "urn:sesame:problem:not-paid-in-full")

    wait_for(unpaid)
    pay_everything(instance, deployment)

    receipt = obtain(**wish)

    text = text_of(download(receipt["download_url"]))
    assert "annule tous les reçus précédents pour la période" in " ".join(text.split())
    assert "450,00 €" in text
    assert obtain(**wish)["id"] == receipt["id"]
    verified = http.get(f"/v1/verifications/{receipt['verification_code']}").json()
    assert (verified["period"], verified["amount_cents"]) == (month, 45_000)
    assert {"rent": 40_000, "charges": 5_000, "received": 45_000}.items() <= {
        line["label"]: line["amount_cents"] for line in verified["lines"]
    }.items()
    listed = http.get("/v1/me/certificates", headers=session).json()["certificates"]
    assert listed[0]["kind"] == "receipt"


def test_a_residences_receipts_of_a_month_come_as_one_zip(
    http: httpx.Client,
    staff: dict[str, str],
    month: str,
    obtain: Callable[..., dict[str, Any]],
    wait_for: Ask,
) -> None:
    receipt = obtain(kind="receipt", period=month)
    wish = {"residence_id": "les-papiers-69007", "month": month}
    asked = http.post("/v1/desk/document-runs", json=wish, headers=staff)
    assert asked.status_code == 202, asked.text
    run = asked.headers["Location"].lstrip("/")

    def progress() -> dict[str, Any]:
        shown: dict[str, Any] = http.get(run, headers=staff).json()
        return shown

    wait_for(lambda: progress()["status"] == "planned" and progress()["ready"] == 1, every=0.3)
    assert http.post(f"{run}/archive", headers=staff).status_code == 202
    url = wait_for(lambda: progress()["archive_url"], every=0.3)

    with ZipFile(io.BytesIO(httpx.get(url, trust_env=False).content)) as archive:
        [name] = [one for one in archive.namelist() if one.endswith(".pdf")]
        assert receipt["number"] in name
        assert archive.read(name).startswith(b"%PDF")


def test_who_asked_is_told_by_e_mail_with_a_link_and_no_file(
    mails: Callable[..., list[Mail]], obtain: Callable[..., dict[str, Any]], wait_for: Ask
) -> None:
    obtain(kind="residence_certificate")

    def told() -> list[Mail]:
        return [mail for mail in mails(EMAIL) if mail["subject"] == "Votre document est prêt"]

    [mail, *_] = wait_for(told)
    assert ".pdf" not in mail["text"]


def test_a_code_that_was_never_printed_is_unknown(http: httpx.Client) -> None:
    answer = http.get("/v1/verifications/0000-0000-0000-0000")

    assert (answer.status_code, answer.json()["status"]) == (200, "unknown")


def pay_everything(instance: Instance, deployment: Deployment) -> None:
    """By hand, as if posted."""
    client = instance.client("dynamodb")
    accounts = Accounts(Table(client, deployment.tables["money"]))
    [lease] = (
        Table(client, deployment.tables["identity"])
        .query("RESIDENCE#les-papiers-69007", index=keys.GSI1)
        .items
    )
    account = accounts.get(lease["lease_id"])
    assert account is not None
    entry = Entry(
        entry_id="payment:test",
        kind=EntryKind.PAYMENT,
        amount_cents=-account.checkpoint.balance_cents,
        effective_at=utc_now(),
        source="payment:test",
    )
    Bookkeeping(accounts, utc_now).post(account.lease_id, account.residence_id, entry)
