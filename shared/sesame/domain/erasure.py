"""What is erased when a tenant asks for it, and what must be kept: each with why, by which rule, until when.

GDPR article 17 gives the right; its third paragraph and the laws named here say where it ends. The plan is
told before anything is done, and carried out as it then stands.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sesame.domain.calendar import local_date
from sesame.domain.certificates import Kind
from sesame.domain.retention import RETENTION
from sesame.domain.tenancy import Lease, LeaseStatus

WAIT = timedelta(hours=24)
"""Between asking and erasing, with notice to the contacts on record: who did not ask can still stop it."""
ACCOUNTING_YEARS = 10
LIMITATION_YEARS = 5
DEPOSIT_RETURN = timedelta(days=62)
"""Two months after the end, whichever they are."""
CERTIFICATE_LIFE = timedelta(days=92)
"""Three months: an older proof of address is taken nowhere."""
LOOK_AGAIN = timedelta(days=30)
"""When a debt, or a deposit that is held, is looked at again: they end on no known day."""


class Category(StrEnum):
    """What is held of a person; the last ones once for each lease."""

    SESSIONS = "sessions"
    EXPORTS = "exports"
    SHARING = "sharing"
    """What they agreed to have told to others."""
    EMAIL = "email"
    PHONE = "phone"
    INE = "ine"
    BIRTH_DATE = "birth_date"
    NAMES = "names"
    STUDIES = "studies"
    """Social files and enrolments."""
    TENANT_CODE = "tenant_code"
    RENEWALS = "renewals"
    """What was answered and decided of another year, and warnings."""
    CERTIFICATES = "certificates"
    """Certificates and statements of the last three months, and the entry document."""
    OLD_CERTIFICATES = "old_certificates"
    RECEIPTS = "receipts"
    """Receipts and rent notices, which accounts rest on."""
    CLAIMS = "claims"
    """Payment-plan agreements and formal notices."""
    ACCOUNT = "account"
    """Notices, journal, payments."""
    LEASE = "lease"
    THREADS = "threads"
    """Conversations with the staff, and their files: those that prove nothing."""
    EVIDENCE_THREADS = "evidence_threads"
    """Conversations about rent and repairs."""
    MESSAGES = "messages"
    """That a message was sent, not what it said."""
    TRANSMISSIONS = "transmissions"
    """That something was sent to the CAF or a university; the files themselves go within three months."""
    AUDIT = "audit"


class Reason(StrEnum):
    """Why something goes, or stays."""

    RIGHT_TO_ERASURE = "right_to_erasure"
    TENANCY = "tenancy"
    UNPAID = "unpaid"
    CREDIT = "credit"
    DEPOSIT = "deposit"
    ACCOUNTING = "accounting"
    LIMITATION = "limitation"


LAWS: dict[Reason, str] = {
    Reason.RIGHT_TO_ERASURE: "RGPD, article 17",
    Reason.TENANCY: "RGPD, article 6, 1, b",
    Reason.UNPAID: "RGPD, article 17, 3, e",
    Reason.CREDIT: "RGPD, article 6, 1, c ; Code civil, article 1302",
    Reason.DEPOSIT: "RGPD, article 6, 1, b",
    Reason.ACCOUNTING: "Code de commerce, article L123-22",
    Reason.LIMITATION: "Code civil, article 2224",
}

WORDS: dict[Reason, dict[str, str]] = {
    Reason.RIGHT_TO_ERASURE: {
        "fr": "Plus rien n'oblige à le conserver.",
        "en": "Nothing requires it to be kept any longer.",
    },
    Reason.TENANCY: {
        "fr": "Nécessaire à votre séjour en cours.",
        "en": "Needed for your current stay.",
    },
    Reason.UNPAID: {
        "fr": "Une somme reste due : conservé jusqu'à son règlement.",
        "en": "Something is still owed: kept until it is settled.",
    },
    Reason.CREDIT: {
        "fr": "Une somme vous est due : conservé jusqu'à son remboursement.",
        "en": "Something is owed to you: kept until it is paid back.",
    },
    Reason.DEPOSIT: {
        "fr": "Nécessaire à la restitution du dépôt de garantie.",
        "en": "Needed to return your deposit.",
    },
    Reason.ACCOUNTING: {
        "fr": "Les pièces comptables se conservent dix ans.",
        "en": "Accounting records are kept for ten years.",
    },
    Reason.LIMITATION: {
        "fr": "Preuve conservée cinq ans, le temps qu'un litige reste possible.",
        "en": "Evidence kept for five years, as long as a dispute may arise.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """A lease and where its money stands. Above zero `balance_cents` is owed by the tenant, below to them.

    `last_entry_at` is None for an account that never held anything.
    """

    lease: Lease
    time_zone: str
    balance_cents: int = 0
    last_entry_at: datetime | None = None
    deposit_held_cents: int | None = None
    """None where no deposit was ever recorded here: then only the lease's word says that there is one."""
    refund_under_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something that goes or stays: of a lease where `lease_id` says which. `until` includes its day; None
    where the end is no day (a debt) or the thing goes at once."""

    category: Category
    reason: Reason
    lease_id: str | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is held of a person, parted in two. `look_again_at`: when more may go, None for never."""

    erased: tuple[Line, ...]
    kept: tuple[Line, ...]
    look_again_at: datetime | None

    def erases(self, category: Category, lease_id: str | None = None) -> bool:
        """Whether this goes."""
        return any((one.category, one.lease_id) == (category, lease_id) for one in self.erased)


