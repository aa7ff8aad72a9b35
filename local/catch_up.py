"""After an outage of hours or days: every scheduled job once, in the order that hurts nobody.

Money that waits is posted first, and the queues behind it are waited for, so that nobody who has paid is
billed a balance or reminded. What notices are missing goes out next, then the reminders, merged. Each job
asks what should be there and is not, so that one run as of now makes up for all that were missed, and another
changes nothing. No run is made for a day gone by: what it issues would be dated then, and our outage would
have made tenants late.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import sleep
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
AFTER = {
    "BillingPlanFunction": ("ReconciliationQueue", "PostingQueue"),
    "ReminderPlanFunction": ("PostingQueue", "BillingQueue"),
}
"""The queues that must be worked off before a job: who has paid meanwhile must be known to have."""
RESTS_ON = {
    "BillingPlanFunction": ("SweepFunction", "ReconcilePlanFunction"),
    "TransmissionPlanFunction": ("SweepFunction", "ReconcilePlanFunction"),
    "ReminderPlanFunction": ("SweepFunction", "ReconcilePlanFunction", "BillingPlanFunction"),
}
"""The jobs without whose success one is not run, for the same reason. All others are: one account that a job
cannot look at must not keep the rest of the clock waiting."""
DEAD_LETTERS = "DeadLetters"
"""What the logical ids of the queues end with that hold what was given up on."""
MOST_RUNS = 50
"""Of a job that says each time that it ran out of time."""
_WAITING = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long queues are waited for, in seconds.

    SQS's counts are approximate, and settle within a minute; what one queue's consumer finds reaches the next
    queue through a stream and the bus. So all must be empty at each look for a minute.
    """

    every: float = 10
    calm: float = 60
    most: float = 900
    pause: Callable[[float], None] = sleep


def catch_up(
    functions: Any, queues: Any, resources: Mapping[str, str], patience: Patience | None = None
) -> Iterator[tuple[str, str]]:
    """Runs each job, waiting for its end: its name, and what it answered. Then names the dead letters.

    Raises Trouble where the queues that a job rests on are not worked off in time; and at the end, where a
    job failed: those that do not rest on it are run first.
    `functions` is a client of Lambda, `queues` one of SQS; `resources` are the stack's, physical by logical
    id. A job that ran out of time is run on.
    """
    patience = patience or Patience()
    failed: list[str] = []
    for job in JOBS:
        for name in (job, *AFTER.get(job, ())):
            if name not in resources:
                raise Trouble(f"The stack has no {name}: is it Sésame's?")
        if missing := [name for name in RESTS_ON.get(job, ()) if name in failed]:
            failed.append(job)
            yield job, f"not run: {', '.join(missing)} must come to its end first"
            continue
        if job in AFTER:
            _worked_off(queues, {name: resources[name] for name in AFTER[job]}, job, patience)
            yield ", ".join(AFTER[job]), "empty"
        for _ in range(MOST_RUNS):
            said, worked = _run(functions, resources[job])
            yield job, said
            if not worked:
                failed.append(job)
            if not worked or _finished(said):
                break
    yield from _dead_letters(queues, resources)
    if failed:
        raise Trouble(
            f"Not done: {', '.join(failed)}.\n  Read their logs, mend the cause, and say this again."
        )


def _run(functions: Any, function: str) -> tuple[str, bool]:
    """What a job answered, and whether it came to its end."""
    answer = functions.invoke(FunctionName=function, Payload=b"{}")
    said: str = answer["Payload"].read().decode()
    return (f"failed ({_failure(said)})", False) if answer.get("FunctionError") else (said, True)


def _dead_letters(queues: Any, resources: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What was given up on during the outage, which no job makes up for: the steps of reminders are taken."""
    for name in sorted(resources):
        if name.endswith(DEAD_LETTERS) and (waiting := _left(queues, resources[name])):
            yield name, f"{waiting} given up on: redrive them (docs/operations.md, DeadLetterAlarm)"


def _worked_off(queues: Any, urls: Mapping[str, str], job: str, patience: Patience) -> None:
    """Returns once all have been empty for a while."""
    calm_for = waited = 0.0
    while calm_for < patience.calm:
        left = {name: count for name, url in urls.items() if (count := _left(queues, url))}
        calm_for = 0.0 if left else calm_for + patience.every
        if left and waited >= patience.most:
            told = ", ".join(f"{count} in {name}" for name, count in left.items())
            raise Trouble(
                f"After {waited / 60:.0f} minutes some still wait: {told}.\n"
                f"  {job} was not run: it could bill or remind people who have paid.\n"
                "  Read the log of the queue's function, mend the cause, and say this again."
            )
        patience.pause(patience.every)
        waited += patience.every


def _left(queues: Any, url: str) -> int:
    found = queues.get_queue_attributes(QueueUrl=url, AttributeNames=list(_WAITING))["Attributes"]
    return sum(int(found.get(name, 0)) for name in _WAITING)


def _finished(said: str) -> bool:
    try:
        answer = json.loads(said)
    except ValueError:
        return True
    return not (isinstance(answer, dict) and answer.get("finished") is False)


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
