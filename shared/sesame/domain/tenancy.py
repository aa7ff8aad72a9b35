"""Who lives where, and on what terms: residences, persons and their leases."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Language(StrEnum):
    """The languages Sésame writes in; French is authoritative."""

    FRENCH = "fr"
    ENGLISH = "en"


class LeaseStatus(StrEnum):
    """Where a lease stands in its life."""

    ADMITTED = "admitted"
    CANCELLED = "cancelled"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Landlord:
    """The operator's legal identity, as certificates print it; each residence carries its own copy."""

    name: str
    address: tuple[str, ...]
    siret: str = ""
    caf_landlord_code: str = ""
    """*Code bailleur*, given by the CAF. A wrong one costs students months of aid: it is never guessed."""
    signatory: str = ""
    signatory_title: str = ""


class RentWord(StrEnum):
    """What a residence calls the rent on paper: a room of a social residence pays a *redevance*."""

    RENT = "loyer"
    FEE = "redevance"


class Structure(StrEnum):
    """What a residence is to the CAF."""

    UNIVERSITY_RESIDENCE = "university_residence"
    STUDENT_RESIDENCE = "student_residence"
    HOSTEL = "hostel"
    """*Logement-foyer* or *résidence sociale*."""
    FURNISHED_LETTING = "furnished_letting"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSurface:
    """The living space of the rooms whose name matches a pattern (`B2*`), in square decimetres."""

    rooms: str
    square_decimetres: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CafSettings:
    """What only the operator knows of what a CAF certificate states. Empty where nobody has said it."""

    structure: Structure | None = None
    agency_code: str = ""
    """*Code agence*, where the CAF gave one."""
    agreement_number: str = ""
    """Of the *convention* with the State, on which APL depends; empty where there is none."""
    agreement_on: date | None = None
    furnished: bool = True
    third_party_payment: bool = True
    """*Tiers payant*: the aid goes to the landlord."""
    surfaces: tuple[RoomSurface, ...] = ()
    """The first that matches counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSettings:
    """How a residence's documents look and what they say beyond the common words."""

    rent_word: RentWord = RentWord.RENT
    footer_fr: str = ""
    """The operator's own words, below every document (legal form, capital, register)."""
    footer_en: str = ""
    logo: str = ""
    """SHA-256 (hex) of the operator's logo, a PNG kept under it; empty for none."""
    debt_tolerance_cents: int = 0
    """What may be overdue of who is still certified to be up to date."""
    caf: CafSettings = CafSettings()
    two_d_doc: bool = False
    """Whether proofs of address carry a 2D-Doc: the operator needs an authority's certificate for it."""


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"


class Tone(StrEnum):
    """How a reminder speaks."""

    COURTESY = "courtesy"
    FIRM = "firm"
    PRESSING = "pressing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderStep:
    """A rung of a ladder of reminders: `days` from the due date, negative before it.

    `name` is what events and messages call it. Words of the residence's own take the place of the tone's.
    """

    name: str
    days: int
    channels: tuple[Channel, ...] = (Channel.EMAIL,)
    tone: Tone = Tone.COURTESY
    words_fr: str = ""
    words_en: str = ""
    formal_notice: bool = False
    """Whether it is the *mise en demeure*: a sealed document, and the message that brings it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surcharge:
    """What being late costs, once a notice. Basis points are of what is unpaid then; cents and days."""

    flat_cents: int = 0
    basis_points: int = 0
    cap_cents: int
    grace_days: int
    """Days after the last day to pay before it applies."""
    source: str
    """The text that it rests on, as printed beside it: an article of the rules, of the contract."""
    applies_from: date
    """Notices issued before that day never bear it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalBlock:
    """When being late bars a lease from renewal: more than `over_cents`, `days` after the last day to pay."""

    days: int
    over_cents: int = 0
    source: str
    """The text that it rests on, as printed beside it."""
    applies_from: date
    """Notices issued before that day never count."""


