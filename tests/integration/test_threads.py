"""Tenant and staff write to each other: posted once, in three calls, seen by these two sides alone."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.attachments import AttachmentState, Side
from sesame.domain.canned_answers import OPERATOR, CannedAnswer
from sesame.domain.repairs import DeclineReason, RepairEvent, RepairState
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.domain.tenancy import Language
from sesame.domain.threads import ThreadCategory, ThreadState
from sesame.platform.errors import Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from sesame.services.attachments import AttachmentChecking, AttachmentDesk, NotAttachable
from sesame.services.canned_answers import AnswerKeeping
from sesame.services.deeds import Deeds
from sesame.services.desk_threads import ChooseOneResidence, DeskTalk, RepairWish, UnknownColleague
from sesame.services.idempotency import KeyReused
from sesame.services.retries import Retries
from sesame.services.staff import Role, Staff
from sesame.services.threads import (
    Author,
    NotARepair,
    NothingSaid,
    Place,
    Posted,
    RepairMove,
    RepairStepRefused,
    RepairUnfinished,
    Talk,
    Topic,
    Words,
)
from sesame.store.attachments import Attachments
from sesame.store.audit import Action, Audit
from sesame.store.canned_answers import CannedAnswers
from sesame.store.staff import StaffDirectory
from sesame.store.threads import Threads
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.door import Door
from tests.integration.entries import http_event, load, prepare
from tests.integration.staff_members import enrol
from tests.integration.tenants import RESIDENCE, Tenant, admit, move
from tests.unit.test_file_contents import PICTURES

SOMEWHERE = "192.0.2.7"
HERE = Scope(residence_ids=frozenset({RESIDENCE.residence_id}))
MANAGER = Staff(staff_id="0" * 25 + "1", groups=frozenset({Role.MANAGER}), scope=HERE)
STRANGER = replace(MANAGER, staff_id="0" * 25 + "2", scope=Scope(residence_ids=frozenset({"ailleurs-1"})))
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LEAK = Topic(category=ThreadCategory.ROOM, subject="Fuite sous l'évier", repair=True)
QUESTION = Topic(category=ThreadCategory.OTHER, subject="Local à vélos")


class Lobby:
    """A tenant, and who manages the residence."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        self.threads, self.audit = Threads(aws.documents), Audit(aws.operations)
        self.files = AttachmentDesk(
            attachments=Attachments(aws.documents),
            s3=aws.s3,
            bucket=aws.bucket,
            clock=clock,
            random=token_bytes,
        )
        self.talk = Talk(
            threads=self.threads,
            files=self.files,
            clock=clock,
            random=token_bytes,
            retries=Retries(pause=lambda _: None),
        )
        deeds = Deeds(pepper=aws.pepper, clock=clock, random=token_bytes)
        self.desk = DeskTalk(
            talk=self.talk,
            identity=aws.identity,
            directory=StaffDirectory(aws.identity),
            audit=self.audit,
            deeds=deeds,
        )
        self.answers = AnswerKeeping(
            answers=CannedAnswers(aws.documents), identity=aws.identity, audit=self.audit, deeds=deeds
        )
        self.tenant = admit(aws)

    @property
    def lease_id(self) -> str:
        return self.tenant.lease.lease_id

    def author(self, tenant: Tenant | None = None) -> Author:
        return Author(side=Side.TENANT, id=(tenant or self.tenant).person.person_id)

    def open(
        self, topic: Topic = QUESTION, body: str = "Bonjour", key: str = "k", tenant: Tenant | None = None
    ) -> Posted:
        lease = (tenant or self.tenant).lease
        place = Place(lease_id=lease.lease_id, residence_id=lease.residence_id, person_id=lease.person_id)
        return self.talk.open(self.author(tenant), place, topic, Words(body=body), key=key)

    def post(self, thread_id: str, body: str = "Encore", key: str = "k2", **words: Any) -> Posted:
        said = Words(body=body, **words)
        return self.talk.post(self.author(), self.lease_id, thread_id, said, key=key)

    def answer(self, thread_id: str, body: str = "Oui", key: str = "a", by: Staff = MANAGER) -> Posted:
        words = Words(body=body)
        return self.desk.answer(by, self.lease_id, thread_id, words, key=key, network=SOMEWHERE)

    def move(self, thread_id: str, event: RepairEvent, key: str, **wish: Any) -> Posted:
        return self.desk.move_repair(
            MANAGER,
            self.lease_id,
            thread_id,
            RepairWish(event=event, **wish),
            key=key,
            network=SOMEWHERE,
        )

    def bodies(self, thread_id: str) -> list[str]:
        found = self.talk.conversation(self.author(), self.lease_id, thread_id)
        return [one.body for one in found.messages]

    def deeds(self) -> list[Action]:
        return [one.action for one in reversed(self.audit.of(self.lease_id).entries)]

    def announced(self, thread_id: str) -> dict[str, str] | None:
        item = self.aws.documents.get({"pk": f"THREADS#{self.lease_id}", "sk": f"THREAD#{thread_id}"})
        found: dict[str, str] | None = item.get("announce")
        return found


