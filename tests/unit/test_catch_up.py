"""Catching up after an outage: every scheduled job once, in order, and the same on a second call."""

import io
from typing import Any

import pytest

from local.catch_up import JOBS, catch_up, stack_resources
from local.doctor import Trouble
from tests.unit.test_template import of_type

STACK = {job: f"sesame-{job}" for job in JOBS}


class Functions:
    """Stands for Lambda: notes what is invoked; the one that `fails` raises."""

    def __init__(self, fails: str = "") -> None:
        self.invoked: list[str] = []
        self.fails = fails

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.invoked.append(request["FunctionName"])
        if request["FunctionName"].endswith(self.fails) and self.fails:
            body = b'{"errorType": "RuntimeError", "errorMessage": "huong@example.org"}'
            return {"Payload": io.BytesIO(body), "FunctionError": "Unhandled"}
        return {"Payload": io.BytesIO(b'{"residences": 2}')}


def test_every_job_of_the_clock_is_caught_up_with() -> None:
    schedules = of_type("AWS::Scheduler::Schedule").values()
    scheduled = {one["Target"]["Arn"]["Fn::GetAtt"][0] for one in schedules}

    assert scheduled == set(JOBS)


def test_money_is_posted_before_notices_go_out_and_those_before_reminders() -> None:
    functions = Functions()

    done = list(catch_up(functions, STACK))

    assert [job for job, _ in done] == list(JOBS)
    order = [JOBS.index(job) for job in ("SweepFunction", "BillingPlanFunction", "ReminderPlanFunction")]
    assert order == sorted(order)
    assert functions.invoked == list(STACK.values())


def test_a_job_that_fails_stops_it_and_its_text_is_not_shown() -> None:
    functions = Functions(fails="BillingPlanFunction")

    with pytest.raises(Trouble, match="BillingPlanFunction failed \\(RuntimeError\\)") as trouble:
        list(catch_up(functions, STACK))

    assert "huong" not in str(trouble.value)
    assert functions.invoked[-1] == "sesame-BillingPlanFunction"


def test_another_stack_is_refused() -> None:
    with pytest.raises(Trouble, match="SweepFunction"):
        list(catch_up(Functions(), {}))


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
