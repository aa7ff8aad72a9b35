"""Fills an empty stack with the demo residence: forty leases, three months of notices, most of them paid.

Everything goes through the deployed functions, as in AWS: the leases by the desk's import, the notices
by the billing job run for past days, the payments by notifications dated in those months.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any

import httpx
from botocore.exceptions import ClientError

from local.deploy import ARTEFACT_BUCKET, Deployment, Say
from local.doctor import Trouble
from local.instance import Instance
from local.payments import PastPayments
from local.residents import POSTAL_CODE, RESIDENCE, SETTINGS, Resident, lease_file, residents
from local.stack import DemoTenant
from sesame.domain.residences import residence_id
from sesame.domain.tenancy import Lease
from sesame.platform.secrets import Secrets
from sesame.providers.registry import Registry
from sesame.services.intake import Intake
from sesame.services.tenant_codes import Decipher
from sesame.store import keys
from sesame.store.deliveries import Deliveries
from sesame.store.people import lease_of, person_of
from sesame.store.table import Table

MONTHS = 3
PLANTED = "planted"
PATIENCE_SECONDS = 60.0


def plant(instance: Instance, deployment: Deployment, staff_token: str, say: Say, today: date) -> None:
    """Seed the stack unless that was done already. Raises Trouble naming what did not happen."""
    if _is_planted(instance):
        return
    months = _months(today)
    people = residents(months[0])
    say(f"Seeding {RESIDENCE}: {len(people)} leases, notices of {MONTHS} months ...")
    # The welcome of each, and as many notices.
    with _no_mail(instance, deployment, expected=len(people) * (1 + MONTHS)):
        import_leases(instance, staff_token, people)
        for month in months:
            bill(instance, deployment, month, expected=len(people))
        _pay(instance, deployment, people, months)
    # In the emulator's own state, so that it is kept, or lost, with what was planted.
    instance.client("s3").put_object(Bucket=ARTEFACT_BUCKET, Key=PLANTED, Body=b"")


def import_leases(instance: Instance, staff_token: str, people: list[Resident]) -> None:
    """Send the residents' leases to the desk as a file, and wait until every row is in."""
    headers = {"Authorization": f"Bearer {staff_token}"}
    with httpx.Client(base_url=instance.api_url, headers=headers, timeout=30, trust_env=False) as desk:
        started = desk.post(
            "/v1/desk/lease-imports", content=lease_file(people), headers={"Content-Type": "text/csv"}
        )
        if started.status_code != httpx.codes.ACCEPTED:
            raise Trouble(f"The desk refused the demo's lease file: {started.status_code} {started.text}")
        import_id = started.json()["import_id"]
        report = wait_for(
            lambda: _finished(desk.get(f"/v1/desk/lease-imports/{import_id}").json()), "the import of leases"
        )
        path = f"/v1/desk/residences/{residence_id(RESIDENCE, POSTAL_CODE)}"
        if report["residences_created"] and (confirmed := desk.put(path, json=SETTINGS)).is_error:
            raise Trouble(f"The demo residence could not be set: {confirmed.status_code} {confirmed.text}")
    if report["status"] == "failed" or report["problems"]:
        raise Trouble(f"The desk refused rows of the demo's lease file: {report}")


def assign(instance: Instance, *, administrator: str, receptionist: str) -> None:
    """Give the demo receptionist the demo residence, as an administrator does; again changes nothing."""
    with httpx.Client(base_url=instance.api_url, timeout=30, trust_env=False) as desk:
        who = desk.get("/v1/desk/me", headers={"Authorization": f"Bearer {receptionist}"}).json()
        theirs = [residence_id(RESIDENCE, POSTAL_CODE)]
        if who["residence_ids"] == theirs:
            return
        answer = desk.put(
            f"/v1/desk/staff/{who['staff_id']}",
            json={"residence_ids": theirs},
            headers={"Authorization": f"Bearer {administrator}"},
        )
    if answer.is_error:
        raise Trouble(f"The demo receptionist could not be set: {answer.status_code} {answer.text}")


def bill(instance: Instance, deployment: Deployment, month: date, *, expected: int) -> None:
    """Run the billing job as if on the first day of `month`, and wait for its notices."""
    at = datetime.combine(month, clock_time(3), UTC)
    invoke(instance, deployment, "BillingPlanFunction", {"scheduled_time": at.isoformat()})
    wait_for(
        lambda: _count(instance, deployment, "sk = :value", f"NOTICE#{month:%Y-%m}") >= expected,
        f"the {expected} notices of {month:%Y-%m}",
    )


