"""Logs and metrics: one JSON line an invocation, ids only; counters as CloudWatch embedded metrics."""

import json
import os
import sys
import time

from aws_lambda_powertools import Logger

logger = Logger(service=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "sesame"), utc=True)

_NAMESPACE = "Sesame"
_OURS = ("/sesame/", "/functions/", "/var/task/")
"""Where our own code lies: the layer, the repository, a function on Lambda."""


def count(metric: str, amount: int = 1, unit: str = "Count") -> None:
    """Adds to a CloudWatch metric by one line in the embedded metric format; no dimension is a person."""
    line = {
        "_aws": {
            "Timestamp": time.time_ns() // 1_000_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": _NAMESPACE,
                    "Dimensions": [["stage"]],
                    "Metrics": [{"Name": metric, "Unit": unit}],
                }
            ],
        },
        "stage": os.environ.get("STAGE", "local"),
        metric: amount,
    }
    sys.stdout.write(json.dumps(line) + "\n")


def describe(error: BaseException) -> str:
    """An error's class and the deepest line of our own code behind it; never its text, which may say more."""
    place, trace = "?", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if any(part in code.co_filename for part in _OURS):
            place = f"{code.co_qualname}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
