"""Renewal: who may stay another year by which rules, what would mend what is lacking, and who is reminded.

A campaign's rules and reminders are data. Days are those of the residence's calendar; a campaign closes with
the last second of its last day there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from sesame.domain.calendar import deadline, local_date, wall_time
from sesame.domain.consequences import BlockState
from sesame.domain.scope import Scope
from sesame.domain.studies import AcademicYear, EnrolmentStatus
from sesame.domain.tenancy import Language, Lease, LeaseStatus

MOST_REMINDERS = 5
"""In a campaign, after the message that opens it."""
DEFAULT_REMINDERS = (21, 7, 2)
"""Days before the closing."""
WARNINGS_COUNT_FOR = timedelta(days=365)
"""An older warning is forgotten, as far as renewal goes."""


class RenewalState(StrEnum):
    """Where a tenant's renewal stands in a campaign."""

    INVITED = "invited"
    REQUESTED = "requested"
    LEAVING = "leaving"
    """They said that they do not want another year. It is no notice to leave: the lease just ends."""
    ACCEPTED = "accepted"
    DECLINED = "declined"


class RenewalStep(StrEnum):
    """What happens to it."""

    ASK = "ask"
    LEAVE = "leave"
    ACCEPT = "accept"
    DECLINE = "decline"


RENEWAL_TRANSITIONS: dict[tuple[RenewalState, RenewalStep], RenewalState] = {
    (RenewalState.INVITED, RenewalStep.ASK): RenewalState.REQUESTED,
    (RenewalState.INVITED, RenewalStep.LEAVE): RenewalState.LEAVING,
    (RenewalState.REQUESTED, RenewalStep.ASK): RenewalState.REQUESTED,
    (RenewalState.REQUESTED, RenewalStep.LEAVE): RenewalState.LEAVING,
    (RenewalState.LEAVING, RenewalStep.ASK): RenewalState.REQUESTED,
    (RenewalState.LEAVING, RenewalStep.LEAVE): RenewalState.LEAVING,
    (RenewalState.REQUESTED, RenewalStep.ACCEPT): RenewalState.ACCEPTED,
    (RenewalState.REQUESTED, RenewalStep.DECLINE): RenewalState.DECLINED,
    # On appeal, or once what was lacking has come. The other way round is a matter of the lease's end.
    (RenewalState.DECLINED, RenewalStep.ACCEPT): RenewalState.ACCEPTED,
}

ANSWERS = frozenset({RenewalStep.ASK, RenewalStep.LEAVE})
"""What a tenant can say, while the campaign is open."""


