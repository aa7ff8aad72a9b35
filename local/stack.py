"""`.local/stack.json`: how to reach the running local stack, and who to try it as."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from local.deploy import Deployment
from local.instance import Instance

FILE = "stack.json"
TRUST_FILE = "trust.pem"


class DemoTenant(TypedDict):
    """An invented tenant of the demo residence. `birth_date` is ISO 8601."""

    name: str
    email: str
    ine: str
    birth_date: str
    tenant_code: str


class Stack(TypedDict):
    """The content of stack.json. It opens everything in the local stack, so only its owner may read it."""

    api_url: str
    portal_url: str
    mailbox_url: str
    staff_token: str
    """Of an administrator, who sees every residence."""
    desk_token: str
    """Of a receptionist of the demo residence alone."""
    demo_tenants: Sequence[DemoTenant]
    webhook_secrets: Mapping[str, str]
    bucket: str
    tables: Mapping[str, str]
    student_issuer: str
    trust: str
    """A file: what `sesame verify --trust` believes of documents of this stack."""


def describe(
    instance: Instance,
    deployment: Deployment,
    demo_tenants: Sequence[DemoTenant],
    *,
    staff_token: str,
    desk_token: str,
) -> Stack:
    """Put together what a client of the local stack needs."""
    return Stack(
        api_url=instance.api_url,
        portal_url=instance.portal_url,
        mailbox_url=instance.mailbox_url,
        staff_token=staff_token,
        desk_token=desk_token,
        demo_tenants=demo_tenants,
        webhook_secrets=deployment.webhook_secrets,
        bucket=deployment.settings.get("BUCKET", ""),
        tables=deployment.tables,
        student_issuer=instance.student_issuer,
        trust=str(instance.folder / TRUST_FILE),
    )


def write(folder: Path, stack: Stack) -> Path:
    """Write stack.json whole or not at all, for its owner's eyes only. Returns its path."""
    path = folder / FILE
    unfinished = path.with_suffix(".tmp")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(stack, file, ensure_ascii=False, indent=2)
        file.write("\n")
    unfinished.replace(path)
    return path


def remove(folder: Path) -> None:
    """Take stack.json away: what it describes does not run, or no longer."""
    (folder / FILE).unlink(missing_ok=True)


def read(folder: Path) -> Stack | None:
    """The last stack.json written in `folder`, None if there is none."""
    try:
        content: Stack = json.loads((folder / FILE).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return content
