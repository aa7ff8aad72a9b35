"""A contact that failed: notices and reminders go to it no more, and the desk is told.

One-time codes, and word to every contact of what was done with a code, are still tried: who asks for one must
not be locked out by a mark that may be wrong, and the desk's task says what to do where it is right.
"""

from dataclasses import dataclass
from datetime import datetime

from sesame.domain.contacts import normal_email
from sesame.domain.tenancy import Channel, Lease, LeaseStatus, Person, Unusable, UnusableContact
from sesame.platform.logs import count
from sesame.store.people import People
from sesame.store.tasks import Task, TaskKind, Tasks, task_id_of
from sesame.store.wishes import Wishes

_KINDS = {
    Unusable.BOUNCE: TaskKind.BOUNCE,
    Unusable.COMPLAINT: TaskKind.COMPLAINT,
    Unusable.OPTED_OUT: TaskKind.OPTED_OUT,
}
_COUNTED = {
    Unusable.BOUNCE: "MessageBounced",
    Unusable.COMPLAINT: "MessageComplained",
    Unusable.OPTED_OUT: "PhoneOptedOut",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedContacts:
    """Marks them, and tells the desk of each lease of whoever they reach. Safe to repeat."""

    people: People
    wishes: Wishes
    tasks: Tasks

    def email(self, address: str, reason: Unusable, at: datetime) -> None:
        """An e-mail address, as a mail service writes it: of one person, of several, or of nobody now."""
        count(_COUNTED[reason])
        wanted = normal_email(address)
        for person in self.people.persons_by_email(wanted) if wanted else ():
            self._failed(person, Channel.EMAIL, reason, at)

    def phone(self, number: str, reason: Unusable, at: datetime) -> None:
        """A phone number (E.164)."""
        count(_COUNTED[reason])
        for person in self.people.persons_by_phone(number):
            self._failed(person, Channel.SMS, reason, at)

    def _failed(self, person: Person, channel: Channel, reason: Unusable, at: datetime) -> None:
        contact = person.contact(channel)
        if contact is None:
            return
        mark = UnusableContact(channel=channel, contact=contact, reason=reason, since=at)
        self.wishes.mark_unusable(person.person_id, mark)
        digest = self.people.pepper.hash(channel, contact)
        for lease in self.people.leases_of_person(person.person_id):
            if lease.status is LeaseStatus.ADMITTED:
                self.tasks.raise_once(_task(_KINDS[reason], lease, channel, digest, at))


def _task(kind: TaskKind, lease: Lease, channel: Channel, digest: str, at: datetime) -> Task:
    return Task(
        task_id=task_id_of(kind, lease.lease_id, digest),
        kind=kind,
        residence_id=lease.residence_id,
        lease_id=lease.lease_id,
        raised_at=at,
        details={"channel": channel.value},
    )
