"""Staff and rent notices: lines on the next one, credit notes, and a run for one lease."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from secrets import token_bytes

import pytest

from sesame.domain.journal import EntryKind
from sesame.domain.notices import LineKind
from sesame.domain.receipts import period_standing, still_holds
from sesame.domain.scope import EVERYWHERE
from sesame.domain.terms import amended, ending
from sesame.platform.errors import Forbidden, NotFound
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_notices import (
    MOST_WAITING,
    AdjustmentOrder,
    AdjustmentReason,
    MoreThanCharged,
    NoNextNotice,
    NoticeDesk,
    TooManyAdjustments,
)
from sesame.services.payments import KeyReused
from sesame.services.retries import Retries
from sesame.services.staff import Role, Staff
from sesame.store.audit import Action, Audit
from tests.integration.conftest import Aws
from tests.integration.test_lease_terms import OCTOBER, SEPTEMBER, Tenancy

NETWORK = "192.0.2.1"
MANAGER = Staff(staff_id="manager-1", groups=frozenset({Role.MANAGER}), scope=EVERYWHERE)
AT_DESK = Staff(staff_id="desk-1", groups=frozenset({Role.DESK}), scope=EVERYWHERE)
KEY_LOST = AdjustmentOrder(amount_cents=1_500, reason=AdjustmentReason.SERVICE, label="Remplacement de clé")
NO_HEATING = AdjustmentOrder(
    amount_cents=-5_000, reason=AdjustmentReason.GOODWILL, label="Panne de chauffage"
)
BACK = replace(NO_HEATING, amount_cents=5_000)


class Desk(Tenancy):
    """A manager's desk on one tenancy."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self.audit = Audit(aws.operations)
        self.desk = NoticeDesk(
            leases=DeskLeases(aws.identity),
            books=self.office.books,
            audit=self.audit,
            deeds=Deeds(pepper=aws.pepper, clock=self.clock, random=token_bytes),
            clock=self.clock,
            retries=Retries(pause=lambda _: None),
        )

    def adjust(self, order: AdjustmentOrder, key: str = "k1", by: Staff = MANAGER) -> bool:
        return self.desk.adjust(by, self.lease_id, order, key=key, network=NETWORK).waits

    def credit(self, order: AdjustmentOrder = BACK, period: str = "2026-09", key: str = "c1") -> str:
        return self.desk.credit(MANAGER, self.lease_id, period, order, key=key, network=NETWORK).entry_id

    def actions(self) -> list[Action]:
        return [entry.action for entry in self.audit.of(self.lease_id).entries]


@pytest.fixture
def desk(aws: Aws) -> Desk:
    return Desk(aws)


def test_an_adjustment_is_a_line_of_the_next_notice_once_however_often_it_is_asked_for(desk: Desk) -> None:
    desk.bill(SEPTEMBER)

    assert desk.adjust(KEY_LOST)
    assert desk.adjust(KEY_LOST)
    desk.bill(OCTOBER)
    assert desk.adjust(KEY_LOST)
    desk.bill(datetime(2026, 11, 1, 8, tzinfo=UTC))

    assert desk.standing() == {"2026-09": (1, 45_000), "2026-10": (1, 46_500), "2026-11": (1, 45_000)}
    [october] = [one.notice for one in desk.journal.notices if one.notice.period == "2026-10"]
    assert [(line.kind, line.label, line.amount_cents) for line in october.adjustments] == [
        (LineKind.ADJUSTMENT, "Remplacement de clé", 1_500)
    ]
    assert desk.actions().count(Action.RENT_ADJUSTED) == 1


def test_a_reduction_beyond_a_notice_waits_on_for_the_one_after(desk: Desk) -> None:
    desk.bill(SEPTEMBER)
    desk.adjust(replace(NO_HEATING, amount_cents=-60_000))

    desk.bill(OCTOBER)
    desk.bill(datetime(2026, 11, 1, 8, tzinfo=UTC))

    assert desk.standing() == {"2026-09": (1, 45_000), "2026-10": (1, 0), "2026-11": (1, 30_000)}


def test_a_key_used_for_something_else_is_refused(desk: Desk) -> None:
    desk.bill(SEPTEMBER)
    desk.adjust(KEY_LOST)
    desk.credit()

    with pytest.raises(KeyReused):
        desk.adjust(NO_HEATING)
    with pytest.raises(KeyReused):
        desk.credit(replace(BACK, amount_cents=1))


