"""AWS calls and capacity units of each operation, counted while the real handlers run against the local AWS.

The emulator meters writes as DynamoDB does, indexes and transactions included. It does not meter reads, so
read units are computed here from the size of what came back: 4 KB a unit, strongly consistent; half for an
index.
"""

import importlib.util
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from secrets import token_bytes
from types import ModuleType
from typing import Any
from unittest.mock import patch

from standardwebhooks import Webhook

from local.instance import ROOT, Instance, free_port
from local.running import LocalStack
from sesame.domain.notices import notice_for
from sesame.domain.tenancy import Lease, Residence
from sesame.platform import aws, logs
from sesame.platform.ids import new_id
from sesame.services.accounts import Bookkeeping
from sesame.services.one_time_codes import OneTimeCode, OneTimeCodes
from sesame.store.accounts import Accounts
from sesame.store.people import People

_READ_UNIT = 4096
PERIOD = "2026-11"


@dataclass(slots=True)
class Meter:
    """What was called meanwhile, and what it used."""

    calls: list[str] = field(default_factory=list)
    read: float = 0.0
    written: float = 0.0

    def line(self, name: str, budget: str = "") -> str:
        """A row of the report."""
        calls = f"{len(self.calls)}{f' of {budget}' if budget else ''}"
        used = f"{self.read:5.1f} RCU {self.written:5.1f} WCU"
        return f"  {name:<28}{calls:>8} calls {used}   {' '.join(self.calls)}"


