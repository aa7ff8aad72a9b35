"""Pays the demo residence's past notices, as its tenants would have done in those months.

Each payment is recorded as a checkout would have, on its day; then its provider says it was settled, by a
signed webhook to the deployed API. Intake and posting do the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time

import httpx

from local.doctor import Trouble
from local.residents import Resident
from local.webhooks import signed
from sesame.domain.payments import Payment
from sesame.domain.tenancy import Lease
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.payments import Payments
from sesame.store.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPayments:
    """Plays both the tenants and the payment provider. `now` bounds what can have happened."""

    money: Table
    api_url: str
    webhook_secret: str
    now: datetime

    def pay(self, people: Sequence[Resident], leases: Mapping[str, Lease], months: Sequence[date]) -> int:
        """Pay what each resident (found in `leases` by room) has paid of each month. Returns how many.

        Raises Trouble when the API does not take a webhook.
        """
        made = [
            self._recorded(one, leases[one.room], month)
            for one in people
            for month in months[: one.months_paid]
        ]
        with httpx.Client(base_url=self.api_url, timeout=30, trust_env=False) as provider:
            for payment in made:
                self._settle(provider, payment)
        return len(made)

    def _recorded(self, resident: Resident, lease: Lease, month: date) -> Payment:
        period = f"{month:%Y-%m}"
        notice = self.money.get(keys.notice(lease.lease_id, period))
        if notice is None:
            raise Trouble(f"{resident.reference} has no notice for {period}, so nothing to pay.")
        paid_at = datetime.combine(month, wall_time(18, 5), UTC) + timedelta(days=1 + resident.number % 8)
        payment = Payment(
            payment_id=derived_id("demo", lease.lease_id, period),
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            provider="sandbox",
            amount_cents=notice["amount_cents"],
            designated=(period,),
            created_at=min(paid_at, self.now - timedelta(hours=1)),
        )
        write = Payments(self.money).creating(payment)
        self.money.put(write.item)
        return payment

    def _settle(self, provider: httpx.Client, payment: Payment) -> None:
        body = json.dumps(
            {
                "id": f"evt_{payment.payment_id}",
                "type": "payment.settled",
                "created_at": (payment.created_at + timedelta(minutes=2)).isoformat(),
                "rank": 1,
                "data": {
                    "reference": payment.payment_id,
                    "account": payment.lease_id,
                    "amount_cents": payment.amount_cents,
                    "currency": payment.currency,
                },
            }
        ).encode()
        answer = provider.post(
            "/v1/webhooks/sandbox",
            content=body,
            headers=signed(self.webhook_secret, f"msg_{payment.payment_id}", body),
        )
        if not answer.is_success:
            raise Trouble(f"The API did not take a payment's webhook: {answer.status_code} {answer.text}")


def states(money: Table, leases: Sequence[Lease]) -> Iterator[str]:
    """The state of every payment of these leases."""
    for lease in leases:
        for item in money.query_all(keys.account(lease.lease_id)["pk"], "PAYMENT#", index=keys.GSI1):
            yield str(item["state"])
