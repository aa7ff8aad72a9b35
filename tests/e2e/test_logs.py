"""The functions' own logs on the local AWS hold no code, token, contact, name or birth date of anybody."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from local.deploy import Deployment
from local.instance import Instance
from local.mailbox import Mail
from local.running import LocalStack
from local.stack import Stack
from tests.integration.leaks import code_forms, date_forms, digit_forms, found_in

Ask = Callable[..., Any]
GROUP = "/sesame/local/functions"


@pytest.fixture(scope="module")
def secrets(stack: Stack) -> dict[str, set[str]]:
    """What is known of the demo's tenants."""
    return {
        f"{kind} of {number}": forms
        for number, tenant in enumerate(stack["demo_tenants"])
        for kind, forms in {
            "name": {tenant["name"]},
            "e-mail": {tenant["email"]},
            "INE": {tenant["ine"]},
            "code": code_forms(tenant["tenant_code"]),
            "birth date": date_forms(date.fromisoformat(tenant["birth_date"])),
        }.items()
    }


@pytest.fixture(scope="module")
def one_time_code(http: httpx.Client, mails: Callable[..., list[Mail]], wait_for: Ask) -> Ask:
    """Starts a request by these facts: its id, and the code that came for it."""

    def started(path: str, body: dict[str, str], email: str) -> tuple[str, str]:
        seen = len(mails(email))
        answer = http.post(path, json=body)
        assert answer.status_code == 202, answer.text

        def shown() -> str | None:
            for mail in mails(email, seen):
                if found := re.search(r"\b\d{4}\s\d{4}\b", mail["text"]):
                    return " ".join(found[0].split())
            return None

        [request_id] = [value for name, value in answer.json().items() if name.endswith("_id")]
        return request_id, wait_for(shown)

    return started


def test_nothing_secret_is_in_the_functions_logs(
    http: httpx.Client,
    stack: Stack,
    running: LocalStack,
    deployment: Deployment,
    instance: Instance,
    staff: dict[str, str],
    one_time_code: Ask,
    secrets: dict[str, set[str]],
    wait_for: Ask,
) -> None:
    tenant = stack["demo_tenants"][13]
    by_email = {"email": tenant["email"], "birth_date": tenant["birth_date"]}
    recovery_id, otp = one_time_code("/v1/code-recoveries", by_email, tenant["email"])
    secrets["recovery's code"] = digit_forms(otp)
    http.post(f"/v1/code-recoveries/{recovery_id}/confirm", json={"otp": "0000 0000"})
    recovered = http.post(f"/v1/code-recoveries/{recovery_id}/confirm", json={"otp": otp})
    assert recovered.json()["tenant_code"] == tenant["tenant_code"]

    by_code = {"tenant_code": tenant["tenant_code"]}
    sign_in_id, otp = one_time_code("/v1/sign-ins", by_code, tenant["email"])
    secrets["sign-in's code"] = digit_forms(otp)
    opened = http.post(f"/v1/sign-ins/{sign_in_id}/confirm", json={"otp": otp})
    assert opened.status_code == 200, opened.text
    token = opened.json()["session_token"]
    secrets["session token"] = {token}
    me = {"Authorization": f"Bearer {token}"}
    rotated = http.post("/v1/me/tenant-code/rotation", headers=me).json()["tenant_code"]
    secrets["new code"] = code_forms(rotated)

    student = running.students.token(ine=tenant["ine"])
    secrets["student's token"] = {student}
    secrets["staff token"] = {stack["staff_token"], stack["desk_token"]}
    shown = http.get("/v1/personal-space/tenant-code", headers={"Authorization": f"Bearer {student}"})
    assert shown.json()["tenant_code"] == rotated
    found = http.post("/v1/desk/lease-searches", json={"email": tenant["email"]}, headers=staff).json()[
        "leases"
    ]
    path = f"/v1/desk/leases/{found[0]['lease_id']}/code-recoveries"
    body = {"id_document": {"kind": "passport", "last_characters": "ZK4T"}, "phone": "06 39 98 12 34"}
    assert http.post(path, json=body, headers=staff).status_code == 201
    secrets["ID's last characters"] = {"ZK4T"}

    def logged() -> str | None:
        text = log_of(instance)
        return text if f'"route":"POST {path.replace(found[0]["lease_id"], "{lease_id}")}"' in text else None

    text = wait_for(logged)
    assert text.count('"message":"request"') > 5
    assert text.count('"message":"batch"') > 5
    assert found_in(text, secrets) == {}


def log_of(instance: Instance) -> str:
    """All that the deployed functions have logged so far."""
    pages = instance.client("logs").get_paginator("filter_log_events").paginate(logGroupName=GROUP)
    return "\n".join(event["message"] for page in pages for event in page["events"])