def invoke(instance: Instance, deployment: Deployment, function: str, event: Mapping[str, Any]) -> Any:
    """Call a function by its logical id. Raises Trouble with its error."""
    answer = instance.client("lambda").invoke(
        FunctionName=deployment.resources[function], Payload=json.dumps(event)
    )
    result = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        raise Trouble(f"{function} failed: {result}")
    return result


def demo_tenants(instance: Instance, deployment: Deployment) -> list[DemoTenant]:
    """The residence's tenants, by room, with their codes: root may read what KMS guards, and only locally."""
    identity = _table(instance, deployment, "identity")
    decipher = Decipher(instance.client("kms"), deployment.settings["CODES_KEY"])
    leases = leases_of_the_demo(identity)
    people = [
        person_of(item) for item in (identity.get(keys.person(one.person_id)) for one in leases) if item
    ]
    return [
        DemoTenant(
            name=person.full_name,
            email=person.email or "",
            ine=person.ine or "",
            birth_date=person.birth_date.isoformat(),
            tenant_code=decipher(lease),
        )
        for lease, person in zip(leases, people, strict=True)
    ]


def _pay(instance: Instance, deployment: Deployment, people: list[Resident], months: list[date]) -> None:
    money = _table(instance, deployment, "money")
    leases = leases_of_the_demo(_table(instance, deployment, "identity"))
    now = datetime.now(UTC)
    registry = Registry(
        stage=deployment.settings["STAGE"],
        secrets=Secrets(instance.client("secretsmanager")),
        secret_ids=json.loads(deployment.settings["PROVIDER_SECRETS"]),
    )
    past = PastPayments(
        money=money,
        intake=Intake(Deliveries(money), registry, lambda: datetime.now(UTC)),
        webhook_secret=deployment.webhook_secrets["sandbox"],
        now=now,
    )
    made = past.pay(people, {lease.room: lease for lease in leases}, months)
    wait_for(
        lambda: _count(instance, deployment, "#state = :value", "paid", {"#state": "state"}) >= made,
        f"the posting of {made} payments",
    )


@contextmanager
def _no_mail(instance: Instance, deployment: Deployment, expected: int) -> Iterator[None]:
    """Send nothing of what happens meanwhile, `expected` messages: it is past, and was said at the time."""
    lambda_, sqs = instance.client("lambda"), instance.client("sqs")
    queue = {"QueueUrl": deployment.resources["NotificationQueue"]}
    sender = deployment.resources["SendFunction"]
    [mapping] = lambda_.list_event_source_mappings(FunctionName=sender)["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
        count = "ApproximateNumberOfMessages"
        wait_for(
            lambda: (
                int(sqs.get_queue_attributes(**queue, AttributeNames=[count])["Attributes"][count])
                >= expected
            ),
            f"{expected} announcements",
        )
        sqs.purge_queue(**queue)
    finally:
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def _count(
    instance: Instance,
    deployment: Deployment,
    condition: str,
    value: str,
    names: dict[str, str] | None = None,
) -> int:
    """Items of the money table for which a condition holds."""
    request: dict[str, Any] = {
        "TableName": deployment.tables["money"],
        "FilterExpression": condition,
        "ExpressionAttributeValues": {":value": {"S": value}},
        "Select": "COUNT",
    } | ({"ExpressionAttributeNames": names} if names else {})
    return sum(
        page["Count"] for page in instance.client("dynamodb").get_paginator("scan").paginate(**request)
    )


def _table(instance: Instance, deployment: Deployment, name: str) -> Table:
    return Table(instance.client("dynamodb"), deployment.tables[name])


def leases_of_the_demo(identity: Table) -> list[Lease]:
    """The demo residence's leases, by room."""
    of_residence = f"RESIDENCE#{residence_id(RESIDENCE, POSTAL_CODE)}"
    leases = map(lease_of, identity.query_all(of_residence, index=keys.GSI1))
    return sorted(leases, key=lambda lease: lease.room)


def wait_for[T](ask: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until the answer is true, and return it. Raises Trouble when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise Trouble(f"Still waiting for {what} after {seconds:.0f} s.")
        time.sleep(0.1)
    return answer


def _finished(report: dict[str, Any]) -> dict[str, Any] | None:
    return report if report["status"] in {"done", "failed"} else None


def _is_planted(instance: Instance) -> bool:
    try:
        instance.client("s3").head_object(Bucket=ARTEFACT_BUCKET, Key=PLANTED)
    except ClientError:
        return False
    return True


def _months(today: date) -> list[date]:
    """First days of the last three months, this one included, oldest first."""
    months = [today.replace(day=1)]
    while len(months) < MONTHS:
        months.insert(0, (months[0] - timedelta(days=1)).replace(day=1))
    return months
