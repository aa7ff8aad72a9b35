"""What was sent to the CAF and universities: files, and what became of each row, not what it said."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sesame.domain.retention import TRANSMISSION
from sesame.domain.transmission_files import file_reference
from sesame.domain.transmissions import (
    Change,
    Difference,
    Recipient,
    RowState,
    Said,
    SentFileState,
    TransmissionKind,
    Unsettled,
)
from sesame.store import keys
from sesame.store.table import (
    NOT_THERE,
    ConditionFailed,
    Item,
    Key,
    Put,
    Table,
    Update,
    Write,
    same_table,
    transact,
)

PAGE = 50
_A_TRANSACTION = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What one recipient is told of one residence for one month."""

    transmission_id: str
    residence_id: str
    kind: TransmissionKind
    recipient: Recipient
    recipient_name: str
    period: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file of a series. `number` 1 says all; the others only what differs from those before."""

    series: Series
    number: int
    build_id: str
    rows: int
    digest: str
    """SHA-256 of the file, hexadecimal."""
    encoding: str
    media_type: str
    extension: str
    object_key: str
    built_at: datetime
    state: SentFileState = SentFileState.BUILT
    downloaded_at: datetime | None = None
    downloaded_by: str | None = None
    acknowledged_at: datetime | None = None
    version: int = 1

    @property
    def reference(self) -> str:
        """What it calls itself."""
        return file_reference(self.series.transmission_id, self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    """A row of a file: whose, what it meant, what the recipient said of it."""

    transmission_id: str
    number: int
    build_id: str
    reference: str
    lease_id: str
    digest: str
    change: Change
    built_at: datetime
    document_id: str | None = None
    consented_at: datetime | None = None
    state: RowState = RowState.SENT
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A series with all that is kept of it."""

    files: tuple[SentFile, ...] = ()
    rows: tuple[SentRow, ...] = ()
    """In the order of the files; of files that were written whole."""
    strays: tuple[tuple[int, str], ...] = ()
    """(file, tenant reference) of what was acknowledged without being sent."""

    def said(self) -> dict[str, Said]:
        """What the recipient holds, by tenant reference. What they rejected still counts: it was told."""
        held: dict[str, Said] = {}
        for row in self.rows:
            if row.change is Change.WITHDRAWN:
                held.pop(row.reference, None)
            else:
                held[row.reference] = Said(reference=row.reference, lease_id=row.lease_id, digest=row.digest)
        return held

    def unsettled(self, number: int) -> Unsettled:
        """What differs between a file and its acknowledgement; nothing while none has come."""
        file = next((one for one in self.files if one.number == number), None)
        rows = [row for row in self.rows if row.number == number]
        came = file is not None and file.state is SentFileState.ACKNOWLEDGED
        return Unsettled(
            rejected={row.reference: row.reason for row in rows if row.state is RowState.REJECTED},
            not_acknowledged=tuple(r.reference for r in rows if came and r.state is RowState.SENT),
            not_sent=tuple(reference for of, reference in self.strays if of == number),
        )


