"""Certificates and receipts on request: who may have which, on the facts as they stand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from secrets import token_bytes
from typing import ClassVar

from sesame.domain.certificates import SHOWS_THE_CODE, Kind, Reason, Refused, Tenancy
from sesame.domain.tenancy import Language, Lease, Residence
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.platform.ids import Random
from sesame.platform.secrets import Pepper
from sesame.services.documents import Downloads, LeaseCancelled, Order, keep
from sesame.services.gathering import BY_PERIOD, MAY_HAVE_PERIOD, WISHED_FOR, Gathering
from sesame.services.retries import USUAL, Retries
from sesame.services.sessions import Session
from sesame.services.tenant_codes import CodeErased
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.audit import Action, Audit, AuditEntry, by_tenant
from sesame.store.documents import Document, Documents
from sesame.store.people import residence_of
from sesame.store.table import Put, Table

PAGE = 50


class NoNotice(Conflict):
    """Nothing was asked for that period, so nothing can have been paid for it."""

    slug = "no-notice"
    title: ClassVar = {
        "fr": "Il n'y a pas d'avis d'échéance pour cette période",
        "en": "There is no rent notice for this period",
    }


class NotPaidInFull(Conflict):
    """A receipt is for a period paid in full."""

    slug = "not-paid-in-full"
    title: ClassVar = {
        "fr": "Cette période n'est pas payée en totalité",
        "en": "This period is not paid in full",
    }


class NothingReceived(Conflict):
    """Not even a part was paid."""

    slug = "nothing-received"
    title: ClassVar = {
        "fr": "Aucun paiement n'a été reçu pour cette période",
        "en": "No payment was received for this period",
    }


class PaidInFull(Conflict):
    """A part-payment receipt is worth less than the receipt that is due."""

    slug = "paid-in-full"
    title: ClassVar = {
        "fr": "Cette période est payée en totalité : demandez une quittance",
        "en": "This period is paid in full: ask for a receipt",
    }


class CreditedInFull(Conflict):
    """What was asked was taken away by a credit note before anything was paid."""

    slug = "credited-in-full"
    title: ClassVar = {
        "fr": "Cette période a été annulée par un avoir",
        "en": "This period was credited in full",
    }


class NotUpToDate(Conflict):
    """Rent is overdue beyond what the residence tolerates."""

    slug = "not-up-to-date"
    title: ClassVar = {
        "fr": "Des loyers échus restent dus",
        "en": "Rent that was due is still owed",
    }


class StayNotOver(Conflict):
    """What certifies the end of a stay comes after it."""

    slug = "stay-not-over"
    title: ClassVar = {
        "fr": "Votre séjour n'est pas terminé",
        "en": "Your stay is not over",
    }


class OutsideTheStay(Conflict):
    """What certifies something of a tenant is for who is one."""

    slug = "outside-the-stay"
    title: ClassVar = {
        "fr": "Ce document ne se délivre que pendant le séjour",
        "en": "This document is only issued during the stay",
    }


class DetailsMissing(Conflict):
    """The residence has not yet said what the paper must state."""

    slug = "details-missing"
    title: ClassVar = {
        "fr": "La résidence n'a pas encore renseigné tout ce que la CAF demande",
        "en": "The residence has not yet given all that the CAF asks for",
    }


class NothingBilled(Conflict):
    """There is no account to state."""

    slug = "nothing-billed"
    title: ClassVar = {
        "fr": "Il n'y a encore aucun mouvement sur votre compte",
        "en": "There is no movement on your account yet",
    }


class NothingOverdue(Conflict):
    """A formal notice is for who is late."""

    slug = "nothing-overdue"
    title: ClassVar = {
        "fr": "Aucune somme échue ne reste due",
        "en": "Nothing that was due is still owed",
    }


class MadeByTheResidence(Conflict):
    """What states a desk's own act or decision is not ordered by a tenant."""

    slug = "made-by-the-residence"
    title: ClassVar = {
        "fr": "Ce document ne se demande pas ici : la résidence l'établit",
        "en": "This document cannot be asked for here: the residence makes it",
    }


