"""Attachments: a lease's own partition, and one index by when each of them goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sesame.domain.attachments import UPLOADS_ALLOWED, Attachment, AttachmentState, Side
from sesame.domain.file_contents import FileFault, FileType
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.allowances import Used, used
from sesame.store.table import NOT_THERE, ConditionFailed, Delete, Item, Key, Put, Table, Update, Write


@dataclass(frozen=True, slots=True)
class Attachments:
    """The attachments of the documents table."""

    table: Table

    def key(self, lease_id: str, attachment_id: str) -> Key:
        """Where an attachment is kept, for those who read it along with other items."""
        return keys.attachment(lease_id, attachment_id)

    def get(self, lease_id: str, attachment_id: str) -> Attachment | None:
        """An attachment of a lease, strongly consistent."""
        item = self.table.get(keys.attachment(lease_id, attachment_id))
        return attachment_of(item) if item else None

    def of_lease(self, lease_id: str) -> Iterator[Attachment]:
        """All of a lease's. Pages of a query."""
        for item in self.table.query_all(keys.attachments_of(lease_id), "ATTACHMENT#"):
            yield attachment_of(item)

    def begun(self, lease_id: str, side: Side) -> Used:
        """When a side of a lease began uploads lately. One read."""
        return used(self.table.get(keys.attachments_begun(lease_id, side)))

    def beginning(self, attachment: Attachment, begun: Used) -> list[Write]:
        """The writes of a new attachment, counted."""
        counting = begun.using(
            self.table.name,
            keys.attachments_begun(attachment.lease_id, attachment.side),
            UPLOADS_ALLOWED,
            attachment.created_at,
        )
        return [Put(table=self.table.name, item=attachment_item(attachment), condition=NOT_THERE), counting]

    def uploaded(self, attachment: Attachment, at: datetime) -> Update:
        """The write that has a waiting attachment checked: announced."""
        return Update(
            table=self.table.name,
            key=keys.attachment(attachment.lease_id, attachment.attachment_id),
            expression="SET #state = :checking, announce = :announce ADD version :one",
            condition="#state = :waiting",
            names={"#state": "state"},
            values=_checking(attachment, at),
        )

    def attaching(self, attachment: Attachment, to: str, *, keep_until: datetime, at: datetime) -> Update:
        """The write that attaches it to something, whose id is `to`: once, and nothing that was refused.

        One that waits is checked: who attaches it has uploaded it.
        """
        values: dict[str, Any] = {
            ":to": to,
            ":until": keep_until.isoformat(),
            ":place": _place(keep_until, attachment.attachment_id),
            ":one": 1,
        }
        changes, state = "", "#state <> :refused"
        if attachment.state is AttachmentState.WAITING:
            values |= _checking(attachment, at)
            changes, state = ", #state = :checking, announce = :announce", "#state = :waiting"
        else:
            values[":refused"] = AttachmentState.REFUSED.value
        return Update(
            table=self.table.name,
            key=keys.attachment(attachment.lease_id, attachment.attachment_id),
            expression=f"SET attached_to = :to, delete_at = :until, gsi1sk = :place{changes} "
            "ADD version :one",
            condition=f"attribute_not_exists(attached_to) AND {state}",
            names={"#state": "state"},
            values=values,
        )

    def keeping(self, attachment: Attachment, until: datetime) -> Update:
        """The write that has it go at another time than it would, if it is still there."""
        return Update(
            table=self.table.name,
            key=keys.attachment(attachment.lease_id, attachment.attachment_id),
            expression="SET delete_at = :until, gsi1sk = :place ADD version :one",
            condition="attribute_exists(pk)",
            values={
                ":until": until.isoformat(),
                ":place": _place(until, attachment.attachment_id),
                ":one": 1,
            },
        )

    def accept(self, attachment: Attachment, file_type: FileType, size: int) -> bool:
        """It passed the check. False where it is gone, or the check was over before."""
        return self._end(
            attachment,
            "#state = :end, file_type = :type, #size = :size",
            {":end": AttachmentState.ACCEPTED.value, ":type": file_type.value, ":size": size},
            names={"#size": "size"},
        )

    def refuse(self, attachment: Attachment, fault: FileFault) -> bool:
        """It did not pass. False as above."""
        return self._end(
            attachment,
            "#state = :end, refused_because = :fault",
            {":end": AttachmentState.REFUSED.value, ":fault": fault.value},
        )

    def due(self, now: datetime) -> Iterator[Attachment]:
        """Those whose time is over, the oldest first: reads what is due, not what exists."""
        start: Key | None = None
        while True:
            page = self.table.query(
                keys.attachments_to_delete(), index=keys.GSI1, up_to=now.isoformat(), start=start
            )
            yield from map(attachment_of, page.items)
            if page.next is None:
                return
            start = page.next

    def forget(self, attachment: Attachment) -> None:
        """Deletes its record, once its files are gone."""
        key = keys.attachment(attachment.lease_id, attachment.attachment_id)
        self.table.write(Delete(table=self.table.name, key=key))

    def _end(
        self,
        attachment: Attachment,
        changes: str,
        values: dict[str, Any],
        names: dict[str, str] | None = None,
    ) -> bool:
        try:
            self.table.update(
                keys.attachment(attachment.lease_id, attachment.attachment_id),
                f"SET {changes} REMOVE announce ADD version :one",
                condition="#state = :checking",
                names={"#state": "state"} | (names or {}),
                values={":checking": AttachmentState.CHECKING.value, ":one": 1} | values,
            )
        except ConditionFailed:
            return False
        return True


