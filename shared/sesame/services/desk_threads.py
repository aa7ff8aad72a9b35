"""The staff's side of the talk: what waits in their residences, who it is of, and everything they do to it
audited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from heapq import merge
from typing import ClassVar

from sesame.domain.attachments import Attachment, Side
from sesame.domain.calendar import local_date
from sesame.domain.repairs import DeclineReason, RepairEvent
from sesame.domain.scope import Scope
from sesame.domain.tenancy import Lease, Person
from sesame.domain.terms import as_of
from sesame.domain.threads import Thread, ThreadState
from sesame.platform.errors import Invalid, NotFound, Problem
from sesame.services.attachments import Upload
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.staff import Role, Staff, not_own, require, within
from sesame.services.threads import Author, Conversation, Place, Posted, RepairMove, Talk, Topic, Words
from sesame.store import keys
from sesame.store.audit import Action, Audit, AuditEntry
from sesame.store.people import lease_of, person_of, residence_of
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table, Write, same_table

MAX_RESIDENCES = 20
"""Residences that one list goes through."""
PAGE = 25
WRITERS = tuple(Role)


class ChooseOneResidence(Problem):
    """A list over more residences than one goes through."""

    status = 422
    slug = "choose-residence"
    title: ClassVar = {"fr": "Choisissez une résidence", "en": "Choose a residence"}


class UnknownColleague(Invalid):
    """A thread goes to who sees its residence."""

    slug = "unknown-colleague"
    title: ClassVar = {
        "fr": "Ce membre du personnel ne voit pas cette résidence",
        "en": "This member of staff does not see this residence",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairWish:
    """A step that somebody wants to take, and what they say with it."""

    event: RepairEvent
    body: str = ""
    on: date | None = None
    reason: DeclineReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A thread and whose it is, as of today: None of who was erased."""

    thread: Thread
    person: Person | None
    lease: Lease | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Some threads, the longest waiting first, and where to go on."""

    threads: tuple[Listed, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTalk:
    """What staff may do. Of another residence's threads they learn nothing; their own they leave alone."""

    talk: Talk
    identity: Table
    directory: StaffDirectory
    audit: Audit
    deeds: Deeds

    def waiting(
        self, staff: Staff, state: ThreadState, *, residence_id: str | None = None, after: str = ""
    ) -> Queue:
        """Open threads in a state. A query a residence, and one read of whose they are.

        Raises Forbidden, NotFound, ChooseOneResidence.
        """
        require(staff, *WRITERS)
        chosen = self._chosen(staff, residence_id)
        pages = [self.talk.threads.of_residence(one, state, after=after, limit=PAGE + 1) for one in chosen]
        found = list(merge(*(page.threads for page in pages), key=lambda one: one[0]))
        shown = found[:PAGE]
        more = len(found) > PAGE or any(page.more for page in pages)
        listed = self._listed([thread for _, thread in shown])
        return Queue(threads=tuple(listed), next=shown[-1][0] if more and shown else None)

    def of_lease(self, staff: Staff, lease_id: str) -> list[Thread]:
        """All threads of a lease, closed ones too, the last written in first. Raises Forbidden, NotFound."""
        require(staff, *WRITERS)
        DeskLeases(self.identity).seen(staff, lease_id)
        return self.talk.of_lease(lease_id)

    def conversation(
        self, staff: Staff, lease_id: str, thread_id: str, *, before: int | None = None
    ) -> tuple[Conversation, Listed]:
        """A thread with its messages, and whose it is. Raises Forbidden, NotFound."""
        conversation = self.talk.conversation(self._reader(staff), lease_id, thread_id, before=before)
        return conversation, self._listed([conversation.thread])[0]

    def open(
        self, staff: Staff, lease_id: str, topic: Topic, words: Words, *, key: str, network: str
    ) -> Posted:
        """Writes to a tenant first. Raises Forbidden, NotFound, and what `Talk.open` does."""
        require(staff, *WRITERS)
        lease = DeskLeases(self.identity).seen(staff, lease_id)
        place = Place(lease_id=lease_id, residence_id=lease.residence_id, person_id=lease.person_id)
        not_own(staff, lease.person_id)
        return self.talk.open(
            self._author(staff, Action.THREAD_OPENED, network), place, topic, words, key=key
        )

    def answer(
        self, staff: Staff, lease_id: str, thread_id: str, words: Words, *, key: str, network: str
    ) -> Posted:
        """Answers. Two calls. Raises Forbidden, NotFound, and what `Talk.post` does."""
        author = self._author(staff, Action.THREAD_ANSWERED, network)
        return self.talk.post(author, lease_id, thread_id, words, key=key)

    def move_repair(
        self,
        staff: Staff,
        lease_id: str,
        thread_id: str,
        step: RepairWish,
        *,
        key: str,
        network: str,
    ) -> Posted:
        """A step of a repair, told in the thread. Raises Forbidden, NotFound, and what `Talk.post` does."""
        author = self._author(staff, Action.REPAIR_MOVED, network, event=step.event.value)
        move = RepairMove(
            event=step.event, today=self._today(staff, lease_id, step), on=step.on, reason=step.reason
        )
        words = Words(body=step.body, with_step=True)
        return self.talk.post(author, lease_id, thread_id, words, key=key, move=move)

    def read(self, staff: Staff, lease_id: str, thread_id: str, up_to: int) -> Thread:
        """Notes that the staff have read up to a message. Raises NotFound, and Forbidden in their own thread.

        The thread keeps it, not the audit: it says nothing of who read.
        """
        reader = self._reader(staff)

        def check(thread: Thread) -> None:
            reader.check(thread)
            not_own(staff, thread.person_id)

        return self.talk.read(replace(reader, check=check), lease_id, thread_id, up_to)

    def set_state(
        self, staff: Staff, lease_id: str, thread_id: str, *, is_open: bool, network: str
    ) -> Thread:
        """Closes or reopens. Raises Forbidden, NotFound, RepairUnfinished."""
        if is_open:
            author = self._author(staff, Action.THREAD_REOPENED, network)
            return self.talk.reopen(author, lease_id, thread_id)
        return self.talk.close(self._author(staff, Action.THREAD_CLOSED, network), lease_id, thread_id)

    def assign(self, staff: Staff, lease_id: str, thread_id: str, to: str | None, *, network: str) -> Thread:
        """Gives a thread to a colleague, or to nobody. Raises Forbidden, NotFound, UnknownColleague."""
        scope = self._scope_of(to) if to else None
        author = self._author(staff, Action.THREAD_ASSIGNED, network, **({"to": to} if to else {}))

        def check(thread: Thread) -> None:
            author.check(thread)
            if scope is not None and not scope.includes(thread.residence_id):
                raise UnknownColleague

        assigning = Author(side=author.side, id=author.id, check=check, along=author.along)
        return self.talk.assign(assigning, lease_id, thread_id, to)

    def begin_upload(self, staff: Staff, lease_id: str, file_name: str, *, network: str) -> Upload:
        """A place to upload a file to, for a message to come. Raises Forbidden, NotFound, TooManyRequests."""
        require(staff, *WRITERS)
        lease = DeskLeases(self.identity).seen(staff, lease_id)
        not_own(staff, lease.person_id)
        uploader = Author(side=Side.STAFF, id=staff.staff_id).uploader

        def along(begun: Attachment) -> Sequence[Write]:
            entry = self.deeds.entry(
                Action.ATTACHMENT_BEGUN,
                staff,
                network,
                lease_id=lease_id,
                residence_id=lease.residence_id,
                attachment_id=begun.attachment_id,
            )
            return [self.audit.recording(entry)]

        return self.talk.files.begin(lease_id, lease.residence_id, uploader, file_name, along=along)

    def file(
        self, staff: Staff, lease_id: str, thread_id: str, attachment_id: str, *, network: str
    ) -> Attachment:
        """A file of a thread. Who looked at it is in the audit. Raises Forbidden, NotFound."""
        found = self.talk.file(self._reader(staff), lease_id, thread_id, attachment_id)
        entry = self.deeds.entry(
            Action.ATTACHMENT_OPENED,
            staff,
            network,
            lease_id=lease_id,
            residence_id=found.residence_id,
            attachment_id=attachment_id,
        )
        self.audit.record(entry)
        return found

    def _reader(self, staff: Staff) -> Author:
        """Who looks, and may: of their own tenancy they see what a tenant sees, elsewhere."""
        require(staff, *WRITERS)

        def check(thread: Thread) -> None:
            within(staff, thread.residence_id)

        return Author(side=Side.STAFF, id=staff.staff_id, check=check)

    def _author(self, staff: Staff, action: Action, network: str, **details: str) -> Author:
        require(staff, *WRITERS)

        def check(thread: Thread) -> None:
            within(staff, thread.residence_id)
            not_own(staff, thread.person_id)

        def along(thread: Thread) -> Sequence[Write]:
            return [self.audit.recording(self._entry(action, staff, network, thread, details))]

        return Author(side=Side.STAFF, id=staff.staff_id, check=check, along=along)

    def _entry(
        self, action: Action, staff: Staff, network: str, thread: Thread, details: Mapping[str, str]
    ) -> AuditEntry:
        return self.deeds.entry(
            action,
            staff,
            network,
            lease_id=thread.lease_id,
            residence_id=thread.residence_id,
            thread_id=thread.thread_id,
            number=thread.messages,
            **details,
        )

    def _scope_of(self, staff_id: str) -> Scope:
        record = self.directory.get(staff_id)
        if record is None or not record.active:
            raise UnknownColleague
        return record.scope

    def _chosen(self, staff: Staff, residence_id: str | None) -> list[str]:
        if residence_id is not None:
            within(staff, residence_id)
            return [residence_id]
        chosen = sorted(staff.scope.residence_ids)
        if staff.scope.everywhere or len(chosen) > MAX_RESIDENCES:
            raise ChooseOneResidence
        return chosen

    def _listed(self, found: Sequence[Thread]) -> list[Listed]:
        persons = [keys.person(one) for one in dict.fromkeys(thread.person_id for thread in found)]
        leases = [keys.lease(one) for one in dict.fromkeys(thread.lease_id for thread in found)]
        houses = [keys.residence(one) for one in dict.fromkeys(thread.residence_id for thread in found)]
        items = [item for item in same_table(self.identity, [*persons, *leases, *houses]) if item]
        zones = {one["sk"]: residence_of(one).time_zone for one in items if one["pk"] == "RESIDENCES"}
        now = self.talk.clock()
        by_person = {one["person_id"]: person_of(one) for one in items if one["sk"] == "PROFILE"}
        by_lease = {
            one["lease_id"]: as_of(lease_of(one), local_date(now, zones[one["residence_id"]]))
            for one in items
            if one["sk"] == "LEASE"
        }
        return [
            Listed(
                thread=thread,
                person=by_person.get(thread.person_id),
                lease=by_lease.get(thread.lease_id),
            )
            for thread in found
        ]

    def _today(self, staff: Staff, lease_id: str, step: RepairWish) -> date:
        """What the residence's calendar says: two reads, where a day depends on it."""
        if step.on is None:
            return date.min
        lease = DeskLeases(self.identity).seen(staff, lease_id)
        item = self.identity.get(keys.residence(lease.residence_id))
        if item is None:
            raise NotFound
        return local_date(self.talk.clock(), residence_of(item).time_zone)
