"""The accountants' routes: housing aid, payments that nobody knows, what each reconciliation found."""

from dataclasses import asdict
from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Depends, Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from sesame.domain.aid_files import Aid
from sesame.domain.csv_files import MAX_AMOUNT_CENTS
from sesame.domain.payments import EventKind, Flag, PaymentState
from sesame.domain.takings import MOST_CENTS
from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound, TooLarge, UnsupportedMedia
from sesame.platform.http import Api, Id, Language, Shown, Source, StrictModel, csv_file, wants_csv
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.aid_imports import AID_IMPORTERS, AidImports, ExpectedAids, UnreadableAidFile
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.file_imports import Report, StoredFiles
from sesame.services.flagged_payments import FlaggedPayment, FlaggedPayments
from sesame.services.import_reports import (
    FileReport,
    ImportTaken,
    RowShown,
    common_to_all,
    progress_of,
    rows_shown,
    taken_in,
)
from sesame.services.payment_reviews import (
    AlreadyResolved,
    Decision,
    DismissalReason,
    PaymentReviews,
    ShownReview,
    review_name,
)
from sesame.services.reconciliation import ReconciliationReports
from sesame.services.staff import Staff, require, staff_dependency
from sesame.services.uploads import CSV, uploaded_file
from sesame.store.aid import ExpectedAid, LeaseAid, LeaseAids
from sesame.store.audit import Audit
from sesame.store.deliveries import DeliveryState, Review
from sesame.store.imports import Imports
from sesame.store.payments import Payments
from sesame.store.reconciliations import ProviderFinding, Reconciliations
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table


class AccountingSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


class AidImportReport(FileReport):
    """What became of a file: counts of rows, and each difference. Complete once `status` is `done`."""

    progress: int
    """Percent of the rows."""
    posted: int
    known: int
    """Rows that this or another file had brought before."""
    rejected: int
    differences: list[RowShown]
    """Of rows that were posted as paid."""


class ExpectedAidRequest(StrictModel):
    """What a month's aid should be; zero for none."""

    monthly_cents: Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT_CENTS)]
    aid: Aid | None = None


class AidOfMonth(Shown):
    """What came for a month, back payments included."""

    period: str
    paid_cents: int


class LeaseAidShown(Shown):
    """What is expected a month, None where nobody said; and what came, by month."""

    expected_cents: int | None
    aid: Aid | None
    currency: str = "EUR"
    months: list[AidOfMonth]


class ToldEvent(Shown):
    """What the provider said of a payment that we do not have, under the id that it uses."""

    reference: str
    kind: EventKind
    amount_cents: int | None
    """None where the provider does not say."""
    currency: str
    occurred_at: datetime


class PaymentReview(Shown):
    """A notification that waits for somebody to say whose it is; `residence_id` where it names one only."""

    review_id: str
    provider: str
    received_at: datetime
    residence_id: str | None
    events: list[ToldEvent]


class PaymentReviewList(Shown):
    """The longest waiting first. Where `next` is given, ask again with it as `after`."""

    reviews: list[PaymentReview]
    next: str | None


class Resolution(StrictModel):
    """`post` to a lease or a payment's lease, saying which `reference` of several, and the amount where no
    event says what came; `retry`; or `dismiss`."""

    action: Literal["post", "dismiss", "retry"]
    lease_id: Annotated[str, Field(max_length=26)] | None = None
    payment_id: Annotated[str, Field(max_length=26)] | None = None
    reference: Annotated[str, Field(max_length=200)] | None = None
    amount_cents: Annotated[int, Field(strict=True, ge=1, le=MOST_CENTS)] | None = None
    reason: DismissalReason | None = None


class Resolved(Shown):
    """Where the notification stands: `received` while it is posted again, then `posted`; or `dismissed`."""

    review_id: str
    state: DeliveryState


class FlaggedPaymentShown(Shown):
    """A payment that came otherwise than asked. The money is posted as it really moved, but not dollars."""

    payment_id: str
    lease_id: str
    provider: str
    state: PaymentState
    flags: list[Flag]
    amount_cents: int
    """What was asked."""
    paid_cents: int
    refunded_cents: int
    charged_back_cents: int
    overpaid_cents: int
    """What of it went beyond what was owed when it came."""
    currency: str
    created_at: datetime
    changed_at: datetime | None


class FlaggedPaymentList(Shown):
    """Newest first. Where `next` is given, ask again with it as `after`."""

    payments: list[FlaggedPaymentShown]
    next: str | None


class ReconciliationPlanned(Shown):
    """A day's run: the providers' accounts and the residences that it looks at."""

    day: date
    planned_at: datetime
    providers: list[str]
    residences: list[str]


class ReconciliationList(Shown):
    """Newest first."""

    runs: list[ReconciliationPlanned]


