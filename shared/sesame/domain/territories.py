"""Public holidays where a residence is: each territory of the Republic keeps its own."""

from datetime import date
from functools import cache

from sesame.domain.calendar import IsHoliday
from sesame.domain.tenancy import Residence

TERRITORIES: dict[str, str | None] = {
    "metropole": None,
    "alsace-moselle": "6AE",
    "guadeloupe": "971",
    "martinique": "972",
    "guyane": "973",
    "reunion": "974",
    "saint-pierre-et-miquelon": "PM",
    "mayotte": "976",
    "saint-barthelemy": "BL",
    "saint-martin": "MF",
    "wallis-et-futuna": "WF",
    "polynesie-francaise": "PF",
    "nouvelle-caledonie": "NC",
}
"""Territory -> its subdivision in the `holidays` package; None for the holidays that all keep."""

_BY_POSTAL_CODE = {
    "57": "alsace-moselle",
    "67": "alsace-moselle",
    "68": "alsace-moselle",
    "97133": "saint-barthelemy",
    "97150": "saint-martin",
    "971": "guadeloupe",
    "972": "martinique",
    "973": "guyane",
    "974": "reunion",
    "975": "saint-pierre-et-miquelon",
    "976": "mayotte",
    "977": "saint-barthelemy",
    "978": "saint-martin",
    "986": "wallis-et-futuna",
    "987": "polynesie-francaise",
    "988": "nouvelle-caledonie",
}
"""The longest beginning of a postal code that is here says which; the northern islands have Guadeloupe's."""


def territory(postal_code: str) -> str:
    """The territory of a French postal code.

    >>> territory("97133")
    'saint-barthelemy'
    """
    found = (_BY_POSTAL_CODE.get(postal_code[:length]) for length in (5, 3, 2))
    return next((name for name in found if name), "metropole")


def holidays_of(residence: Residence) -> IsHoliday:
    """Whether a day is a public holiday at a residence, by its settings or else by its postal code."""
    name = residence.reminders.territory or territory(residence.postal_code)
    return lambda day: day in public_holidays(name, day.year)


@cache
def public_holidays(name: str, year: int) -> frozenset[date]:
    """The public holidays of a territory in a year. KeyError for a name that is none."""
    # imported here: it takes a second, which only who writes to tenants by the clock should spend
    from holidays import country_holidays  # noqa: PLC0415

    return frozenset(country_holidays("FR", subdiv=TERRITORIES[name], years=year))
