"""The demo residence and its forty tenants: invented people, addresses and numbers set aside for fiction."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

RESIDENCE = "Résidence Les Tilleuls"
ADDRESS = "8 allée des Tilleuls"
POSTAL_CODE = "38400"
CITY = "Saint-Martin-d'Hères"
# What a manager would set of it; the SIRET adds up and belongs to nobody.
SETTINGS = {
    "address": [ADDRESS, f"{POSTAL_CODE} {CITY}"],
    "time_zone": "Europe/Paris",
    "landlord": {
        "name": "Résidences Horizon",
        "address": ["12 avenue du Général-Leclerc", "38000 Grenoble"],
        "siret": "00000000000018",
        "caf_landlord_code": "",
        "signatory": "Hélène Garnier",
        "signatory_title": "Directrice",
    },
    "desk_contact": "04 99 00 12 34, accueil@tilleuls.example",
    "issue_day": 1,
    "due_day": 10,
    "provider": "sandbox",
}

# Given names and family name. The first three are whom the demo plays.
NAMES = (
    ("Zoé", "Lefèvre"),
    ("Oumar", "Haïdara"),
    ("Siobhán", "O'Brien"),
    ("Nguyễn Thị", "Hương"),
    ("Léa", "D'Almeida"),
    ("Björn", "Åkesson"),
    ("Chloé", "de La Tour"),
    ("Kateryna", "Шевченко"),
    ("José María", "García-Márquez"),
    ("Noël", "Çelik"),
    ("Aïcha", "Ben Saïd"),
    ("Łukasz", "Wiśniewski"),
    ("Maëlys", "Petit-Jean"),
    ("Fatoumata", "N'Diaye"),
    ("Giulia", "D'Angelo"),
    ("Øystein", "Sørensen"),
    ("Inès", "Müller"),
    ("Tomáš", "Dvořák"),
    ("Anaïs", "Bœuf"),
    ("Mohamed-Amine", "El Khattabi"),
    ("Élise", "Martin"),
    ("Gaël", "Le Gall"),
    ("Yasmine", "Ould Ahmed"),
    ("Ștefan", "Țăran"),
    ("Camille", "Müller-Étienne"),
    ("Kwame", "Mensah"),
    ("Ana Sofía", "Peña"),
    ("Théo", "Roy"),
    ("Mei", "Zhāng"),
    ("Jürgen", "Weiß"),
    ("Lucía", "Ibáñez"),
    ("Rémi", "Saint-Ç'Hérès"),
    ("Amélie", "Dupré"),
    ("Ibrahima", "Sow"),
    ("Hélène", "Voß"),
    ("Emre", "Yıldız"),
    ("Mélissandre", "d'Hérouville"),
    ("João", "Gonçalves"),
    ("Ngozi", "Okonkwo"),
    ("Ève", "Li"),
)
ROOMS = tuple(f"{floor}{number:02}" for floor in "ABCD" for number in range(1, 11))
HEADER = (
    "Référence;Résidence;Adresse;Code postal;Ville;Chambre;Nom;Prénom;Date de naissance;INE;Courriel;"
    "Téléphone;Langue;Date d'entrée;Date de sortie;Redevance;Charges;Dépôt de garantie"
)
# Who is behind, by position, and how many of the last three months they did pay.
MONTHS_PAID = {1: 0, 7: 1, 13: 2, 20: 2, 26: 1, 33: 2, 38: 0}
ENGLISH_SPEAKERS = (2, 5, 15, 25, 38)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """One invented tenant and the terms of the lease. Amounts in cents a month."""

    number: int
    room: str
    given_names: str
    family_name: str
    birth_date: date
    ine: str
    email: str
    phone: str
    language: str
    starts_on: date
    ends_on: date
    rent_cents: int
    charges_cents: int

    @property
    def reference(self) -> str:
        """The operator's reference of the lease."""
        return f"TIL{self.starts_on:%Y}-{self.number:03}"

    @property
    def months_paid(self) -> int:
        """How many of their three months' notices they have paid, oldest first."""
        return MONTHS_PAID.get(self.number, 3)


def residents(first_month: date) -> list[Resident]:
    """The forty, their leases begun in `first_month` (its first day). The same for the same month."""
    draw = random.Random("Les Tilleuls")  # noqa: S311  (invented people, not secrets)
    return [_resident(number, first_month, draw) for number in range(len(NAMES))]


def lease_file(people: list[Resident]) -> bytes:
    """Their leases as residence software exports them: semicolons, decimal commas, French dates, a BOM."""
    return "\r\n".join([f"\ufeff{HEADER}", *_rows(people), ""]).encode()


def _rows(people: list[Resident]) -> Iterator[str]:
    for one in people:
        yield ";".join(
            (
                one.reference,
                RESIDENCE,
                ADDRESS,
                POSTAL_CODE,
                CITY,
                one.room,
                one.family_name,
                one.given_names,
                _french(one.birth_date),
                one.ine,
                one.email,
                one.phone,
                one.language,
                _french(one.starts_on),
                _french(one.ends_on),
                _euros(one.rent_cents),
                _euros(one.charges_cents),
                _euros(one.rent_cents),
            )
        )


def _resident(number: int, first_month: date, draw: random.Random) -> Resident:
    given_names, family_name = NAMES[number]
    # Two came in mid-month: their first notice charges part of it.
    starts_on = first_month.replace(day=16) if number in (9, 23) else first_month
    return Resident(
        number=number,
        room=ROOMS[number],
        given_names=given_names,
        family_name=family_name,
        birth_date=date(draw.randrange(1998, 2008), draw.randrange(1, 13), draw.randrange(1, 29)),
        ine=f"{draw.randrange(10**9):09}{draw.choice('ABCDEFGHJK')}{draw.choice('ABCDEFGHJK')}",
        email=f"tilleuls.{ROOMS[number].lower()}@example.org",
        phone=f"06 39 98 {draw.randrange(100):02} {draw.randrange(100):02}",
        language="en" if number in ENGLISH_SPEAKERS else "fr",
        starts_on=starts_on,
        ends_on=_eve(first_month.replace(year=first_month.year + 1)),
        rent_cents=draw.randrange(21_000, 44_000, 50),
        charges_cents=draw.randrange(2_500, 6_000, 50),
    )


def _eve(day: date) -> date:
    return date.fromordinal(day.toordinal() - 1)


def _french(day: date) -> str:
    return f"{day:%d/%m/%Y}"


def _euros(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02}"