@pytest.fixture
def lobby(aws: Any, clock: FrozenClock) -> Lobby:
    return Lobby(aws, clock)


def test_posting_over_http_takes_three_calls_and_the_same_key_posts_once(
    aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.platform.clock.utc_now", clock)
    prepare(aws, monkeypatch)
    tenant = admit(aws)
    token, api = Door(aws, clock).sign_in(tenant), load("messages/api")

    def ask(path: str, body: Any, key: str, *, method: str = "POST") -> tuple[int, Any]:
        event = http_event(method, path, body, authorization=f"Bearer {token}", idempotency_key=key)
        answer = api.handler(event, None)
        return answer["statusCode"], json.loads(answer["body"])

    opening = {"category": "room", "subject": "Fuite", "body": "Sous l'évier", "repair": True}
    with count_calls(api.dynamodb) as calls:
        status, opened = ask("/v1/me/messages", opening, "k1")
    assert (status, calls) == (201, ["BatchGetItem", "BatchGetItem", "TransactWriteItems"])
    thread = f"/v1/me/messages/{opened['thread']['thread_id']}"
    with count_calls(api.dynamodb) as calls:
        status, posted = ask(f"{thread}/replies", {"body": "Ça coule"}, "k2")
    assert (status, calls) == (201, ["BatchGetItem", "BatchGetItem", "TransactWriteItems"])

    assert ask(f"{thread}/replies", {"body": "Ça coule"}, "k2") == (201, posted)
    assert ask("/v1/me/messages", opening, "k1")[1]["thread"]["thread_id"] == opened["thread"]["thread_id"]
    status, problem = ask(f"{thread}/replies", {"body": "Autre"}, "k2")
    assert (status, problem["type"]) == (422, "urn:sesame:problem:idempotency-key-reused")
    status, shown = ask(thread, None, "-", method="GET")
    assert [one["body"] for one in shown["shown"]] == ["Sous l'évier", "Ça coule"]
    assert shown["repair"]["state"] == "reported"
    for wrong in ({"body": "a\u0000b"}, {"body": ""}, {"body": "x" * 4_001}, {"attachments": ["x"]}):
        assert ask(f"{thread}/replies", wrong, "k3")[0] == 422, wrong


def test_a_neighbours_thread_is_not_found_by_anybody_it_is_not_of(lobby: Lobby) -> None:
    thread_id = lobby.open().thread.thread_id
    neighbour = admit(lobby.aws, email="voisin@example.org", ine="861583842CH")
    lease_id, author = neighbour.lease.lease_id, lobby.author(neighbour)

    for attempt in (
        lambda: lobby.talk.conversation(author, lease_id, thread_id),
        lambda: lobby.talk.post(author, lease_id, thread_id, Words(body="-"), key="k"),
        lambda: lobby.talk.read(author, lease_id, thread_id, 1),
        lambda: lobby.talk.close(author, lease_id, thread_id),
        lambda: lobby.talk.reopen(author, lease_id, thread_id),
        lambda: lobby.answer(thread_id, by=STRANGER),
        lambda: lobby.desk.conversation(STRANGER, lobby.lease_id, thread_id),
        lambda: lobby.desk.conversation(MANAGER, lease_id, thread_id),
        lambda: lobby.desk.of_lease(STRANGER, lobby.lease_id),
        lambda: lobby.desk.read(STRANGER, lobby.lease_id, thread_id, 1),
        lambda: lobby.desk.begin_upload(STRANGER, lobby.lease_id, "a.pdf", network=SOMEWHERE),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert lobby.bodies(thread_id) == ["Bonjour"]
    own = replace(MANAGER, person_id=lobby.tenant.person.person_id)
    for forbidden in (
        lambda: lobby.answer(thread_id, by=own),
        lambda: lobby.desk.read(own, lobby.lease_id, thread_id, 1),
        lambda: lobby.desk.begin_upload(own, lobby.lease_id, "a.pdf", network=SOMEWHERE),
    ):
        with pytest.raises(Forbidden):
            forbidden()
    assert lobby.deeds() == []


def test_a_file_that_staff_begin_to_send_is_in_the_audit(lobby: Lobby) -> None:
    with count_calls(lobby.aws.dynamodb) as calls:
        upload = lobby.desk.begin_upload(MANAGER, lobby.lease_id, "devis.pdf", network=SOMEWHERE)

    [entry] = lobby.audit.of(lobby.lease_id).entries
    assert calls == ["GetItem", "GetItem", "TransactWriteItems"]
    assert entry.action is Action.ATTACHMENT_BEGUN
    assert entry.details["attachment_id"] == upload.attachment.attachment_id
    assert "devis" not in str(entry)


def test_the_staff_see_what_waits_by_the_oldest_unanswered_message(lobby: Lobby) -> None:
    first = lobby.open(key="1").thread.thread_id
    lobby.clock.advance(MINUTE)
    second = lobby.open(LEAK, key="2").thread.thread_id
    lobby.clock.advance(MINUTE)
    lobby.post(first, key="3")

    with count_calls(lobby.aws.dynamodb) as calls:
        queue = lobby.desk.waiting(MANAGER, ThreadState.WAITING)

    assert calls == ["Query", "BatchGetItem"]
    assert [one.thread.thread_id for one in queue.threads] == [first, second]
    assert queue.threads[0].person
    assert queue.threads[0].person.full_name == "Thị Hương Nguyễn"
    assert lobby.desk.waiting(STRANGER, ThreadState.WAITING).threads == ()
    lobby.answer(first)
    assert [one.thread.thread_id for one in lobby.desk.waiting(MANAGER, ThreadState.WAITING).threads] == [
        second
    ]
    assert [one.thread.thread_id for one in lobby.desk.waiting(MANAGER, ThreadState.ANSWERED).threads] == [
        first
    ]
    with pytest.raises(ChooseOneResidence):
        lobby.desk.waiting(replace(MANAGER, scope=EVERYWHERE), ThreadState.WAITING)
    with pytest.raises(NotFound):
        lobby.desk.waiting(STRANGER, ThreadState.WAITING, residence_id=RESIDENCE.residence_id)


def test_staff_see_the_room_that_the_tenant_lives_in_today(lobby: Lobby) -> None:
    lobby.clock.now = datetime(2026, 10, 15, 22, 30, tzinfo=UTC)  # the 16th, in Paris
    move(lobby.aws, lobby.tenant, "C301", on=date(2026, 10, 16))
    thread_id = lobby.open(LEAK).thread.thread_id

    [waiting] = lobby.desk.waiting(MANAGER, ThreadState.WAITING).threads
    _, opened = lobby.desk.conversation(MANAGER, lobby.lease_id, thread_id)

    rooms = [one.lease.room for one in (waiting, opened) if one.lease]
    assert rooms == ["C301", "C301"]


def test_a_long_queue_is_read_page_by_page_over_several_residences(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.services.desk_threads.PAGE", 2)
    elsewhere = replace(RESIDENCE, residence_id="les-saules-75012")
    neighbour = admit(lobby.aws, residence=elsewhere, email="v@example.org", ine="861583842CH")
    opened = []
    for number in range(5):
        lobby.clock.advance(MINUTE)
        tenant = neighbour if number % 2 else lobby.tenant
        opened.append(lobby.open(key=str(number), tenant=tenant).thread.thread_id)
    both = replace(MANAGER, scope=Scope(residence_ids=HERE.residence_ids | {elsewhere.residence_id}))

    seen, after = [], ""
    while True:
        queue = lobby.desk.waiting(both, ThreadState.WAITING, after=after)
        seen += [one.thread.thread_id for one in queue.threads]
        if queue.next is None:
            break
        after = queue.next

    assert seen == opened


def test_an_answer_is_announced_once_until_it_is_read_and_says_nothing(lobby: Lobby) -> None:
    thread_id = lobby.open().thread.thread_id
    assert lobby.announced(thread_id) is None

    lobby.answer(thread_id, "Votre code est 1234", key="a1")
    announced = lobby.announced(thread_id)
    assert announced is not None
    assert announced.keys() == {"id", "type", "at", "lease_id", "thread_id", "number"}
    lobby.answer(thread_id, key="a2")
    assert lobby.announced(thread_id) is None
    lobby.talk.read(lobby.author(), lobby.lease_id, thread_id, 3)
    lobby.answer(thread_id, key="a3")
    assert lobby.announced(thread_id) is not None
    assert lobby.deeds().count(Action.THREAD_ANSWERED) == 3


def test_the_first_answer_is_measured(lobby: Lobby, capsys: pytest.CaptureFixture[str]) -> None:
    thread_id = lobby.open().thread.thread_id
    lobby.clock.advance(timedelta(hours=2))

    lobby.answer(thread_id, key="a1")
    lobby.answer(thread_id, key="a2")

    measured = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "FirstAnswer" in line]
    assert [one["FirstAnswerSeconds"] for one in measured] == [7_200]
    [shown] = lobby.talk.of_lease(lobby.lease_id)
    assert shown.first_answer_seconds == 7_200


def test_a_tenant_writes_so_often_only_over_all_threads_and_staff_as_they_like(lobby: Lobby) -> None:
    thread_id = lobby.open(key="0").thread.thread_id
    for number in range(1, 20):
        lobby.post(thread_id, key=str(number))
        lobby.clock.advance(timedelta(seconds=10))

    with pytest.raises(TooManyRequests) as refused:
        lobby.open(key="20")
    assert refused.value.headers["Retry-After"] == str(3_600 - 190)
    assert lobby.post(thread_id, key="19").message.number == 20  # a repeat is none
    lobby.answer(thread_id)
    lobby.clock.advance(timedelta(seconds=3_600 - 190))
    lobby.post(thread_id, key="20")


def test_two_who_write_at_once_both_find_their_place(lobby: Lobby) -> None:
    thread_id = lobby.open().thread.thread_id
    around, meanwhile = Threads.around, list[bool]()

    def slow(self: Threads, *arguments: Any) -> Any:
        read = around(self, *arguments)
        if not meanwhile:
            meanwhile.append(True)
            lobby.answer(thread_id, "Réponse")
        return read

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Threads, "around", slow)
        lobby.post(thread_id, "Encore")

    assert lobby.bodies(thread_id) == ["Bonjour", "Réponse", "Encore"]
    with pytest.raises(KeyReused):
        lobby.post(thread_id, "Autre")


def test_a_repair_is_scheduled_done_reopened_and_confirmed_in_its_thread(lobby: Lobby) -> None:
    thread_id = lobby.open(LEAK).thread.thread_id
    today = lobby.clock().date()

    with pytest.raises(Invalid):
        lobby.move(thread_id, RepairEvent.SCHEDULE, "1", on=today - DAY)
    lobby.move(thread_id, RepairEvent.SCHEDULE, "2", on=today + DAY, body="Le plombier passe demain.")
    with pytest.raises(RepairUnfinished):
        lobby.desk.set_state(MANAGER, lobby.lease_id, thread_id, is_open=False, network=SOMEWHERE)
    lobby.move(thread_id, RepairEvent.FINISH, "3")
    with pytest.raises(RepairStepRefused):
        lobby.move(thread_id, RepairEvent.DECLINE, "4", reason=DeclineReason.OTHER)

    def tenant_says(event: RepairEvent, key: str, body: str = "") -> Posted:
        move = RepairMove(event=event, today=today)
        words = Words(body=body, with_step=True)
        return lobby.talk.post(lobby.author(), lobby.lease_id, thread_id, words, key=key, move=move)

    assert tenant_says(RepairEvent.REOPEN, "5", "Ça coule encore").thread.state is ThreadState.WAITING
    lobby.move(thread_id, RepairEvent.FINISH, "6")
    confirmed = tenant_says(RepairEvent.CONFIRM, "7")

    assert confirmed.thread.state is ThreadState.CLOSED
    assert confirmed.thread.repair
    assert [one.state for one in confirmed.thread.repair.steps] == [
        RepairState.REPORTED,
        RepairState.SCHEDULED,
        RepairState.DONE,
        RepairState.REOPENED,
        RepairState.DONE,
        RepairState.CONFIRMED,
    ]
    shown = lobby.talk.conversation(lobby.author(), lobby.lease_id, thread_id).messages
    assert shown[1].step
    assert (shown[1].body, shown[1].step.on) == ("Le plombier passe demain.", today + DAY)
    assert lobby.deeds().count(Action.REPAIR_MOVED) == 3
    with pytest.raises(NotARepair):
        lobby.move(lobby.open(key="8").thread.thread_id, RepairEvent.FINISH, "9")
    with pytest.raises(NotARepair):
        lobby.open(replace(QUESTION, repair=True), key="10")


@pytest.mark.parametrize(
    ("event", "field", "said"),
    [
        (
            RepairEvent.SCHEDULE,
            "on",
            {
                "fr": "Un rendez-vous demande un jour qui n'est pas passé, et lui seul en a un.",
                "en": "A visit needs a day that is not past, and nothing else has one.",
            },
        ),
        (
            RepairEvent.DECLINE,
            "reason",
            {
                "fr": "Un refus demande un motif, et lui seul en a un.",
                "en": "A refusal needs a reason, and nothing else has one.",
            },
        ),
    ],
)
def test_what_a_step_of_a_repair_lacks_is_said_in_the_readers_language(
    lobby: Lobby, event: RepairEvent, field: str, said: dict[str, str]
) -> None:
    thread_id = lobby.open(LEAK).thread.thread_id

    with pytest.raises(Invalid) as refused:
        lobby.move(thread_id, event, "1")

    assert {language: refused.value.document(language)["detail"] for language in said} == said
    assert refused.value.errors == [{"field": field}]


def test_a_tenant_who_closes_an_unfinished_repair_needs_it_no_more(lobby: Lobby) -> None:
    thread_id = lobby.open(LEAK).thread.thread_id
    lobby.move(thread_id, RepairEvent.SCHEDULE, "1", on=lobby.clock().date() + DAY)

    closed = lobby.talk.close(lobby.author(), lobby.lease_id, thread_id)

    assert closed.state is ThreadState.CLOSED
    assert closed.repair
    assert closed.repair.state is RepairState.WITHDRAWN
    with pytest.raises(RepairStepRefused):
        lobby.move(thread_id, RepairEvent.FINISH, "2")
    other = lobby.open(LEAK, key="3").thread.thread_id
    move = RepairMove(event=RepairEvent.WITHDRAW, today=lobby.clock().date())
    words = Words(body="", with_step=True)
    withdrawn = lobby.talk.post(lobby.author(), lobby.lease_id, other, words, key="4", move=move)
    assert withdrawn.thread.state is ThreadState.CLOSED


def test_files_go_with_a_message_once_and_only_to_these_two_sides(lobby: Lobby) -> None:
    lease = lobby.tenant.lease
    upload = lobby.files.begin(lease.lease_id, lease.residence_id, lobby.author().uploader, "fuite.jpg")
    photo = upload.attachment
    lobby.aws.s3.put_object(Bucket=lobby.aws.bucket, Key=photo.upload_key, Body=PICTURES["jpeg"])
    thread_id = lobby.open(LEAK).thread.thread_id

    posted = lobby.post(thread_id, "", attachments=(photo.attachment_id,))
    assert posted.files[photo.attachment_id].state is AttachmentState.CHECKING
    checking = AttachmentChecking(
        attachments=Attachments(lobby.aws.documents), s3=lobby.aws.s3, bucket=lobby.aws.bucket
    )
    checking.check(lease.lease_id, photo.attachment_id)

    with count_calls(lobby.aws.dynamodb) as calls:
        found = lobby.talk.conversation(lobby.author(), lease.lease_id, thread_id)
    assert calls == ["GetItem", "Query", "BatchGetItem"]
    kept = found.attachments[photo.attachment_id]
    assert kept.state is AttachmentState.ACCEPTED
    assert kept.delete_at == posted.thread.keep_until
    opened = lobby.desk.file(MANAGER, lease.lease_id, thread_id, photo.attachment_id, network=SOMEWHERE)
    assert lobby.files.link(opened)
    assert Action.ATTACHMENT_OPENED in lobby.deeds()
    other = lobby.open(key="other").thread.thread_id
    with pytest.raises(NotFound):
        lobby.desk.file(MANAGER, lease.lease_id, other, photo.attachment_id, network=SOMEWHERE)
    with pytest.raises(NotAttachable):
        lobby.post(other, "-", key="k3", attachments=(photo.attachment_id,))
    with pytest.raises(NotAttachable):
        lobby.post(other, "-", key="k4", attachments=("0" * 26, "0" * 26))
    with pytest.raises(NothingSaid):
        lobby.post(thread_id, "")


def test_a_thread_goes_to_a_colleague_who_sees_the_residence(lobby: Lobby) -> None:
    thread_id = lobby.open().thread.thread_id
    here = enrol(lobby.aws, "here", HERE)
    elsewhere = enrol(lobby.aws, "elsewhere", STRANGER.scope)
    left = enrol(lobby.aws, "left", HERE, active=False)

    def assign(to: str | None) -> str | None:
        done = lobby.desk.assign(MANAGER, lobby.lease_id, thread_id, to, network=SOMEWHERE)
        return done.assigned_to

    assert assign(here) == here
    assert assign(here) == here
    for nobody in (elsewhere, left, "0" * 26):
        with pytest.raises(UnknownColleague):
            assign(nobody)
    assert assign(None) is None
    assert lobby.deeds().count(Action.THREAD_ASSIGNED) == 2


def test_staff_write_first_close_and_reopen_and_it_is_in_the_audit(lobby: Lobby) -> None:
    posted = lobby.desk.open(
        MANAGER, lobby.lease_id, QUESTION, Words(body="Bonjour"), key="k", network=SOMEWHERE
    )
    thread_id = posted.thread.thread_id
    assert lobby.announced(thread_id)

    for is_open in (False, False, True, True):
        lobby.clock.advance(MINUTE)
        lobby.desk.set_state(MANAGER, lobby.lease_id, thread_id, is_open=is_open, network=SOMEWHERE)

    assert lobby.deeds()[-3:] == [Action.THREAD_OPENED, Action.THREAD_CLOSED, Action.THREAD_REOPENED]
    lobby.desk.read(MANAGER, lobby.lease_id, thread_id, 1)
    assert lobby.talk.of_lease(lobby.lease_id)[0].unread(Side.TENANT)


def test_a_message_is_forgotten_when_its_category_says_so(lobby: Lobby) -> None:
    posted = lobby.open()
    items = lobby.aws.dynamodb.scan(TableName=lobby.aws.documents.name)["Items"]
    ends = {item["sk"]["S"].partition("#")[0]: int(item["expires_at"]["N"]) for item in items}
    year = int((lobby.clock() + timedelta(days=365)).timestamp())

    assert ends["THREAD"] == ends["MESSAGE"] == year
    lobby.clock.advance(timedelta(days=365))
    assert lobby.talk.of_lease(lobby.lease_id) == []
    with pytest.raises(NotFound):
        lobby.talk.conversation(lobby.author(), lobby.lease_id, posted.thread.thread_id)


def test_older_messages_are_read_page_by_page(lobby: Lobby) -> None:
    thread_id = lobby.open(body="1").thread.thread_id
    for number in range(2, 6):
        lobby.answer(thread_id, str(number), key=str(number))

    newest = lobby.threads.messages(thread_id, limit=2)
    older = lobby.threads.messages(thread_id, before=newest.before, limit=2)
    oldest = lobby.threads.messages(thread_id, before=older.before, limit=2)

    pages = [[one.body for one in page.messages] for page in (newest, older, oldest)]
    assert pages == [["4", "5"], ["2", "3"], ["1"]]
    assert oldest.before is None


# --- Canned answers


def canned(answer_id: str, owner: str = RESIDENCE.residence_id, title: str = "Vélos") -> CannedAnswer:
    return CannedAnswer(
        answer_id=answer_id,
        owner=owner,
        title=title,
        category=ThreadCategory.OTHER,
        words={Language.FRENCH: "Le local est au sous-sol.", Language.ENGLISH: "In the basement."},
        changed_at=datetime(2026, 9, 2, tzinfo=UTC),
        changed_by=MANAGER.staff_id,
    )


def test_answers_are_kept_by_who_manages_and_the_operators_by_administrators(lobby: Lobby) -> None:
    administrator = replace(MANAGER, groups=frozenset({Role.ADMINISTRATOR}), scope=EVERYWHERE)
    receptionist = replace(MANAGER, groups=frozenset({Role.DESK}))
    own, common = canned("own"), canned("common", OPERATOR, "Accueil")

    lobby.answers.keep(MANAGER, own, network=SOMEWHERE)
    lobby.answers.keep(MANAGER, own, network=SOMEWHERE)
    lobby.answers.keep(administrator, common, network=SOMEWHERE)
    assert lobby.answers.of(receptionist, RESIDENCE.residence_id) == [own, common]
    changed = replace(own, title="Vélos et trottinettes")
    lobby.answers.change(MANAGER, changed, network=SOMEWHERE)
    assert lobby.answers.of(MANAGER, RESIDENCE.residence_id)[0] == changed
    assert changed.in_language(Language.ENGLISH) == "In the basement."
    assert replace(changed, words={Language.FRENCH: "-"}).in_language(Language.ENGLISH) == "-"

    for staff, answer in ((receptionist, own), (MANAGER, common)):
        with pytest.raises(Forbidden):
            lobby.answers.keep(staff, answer, network=SOMEWHERE)
    for staff, answer in ((STRANGER, own), (MANAGER, canned("unknown"))):
        with pytest.raises(NotFound):
            lobby.answers.change(staff, answer, network=SOMEWHERE)
    lobby.answers.delete(MANAGER, own.owner, "own", network=SOMEWHERE)
    with pytest.raises(NotFound):
        lobby.answers.delete(MANAGER, own.owner, "own", network=SOMEWHERE)


def test_there_are_no_more_answers_than_somebody_looks_through(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.services.canned_answers.MOST", 1)
    lobby.answers.keep(MANAGER, canned("1"), network=SOMEWHERE)

    lobby.answers.keep(MANAGER, canned("1"), network=SOMEWHERE)
    with pytest.raises(Conflict):
        lobby.answers.keep(MANAGER, canned("2"), network=SOMEWHERE)