_WHERE_TO_TURN: dict[Kind, tuple[str, str]] = {
    Kind.PAYMENT_PLAN_AGREEMENT: (
        "Un échelonnement se convient avec la résidence : demandez-le à l'accueil. L'accord figurera ensuite "
        "parmi vos documents.",
        "A payment plan is agreed on with the residence: ask for one at the reception. The agreement is then "
        "among your documents.",
    ),
    Kind.FORMAL_NOTICE: (
        "Une mise en demeure est adressée par la résidence quand une somme échue reste due. Pour savoir où "
        "en est votre compte, demandez un relevé de compte.",
        "A formal notice is sent by the residence when something overdue stays unpaid. To know how your "
        "account stands, ask for a statement of account.",
    ),
    Kind.PAYMENT_RECEIPT: (
        "Ce reçu est remis à l'accueil avec le paiement, et figure parmi vos documents. Pour un mois, "
        "demandez une quittance ou un reçu de paiement partiel.",
        "This receipt is given at the reception with the payment, and is among your documents. For a month, "
        "ask for a rent receipt or a part-payment receipt.",
    ),
    Kind.CODE_SLIP: (
        "Votre code est remis à l'accueil, sur présentation d'une pièce d'identité. Il figure aussi sur "
        "votre document d'entrée.",
        "Your code is given at the reception, on presentation of an ID. It is on your entry document too.",
    ),
}
"""What to do instead, of each kind that the residence makes: in French, in English."""

_WHAT_TO_DO: dict[Reason, tuple[str, str]] = {
    Reason.NO_NOTICE: (
        "Vérifiez la période : vos avis d'échéance sont dans votre espace. S'il en manque un, écrivez à la "
        "résidence.",
        "Check the period: your rent notices are in your account. If one is missing, write to the residence.",
    ),
    Reason.STAY_NOT_OVER: (
        "L'attestation de fin de séjour est délivrée une fois le séjour terminé. D'ici là, demandez une "
        "attestation de résidence.",
        "The end-of-stay certificate is issued once the stay is over. Until then, ask for a residence "
        "certificate.",
    ),
    Reason.OUTSIDE_THE_STAY: (
        "Avant l'entrée, demandez une attestation de résidence ; après le départ, une attestation de fin de "
        "séjour.",
        "Before you move in, ask for a residence certificate; once you have left, for an end-of-stay "
        "certificate.",
    ),
    Reason.NOTHING_BILLED: (
        "Le relevé est délivré dès le premier avis d'échéance ou le premier paiement. En attendant, une "
        "attestation de résidence peut suffire.",
        "The statement is issued from the first rent notice or payment on. Until then, a residence "
        "certificate may do.",
    ),
}
"""What may be asked for instead, or when to ask again."""

REFUSALS: dict[Reason, type[Conflict]] = {
    Reason.LEASE_CANCELLED: LeaseCancelled,
    Reason.NO_NOTICE: NoNotice,
    Reason.NOT_PAID_IN_FULL: NotPaidInFull,
    Reason.NOTHING_RECEIVED: NothingReceived,
    Reason.PAID_IN_FULL: PaidInFull,
    Reason.CREDITED_IN_FULL: CreditedInFull,
    Reason.NOT_UP_TO_DATE: NotUpToDate,
    Reason.STAY_NOT_OVER: StayNotOver,
    Reason.OUTSIDE_THE_STAY: OutsideTheStay,
    Reason.DETAILS_MISSING: DetailsMissing,
    Reason.NOTHING_BILLED: NothingBilled,
    Reason.NOTHING_OVERDUE: NothingOverdue,
    Reason.MADE_BY_THE_RESIDENCE: MadeByTheResidence,
}