@dataclass(frozen=True, slots=True)
class _Need:
    """Why a lease still needs its tenant to be reached, and until when: None for as long as money waits."""

    reason: Reason
    until: date | None


def plan_erasure(tenancies: Sequence[Tenancy], now: datetime, *, has_email: bool) -> Plan:
    """What goes and what stays at `now` (aware). Pure, and the same after half of it was done.

    `has_email`: with an address that stays, the phone is not needed.
    """
    needs = [need for tenancy in tenancies if (need := need_of(tenancy, now))]
    lines = [*_of_person(tenancies, needs, has_email=has_email)]
    for tenancy in tenancies:
        lines += _of_lease(tenancy, now)
    return Plan(
        erased=tuple(line for line in lines if line.reason is Reason.RIGHT_TO_ERASURE),
        kept=tuple(line for line in lines if line.reason is not Reason.RIGHT_TO_ERASURE),
        look_again_at=_look_again(needs, now),
    )


def need_of(tenancy: Tenancy, now: datetime) -> _Need | None:
    """Why a lease's tenant must still be known and reached, the strongest reason first; None when over."""
    lease, today = tenancy.lease, local_date(now, tenancy.time_zone)
    running = lease.status is LeaseStatus.ADMITTED
    if running and lease.ends_on >= today:
        return _Need(Reason.TENANCY, lease.ends_on)
    if tenancy.balance_cents > 0:
        return _Need(Reason.UNPAID, None)
    if tenancy.balance_cents < 0 or tenancy.refund_under_way:
        return _Need(Reason.CREDIT, None)
    if tenancy.deposit_held_cents:
        return _Need(Reason.DEPOSIT, None)
    recorded_elsewhere = tenancy.deposit_held_cents is None and lease.deposit_cents > 0
    if running and recorded_elsewhere and lease.ends_on + DEPOSIT_RETURN >= today:
        return _Need(Reason.DEPOSIT, lease.ends_on + DEPOSIT_RETURN)
    return None


def keeps_certificate(kind: Kind, created_at: datetime, now: datetime, *, needed: bool) -> bool:
    """Whether a document stays: what a law keeps (`RETENTION`), others only while their lease needs them."""
    if RETENTION[kind].outlives_erasure:
        return True
    if not needed:
        return False
    return kind is Kind.ENTRY_DOCUMENT or now - created_at <= CERTIFICATE_LIFE