@dataclass(frozen=True, slots=True)
class Transmissions:
    """The transmissions of the operations table."""

    table: Table

    def whole(self, transmission_id: str) -> Whole:
        """All of a series. Strongly consistent; one query a megabyte."""
        files: dict[int, SentFile] = {}
        rows: list[SentRow] = []
        strays: list[tuple[int, str]] = []
        for item in self.table.query_all(keys.transmission(transmission_id)):
            match item["sk"].split("#")[0]:
                case "FILE":
                    file = file_of(item)
                    files[file.number] = file
                case "ROW":
                    rows.append(row_of(item))
                case _:
                    strays.append((item["number"], item["reference"]))
        # rows of a build that died, or lost to another, are of no file
        written = [row for row in rows if row.number in files and files[row.number].build_id == row.build_id]
        return Whole(files=tuple(files.values()), rows=tuple(written), strays=tuple(strays))

    def file(self, transmission_id: str, number: int) -> SentFile | None:
        """A file, or None. One read."""
        item = self.table.get(keys.transmission_file(transmission_id, number))
        return file_of(item) if item else None

    def files(self, references: Sequence[tuple[str, int]]) -> dict[tuple[str, int], SentFile]:
        """Those of some files that exist. One read for at most a hundred."""
        items = same_table(self.table, [keys.transmission_file(*one) for one in references])
        return {one: file_of(item) for one, item in zip(references, items, strict=True) if item}

    def write(self, file: SentFile, rows: Iterable[Difference]) -> bool:
        """Writes a file's rows, then the file itself, which makes them count. False where another build of
        the same number came first: then none of this counts. A call for every hundred rows, and one.
        """
        puts: list[Write] = [
            Put(table=self.table.name, item=_row_item(file, one), condition=NOT_THERE) for one in rows
        ]
        for start in range(0, len(puts), _A_TRANSACTION):
            transact(self.table.client, puts[start : start + _A_TRANSACTION], attempts=3)
        try:
            self.table.put(_file_item(file), unless_exists=True)
        except ConditionFailed:
            return False
        return True

    def of_residence(
        self, residence_id: str, *, after: str | None = None
    ) -> tuple[list[SentFile], str | None]:
        """A residence's files, the latest month first, and where to go on. One read of the index."""
        partition = keys.transmissions_of_residence(residence_id)
        start: Key | None = None
        if after:
            gsi1sk, _, own = after.partition("|")
            pk, _, sk = own.partition("|")
            start = {"gsi1pk": partition, "gsi1sk": gsi1sk, "pk": pk, "sk": sk}
        page = self.table.query(partition, index=keys.GSI1, forward=False, limit=PAGE, start=start)
        next_ = f"{page.next['gsi1sk']}|{page.next['pk']}|{page.next['sk']}" if page.next else None
        return [file_of(item) for item in page.items], next_

    def of_lease(self, lease_id: str) -> list[tuple[SentRow, SentFile]]:
        """What was sent of a lease, newest first. A read of the index, and one for a hundred files."""
        items = self.table.query_all(keys.transmitted_of_lease(lease_id), index=keys.GSI1)
        rows = [row_of(item) for item in items][::-1]
        wanted = list(dict.fromkeys((row.transmission_id, row.number) for row in rows))
        files: dict[tuple[str, int], SentFile] = {}
        for start in range(0, len(wanted), _A_TRANSACTION):
            files |= self.files(wanted[start : start + _A_TRANSACTION])
        found = [(row, files.get((row.transmission_id, row.number))) for row in rows]
        return [(row, file) for row, file in found if file and file.build_id == row.build_id]

    def downloading(self, file: SentFile, staff_id: str, at: datetime) -> Update:
        """The write that notes who first took a file away; for a transaction with its audit entry."""
        return Update(
            table=self.table.name,
            key=keys.transmission_file(file.series.transmission_id, file.number),
            expression="SET #state = if_not_exists(acknowledged_state, :downloaded), "
            "downloaded_at = if_not_exists(downloaded_at, :at), "
            "downloaded_by = if_not_exists(downloaded_by, :by) ADD version :one",
            condition="attribute_exists(pk)",
            names={"#state": "state"},
            values={
                ":downloaded": SentFileState.DOWNLOADED.value,
                ":at": at.isoformat(),
                ":by": staff_id,
                ":one": 1,
            },
        )

    def acknowledge(self, file: SentFile, reference: str, state: RowState, reason: str, at: datetime) -> bool:
        """Notes what a recipient said of a row; False where that row was never sent. The last word counts."""
        row = keys.transmission_row(file.series.transmission_id, file.number, file.build_id, reference)
        try:
            self.table.update(
                row,
                "SET #state = :state, reason = :reason, acknowledged_at = :at",
                condition="attribute_exists(pk)",
                names={"#state": "state"},
                values={":state": state.value, ":reason": reason, ":at": at.isoformat()},
            )
        except ConditionFailed:
            self.table.put(
                {
                    **keys.transmission_stray(file.series.transmission_id, file.number, reference),
                    "number": file.number,
                    "reference": reference,
                    "at": at.isoformat(),
                    "expires_at": _expiry(file.built_at),
                }
            )
            return False
        return True

    def mark_acknowledged(self, file: SentFile, at: datetime) -> None:
        """Notes that an acknowledgement of a file has come; the first moment stays."""
        self.table.update(
            keys.transmission_file(file.series.transmission_id, file.number),
            "SET #state = :state, acknowledged_state = :state, "
            "acknowledged_at = if_not_exists(acknowledged_at, :at) ADD version :one",
            condition="attribute_exists(pk)",
            names={"#state": "state"},
            values={":state": SentFileState.ACKNOWLEDGED.value, ":at": at.isoformat(), ":one": 1},
        )


