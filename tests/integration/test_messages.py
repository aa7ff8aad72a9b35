"""Messages: what each event sends, what is never sent twice, and what is not sent as it no longer holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from sesame.domain.tenancy import Language
from sesame.notifications.outcome import NotAccepted
from sesame.platform.events import Event
from sesame.store.challenges import Challenges
from sesame.store.messages import StillSending
from sesame.store.table import ConditionFailed
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import Office
from tests.integration.door import Door
from tests.integration.tenants import Tenant, admit

ISSUED = datetime(2026, 9, 1, 3, tzinfo=UTC)
NO_ANSWER = ReadTimeoutError(endpoint_url="ses")


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "SendEmail",
    )


@pytest.fixture
def office(aws: Any, clock: FrozenClock) -> Office:
    return Office(aws, clock)


@pytest.fixture
def tenant(aws: Any, office: Office) -> Tenant:
    """Owes September's rent."""
    tenant = admit(aws)
    office.bill(ISSUED)
    return tenant


@pytest.fixture
def reminder(office: Office, tenant: Tenant) -> Event:
    office.clock.now = datetime(2026, 9, 14, 8, 5, tzinfo=UTC)
    office.reminders.plan(office.clock())
    [event] = office.announced("reminder.due")
    return event


def state(office: Office) -> str:
    [record] = office.records()
    return str(record["state"])


def test_a_reminder_says_how_much_for_which_month_and_how_to_pay(
    office: Office, tenant: Tenant, reminder: Event
) -> None:
    office.correspondence.handle(reminder)

    assert office.mailbox.subjects == ["Votre loyer de septembre 2026 : 450,00 € restent à payer"]
    for told in ("450,00", "10 septembre", "https://sesame.example", tenant.lease.tenant_reference):
        assert told in office.mailbox.text
    assert state(office) == "accepted"


def test_a_reminder_is_not_sent_to_who_has_paid_meanwhile(
    office: Office, tenant: Tenant, reminder: Event
) -> None:
    office.pay(tenant, 45_000)

    office.correspondence.handle(reminder)

    assert office.mailbox.sent == []
    assert state(office) == "superseded"


def test_a_reminder_of_a_month_that_is_paid_says_nothing_of_another(
    office: Office, tenant: Tenant, reminder: Event
) -> None:
    office.clock.now = datetime(2026, 10, 1, 4, tzinfo=UTC)
    office.bill(office.clock())
    office.pay(tenant, 45_000)  # September

    office.correspondence.handle(reminder)

    assert office.mailbox.sent == []
    assert state(office) == "superseded"


def test_a_reminder_asks_only_for_what_is_left(office: Office, tenant: Tenant, reminder: Event) -> None:
    office.pay(tenant, 44_000)

    office.correspondence.handle(reminder)

    assert "10,00" in office.mailbox.subjects[0]


def test_an_accepted_message_is_not_sent_again_however_often_its_event_comes(
    office: Office, reminder: Event
) -> None:
    for _ in range(3):
        office.correspondence.handle(reminder)
        office.clock.advance(timedelta(hours=1))

    assert len(office.mailbox.sent) == 1


@pytest.mark.parametrize("taken", [True, False])
def test_a_reminder_whose_answer_was_lost_is_unknown_and_not_sent_again(
    office: Office, reminder: Event, taken: bool
) -> None:
    office.mailbox.fail(NO_ANSWER, taken=taken)

    office.correspondence.handle(reminder)
    office.correspondence.handle(reminder)

    assert len(office.mailbox.sent) == taken
    assert state(office) == "unknown"


def test_a_server_error_of_the_mail_service_is_a_lost_answer_too(office: Office, reminder: Event) -> None:
    office.mailbox.fail(refusal("InternalServiceError", 500), taken=True)

    office.correspondence.handle(reminder)

    assert state(office) == "unknown"


