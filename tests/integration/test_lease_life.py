"""Staff decide what becomes of a lease: notices, papers, messages and the audit follow, once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sesame.domain.certificates import Validity
from sesame.domain.journal import EntryKind
from sesame.domain.lease_life import (
    Cancellation,
    Closing,
    Extension,
    Leaving,
    LifeChange,
    LifeEvent,
    Renewal,
    RentAmendment,
    RoomChange,
    SharingChange,
    Stage,
    Withdrawal,
    stage_on,
)
from sesame.domain.notices import share_of_month
from sesame.domain.tenancy import DepartureReason, LeaseStatus, Surcharge
from sesame.platform.errors import Forbidden, NotFound
from sesame.services.lease_life import ChangeRefused
from sesame.services.lease_terms import TooManyCorrections
from sesame.services.payments import KeyReused
from sesame.store.audit import Action
from sesame.store.people import residence_item
from tests.integration.conftest import Aws
from tests.integration.life_fixtures import AT_DESK, MANAGER, NETWORK, Stay
from tests.integration.test_lease_terms import OCTOBER, SEPTEMBER

MOVE = RoomChange(starts_on=date(2026, 10, 16), room="C301", rent_cents=60_000)
AGREED = Leaving(leaves_on=date(2026, 10, 10), given_on=date(2026, 10, 1), reason=DepartureReason.AGREEMENT)


@pytest.fixture
def stay(aws: Aws) -> Stay:
    return Stay(aws)


def reason(refused: pytest.ExceptionInfo[ChangeRefused]) -> object:
    return refused.value.errors[0]["reason"]


def test_a_room_change_corrects_its_month_ends_the_proofs_of_the_old_room_and_is_told_once(
    stay: Stay,
) -> None:
    stay.bill(SEPTEMBER)
    stay.bill(OCTOBER)
    proof = stay.certificate()

    done = stay.decide(MOVE)
    again = stay.decide(MOVE)
    for _ in range(2):
        stay.relay()
        stay.tell()

    october = share_of_month(40_000, date(2026, 10, 1), date(2026, 10, 15))
    october += share_of_month(60_000, date(2026, 10, 16), date(2026, 10, 31)) + 5_000
    assert again == done
    assert (done.corrected, done.difference_cents) == (("2026-10",), october - 45_000)
    assert stay.standing()["2026-10"] == (2, october)
    assert stay.validity(proof) is Validity.REVOKED
    assert stay.actions().count(Action.LEASE_CHANGED) == 1
    assert stay.office.mailbox.subjects == ["Votre changement de chambre"]
    assert "C301" in stay.office.mailbox.text


def test_a_proof_that_is_made_before_a_move_names_both_rooms_with_their_days(stay: Stay) -> None:
    stay.clock.now = OCTOBER
    stay.decide(MOVE)

    proof = stay.certificate()
    stay.relay()
    stay.clock.now = datetime(2026, 10, 20, 8, tzinfo=UTC)
    after = stay.certificate()
    stay.relay()

    assert proof.facts["lease"]["room"] == "B204"
    assert [(one["room"], one["ends_on"]) for one in proof.facts["rooms"]] == [
        ("B204", "2026-10-15"),
        ("C301", "2027-08-31"),
    ]
    assert (after.facts["lease"]["room"], after.facts["lease"]["ends_on"]) == ("C301", "2027-08-31")
    assert stay.validity(after) is Validity.GENUINE


def test_a_key_stands_for_one_change(stay: Stay) -> None:
    stay.decide(MOVE)

    with pytest.raises(KeyReused):
        stay.decide(replace(MOVE, room="D101"))


def test_who_only_works_at_the_desk_changes_no_lease(stay: Stay) -> None:
    with pytest.raises(Forbidden):
        stay.decide(MOVE, by=AT_DESK)
    with pytest.raises(Forbidden):
        stay.desk.preview(AT_DESK, stay.lease_id, MOVE)
    with pytest.raises(NotFound):
        stay.desk.decide(MANAGER, "nobody", MOVE, key="k", network=NETWORK)
    assert stay.desk.seen(AT_DESK, stay.lease_id).stage is Stage.ACTIVE


REFUSED: list[tuple[LifeChange, str]] = [
    (replace(MOVE, starts_on=date(2026, 10, 17)), "not_a_room_change_day"),
    (replace(MOVE, starts_on=date(2028, 10, 1)), "outside_the_stay"),
    (replace(MOVE, room="B204"), "same_room"),
    (RentAmendment(starts_on=date(2026, 10, 1), rent_cents=40_000), "nothing_changes"),
    (Extension(ends_on=date(2027, 8, 31)), "end_not_later"),
    (Extension(ends_on=date(2127, 8, 31)), "end_too_far"),
    (Withdrawal(), "stay_under_way"),
    (Closing(), "stay_under_way"),
    (replace(AGREED, leaves_on=date(2027, 9, 1)), "leaves_after_end"),
    (replace(AGREED, given_on=date(2026, 10, 2)), "notice_in_future"),
    (replace(AGREED, leaves_on=date(2026, 8, 1)), "ends_before_start"),
    (replace(AGREED, reason=DepartureReason.TENANT_NOTICE), "notice_too_short"),
]


def test_what_the_rules_do_not_allow_is_refused_in_words_and_changes_nothing(stay: Stay) -> None:
    stay.bill(SEPTEMBER)
    stay.clock.now = OCTOBER
    before = stay.everything()

    for change, why in REFUSED:
        with pytest.raises(ChangeRefused) as refused:
            stay.decide(change)
        assert (change, reason(refused)) == (change, why)
        assert all(refused.value.detail.values())

    assert stay.everything() == before


def test_a_preview_says_what_would_be_corrected_and_does_nothing(stay: Stay) -> None:
    stay.bill(SEPTEMBER)
    stay.bill(OCTOBER)
    before = stay.everything()

    would = stay.desk.preview(MANAGER, stay.lease_id, MOVE)

    assert [one.period for one in would.corrections] == ["2026-10"]
    assert stay.everything() == before


def test_a_departure_shortens_the_last_month_and_taking_it_back_brings_the_rest(stay: Stay) -> None:
    stay.bill(SEPTEMBER)
    stay.clock.now = OCTOBER
    stay.decide(RentAmendment(starts_on=date(2026, 12, 1), rent_cents=41_000), key="rent")
    stay.bill(OCTOBER)

    stay.decide(AGREED)
    seen = stay.desk.seen(MANAGER, stay.lease_id)
    assert seen.stage is Stage.NOTICE_GIVEN
    assert stay.standing()["2026-10"] == (2, share_of_month(45_000, date(2026, 10, 1), date(2026, 10, 10)))

    stay.decide(Withdrawal(), key="back")
    assert stay.standing()["2026-10"] == (3, 45_000)
    assert (stay.lease.ends_on, stay.lease.departure) == (date(2027, 8, 31), None)
    assert [one.rent_cents for one in stay.lease.terms] == [40_000, 41_000]
    events = [one.event for one in stay.desk.seen(MANAGER, stay.lease_id).changes]
    assert sorted(events) == sorted(
        [LifeEvent.RENT_AMENDED, LifeEvent.NOTICE_GIVEN, LifeEvent.NOTICE_WITHDRAWN]
    )


def test_a_lease_is_departed_on_the_morrow_of_its_last_day_without_any_job(stay: Stay) -> None:
    stay.clock.now = OCTOBER
    stay.decide(AGREED)

    assert stage_on(stay.lease, date(2026, 10, 10)) is Stage.NOTICE_GIVEN
    stay.clock.now = datetime(2026, 10, 10, 22, 30, tzinfo=UTC)  # the 11th at the residence
    assert stay.desk.seen(MANAGER, stay.lease_id).stage is Stage.DEPARTED


def test_keys_that_came_back_on_another_day_move_the_last_day(stay: Stay) -> None:
    stay.bill(SEPTEMBER)
    stay.bill(OCTOBER)
    stay.decide(AGREED)
    stay.clock.now = datetime(2026, 10, 20, 8, tzinfo=UTC)

    stay.decide(replace(AGREED, leaves_on=date(2026, 10, 15)), key="later")

    assert stay.standing()["2026-10"] == (3, share_of_month(45_000, date(2026, 10, 1), date(2026, 10, 15)))
    departure = stay.lease.departure
    assert departure is not None
    assert departure.ended_on == date(2027, 8, 31)


def test_a_cancelled_lease_owes_nothing_and_none_of_its_papers_holds(stay: Stay) -> None:
    stay.bill(SEPTEMBER)
    stay.office.pay(stay.tenant, 20_000)
    proof = stay.certificate()

    stay.decide(Cancellation())
    stay.relay()
    stay.tell()

    assert stay.lease.status is LeaseStatus.CANCELLED
    assert (stay.standing(), stay.balance) == ({}, -20_000)
    assert stay.validity(proof) is Validity.REVOKED
    assert stay.office.mailbox.subjects == ["Votre bail est annulé"]
    with pytest.raises(ChangeRefused):
        stay.decide(MOVE, key="move")


# --- Surcharges of notices that are withdrawn


LATE_FEE = Surcharge(
    flat_cents=1_000,
    cap_cents=1_000,
    grace_days=5,
    source="Règlement intérieur, article 12",
    applies_from=date(2026, 8, 1),
)


def in_arrears(stay: Stay) -> None:
    """September is unpaid, and has borne its surcharge."""
    residence = stay.terms.people.residence(stay.lease.residence_id)
    assert residence is not None
    ruled = replace(residence, reminders=replace(residence.reminders, surcharge=LATE_FEE))
    stay.aws.identity.put(residence_item(ruled))
    stay.bill(SEPTEMBER)
    remind(stay, date(2026, 9, 19))
    assert stay.balance == 46_000


def remind(stay: Stay, until: date) -> None:
    """The planner's morning run of each day from the clock's on."""
    while stay.clock().date() <= until:
        stay.office.reminders.plan(stay.clock())
        stay.clock.advance(timedelta(days=1))


def test_a_cancelled_lease_owes_no_surcharge_either(stay: Stay) -> None:
    in_arrears(stay)

    done = stay.decide(Cancellation())
    stay.tell()

    assert stay.balance == 0
    assert (done.difference_cents, done.surcharges_reversed_cents) == (-46_000, 1_000)
    assert "pénalité de retard de 10,00 €" in stay.office.mailbox.text
    [entry] = [one for one in stay.audit.of(stay.lease_id).entries if one.action is Action.LEASE_CHANGED]
    assert entry.details["surcharges_reversed_cents"] == 1_000


def test_a_corrected_month_bears_one_surcharge_counted_from_its_new_notice(stay: Stay) -> None:
    in_arrears(stay)

    stay.decide(RoomChange(starts_on=date(2026, 9, 16), room="C301", rent_cents=60_000))
    corrected = stay.standing()["2026-09"][1]
    assert stay.balance == corrected
    stay.decide(RentAmendment(starts_on=date(2026, 9, 16), rent_cents=50_000), key="again")
    remind(stay, date(2026, 9, 29))
    assert stay.balance == stay.standing()["2026-09"][1]
    remind(stay, date(2026, 10, 20))

    assert stay.balance == stay.standing()["2026-09"][1] + 1_000
    posted = [one.entry_id for one in stay.journal.entries if one.kind is EntryKind.SURCHARGE]
    assert posted == ["surcharge:notice:2026-09", "surcharge:notice:2026-09#3"]


def test_what_leaving_comes_to_is_without_the_surcharge_of_a_notice_that_it_withdraws(stay: Stay) -> None:
    in_arrears(stay)
    stay.clock.now = datetime(2026, 8, 28, 8, tzinfo=UTC)
    shown = stay.departures.preview(stay.session, date(2026, 9, 28))

    stay.departures.give(stay.session, shown.leaves_on, shown.shown, network=NETWORK)

    assert stay.balance == shown.left_to_pay_cents == stay.standing()["2026-09"][1]


def test_a_lease_is_cancelled_in_its_first_month_only(stay: Stay) -> None:
    stay.clock.now = datetime(2026, 10, 3, 8, tzinfo=UTC)

    with pytest.raises(ChangeRefused) as refused:
        stay.decide(Cancellation())

    assert reason(refused) == "too_late_to_cancel"


def test_a_renewal_adds_a_period_at_its_own_rent_and_leaves_papers_true(stay: Stay) -> None:
    stay.bill(SEPTEMBER)
    proof = stay.certificate()

    done = stay.decide(Renewal(ends_on=date(2028, 8, 31), rent_cents=42_000))
    stay.relay()

    assert done.effective_on == date(2027, 9, 1)
    assert stay.desk.seen(MANAGER, stay.lease_id).stage is Stage.RENEWED
    assert [(one.starts_on, one.rent_cents) for one in stay.lease.terms] == [
        (date(2026, 9, 1), 40_000),
        (date(2027, 9, 1), 42_000),
    ]
    assert stay.validity(proof) is Validity.GENUINE


def test_a_co_tenant_who_comes_lowers_the_part_of_who_was_there(stay: Stay) -> None:
    stay.bill(SEPTEMBER)

    stay.decide(SharingChange(starts_on=date(2026, 9, 16), occupants=2, rent_cents=20_000))

    september = share_of_month(40_000, date(2026, 9, 1), date(2026, 9, 15))
    september += share_of_month(20_000, date(2026, 9, 16), date(2026, 9, 30)) + 5_000
    assert stay.standing() == {"2026-09": (2, september)}
    assert stay.lease.terms[-1].occupants == 2


def test_a_change_that_would_correct_years_at_once_is_refused(
    stay: Stay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.services.lease_terms.MOST_CORRECTIONS", 1)
    stay.bill(SEPTEMBER)
    stay.bill(OCTOBER)

    with pytest.raises(TooManyCorrections):
        stay.decide(RentAmendment(starts_on=date(2026, 9, 1), rent_cents=41_000))