def _expiry(built_at: datetime) -> int:
    return int((built_at + TRANSMISSION.record).timestamp())


def _file_item(file: SentFile) -> Item:
    series = file.series
    return {
        **keys.transmission_file(series.transmission_id, file.number),
        "gsi1pk": keys.transmissions_of_residence(series.residence_id),
        "gsi1sk": f"{series.period}#{series.kind}#{series.transmission_id}#{file.number:03}",
        "transmission_id": series.transmission_id,
        "residence_id": series.residence_id,
        "kind": series.kind.value,
        "recipient": series.recipient.value,
        "recipient_name": series.recipient_name,
        "period": series.period,
        "number": file.number,
        "build_id": file.build_id,
        "rows": file.rows,
        "digest": file.digest,
        "encoding": file.encoding,
        "media_type": file.media_type,
        "extension": file.extension,
        "object_key": file.object_key,
        "built_at": file.built_at.isoformat(),
        "state": file.state.value,
        "expires_at": _expiry(file.built_at),
        "version": file.version,
    }


def file_of(item: Item) -> SentFile:
    """A file's item, read."""
    return SentFile(
        series=Series(
            transmission_id=item["transmission_id"],
            residence_id=item["residence_id"],
            kind=TransmissionKind(item["kind"]),
            recipient=Recipient(item["recipient"]),
            recipient_name=item["recipient_name"],
            period=item["period"],
        ),
        number=item["number"],
        build_id=item["build_id"],
        rows=item["rows"],
        digest=item["digest"],
        encoding=item["encoding"],
        media_type=item["media_type"],
        extension=item["extension"],
        object_key=item["object_key"],
        built_at=_moment(item["built_at"]),
        state=SentFileState(item["state"]),
        downloaded_at=_moment(item["downloaded_at"]) if "downloaded_at" in item else None,
        downloaded_by=item.get("downloaded_by"),
        acknowledged_at=_moment(item["acknowledged_at"]) if "acknowledged_at" in item else None,
        version=item["version"],
    )


def _row_item(file: SentFile, one: Difference) -> Item:
    row, series = one.row, file.series
    at = file.built_at.isoformat()
    return {
        **keys.transmission_row(series.transmission_id, file.number, file.build_id, row.reference),
        "gsi1pk": keys.transmitted_of_lease(row.lease_id),
        "gsi1sk": f"{at}#{series.transmission_id}#{file.number:03}",
        "transmission_id": series.transmission_id,
        "number": file.number,
        "build_id": file.build_id,
        "reference": row.reference,
        "lease_id": row.lease_id,
        "kind": series.kind.value,
        "recipient_name": series.recipient_name,
        "period": series.period,
        "digest": row.digest,
        "change": one.change.value,
        "built_at": at,
        "document_id": row.document_id,
        "consented_at": row.consented_at.isoformat() if row.consented_at else None,
        "state": RowState.SENT.value,
        "reason": "",
        "expires_at": _expiry(file.built_at),
    }


def row_of(item: Mapping[str, object]) -> SentRow:
    """A row's item, read."""
    stored: Item = dict(item)
    return SentRow(
        transmission_id=stored["transmission_id"],
        number=stored["number"],
        build_id=stored["build_id"],
        reference=stored["reference"],
        lease_id=stored["lease_id"],
        digest=stored["digest"],
        change=Change(stored["change"]),
        built_at=_moment(stored["built_at"]),
        document_id=stored.get("document_id"),
        consented_at=_moment(stored["consented_at"]) if "consented_at" in stored else None,
        state=RowState(stored["state"]),
        reason=stored["reason"],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
