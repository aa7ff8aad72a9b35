"""A tenant changes the code, asks for the entry document again, and signs out everywhere, as deployed."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pypdfium2
import pytest

from local.mailbox import Mail
from local.stack import Stack

Ask = Callable[..., Any]
ROTATION = "/v1/me/tenant-code/rotation"
NEW_CODE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}")


@pytest.fixture(scope="module")
def sign_in(http: httpx.Client, stack: Stack, mails: Callable[..., list[Mail]], wait_for: Ask) -> Ask:
    """Signs a demo tenant in, by the one-time code that comes by e-mail; with another code where given."""

    def token(number: int, code: str = "") -> dict[str, str]:
        tenant = stack["demo_tenants"][number]
        email, code = tenant["email"], code or tenant["tenant_code"]
        seen = len(mails(email))
        started = http.post("/v1/sign-ins", json={"tenant_code": code})
        assert started.status_code == 202, started.text

        def digits() -> str | None:
            for mail in mails(email, seen):
                if found := re.search(r"\b(\d{4}) (\d{4})\b", mail["text"]):
                    return "".join(found.groups())
            return None

        path = f"/v1/sign-ins/{started.json()['sign_in_id']}/confirm"
        opened = http.post(path, json={"otp": wait_for(digits)})
        assert opened.status_code == 200, opened.text
        return {"Authorization": f"Bearer {opened.json()['session_token']}"}

    return token


def test_clicks_at_the_same_moment_change_the_code_once(
    http: httpx.Client, stack: Stack, sign_in: Ask
) -> None:
    headers = sign_in(9)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: http.post(ROTATION, headers=headers), range(4)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["tenant_code"] for answer in answers}) == 1


def test_a_tenant_changes_the_code_and_ends_every_session(
    http: httpx.Client, stack: Stack, sign_in: Ask, wait_for: Ask
) -> None:
    old_code = stack["demo_tenants"][7]["tenant_code"]
    phone = sign_in(7)

    rotated = http.post(ROTATION, headers=phone)
    again = http.post(ROTATION, headers=phone)

    new_code = rotated.json()["tenant_code"]
    assert NEW_CODE.fullmatch(new_code)
    assert new_code != old_code
    assert again.json() == rotated.json()
    assert http.get("/v1/me", headers=phone).json()["lease"]["tenant_code_ends_with"] == new_code[-2:]

    laptop = sign_in(7, new_code)
    listed = http.get("/v1/me/sessions", headers=laptop).json()["sessions"]
    assert [one["current"] for one in listed].count(True) == 1
    assert len(listed) == 2
    [other] = [one["id"] for one in listed if not one["current"]]
    assert http.delete(f"/v1/me/sessions/{other}", headers=laptop).status_code == 204
    assert http.get("/v1/me", headers=phone).status_code == 401

    asked = http.post("/v1/me/certificates", json={"kind": "entry_document"}, headers=laptop)
    assert asked.status_code == 202, asked.text

    def ready() -> str | None:
        document = http.get(asked.headers["Location"].lstrip("/"), headers=laptop).json()
        return str(document["download_url"]) if document["status"] == "ready" else None

    pdf = pypdfium2.PdfDocument(httpx.get(wait_for(ready, every=0.2), trust_env=False).content)
    text = "".join(page.get_textpage().get_text_range() for page in pdf)
    assert new_code in text
    assert old_code not in text

    assert http.delete("/v1/me/sessions", headers=laptop).status_code == 204
    assert http.get("/v1/me/sessions", headers=laptop).status_code == 401