def test_who_takes_the_money_changes_nothing_of_what_is_owed(desk: Desk) -> None:
    desk.bill(SEPTEMBER)

    with pytest.raises(Forbidden):
        desk.adjust(KEY_LOST, by=AT_DESK)
    with pytest.raises(Forbidden):
        desk.desk.bill(AT_DESK, desk.lease_id, network=NETWORK)
    assert desk.desk.journal(AT_DESK, desk.lease_id).notices


def test_adjustments_that_wait_are_few(desk: Desk) -> None:
    desk.bill(SEPTEMBER)
    for number in range(MOST_WAITING):
        desk.adjust(KEY_LOST, key=str(number))

    with pytest.raises(TooManyAdjustments):
        desk.adjust(KEY_LOST, key="one more")


def test_once_the_last_notice_is_out_a_charge_stands_by_itself_and_a_reduction_names_a_notice(
    desk: Desk,
) -> None:
    desk.bill(SEPTEMBER)
    desk.change(lambda lease: ending(lease, date(2026, 9, 30)))

    assert not desk.adjust(KEY_LOST)
    with pytest.raises(NoNextNotice):
        desk.adjust(NO_HEATING, key="k2")

    [entry] = [one for one in desk.journal.entries if one.kind is EntryKind.ADJUSTMENT]
    assert (entry.amount_cents, entry.label, entry.due_on) == (
        1_500,
        "Remplacement de clé",
        date(2026, 9, 10),
    )
    assert desk.balance == 46_500


def test_a_credit_note_lowers_its_notice_and_what_was_paid_beyond_it_pays_the_next(desk: Desk) -> None:
    desk.bill(SEPTEMBER)
    desk.office.pay(desk.tenant, 45_000)
    statement = desk.office.books.statement(desk.lease_id)
    paid = statement.of("2026-09")
    assert paid is not None

    desk.clock.advance(timedelta(days=1))
    assert desk.credit() == desk.credit()
    desk.bill(OCTOBER)

    statement = desk.office.books.statement(desk.lease_id)
    assert {
        one.notice.period: (one.standing.amount_cents, one.standing.paid_cents) for one in statement.notices
    } == {"2026-09": (40_000, 40_000), "2026-10": (45_000, 5_000)}
    assert desk.actions().count(Action.NOTICE_CREDITED) == 1
    assert {one.data["period"] for one in desk.office.announced("notice.corrected")} == {"2026-09"}


def test_a_receipt_holds_no_more_once_its_notice_was_credited(desk: Desk) -> None:
    desk.bill(SEPTEMBER)
    desk.office.pay(desk.tenant, 45_000)

    def september() -> tuple[object, object]:
        one = desk.office.books.statement(desk.lease_id).of("2026-09")
        assert one is not None
        return period_standing(one.notice, one.standing, UTC), desk.journal.entries

    standing, _ = september()
    facts = {
        "kind": "receipt",
        "period": {
            "starts_on": "2026-09-01",
            "ends_on": "2026-09-30",
            "rent_cents": 40_000,
            "charges_cents": 5_000,
            "total_cents": 45_000,
            "settlements": [],
        },
    }
    assert still_holds(facts, standing, desk.journal.entries, UTC)  # type: ignore[arg-type]

    desk.credit()

    standing, _ = september()
    assert not still_holds(facts, standing, desk.journal.entries, UTC)  # type: ignore[arg-type]


def test_a_notice_cannot_be_credited_beyond_what_it_charges(desk: Desk) -> None:
    desk.bill(SEPTEMBER)

    with pytest.raises(MoreThanCharged):
        desk.credit(replace(BACK, amount_cents=45_001))
    with pytest.raises(NotFound):
        desk.credit(period="2026-12")


def test_what_staff_decided_of_a_month_stays_when_its_notice_is_replaced(desk: Desk) -> None:
    desk.bill(SEPTEMBER)
    desk.adjust(KEY_LOST)
    desk.bill(OCTOBER)
    desk.credit(period="2026-10")

    desk.change(lambda lease: amended(lease, date(2026, 10, 1), rent_cents=41_000))

    assert desk.standing()["2026-10"] == (2, 41_000 + 5_000 + 1_500 - 5_000)
    assert desk.notes()["credit-note:2026-10#1"] == -(46_500 - 5_000)
    assert desk.balance == 45_000 + 42_500


def test_a_run_for_one_lease_issues_what_the_daily_run_would(desk: Desk) -> None:
    desk.clock.now = OCTOBER

    first = desk.desk.bill(MANAGER, desk.lease_id, network=NETWORK)
    again = desk.desk.bill(MANAGER, desk.lease_id, network=NETWORK)
    issued = desk.journal.notices
    desk.bill(OCTOBER)

    assert (first, again) == (2, 0)
    assert desk.journal.notices == issued
    assert desk.actions().count(Action.LEASE_BILLED) == 2
