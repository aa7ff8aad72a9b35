"""What SES tells, by the deployed rule and the deployed function, into the message's record.

Nobody but AWS itself may put events of `aws.ses` on a bus: so the rule is asked what it lets through, and
the queue is given that.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.deploy import Deployment
from local.instance import Instance
from sesame.platform.ids import new_id
from sesame.store.messages import Message, Messages, MessageState
from sesame.store.table import Table


def told(message_id: str, configuration_set: str) -> str:
    """The event as it is on the bus."""
    detail = {
        "eventType": "Delivery",
        "delivery": {"recipients": ["someone@example.org"], "timestamp": "2026-09-14T08:05:12.101Z"},
        "mail": {
            "messageId": "ses-1",
            "tags": {"message_id": [message_id], "ses:configuration-set": [configuration_set]},
        },
    }
    envelope = {
        "version": "0",
        "id": "1",
        "source": "aws.ses",
        "detail-type": "Email Delivered",
        "account": "000000000000",
        "time": "2026-09-14T08:05:13Z",
        "region": "eu-west-3",
        "resources": [],
        "detail": detail,
    }
    return json.dumps(envelope)


def test_a_delivery_of_this_stacks_mail_passes_the_rule_and_is_on_the_record(
    instance: Instance, deployment: Deployment, wait_for: Callable[..., Any]
) -> None:
    messages = Messages(Table(instance.client("dynamodb"), deployment.resources["OperationsTable"]))
    message = Message(message_id=new_id(), kind="reminder", cause={})
    assert messages.begin(message, datetime.now(UTC))
    events, name = instance.client("events"), deployment.resources["FeedbackRule"]
    pattern = events.describe_rule(Name=name.rpartition("|")[2])["EventPattern"]

    def passes(event: str) -> bool:
        return bool(events.test_event_pattern(EventPattern=pattern, Event=event)["Result"])

    def delivered() -> bool:
        found = messages.get(message.message_id)
        return found is not None and found.state is MessageState.DELIVERED

    assert passes(told(message.message_id, "sesame-local"))
    assert not passes(told(message.message_id, "of-another-stack"))
    queue = deployment.resources["FeedbackQueue"]
    instance.client("sqs").send_message(QueueUrl=queue, MessageBody=told(message.message_id, "sesame-local"))

    wait_for(delivered)
