"""The desk's routes about a tenant's studies: social files and enrolments, by hand and by the file."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Depends, Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from sesame.domain.social_file import (
    ECHELONS,
    MOST_PIECES,
    FileState,
    FileStep,
    News,
    Piece,
    PieceKind,
    PieceRefusal,
    PieceState,
    SocialFile,
    Wanted,
)
from sesame.domain.studies import Enrolment, EnrolmentStatus
from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound, TooLarge, UnsupportedMedia
from sesame.platform.http import Api, Id, Language, Shown, Source, StrictModel, csv_file, wants_csv
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.attachment_views import AttachmentWithLink, with_link
from sesame.services.attachments import AttachmentDesk
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.file_imports import Report, StoredFiles
from sesame.services.import_reports import (
    FileReport,
    ImportTaken,
    RowShown,
    common_to_all,
    progress_of,
    rows_shown,
    taken_in,
)
from sesame.services.social_files import (
    STUDY_STAFF,
    DeskEnrolments,
    DeskSocialFiles,
    SocialFileChanges,
    StepNotPossible,
)
from sesame.services.staff import Staff, require, staff_dependency
from sesame.services.study_imports import (
    EnrolmentImports,
    SocialFileImports,
    UnreadableEnrolmentFile,
    UnreadableSocialFileFile,
)
from sesame.services.uploads import CSV, uploaded_file
from sesame.store.attachments import Attachments
from sesame.store.audit import Audit
from sesame.store.imports import Imports
from sesame.store.social_files import Enrolments, SocialFiles
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table


class StudiesSettings(Settings):
    """What this function is given."""

    identity_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


class StudyImportReport(FileReport):
    """What became of a file: counts of rows, and each problem. Complete once `status` is `done`."""

    progress: int
    """Percent of the rows."""
    taken: int
    known: int
    """Rows that another file had brought before."""
    rejected: int
    notes: list[RowShown]


class WantedPiece(StrictModel):
    """A piece to ask for; `label` names it where `kind` is `other`. `due_on` is the last day."""

    kind: PieceKind
    due_on: date
    label: Annotated[str, Field(max_length=80)] = ""


class SocialFileNews(StrictModel):
    """What became of a social file. `echelon` and `decided_on` go with a decision."""

    step: FileStep
    echelon: Literal[ECHELONS] | None = None  # type: ignore[valid-type]
    decided_on: date | None = None
    pieces: Annotated[list[WantedPiece], Field(max_length=MOST_PIECES, default_factory=list)]


class PieceVerdict(StrictModel):
    """Whether a piece will do; `reason` where it will not."""

    accepted: bool
    reason: PieceRefusal | None = None


class PieceFileShown(Shown):
    """A file that the tenant handed in."""

    attachment_id: str
    at: datetime


class DeskPieceShown(Shown):
    """A piece of a social file."""

    piece_id: str
    kind: PieceKind
    label: str
    due_on: date
    state: PieceState
    refused_because: PieceRefusal | None
    files: list[PieceFileShown]


class DeskSocialFileShown(Shown):
    """Where a social file stands; `missing` counts what the tenant must still hand in."""

    lease_id: str
    year: str
    state: FileState
    echelon: str
    decided_on: date | None
    changed_at: datetime | None
    missing: int
    pieces: list[DeskPieceShown]


class DeskSocialFileList(Shown):
    """The latest year first; of a residence by state. Where there is more, give `next` as `after`."""

    files: list[DeskSocialFileShown]
    next: str | None = None


class EnrolmentRequest(StrictModel):
    """What a certificate that was shown says."""

    university: Annotated[str, Field(min_length=1, max_length=120)]
    status: EnrolmentStatus


class EnrolmentShown(Shown):
    """A tenant's enrolment at a university."""

    year: str
    university: str
    status: EnrolmentStatus
    recorded_at: datetime
    recorded_by: str


class EnrolmentList(Shown):
    """The latest year first."""

    enrolments: list[EnrolmentShown]


settings = StudiesSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, operations = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.operations_table)
audit = Audit(operations)
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
leases = DeskLeases(identity)
stored_files, imports = StoredFiles(Later("s3"), settings.bucket), Imports(operations)
enrolment_imports = EnrolmentImports(
    imports=imports, files=stored_files, audit=audit, deeds=deeds, clock=utc_now, random=token_bytes
)
social_file_imports = SocialFileImports(
    imports=imports, files=stored_files, audit=audit, deeds=deeds, clock=utc_now, random=token_bytes
)
attachments = AttachmentDesk(
    attachments=Attachments(Table(dynamodb, settings.documents_table)),
    s3=Later("s3"),
    bucket=settings.bucket,
    clock=utc_now,
    random=token_bytes,
)
social_files = DeskSocialFiles(
    changes=SocialFileChanges(SocialFiles(identity), audit),
    attachments=attachments,
    leases=leases,
    deeds=deeds,
    clock=utc_now,
)
enrolments = DeskEnrolments(
    enrolments=Enrolments(identity), leases=leases, audit=audit, deeds=deeds, clock=utc_now
)

CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
AcademicYear = Annotated[str, Path(pattern=r"^20[0-9]{2}-20[0-9]{2}$")]
PieceId = Annotated[str, Path(pattern=r"^p[0-9]{1,2}$")]
Format = Annotated[Literal["json", "csv"], Query()]
api = Api()


@api.post(
    "/v1/desk/enrolment-imports",
    status=202,
    summary="Import a university's file of enrolments",
    errors=[Forbidden, TooLarge, UnsupportedMedia, UnreadableEnrolmentFile],
    security="staff",
)
def take_enrolment_file(request: Request, staff: CurrentStaff, network: Source) -> Response[ImportTaken]:
    """The body is the file: `application/octet-stream` in any encoding, `text/csv` in UTF-8, or a form."""
    require(staff, *STUDY_STAFF)
    taken = enrolment_imports.take(uploaded_file(request, CSV), staff, network)
    return taken_in(taken, "/v1/desk/enrolment-imports")


@api.get(
    "/v1/desk/enrolment-imports/<import_id>",
    summary="Read what became of a file of enrolments",
    errors=[Forbidden, NotFound],
    security="staff",
)
def enrolment_import_report(
    import_id: Id, request: Request, staff: CurrentStaff, language: Language, format: Format = "json"
) -> Response[StudyImportReport | str]:
    """The report; with `?format=csv` or `Accept: text/csv`, the refused rows to mend and send again."""
    require(staff, *STUDY_STAFF)
    report, spoken = enrolment_imports.report(import_id, staff), SpokenLanguage(language)
    if wants_csv(request, format):
        return csv_file(enrolment_imports.rejected_csv(report, spoken), f"enrolments-{import_id}.csv")
    return Response(status_code=200, content_type="application/json", body=_report(report, spoken))


@api.post(
    "/v1/desk/social-file-imports",
    status=202,
    summary="Import a file of social files' states",
    errors=[Forbidden, TooLarge, UnsupportedMedia, UnreadableSocialFileFile],
    security="staff",
)
def take_social_file_file(request: Request, staff: CurrentStaff, network: Source) -> Response[ImportTaken]:
    """The body is the file: `application/octet-stream` in any encoding, `text/csv` in UTF-8, or a form."""
    require(staff, *STUDY_STAFF)
    taken = social_file_imports.take(uploaded_file(request, CSV), staff, network)
    return taken_in(taken, "/v1/desk/social-file-imports")


@api.get(
    "/v1/desk/social-file-imports/<import_id>",
    summary="Read what became of a file of social files' states",
    errors=[Forbidden, NotFound],
    security="staff",
)
def social_file_import_report(
    import_id: Id, request: Request, staff: CurrentStaff, language: Language, format: Format = "json"
) -> Response[StudyImportReport | str]:
    """The report; with `?format=csv` or `Accept: text/csv`, the refused rows to mend and send again."""
    require(staff, *STUDY_STAFF)
    report, spoken = social_file_imports.report(import_id, staff), SpokenLanguage(language)
    if wants_csv(request, format):
        return csv_file(social_file_imports.rejected_csv(report, spoken), f"social-files-{import_id}.csv")
    return Response(status_code=200, content_type="application/json", body=_report(report, spoken))