class MissedEventShown(Shown):
    """What a provider told only when it was asked."""

    payment_id: str
    event_id: str
    kind: str
    amount_cents: int
    occurred_at: datetime


class ProviderAsked(Shown):
    """A page of an account's events: those that were missed are being posted, or wait for review."""

    provider: str
    seen: int
    missed: int
    early: int
    unknown: int
    unreadable: list[str]
    """Events and references of the provider's of which it would say nothing that can be read: look there."""
    examples: list[MissedEventShown]


class DifferingAccount(Shown):
    """A lease whose stored balance is not what its journal comes to."""

    residence_id: str
    lease_id: str


class ReconciliationReport(Shown):
    """What was found so far; complete once `finished`."""

    day: date
    finished: bool
    missed: int
    providers: list[ProviderAsked]
    accounts: int
    differing: list[DifferingAccount]


settings = AccountingSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
audit = Audit(Table(dynamodb, settings.operations_table))
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
reviews = PaymentReviews(money=money, identity=identity, audit=audit, deeds=deeds, clock=utc_now)

flagged = FlaggedPayments(Payments(money))
reports = ReconciliationReports(Reconciliations(Table(dynamodb, settings.operations_table)))
aid_imports = AidImports(
    imports=Imports(Table(dynamodb, settings.operations_table)),
    files=StoredFiles(Later("s3"), settings.bucket),
    audit=audit,
    deeds=deeds,
    clock=utc_now,
    random=token_bytes,
)
expected_aids = ExpectedAids(
    aids=LeaseAids(money), leases=DeskLeases(identity), audit=audit, deeds=deeds, clock=utc_now
)

CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
ReviewId = Annotated[str, Path(max_length=600)]
api = Api()


@api.post(
    "/v1/desk/aid-imports",
    status=202,
    summary="Import a month's file of housing aid",
    errors=[Forbidden, TooLarge, UnsupportedMedia, UnreadableAidFile],
    security="staff",
)
def take_aid_file(request: Request, staff: CurrentStaff, network: Source) -> Response[ImportTaken]:
    """The body is the file: `application/octet-stream` in any encoding, `text/csv` in UTF-8, or a form."""
    require(staff, *AID_IMPORTERS)
    taken = aid_imports.take(uploaded_file(request, CSV), staff, network)
    return taken_in(taken, "/v1/desk/aid-imports")


@api.get(
    "/v1/desk/aid-imports/<import_id>",
    summary="Read what became of a file of housing aid",
    errors=[Forbidden, NotFound],
    security="staff",
)
def aid_import_report(
    import_id: Id,
    request: Request,
    staff: CurrentStaff,
    language: Language,
    format: Annotated[Literal["json", "csv"], Query()] = "json",
) -> Response[AidImportReport | str]:
    """The report; with `?format=csv` or `Accept: text/csv`, the refused rows to mend and send again."""
    require(staff, *AID_IMPORTERS)
    report, spoken = aid_imports.report(import_id, staff), SpokenLanguage(language)
    if wants_csv(request, format):
        return csv_file(aid_imports.rejected_csv(report, spoken), f"aid-{import_id}.csv")
    return Response(status_code=200, content_type="application/json", body=_report(report, spoken))


@api.put(
    "/v1/desk/leases/<lease_id>/expected-aid",
    summary="Set the housing aid that is expected a month",
    errors=[Forbidden, NotFound],
    security="staff",
)
def set_expected_aid(
    lease_id: Id, body: ExpectedAidRequest, staff: CurrentStaff, network: Source
) -> LeaseAidShown:
    """What an import compares with; it is never posted."""
    expected = ExpectedAid(
        lease_id=lease_id,
        monthly_cents=body.monthly_cents,
        aid=body.aid,
        set_by=staff.staff_id,
        set_at=utc_now(),
    )
    expected_aids.set(staff, lease_id, expected, network=network)
    return _aid(expected_aids.of(staff, lease_id))


@api.get(
    "/v1/desk/leases/<lease_id>/aid",
    summary="A lease's housing aid, expected and paid",
    errors=[Forbidden, NotFound],
    security="staff",
)
def lease_aid(lease_id: Id, staff: CurrentStaff) -> LeaseAidShown:
    """By month, the newest first."""
    return _aid(expected_aids.of(staff, lease_id))


def _aid(found: LeaseAid) -> LeaseAidShown:
    return LeaseAidShown(
        expected_cents=found.expected.monthly_cents if found.expected else None,
        aid=found.expected.aid if found.expected else None,
        months=[
            AidOfMonth(period=period, paid_cents=found.of(period))
            for period in sorted(found.paid, reverse=True)
        ],
    )


def _report(report: Report, language: SpokenLanguage) -> AidImportReport:
    return AidImportReport(
        **common_to_all(report, language),
        progress=progress_of(report),
        posted=report.created,
        known=report.unchanged,
        rejected=report.rejected,
        differences=rows_shown(report.notes, language),
    )