def test_a_sender_that_died_after_the_call_leaves_an_unknown_message(
    office: Office, reminder: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sesame.store.messages.Messages.accepted", _killed)
        with pytest.raises(KeyboardInterrupt):
            office.correspondence.handle(reminder)
    with pytest.raises(StillSending):
        office.correspondence.handle(reminder)
    office.clock.advance(timedelta(minutes=3))

    office.correspondence.handle(reminder)

    assert len(office.mailbox.sent) == 1
    assert state(office) == "unknown"


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_message_that_could_not_be_written_is_sent_by_the_next_try(
    office: Office, reminder: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sesame.services.mailer.write_letter", _broken)
        with pytest.raises(Broken):
            office.correspondence.handle(reminder)
    assert office.records() == []

    office.correspondence.handle(reminder)

    assert len(office.mailbox.sent) == 1
    assert state(office) == "accepted"


class Broken(Exception):
    """Something of ours does not work at the moment."""


def _broken(*_: Any) -> None:
    raise Broken


@pytest.mark.parametrize(
    "error",
    [
        refusal("TooManyRequestsException", 429),
        refusal("SendingPausedException"),
        refusal("MessageRejected"),
        ConnectTimeoutError(endpoint_url="ses"),
    ],
    ids=["pace", "paused", "account", "unreachable"],
)
def test_what_the_mail_service_did_not_take_is_sent_by_the_next_try(
    office: Office, reminder: Event, error: Exception
) -> None:
    office.mailbox.fail(error)

    with pytest.raises(NotAccepted):
        office.correspondence.handle(reminder)
    assert state(office) == "waiting"
    office.correspondence.handle(reminder)

    assert len(office.mailbox.sent) == 1
    assert state(office) == "accepted"


def test_a_message_that_waited_until_the_tenant_paid_is_superseded(
    office: Office, tenant: Tenant, reminder: Event
) -> None:
    office.mailbox.fail(refusal("TooManyRequestsException", 429))
    with pytest.raises(NotAccepted):
        office.correspondence.handle(reminder)
    office.pay(tenant, 45_000)

    office.correspondence.handle(reminder)

    assert office.mailbox.sent == []
    assert state(office) == "superseded"


def test_a_message_that_will_never_be_taken_is_refused_once_and_for_all(
    office: Office, reminder: Event
) -> None:
    office.mailbox.fail(refusal("BadRequestException"))

    office.correspondence.handle(reminder)
    office.correspondence.handle(reminder)

    assert office.mailbox.sent == []
    assert state(office) == "refused"


def test_of_two_senders_at_the_same_moment_one_sends(
    office: Office, reminder: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = office.mailbox.send_email

    def meanwhile(**request: Any) -> dict[str, str]:
        with pytest.raises(StillSending):
            office.correspondence.handle(reminder)
        return send(**request)

    monkeypatch.setattr(office.mailbox, "send_email", meanwhile)
    office.correspondence.handle(reminder)

    assert len(office.mailbox.sent) == 1


def test_a_welcome_has_a_link_and_neither_code_nor_file(aws: Any, office: Office) -> None:
    tenant = admit(aws, language=Language.ENGLISH)
    [event] = office.announced("lease.admitted")

    office.correspondence.handle(event)

    assert office.mailbox.subjects == ["Welcome: your tenant code (Les Tilleuls)"]
    assert "https://sesame.example/bienvenue/" in office.mailbox.text
    assert "9 September 2026" in office.mailbox.text
    for secret in (tenant.code, tenant.printed_code, "2004"):
        assert secret not in office.mailbox.text


def test_who_has_no_address_is_not_written_to_and_that_is_on_record(aws: Any, office: Office) -> None:
    admit(aws, email=None)
    [event] = office.announced("lease.admitted")

    office.correspondence.handle(event)

    assert office.mailbox.sent == []
    assert state(office) == "unaddressed"


def test_only_the_current_months_notice_is_announced_by_mail(aws: Any, office: Office) -> None:
    admit(aws)
    office.clock.now = datetime(2026, 10, 1, 8, tzinfo=UTC)
    office.bill(office.clock())  # September was missed, and is made up for

    for event in office.announced("notice.issued"):
        office.correspondence.handle(event)

    assert office.mailbox.subjects == [
        "Votre loyer d'octobre 2026 : 450,00 €, à payer au plus tard le 10 octobre"
    ]
    assert "900,00" in office.mailbox.text  # with what September left


def test_a_notice_already_covered_by_credit_asks_for_nothing(
    aws: Any, office: Office, tenant: Tenant
) -> None:
    office.pay(tenant, 45_000)
    [event] = office.announced("notice.issued")

    office.correspondence.handle(event)

    assert "Rien à payer" in office.mailbox.text
    assert "Payer en ligne" not in office.mailbox.text


def test_a_recovered_code_is_told_to_the_tenant_with_the_local_time(office: Office, tenant: Tenant) -> None:
    event = Event(
        id="one",
        type="code.recovered",
        at=datetime(2026, 9, 2, 12, 3, tzinfo=UTC),
        data={"lease_id": tenant.lease.lease_id, "person_id": tenant.person.person_id},
    )

    office.correspondence.handle(event)

    assert "2 septembre 2026 à 14:03" in office.mailbox.text


@pytest.fixture
def sign_in(aws: Any, office: Office, tenant: Tenant) -> Event:
    challenge_id = Door(aws, office.clock).ask_sign_in(tenant.printed_code)
    return Event(id="one", type="challenge.requested", at=office.clock(), data={"challenge_id": challenge_id})


def test_a_one_time_code_is_sent_once_and_stays_valid_when_its_event_comes_again(
    aws: Any, office: Office, sign_in: Event
) -> None:
    office.code_mail.handle(sign_in)
    before = Challenges(aws.identity).get(sign_in["challenge_id"])

    office.code_mail.handle(sign_in)

    assert len(office.mailbox.sent) == 1
    assert Challenges(aws.identity).get(sign_in["challenge_id"]) == before


def test_a_one_time_code_whose_answer_was_lost_is_sent_again_at_once_the_same(
    office: Office, sign_in: Event
) -> None:
    office.mailbox.fail(NO_ANSWER, taken=True)

    office.code_mail.handle(sign_in)

    first, second = (one["Content"] for one in office.mailbox.sent)
    assert first == second
    assert state(office) == "accepted"


def test_a_one_time_code_whose_sender_died_is_made_anew(
    office: Office, sign_in: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sesame.store.messages.Messages.accepted", _killed)
        with pytest.raises(KeyboardInterrupt):
            office.code_mail.handle(sign_in)
    office.clock.advance(timedelta(minutes=3))

    office.code_mail.handle(sign_in)

    first, second = (one["Content"]["Simple"]["Body"]["Text"]["Data"] for one in office.mailbox.sent)
    assert first != second
    assert "7 minutes" in second


@pytest.mark.parametrize(
    "fails",
    ["sesame.services.one_time_codes.OneTimeCodes.prepare", "sesame.services.mailer.write_letter"],
    ids=["code", "letter"],
)
def test_a_one_time_code_that_could_not_be_made_or_written_waits_for_no_lost_sender(
    office: Office, sign_in: Event, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(fails, _broken)
        with pytest.raises(Broken):
            office.code_mail.handle(sign_in)
    assert state(office) == "waiting"

    office.code_mail.handle(sign_in)

    assert len(office.mailbox.sent) == 1
    assert state(office) == "accepted"


def test_a_code_that_nobody_holds_sends_nothing(aws: Any, office: Office, clock: FrozenClock) -> None:
    nobody = admit(aws, ine=None)
    aws.identity.client.delete_item(
        TableName="identity", Key={"pk": {"S": f"CODE#{nobody.lease.code_hash}"}, "sk": {"S": "LOOKUP"}}
    )
    event = Event(
        id="one",
        type="challenge.requested",
        at=clock(),
        data={"challenge_id": Door(aws, clock).ask_sign_in(nobody.printed_code)},
    )

    office.code_mail.handle(event)

    assert office.mailbox.sent == []
    assert state(office) == "unaddressed"


def test_neither_records_nor_tags_hold_a_name_or_an_address(
    office: Office, tenant: Tenant, reminder: Event
) -> None:
    office.correspondence.handle(reminder)

    kept = f"{office.records()} {office.mailbox.sent[0]['EmailTags']}"
    for personal in (tenant.person.email, tenant.person.family_name, tenant.person.given_names):
        assert str(personal) not in kept


def test_an_event_that_calls_for_no_message_is_refused(office: Office) -> None:
    with pytest.raises(ValueError, match="no message"):
        office.correspondence.handle(Event(id="x", type="payment.changed", at=ISSUED, data={"lease_id": "l"}))


def test_a_reminder_costs_four_reads_and_three_writes(office: Office, reminder: Event) -> None:
    with office.metered() as calls:
        office.correspondence.handle(reminder)
    with office.metered() as again:
        office.correspondence.handle(reminder)

    # lease, tenant and residence, account; the day and the message claimed, then accepted
    assert calls == {"GetItem": 2, "BatchGetItem": 1, "PutItem": 2, "UpdateItem": 1}
    # and whether it went today, or has taken a day that it does not need
    assert again == {"GetItem": 3, "BatchGetItem": 1, "PutItem": 2}


def test_a_record_claimed_by_another_sender_in_between_is_left_to_it(
    office: Office, reminder: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.mailbox.fail(refusal("TooManyRequestsException", 429))
    with pytest.raises(NotAccepted):
        office.correspondence.handle(reminder)
    write = type(office.aws.operations).write

    def lost_race(table: Any, change: Any) -> None:
        if "sending_since" in getattr(change, "expression", ""):
            raise ConditionFailed(["ConditionalCheckFailed"])
        write(table, change)

    monkeypatch.setattr(type(office.aws.operations), "write", lost_race)
    with pytest.raises(StillSending):
        office.correspondence.handle(reminder)

    assert office.mailbox.sent == []


def test_a_month_billed_late_is_not_called_overdue_at_once(aws: Any, office: Office, tenant: Tenant) -> None:
    office.clock.now = datetime(2026, 10, 9, 8, tzinfo=UTC)
    office.bill(office.clock())  # October, due on the 10th
    office.reminders.plan(office.clock())

    [event] = office.announced("reminder.due")
    office.correspondence.handle(event)

    assert "450,00" in office.mailbox.subjects[0]
    assert "Octobre 2026 (à payer au plus tard le 18 octobre)" in office.mailbox.text


def test_a_run_made_for_another_day_writes_as_of_that_day(office: Office, tenant: Tenant) -> None:
    planned_for = datetime(2026, 9, 14, 8, 5, tzinfo=UTC)
    replace(office.reminders).plan(planned_for)  # the clock still shows the 2nd

    [event] = office.announced("reminder.due")
    office.correspondence.handle(event)

    assert "en retard depuis le 10 septembre" in office.mailbox.text
