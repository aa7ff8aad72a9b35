"""When a document that was issued no longer holds: its facts went, or another stands in its place."""

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum

from sesame.domain.certificates import Facts, Kind, Stay
from sesame.domain.tenancy import Lease, LeaseStatus
from sesame.domain.terms import rooms_held


class Ending(StrEnum):
    """Why a document no longer holds: told to its tenant; who holds the paper is told since when."""

    PAYMENT_RETURNED = "payment-returned"
    LEASE_CANCELLED = "lease-cancelled"
    LEASE_CHANGED = "lease-changed"
    """The stay that it proves is in another room, or shorter than it says."""
    NOTICE_CORRECTED = "notice-corrected"
    """What it says was asked for its period is no longer so."""
    ISSUED_ANEW = "issued-anew"
    """On facts that had changed."""
    WITHDRAWN = "withdrawn"
    """Staff took it back, for a reason that the audit keeps."""


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

_NOT_OF_SUBSTANCE = frozenset({"schema", "kind", "language", "style", "as_of", "stay", "code_tail"})
"""What may differ between two papers that are both true: the day, the words, the look, what helps to find the
code again."""
_NOT_OF_THE_LANDLORD = frozenset({"address", "signatory", "signatory_title"})
"""What may differ of the landlord: who signs, and where letters go."""


def replaces(new: Facts, old: Facts) -> bool:
    """Whether a later document takes an earlier one's place: of a kind that does, on facts that had changed.

    The same facts on another day, in another language, or signed by somebody else, leave the earlier paper as
    true as it was. Both are of one lease, and of one period where they have one.
    """
    kind, former = Kind(new["kind"]), Kind(old["kind"])
    if former not in REPLACES.get(kind, frozenset()):
        return False
    return kind is not former or _substance(new) != _substance(old)


def _substance(facts: Facts) -> Facts:
    found = {name: value for name, value in facts.items() if name not in _NOT_OF_SUBSTANCE}
    if "landlord" in found:
        landlord = found["landlord"].items()
        found["landlord"] = {name: value for name, value in landlord if name not in _NOT_OF_THE_LANDLORD}
    return found


PROOFS_OF_STAY = frozenset(
    {
        Kind.RESIDENCE_CERTIFICATE,
        Kind.CAF_RENT_CERTIFICATE,
        Kind.UP_TO_DATE_CERTIFICATE,
        Kind.END_OF_STAY_CERTIFICATE,
    }
)
"""What others rely on for where somebody lives, since when, and until when."""


def proves_more_than(lease: Lease, facts: Facts, today: date) -> bool:
    """Whether a proof of a stay says what the lease no longer bears out: another room, days that are not its.

    Each day that it speaks of is compared with the room of that day, those to come too: a move that is
    decided ahead ends what names the old room beyond it, at once, and nothing is left to end on the day. A
    stay that became longer leaves true what was said before, unless it was said to be over. Of a lease that
    was closed, the days that were to come are gone.
    """
    kind, stated = Kind(facts["kind"]), facts["lease"]
    starts_on, ends_on = date.fromisoformat(stated["starts_on"]), date.fromisoformat(stated["ends_on"])
    if lease.status is LeaseStatus.CANCELLED or lease.starts_on != starts_on or _elsewhere(lease, facts):
        return True
    if kind is Kind.UP_TO_DATE_CERTIFICATE:  # which says nothing of the end
        return False
    if kind is Kind.END_OF_STAY_CERTIFICATE:
        return lease.ends_on != ends_on
    if lease.ends_on < ends_on:
        return True
    closed_early = lease.status is LeaseStatus.CLOSED and today < ends_on
    return closed_early and facts.get("stay") != Stay.PAST


def _elsewhere(lease: Lease, facts: Facts) -> bool:
    """Whether on one of the days that a paper speaks of the room is not the one it says."""
    return any(
        held.room != room
        for room, starts_on, ends_on in _stated_rooms(facts)
        for held in rooms_held(lease)
        if held.starts_on <= ends_on and held.ends_on >= starts_on
    )


def _stated_rooms(facts: Facts) -> Iterator[tuple[str, date, date]]:
    """Each room with its first and last day; one for the whole stay unless the paper says otherwise."""
    for one in facts.get("rooms") or [facts["lease"]]:
        yield one["room"], date.fromisoformat(one["starts_on"]), date.fromisoformat(one["ends_on"])
