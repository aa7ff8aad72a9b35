"""Social files, enrolments and renewals: the functions concerned on one account, shared by a module.

Each test has a tenant of its own, so that none sees another's.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from secrets import token_bytes
from typing import Any

import pytest
from moto import mock_aws

from sesame.domain.attachments import UNATTACHED_LIFE, Attachment, AttachmentState, Side
from sesame.domain.file_contents import FileType
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.domain.tenancy import Residence
from sesame.platform.events import announcement
from sesame.platform.ids import new_id
from sesame.services.file_imports import CHUNK_DUE
from sesame.store import keys
from sesame.store.attachments import Attachments
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.table import Item, transact, unmarshal
from tests.conftest import FrozenClock
from tests.integration.conftest import fresh_account
from tests.integration.house import Answer, House
from tests.integration.staff_members import enrol
from tests.integration.tenants import RESIDENCE, Tenant, admit

ENTRIES = (
    "tenancy/api",
    "tenancy/studies",
    "desk/studies",
    "desk/life",
    "desk/renewals",
    "leases/import_rows",
    "renewals/plan",
    "notifications/send",
    "outbox/publish",
)
MANAGER = ("manager-1", "manager")
DESK = ("desk-1", "desk")
ELSEWHERE = ("elsewhere", "manager", "desk")
START = datetime(2026, 9, 2, 8, tzinfo=UTC)


class Office:
    """The functions, and members of staff who see every residence, or another one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws, self.clock = fresh_account(monkeypatch), FrozenClock(START)
        self.house = House(self.aws, monkeypatch, self.clock, ENTRIES)
        self._numbers = count(1)
        enrol(self.aws, MANAGER[0], EVERYWHERE)
        enrol(self.aws, DESK[0], EVERYWHERE)
        enrol(self.aws, ELSEWHERE[0], Scope(residence_ids=frozenset({"les-erables-35000"})))

    def admit(self, residence: Residence = RESIDENCE) -> "Resident":
        """A tenant whom nobody else is, welcomed long ago."""
        number = next(self._numbers)
        tenant = admit(
            self.aws, residence=residence, ine=f"{number:09}AB", email=f"tenant.{number}@example.org"
        )
        self.aws.identity.update(keys.lease(tenant.lease.lease_id), "REMOVE announce")
        return Resident(office=self, tenant=tenant)

    def ask(
        self, method: str, path: str, body: Any = None, *, expect: int = 200, by: Any = MANAGER, **more: Any
    ) -> Any:
        """A request of staff, answered so; then what it announces is told."""
        answer: Answer = self.house.ask(method, path, body, staff=by, **more)
        assert answer.status == expect, (method, path, answer)
        if method != "GET":
            self.house.relay()
        return answer.body

    def import_file(self, kind: str, text: str, *, by: Any = DESK) -> Any:
        """Sends a file in and works it through: its report."""
        path = f"/v1/desk/{kind}-imports"
        taken = self.ask("POST", path, text, by=by, expect=202, content_type="text/csv; charset=utf-8")
        return self.ask("GET", f"{path}/{taken['import_id']}", by=by)

    def work(self, kind: str, text: str) -> None:
        """Sends a file in and works its first chunk through, before anything else that waits is told."""
        path, of_file = f"/v1/desk/{kind}-imports", "text/csv; charset=utf-8"
        taken = self.house.ask("POST", path, text, staff=DESK, content_type=of_file)
        ids = {"import_id": taken.body["import_id"], "kind": f"{kind}s".replace("-", "_"), "chunk": "1"}
        message = announcement(CHUNK_DUE, self.clock(), id="chunk", **ids)
        self.house.deliver("leases/import_rows", json.dumps(message))

    def plan(self, at: datetime) -> Any:
        """The hourly run of renewals; then what it announces is told."""
        self.clock.now = at
        outcome = self.house.run("renewals/plan", {"scheduled_time": at.isoformat()})
        self.house.relay()
        return outcome

    def items(self, table: Any, prefix: str = "") -> list[Item]:
        """What a table holds under sort keys that begin so."""
        found = map(unmarshal, table.client.scan(TableName=table.name)["Items"])
        return [item for item in found if item["sk"].startswith(prefix)]


@dataclass(frozen=True, slots=True)
class Resident:
    """A tenant, what they do, and what is known of them."""

    office: Office
    tenant: Tenant

    @property
    def ine(self) -> str:
        """As files name them."""
        return self.tenant.person.ine or ""

    @property
    def lease(self) -> str:
        """Where the desk finds their lease."""
        return f"/v1/desk/leases/{self.tenant.lease.lease_id}"

    def me(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expect: int = 200,
        relay: bool = True,
        **headers: Any,
    ) -> Any:
        """A request of theirs, with a session of its own; then what it announces is told, unless not yet."""
        aws, now = self.office.aws, self.office.clock()
        token = new_token(self.tenant.person.person_id, self.tenant.lease.lease_id, token_bytes)
        stored = StoredSession(
            session_id=token.session_id,
            person_id=token.person_id,
            lease_id=token.lease_id,
            epoch=1,
            created_at=now,
            last_seen_at=now,
            ends_at=now + timedelta(hours=8),
        )
        aws.identity.write(Sessions(aws.identity).opening(stored))
        answer = self.office.house.ask(method, path, body, authorization=f"Bearer {token}", **headers)
        assert answer.status == expect, (method, path, answer)
        if method != "GET" and relay:
            self.office.house.relay()
        return answer.body

    def attachment(self, **changed: Any) -> str:
        """A file of theirs that passed its check: its id."""
        store = Attachments(self.office.aws.documents)
        now, of = self.office.clock(), self.tenant.lease
        one = Attachment(
            attachment_id=new_id(),
            lease_id=of.lease_id,
            residence_id=of.residence_id,
            side=Side.TENANT,
            uploaded_by=of.person_id,
            file_name="avis.pdf",
            created_at=now,
            delete_at=now + UNATTACHED_LIFE,
        )
        one = replace(one, **{"state": AttachmentState.CHECKING} | changed)
        transact(self.office.aws.dynamodb, store.beginning(one, store.begun(of.lease_id, Side.TENANT)))
        if "state" not in changed:
            assert store.accept(one, FileType.PDF, 1_000)
        return one.attachment_id

    def mail(self) -> list[str]:
        """What they got, on one line each."""
        return self.office.house.sent.to(self.tenant.person.email or "")

    def audited(self, action: str) -> list[Item]:
        """The entries of an action on their lease, the oldest first."""
        partition = keys.audit_of(self.tenant.lease.lease_id)
        found = self.office.aws.operations.query_all(partition)
        return [item for item in found if item["action"] == action]


@contextmanager
def open_office() -> Iterator[Office]:
    """An office, for a module's tests."""
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        yield Office(monkeypatch)
