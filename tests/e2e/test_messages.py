"""A repair asked for with a photograph, through the deployed functions: signed form, check, answer."""

import io
import re
from collections.abc import Callable
from typing import Any

import httpx
from PIL import Image

from local.mailbox import Mail
from local.stack import Stack
from tests.unit.test_file_contents import located, picture, saved

Ask = Callable[..., Any]
Mails = Callable[..., list[Mail]]


def signed_in(http: httpx.Client, tenant: dict[str, Any], mails: Mails, wait_for: Ask) -> dict[str, str]:
    """Headers of a demo tenant."""
    email = tenant["email"]
    seen = len(mails(email))
    started = http.post("/v1/sign-ins", json={"tenant_code": tenant["tenant_code"]}).json()
    [mail, *_] = wait_for(lambda: [one for one in mails(email, seen) if "Connexion" in one["subject"]])
    found = re.search(r"\b(\d{4})\s?(\d{4})\b", mail["text"])
    assert found is not None
    opened = http.post(f"/v1/sign-ins/{started['sign_in_id']}/confirm", json={"otp": "".join(found.groups())})
    assert opened.status_code == 200, opened.text
    return {"Authorization": f"Bearer {opened.json()['session_token']}"}


def test_a_photograph_goes_by_the_form_and_the_answer_comes_without_its_words(
    http: httpx.Client, stack: Stack, staff: dict[str, str], mails: Mails, wait_for: Ask
) -> None:
    tenant = stack["demo_tenants"][24]
    me = signed_in(http, dict(tenant), mails, wait_for)
    photo = saved(picture(size=(400, 300)), "JPEG", exif=located(6))

    def begun() -> tuple[str, dict[str, Any]]:
        answer = http.post("/v1/me/attachments", json={"file_name": "fuite é.jpg"}, headers=me)
        assert answer.status_code == 201, answer.text
        return answer.json()["attachment_id"], answer.json()["upload"]

    photo_id, form = begun()
    with httpx.Client(trust_env=False, timeout=30) as browser:
        for refused in (
            {"fields": form["fields"] | {"key": "attachments/other"}, "content": photo},
            {"fields": form["fields"], "content": b"0" * (form["max_bytes"] + 1)},
        ):
            sent = browser.post(form["url"], data=refused["fields"], files={"file": refused["content"]})
            assert sent.status_code in {400, 403}, sent.text
        sent = browser.post(form["url"], data=form["fields"], files={"file": ("x.jpg", photo)})
        assert sent.status_code in {200, 201, 204}, sent.text

        opening = {
            "category": "room",
            "subject": "Fuite",
            "body": "Sous l'évier",
            "repair": True,
            "attachments": [photo_id],
        }
        key = {"Idempotency-Key": "fuite-1"}
        opened = http.post("/v1/me/messages", json=opening, headers=me | key)
        assert opened.status_code == 201, opened.text
        thread_id = opened.json()["thread"]["thread_id"]
        kept = wait_for(
            lambda: (
                one
                if (one := http.get(f"/v1/me/attachments/{photo_id}", headers=me).json())["state"]
                != "checking"
                else None
            )
        )
        assert kept["state"] == "accepted", kept

        lease_id = http.get("/v1/me", headers=me).json()["lease"]["lease_id"]
        residence_id = http.get(f"/v1/desk/leases/{lease_id}", headers=staff).json()["residence_id"]
        waiting = http.get("/v1/desk/messages", params={"residence_id": residence_id}, headers=staff).json()
        assert thread_id in [one["thread_id"] for one in waiting["threads"]]
        desk = f"/v1/desk/leases/{lease_id}/threads/{thread_id}"
        given = http.get(f"{desk}/attachments/{photo_id}", headers=staff).json()
        file = browser.get(given["download_url"])
        assert file.headers["content-disposition"].startswith("attachment;")
        assert file.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(file.content)).getexif().get_ifd(0x8825) == {}

    seen = len(mails(tenant["email"]))
    step = {"event": "acknowledge", "body": "Nous passons demain à 8 h"}
    answered = http.post(f"{desk}/repair", json=step, headers=staff | {"Idempotency-Key": "r-1"})
    assert answered.status_code == 201, answered.text
    [mail] = wait_for(
        lambda: [one for one in mails(tenant["email"], seen) if "nouveau message" in one["subject"]]
    )
    assert "demain" not in mail["text"] + mail["html"]
    shown = http.get(f"/v1/me/messages/{thread_id}", headers=me).json()
    assert (shown["repair"]["state"], shown["unread"]) == ("acknowledged", True)
