"""When a document that was issued no longer holds: its facts went, or another stands in its place."""

from collections.abc import Mapping
from enum import StrEnum

from sesame.domain.certificates import Facts, Kind


class Ending(StrEnum):
    """Why a document no longer holds: told to its tenant; who holds the paper is told since when."""

    PAYMENT_RETURNED = "payment-returned"
    LEASE_CANCELLED = "lease-cancelled"
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
