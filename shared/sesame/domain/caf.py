"""The CAF's rent certificate for a room in a residence: every field its clerk looks for, and none guessed."""

from datetime import date
from fnmatch import fnmatchcase

from sesame.domain.calendar import period_of
from sesame.domain.certificates import Facts, Kind, Reason, Refused, Tenancy, current_lease, stay_facts
from sesame.domain.notices import LineKind, notice_for
from sesame.domain.tenancy import CafSettings
from sesame.domain.terms import terms_on


def caf_facts(tenancy: Tenancy, *, as_of: date, overdue_cents: int) -> Facts:
    """A CAF rent certificate as of a day, by the residence's clock: today's room, the rent of the entry.

    Raises Refused unless the stay goes on, and while the residence lacks what the CAF needs: a wrong *code
    bailleur* has cost students months of aid, so that a paper without it is worth less than none.
    """
    lease, residence = current_lease(tenancy, as_of), tenancy.residence
    caf = residence.documents.caf
    surface = surface_of(caf, lease.room)
    given = {
        "siret": residence.landlord.siret,
        "caf_landlord_code": residence.landlord.caf_landlord_code,
        "structure": caf.structure,
        "surfaces": surface,
    }
    if missing := tuple(name for name, value in given.items() if not value):
        raise Refused(Reason.DETAILS_MISSING, missing=missing)
    entry_month = period_of(lease.starts_on)
    entry, on_entry = notice_for(lease, residence, entry_month), terms_on(lease, lease.starts_on)
    return stay_facts(Kind.CAF_RENT_CERTIFICATE, tenancy, as_of) | {
        "birth_date": tenancy.person.birth_date.isoformat(),
        "as_of": as_of.isoformat(),
        "caf": {
            "landlord_code": residence.landlord.caf_landlord_code,
            "agency_code": caf.agency_code,
            "structure": caf.structure.value if caf.structure else "",
            "agreement_number": caf.agreement_number,
            "agreement_on": caf.agreement_on.isoformat() if caf.agreement_on else None,
            "surface_dm2": surface,
            "furnished": caf.furnished,
            "third_party_payment": caf.third_party_payment,
            "up_to_date": overdue_cents <= residence.documents.debt_tolerance_cents,
        },
        "rent": {
            "monthly_rent_cents": on_entry.rent_cents,
            "monthly_charges_cents": on_entry.charges_cents,
            "entry_month": entry_month,
            "entry_month_rent_cents": entry.sum_of(LineKind.RENT) if entry else 0,
            "entry_month_charges_cents": entry.sum_of(LineKind.CHARGES) if entry else 0,
        },
    }


def surface_of(caf: CafSettings, room: str) -> int | None:
    """The living space of a room in square decimetres, or None if nobody has said it."""
    matching = (one.square_decimetres for one in caf.surfaces if fnmatchcase(room.upper(), one.rooms.upper()))
    return next(matching, None)