def attachment_of(item: Item) -> Attachment:
    """An attachment's item, read."""
    return Attachment(
        attachment_id=item["attachment_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        side=Side(item["side"]),
        uploaded_by=item["uploaded_by"],
        file_name=item["file_name"],
        created_at=datetime.fromisoformat(item["created_at"]),
        delete_at=datetime.fromisoformat(item["delete_at"]),
        state=AttachmentState(item["state"]),
        attached_to=item.get("attached_to"),
        file_type=FileType(item["file_type"]) if "file_type" in item else None,
        size=item.get("size"),
        refused_because=FileFault(item["refused_because"]) if "refused_because" in item else None,
        version=item["version"],
    )


def attachment_item(attachment: Attachment) -> Item:
    """An attachment as it is stored."""
    return {
        **keys.attachment(attachment.lease_id, attachment.attachment_id),
        "gsi1pk": keys.attachments_to_delete(),
        "gsi1sk": _place(attachment.delete_at, attachment.attachment_id),
        "attachment_id": attachment.attachment_id,
        "lease_id": attachment.lease_id,
        "residence_id": attachment.residence_id,
        "side": attachment.side.value,
        "uploaded_by": attachment.uploaded_by,
        "file_name": attachment.file_name,
        "created_at": attachment.created_at.isoformat(),
        "delete_at": attachment.delete_at.isoformat(),
        "state": attachment.state.value,
        "attached_to": attachment.attached_to,
        "file_type": attachment.file_type.value if attachment.file_type else None,
        "size": attachment.size,
        "refused_because": attachment.refused_because.value if attachment.refused_because else None,
        "version": attachment.version,
    }


def _place(delete_at: datetime, attachment_id: str) -> str:
    return f"{delete_at.isoformat()}#{attachment_id}"


def _checking(attachment: Attachment, at: datetime) -> dict[str, Any]:
    return {
        ":waiting": AttachmentState.WAITING.value,
        ":checking": AttachmentState.CHECKING.value,
        ":announce": announcement(
            "attachment.uploaded",
            at,
            id=derived_id("attachment.uploaded", attachment.attachment_id),
            lease_id=attachment.lease_id,
            attachment_id=attachment.attachment_id,
        ),
        ":one": 1,
    }