@api.get(
    "/v1/desk/payment-reviews",
    summary="Payments that providers tell of and we do not know",
    errors=[Invalid, Forbidden, NotFound],
    security="staff",
)
def waiting(
    staff: CurrentStaff, after: Annotated[str | None, Query(max_length=600)] = None
) -> PaymentReviewList:
    """Of residences that the caller sees; what names no lease is for accountants and administrators."""
    page = reviews.waiting(staff, after=after)
    return PaymentReviewList(reviews=[_shown(one) for one in page.reviews], next=page.next)


@api.post(
    "/v1/desk/payment-reviews/<review_id>/resolution",
    summary="Say whose payment it is, or that it is not ours",
    errors=[Forbidden, NotFound, AlreadyResolved],
    security="staff",
)
def resolve(review_id: ReviewId, body: Resolution, staff: CurrentStaff, network: Source) -> Resolved:
    """Posted by the usual path. The same decision again changes nothing."""
    if (body.action == "dismiss") != (body.reason is not None):
        raise Invalid(errors=[{"field": "reason", "reason": "dismiss"}])
    decision = Decision(
        dismissed=body.reason,
        reference=body.reference,
        lease_id=body.lease_id,
        payment_id=body.payment_id,
        amount_cents=body.amount_cents,
        retry=body.action == "retry",
    )
    return _resolved(reviews.resolve(staff, review_id, decision, network=network))


@api.get(
    "/v1/desk/flagged-payments",
    summary="A residence's payments that came otherwise than asked",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def flagged_payments(
    staff: CurrentStaff,
    residence_id: Annotated[str, Query(max_length=64)],
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> FlaggedPaymentList:
    """Another amount or currency, disputed, more returned than came, more paid than owed; 20 at a time."""
    page = flagged.of(staff, residence_id, after=after)
    return FlaggedPaymentList(payments=[_flagged(one) for one in page.payments], next=page.next)


@api.get(
    "/v1/desk/reconciliations",
    summary="The days on which providers were asked and journals checked",
    errors=[Forbidden],
    security="staff",
)
def reconciliations(staff: CurrentStaff) -> ReconciliationList:
    """The last month's, newest first."""
    return ReconciliationList(
        runs=[
            ReconciliationPlanned(
                day=run.day,
                planned_at=run.planned_at,
                providers=list(run.providers),
                residences=list(run.residences),
            )
            for run in reports.runs(staff)
        ]
    )


@api.get(
    "/v1/desk/reconciliations/<day>",
    summary="What a day's reconciliation found",
    errors=[Forbidden, NotFound],
    security="staff",
)
def reconciliation(day: date, staff: CurrentStaff) -> ReconciliationReport:
    """By UTC day. Every provider's account; of the residences those that the caller sees."""
    report = reports.of(staff, day)
    return ReconciliationReport(
        day=report.run.day,
        finished=report.finished,
        missed=sum(one.missed for one in report.findings.providers),
        providers=[_provider(one) for one in report.findings.providers],
        accounts=sum(one.accounts for one in report.findings.residences),
        differing=[
            DifferingAccount(residence_id=one.residence_id, lease_id=lease_id)
            for one in report.findings.residences
            for lease_id in one.differing
        ],
    )


def _flagged(one: FlaggedPayment) -> FlaggedPaymentShown:
    payment, reached = one.payment, one.outcome
    return FlaggedPaymentShown(
        payment_id=payment.payment_id,
        lease_id=payment.lease_id,
        provider=payment.provider,
        state=reached.state,
        flags=sorted(reached.flags),
        amount_cents=payment.amount_cents,
        paid_cents=reached.paid_cents,
        refunded_cents=reached.refunded_cents,
        charged_back_cents=reached.charged_back_cents,
        overpaid_cents=payment.overpaid_cents,
        currency=payment.currency,
        created_at=payment.created_at,
        changed_at=reached.changed_at,
    )


def _provider(found: ProviderFinding) -> ProviderAsked:
    return ProviderAsked(
        provider=found.provider,
        seen=found.seen,
        missed=found.missed,
        early=found.early,
        unknown=found.unknown,
        unreadable=list(found.unreadable),
        examples=[MissedEventShown(**asdict(one)) for one in found.examples],
    )


def _shown(one: ShownReview) -> PaymentReview:
    return PaymentReview(
        review_id=one.review_id,
        provider=one.review.provider,
        received_at=one.review.received_at,
        residence_id=one.residence_id,
        events=[
            ToldEvent(
                reference=told.payment_id,
                kind=told.event.kind,
                amount_cents=told.event.amount_cents,
                currency=told.event.currency,
                occurred_at=told.event.occurred_at,
            )
            for told in one.review.unknown
        ],
    )


def _resolved(review: Review) -> Resolved:
    return Resolved(review_id=review_name(review), state=review.state)


handler = api.handler
