"""Staff look at what was sent from their residences, take files away, have a month looked at again."""

from dataclasses import dataclass
from typing import Any, ClassVar

from sesame.domain.transmissions import TransmissionKind, Unsettled
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, NotFound
from sesame.services.deeds import Deeds
from sesame.services.documents import LINK_SECONDS
from sesame.services.queues import Queue
from sesame.services.staff import Role, Staff, require, within
from sesame.services.transmissions import is_over, to_build
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.people import residence_of
from sesame.store.table import Table, transact
from sesame.store.transmissions import SentFile, Transmissions

SENDERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)


class MonthNotOver(Conflict):
    """What a month brought is known once it is over."""

    slug = "month-not-over"
    title: ClassVar = {"fr": "Le mois n'est pas terminé", "en": "The month is not over"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSeen:
    """A file, and how it differs from its acknowledgement."""

    file: SentFile
    unsettled: Unsettled


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskTransmissions:
    """What staff may do with transmissions."""

    identity: Table
    transmissions: Transmissions
    audit: Audit
    deeds: Deeds
    queue: Queue
    s3: Any
    bucket: str
    clock: Clock

    def of_residence(
        self, staff: Staff, residence_id: str, *, after: str | None = None
    ) -> tuple[list[SentFile], str | None]:
        """A residence's files, the latest month first. Raises Forbidden, NotFound. One read of the index."""
        require(staff, *SENDERS)
        within(staff, residence_id)
        return self.transmissions.of_residence(residence_id, after=after)

    def ask(
        self, staff: Staff, residence_id: str, kind: TransmissionKind, period: str, *, network: str
    ) -> None:
        """Has a month looked at again: what differs from what was sent makes another file.

        Raises Forbidden, NotFound, MonthNotOver. Two reads and a write.
        """
        require(staff, *SENDERS)
        within(staff, residence_id)
        item = self.identity.get(keys.residence(residence_id))
        if item is None:
            raise NotFound
        now = self.clock()
        if not is_over(period, residence_of(item), now):
            raise MonthNotOver
        entry = self.deeds.entry(
            Action.TRANSMISSION_ASKED,
            staff,
            network,
            residence_id=residence_id,
            kind=kind.value,
            period=period,
        )
        self.audit.record(entry)
        self.queue.send([to_build(residence_id, now, period=period, kind=kind)])

    def file(self, staff: Staff, transmission_id: str, number: int) -> FileSeen:
        """A file with what its acknowledgement left open. Raises Forbidden, NotFound."""
        require(staff, *SENDERS)
        whole = self.transmissions.whole(transmission_id)
        file = next((one for one in whole.files if one.number == number), None)
        if file is None:
            raise NotFound
        within(staff, file.series.residence_id)
        return FileSeen(file=file, unsettled=whole.unsettled(number))

    def download(self, staff: Staff, transmission_id: str, number: int, *, network: str) -> tuple[str, int]:
        """A link to a file for five minutes, and how many seconds that is. The audit says who had it.

        Raises Forbidden, NotFound.
        """
        require(staff, *SENDERS)
        file = self.transmissions.file(transmission_id, number)
        if file is None:
            raise NotFound
        within(staff, file.series.residence_id)
        entry = self.deeds.entry(
            Action.TRANSMISSION_DOWNLOADED,
            staff,
            network,
            residence_id=file.series.residence_id,
            transmission=file.reference,
            rows=file.rows,
        )
        transact(
            self.transmissions.table.client,
            [
                self.transmissions.downloading(file, staff.staff_id, self.clock()),
                self.audit.recording(entry),
            ],
            attempts=3,
        )
        name = f"{file.series.kind}-{file.series.period}-{file.number}.{file.extension}"
        link = self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": file.object_key,
                "ResponseContentType": file.media_type,
                "ResponseContentDisposition": f'attachment; filename="{name}"',
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=LINK_SECONDS,
        )
        return str(link), LINK_SECONDS
