"""What a tenant may decide of the messages that they get, and what they may not, with the reason."""

from enum import StrEnum

from sesame.domain.tenancy import Channel

OTHER = {Channel.EMAIL: Channel.SMS, Channel.SMS: Channel.EMAIL}
"""The channel that is left where one cannot be used."""


class Obligatory(StrEnum):
    """Messages that nobody can switch off."""

    NOTICES = "notices"
    OVERDUE_REMINDERS = "overdue_reminders"
    SECURITY = "security"


WHY_OBLIGATORY: dict[Obligatory, dict[str, str]] = {
    Obligatory.NOTICES: {
        "fr": "L'avis d'échéance vous dit ce que vous devez et quand : le bailleur doit pouvoir prouver "
        "qu'il vous l'a envoyé.",
        "en": "The rent notice says what you owe and when: the landlord must be able to prove that it "
        "was sent to you.",
    },
    Obligatory.OVERDUE_REMINDERS: {
        "fr": "Une relance vous permet de régulariser avant toute mise en demeure : elle protège vos "
        "droits autant que ceux du bailleur.",
        "en": "A reminder of overdue rent lets you put things right before a formal notice: it protects "
        "your rights as well as the landlord's.",
    },
    Obligatory.SECURITY: {
        "fr": "Codes à usage unique et alertes sur votre code locataire : sans eux, personne ne vous "
        "préviendrait d'un usage à votre insu.",
        "en": "One-time codes and word of what is done with your tenant code: without them nobody would "
        "tell you of its use behind your back.",
    },
}
