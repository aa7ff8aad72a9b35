"""What to do when a code is lost or no message comes, and at which desk: the same for everybody."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from sesame.domain.contacts import folded
from sesame.domain.tenancy import Residence
from sesame.platform.errors import Invalid

MOST_DESKS = 20
_KEPT = timedelta(minutes=5)
_SHORTEST_SEARCH = 2

STEPS: dict[str, tuple[str, ...]] = {
    "fr": (
        "Attendez deux minutes, puis regardez dans les courriers indésirables. Nos messages viennent de "
        "{sender}.",
        "Relisez l'adresse, le numéro ou l'INE, et la date de naissance : nous répondons de la même façon "
        "quand ils ne correspondent à personne.",
        "Demandez un nouvel envoi, ou l'envoi par SMS : seul le dernier code reçu est valable.",
        "Essayez avec un autre de vos contacts, ou avec votre INE (onze caractères, sur le certificat de "
        "scolarité). Si vous partagez une adresse avec quelqu'un né le même jour, l'INE est nécessaire.",
        "Au-delà de dix codes en une heure, plus rien ne part avant l'heure indiquée dans le dernier "
        "message.",
        "Rien n'arrive, ou vos coordonnées ont changé : passez à l'accueil de votre résidence avec une pièce "
        "d'identité. Le code vous est remis sur place.",
    ),
    "en": (
        "Wait two minutes, then look among unwanted mail. Our messages come from {sender}.",
        "Read again the address, the number or the INE, and the birth date: we answer in the same way when "
        "they match nobody.",
        "Ask for the message again, or by SMS: only the last code received is valid.",
        "Try another of your contacts, or your INE (eleven characters, on the enrolment certificate). If you "
        "share an address with somebody born on the same day, the INE is needed.",
        "After ten codes within an hour nothing more is sent before the time said in the last message.",
        "Nothing comes, or your contact details have changed: come to your residence's reception with an ID. "
        "You get the code there and then.",
    ),
}
"""In the order to try them; `{sender}` is the address that our e-mails come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """The receptions found, and whether there are more than are shown."""

    residences: list[Residence]
    more: bool


@dataclass(slots=True)
class LostCodeHelp:
    """Answers from what any visitor of a residence can see; read at most every five minutes."""

    residences: Callable[[], Sequence[Residence]]
    sender: str
    now: Callable[[], float] = monotonic
    _kept: tuple[float, Sequence[Residence]] = field(default=(0.0, ()))

    def steps(self, language: str) -> list[str]:
        """What to try, in order, in `fr` or `en`."""
        return [step.format(sender=self.sender) for step in STEPS[language]]

    def desks(self, typed: str) -> Desks:
        """Receptions whose name, town or postal code matches, case and accents aside; all, for no search.

        Raises Invalid for what is too short to tell residences apart.
        """
        wanted = [folded(word) for word in typed.split()]
        if typed and sum(map(len, wanted)) < _SHORTEST_SEARCH:
            raise Invalid(
                detail_fr="Indiquez au moins deux lettres ou chiffres.",
                detail_en="Give at least two letters or digits.",
                errors=[{"field": "search"}],
            )
        found = [one for one in self._all() if all(word in _searched(one) for word in wanted)]
        found.sort(key=lambda one: (folded(one.city), folded(one.name)))
        return Desks(residences=found[:MOST_DESKS], more=len(found) > MOST_DESKS)

    def _all(self) -> Sequence[Residence]:
        until, kept = self._kept
        if not kept or until <= self.now():
            kept = self.residences()
            self._kept = (self.now() + _KEPT.total_seconds(), kept)
        return kept


def _searched(residence: Residence) -> str:
    return " ".join(map(folded, (residence.name, residence.city, residence.postal_code)))
