"""Social files and enrolments, beside their person: a change is written once, and told where it is news."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sesame.domain.contacts import folded
from sesame.domain.social_file import (
    FileState,
    HandedIn,
    Piece,
    PieceKind,
    PieceRefusal,
    PieceState,
    SocialFile,
)
from sesame.domain.studies import AcademicYear, Applied, Enrolment, EnrolmentStatus, kept_until
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.table import NOT_THERE, Item, Key, Put, Table

PAGE = 50
_LONG_AGO = "2000-01-01T00:00:00+00:00"
"""When the files of rows came of which only the import was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialFilePage:
    """Some of a residence's social files, and where to go on (None at the end)."""

    files: list[SocialFile]
    next: str | None
    """State and person of the last one."""


@dataclass(frozen=True, slots=True)
class SocialFiles:
    """The social files of the identity table."""

    table: Table

    def get(self, person_id: str, year: AcademicYear) -> SocialFile | None:
        """A person's file of a year, or None."""
        item = self.table.get(keys.social_file(person_id, year))
        return social_file_of(item) if item else None

    def of_person(self, person_id: str) -> list[SocialFile]:
        """All of a person's, the latest year first. One read."""
        found = map(social_file_of, self.table.query_all(*keys.social_files_of(person_id)))
        return sorted(found, key=lambda file: file.year, reverse=True)

    def of_residence(
        self, residence_id: str, year: AcademicYear, *, after: str | None = None
    ) -> SocialFilePage:
        """A page of a residence's files of a year, by state. One read of the index."""
        partition = keys.social_files_of_residence(residence_id)
        start: Key | None = None
        if after:
            state, _, person_id = after.partition(".")
            place = {"gsi1pk": partition, "gsi1sk": f"{year}#{state}#{person_id}"}
            start = {**place, **keys.social_file(person_id, year)}
        page = self.table.query(partition, year, index=keys.GSI1, start=start, limit=PAGE)
        files = [social_file_of(item) for item in page.items]
        last = f"{files[-1].state}.{files[-1].person_id}" if page.next and files else None
        return SocialFilePage(files=files, next=last)

    def saving(self, after: SocialFile, announce: Mapping[str, str] | None) -> Put:
        """The write of a file that was changed, if nobody changed it since it was read."""
        item = _social_file_item(after) | {"announce": announce, "version": after.version + 1}
        if not after.version:
            return Put(table=self.table.name, item=item, condition=NOT_THERE)
        return Put(
            table=self.table.name,
            item=item,
            condition="version = :read",
            values={":read": after.version},
        )


@dataclass(frozen=True, slots=True)
class Enrolments:
    """The enrolments of the identity table."""

    table: Table

    def get(self, person_id: str, year: AcademicYear, university: str) -> Enrolment | None:
        """A person's enrolment at a university, or None."""
        item = self.table.get(keys.enrolment(person_id, year, _university_id(university)))
        return enrolment_of(item) if item else None

    def of_person(self, person_id: str) -> list[Enrolment]:
        """All of a person's, the latest year first. One read."""
        found = map(enrolment_of, self.table.query_all(*keys.enrolments_of(person_id)))
        return sorted(found, key=lambda one: one.year, reverse=True)

    def saving(self, after: Enrolment) -> Put:
        """The write of an enrolment, if nobody changed it since it was read."""
        item: Item = {
            **keys.enrolment(after.person_id, after.year, _university_id(after.university)),
            "person_id": after.person_id,
            "year": after.year,
            "university": after.university,
            "status": after.status.value,
            "recorded_at": after.recorded_at.isoformat(),
            "recorded_by": after.recorded_by,
            "applied": _applied_items(after.applied),
            "expires_at": int(kept_until(after.year).timestamp()),
            "version": after.version + 1,
        }
        if not after.version:
            return Put(table=self.table.name, item=item, condition=NOT_THERE)
        return Put(
            table=self.table.name,
            item=item,
            condition="version = :read",
            values={":read": after.version},
        )


