"""A lost code comes back at the reception, and by a one-time code to a phone, as deployed."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pypdfium2
import pytest

from local.instance import Instance
from local.mailbox import Mail, read_texts
from local.stack import DemoTenant, Stack

PHONE = "06 39 98 70 11"
NUMBER = "+33639987011"
ID_SHOWN = {"id_document": {"kind": "passport", "last_characters": "K4T9"}}
ONE_TIME_CODE = re.compile(r"\b(\d{4})[ \u00a0\u202f](\d{4})\b")

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def receptionist(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack['desk_token']}"}


@pytest.fixture(scope="module")
def tenant(stack: Stack) -> DemoTenant:
    return stack["demo_tenants"][11]


@pytest.fixture(scope="module")
def lease(http: httpx.Client, receptionist: dict[str, str], tenant: DemoTenant) -> str:
    """The path of the tenant's lease at the desk, found as a receptionist does."""
    found = http.post("/v1/desk/lease-searches", json={"ine": tenant["ine"]}, headers=receptionist)
    [one] = found.json()["leases"]
    return f"/v1/desk/leases/{one['lease_id']}"


@pytest.fixture
def texts(instance: Instance, wait_for: Ask) -> Callable[[str], str]:
    """Waits for a new text to the phone that matches, and gives it."""
    seen = len(read_texts(instance, NUMBER))

    def matching(pattern: str) -> str:
        def look() -> str | None:
            every = read_texts(instance, NUMBER)
            new = (one["text"] for one in every[: len(every) - seen])
            return next((text for text in new if re.search(pattern, text)), None)

        return str(wait_for(look))

    return matching


def slip_text(http: httpx.Client, path: str, headers: dict[str, str], wait_for: Ask) -> str:
    def ready() -> str | None:
        slip = http.get(path, headers=headers).json()
        return str(slip["download_url"]) if slip["status"] == "ready" else None

    pdf = pypdfium2.PdfDocument(httpx.get(wait_for(ready, every=0.2), trust_env=False).content)
    return "".join(page.get_textpage().get_text_range() for page in pdf)


def test_the_reception_gives_a_new_code_ends_the_sessions_and_tells_every_contact(
    http: httpx.Client,
    receptionist: dict[str, str],
    tenant: DemoTenant,
    lease: str,
    mails: Callable[..., list[Mail]],
    texts: Callable[[str], str],
    wait_for: Ask,
) -> None:
    session = sign_in(http, tenant, mails, wait_for)
    seen = len(mails(tenant["email"]))
    wish = {**ID_SHOWN, "phone": PHONE, "new_code": True}

    done = http.post(f"{lease}/code-recoveries", json=wish, headers=receptionist)
    second_click = http.post(f"{lease}/code-recoveries", json=wish, headers=receptionist)

    assert done.status_code == 201, done.text
    assert second_click.json() == done.json()
    assert done.json()["contacts_usable_from"] is not None
    assert http.get("/v1/me", headers=session).status_code == 401
    slip = slip_text(http, done.json()["slip"], receptionist, wait_for)
    assert tenant["tenant_code"] not in slip
    assert re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", slip)
    told = wait_for(lambda: mails(tenant["email"], seen))
    assert len(told) == 1
    assert slip not in told[0]["text"]
    assert "accueil" in told[0]["text"] or "reception" in told[0]["text"]
    assert "coordonnées" in texts("coordonnées|contact details")


def test_a_changed_phone_proves_nothing_until_a_second_member_of_staff_approves(
    http: httpx.Client,
    instance: Instance,
    staff: dict[str, str],
    receptionist: dict[str, str],
    tenant: DemoTenant,
    lease: str,
    mails: Callable[..., list[Mail]],
    wait_for: Ask,
) -> None:
    texts, seen = read_texts(instance, NUMBER), len(mails(tenant["email"]))
    by_text = {"ine": tenant["ine"], "birth_date": tenant["birth_date"], "send_by": "sms"}
    assert http.post("/v1/code-recoveries", json=by_text).status_code == 202

    def code_by_mail() -> bool:
        every = mails(tenant["email"])
        return any(ONE_TIME_CODE.search(mail["text"]) for mail in every[: len(every) - seen])

    assert wait_for(code_by_mail)
    assert read_texts(instance, NUMBER) == texts

    change = http.get(lease, headers=staff).json()["contact_change"]
    assert change["channels"] == ["sms"]
    named = {"recovery_id": change["recovery_id"]}
    own = http.post(f"{lease}/contact-approvals", json=named, headers=receptionist)
    approved = http.post(f"{lease}/contact-approvals", json=named, headers=staff)

    assert (own.status_code, own.json()["type"]) == (403, "urn:sesame:problem:own-change")
    assert approved.status_code == 204


def test_a_phone_and_the_birth_date_give_the_code_back_by_text(
    http: httpx.Client,
    receptionist: dict[str, str],
    tenant: DemoTenant,
    lease: str,
    texts: Callable[[str], str],
    wait_for: Ask,
) -> None:
    by_phone = {"phone": PHONE, "birth_date": tenant["birth_date"]}
    started = http.post("/v1/code-recoveries", json=by_phone)
    assert started.status_code == 202, started.text

    otp = "".join(ONE_TIME_CODE.search(texts(ONE_TIME_CODE.pattern)).groups())  # type: ignore[union-attr]
    confirmed = http.post(f"/v1/code-recoveries/{started.json()['recovery_id']}/confirm", json={"otp": otp})

    assert confirmed.status_code == 200, confirmed.text
    again = http.post(f"{lease}/code-recoveries", json=ID_SHOWN, headers=receptionist)
    slip = slip_text(http, again.json()["slip"], receptionist, wait_for)
    assert confirmed.json()["tenant_code"] in slip


def sign_in(
    http: httpx.Client, tenant: DemoTenant, mails: Callable[..., list[Mail]], wait_for: Ask
) -> dict[str, str]:
    seen = len(mails(tenant["email"]))
    started = http.post("/v1/sign-ins", json={"tenant_code": tenant["tenant_code"]})

    def digits() -> str | None:
        every = mails(tenant["email"])
        found = (ONE_TIME_CODE.search(mail["text"]) for mail in every[: len(every) - seen])
        return next(("".join(one.groups()) for one in found if one), None)

    path = f"/v1/sign-ins/{started.json()['sign_in_id']}/confirm"
    opened = http.post(path, json={"otp": wait_for(digits)})
    assert opened.status_code == 200, opened.text
    return {"Authorization": f"Bearer {opened.json()['session_token']}"}
