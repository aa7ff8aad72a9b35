"""When a document that was issued no longer holds: its facts went, or another stands in its place."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from sesame.domain.certificates import Facts, Kind, Stay
from sesame.domain.tenancy import Lease, LeaseStatus
from sesame.domain.terms import segments


class Ending(StrEnum):
    """Why a document no longer holds: told to its tenant; who holds the paper is told since when."""

    PAYMENT_RETURNED = "payment-returned"
    LEASE_CANCELLED = "lease-cancelled"
    LEASE_CHANGED = "lease-changed"
    """The stay that it proves is in another room, or shorter than it says."""
    ISSUED_ANEW = "issued-anew"
    """On facts that had changed."""


_RECEIPTS = frozenset({Kind.RECEIPT, Kind.PART_PAYMENT_RECEIPT})

REPLACES: Mapping[Kind, frozenset[Kind]] = {
    Kind.RECEIPT: _RECEIPTS,
    Kind.PART_PAYMENT_RECEIPT: _RECEIPTS,
} | {
    kind: frozenset({kind})
    for kind in (
        Kind.RESIDENCE_CERTIFICATE,
        Kind.CAF_RENT_CERTIFICATE,
        Kind.RENT_NOTICE,
        Kind.UP_TO_DATE_CERTIFICATE,
        Kind.END_OF_STAY_CERTIFICATE,
        Kind.ENTRY_DOCUMENT,
    )
}
"""Which papers one of a kind takes the place of. A receipt makes void what was received before for its period
(*annule tous les reçus précédents*). A statement, a plan, a formal notice each stand by themselves."""

_NOT_OF_SUBSTANCE = frozenset({"schema", "kind", "language", "style", "as_of", "stay"})
"""What may differ between two papers that are both true: the day, the words, the look."""


def replaces(new: Facts, old: Facts) -> bool:
    """Whether a later document takes an earlier one's place: of a kind that does, on facts that had changed.

    The same facts on another day, or in another language, leave the earlier paper as true as it was. Both are
    of one lease, and of one period where they have one.
    """
    kind, former = Kind(new["kind"]), Kind(old["kind"])
    if former not in REPLACES.get(kind, frozenset()):
        return False
    return kind is not former or _substance(new) != _substance(old)


def _substance(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if name not in _NOT_OF_SUBSTANCE}


def _elsewhere(lease: Lease, room: str, today: date, until: date) -> bool:
    """Whether the tenant lives, or is to live, in another room on one of these days."""
    first = min(today, until)
    return any(
        one.terms.room != room for one in segments(lease) if one.starts_on <= until and one.ends_on >= first
    )


PROOFS_OF_STAY = frozenset({Kind.RESIDENCE_CERTIFICATE, Kind.CAF_RENT_CERTIFICATE})
"""What others rely on for where somebody lives, and until when."""


def proves_more_than(lease: Lease, facts: Facts, today: date) -> bool:
    """Whether a proof of a stay says what the lease no longer bears out: another room, days that are not its.

    A stay that became longer leaves true what was said before. Of a lease that was closed, the days that
    were to come are gone.
    """
    stated = facts["lease"]
    starts_on, ends_on = date.fromisoformat(stated["starts_on"]), date.fromisoformat(stated["ends_on"])
    if lease.status is LeaseStatus.CANCELLED or _elsewhere(lease, stated["room"], today, ends_on):
        return True
    if lease.starts_on > starts_on or lease.ends_on < ends_on:
        return True
    closed_early = lease.status is LeaseStatus.CLOSED and today < ends_on
    return closed_early and facts.get("stay") != Stay.PAST
