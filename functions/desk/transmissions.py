"""Staff see what was sent to the CAF and universities, take files away, and hand acknowledgements in."""

from datetime import datetime
from secrets import token_bytes
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Depends, Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.domain.transmissions import Recipient, SentFileState, TransmissionKind
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound, TooLarge, UnsupportedMedia
from sesame.platform.http import (
    Api,
    Id,
    Language,
    Shown,
    Source,
    StrictModel,
    accepted,
    csv_file,
    wants_csv,
)
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.acknowledgements import AcknowledgementImports, UnreadableAcknowledgement
from sesame.services.deeds import Deeds
from sesame.services.desk_transmissions import SENDERS, DeskTransmissions, MonthNotOver
from sesame.services.file_imports import Report, StoredFiles
from sesame.services.import_reports import FileReport, ImportTaken, common_to_all, taken_in
from sesame.services.queues import Queue
from sesame.services.staff import Staff, require, staff_dependency
from sesame.services.uploads import CSV, uploaded_file
from sesame.store.audit import Audit
from sesame.store.imports import Imports
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table
from sesame.store.transmissions import SentFile, Transmissions


class TransmissionsSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    bucket: str
    pepper_secret: str
    transmission_queue_url: str


class MonthToSend(StrictModel):
    """What is to be looked at again: a kind, and a month that is over."""

    kind: TransmissionKind
    period: Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", examples=["2026-10"])]


class MonthQueued(Shown):
    """It will be looked at; where something differs from what was sent, another file is made."""

    kind: TransmissionKind
    period: str


class TransmittedFile(Shown):
    """A file: number 1 says all of a month, each later one only what differs from those before."""

    transmission_id: str
    number: int
    reference: str
    """What each of its rows calls it, and an acknowledgement must."""
    residence_id: str
    kind: TransmissionKind
    recipient: Recipient
    recipient_name: str
    period: str
    rows: int
    digest: str
    """SHA-256 of the file, hexadecimal."""
    encoding: str
    state: SentFileState
    built_at: datetime
    downloaded_at: datetime | None
    acknowledged_at: datetime | None


class TransmittedFileList(Shown):
    """The latest month first. Where `next` is given, ask again with it as `after`."""

    files: list[TransmittedFile]
    next: str | None


class RejectedRow(Shown):
    """A row that the recipient rejected, and why, in their words."""

    tenant_reference: str
    reason: str


class TransmittedFileSeen(TransmittedFile):
    """A file with what its acknowledgement left open: by tenant reference."""

    rejected: list[RejectedRow]
    not_acknowledged: list[str]
    """Sent, and not a word of it in the acknowledgement; empty until one has come."""
    not_sent: list[str]
    """In the acknowledgement, and never sent."""


class FileLink(Shown):
    """A link to the file, for so many seconds."""

    download_url: str
    expires_in: int


class AcknowledgementReport(FileReport):
    """What became of an acknowledgement. Complete once `status` is `done`."""

    matched: int
    refused: int


settings = TransmissionsSettings.from_env()
dynamodb = client("dynamodb")
identity, operations = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.operations_table)
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
audit = Audit(operations)
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
transmissions = DeskTransmissions(
    identity=identity,
    transmissions=Transmissions(operations),
    audit=audit,
    deeds=deeds,
    queue=Queue(Later("sqs"), settings.transmission_queue_url),
    s3=Later("s3"),
    bucket=settings.bucket,
    clock=utc_now,
)
acknowledgements = AcknowledgementImports(
    imports=Imports(operations),
    files=StoredFiles(Later("s3"), settings.bucket),
    audit=audit,
    deeds=deeds,
    clock=utc_now,
    random=token_bytes,
)

api = Api()
CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
Number = Annotated[int, Path(ge=1, le=999)]


