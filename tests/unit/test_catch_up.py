"""Catching up after an outage: every scheduled job once, in order, and the same on a second call."""

import io
from typing import Any

import pytest

from local.catch_up import AFTER, JOBS, RESTS_ON, Patience, catch_up, stack_resources
from local.doctor import Trouble
from tests.unit.test_template import of_type

QUEUES = {name for names in AFTER.values() for name in names}
DEAD = ("NotificationDeadLetters", "PostingDeadLetters")
STACK = {name: f"sesame-{name}" for name in (*JOBS, *sorted(QUEUES), *DEAD)}


class Queues:
    """Stands for SQS: each look at a queue takes some of what waits in it."""

    def __init__(self, done: list[str], **waiting: int) -> None:
        self.done, self.waiting = done, waiting
        self.slept = 0.0

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        name = request["QueueUrl"].removeprefix("sesame-")
        left = self.waiting.get(name, 0)
        self.waiting[name] = max(0, left - 1)
        if left:
            self.done.append(f"{name} {left}")
        return {"Attributes": {"ApproximateNumberOfMessages": "0", request["AttributeNames"][1]: str(left)}}

    def pause(self, seconds: float) -> None:
        self.slept += seconds


def run(functions: "Functions", **waiting: int) -> tuple[list[tuple[str, str]], Queues]:
    """Catches up with so many messages in queues."""
    queues = Queues(functions.invoked, **waiting)
    return list(catch_up(functions, queues, STACK, Patience(pause=queues.pause))), queues


class Functions:
    """Stands for Lambda: notes what is invoked; the one that `fails` raises."""

    def __init__(self, fails: str = "", unfinished: int = 0) -> None:
        self.invoked: list[str] = []
        self.fails, self.unfinished = fails, unfinished

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.invoked.append(request["FunctionName"])
        if request["FunctionName"].endswith(self.fails) and self.fails:
            body = b'{"errorType": "RuntimeError", "errorMessage": "huong@example.org"}'
            return {"Payload": io.BytesIO(body), "FunctionError": "Unhandled"}
        if request["FunctionName"].endswith("SweepFunction") and self.unfinished:
            self.unfinished -= 1
            return {"Payload": io.BytesIO(b'{"queued": 9, "finished": false}')}
        return {"Payload": io.BytesIO(b'{"residences": 2, "finished": true}')}


def test_every_job_of_the_clock_is_caught_up_with() -> None:
    schedules = of_type("AWS::Scheduler::Schedule").values()
    scheduled = {one["Target"]["Arn"]["Fn::GetAtt"][0] for one in schedules}

    assert scheduled == set(JOBS)


def test_money_is_posted_before_notices_go_out_and_those_before_reminders() -> None:
    functions = Functions()

    done, _ = run(functions)

    assert [job for job, _ in done if job in JOBS] == list(JOBS)
    order = [JOBS.index(job) for job in ("SweepFunction", "BillingPlanFunction", "ReminderPlanFunction")]
    assert order == sorted(order)
    assert functions.invoked == [STACK[job] for job in JOBS]


def test_nobody_is_billed_or_reminded_before_the_money_that_waits_is_posted() -> None:
    functions = Functions()

    _, queues = run(functions, PostingQueue=3, ReconciliationQueue=1)

    first = functions.invoked.index("sesame-BillingPlanFunction")
    assert functions.invoked[2:first] == [
        "ReconciliationQueue 1",
        "PostingQueue 3",
        "PostingQueue 2",
        "PostingQueue 1",
    ]
    assert queues.slept == 2 * 60 + 3 * 10, "a minute of calm before each, counted from the last message"


def test_a_queue_that_is_not_worked_off_stops_it_and_says_which_and_what_to_do() -> None:
    functions = Functions()

    with pytest.raises(Trouble, match=r"After 15 minutes some still wait: \d+ in PostingQueue") as trouble:
        run(functions, PostingQueue=1_000)

    assert "BillingPlanFunction was not run" in str(trouble.value)
    assert "sesame-BillingPlanFunction" not in functions.invoked


def test_reminders_wait_for_the_notices_that_were_missing() -> None:
    functions = Functions()

    run(functions, BillingQueue=2)

    billed, planned = (
        functions.invoked.index(one) for one in ("BillingQueue 1", "sesame-ReminderPlanFunction")
    )
    assert billed < planned


def test_a_job_that_ran_out_of_time_is_run_on() -> None:
    functions = Functions(unfinished=2)

    run(functions)

    assert functions.invoked.count("sesame-SweepFunction") == 3


def test_a_job_that_fails_keeps_none_of_the_others_waiting_and_its_text_is_not_shown() -> None:
    functions = Functions(fails="ReminderPlanFunction")
    told: list[tuple[str, str]] = []

    with pytest.raises(Trouble, match="Not done: ReminderPlanFunction") as trouble:
        catching_up(functions, told)

    assert ("ReminderPlanFunction", "failed (RuntimeError)") in told
    assert "huong" not in str(trouble.value) + str(told)
    assert functions.invoked == [STACK[job] for job in JOBS]


@pytest.mark.parametrize("fails", ["SweepFunction", "ReconcilePlanFunction"])
def test_nobody_is_billed_or_reminded_where_money_could_not_be_looked_for(fails: str) -> None:
    functions = Functions(fails=fails)

    with pytest.raises(Trouble, match="BillingPlanFunction, TransmissionPlanFunction, ReminderPlanFunction"):
        catching_up(functions, [])

    rest = {STACK[job] for job in JOBS if job not in RESTS_ON}
    assert set(functions.invoked) == rest


def test_what_was_given_up_on_during_the_outage_is_named_at_the_end() -> None:
    done, _ = run(Functions(), NotificationDeadLetters=7)

    assert done[-1][0] == "NotificationDeadLetters"
    assert done[-1][1].startswith("7 given up on: redrive")
    assert "PostingDeadLetters" not in dict(done)


def catching_up(functions: Functions, told: list[tuple[str, str]]) -> None:
    """Notes what is told until it ends or raises."""
    queues = Queues([])
    for one in catch_up(functions, queues, STACK, Patience(pause=queues.pause)):
        told.append(one)


def test_another_stack_is_refused() -> None:
    with pytest.raises(Trouble, match="SweepFunction"):
        list(catch_up(Functions(), None, {}))


def test_a_stacks_resources_are_read_page_by_page() -> None:
    class Pages:
        def get_paginator(self, name: str) -> "Pages":
            assert name == "list_stack_resources"
            return self

        def paginate(self, **_: Any) -> list[dict[str, Any]]:
            one = {"LogicalResourceId": "SweepFunction", "PhysicalResourceId": "s"}
            return [
                {"StackResourceSummaries": [one]},
                {"StackResourceSummaries": [{"LogicalResourceId": "New"}]},
            ]

    assert stack_resources(Pages(), "sesame-prod") == {"SweepFunction": "s"}
