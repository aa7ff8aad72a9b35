"""What the staff of a residence should see to: listed, and closed by somebody who says how it ended."""

from dataclasses import dataclass
from typing import ClassVar

from sesame.domain.tenancy import Channel
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.staff import Role, Staff, not_own, require, within
from sesame.store.audit import Action, Audit
from sesame.store.table import ConditionFailed, Write, transact
from sesame.store.tasks import Task, TaskOutcome, TaskPage, Tasks
from sesame.store.wishes import Wishes


class TaskClosed(Conflict):
    """Somebody closed it already, and otherwise."""

    slug = "task-closed"
    title: ClassVar = {"fr": "Cette tâche est déjà close", "en": "This task is closed already"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTasks:
    """Tasks, for members of staff."""

    tasks: Tasks
    leases: DeskLeases
    wishes: Wishes
    audit: Audit
    deeds: Deeds
    clock: Clock

    def open_in(self, staff: Staff, residence_id: str, *, after: str | None = None) -> TaskPage:
        """A residence's open tasks. Raises Forbidden, NotFound where it is not theirs to see. One read."""
        require(staff, *Role)
        within(staff, residence_id)
        return self.tasks.open_in(residence_id, after=after)

    def resolve(self, staff: Staff, task_id: str, outcome: TaskOutcome, *, network: str) -> Task:
        """Closes a task, which is audited. The same outcome again changes nothing.

        `contact_works` lets the task's contact be written to again. Raises NotFound, Forbidden for a task
        about the caller's own lease, Invalid for an outcome that the task cannot have, TaskClosed.
        """
        require(staff, *Role)
        task = self._seen(staff, task_id)
        person_id = None
        if task.lease_id is not None:
            person_id = self.leases.seen(staff, task.lease_id).person_id
            not_own(staff, person_id)
        if task.outcome is not None:
            return _same(task, outcome)
        now = self.clock()
        entry = self.deeds.entry(
            Action.TASK_RESOLVED,
            staff,
            network,
            lease_id=task.lease_id,
            residence_id=task.residence_id,
            task_id=task_id,
            kind=task.kind.value,
            outcome=outcome.value,
        )
        writes: list[Write] = [
            self.tasks.closing(task, outcome, staff.staff_id, now),
            self.audit.recording(entry),
        ]
        if outcome is TaskOutcome.CONTACT_WORKS:
            channel = task.details.get("channel")
            if person_id is None or channel is None:
                raise Invalid(errors=[{"field": "outcome", "reason": outcome.value}])
            writes.append(self.wishes.lifting(person_id, Channel(channel)))
        try:
            transact(self.tasks.table.client, writes, attempts=3)
        except ConditionFailed as failure:
            if failure.failed(0):
                return _same(self._seen(staff, task_id), outcome)
            raise
        return self._seen(staff, task_id)

    def _seen(self, staff: Staff, task_id: str) -> Task:
        task = self.tasks.get(task_id)
        if task is None:
            raise NotFound
        within(staff, task.residence_id)
        return task


def _same(task: Task, outcome: TaskOutcome) -> Task:
    if task.outcome is not outcome:
        raise TaskClosed
    return task
