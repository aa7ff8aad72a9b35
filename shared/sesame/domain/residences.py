"""How a residence is known from a lease file: its identifier, and the clock on its walls."""

import re

from sesame.domain.contacts import without_accents

TIME_ZONES: dict[str, str] = {
    "971": "America/Guadeloupe",
    "972": "America/Martinique",
    "973": "America/Cayenne",
    "974": "Indian/Reunion",
    "975": "America/Miquelon",
    "976": "Indian/Mayotte",
    "977": "America/St_Barthelemy",
    "978": "America/Marigot",
    "986": "Pacific/Wallis",
    "987": "Pacific/Tahiti",
    "988": "Pacific/Noumea",
}
"""First three digits of the postal code -> IANA zone. Anywhere else in France: Europe/Paris."""


def residence_id(name: str, postal_code: str) -> str:
    """`Les Tanneurs`, `69005` -> `les-tanneurs-69005`. ValueError: the name has no Latin letter or digit."""
    slug = re.sub(r"[^a-z0-9]+", "-", without_accents(name).lower()).strip("-")
    if not slug:
        raise ValueError("the residence's name has neither letter nor digit")
    return f"{slug}-{postal_code}"


def time_zone(postal_code: str) -> str:
    """The IANA time zone of a French postal code. The Marquesas get Tahiti's, half an hour off."""
    return TIME_ZONES.get(postal_code[:3], "Europe/Paris")
