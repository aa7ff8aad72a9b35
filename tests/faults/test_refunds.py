"""Refunds under every fault: asked for once, given once, whatever fails on the way."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest

from sesame.domain.refunds import RefundState
from sesame.domain.scope import EVERYWHERE
from sesame.providers.base import Credentials, ProviderUnavailable
from sesame.store.audit import Action
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.table import unmarshal
from tests.conftest import FrozenClock
from tests.faults.harness import Scene, faults_of, outward, stage
from tests.faults.test_payments import AT_ONCE
from tests.integration.conftest import Aws
from tests.integration.entries import http_event, load, prepare
from tests.integration.staff_members import as_staff, enrol
from tests.integration.test_refunds import Treasury


class House(Treasury):
    """Asking its provider can fail too."""

    def give(self, reference: str, cents: int, refund_id: str, credentials: Credentials) -> None:
        give: Callable[[], None] = lambda: Treasury.give(self, reference, cents, refund_id, credentials)  # noqa: E731
        outward("provider.refund", give, ProviderUnavailable)


class RefundScene(Scene):
    """A tenant with 100 euros of credit, and an accountant."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws, self.clock = aws, FrozenClock(datetime(2026, 9, 2, 8, 0, tzinfo=UTC))
        self.house = House(aws, self.clock)
        prepare(aws, monkeypatch, PROVIDER_SECRETS=json.dumps(self.house.registry.secret_ids))
        enrol(aws, "accountant", EVERYWHERE)
        self.restart()

    def restart(self) -> None:
        functions: list[Any] = [load(name) for name in ("payments/refunds", "desk/refunds")]
        self.tenants_api, self.desk_api = functions
        self.tenants_api.refunds = replace(self.tenants_api.refunds, clock=self.clock)
        desk = self.desk_api.desk
        desk.registry._made["sandbox"] = self.house.sandbox
        books = replace(desk.bookkeeping, clock=self.clock)
        self.desk_api.desk = replace(desk, clock=self.clock, bookkeeping=books, retries=AT_ONCE)

    def decide(self, refund_id: str, decision: str, body: dict[str, Any]) -> tuple[int, Any]:
        path = f"/v1/desk/leases/{self.house.lease.lease_id}/refunds/{refund_id}/{decision}"
        answer = self.desk_api.handler(
            as_staff(http_event("POST", path, body), "accountant", "accountant"), None
        )
        return answer["statusCode"], json.loads(answer["body"])

    def done(self, action: Action) -> int:
        """How often the audit says so."""
        entries = self.house.audit.of(self.house.lease.lease_id).entries
        return sum(entry.action is action for entry in entries)

    def kept(self) -> list[dict[str, Any]]:
        """The refund requests, and the place that an open one holds."""
        items = map(unmarshal, self.aws.dynamodb.scan(TableName=self.aws.money.name)["Items"])
        return [item for item in items if item["pk"].startswith("REFUNDS#")]


class AskScene(RefundScene):
    """A request without a key: a second one is told that the first is under way."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(aws, monkeypatch)
        lease, now = self.house.lease, datetime.now(UTC)
        token = new_token(lease.person_id, lease.lease_id, lambda size: b"\x01" * size)
        stored = StoredSession(
            session_id=token.session_id,
            person_id=lease.person_id,
            lease_id=lease.lease_id,
            epoch=1,
            created_at=now,
            last_seen_at=now,
            ends_at=now + timedelta(hours=8),
        )
        aws.identity.write(Sessions(aws.identity).opening(stored))
        self.token = str(token)

    def trigger(self) -> bool:
        event = http_event("POST", "/v1/me/refunds", {}, authorization=f"Bearer {self.token}")
        answer = self.tenants_api.handler(event, None)
        return answer["statusCode"] == HTTPStatus.CREATED or "refund-under-way" in answer["body"]

    def check(self) -> None:
        assert len(self.kept()) == 2
        assert self.done(Action.REFUND_ASKED) == 1

    def state(self) -> object:
        [refund] = self.house.requests.of_lease(self.house.lease.lease_id)
        return refund.state, refund.amount_cents, len(refund.parts)


class ApproveScene(RefundScene):
    """An accountant's approval, pressed until it is answered."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(aws, monkeypatch)
        self.refund = self.house.ask()

    def trigger(self) -> bool:
        return self.decide(self.refund.refund_id, "approval", {})[0] == HTTPStatus.OK

    def check(self) -> None:
        assert list(self.house.given.values()) == [(f"co_{self.house.paid}", 10_000)]
        assert self.done(Action.REFUND_APPROVED) == 1

    def state(self) -> object:
        return self.house.state(self.refund), self.house.credit

    def go_on(self) -> None:
        self.house.settle(self.house.paid, 10_000, "payment.refunded")
        assert self.house.state(self.refund) is RefundState.DONE
        assert self.house.credit == 0
        assert len(self.kept()) == 1


class TransferScene(RefundScene):
    """An approval that is in the journal at once."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(aws, monkeypatch)
        self.refund = self.house.ask_to_account()
        self.clock.advance(timedelta(days=1))

    def trigger(self) -> bool:
        body = {"transfer_reference": "VIR-1"}
        return self.decide(self.refund.refund_id, "approval", body)[0] == HTTPStatus.OK

    def check(self) -> None:
        assert self.house.given == {}
        assert self.done(Action.REFUND_APPROVED) == 1
        assert len(self.kept()) == 1

    def state(self) -> object:
        return self.house.state(self.refund), self.house.credit


@pytest.mark.parametrize("scene", [AskScene, ApproveScene, TransferScene])
def test_a_refund_survives_any_fault(
    scene: Callable[[Aws, pytest.MonkeyPatch], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in faults_of(stage(scene, monkeypatch)):
        fault.play()
