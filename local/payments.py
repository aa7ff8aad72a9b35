"""Pays the demo residence's past notices, as tenants would have done in those months."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from local.deploy import Deployment
from local.instance import Instance
from local.residents import Resident


def pay_past_notices(
    instance: Instance, deployment: Deployment, people: Sequence[Resident], months: Sequence[date]
) -> None:
    """Pay each notice of each resident who is not in arrears, on a day of its month."""