@api.get(
    "/v1/desk/residences/<residence_id>/transmissions",
    summary="What was sent from a residence",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def list_transmissions(
    residence_id: str, staff: CurrentStaff, after: Annotated[str | None, Query(max_length=300)] = None
) -> TransmittedFileList:
    """Every file made for the CAF and universities, with how far each is."""
    found, next_ = transmissions.of_residence(staff, residence_id, after=after)
    return TransmittedFileList(files=[TransmittedFile(**_shown(file)) for file in found], next=next_)


@api.post(
    "/v1/desk/residences/<residence_id>/transmissions",
    status=202,
    summary="Have a month looked at again",
    errors=[Forbidden, NotFound, MonthNotOver],
    security="staff",
)
def ask_transmission(
    residence_id: str, body: MonthToSend, staff: CurrentStaff, network: Source
) -> Response[MonthQueued]:
    """Where nothing differs from what was sent no file is made; else a numbered correction with only that."""
    transmissions.ask(staff, residence_id, body.kind, body.period, network=network)
    return accepted(
        MonthQueued(kind=body.kind, period=body.period), f"/v1/desk/residences/{residence_id}/transmissions"
    )


@api.get(
    "/v1/desk/transmissions/<transmission_id>/files/<number>",
    summary="One file sent, and what its acknowledgement left open",
    errors=[Forbidden, NotFound],
    security="staff",
)
def get_transmission(transmission_id: Id, number: Number, staff: CurrentStaff) -> TransmittedFileSeen:
    """Rejected rows, rows without an answer, answers without a row."""
    seen = transmissions.file(staff, transmission_id, number)
    open_ = seen.unsettled
    return TransmittedFileSeen(
        **_shown(seen.file),
        rejected=[RejectedRow(tenant_reference=one, reason=why) for one, why in open_.rejected.items()],
        not_acknowledged=list(open_.not_acknowledged),
        not_sent=list(open_.not_sent),
    )


@api.post(
    "/v1/desk/transmissions/<transmission_id>/files/<number>/downloads",
    status=201,
    summary="Take a file away to send it",
    errors=[Forbidden, NotFound],
    security="staff",
)
def download_transmission(
    transmission_id: Id, number: Number, staff: CurrentStaff, network: Source
) -> FileLink:
    """A link for five minutes; who took it is in the audit. From then on tenants see it as sent."""
    url, seconds = transmissions.download(staff, transmission_id, number, network=network)
    return FileLink(download_url=url, expires_in=seconds)


@api.post(
    "/v1/desk/transmission-acknowledgements",
    status=202,
    summary="Hand in what a recipient answered",
    errors=[Forbidden, TooLarge, UnsupportedMedia, UnreadableAcknowledgement],
    security="staff",
)
def take_acknowledgement(request: Request, staff: CurrentStaff, network: Source) -> Response[ImportTaken]:
    """The body is the file: `application/octet-stream` in any encoding, `text/csv` in UTF-8, or a form."""
    require(staff, *SENDERS)
    taken = acknowledgements.take(uploaded_file(request, CSV), staff, network)
    return taken_in(taken, "/v1/desk/transmission-acknowledgements")


@api.get(
    "/v1/desk/transmission-acknowledgements/<import_id>",
    summary="Read what became of an acknowledgement",
    errors=[Forbidden, NotFound],
    security="staff",
)
def acknowledgement_report(
    import_id: Id,
    request: Request,
    staff: CurrentStaff,
    language: Language,
    format: Annotated[Literal["json", "csv"], Query()] = "json",
) -> Response[AcknowledgementReport | str]:
    """The report; with `?format=csv` or `Accept: text/csv`, the rows that matched nothing."""
    require(staff, *SENDERS)
    report, spoken = acknowledgements.report(import_id, staff), SpokenLanguage(language)
    if wants_csv(request, format):
        return csv_file(acknowledgements.rejected_csv(report, spoken), f"acknowledgement-{import_id}.csv")
    return Response(status_code=200, content_type="application/json", body=_report(report, spoken))


def _shown(file: SentFile) -> dict[str, object]:
    series = file.series
    return {
        "transmission_id": series.transmission_id,
        "number": file.number,
        "reference": file.reference,
        "residence_id": series.residence_id,
        "kind": series.kind,
        "recipient": series.recipient,
        "recipient_name": series.recipient_name,
        "period": series.period,
        "rows": file.rows,
        "digest": file.digest,
        "encoding": file.encoding,
        "state": file.state,
        "built_at": file.built_at,
        "downloaded_at": file.downloaded_at,
        "acknowledged_at": file.acknowledged_at,
    }


def _report(report: Report, language: SpokenLanguage) -> AcknowledgementReport:
    return AcknowledgementReport(
        **common_to_all(report, language), matched=report.created, refused=report.rejected
    )


handler = api.handler
