"""The picture of a residence's arrears: an SVG that says in words what it shows, in light and dark.

Bars are told apart by their labels and lengths, never by colour alone; every figure is written out
(WCAG 1.4.1, 1.4.11). It loads nothing and runs nothing.
"""

from html import escape

from sesame.domain.arrears import Age
from sesame.platform.pages import euros
from sesame.services.arrears import ResidenceArrears

_WORDS = {
    "fr": {
        "title": "Loyers en retard par ancienneté",
        "of": "{residence}, au {day}. Total\u00a0: {total}, {leases} dossiers.",
        "of_one": "{residence}, au {day}. Total\u00a0: {total}, un dossier.",
        "days": "jours",
        "none": "Aucun loyer en retard",
    },
    "en": {
        "title": "Overdue rent by age",
        "of": "{residence}, on {day}. Total: {total}, {leases} leases.",
        "of_one": "{residence}, on {day}. Total: {total}, one lease.",
        "days": "days",
        "none": "No rent is overdue",
    },
}
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _BAR = 640, 116, 140, 84, 44, 24
_STYLE = (
    "text{font:15px system-ui,sans-serif;fill:#1c2327}"
    ".title{font-size:19px;font-weight:600}.soft{fill:#535f66}"
    ".ground{fill:#fff}.bar{fill:#0b5c53}.axis{stroke:#7a868d;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#eceff1}.soft{fill:#b4bcc2}"
    ".ground{fill:#1d2225}.bar{fill:#7fd8c9}.axis{stroke:#8b979e}}"
)


def arrears_svg(found: ResidenceArrears, language: str) -> str:
    """The picture, in `fr` or `en`. Its title and description say the same to who cannot see it."""
    words = _WORDS[language]
    cents = found.total.by_age
    most = max(cents.values())
    form = words["of_one"] if len(found.leases) == 1 else words["of"]
    said = form.format(
        residence=found.residence.name,
        day=found.day.strftime("%d/%m/%Y"),
        total=euros(found.total.total_cents, language),
        leases=len(found.leases),
    )
    told = "; ".join(f"{age.value} {words['days']}: {euros(cents[age], language)}" for age in Age)
    height = _TOP + _ROW * len(Age) + 24
    bars = "".join(_bar(number, age, cents[age], most, language) for number, age in enumerate(Age))
    bottom = _TOP + _ROW * len(Age)
    if not most:
        bars = f'<text class="soft" x="24" y="{_TOP + 40}">{escape(words["none"])}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" lang="{language}" role="img" aria-labelledby="title description">'
        f'<title id="title">{escape(words["title"])}</title>'
        f'<desc id="description">{escape(said)} {escape(told)}</desc><style>{_STYLE}</style>'
        f'<rect class="ground" width="{_WIDTH}" height="{height}" rx="12"/>'
        f'<text class="title" x="24" y="38">{escape(words["title"])}</text>'
        f'<text class="soft" x="24" y="62">{escape(said)}</text>{bars}'
        + (f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}"/>' if most else "")
        + "</svg>"
    )


def _bar(number: int, age: Age, cents: int, most: int, language: str) -> str:
    y = _TOP + _ROW * number
    length = round((_WIDTH - _LEFT - _RIGHT) * cents / most) if most else 0
    # the least of debts is still a line
    length = max(length, 2) if cents else 0
    middle = y + _ROW // 2 + 5
    top = y + (_ROW - _BAR) // 2
    label = f"{age.value.replace('-', '\u2013')} {_WORDS[language]['days']}"
    return (
        f'<text x="{_LEFT - 12}" y="{middle}" text-anchor="end">{escape(label)}</text>'
        f'<rect class="bar" x="{_LEFT}" y="{top}" width="{length}" height="{_BAR}" rx="3"/>'
        f'<text x="{_LEFT + length + 10}" y="{middle}">{escape(euros(cents, language))}</text>'
    )
