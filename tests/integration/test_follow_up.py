"""What staff follow up: tasks that open once and are closed by name, proof of messages, the run to come."""

import json
from datetime import UTC, date, datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.scope import EVERYWHERE
from sesame.domain.tenancy import Channel, Unusable
from sesame.platform.errors import NotFound
from sesame.services.calendar_feeds import CalendarReader, OwnCalendarFeed
from sesame.services.reminder_preview import ReminderPreview
from sesame.services.staff import Role, Staff
from sesame.store import keys
from sesame.store.audit import Audit
from sesame.store.calendar_feeds import CalendarFeeds
from sesame.store.tasks import TaskOutcome
from tests.conftest import FrozenClock
from tests.integration.entries import http_event, load, prepare
from tests.integration.privacy_fixtures import Bureau
from tests.integration.staff_members import as_staff, enrol
from tests.integration.tenants import RESIDENCE, admit, move
from tests.integration.test_sending import ISSUED, LATE, World

STAFF = Staff(staff_id="s", groups=frozenset({Role.DESK}), scope=EVERYWHERE)
RESIDENCE_PATH = f"/v1/desk/residences/{RESIDENCE.residence_id}"


class Desk:
    """The desk's function, asked as staff do."""

    def __init__(self, aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = World(aws, clock)
        prepare(aws, monkeypatch)
        monkeypatch.setattr("sesame.platform.clock.utc_now", clock)
        enrol(aws, "agent")
        self.handler = load("desk/follow_up").handler

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """Status, and the body as JSON where it is one."""
        event = as_staff(http_event(method, path, body), "agent", "desk", "accountant")
        event["queryStringParameters"] = query
        answer = self.handler(event, None)
        is_json = "json" in answer["headers"]["Content-Type"]
        return answer["statusCode"], json.loads(answer["body"]) if is_json else answer["body"]

    def tasks(self) -> list[dict[str, Any]]:
        """The open ones of the residence."""
        status, shown = self.ask("GET", "/v1/desk/tasks", residence_id=RESIDENCE.residence_id)
        assert status == 200
        found: list[dict[str, Any]] = shown["tasks"]
        return found


@pytest.fixture
def desk(aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(aws, clock, monkeypatch)


def test_a_task_is_one_until_somebody_closes_it_and_opens_anew_when_met_again(desk: Desk) -> None:
    world = desk.world
    world.clock.now = LATE
    failed = world.feedback.failed_contacts

    for _ in range(2):
        failed.email("huong@example.org", Unusable.BOUNCE, LATE)
    [task] = desk.tasks()
    path = f"/v1/desk/tasks/{task['task_id']}/resolution"
    world.clock.advance(timedelta(hours=1))
    assert [desk.ask("POST", path, {"outcome": "done"})[0] for _ in range(2)] == [200, 200]
    assert desk.ask("POST", path, {"outcome": "not_needed"})[0] == 409
    failed.email("huong@example.org", Unusable.BOUNCE, LATE)  # the same old news
    assert desk.tasks() == []
    failed.email("huong@example.org", Unusable.BOUNCE, world.clock() + timedelta(hours=1))

    assert [one["task_id"] for one in desk.tasks()] == [task["task_id"]]
    entries = Audit(world.aws.operations).of(world.tenant.lease.lease_id).entries
    assert [entry.details["outcome"] for entry in entries if entry.action == "task_resolved"] == ["done"]


def test_a_contact_that_works_after_all_is_written_to_again(desk: Desk) -> None:
    world = desk.world
    world.clock.now = LATE
    world.feedback.failed_contacts.email("huong@example.org", Unusable.COMPLAINT, LATE)
    [task] = desk.tasks()

    status, closed = desk.ask(
        "POST", f"/v1/desk/tasks/{task['task_id']}/resolution", {"outcome": "contact_works"}
    )

    assert (status, closed["outcome"]) == (200, TaskOutcome.CONTACT_WORKS)
    assert world.person().usable(Channel.EMAIL) == "huong@example.org"


def test_nobody_closes_a_task_about_themselves(aws: Any, desk: Desk) -> None:
    desk.world.feedback.failed_contacts.email("huong@example.org", Unusable.BOUNCE, LATE)
    [task] = desk.tasks()
    enrol(aws, "agent", person_id=desk.world.tenant.person.person_id)

    assert desk.ask("POST", f"/v1/desk/tasks/{task['task_id']}/resolution", {"outcome": "done"})[0] == 403


def test_what_was_sent_is_listed_newest_first_with_times_and_the_mail_services_receipt(desk: Desk) -> None:
    world = desk.world
    [notice] = world.office.announced("notice.issued")
    world.clock.now = ISSUED.replace(hour=8)
    world.office.correspondence.handle(notice)
    world.office.correspondence.handle(world.reminder(LATE))
    world.tell("Delivery")

    status, listed = desk.ask("GET", f"/v1/desk/leases/{world.tenant.lease.lease_id}/messages")

    assert status == 200
    newest, oldest = listed["messages"]
    assert (newest["kind"], newest["state"], newest["about"]["step"]) == ("reminder", "delivered", "late-1")
    assert (oldest["kind"], oldest["state"], oldest["provider_message_id"]) == ("notice", "accepted", "ses-1")
    assert newest["delivered_at"] is not None
    assert listed["next"] is None


def test_the_preview_of_a_day_is_what_the_planner_then_announces_and_writes_nothing(
    aws: Any, clock: FrozenClock
) -> None:
    world = World(aws, clock)
    clock.now = LATE - timedelta(days=1)
    preview = ReminderPreview(identity=aws.identity, accounts=world.office.accounts, clock=clock)
    before = aws.money.get(keys.account(world.tenant.lease.lease_id))

    found = preview.of(STAFF, RESIDENCE.residence_id)
    assert aws.money.get(keys.account(world.tenant.lease.lease_id)) == before
    event = world.reminder(LATE)

    assert found.day == LATE.date()
    assert [(one.lease.lease_id, one.step, one.period) for one in found.reminders] == [
        (event["lease_id"], event["step"], event["period"])
    ]
    assert (found.reminders[0].unpaid_cents, found.reminders[0].channel) == (45_000, Channel.EMAIL)
    sunday = preview.of(STAFF, RESIDENCE.residence_id, LATE.date() - timedelta(days=1))
    assert (sunday.open, sunday.reminders) == (False, ())


def test_arrears_count_every_lease_even_where_no_reminder_is_left(desk: Desk) -> None:
    world = desk.world
    world.clock.now = datetime(2026, 12, 20, 12, tzinfo=UTC)
    world.office.reminders.plan(world.clock())

    status, shown = desk.ask("GET", f"{RESIDENCE_PATH}/arrears")
    _, file = desk.ask("GET", f"{RESIDENCE_PATH}/arrears", format="csv")
    _, picture = desk.ask("GET", f"{RESIDENCE_PATH}/arrears/chart")

    assert (status, shown["over_90_cents"], shown["total_cents"]) == (200, 45_000, 45_000)
    assert [one["lease_id"] for one in shown["leases"]] == [world.tenant.lease.lease_id]
    assert "450,00" in file
    assert picture.startswith("<svg")


def test_reminders_and_arrears_name_the_room_of_the_day(desk: Desk) -> None:
    world = desk.world
    move(world.aws, world.tenant, "C301", on=date(2026, 9, 16))
    world.clock.now = LATE - timedelta(days=1)
    day = LATE.date().isoformat()
    assert LATE.date() < date(2026, 9, 16)

    _, preview = desk.ask("GET", f"{RESIDENCE_PATH}/reminder-preview", day=day)
    world.clock.now = datetime(2026, 9, 16, 12, tzinfo=UTC)
    _, shown = desk.ask("GET", f"{RESIDENCE_PATH}/arrears")
    _, file = desk.ask("GET", f"{RESIDENCE_PATH}/arrears", format="csv")

    assert [one["room"] for one in preview["reminders"]] == ["B204"]
    assert [one["room"] for one in shown["leases"]] == ["C301"]
    assert "C301" in file
    assert "B204" not in file


def test_a_calendars_address_shows_due_dates_until_it_is_made_anew_or_ended(
    aws: Any, clock: FrozenClock
) -> None:
    bureau, tenant = Bureau(aws, clock), admit(aws)
    feeds, session = CalendarFeeds(aws.identity), bureau.session(tenant)
    own = OwnCalendarFeed(
        feeds=feeds,
        audit=Audit(aws.operations),
        pepper=aws.pepper,
        api_url="https://api.example",
        clock=clock,
        random=token_bytes,
    )
    reader = CalendarReader(
        feeds=feeds, identity=aws.identity, money=aws.money, portal_url="https://x.example", clock=clock
    )

    first, second = (own.make(session, source="-").rpartition("/")[2] for _ in range(2))

    assert "BEGIN:VEVENT" in reader.read(second)
    assert reader.read(second.removesuffix(".ics")) == reader.read(second)
    assert own.since(session) == clock()
    for dead in (first, "", "x" * 500, second[:-6]):
        with pytest.raises(NotFound):
            reader.read(dead)
    own.end(session, source="-")
    with pytest.raises(NotFound):
        reader.read(second)
    with pytest.raises(NotFound):
        own.end(session, source="-")
    entries = Audit(aws.operations).of(tenant.lease.lease_id).entries
    assert sorted(entry.action for entry in entries) == [
        "calendar_feed_ended",
        "calendar_feed_set",
        "calendar_feed_set",
    ]
    assert second.removesuffix(".ics") not in str(aws.identity.client.scan(TableName=aws.identity.name))
    assert own.since(session) is None