class DeclinedFor(StrEnum):
    """Why a renewal is declined."""

    RENT_OWED = "rent_owed"
    NOT_ENROLLED = "not_enrolled"
    RULES_BROKEN = "rules_broken"
    TOO_MANY_RENEWALS = "too_many_renewals"
    NO_ROOM = "no_room"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a renewal asks of a tenant. None: that rule is not applied."""

    debt_tolerance_cents: int | None = 0
    """What may be overdue of who is still up to date."""
    enrolment_year: AcademicYear | None = None
    """The year for which an enrolment must be known."""
    pre_enrolment_counts: bool = True
    most_warnings: int | None = None
    """How many warnings of the last year still pass."""
    most_renewals: int | None = None
    """How many years may follow the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A season of renewals. `scope`: its residences; `leases_end`: the leases that it is about, by their last
    day; `renews_until`: the last day of the new period."""

    campaign_id: str
    scope: Scope
    opens_on: date
    closes_on: date
    leases_end_from: date
    leases_end_to: date
    renews_until: date
    rules: Rules
    remind_days: tuple[int, ...] = DEFAULT_REMINDERS
    """Days before the closing on which who has not answered is reminded."""
    version: int = 0
    """0: nothing is stored yet."""

    def opens_at(self, time_zone: str) -> datetime:
        """The first instant of its first day, in UTC."""
        return wall_time(self.opens_on, time(), time_zone)

    def closes_at(self, time_zone: str) -> datetime:
        """The last second of its last day, in UTC."""
        return deadline(self.closes_on, time_zone)

    def is_open(self, now: datetime, time_zone: str) -> bool:
        """Whether a tenant of a residence in that zone may answer."""
        return self.opens_at(time_zone) <= now <= self.closes_at(time_zone)

    def is_about(self, lease: Lease, today: date) -> bool:
        """Whether a lease's tenant is to be asked by it, on a day of the residence's calendar."""
        return self.can_renew(lease) and today <= lease.ends_on

    def can_renew(self, lease: Lease) -> bool:
        """Whether a lease is one that can be renewed by it, late too: none that is left before its time."""
        return (
            lease.status not in {LeaseStatus.CANCELLED, LeaseStatus.CLOSED}
            and lease.departure is None
            and self.scope.includes(lease.residence_id)
            and self.leases_end_from <= lease.ends_on <= self.leases_end_to
        )

    def steps(self) -> list[date]:
        """The days on which who has not answered is written to: the opening, then the reminders."""
        days = [self.closes_on - timedelta(days=before) for before in self.remind_days]
        return [self.opens_on, *sorted(day for day in set(days) if day > self.opens_on)]

    def step_on(self, today: date) -> date | None:
        """The step that a day has reached; one that was missed is made up for by the next, not repeated."""
        if not self.opens_on <= today <= self.closes_on:
            return None
        return max(day for day in self.steps() if day <= today)


def faults_of(campaign: Campaign) -> list[str]:
    """The fields of a campaign that make no sense together."""
    wrong = []
    if campaign.closes_on < campaign.opens_on:
        wrong.append("closes_on")
    if campaign.leases_end_to < campaign.leases_end_from:
        wrong.append("leases_end_to")
    if campaign.renews_until <= campaign.leases_end_to:
        wrong.append("renews_until")
    if campaign.closes_on > campaign.leases_end_to:
        wrong.append("closes_on")
    if len(campaign.remind_days) > MOST_REMINDERS or any(days < 0 for days in campaign.remind_days):
        wrong.append("remind_days")
    return sorted(set(wrong))


def campaign_for(
    lease: Lease, campaigns: Sequence[Campaign], answered: frozenset[str], now: datetime, time_zone: str
) -> Campaign | None:
    """The campaign that a tenant is shown: one that is open, else the next to open, else the last.

    `answered`: those that the lease has a record in, which stay its own once it was renewed.
    """
    today = local_date(now, time_zone)
    mine = [one for one in campaigns if one.campaign_id in answered or one.is_about(lease, today)]

    def place(campaign: Campaign) -> tuple[int, float, str]:
        opens_at = campaign.opens_at(time_zone)
        if campaign.is_open(now, time_zone):
            return 0, -opens_at.timestamp(), campaign.campaign_id
        if opens_at > now:
            return 1, opens_at.timestamp(), campaign.campaign_id
        return 2, -opens_at.timestamp(), campaign.campaign_id

    return min(mine, key=place, default=None)


def next_state(state: RenewalState, step: RenewalStep) -> RenewalState | None:
    """Where a step leads; None where the table has no such step."""
    return RENEWAL_TRANSITIONS.get((state, step))


# --- Eligibility, reason by reason


class Criterion(StrEnum):
    """A rule of renewal."""

    RENT = "rent"
    LATENESS = "lateness"
    """The residence's own rule, whatever the campaign asks."""
    ENROLMENT = "enrolment"
    CONDUCT = "conduct"
    RENEWALS = "renewals"


