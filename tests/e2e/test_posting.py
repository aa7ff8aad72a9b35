"""Posting against the local AWS, whose transactions and write units are DynamoDB's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from local.instance import Instance
from local.running import LocalStack
from sesame.domain.payments import PaymentState
from sesame.services.retries import USUAL
from sesame.store.table import ConditionFailed, Contention
from tests.bench.growth import Growth
from tests.conftest import FrozenClock
from tests.e2e.own_tables import account_on
from tests.integration.test_payments import House

POSTERS = 16
CENTS = 1_000


@pytest.fixture
def aws(instance: Instance, running: LocalStack) -> Iterator[Any]:
    """Tables of their own, for a house that makes a secret of its own."""
    del running
    made = account_on(instance, "identity", "money")
    yield made
    made.secrets.delete_secret(SecretId="sandbox", ForceDeleteWithoutRecovery=True)


@pytest.fixture
def house(aws: Any) -> House:
    """One tenant who owes 450 euros."""
    built = House(aws, FrozenClock(datetime(2026, 9, 2, 8, 0, tzinfo=UTC)))
    built.bill("2026-09")
    built.clock.advance(timedelta(minutes=1))
    built.posting = replace(built.posting, retries=USUAL)
    return built


def test_sixteen_posters_on_one_lease_lose_no_entry(house: House) -> None:
    payments = [house.checkout(CENTS, key=f"k{number}").payment_id for number in range(POSTERS)]
    for number, payment_id in enumerate(payments):
        message = house.message(payment_id, event=f"e{number}", cents=CENTS)
        assert house.take(house.signed(message)).status == 204
    together, comings = Barrier(POSTERS), list[int]()

    def post(number: int) -> None:
        together.wait()
        for coming in range(1, 100):  # the queue's part: what failed is brought again
            try:
                house.post(f"msg-e{number}")
            except (ConditionFailed, Contention):
                continue
            comings.append(coming)
            return

    with ThreadPoolExecutor(POSTERS) as posters:
        list(posters.map(post, range(POSTERS)))

    account = house.bookkeeping.overview(house.lease.lease_id)
    statement = house.bookkeeping.statement(house.lease.lease_id)
    assert account is not None
    assert len(comings) == POSTERS
    assert house.balance == 45_000 - POSTERS * CENTS
    assert sorted(one.entry_id for one in statement.entries if one.amount_cents < 0) == sorted(
        f"payment:{payment_id}:e{number}" for number, payment_id in enumerate(payments)
    )
    assert account.version == 1 + POSTERS
    assert {house.state(payment_id) for payment_id in payments} == {PaymentState.PAID}
    assert max(comings) <= 5, "a queue brings a message five times before it gives up"


def test_five_years_of_entries_make_a_posting_no_dearer_in_calls_and_units(aws: Any) -> None:
    new, old = Growth(aws).costs()

    assert old.calls == new.calls == 2
    assert old.written <= 2 * new.written
    assert old.read <= 2 * new.read
