"""The desk finds a tenant: by what identifies one, across the residences that the caller sees, or by name and
room within a few of them.

Case, accents and the order of words do not matter, part of a name is enough. Ended leases are found too.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from sesame.domain.calendar import local_date
from sesame.domain.codes import is_tenant_reference
from sesame.domain.contacts import folded, folded_words, normal_email, normal_ine, normal_phone
from sesame.domain.tenancy import Lease, LeaseStatus, Person, Residence
from sesame.domain.terms import as_of
from sesame.platform.clock import Clock
from sesame.platform.errors import Invalid, NotFound, Problem
from sesame.services.deeds import Deeds
from sesame.services.staff import Staff, within
from sesame.store.audit import Action, Audit
from sesame.store.people import Findable, People

MAX_RESIDENCES = 20
"""Residences that one search by name or room goes through."""
MAX_HITS = 50
SHORTEST = 2
"""Letters or digits of a name: fewer would list a residence rather than find somebody."""


class ChooseResidence(Problem):
    """A search by name or room over more residences than one search goes through."""

    status = 422
    slug = "choose-residence"
    title: ClassVar = {"fr": "Choisissez une résidence", "en": "Choose a residence"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is searched: all of `keys`, or one of `either`; every word of each text. Built by `wanted`."""

    keys: dict[str, str] = field(default_factory=dict)
    """Kind (`ine`, `email`, `phone`, `tenant_reference`) to normal form."""
    either: dict[str, str] = field(default_factory=dict)
    """What a free text may be: ten digits can be a phone number or a tenant reference."""
    words: tuple[str, ...] = ()
    """Each in the name or the room; beside `either`, where that finds nobody."""
    name: tuple[str, ...] = ()
    room: str = ""
    residence_id: str | None = None

    def fits(self, one: Findable) -> bool:
        """Whether a lease fits, by any of the rooms that it has had."""
        rooms = {one.lease.room, *(terms.room for terms in one.lease.terms)}
        return any(self.names(one.name_words, room) for room in rooms)

    def names(self, name_words: str, room: str) -> bool:
        """Whether a tenant of this folded name, in this room, fits what is searched."""
        joined, folded_room = name_words.replace(" ", ""), folded(room)
        return (
            all(word in joined or word in folded_room for word in self.words)
            and all(word in joined for word in self.name)
            and self.room in folded_room
        )


_NORMAL: dict[str, Callable[[str], str | None]] = {
    "ine": lambda text: normal_ine(folded(text)),
    "email": normal_email,
    "phone": normal_phone,
    "tenant_reference": lambda text: folded(text) if is_tenant_reference(folded(text)) else None,
}
_NOT_WHOLE = {
    "ine": ("INE complet attendu : 11 caractères", "a whole INE is expected: 11 characters"),
    "email": ("adresse complète attendue", "a whole address is expected"),
    "phone": ("numéro complet attendu", "a whole number is expected"),
    "tenant_reference": ("référence complète attendue : 10 chiffres", "the whole ten digits are expected"),
}


def wanted(
    *, query: str, name: str, room: str, keys: dict[str, str], residence_id: str | None, language: str
) -> Wanted:
    """What a request asks for; empty texts ask nothing. Raises Invalid, naming each field that cannot be."""
    given = {kind: text for kind, text in keys.items() if text}
    normal = {kind: _NORMAL[kind](text) for kind, text in given.items()}
    wrong = [kind for kind, value in normal.items() if value is None]
    either = {kind: value for kind, normalise in _NORMAL.items() if query and (value := normalise(query))}
    words = tuple(folded_words(query))
    if either and not _may_be_a_name(words):
        words = ()
    names = tuple(folded_words(name))
    errors: list[dict[str, object]] = [
        {"field": kind, "reason": _NOT_WHOLE[kind][language == "en"]} for kind in wrong
    ]
    if query and "@" in query and "email" not in either:
        errors.append({"field": "query", "reason": _NOT_WHOLE["email"][language == "en"]})
    asked = [given, either, folded(room), len("".join([*words, *names])) >= SHORTEST]
    if not errors and not any(asked):
        short = ("au moins deux lettres ou chiffres", "two letters or digits at least")
        errors.append({"field": "query", "reason": short[language == "en"]})
    if errors:
        raise Invalid(errors=errors)
    return Wanted(
        keys={kind: value for kind, value in normal.items() if value},
        either=either,
        words=words,
        name=names,
        room=folded(room),
        residence_id=residence_id,
    )


