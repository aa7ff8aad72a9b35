"""What billing and reminding write, in the units that DynamoDB bills, metered by the emulator."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.instance import Instance
from local.running import LocalStack
from sesame.platform.secrets import Pepper, Secrets
from sesame.store.table import Table
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import Office
from tests.integration.tenants import admit

SEPTEMBER = datetime(2026, 9, 1, 3, tzinfo=UTC)
BEFORE_DUE = datetime(2026, 9, 5, 8, 5, tzinfo=UTC)
LEASES = 20


@pytest.fixture
def office(instance: Instance, running: LocalStack) -> Office:
    """On tables of its own, without streams: nothing else of the stack hears of it."""
    del running
    dynamodb, suffix = instance.client("dynamodb"), uuid4().hex[:8]
    resources = yaml_parse((Path(__file__).parents[2] / "template.yaml").read_text())["Resources"]
    tables = {}
    for name in ("identity", "money", "documents", "operations"):
        declared = resources[f"{name.capitalize()}Table"]["Properties"]
        wanted = {
            part: declared[part]
            for part in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        }
        dynamodb.create_table(TableName=f"units-{name}-{suffix}", **wanted)
        tables[name] = Table(dynamodb, f"units-{name}-{suffix}")
    secrets, kms, sqs = (instance.client(name) for name in ("secretsmanager", "kms", "sqs"))
    pepper = secrets.create_secret(Name=f"units-{suffix}", SecretString="p" * 64)["ARN"]
    aws = SimpleNamespace(
        dynamodb=dynamodb,
        kms=kms,
        sqs=sqs,
        codes_key=kms.create_key()["KeyMetadata"]["Arn"],
        pepper=Pepper(Secrets(secrets), pepper),
        **tables,
    )
    return Office(aws, FrozenClock(SEPTEMBER))


@contextmanager
def units(dynamodb: Any) -> Iterator[Counter[str]]:
    """The write units used meanwhile, on tables and on their indexes."""
    used: Counter[str] = Counter()
    events = dynamodb.meta.events

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    def note(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        for one in consumed if isinstance(consumed, list) else [consumed]:
            in_all = one["CapacityUnits"]
            on_indexes = [index["CapacityUnits"] for index in one.get("GlobalSecondaryIndexes", {}).values()]
            used[f"{model.name} index"] += sum(on_indexes)
            used[f"{model.name} table"] += in_all - sum(on_indexes)

    operations = ("PutItem", "UpdateItem", "TransactWriteItems")
    for operation in operations:
        events.register(f"provide-client-params.dynamodb.{operation}", ask, unique_id=f"ask-{operation}")
        events.register(f"after-call.dynamodb.{operation}", note, unique_id=f"note-{operation}")
    try:
        yield used
    finally:
        for operation in operations:
            events.unregister(f"provide-client-params.dynamodb.{operation}", unique_id=f"ask-{operation}")
            events.unregister(f"after-call.dynamodb.{operation}", unique_id=f"note-{operation}")


def test_what_a_notice_a_reminder_and_its_message_write(office: Office) -> None:
    for _ in range(LEASES):
        admit(office.aws, ine=None)

    with units(office.aws.dynamodb) as notices:
        office.bill(SEPTEMBER)
    with units(office.aws.dynamodb) as steps:
        office.reminders.plan(BEFORE_DUE)
    office.clock.now = BEFORE_DUE + timedelta(minutes=1)
    with units(office.aws.dynamodb) as messages:
        for event in office.announced("reminder.due"):
            office.correspondence.handle(event)

    the_runs_record = 1
    assert notices == {
        "UpdateItem table": LEASES,  # the account, with the notice on it
        "UpdateItem index": LEASES,
        "PutItem table": LEASES + the_runs_record,  # the notice's own item
        "PutItem index": 0,
    }
    assert steps == {
        "UpdateItem table": LEASES,
        "UpdateItem index": 2 * LEASES,  # out of its old place, into the new one
        "PutItem table": the_runs_record,
        "PutItem index": 0,
    }
    assert messages == {
        "PutItem table": 2 * LEASES,  # the message, and that the day has had its one
        "PutItem index": LEASES,
        "UpdateItem table": LEASES,
        "UpdateItem index": LEASES,
    }
