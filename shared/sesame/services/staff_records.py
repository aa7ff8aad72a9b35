"""Administrators say which residences a member of staff may see."""

from dataclasses import dataclass

from sesame.platform.errors import Invalid
from sesame.store.audit import Audit, AuditEntry
from sesame.store.people import People
from sesame.store.staff import StaffDirectory, StaffRecord
from sesame.store.table import Write, transact

_UNKNOWN = "inconnu / unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRecords:
    """Sets staff records, each with the entry that tells who did."""

    directory: StaffDirectory
    people: People
    audit: Audit

    def set(self, record: StaffRecord, entry: AuditEntry) -> None:
        """Makes the record what it is to be. Raises Invalid for a residence or person that is not there."""
        wanted = sorted(record.scope.residence_ids)
        known = self.people.residences_by_id(wanted)
        errors: list[dict[str, object]] = [
            {"field": f"residence_ids.{place}", "reason": _UNKNOWN}
            for place, residence_id in enumerate(wanted)
            if residence_id not in known
        ]
        if record.person_id and self.people.person(record.person_id) is None:
            errors.append({"field": "person_id", "reason": _UNKNOWN})
        if errors:
            raise Invalid(
                detail_fr="Une résidence ou une personne donnée n'existe pas.",
                detail_en="A residence or person given does not exist.",
                errors=errors,
            )
        writes: list[Write] = [self.directory.setting(record), self.audit.recording(entry)]
        transact(self.people.table.client, writes, attempts=3)