def _may_be_a_name(words: tuple[str, ...]) -> bool:
    """A name and a room can have the form of an INE once they are joined: "Bernard B204"."""
    return len(words) > 1 and any(word.isalpha() and len(word) > SHORTEST for word in words)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLease:
    """A lease, its tenant and residence; `ended` on the residence's own calendar."""

    lease: Lease
    person: Person
    residence: Residence
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search finds, leases under way first; `more` where not all of it is given."""

    leases: Sequence[FoundLease]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSearch:
    """Finds leases for members of staff, and keeps that they searched, never what for."""

    people: People
    audit: Audit
    deeds: Deeds
    clock: Clock

    def search(self, asked: Wanted, staff: Staff, network: str) -> Found:
        """Leases that fit, of residences that the caller sees. Raises ChooseResidence, NotFound."""
        if asked.residence_id:
            within(staff, asked.residence_id)
        by_key = bool(asked.keys or asked.either)
        fitting = self._by_keys(asked, staff) if by_key else self._by_name(asked, staff)
        if asked.either and asked.words and not fitting:
            by_key, fitting = False, self._by_name(asked, staff)
        found = self._complete(fitting)
        entry = self.deeds.entry(
            Action.LEASES_SEARCHED,
            staff,
            network,
            residence_id=asked.residence_id,
            hits=len(found.leases),
            by="key" if by_key else "name",
        )
        self.audit.record(entry)
        return found

    def one(self, lease_id: str, staff: Staff) -> FoundLease:
        """A lease that the caller sees. Raises NotFound. Three reads."""
        lease = self.people.lease(lease_id)
        if lease is None:
            raise NotFound
        within(staff, lease.residence_id)
        [found] = self._complete([Findable(lease=lease, name_words="")]).leases
        return found

    def _by_name(self, asked: Wanted, staff: Staff) -> list[Findable]:
        return [
            one
            for residence_id in self._residences(asked, staff)
            for one in self.people.findable(residence_id)
            if asked.fits(one)
        ]

    def _residences(self, asked: Wanted, staff: Staff) -> list[str]:
        if asked.residence_id:
            return [asked.residence_id]
        if staff.scope.everywhere:
            seen = [residence.residence_id for residence in self.people.residences()]
        else:
            seen = sorted(staff.scope.residence_ids)
        if len(seen) > MAX_RESIDENCES:
            raise ChooseResidence(
                detail_fr=f"Une recherche par nom ou chambre porte sur {MAX_RESIDENCES} résidences au plus : "
                "donnez residence_id, ou cherchez par INE, courriel, téléphone ou référence.",
                detail_en=f"A search by name or room covers {MAX_RESIDENCES} residences at most: "
                "give residence_id, or search by INE, e-mail, phone or reference.",
            )
        return seen

    def _by_keys(self, asked: Wanted, staff: Staff) -> list[Findable]:
        found = {lease.lease_id: lease for pair in asked.either.items() for lease in self._with(*pair)}
        for number, pair in enumerate(asked.keys.items()):
            more = {lease.lease_id: lease for lease in self._with(*pair)}
            first = number == 0 and not asked.either
            found = more if first else {lease_id: found[lease_id] for lease_id in found.keys() & more.keys()}
        mine = [
            lease
            for lease in found.values()
            if staff.sees(lease.residence_id) and asked.residence_id in {None, lease.residence_id}
        ]
        persons = self.people.persons_by_id([lease.person_id for lease in mine])
        findable = [
            Findable(lease=lease, name_words=_name_words(persons[lease.person_id]))
            for lease in mine
            if lease.person_id in persons
        ]
        besides = replace(asked, words=()) if asked.either else asked
        return [one for one in findable if besides.fits(one)]

    def _with(self, kind: str, value: str) -> Iterator[Lease]:
        if kind == "tenant_reference":
            lease = self.people.lease_by_tenant_reference(value)
            yield from [lease] if lease else []
            return
        persons: Sequence[Person]
        if kind == "ine":
            persons = list(self.people.persons_by_ine([value]).values())
        elif kind == "email":
            persons = self.people.persons_by_email(value)
        else:
            persons = self.people.persons_by_phone(value)
        for person in persons:
            yield from self.people.leases_of_person(person.person_id)

    def _complete(self, fitting: Sequence[Findable]) -> Found:
        """With residences and persons: two reads however many there are."""
        residences = self.people.residences_by_id(sorted({one.lease.residence_id for one in fitting}))
        now = self.clock()

        def ended(lease: Lease) -> bool:
            today = local_date(now, residences[lease.residence_id].time_zone)
            return lease.status is not LeaseStatus.ADMITTED or lease.ends_on < today

        there = [one for one in fitting if one.lease.residence_id in residences]
        there.sort(key=lambda one: (ended(one.lease), one.name_words, one.lease.lease_id))
        shown = [one.lease for one in there[:MAX_HITS]]
        persons = self.people.persons_by_id([lease.person_id for lease in shown])
        return Found(
            leases=[
                FoundLease(
                    lease=as_of(lease, local_date(now, residences[lease.residence_id].time_zone)),
                    person=persons[lease.person_id],
                    residence=residences[lease.residence_id],
                    ended=ended(lease),
                )
                for lease in shown
                if lease.person_id in persons
            ],
            more=len(there) > MAX_HITS,
        )


def _name_words(person: Person) -> str:
    return " ".join(folded_words(f"{person.family_name} {person.given_names}"))