def kept_for_accounting_until(tenancy: Tenancy) -> date:
    """The last day of the tenth year after the one that the last entry, or the lease itself, belongs to.

    The financial year is taken to be the calendar year.
    """
    last = tenancy.lease.ends_on.year
    if tenancy.last_entry_at is not None:
        last = max(last, local_date(tenancy.last_entry_at, tenancy.time_zone).year)
    return date(last + ACCOUNTING_YEARS, 12, 31)


def _of_person(tenancies: Sequence[Tenancy], needs: Sequence[_Need], *, has_email: bool) -> Iterator[Line]:
    yield _goes(Category.SESSIONS)
    yield _goes(Category.EXPORTS)
    yield _goes(Category.SHARING)
    needed = _longest(needs)
    for category in (Category.EMAIL, Category.INE, Category.BIRTH_DATE, Category.STUDIES):
        yield _stays(category, needed) if needed else _goes(category)
    yield _stays(Category.PHONE, needed) if needed and not has_email else _goes(Category.PHONE)
    billed = [kept_for_accounting_until(tenancy) for tenancy in tenancies if tenancy.last_entry_at]
    if billed:
        yield Line(category=Category.NAMES, reason=Reason.ACCOUNTING, until=max(billed))
    else:
        yield _stays(Category.NAMES, needed) if needed else _goes(Category.NAMES)


def _of_lease(tenancy: Tenancy, now: datetime) -> Iterator[Line]:
    lease_id, need = tenancy.lease.lease_id, need_of(tenancy, now)
    for category in (Category.TENANT_CODE, Category.RENEWALS, Category.CERTIFICATES, Category.THREADS):
        yield _stays(category, need, lease_id) if need else _goes(category, lease_id)
    yield _goes(Category.OLD_CERTIFICATES, lease_id)
    evidence = _years_later(max(tenancy.lease.ends_on, local_date(now, tenancy.time_zone)), LIMITATION_YEARS)
    if tenancy.last_entry_at:
        until, why = kept_for_accounting_until(tenancy), Reason.ACCOUNTING
        yield Line(category=Category.RECEIPTS, reason=why, lease_id=lease_id, until=until)
        yield Line(category=Category.ACCOUNT, reason=why, lease_id=lease_id, until=until)
        yield Line(category=Category.LEASE, reason=why, lease_id=lease_id, until=until)
    else:
        yield Line(category=Category.LEASE, reason=Reason.LIMITATION, lease_id=lease_id, until=evidence)
    for category in (
        Category.CLAIMS,
        Category.EVIDENCE_THREADS,
        Category.MESSAGES,
        Category.TRANSMISSIONS,
        Category.AUDIT,
    ):
        yield Line(category=category, reason=Reason.LIMITATION, lease_id=lease_id, until=evidence)


def _longest(needs: Sequence[_Need]) -> _Need | None:
    """The need that ends last; one without a known end outlasts all others."""
    return max(needs, key=lambda need: need.until or date.max, default=None)


def _look_again(needs: Sequence[_Need], now: datetime) -> datetime | None:
    """The day after the first need ends, for one without a known end in a month; never within the hour."""
    moments = [
        datetime.combine(need.until + timedelta(days=2), now.timetz()) if need.until else now + LOOK_AGAIN
        for need in needs
    ]
    return min(moments, default=None)


def _years_later(day: date, years: int) -> date:
    """The same day, years on; 28 February for the 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _goes(category: Category, lease_id: str | None = None) -> Line:
    return Line(category=category, reason=Reason.RIGHT_TO_ERASURE, lease_id=lease_id)


def _stays(category: Category, need: _Need, lease_id: str | None = None) -> Line:
    return Line(category=category, reason=need.reason, lease_id=lease_id, until=need.until)
