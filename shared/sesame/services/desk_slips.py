"""The slips of a desk: the link to one shows the code, so that none is made without an audit entry."""

from dataclasses import dataclass

from sesame.domain.certificates import DocumentStatus
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.documents import CodeSlips, Downloads
from sesame.services.staff import Staff
from sesame.store.audit import Action, Audit


@dataclass(frozen=True, slots=True, kw_only=True)
class SlipShown:
    """A slip, and a link to its file while there is one."""

    slip_id: str
    status: DocumentStatus
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSlips:
    """Slips to print, for members of staff."""

    leases: DeskLeases
    slips: CodeSlips
    downloads: Downloads
    audit: Audit
    deeds: Deeds

    def show(self, staff: Staff, lease_id: str, slip_id: str, *, source: str) -> SlipShown:
        """A slip of a lease. Raises NotFound; Forbidden where the lease is their own.

        Three reads, and the audit entry where there is a link: none once the slip is a day old, and expired.
        """
        lease = self.leases.acted_on(staff, lease_id).lease
        slip = self.slips.of(lease_id, slip_id)
        url = self.downloads.url(slip)
        if url is not None:
            entry = self.deeds.entry(
                Action.CODE_SHOWN,
                staff,
                source,
                lease_id=lease_id,
                residence_id=lease.residence_id,
                way="slip",
            )
            self.audit.record(entry)
        return SlipShown(slip_id=slip_id, status=self.downloads.status(slip), url=url)
