"""A copy of one's data and an erasure, through the deployed functions: queues, mailbox, zip, job."""

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

from local.deploy import Deployment
from local.instance import Instance
from local.mailbox import Mail
from sesame.store import keys
from sesame.store.table import Table

EMAIL = "nora.effacement@example.org"
HEADER = (
    "Référence;Résidence;Adresse;Code postal;Ville;Chambre;Nom;Prénom;Date de naissance;Courriel;"
    "Langue;Date d'entrée;Date de sortie;Redevance;Charges;Dépôt de garantie"
)
ROW = (
    "NORA-EFFACEMENT;Les Archives;5 rue du Coffre;69007;Lyon;A101;Ravel;Nora;01/02/2004;"
    f"{EMAIL};fr;01/09/2026;31/08/2027;400,00;50,00;400,00"
)
DAY = timedelta(days=1)
Ask = Callable[..., Any]
Mails = Callable[..., list[Mail]]


def one_time_code(mails: Mails, wait_for: Ask, seen: int, subject: str) -> str:
    """The code in the next message about something."""
    new: list[Mail] = wait_for(lambda: [mail for mail in mails(EMAIL, seen) if subject in mail["subject"]])
    found = re.search(r"\b(\d{4})\s?(\d{4})\b", new[0]["text"])
    assert found is not None
    return "".join(found.groups())


@pytest.fixture(scope="module")
def session(http: httpx.Client, staff: dict[str, str], mails: Mails, wait_for: Ask) -> dict[str, str]:
    """Nora, admitted, welcomed and signed in."""
    answer = http.post(
        "/v1/desk/lease-imports",
        content=f"{HEADER}\r\n{ROW}\r\n".encode(),
        headers={**staff, "Content-Type": "text/csv"},
    )
    assert answer.status_code == 202, answer.text
    token = wait_for(
        lambda: next(
            (found[1] for mail in mails(EMAIL) if (found := re.search(r"/bienvenue/([\w-]+)", mail["text"]))),
            "",
        )
    )
    welcomed = wait_for(
        lambda: (
            shown
            if (shown := http.post("/v1/welcomes", json={"token": token, "birth_date": "2004-02-01"}).json())[
                "entry_document"
            ]["status"]
            == "ready"
            else None
        ),
        every=0.3,
    )
    seen = len(mails(EMAIL))
    started = http.post("/v1/sign-ins", json={"tenant_code": welcomed["tenant_code"]}).json()
    otp = one_time_code(mails, wait_for, seen, "Connexion")
    opened = http.post(f"/v1/sign-ins/{started['sign_in_id']}/confirm", json={"otp": otp})
    assert opened.status_code == 200, opened.text
    return {"Authorization": f"Bearer {opened.json()['session_token']}"}


def test_a_copy_of_ones_data_is_made_told_downloaded_and_opened(
    http: httpx.Client, session: dict[str, str], mails: Mails, wait_for: Ask
) -> None:
    certificate = http.post(
        "/v1/me/certificates", json={"kind": "residence_certificate"}, headers=session
    ).headers["Location"]
    wait_for(lambda: http.get(certificate, headers=session).json()["status"] == "ready")
    asked = http.post("/v1/me/data-exports", headers=session)
    assert asked.status_code == 202, asked.text

    def ready() -> str | None:
        found = http.get(asked.headers["Location"], headers=session)
        assert found.status_code == 200, found.text
        link: str | None = found.json().get("download_url")
        return link

    url = wait_for(ready, every=0.3)
    archive = ZipFile(io.BytesIO(httpx.get(url, trust_env=False).raise_for_status().content))

    data = json.loads(archive.read("donnees.json"))
    assert data["person"]["email"] == EMAIL
    assert data["leases"][0]["lease"]["reference"] == "NORA-EFFACEMENT"
    papers = {one["kind"]: one["file"] for one in data["leases"][0]["documents"]}
    assert archive.read(papers["residence_certificate"]).startswith(b"%PDF-")
    assert papers["entry_document"] is None  # it shows the code
    assert "VOS DONNÉES" in archive.read("LISEZMOI.txt").decode()
    wait_for(lambda: [mail for mail in mails(EMAIL) if mail["subject"] == "Vos données sont prêtes"])
    assert http.post("/v1/me/data-exports", headers=session).json()["export_id"] == asked.json()["export_id"]


def test_an_erasure_takes_the_one_time_code_waits_and_is_carried_out(
    http: httpx.Client,
    session: dict[str, str],
    mails: Mails,
    wait_for: Ask,
    invoke: Callable[[str, dict[str, Any]], Any],
    instance: Instance,
    deployment: Deployment,
) -> None:
    seen = len(mails(EMAIL))
    started = http.post("/v1/me/confirmations", json={"purpose": "erasure"}, headers=session).json()
    body = {
        "confirmation_id": started["confirmation_id"],
        "otp": one_time_code(mails, wait_for, seen, "Effacer"),
    }
    asked = http.post("/v1/me/erasure", json=body, headers=session)
    assert asked.status_code == 202, asked.text
    wait_for(lambda: [mail for mail in mails(EMAIL) if "seront effacées" in mail["subject"]])

    early = invoke("ErasureFunction", {"scheduled_time": (datetime.now(UTC) + 2 * DAY).isoformat()})
    assert http.get("/v1/me/erasure", headers=session).json()["state"] == "asked"
    a_day_passes(Table(instance.client("dynamodb"), deployment.resources["IdentityTable"]))
    due = invoke("ErasureFunction", {"scheduled_time": datetime.now(UTC).isoformat()})

    assert (early["erased"], early["failed"]) == (0, 0)
    assert (due["erased"], due["failed"]) == (1, 0)
    assert http.get("/v1/me", headers=session).status_code == 401


def a_day_passes(identity: Table) -> None:
    """Brings forward what waits: the local AWS's clock cannot be moved."""
    [item] = identity.query(keys.erasures(), index=keys.GSI1).items
    identity.update(
        {"pk": item["pk"], "sk": item["sk"]},
        "SET gsi1sk = :now",
        values={":now": datetime.now(UTC).isoformat(timespec="microseconds")},
    )
