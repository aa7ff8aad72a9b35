"""What staff should see to: one item a task, found by residence while it is open, then by its lease.

Whatever finds something that only a person can put right raises a task. Its id comes from what it is about,
so that the same trouble is one task however often it is met; met again after somebody closed it, it opens
anew. It holds ids and kinds only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sesame.platform.ids import derived_id
from sesame.platform.logs import count
from sesame.store import keys
from sesame.store.table import ConditionFailed, Item, Key, Table, Update

KEPT_FOR = timedelta(days=365)
"""How long a closed task is kept; who closed it is in the audit for longer."""


class TaskKind(StrEnum):
    """What there is to see to. Whoever finds another kind adds it here."""

    BOUNCE = "bounce"
    """A tenant's e-mail address does not exist (any more): ask for another one."""
    COMPLAINT = "complaint"
    """A tenant called a message unwanted: they get no more by e-mail; talk to them."""
    OPTED_OUT = "opted_out"
    """A tenant's phone takes no texts of ours."""
    REFUSED = "refused"
    """The mail service will not take a message for a tenant: look at the contact."""
    UNCONFIRMED = "unconfirmed"
    """Nobody knows whether a message went: two answers were lost and no word came. Look, and write."""
    OWED_AGAIN = "owed_again"
    """Money of a debt was taken back, and the ladder has said all that it says: decide how it goes on."""
    PLAN_CORRECTED = "plan_corrected"
    """What a payment plan covers was corrected, and its last instalments with it: agree another with the
    tenant, or leave it so."""
    PLAN_BROKEN = "plan_broken"
    """An instalment was paid too late or not at all, and the plan's debts are back on the ladder: talk to the
    tenant, agree another plan, or take it further."""
    UNREACHABLE = "unreachable"
    """A notice or a reminder could not go out: no contact of the tenant can be used."""


class TaskOutcome(StrEnum):
    """How a task ended."""

    DONE = "done"
    NOT_NEEDED = "not_needed"
    CONTACT_WORKS = "contact_works"
    """The contact can be written to again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to see to. `details` are ids and kinds: e.g. channel, message_id."""

    task_id: str
    kind: TaskKind
    residence_id: str
    lease_id: str | None = None
    raised_at: datetime
    details: Mapping[str, str] = field(default_factory=dict)
    outcome: TaskOutcome | None = None
    """None while it is open."""
    closed_at: datetime | None = None
    closed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Some open tasks, the oldest first, and where to go on (None at the end)."""

    tasks: list[Task]
    next: str | None


def task_id_of(kind: TaskKind, *cause: str) -> str:
    """The id of a task from what it is about: ids, or a contact's keyed hash."""
    return derived_id("task", kind, *cause)


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of the operations table."""

    table: Table

    def raise_once(self, task: Task) -> None:
        """Opens a task unless it is open, or was closed after what raises it. One write, seldom two."""
        try:
            self.table.put(_item(task), unless_exists=True)
        except ConditionFailed as failure:
            found = task_of(failure.items[0] or {})
            if found.closed_at is None or found.closed_at >= task.raised_at:
                return
            self._open_anew(task, found.closed_at)
        count("TaskRaised")

    def _open_anew(self, task: Task, closed_at: datetime) -> None:
        try:
            self.table.update(
                keys.task(task.task_id),
                "SET gsi1pk = :open, gsi1sk = :place, raised_at = :at, details = :details "
                "REMOVE outcome, closed_at, closed_by, expires_at ADD version :one",
                condition="closed_at = :closed",
                values={
                    ":open": keys.open_tasks(task.residence_id),
                    ":place": _place(task),
                    ":at": task.raised_at.isoformat(),
                    ":details": dict(task.details),
                    ":closed": closed_at.isoformat(),
                    ":one": 1,
                },
            )
        except ConditionFailed:
            return  # another one opened it

    def get(self, task_id: str) -> Task | None:
        """A task, or None."""
        item = self.table.get(keys.task(task_id))
        return task_of(item) if item else None

    def open_in(self, residence_id: str, *, after: str | None = None, limit: int = 50) -> TaskPage:
        """A residence's open tasks. One read of the index."""
        partition = keys.open_tasks(residence_id)
        start: Key | None = None
        if after:
            start = {"gsi1pk": partition, "gsi1sk": after, **keys.task(after.rpartition("#")[2])}
        page = self.table.query(partition, index=keys.GSI1, limit=limit, start=start)
        return TaskPage(
            tasks=[task_of(item) for item in page.items], next=page.next["gsi1sk"] if page.next else None
        )

    def closing(self, task: Task, outcome: TaskOutcome, staff_id: str, at: datetime) -> Update:
        """The write that closes an open task; for a transaction. One of a lease stays filed by that."""
        filed = ", gsi1pk = :lease" if task.lease_id else " REMOVE gsi1pk, gsi1sk"
        return Update(
            table=self.table.name,
            key=keys.task(task.task_id),
            expression="SET outcome = :outcome, closed_at = :at, closed_by = :staff, expires_at = :gone"
            f"{filed} ADD version :one",
            condition="attribute_exists(pk) AND attribute_not_exists(outcome)",
            values=({":lease": keys.closed_tasks(task.lease_id)} if task.lease_id else {})
            | {
                ":outcome": outcome.value,
                ":at": at.isoformat(),
                ":staff": staff_id,
                ":gone": int((at + KEPT_FOR).timestamp()),
                ":one": 1,
            },
        )


def _place(task: Task) -> str:
    return f"{task.raised_at.isoformat()}#{task.task_id}"


def _item(task: Task) -> Item:
    return {
        **keys.task(task.task_id),
        "gsi1pk": keys.open_tasks(task.residence_id),
        "gsi1sk": _place(task),
        "task_id": task.task_id,
        "kind": task.kind.value,
        "residence_id": task.residence_id,
        "lease_id": task.lease_id,
        "raised_at": task.raised_at.isoformat(),
        "details": dict(task.details),
        "version": 1,
    }


def task_of(item: Item) -> Task:
    """A task's item, read."""
    closed = item.get("closed_at")
    return Task(
        task_id=item["task_id"],
        kind=TaskKind(item["kind"]),
        residence_id=item["residence_id"],
        lease_id=item.get("lease_id"),
        raised_at=datetime.fromisoformat(item["raised_at"]),
        details=item["details"],
        outcome=TaskOutcome(item["outcome"]) if "outcome" in item else None,
        closed_at=datetime.fromisoformat(closed) if closed else None,
        closed_by=item.get("closed_by"),
    )
