"""After an outage of hours or days: every scheduled job once, in the order that hurts nobody.

Money that waits is posted first, so that nobody who has paid is billed a balance or reminded; what notices
are missing goes out next, then the reminders, merged. Each job asks what should be there and is not, so that
one run as of now makes up for all that were missed, and another changes nothing. No run is made for a day
gone by: what it issues would be dated then, and our outage would have made tenants late.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from local.doctor import Trouble

JOBS = (
    "SweepFunction",
    "ReconcilePlanFunction",
    "BillingPlanFunction",
    "TransmissionPlanFunction",
    "ReminderPlanFunction",
    "RenewalPlanFunction",
    "MessagesAgainFunction",
    "ErasureFunction",
    "AttachmentRemovalFunction",
)
"""By their logical ids in template.yaml."""


def catch_up(functions: Any, resources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Runs each job, waiting for its end: its name, and what it answered. Raises Trouble at one that fails.

    `functions` is a client of Lambda; `resources` are the stack's, physical by logical id. What a job queues
    (a residence to bill, a provider to ask) is worked off afterwards.
    """
    for job in JOBS:
        if job not in resources:
            raise Trouble(f"The stack has no {job}: is it Sésame's?")
        answer = functions.invoke(FunctionName=resources[job], Payload=b"{}")
        said = answer["Payload"].read().decode()
        if answer.get("FunctionError"):
            raise Trouble(
                f"{job} failed ({_failure(said)}).\n  Read its log, mend the cause, and say this again."
            )
        yield job, said


def stack_resources(cloudformation: Any, stack: str) -> dict[str, str]:
    """A stack's resources on AWS, physical by logical id."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if "PhysicalResourceId" in one
    }


def _failure(said: str) -> str:
    """The class of the error: its text may tell of somebody."""
    try:
        return str(json.loads(said)["errorType"])
    except (ValueError, KeyError, TypeError):
        return "no answer"