def _university_id(university: str) -> str:
    return derived_id("university", folded(university))


def _applied_items(applied: tuple[Applied, ...]) -> list[dict[str, str]]:
    return [
        {"digest": one.digest, "import_id": one.import_id, "sent_at": one.sent_at.isoformat()}
        for one in applied
    ]


def _applied_of(item: Item) -> tuple[Applied, ...]:
    return tuple(
        Applied(
            digest=one["digest"],
            import_id=one["import_id"],
            sent_at=datetime.fromisoformat(one.get("sent_at", _LONG_AGO)),
        )
        for one in item["applied"]
    )


def enrolment_of(item: Item) -> Enrolment:
    """An enrolment's item, read."""
    return Enrolment(
        person_id=item["person_id"],
        year=item["year"],
        university=item["university"],
        status=EnrolmentStatus(item["status"]),
        recorded_at=datetime.fromisoformat(item["recorded_at"]),
        recorded_by=item["recorded_by"],
        applied=_applied_of(item),
        version=item["version"],
    )


def _social_file_item(file: SocialFile) -> Item:
    return {
        **keys.social_file(file.person_id, file.year),
        "gsi1pk": keys.social_files_of_residence(file.residence_id),
        "gsi1sk": f"{file.year}#{file.state}#{file.person_id}",
        "person_id": file.person_id,
        "year": file.year,
        "lease_id": file.lease_id,
        "residence_id": file.residence_id,
        "state": file.state.value,
        "echelon": file.echelon,
        "decided_on": file.decided_on.isoformat() if file.decided_on else None,
        "pieces": [_piece_item(piece) for piece in file.pieces],
        "changed_at": file.changed_at.isoformat() if file.changed_at else None,
        "told_version": file.told_version,
        "applied": _applied_items(file.applied),
        "expires_at": int(kept_until(file.year).timestamp()),
    }


def _piece_item(piece: Piece) -> dict[str, Any]:
    return {
        "piece_id": piece.piece_id,
        "kind": piece.kind.value,
        "label": piece.label,
        "due_on": piece.due_on.isoformat(),
        "asked_at": piece.asked_at.isoformat(),
        "state": piece.state.value,
        "files": [
            {"attachment_id": one.attachment_id, "lease_id": one.lease_id, "at": one.at.isoformat()}
            for one in piece.files
        ],
        "refused_because": piece.refused_because.value if piece.refused_because else None,
        "judged_at": piece.judged_at.isoformat() if piece.judged_at else None,
    }


def social_file_of(item: Item) -> SocialFile:
    """A social file's item, read."""
    return SocialFile(
        person_id=item["person_id"],
        year=item["year"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        state=FileState(item["state"]),
        echelon=item["echelon"],
        decided_on=date.fromisoformat(item["decided_on"]) if item.get("decided_on") else None,
        pieces=tuple(_pieces_of(item["pieces"])),
        changed_at=datetime.fromisoformat(item["changed_at"]) if item.get("changed_at") else None,
        applied=_applied_of(item),
        version=item["version"],
        told_version=item["told_version"] if "told_version" in item else item["version"],
    )


def _pieces_of(stored: list[dict[str, Any]]) -> Iterator[Piece]:
    for piece in stored:
        because, judged = piece.get("refused_because"), piece.get("judged_at")
        yield Piece(
            piece_id=piece["piece_id"],
            kind=PieceKind(piece["kind"]),
            label=piece["label"],
            due_on=date.fromisoformat(piece["due_on"]),
            asked_at=datetime.fromisoformat(piece["asked_at"]),
            state=PieceState(piece["state"]),
            files=tuple(
                HandedIn(
                    attachment_id=one["attachment_id"],
                    lease_id=one["lease_id"],
                    at=datetime.fromisoformat(one["at"]),
                )
                for one in piece["files"]
            ),
            refused_because=PieceRefusal(because) if because else None,
            judged_at=datetime.fromisoformat(judged) if judged else None,
        )
