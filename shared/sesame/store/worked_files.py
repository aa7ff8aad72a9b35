"""Which files were worked through before, known by their bytes: the same file sent again is old.

A file is worked through in chunks, for who sees some residences only: a chunk is noted with what they saw.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sesame.domain.scope import Scope
from sesame.store import keys
from sesame.store.imports import FileImport
from sesame.store.table import Table

REMEMBERED = timedelta(days=730)
"""As long as what such files tell of is kept after its academic year, whoever still has one."""


@dataclass(frozen=True, slots=True)
class WorkedFiles:
    """The notes of the operations table."""

    table: Table

    def earlier(self, taken: FileImport, number: int) -> list[Scope]:
        """What those saw who sent the same bytes before and had this chunk worked through. One query."""
        partition, start = keys.worked_file(taken.sha256), f"{taken.kind}#{number:05}#"
        return [
            Scope(everywhere=item["everywhere"], residence_ids=frozenset(item["residence_ids"]))
            for item in self.table.query_all(partition, start)
            if item["import_id"] != taken.import_id
        ]

    def note(self, taken: FileImport, number: int, at: datetime) -> None:
        """Notes that a chunk was worked through. A repeat changes nothing."""
        self.table.put(
            {
                **keys.worked_chunk(taken.sha256, taken.kind, number, taken.import_id),
                "import_id": taken.import_id,
                "everywhere": taken.everywhere,
                "residence_ids": list(taken.residence_ids),
                "expires_at": int((at + REMEMBERED).timestamp()),
            }
        )
