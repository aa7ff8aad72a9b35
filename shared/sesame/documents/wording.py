"""The words on documents. French is authoritative; English stands beside it for those who asked for it.

Placeholders in braces are filled by the templates; apostrophes and French spaces are set on the way out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from markupsafe import Markup

from sesame.documents.typography import typeset
from sesame.domain.tenancy import Language

TEXTS: dict[str, tuple[str, str]] = {
    # titles
    "residence_certificate.title": ("Attestation de résidence", "Certificate of residence"),
    "receipt.title": ("Quittance de loyer", "Rent receipt"),
    "part_payment_receipt.title": ("Reçu de paiement partiel", "Part-payment receipt"),
    "payment_receipt.title": ("Reçu de paiement", "Payment receipt"),
    "entry_document.title": ("Document d'entrée", "Entry document"),
    "code_slip.title": ("Votre code locataire", "Your tenant code"),
    # what a residence certificate states
    "stay.current": (
        "{landlord} atteste que {holder}, né(e) le {birth_date}, occupe depuis le {start} le logement {room} "
        "de la résidence {residence}.",
        "{landlord} certifies that {holder}, born on {birth_date}, has been living in room {room} "
        "of the residence {residence} since {start}.",
    ),
    "stay.future": (
        "{landlord} atteste que {holder}, né(e) le {birth_date}, est admis(e) à occuper, à compter du "
        "{start}, le logement {room} de la résidence {residence}.",
        "{landlord} certifies that {holder}, born on {birth_date}, has been granted room {room} "
        "of the residence {residence} from {start}.",
    ),
    "stay.past": (
        "{landlord} atteste que {holder}, né(e) le {birth_date}, a occupé du {start} au {end} le logement "
        "{room} de la résidence {residence}.",
        "{landlord} certifies that {holder}, born on {birth_date}, lived in room {room} "
        "of the residence {residence} from {start} to {end}.",
    ),
    "residence_certificate.purpose": (
        "La présente attestation est délivrée pour servir et valoir ce que de droit.",
        "This certificate is issued for whatever purpose it may serve.",
    ),
    # what receipts state
    "receipt.statement": (
        "{landlord} déclare avoir reçu de {holder} la somme de {amount} au titre du loyer et des charges "
        "du {start} au {end}, pour le logement {room} de la résidence {residence}, et lui en donne "
        "quittance, sous réserve de tous ses droits.",
        "{landlord} has received from {holder} the sum of {amount} for rent and charges from {start} to "
        "{end}, for room {room} of the residence {residence}, and gives full discharge for it, "
        "all rights reserved.",
    ),
    "receipt.effect": (
        "Cette quittance annule tous les reçus précédents pour la période. Elle est délivrée gratuitement.",
        "This receipt cancels all earlier receipts for the period. It is issued free of charge.",
    ),
    "part_payment_receipt.statement": (
        "{landlord} déclare avoir reçu de {holder} la somme de {amount}, à valoir sur le loyer et les "
        "charges du {start} au {end}, pour le logement {room} de la résidence {residence}. "
        "Reste dû : {outstanding}.",
        "{landlord} has received from {holder} the sum of {amount} towards rent and charges from {start} "
        "to {end}, for room {room} of the residence {residence}. Still owed: {outstanding}.",
    ),
    "part_payment_receipt.effect": (
        "Ce reçu ne vaut pas quittance : la période n'est pas payée en totalité. "
        "Il est délivré gratuitement.",
        "This is not a receipt in full: the period is not entirely paid. It is issued free of charge.",
    ),
    "payment_receipt.rent": (
        "{landlord} déclare avoir reçu de {holder}, le {on}, la somme de {amount}, à valoir sur les loyers "
        "et charges du logement {room} de la résidence {residence}.",
        "{landlord} received from {holder}, on {on}, the sum of {amount} towards rent and charges for room "
        "{room} of the residence {residence}.",
    ),
    "payment_receipt.deposit": (
        "{landlord} déclare avoir reçu de {holder}, le {on}, la somme de {amount}, au titre du dépôt de "
        "garantie du logement {room} de la résidence {residence}.",
        "{landlord} received from {holder}, on {on}, the sum of {amount} as the deposit for room {room} of "
        "the residence {residence}.",
    ),
    "payment_receipt.effect": (
        "Ce reçu prouve un paiement ; il ne vaut pas quittance de loyer. Par chèque, il vaut sous réserve "
        "d'encaissement. Il est délivré gratuitement.",
        "This proves a payment; it is not a rent receipt. A cheque counts once it is cashed. It is issued "
        "free of charge.",
    ),
    "label.payment_reference": ("Référence du paiement", "Payment reference"),
    "label.item": ("Désignation", "Item"),
    "label.amount": ("Montant", "Amount"),
    "label.rent": ("Loyer", "Rent"),
    "label.charges": ("Charges", "Charges"),
    "label.adjustment": ("Régularisation", "Adjustment"),
    "label.total": ("Total de la période", "Total for the period"),
    "label.received": ("Reçu", "Received"),
    "label.outstanding": ("Reste dû", "Still owed"),
    "label.payments": ("Paiements reçus", "Payments received"),
    "label.paid_on": ("Date", "Date"),
    "label.method": ("Moyen de paiement", "Paid by"),
    "label.period_items": ("Détail de la période", "The period in detail"),
    "method.card": ("Carte bancaire", "Card"),
    "method.transfer": ("Virement", "Bank transfer"),
    "method.sepa_debit": ("Prélèvement SEPA", "SEPA direct debit"),
    "method.cheque": ("Chèque", "Cheque"),
    "method.cash": ("Espèces", "Cash"),
    "method.card_terminal": ("Carte bancaire", "Card"),
    "method.deposit": ("Retenue sur le dépôt de garantie", "Withheld from the deposit"),
    "method.aid": ("Aide au logement", "Housing benefit"),
    "method.credit": ("Avoir", "Credit"),
    "method.online": ("Paiement en ligne", "Online payment"),
    "method.other": ("Paiement", "Payment"),
    # who and where
    "label.details": ("Le séjour", "The stay"),
    "label.holder": ("Locataire", "Tenant"),
    "label.residence": ("Résidence", "Residence"),
    "label.address": ("Adresse", "Address"),
    "label.room": ("Logement", "Room"),
    "label.period": ("Période", "Period"),
    "label.entry": ("Date d'entrée", "Date of entry"),
    "label.end": ("Fin du séjour", "End of stay"),
    "label.tenant_reference": ("Référence locataire", "Tenant reference"),
    "label.desk": ("Accueil", "Reception"),
    "period.span": ("du {start} au {end}", "{start} to {end}"),
    # signature
    "signature.place": ("Fait à {city}, le\u00a0{on}", "{city}, {on}"),
    # the tenant code, elsewhere than on the entry document
    "code.tail": (
        "Votre code locataire se termine par {tail}. Pour le retrouver : votre document d'entrée, votre "
        "espace personnel, la procédure « code perdu » sur {portal}, ou l'accueil de la résidence, "
        "avec une pièce d'identité.",
        "Your tenant code ends in {tail}. To find it again: your entry document, your personal space, "
        "the “lost code” procedure, or the reception, with an identity document.",
    ),
    # the entry document
    "entry.welcome": (
        "Bienvenue à la résidence {residence}, {holder}. Ce document porte votre code locataire : "
        "gardez-le en lieu sûr.",
        "Welcome to {residence}, {holder}. This document carries your tenant code: keep it somewhere safe.",
    ),
    "entry.code": ("Votre code locataire", "Your tenant code"),
    "entry.reading": (
        "Ni I, ni L, ni O, ni U : un rond est toujours un zéro, un trait toujours un un.",
        "There is no I, L, O or U: what looks like O is always zero, what looks like I is always one.",
    ),
    "entry.confidential": (
        "Ce code est personnel et confidentiel. Il ne suffit pas à lui seul : à chaque connexion, "
        "un code à usage unique vous est envoyé. Personne ne vous le demandera par téléphone ni par message.",
        "This code is personal and confidential. It is never enough by itself: each time you sign in, "
        "a one-time code is sent to you. Nobody will ever ask you for it by telephone or message.",
    ),
    "entry.where": ("Où retrouver ce code", "Where to find this code again"),
    "entry.where.document": ("Sur ce document d'entrée.", "On this entry document."),
    "entry.where.space": (
        "Dans votre espace personnel, sur {portal}.",
        "In your personal space, at {portal}.",
    ),
    "entry.where.procedure": (
        "Par la procédure « code perdu », sur {portal} : votre e-mail, votre téléphone ou votre INE, "
        "et votre date de naissance.",
        "By the “lost code” procedure, at {portal}: your e-mail, telephone or INE, and your birth date.",
    ),
    "entry.where.desk": (
        "À l'accueil de la résidence, sur présentation d'une pièce d'identité.",
        "At the reception of your residence, with an identity document.",
    ),
    "entry.reference": (
        "Non confidentielle : pour la CAF et vos virements.",
        "Not secret: for the CAF and your transfers.",
    ),
    # what a desk hands over to who had lost the code
    "slip.given": (
        "Remis à {holder} le {on}, à l'accueil, sur présentation d'une pièce d'identité. Toutes les "
        "connexions ouvertes jusque-là ont été fermées.",
        "Handed to {holder} on {on}, at the reception, on presentation of an ID. Every session open until "
        "then has been closed.",
    ),
    "slip.held": (
        "Vos coordonnées viennent d'être changées : par sécurité, elles ne permettront de vous connecter "
        "qu'à partir du {on} à {at}. Si c'est urgent, demandez qu'un second membre du personnel les valide.",
        "Your contact details have just been changed: to be safe, they can be used to sign in only from {on} "
        "at {at}. If it is urgent, ask for a second member of staff to approve them.",
    ),
    "slip.how": ("Se connecter", "Signing in"),
    "slip.how.open": ("Ouvrez {portal}.", "Open {portal}."),
    "slip.how.type": (
        "Saisissez ce code ; majuscules et tiret ne comptent pas.",
        "Type this code; capitals and the hyphen do not matter.",
    ),
    "slip.how.read": (
        "Saisissez le code à usage unique que vous recevez par e-mail ou par SMS.",
        "Type the one-time code that you receive by e-mail or SMS.",
    ),
    # proof
    "proof.title": ("Vérifier ce document", "Check this document"),
    "proof.how": (
        "Scannez le code QR, ou saisissez ce code sur {url} :",
        "Scan the QR code, or enter this code at {url}:",
    ),
    "proof.secret": (
        "La vérification confirme que le document est authentique ; elle ne montre jamais le code locataire.",
        "The check confirms that the document is genuine; it never shows the tenant code. "
        "The French text is authoritative.",
    ),
    "proof.qr": (
        "Code QR vers la page de vérification de ce document",
        "QR code to the verification page of this document",
    ),
    "proof.datamatrix": (
        "Code 2D-Doc : les données de ce document, signées",
        "2D-Doc code: the data of this document, signed",
    ),
    "proof.electronic": (
        "Document électronique, valable sans signature manuscrite.",
        "Electronic document, valid without a handwritten signature. The French text is authoritative.",
    ),
    "number": ("Document n° {number}", "Document no. {number}"),
}
"""Each text in French, in English."""

_ORDER = (Language.FRENCH, Language.ENGLISH)


@cache
def _text(key: str, language: Language) -> Markup:
    return Markup(typeset(TEXTS[key][_ORDER.index(language)], language))  # noqa: S704 (our own texts)


@dataclass(frozen=True, slots=True)
class Voice:
    """Says texts in the languages of one document: French alone, or French and then English."""

    language: Language

    @property
    def languages(self) -> tuple[Language, ...]:
        """French first, whatever was asked for: it is the text that counts."""
        return _ORDER[: _ORDER.index(self.language) + 1]

    def one(self, key: str, **values: Any) -> Markup:
        """The text in the language that was asked for."""
        return self._filled(key, self.language, values)

    def say(self, key: str, **values: Any) -> Iterator[tuple[Language, Markup]]:
        """The text in each language, once where they write it alike. Values are escaped."""
        said = {Markup("")}
        for language in self.languages:
            text = self._filled(key, language, values)
            if text not in said:
                said.add(text)
                yield language, text

    def each(self, value: Any) -> Iterator[tuple[Language, Any]]:
        """A value in each language, once where they write it alike."""
        seen = set()
        for language in self.languages:
            spoken = value[language] if isinstance(value, dict) else value
            if spoken not in seen:
                seen.add(spoken)
                yield language, spoken

    def _filled(self, key: str, language: Language, values: dict[str, Any]) -> Markup:
        spoken = {
            name: value[language] if isinstance(value, dict) else value for name, value in values.items()
        }
        return _text(key, language).format(**spoken)