@api.get(
    "/v1/desk/residences/<residence_id>/social-files",
    summary="A residence's social files of a year",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def residence_social_files(
    residence_id: Annotated[str, Path(max_length=250)],
    staff: CurrentStaff,
    year: Annotated[str, Query(pattern=r"^20[0-9]{2}-20[0-9]{2}$")],
    after: Annotated[str | None, Query(pattern=r"^[a-z_]{1,40}\.[0-9a-z]{26}$")] = None,
) -> DeskSocialFileList:
    """By state, fifty at a time."""
    page = social_files.of_residence(staff, residence_id, year, after=after)
    return DeskSocialFileList(files=[_file(one) for one in page.files], next=page.next)


@api.get(
    "/v1/desk/leases/<lease_id>/social-files",
    summary="The social files of a lease's tenant",
    errors=[Forbidden, NotFound],
    security="staff",
)
def lease_social_files(lease_id: Id, staff: CurrentStaff) -> DeskSocialFileList:
    """Of every year that is kept."""
    return DeskSocialFileList(files=[_file(one) for one in social_files.of_lease(staff, lease_id)])


@api.put(
    "/v1/desk/leases/<lease_id>/social-files/<year>",
    summary="Set what became of a social file, and ask for pieces",
    errors=[Forbidden, NotFound, StepNotPossible],
    security="staff",
)
def set_social_file(
    lease_id: Id, year: AcademicYear, body: SocialFileNews, staff: CurrentStaff, network: Source
) -> DeskSocialFileShown:
    """By a step of the state table. The tenant is written to where they would see a difference."""
    wanted = tuple(Wanted(kind=one.kind, due_on=one.due_on, label=one.label) for one in body.pieces)
    unnamed = [place for place, one in enumerate(wanted) if not one.is_named]
    if unnamed:
        raise Invalid(
            errors=[{"field": f"pieces.{place}.label", "reason": "manque / missing"} for place in unnamed]
        )
    news = News(step=body.step, echelon=body.echelon or "", decided_on=body.decided_on, wanted=wanted)
    return _file(social_files.tell(staff, lease_id, _year(year), news, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/social-files/<year>/pieces/<piece_id>/verdict",
    summary="Accept a piece that was handed in, or refuse it",
    errors=[Forbidden, NotFound, StepNotPossible],
    security="staff",
)
def judge_piece(
    lease_id: Id,
    year: AcademicYear,
    piece_id: PieceId,
    body: PieceVerdict,
    staff: CurrentStaff,
    network: Source,
) -> DeskSocialFileShown:
    """A refused piece is missing again, and the tenant is told why."""
    if body.accepted == (body.reason is not None):
        raise Invalid(errors=[{"field": "reason", "reason": "accepted"}])
    judged = social_files.judge(staff, lease_id, _year(year), piece_id, body.reason, network=network)
    return _file(judged)


@api.get(
    "/v1/desk/leases/<lease_id>/social-files/<year>/pieces/<piece_id>/files/<attachment_id>",
    summary="A file that was handed in for a piece",
    errors=[Forbidden, NotFound],
    security="staff",
)
def piece_file(
    lease_id: Id,
    year: AcademicYear,
    piece_id: PieceId,
    attachment_id: Id,
    staff: CurrentStaff,
    network: Source,
) -> AttachmentWithLink:
    """With a link of five minutes. Who looked is kept."""
    found = social_files.piece_file(staff, lease_id, _year(year), piece_id, attachment_id, network=network)
    return with_link(found, attachments.link(found))


@api.get(
    "/v1/desk/leases/<lease_id>/enrolments",
    summary="The enrolments of a lease's tenant",
    errors=[Forbidden, NotFound],
    security="staff",
)
def lease_enrolments(lease_id: Id, staff: CurrentStaff) -> EnrolmentList:
    """As universities told them, or certificates shown at the desk."""
    return EnrolmentList(enrolments=[_enrolment(one) for one in enrolments.of_lease(staff, lease_id)])


@api.put(
    "/v1/desk/leases/<lease_id>/enrolments/<year>",
    summary="Set an enrolment, by a certificate shown at the desk",
    errors=[Forbidden, NotFound],
    security="staff",
)
def set_enrolment(
    lease_id: Id, year: AcademicYear, body: EnrolmentRequest, staff: CurrentStaff, network: Source
) -> EnrolmentShown:
    """A tenant may be at two universities: each has its own."""
    return _enrolment(
        enrolments.set(staff, lease_id, _year(year), body.university, body.status, network=network)
    )


def _year(text: str) -> str:
    """An academic year of a path. Raises NotFound for `2026-2029`."""
    if int(text[5:]) != int(text[:4]) + 1:
        raise NotFound
    return text


def _file(file: SocialFile) -> DeskSocialFileShown:
    return DeskSocialFileShown(
        lease_id=file.lease_id,
        year=file.year,
        state=file.state,
        echelon=file.echelon,
        decided_on=file.decided_on,
        changed_at=file.changed_at,
        missing=len(file.missing),
        pieces=[_piece(one) for one in file.pieces],
    )


def _piece(piece: Piece) -> DeskPieceShown:
    return DeskPieceShown(
        piece_id=piece.piece_id,
        kind=piece.kind,
        label=piece.label,
        due_on=piece.due_on,
        state=piece.state,
        refused_because=piece.refused_because,
        files=[PieceFileShown(attachment_id=one.attachment_id, at=one.at) for one in piece.files],
    )


def _enrolment(one: Enrolment) -> EnrolmentShown:
    return EnrolmentShown(
        year=one.year,
        university=one.university,
        status=one.status,
        recorded_at=one.recorded_at,
        recorded_by=one.recorded_by,
    )


def _report(report: Report, language: SpokenLanguage) -> StudyImportReport:
    return StudyImportReport(
        **common_to_all(report, language),
        progress=progress_of(report),
        taken=report.created,
        known=report.unchanged,
        rejected=report.rejected,
        notes=rows_shown(report.notes, language),
    )


handler = api.handler
