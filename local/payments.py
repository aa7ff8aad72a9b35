"""Pays the demo residence's past notices, as its tenants would have done in those months.

Each payment is recorded as a checkout would have, on its day; then a signed notification that it was settled
is taken in. That much runs in this process, which is quicker; the deployed posting does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from itertools import batched

import httpx

from local.doctor import Trouble
from local.residents import Resident
from local.webhooks import signed
from sesame.domain.payments import Payment
from sesame.domain.tenancy import Lease
from sesame.platform.ids import derived_id
from sesame.providers.base import Notification
from sesame.services.intake import Intake
from sesame.store import keys
from sesame.store.payments import Payments
from sesame.store.table import Table, batch_get


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPayments:
    """Plays both the tenants and the payment provider. `now` bounds what can have happened."""

    money: Table
    intake: Intake
    webhook_secret: str
    now: datetime

    def pay(self, people: Sequence[Resident], leases: Mapping[str, Lease], months: Sequence[date]) -> int:
        """Pay what each resident (found in `leases` by room) has paid of each month. Returns how many.

        Raises Trouble when a notice is missing.
        """
        bills = [(one, leases[one.room], month) for one in people for month in months[: one.months_paid]]
        wanted = [
            (self.money.name, keys.notice(lease.lease_id, f"{month:%Y-%m}")) for _, lease, month in bills
        ]
        notices = [
            item for some in batched(wanted, 100, strict=False) for item in batch_get(self.money.client, some)
        ]
        for (resident, lease, month), notice in zip(bills, notices, strict=True):
            if notice is None:
                raise Trouble(f"{resident.reference} has no notice for {month:%Y-%m}, so nothing to pay.")
            self._settle(self._recorded(lease, month, resident.number, notice["amount_cents"]))
        return len(bills)

    def _recorded(self, lease: Lease, month: date, number: int, amount_cents: int) -> Payment:
        period = f"{month:%Y-%m}"
        paid_at = datetime.combine(month, wall_time(18, 5), UTC) + timedelta(days=1 + number % 8)
        payment = Payment(
            payment_id=derived_id("demo", lease.lease_id, period),
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            provider="sandbox",
            amount_cents=amount_cents,
            designated=(period,),
            created_at=min(paid_at, self.now - timedelta(hours=1)),
        )
        self.money.put(Payments(self.money).creating(payment).item)
        return payment

    def _settle(self, payment: Payment) -> None:
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
        headers = signed(self.webhook_secret, f"msg_{payment.payment_id}", body)
        answer = self.intake.take("sandbox", Notification(body=body, headers=headers, query=""))
        if answer.status >= httpx.codes.BAD_REQUEST:
            raise Trouble(f"A payment's notification was refused: {answer.status}")