DECLINED_FOR: dict[Criterion, DeclinedFor] = {
    Criterion.RENT: DeclinedFor.RENT_OWED,
    Criterion.LATENESS: DeclinedFor.RENT_OWED,
    Criterion.ENROLMENT: DeclinedFor.NOT_ENROLLED,
    Criterion.CONDUCT: DeclinedFor.RULES_BROKEN,
    Criterion.RENEWALS: DeclinedFor.TOO_MANY_RENEWALS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a tenant on a day."""

    overdue_cents: int
    enrolment: EnrolmentStatus | None
    """For the year that the rules name; None where no university said anything."""
    warnings: int
    renewals: int
    """Years that followed the first, up to now."""
    block: BlockState | None = None
    """Where they stand by the residence's rule on being late; None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a tenant stands by one rule; `said` and `remedy` (empty where nothing is lacking) by language."""

    criterion: Criterion
    met: bool
    said: dict[Language, str]
    remedy: dict[Language, str]


def eligibility(rules: Rules, facts: Facts) -> list[Verdict]:
    """Each rule that applies, met or not. Whoever meets all of them may stay."""
    judged = [judge(rules, facts) for judge in _JUDGES]
    return [verdict for verdict in judged if verdict is not None]


def is_eligible(verdicts: Sequence[Verdict]) -> bool:
    """Whether nothing is lacking."""
    return all(verdict.met for verdict in verdicts)


def _rent(rules: Rules, facts: Facts) -> Verdict | None:
    if rules.debt_tolerance_cents is None:
        return None
    owed = facts.overdue_cents
    if owed <= rules.debt_tolerance_cents:
        return _met(Criterion.RENT, "Vos loyers sont à jour.", "Your rent is up to date.")
    return _lacking(
        Criterion.RENT,
        f"Il reste {_euros(owed, Language.FRENCH)} de loyer en retard.",
        f"{_euros(owed, Language.ENGLISH)} of rent is overdue.",
        "Payez cette somme en ligne ou à l'accueil ; en cas de difficulté, demandez-y un échéancier.",
        "Pay it online or at the reception desk; if that is difficult, ask the desk for a payment plan.",
    )


def _lateness(rules: Rules, facts: Facts) -> Verdict | None:
    """It is told before it applies too, and as a met rule then."""
    del rules
    block = facts.block
    if block is None:
        return None
    cents = {language: _euros(block.cents, language) for language in Language}
    french, english = cents[Language.FRENCH], cents[Language.ENGLISH]
    if block.on is None:
        return _met(
            Criterion.LATENESS,
            f"Aucun retard de loyer n'empêche votre renouvellement ({block.source}).",
            f"No late rent stands in the way of your renewal ({block.source}).",
        )
    if not block.applies:
        return _met(
            Criterion.LATENESS,
            f"Sans paiement de {french} avant le {block.on:%d/%m/%Y}, votre renouvellement sera bloqué "
            f"({block.source}).",
            f"Unless {english} are paid before {block.on:%d/%m/%Y}, your renewal will be blocked "
            f"({block.source}).",
        )
    return _lacking(
        Criterion.LATENESS,
        f"Votre renouvellement est bloqué depuis le {block.on:%d/%m/%Y} : {french} de loyer sont en retard "
        f"({block.source}).",
        f"Your renewal has been blocked since {block.on:%d/%m/%Y}: {english} of rent is late "
        f"({block.source}).",
        "Payez cette somme, ou convenez d'un échéancier à l'accueil : le blocage prend fin aussitôt. Si le "
        "retard n'est pas de votre fait, parlez-en à l'accueil, qui peut le lever.",
        "Pay it, or agree a payment plan at the reception desk: the block ends at once. If you are not to "
        "blame for the delay, tell the reception desk, which can lift it.",
    )


def _enrolment(rules: Rules, facts: Facts) -> Verdict | None:
    year = rules.enrolment_year
    if year is None:
        return None
    if facts.enrolment is EnrolmentStatus.ENROLLED or (
        facts.enrolment is EnrolmentStatus.PRE_ENROLLED and rules.pre_enrolment_counts
    ):
        return _met(
            Criterion.ENROLMENT,
            f"Votre inscription pour {year} est connue.",
            f"Your enrolment for {year} is on record.",
        )
    if facts.enrolment is EnrolmentStatus.PRE_ENROLLED:
        return _lacking(
            Criterion.ENROLMENT,
            f"Votre inscription pour {year} n'est pas encore définitive.",
            f"Your enrolment for {year} is not complete yet.",
            "Terminez votre inscription ; votre établissement nous le dira, ou montrez votre certificat de "
            "scolarité à l'accueil.",
            "Complete your enrolment; your university will tell us, or show your enrolment certificate at "
            "the reception desk.",
        )
    if facts.enrolment is EnrolmentStatus.NOT_ENROLLED:
        return _lacking(
            Criterion.ENROLMENT,
            f"Votre établissement nous dit que vous n'êtes pas inscrit pour {year}.",
            f"Your university tells us that you are not enrolled for {year}.",
            "Si vous l'êtes ailleurs, montrez votre certificat de scolarité à l'accueil.",
            "If you are enrolled elsewhere, show your enrolment certificate at the reception desk.",
        )
    return _lacking(
        Criterion.ENROLMENT,
        f"Nous n'avons pas encore de preuve de votre inscription pour {year}.",
        f"We have no proof yet of your enrolment for {year}.",
        "Montrez votre certificat de scolarité à l'accueil dès que vous l'avez.",
        "Show your enrolment certificate at the reception desk as soon as you have it.",
    )


def _conduct(rules: Rules, facts: Facts) -> Verdict | None:
    if rules.most_warnings is None:
        return None
    if facts.warnings <= rules.most_warnings:
        return _met(
            Criterion.CONDUCT,
            "Le règlement intérieur a été respecté.",
            "The house rules have been kept.",
        )
    french = "Un avertissement a été prononcé" if facts.warnings == 1 else f"{facts.warnings} avertissements"
    french += "" if facts.warnings == 1 else " ont été prononcés"
    english = "One warning was" if facts.warnings == 1 else f"{facts.warnings} warnings were"
    return _lacking(
        Criterion.CONDUCT,
        f"{french} au cours des douze derniers mois.",
        f"{english} given in the last twelve months.",
        "Demandez un entretien à l'accueil : la direction peut revoir un avertissement.",
        "Ask for an appointment at the reception desk: the management can review a warning.",
    )


def _renewals(rules: Rules, facts: Facts) -> Verdict | None:
    if rules.most_renewals is None:
        return None
    left = rules.most_renewals - facts.renewals
    if left > 0:
        return _met(
            Criterion.RENEWALS,
            "Vous pouvez rester une année de plus.",
            "You may stay another year.",
        )
    return _lacking(
        Criterion.RENEWALS,
        f"Le nombre de renouvellements est limité à {rules.most_renewals}, et vous y êtes.",
        f"The number of renewals is limited to {rules.most_renewals}, and you have reached it.",
        "Faites votre demande tout de même si votre situation le justifie : la direction peut faire une "
        "exception. Sinon, l'accueil vous aide à trouver un autre logement.",
        "Ask all the same if your situation warrants it: the management can make an exception. Otherwise the "
        "reception desk helps you find other housing.",
    )


_JUDGES: tuple[Callable[[Rules, Facts], Verdict | None], ...] = (
    _rent,
    _lateness,
    _enrolment,
    _conduct,
    _renewals,
)


def _met(criterion: Criterion, french: str, english: str) -> Verdict:
    return Verdict(
        criterion=criterion,
        met=True,
        said={Language.FRENCH: french, Language.ENGLISH: english},
        remedy={Language.FRENCH: "", Language.ENGLISH: ""},
    )


def _lacking(criterion: Criterion, french: str, english: str, mend_french: str, mend_english: str) -> Verdict:
    return Verdict(
        criterion=criterion,
        met=False,
        said={Language.FRENCH: french, Language.ENGLISH: english},
        remedy={Language.FRENCH: mend_french, Language.ENGLISH: mend_english},
    )


def _euros(cents: int, language: Language) -> str:
    """`1 234,50 €` in French (with the narrow no-break space), `€1,234.50` in English."""
    english = f"{cents // 100:,}.{cents % 100:02}"
    if language is Language.ENGLISH:
        return f"€{english}"
    return english.replace(",", "\N{NARROW NO-BREAK SPACE}").replace(".", ",") + "\N{NO-BREAK SPACE}€"


# --- Warnings, which the rule on conduct counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A warning (*avertissement*) that a tenant was given for breaking the house rules."""

    warning_id: str
    lease_id: str
    given_on: date
    rule: str
    """Which rule, in the operator's words: an article of its *règlement intérieur*."""
    recorded_at: datetime
    recorded_by: str
    withdrawn_at: datetime | None = None


def warnings_that_count(warnings: Sequence[Warned], now: datetime, time_zone: str) -> int:
    """Those of the last year that nobody took back."""
    since = local_date(now, time_zone) - WARNINGS_COUNT_FOR
    return sum(one.withdrawn_at is None and one.given_on > since for one in warnings)
