"""Every job of the clock has a heartbeat, and an alarm that rings when it is not heard."""

import re
from pathlib import Path

import pytest

from tests.unit.test_template import of_type, source

SERVICES = Path(__file__).resolve().parents[2] / "shared" / "sesame"
HOUR, DAY = 3600, 86400
MINUTES = re.compile(r"cron\(\*/(\d+) \* \* \* \? \*\)")


def jobs() -> dict[str, str]:
    """The function of each schedule -> when it runs."""
    return {
        one["Target"]["Arn"]["Fn::GetAtt"][0]: one["ScheduleExpression"]
        for one in of_type("AWS::Scheduler::Schedule").values()
    }


def heartbeat(job: str) -> str:
    """The metric that a job counts when it has come to its end, as the template says beside it."""
    return str(source()["Resources"][job]["Metadata"]["Heartbeat"])


def seconds_between(expression: str) -> int:
    """How long a job rests."""
    if found := MINUTES.fullmatch(expression):
        return int(found[1]) * 60
    return HOUR if expression.split()[1] == "*" else DAY


@pytest.mark.parametrize("job", sorted(jobs()))
def test_a_job_that_did_not_run_raises_an_alarm(job: str) -> None:
    alarms = [
        one
        for one in of_type("AWS::CloudWatch::Alarm").values()
        if one.get("MetricName") == heartbeat(job) and one["Namespace"] == "Sesame"
    ]

    [alarm] = alarms
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["Statistic"], alarm["ComparisonOperator"], alarm["Threshold"]) == (
        "Sum",
        "LessThanThreshold",
        1,
    )
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm["Dimensions"] == [{"Name": "stage", "Value": {"Ref": "Stage"}}]
    # a whole rest fits into each period, so that a job which runs in time never rings it; and three times
    # its rest without a run always does, half an hour at least
    rest = seconds_between(jobs()[job])
    assert alarm["Period"] >= rest
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= max(3 * rest, HOUR // 2)


@pytest.mark.parametrize("job", sorted(jobs()))
def test_a_job_counts_its_heartbeat(job: str) -> None:
    counted = {
        name
        for path in SERVICES.rglob("*.py")
        for name in re.findall(r'\bcount\("(\w+)"', path.read_text("utf-8"))
    }

    assert heartbeat(job) in counted


def test_no_two_jobs_share_a_heartbeat() -> None:
    beats = [heartbeat(job) for job in jobs()]

    assert len(beats) == len(set(beats))