DEFAULT_STEPS = (
    ReminderStep(name="before-due", days=-5),
    ReminderStep(name="due", days=0),
    ReminderStep(name="late-1", days=3),
    ReminderStep(name="late-2", days=10, tone=Tone.FIRM),
    ReminderStep(name="late-3", days=20, tone=Tone.PRESSING),
    ReminderStep(name="formal-notice", days=30, tone=Tone.PRESSING, formal_notice=True),
)
DEFAULT_PLAN_STEPS = (
    ReminderStep(name="instalment-before", days=-3),
    ReminderStep(name="instalment-due", days=0),
    ReminderStep(name="instalment-late", days=3, tone=Tone.FIRM),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderSettings:
    """How a residence reminds who owes rent. Cents and days."""

    steps: tuple[ReminderStep, ...] = DEFAULT_STEPS
    """In the order of their days, no two on one day."""
    tolerance_cents: int = 0
    """Who owes no more than this in all is left alone."""
    pay_by_days: int = 8
    """What a formal notice gives to pay."""
    plan_steps: tuple[ReminderStep, ...] = DEFAULT_PLAN_STEPS
    """Around each instalment of a payment plan."""
    plan_grace_days: int = 8
    """A plan is broken once an instalment is unpaid this many days after its own."""
    surcharge: Surcharge | None = None
    renewal_block: RenewalBlock | None = None
    territory: str = ""
    """Whose public holidays are kept (`territories.TERRITORIES`), where the postal code does not say it."""


USUAL_REMINDERS = ReminderSettings()


NOTICE_MONTHS = 1
"""The notice that a tenant gives where a residence's contract says nothing else: one full month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Residence:
    """A residence and its settings. Times on its walls are in `time_zone` (IANA name)."""

    residence_id: str
    name: str
    address: tuple[str, ...]
    """Lines as printed, street to city."""
    postal_code: str
    city: str
    time_zone: str
    landlord: Landlord
    desk_contact: str = ""
    issue_day: int = 1
    due_day: int = 10
    notice_months: int = NOTICE_MONTHS
    """Full months of notice that a tenant gives to leave; 0: none."""
    provider: str = ""
    """Who takes its payments online, and by which account if not the operator's own (`stripe:lyon`); empty
    while nobody does."""
    other_providers: tuple[str, ...] = ()
    """Other ways to pay that its tenants may choose."""
    documents: DocumentSettings = DocumentSettings()
    reminders: ReminderSettings = USUAL_REMINDERS
    confirmed: bool = True
    """False while the settings come from a lease file only and nobody has read them."""

    @property
    def providers(self) -> tuple[str, ...]:
        """Every way to pay online, the usual one first."""
        return tuple(name for name in (self.provider, *self.other_providers) if name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactHold:
    """What a change of contacts at a desk leaves behind for a day: the new ones cannot sign in meanwhile.

    Whoever talked a desk into a change has gained nothing before the tenant was told on the contacts before.
    """

    until: datetime
    held: tuple[Channel, ...]
    """The channels whose contact is new."""
    former: tuple["FormerContact", ...] = ()
    """Every contact that was on record before one of the changes, the oldest first: each is still told."""
    recovery_id: str
    """The last change: an approval names it, so that nobody approves another one unseen."""
    changed_by: tuple[str, ...]
    """Whoever made one of the changes that are held: only yet another member of staff may approve them."""
    approved_by: str | None = None

    def holds(self, channel: Channel, now: datetime) -> bool:
        """Whether a channel's contact may not yet receive one-time codes."""
        return channel in self.held and self.stands(now)

    def stands(self, now: datetime) -> bool:
        """Whether something of it still waits for an approval or its end."""
        return bool(self.held) and self.approved_by is None and now < self.until

    def undone_by(self, channel: Channel, contact: str, now: datetime) -> bool:
        """Whether going back to a contact only undoes what still waits: it proved identity before."""
        return (
            self.stands(now) and FormerContact(channel=channel, contact=contact, proven=True) in self.former
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerContact:
    """A contact that a change at a desk replaced; `proven` where it could sign in until then."""

    channel: Channel
    contact: str
    proven: bool


class Unusable(StrEnum):
    """Why a contact is written to no more."""

    BOUNCE = "bounce"
    """The mail service says that there is no such mailbox."""
    COMPLAINT = "complaint"
    """Its reader called a message of ours unwanted."""
    OPTED_OUT = "opted_out"
    """The phone's holder told the operator to let none of ours through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusableContact:
    """A contact that notices and reminders go to no more; another one in its place is usable again."""

    channel: Channel
    contact: str
    reason: Unusable
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A tenant. Two persons may share an e-mail address; an INE belongs to one."""

    person_id: str
    family_name: str
    given_names: str
    birth_date: date
    ine: str | None = None
    email: str | None = None
    phone: str | None = None
    """E.164."""
    language: Language = Language.FRENCH
    credential_epoch: int = 1
    """Raising it kills every session and one-time code of an older epoch."""
    hold: ContactHold | None = None
    reminders_by: Channel | None = None
    """How they wish to be reminded, where that can be; None for however the residence does it."""
    courtesy_reminders: bool = True
    """Whether they want reminders while nothing is late."""
    unusable: tuple[UnusableContact, ...] = ()

    @property
    def full_name(self) -> str:
        """As printed: given names, then family name."""
        return f"{self.given_names} {self.family_name}".strip()

    def contact(self, channel: Channel) -> str | None:
        """The address or number that a channel reaches them by."""
        return self.email if channel is Channel.EMAIL else self.phone

    def usable(self, channel: Channel) -> str | None:
        """The contact that notices and reminders may go to; None where there is none, or it failed."""
        contact = self.contact(channel)
        failed = any(one.channel is channel and one.contact == contact for one in self.unusable)
        return None if failed else contact

    def can_prove_by(self, channel: Channel, now: datetime) -> bool:
        """Whether a one-time code sent this way proves that it is them."""
        held = self.hold is not None and self.hold.holds(channel, now)
        return self.contact(channel) is not None and not held

    def every_contact(self, now: datetime) -> list[tuple[Channel, str]]:
        """All that must hear of what was done with the code: for a day, the contacts before a change too."""
        found = [(Channel.EMAIL, self.email), (Channel.SMS, self.phone)]
        if self.hold is not None and now < self.hold.until:
            found += [(one.channel, one.contact) for one in self.hold.former]
        return list(dict.fromkeys((channel, contact) for channel, contact in found if contact))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a tenant has and owes from a day on: a room, and cents a month.

    Where several share a room, each has a lease of their own, and the amounts are this tenant's part.
    """

    starts_on: date
    room: str
    rent_cents: int
    charges_cents: int
    occupants: int = 1
    """How many tenants live in the room."""


class DepartureReason(StrEnum):
    """Why a stay ends on another day than was agreed when it began."""

    TENANT_NOTICE = "tenant_notice"
    """The tenant's notice, of the residence's length."""
    AGREEMENT = "agreement"
    """Both sides agreed on a day."""
    DECISION = "decision"
    """The operator's, or a court's."""
    ABANDONED = "abandoned"
    """The room was found empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Notice to leave, or an early end: with what is needed to take it back."""

    given_on: date
    reason: DepartureReason
    ended_on: date
    """The lease's last day before it."""
    cut_off: tuple[Terms, ...] = ()
    """Terms that would have come to hold after the new last day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A *décision d'admission*: one person, `starts_on` to `ends_on` included; cents a month.

    `room`, `rent_cents` and `charges_cents` are those of one moment; what holds on a day is asked of
    `domain.terms`, which knows the changes too.
    """

    lease_id: str
    person_id: str
    residence_id: str
    reference: str
    """The operator's own reference of the lease, unique for the operator."""
    tenant_reference: str
    """Non-secret; for bank transfers, the CAF and payment links."""
    room: str
    starts_on: date
    ends_on: date
    rent_cents: int
    charges_cents: int
    deposit_cents: int
    code_tail: str
    """The last two symbols of the tenant code: all of it that is shown outside the entry document."""
    code_cipher: bytes
    """The tenant code, encrypted by KMS with the lease as encryption context."""
    code_hash: str
    """The keyed hash under which the code's look-up is kept."""
    code_rotated_at: datetime | None = None
    """When the code last took the place of another; None for the first."""
    status: LeaseStatus = LeaseStatus.ADMITTED
    version: int = 1
    terms: tuple[Terms, ...] = ()
    """The terms from the first day on, each to the eve of the next; empty while they have never changed."""
    departure: Departure | None = None
    """Set while `ends_on` is a day that notice, or a decision, has brought forward."""
    renewed_from: tuple[date, ...] = ()
    """The first day of each period that a renewal added."""

    @property
    def has_code(self) -> bool:
        """False once an erasure has taken the code away."""
        return bool(self.code_hash)
