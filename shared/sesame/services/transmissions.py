"""Builds what goes to the CAF and universities: a month's files of a residence, once; later what differs.

The daily run asks which residences have not had the month before built, so it can run late, twice, or after
days of outage. Staff may have a month looked at again at any time: where nothing changed no file is made.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sesame.domain.calendar import first_day, local_date, period_of, shift
from sesame.domain.contacts import folded
from sesame.domain.retention import TRANSMISSION
from sesame.domain.tenancy import Residence
from sesame.domain.transmission_files import FORMATS, Format, file_reference
from sesame.domain.transmissions import (
    BUILD_DAY,
    GROUNDS,
    Difference,
    Recipient,
    TransmissionKind,
    differences,
)
from sesame.platform.events import Event, announcement
from sesame.platform.ids import Random, derived_id, new_id
from sesame.platform.logs import count
from sesame.services.queues import Queue
from sesame.services.transmission_rows import Gathering
from sesame.store import keys
from sesame.store.people import residence_of
from sesame.store.table import Table
from sesame.store.transmissions import SentFile, Series, Transmissions

JOB = "transmissions"
BUILT = "transmissions-built"
TO_BUILD = "transmission.to-build"


def period_due(residence: Residence, now: datetime) -> str:
    """The last month whose files are to be built, on the residence's calendar."""
    today = local_date(now, residence.time_zone)
    months = 1 if today.day >= BUILD_DAY else 2
    return shift(period_of(today), -months)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransmissionRun:
    """The daily run: it only says which residences to look at."""

    identity: Table
    operations: Table
    queue: Queue

    def plan(self, now: datetime) -> int:
        """Queues every residence as of `now` (UTC) and records the run; returns how many."""
        residence_ids = [item["sk"] for item in self.identity.query_all(keys.residences())]
        self.queue.send([to_build(residence_id, now) for residence_id in residence_ids])
        self.operations.put(
            {
                **keys.run(JOB, now.date().isoformat()),
                "for": now.isoformat(),
                "residences": len(residence_ids),
                "version": 1,
            }
        )
        count("TransmissionRun")
        return len(residence_ids)


def to_build(
    residence_id: str, at: datetime, *, period: str = "", kind: TransmissionKind | None = None
) -> dict[str, str]:
    """The event that has a residence's files built: those that are due, or one kind of a month again."""
    asked = {"period": period, "kind": kind.value} if kind else {}
    cause = derived_id(JOB, residence_id, at.isoformat(), period, kind or "")
    return announcement(TO_BUILD, at, id=cause, residence_id=residence_id, **asked)


def series_of(residence_id: str, kind: TransmissionKind, recipient_name: str, period: str) -> Series:
    """The series that a recipient, a residence and a month have: always the same."""
    return Series(
        transmission_id=derived_id("transmission", residence_id, kind, folded(recipient_name), period),
        residence_id=residence_id,
        kind=kind,
        recipient=GROUNDS[kind].recipient,
        recipient_name=recipient_name,
        period=period,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransmissionBuilding:
    """The work on one residence."""

    gathering: Gathering
    operations: Table
    s3: Any
    bucket: str
    random: Random
    formats: Mapping[TransmissionKind, Format] = field(default_factory=lambda: FORMATS)

    def build(self, event: Event) -> int:
        """Builds what a message asks for; returns how many files were made. Safe to repeat."""
        item = self.gathering.identity.get(keys.residence(event["residence_id"]))
        if item is None:
            return 0
        residence = residence_of(item)
        if "kind" in event.data:
            return self._build(residence, event["period"], TransmissionKind(event["kind"]), event.at)
        period = period_due(residence, event.at)
        done = keys.run(BUILT, f"{period}#{residence.residence_id}")
        if self.operations.get(done) is not None:
            return 0
        made = sum(self._build(residence, period, kind, event.at) for kind in TransmissionKind)
        expires_at = int((event.at + TRANSMISSION.record).timestamp())
        self.operations.put({**done, "at": event.at.isoformat(), "files": made, "expires_at": expires_at})
        return made

    def _build(self, residence: Residence, period: str, kind: TransmissionKind, at: datetime) -> int:
        tenants = self.gathering.tenants(residence, period)
        told = self._told_before(residence.residence_id, period, kind)
        rows = dict(self.gathering.rows(kind, residence, tenants, period, spelled=told))
        # whom something was told before and nothing is said now must be told that it is no more so
        for name in told.values():
            rows.setdefault(name, [])
        made = 0
        for recipient_name, said_now in rows.items():
            series = series_of(residence.residence_id, kind, recipient_name, period)
            whole = Transmissions(self.operations).whole(series.transmission_id)
            changes = differences(whole.said(), said_now, left_alone=tenants.erased)
            if changes:
                number = max((file.number for file in whole.files), default=0) + 1
                made += self._write(series, number, changes, at)
        return made

    def _told_before(self, residence_id: str, period: str, kind: TransmissionKind) -> dict[str, str]:
        """Universities that a month was told to: folded name -> name as its first file spelled it."""
        if GROUNDS[kind].recipient is Recipient.CAF:
            return {}
        partition = keys.transmissions_of_residence(residence_id)
        items = list(self.operations.query_all(partition, f"{period}#{kind}#", index=keys.GSI1))
        return {folded(item["recipient_name"]): item["recipient_name"] for item in reversed(items)}

    def _write(self, series: Series, number: int, changes: Sequence[Difference], at: datetime) -> bool:
        """The file first, under a name that says nothing; what makes it count comes last."""
        reference = file_reference(series.transmission_id, number)
        written = self.formats[series.kind].write(series.kind, reference, changes)
        file = SentFile(
            series=series,
            number=number,
            build_id=new_id(self.random),
            rows=len(changes),
            digest=hashlib.sha256(written.data).hexdigest(),
            encoding=written.encoding,
            media_type=written.media_type,
            extension=written.extension,
            object_key=f"{TRANSMISSION.folder}/{new_id(self.random)}.{written.extension}",
            built_at=at,
        )
        self.s3.put_object(
            Bucket=self.bucket, Key=file.object_key, Body=written.data, ContentType=written.media_type
        )
        if Transmissions(self.operations).write(file, changes):
            count("TransmissionBuilt")
            return True
        self.s3.delete_object(Bucket=self.bucket, Key=file.object_key)  # another build was first
        return False


def is_over(period: str, residence: Residence, now: datetime) -> bool:
    """Whether a month may be built: it is over on the residence's calendar."""
    return first_day(shift(period, 1)) <= local_date(now, residence.time_zone)