Record = Callable[[Kind, str | None, str | None], Put]
"""The audit's entry of a wish: what was asked for, and why it was refused, if it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    session: Session
    kind: Kind
    period: str | None
    language: Language | None
    record: Record | None


@dataclass(frozen=True, slots=True)
class Certificates:
    """A tenant's documents: asked for, listed, looked at."""

    documents: Documents
    identity: Table
    accounts: Accounts
    clock: Clock
    random: Random = token_bytes
    retries: Retries = USUAL

    def request(
        self,
        session: Session,
        kind: Kind,
        *,
        period: str | None = None,
        language: Language | None = None,
        record: Record | None = None,
    ) -> Document:
        """The document that states the facts as they are now: a new one, or the one that already does.

        `period` (YYYY-MM) goes with receipts and rent notices; a statement of account may have one. `record`
        puts the wish in the audit, granted or refused. Raises Invalid, or one of `REFUSALS`.
        At most three calls: residence, account where money matters, and one transaction.
        """
        has_period = kind in BY_PERIOD | MAY_HAVE_PERIOD
        if (kind in BY_PERIOD and period is None) or (period and not has_period and kind in WISHED_FOR):
            raise _period_problem(kind)
        wish = _Wish(session=session, kind=kind, period=period, language=language, record=record)
        # what money has done meanwhile is read again: no receipt rests on what was so a moment ago
        return self.retries.run(lambda: self._requested(wish))

    def _requested(self, wish: "_Wish") -> Document:
        now = self.clock()
        lease = wish.session.lease
        residence = self._residence(lease)
        tenancy = Tenancy(
            person=wish.session.person,
            lease=lease,
            residence=residence,
            language=wish.language or wish.session.person.language,
        )
        gathering = Gathering(self.accounts, tenancy, now, wish.period)
        try:
            facts = gathering.facts(wish.kind)
        except Refused as refused:
            self._refused(wish, refused.reason)
            raise refusal(refused) from refused
        account = gathering.account
        holds = [self.accounts.unchanged(account)] if account else []
        order = Order(tenancy=tenancy, facts=facts, now=now, period=wish.period, by_tenant=True)
        record = wish.record(wish.kind, wish.period, None) if wish.record else None
        try:
            return keep(self.documents, self.random, order, holds, record)
        except CodeErased as erased:
            self._refused(wish, erased.slug)
            raise

    def _refused(self, wish: "_Wish", reason: str) -> None:
        if wish.record is not None:
            self.documents.table.write(wish.record(wish.kind, wish.period, reason))

    def of(self, session: Session, document_id: str) -> Document:
        """A document of the session's lease. Raises NotFound for any other, or a desk's slip. One call."""
        document = self.documents.get(document_id)
        if document is None or document.lease_id != session.lease.lease_id or not _is_theirs(document):
            raise NotFound
        return document

    def of_lease(self, session: Session, after: str | None = None) -> list[Document]:
        """At most `PAGE` of the lease's documents, newest first, going on after a given one.

        One read, and more only where slips stand in between.
        """
        last = self.of(session, after) if after else None
        found: list[Document] = []
        while len(found) < PAGE:
            page = self.documents.of_lease(session.lease.lease_id, after=last, limit=PAGE)
            found += filter(_is_theirs, page)
            if len(page) < PAGE:
                break
            last = page[-1]
        return found[:PAGE]

    def _residence(self, lease: Lease) -> Residence:
        item = self.identity.get(keys.residence(lease.residence_id))
        if item is None:
            raise NotFound
        return residence_of(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedByTenants:
    """What tenants ask for themselves: each wish is in the audit, with what became of it.

    The entry document too: its code is shown, and said to be, once there is a link to it (`Links`).
    """

    certificates: Certificates
    audit: Audit
    pepper: Pepper

    def request(
        self,
        session: Session,
        kind: Kind,
        source: str,
        *,
        period: str | None = None,
        language: Language | None = None,
    ) -> Document:
        """As `Certificates.request`. The entry is written with the document, or by itself where the document
        was there already or is refused."""
        lease, network = session.lease, self.pepper.hash("source", source)

        def record(kind: Kind, period: str | None, refused: str | None) -> Put:
            details = {"kind": kind.value, "period": period, "refused": str(refused) if refused else None}
            return self.audit.recording(
                by_tenant(
                    Action.DOCUMENT_REQUESTED,
                    self.certificates.clock(),
                    person_id=lease.person_id,
                    lease_id=lease.lease_id,
                    residence_id=lease.residence_id,
                    random=self.certificates.random,
                    source=network,
                    **{name: value for name, value in details.items() if value},
                )
            )

        return self.certificates.request(session, kind, period=period, language=language, record=record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Links to a tenant's documents: one to a document that shows the code is accounted for."""

    downloads: Downloads
    audit: Audit
    pepper: Pepper
    clock: Clock
    random: Random = token_bytes

    def to(self, session: Session, document: Document, source: str) -> str | None:
        """A link, or None without a file. One call, to the audit, where it shows the code; else none."""
        url = self.downloads.url(document)
        if url is not None and document.kind in SHOWS_THE_CODE:
            source = self.pepper.hash("source", source)
            self.audit.record(_code_shown(session.lease, self.clock(), self.random, source, way="download"))
        return url


def _is_theirs(document: Document) -> bool:
    """Slips are the desk's, and their files do not last."""
    return document.kind is not Kind.CODE_SLIP


def _code_shown(lease: Lease, at: datetime, random: Random, source: str, *, way: str) -> AuditEntry:
    return by_tenant(
        Action.CODE_SHOWN,
        at,
        person_id=lease.person_id,
        lease_id=lease.lease_id,
        residence_id=lease.residence_id,
        random=random,
        source=source,
        way=way,
    )


_FRENCH_FIGURES = str.maketrans({",": "\u202f", ".": ","})


def refusal(refused: Refused) -> Conflict:
    """Why, in words for who asked, and what to do about it."""
    euros = f"{refused.outstanding_cents // 100:,}.{refused.outstanding_cents % 100:02}"
    amount = euros.translate(_FRENCH_FIGURES) + "\u202f€"
    euros = f"€{euros}"
    problem = REFUSALS[refused.reason]
    if refused.reason is Reason.NOT_UP_TO_DATE:
        return problem(
            detail_fr=f"Il reste {amount} à payer, dont l'échéance est passée. Payez en ligne ou à "
            "l'accueil : l'attestation est délivrée dès que le paiement est enregistré. Si vous ne pouvez "
            "pas tout payer, demandez un échelonnement à l'accueil.",
            detail_en=f"{euros} that was due is still to be paid. Pay online or at the reception: the "
            "certificate is issued as soon as the payment is on record. If you cannot pay it all, ask for a "
            "payment plan at the reception.",
        )
    if refused.reason is Reason.CREDITED_IN_FULL:
        return problem(
            detail_fr="Un avoir a annulé toute la somme demandée, et rien n'a été reçu : il n'y a pas de "
            "paiement à attester. L'avis d'échéance et le relevé de compte montrent cet avoir.",
            detail_en="A credit note took away all that was asked, and nothing was received: there is no "
            "payment to certify. The rent notice and the statement of account show that credit note.",
        )
    if refused.reason is Reason.DETAILS_MISSING:
        return problem(
            detail_fr="Une attestation incomplète retarderait votre aide. Demandez à l'accueil de la "
            "résidence de compléter ses réglages, puis redemandez l'attestation.",
            detail_en="An incomplete certificate would delay your benefit. Ask the reception to complete the "
            "residence's settings, then ask for the certificate again.",
            errors=[{"field": name} for name in refused.missing],
        )
    advice = _WHERE_TO_TURN.get(refused.kind) if refused.kind else _WHAT_TO_DO.get(refused.reason)
    if advice is not None:
        detail_fr, detail_en = advice
        return problem(detail_fr=detail_fr, detail_en=detail_en)
    if not refused.outstanding_cents:
        return problem()
    return problem(
        detail_fr=f"Il reste {amount} à payer pour cette période.",
        detail_en=f"{euros} is still to be paid for this period.",
    )


def _period_problem(kind: Kind) -> Invalid:
    if kind in BY_PERIOD:
        detail_fr, detail_en = "Indiquez la période, par exemple 2026-10.", "Give the period, e.g. 2026-10."
    else:
        detail_fr, detail_en = "Ce document ne porte pas sur une période.", "This document has no period."
    return Invalid(detail_fr=detail_fr, detail_en=detail_en, errors=[{"field": "period"}])