class Metered:
    """Notes every AWS call of clients made by a botocore session."""

    def __init__(self, events: Any) -> None:
        self._meter: Meter | None = None
        events.register("provide-client-params.dynamodb.*", self._ask)
        events.register("before-call", self._call)
        events.register("after-call.dynamodb.*", self._capacity)

    @contextmanager
    def measure(self) -> Iterator[Meter]:
        """Counts what happens inside."""
        self._meter = Meter()
        yield self._meter
        self._meter = None

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        if self._meter is None or "ReturnConsumedCapacity" not in model.input_shape.members:
            return params
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def _call(self, model: Any, **_: Any) -> None:
        if self._meter is not None:
            self._meter.calls.append(model.name)

    def _capacity(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if self._meter is None:
            return
        if model.name in {"GetItem", "BatchGetItem", "Query"}:
            self._meter.read += _read_units(model.name, parsed)
            return
        consumed = parsed.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            self._meter.written += each.get("CapacityUnits", 0.0)


def _read_units(operation: str, parsed: dict[str, Any]) -> float:
    if operation == "Query":
        return max(1, math.ceil(sum(map(_size, parsed["Items"])) / _READ_UNIT))
    if operation == "GetItem":
        return max(1, math.ceil(_size(parsed.get("Item", {})) / _READ_UNIT))
    items = [item for found in parsed["Responses"].values() for item in found]
    return sum(max(1, math.ceil(_size(item) / _READ_UNIT)) for item in items)


def _size(item: dict[str, Any]) -> int:
    return len(json.dumps(item, default=lambda raw: raw.decode("latin-1")))


def main() -> None:
    """Starts a stack of its own, plays each operation once to warm up and once to count."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(
            port=free_port(), mailbox_port=free_port(), folder=Path(folder), keeps_state=False
        )
        with LocalStack(instance, lambda _: None, schedules=False, seeded=False) as stack:
            variables = {
                "AWS_ENDPOINT_URL": instance.endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "eu-west-3",
            }
            with patch.dict(os.environ, variables):
                _play(instance, stack)


def _play(instance: Instance, stack: LocalStack) -> None:
    metered = Metered(aws._session().get_component("event_emitter"))
    logs.logger.setLevel("WARNING")
    bench = Bench(instance, stack, metered)
    print("Operations, by the real handlers against the local AWS (calls of a budget, where there is one)")
    for name, budget, meter in bench.rows():
        print(meter.line(name, budget))


class Bench:
    """The handlers of a stack, loaded in this process with their own environment."""

    def __init__(self, instance: Instance, stack: LocalStack, metered: Metered) -> None:
        self.instance, self.stack, self.metered = instance, stack, metered
        self.codes = self._load("CodesFunction", "codes/api.py")
        self.tenancy = self._load("TenancyFunction", "tenancy/api.py")
        self.payments = self._load("PaymentsFunction", "payments/api.py")
        self.webhooks = self._load("WebhooksFunction", "payments/webhooks.py")
        self.posting = self._load("PostingFunction", "payments/posting.py")
        self.certificates = self._load("CertificatesFunction", "certificates/api.py")
        self.desk = self._load("DeskFunction", "desk/api.py")
        self.desk_recovery = self._load("DeskRecoveryFunction", "desk/recovery.py")
        self.credentials = self._load("CredentialsFunction", "codes/credentials.py")

    def rows(self) -> Iterator[tuple[str, str, Meter]]:
        """(operation, budget of calls, what was counted)."""
        for _ in range(2):  # the first round warms: secrets are read, connections made
            rows = list(self._round())
        yield from rows

    def _round(self) -> Iterator[tuple[str, str, Meter]]:
        reference = f"B{token_bytes(4).hex()}"
        with self.metered.measure() as admitted:
            answer = self._http(self.desk, "POST", "/v1/desk/leases", _lease(reference))
        lease_id = answer["lease_id"]
        yield "admit a lease (desk)", "", admitted
        tenant_code = self._tenant_code(lease_id)

        with self.metered.measure() as started:
            sign_in = self._http(self.codes, "POST", "/v1/sign-ins", {"tenant_code": tenant_code})[
                "sign_in_id"
            ]
        yield "sign-in start", "4", started
        with self.metered.measure() as prepared:
            otp = self._one_time_code(sign_in)
        yield "one-time code made (sender)", "", prepared
        with self.metered.measure() as confirmed:
            session = self._http(self.codes, "POST", f"/v1/sign-ins/{sign_in}/confirm", {"otp": otp})
        yield "sign-in confirmed", "", confirmed
        token = session["session_token"]

        recovery_body = {"email": _email(reference), "birth_date": "2004-05-31"}
        with self.metered.measure() as recovery_started:
            recovery = self._http(self.codes, "POST", "/v1/code-recoveries", recovery_body)["recovery_id"]
        yield "recovery start", "", recovery_started
        otp = self._one_time_code(recovery)
        with self.metered.measure() as recovered:
            self._http(self.codes, "POST", f"/v1/code-recoveries/{recovery}/confirm", {"otp": otp})
        yield "recovery confirmed", "5", recovered

        with self.metered.measure() as rotated:
            self._http(self.credentials, "POST", "/v1/me/tenant-code/rotation", token=token)
        yield "tenant code changed", "", rotated
        with self.metered.measure() as checked:
            self.tenancy.check(token)
        yield "session check", "1", checked
        yield "notice issued", "", self._issued(lease_id)
        with self.metered.measure() as seen:
            self._http(self.tenancy, "GET", "/v1/me", token=token)
        yield "GET /v1/me", "2", seen

        with self.metered.measure() as checkout:
            payment = self._http(
                self.payments, "POST", "/v1/me/payments", {"amount_cents": 41_250}, token=token
            )
        yield "checkout", "", checkout
        yield from self._webhook(payment, lease_id)
        with self.metered.measure() as requested:
            self._http(
                self.certificates,
                "POST",
                "/v1/me/certificates",
                {"kind": "residence_certificate"},
                token=token,
            )
        yield "certificate requested", "", requested
        for name, new_code in (("code given back (desk)", False), ("and replaced (desk)", True)):
            shown = {"id_document": {"kind": "passport", "last_characters": "K4T9"}, "new_code": new_code}
            with self.metered.measure() as given:
                self._http(self.desk_recovery, "POST", f"/v1/desk/leases/{lease_id}/code-recoveries", shown)
            yield name, "", given

    def _issued(self, lease_id: str) -> Meter:
        lease, residence = self._lease_and_residence(lease_id)
        notice = notice_for(lease, residence, PERIOD)
        assert notice is not None
        bookkeeping = Bookkeeping(Accounts(self.tenancy.money), _now)
        with self.metered.measure() as issued:
            bookkeeping.issue_notice(notice)
        return issued

    def _webhook(self, payment: dict[str, Any], lease_id: str) -> Iterator[tuple[str, str, Meter]]:
        delivery_id = f"msg_{token_bytes(8).hex()}"
        event = {
            "id": delivery_id,
            "type": "payment.settled",
            "created_at": _now().isoformat(),
            "rank": 1,
            "data": {
                "checkout": payment["checkout_url"].rsplit("/", 1)[-1].partition("?")[0],
                "reference": payment["payment_id"],
                "account": lease_id,
                "amount_cents": payment["amount_cents"],
                "currency": "EUR",
            },
        }
        body = json.dumps(event)
        signer = Webhook(self.stack.content["webhook_secrets"]["sandbox"])
        headers = {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(int(_now().timestamp())),
            "webhook-signature": signer.sign(delivery_id, _now(), body),
        }
        with self.metered.measure() as taken:
            self._http(self.webhooks, "POST", "/v1/webhooks/sandbox", body, headers=headers)
        yield "webhook intake", "1", taken
        posted = {
            "id": "bench",
            "type": "delivery.received",
            "at": _now().isoformat(),
            "provider": "sandbox",
            "delivery_id": delivery_id,
            # What the outbox passes on beside the delivery's name, so that all is read at once.
            "payment_id": payment["payment_id"],
            "lease_id": lease_id,
        }
        record = {"messageId": "1", "body": json.dumps(posted)}
        with self.metered.measure() as posting:
            answer = self.posting.handler({"Records": [record]}, None)
        assert answer == {"batchItemFailures": []}
        yield "posting", "3", posting

    def _http(
        self,
        module: ModuleType,
        method: str,
        path: str,
        body: dict[str, Any] | str | None = None,
        *,
        token: str = "",
        headers: dict[str, str] | None = None,
    ) -> Any:
        """A request as the gateway hands it to the function. Fails on anything but success."""
        event = json.loads((ROOT / "events" / "http-desk.json").read_text("utf-8"))
        event["routeKey"] = f"{method} {path}"
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        event["requestContext"]["http"]["method"] = method
        event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = "[administrator]"
        event["headers"] |= {
            "authorization": f"Bearer {token}",
            "idempotency-key": token_bytes(8).hex(),
            **(headers or {}),
        }
        event["body"] = body if isinstance(body, str) else json.dumps(body)
        answer = module.handler(event, None)
        assert answer["statusCode"] < HTTPStatus.BAD_REQUEST, answer["body"]
        return json.loads(answer["body"] or "null")

    def _lease_and_residence(self, lease_id: str) -> tuple[Lease, Residence]:
        people = People(self.codes.identity, self.codes.pepper)
        lease = people.lease(lease_id)
        assert lease is not None
        residence = people.residence(lease.residence_id)
        assert residence is not None
        return lease, residence

    def _one_time_code(self, challenge_id: str) -> str:
        one_time_codes = OneTimeCodes(
            self.codes.challenges, self.codes.pacing, self.codes.pepper, _now, token_bytes
        )
        prepared = one_time_codes.prepare(challenge_id, new_id())
        assert isinstance(prepared, OneTimeCode)
        return prepared.shown

    def _tenant_code(self, lease_id: str) -> str:
        return str(self.codes.decipher(self._lease_and_residence(lease_id)[0]))

    def _load(self, function: str, entry: str) -> ModuleType:
        configuration = self.instance.client("lambda").get_function_configuration(
            FunctionName=self.stack.deployment.resources[function]
        )
        path = ROOT / "functions" / entry
        spec = importlib.util.spec_from_file_location(function, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[function] = module
        with patch.dict(os.environ, configuration["Environment"]["Variables"]):
            spec.loader.exec_module(module)
        return module


def _now() -> datetime:
    return datetime.now(UTC)


def _email(reference: str) -> str:
    return f"{reference.lower()}@example.org"


def _lease(reference: str) -> dict[str, Any]:
    return {
        "reference": reference,
        "residence": "Les Tilleuls",
        "address": "12 rue des Tilleuls",
        "postal_code": "75013",
        "city": "Paris",
        "room": "B204",
        "family_name": "Nguyen",
        "given_names": "Huong",
        "birth_date": "2004-05-31",
        "email": _email(reference),
        "starts_on": "2026-09-01",
        "ends_on": "2027-08-31",
        "rent_cents": 40_000,
        "charges_cents": 5_000,
        "deposit_cents": 40_000,
    }


if __name__ == "__main__":
    main()
