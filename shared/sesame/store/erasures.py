"""Persons' wishes to be erased: asked, then under way, then waiting for what could not go yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sesame.platform.events import announcement
from sesame.store import keys
from sesame.store.audit import Audit, AuditEntry
from sesame.store.table import Check, Delete, Item, Put, Table, Update, Write, transact


class ErasureState(StrEnum):
    """How far an erasure is. One that is done has no record any more but in the audit."""

    ASKED = "asked"
    ERASING = "erasing"
    WAITING = "waiting"
    """Done as far as could be: looked at again when more may go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A wish to be erased. `due_at` is when the job looks at it next. Times are aware UTC."""

    person_id: str
    lease_id: str
    """Of the session that asked."""
    epoch: int
    """The person's when they asked: a reset of their credentials since then sets the wish aside. What ends
    their sessions at their own wish takes it along."""
    asked_at: datetime
    due_at: datetime
    state: ErasureState = ErasureState.ASKED
    begun_at: datetime | None = None
    erases: tuple[str, ...] = ()
    """What the pass under way, or the last one, takes away: `category` or `category:lease_id`."""
    waits_for: tuple[str, ...] = ()
    """What the last pass left because somebody still needs it."""


@dataclass(frozen=True, slots=True)
class Erasures:
    """The erasures of the identity table; each of their writes goes with an audit entry."""

    table: Table
    operations: Table

    def of(self, person_id: str) -> Erasure | None:
        """A person's, or None. One read."""
        item = self.table.get(keys.person_erasure(person_id))
        return _erasure(item) if item else None

    def due(self, now: datetime) -> Iterator[Erasure]:
        """Those whose time has come, the longest waiting first; from the index."""
        start = None
        while True:
            page = self.table.query(keys.erasures(), index=keys.GSI1, up_to=_stamp(now), start=start)
            yield from map(_erasure, page.items)
            if page.next is None:
                return
            start = page.next

    def ask(self, erasure: Erasure, confirmed: Sequence[Write], entry: AuditEntry) -> None:
        """Keeps and announces a wish, with the writes that its confirmation asks for: one transaction.

        It takes the place of one that waits, and of one asked before the credentials were reset. Raises
        ConditionFailed where one of those writes does not hold, or an erasure is asked or under way.
        """
        told = announcement("erasure.asked", erasure.asked_at, lease_id=erasure.lease_id)
        put = Put(
            table=self.table.name,
            item=_item(erasure) | {"announce": told},
            condition="attribute_not_exists(pk) OR #state = :waiting OR (#state = :asked AND epoch < :epoch)",
            names={"#state": "state"},
            values={
                ":waiting": ErasureState.WAITING.value,
                ":asked": ErasureState.ASKED.value,
                ":epoch": erasure.epoch,
            },
        )
        writes = [*confirmed, put, Audit(self.operations).recording(entry)]
        transact(self.table.client, writes, attempts=3)

    def none_asked(self, person_id: str, epoch: int) -> Check:
        """The write that holds while there is no wish that a next epoch would set aside."""
        return Check(
            table=self.table.name,
            key=keys.person_erasure(person_id),
            condition="attribute_not_exists(pk) OR #state <> :asked OR epoch <> :epoch",
            names={"#state": "state"},
            values={":asked": ErasureState.ASKED.value, ":epoch": epoch},
        )

    def keeping(self, person_id: str, epoch: int) -> Update:
        """The write that takes a wish along to the next epoch, and holds where there is one of this epoch."""
        return Update(
            table=self.table.name,
            key=keys.person_erasure(person_id),
            expression="SET epoch = :next REMOVE announce",
            condition="#state = :asked AND epoch = :epoch",
            names={"#state": "state"},
            values={":asked": ErasureState.ASKED.value, ":epoch": epoch, ":next": epoch + 1},
        )

    def cancel(self, erasure: Erasure, entry: AuditEntry) -> None:
        """Takes a wish back, unless it is being carried out. Raises ConditionFailed."""
        self._drop(erasure, Audit(self.operations).recording(entry))

    def set_aside(self, erasure: Erasure, entry: AuditEntry) -> None:
        """Drops a wish that may not have been the tenant's, and announces that. Raises ConditionFailed."""
        told = announcement(
            "erasure.set_aside",
            entry.at,
            lease_id=erasure.lease_id,
            asked_at=erasure.asked_at.isoformat(),
        )
        self._drop(erasure, Audit(self.operations).recording(entry, told))

    def _drop(self, erasure: Erasure, recording: Put) -> None:
        delete = Delete(
            table=self.table.name,
            key=keys.person_erasure(erasure.person_id),
            condition="#state IN (:asked, :waiting)",
            names={"#state": "state"},
            values={":asked": ErasureState.ASKED.value, ":waiting": ErasureState.WAITING.value},
        )
        transact(self.table.client, [delete, recording], attempts=3)

    def begin(self, erasure: Erasure, epoch: int, erases: Sequence[str], now: datetime) -> None:
        """Starts a pass: from here on it can only be finished. Every session and one-time code ends.

        One transaction. Raises ConditionFailed when the wish or the person's epoch has changed.
        """
        start = Update(
            table=self.table.name,
            key=keys.person_erasure(erasure.person_id),
            expression="SET #state = :erasing, begun_at = :now, erases = :erases REMOVE announce",
            condition="#state = :before AND asked_at = :asked_at",
            names={"#state": "state"},
            values={
                ":erasing": ErasureState.ERASING.value,
                ":before": erasure.state.value,
                ":asked_at": _stamp(erasure.asked_at),
                ":now": _stamp(now),
                ":erases": list(erases),
            },
        )
        transact(self.table.client, [start, self._new_epoch(erasure.person_id, epoch)], attempts=3)

    def end(
        self,
        erasure: Erasure,
        due_at: datetime | None,
        waits_for: Sequence[str],
        entries: Sequence[AuditEntry],
    ) -> None:
        """Ends a pass, with its audit entries: gone, or waiting until `due_at`. One transaction.

        Raises ConditionFailed when another run was first.
        """
        names, values = {"#state": "state"}, {":erasing": ErasureState.ERASING.value}
        key = keys.person_erasure(erasure.person_id)
        end: Write
        if due_at is None:
            end = Delete(
                table=self.table.name, key=key, condition="#state = :erasing", names=names, values=values
            )
        else:
            end = Update(
                table=self.table.name,
                key=key,
                expression="SET #state = :waiting, gsi1sk = :due, waits_for = :waits REMOVE announce",
                condition="#state = :erasing",
                names=names,
                values=values
                | {":waiting": ErasureState.WAITING.value, ":due": _stamp(due_at), ":waits": list(waits_for)},
            )
        audit = Audit(self.operations)
        transact(self.table.client, [end, *map(audit.recording, entries)], attempts=3)

    def put_off(self, erasure: Erasure, due_at: datetime) -> None:
        """Looks at a waiting one again later. Raises ConditionFailed when it was changed or taken back."""
        self.table.update(
            keys.person_erasure(erasure.person_id),
            "SET gsi1sk = :due REMOVE announce",
            condition="#state = :waiting",
            names={"#state": "state"},
            values={":waiting": ErasureState.WAITING.value, ":due": _stamp(due_at)},
        )

    def _new_epoch(self, person_id: str, epoch: int) -> Update:
        return Update(
            table=self.table.name,
            key=keys.person(person_id),
            expression="SET credential_epoch = :next ADD version :one",
            condition="credential_epoch = :epoch",
            values={":epoch": epoch, ":next": epoch + 1, ":one": 1},
        )


def _stamp(moment: datetime) -> str:
    """Always with microseconds, so that text sorts as time."""
    return moment.isoformat(timespec="microseconds")


def _item(erasure: Erasure) -> Item:
    return {
        **keys.person_erasure(erasure.person_id),
        "gsi1pk": keys.erasures(),
        "gsi1sk": _stamp(erasure.due_at),
        "person_id": erasure.person_id,
        "lease_id": erasure.lease_id,
        "epoch": erasure.epoch,
        "asked_at": _stamp(erasure.asked_at),
        "state": erasure.state.value,
    }


def _erasure(item: Item) -> Erasure:
    def moment(name: str) -> Any:
        return datetime.fromisoformat(item[name]) if name in item else None

    return Erasure(
        person_id=item["person_id"],
        lease_id=item["lease_id"],
        epoch=item["epoch"],
        asked_at=moment("asked_at"),
        due_at=moment("gsi1sk"),
        state=ErasureState(item["state"]),
        begun_at=moment("begun_at"),
        erases=tuple(item.get("erases", ())),
        waits_for=tuple(item.get("waits_for", ())),
    )
