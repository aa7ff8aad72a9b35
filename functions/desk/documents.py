"""Managers and accountants have all receipts of a month made for a residence, and take them as one zip; the
desk sees which documents were printed with letters missing."""

from datetime import datetime
from enum import StrEnum
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from sesame.domain.certificates import Kind
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound
from sesame.platform.http import Api, Id, Shown, Source, StrictModel, accepted
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.document_runs import (
    RUNNERS,
    Progress,
    RunNotFinished,
    RunRequests,
    RunTakenOver,
)
from sesame.services.flagged_documents import FlaggedDocuments
from sesame.services.staff import Staff, require, staff_dependency
from sesame.store.audit import Audit
from sesame.store.document_runs import ArchiveStatus, DocumentRun, DocumentRuns, RunStatus
from sesame.store.documents import Documents
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table


class DocumentRunsSettings(Settings):
    """What this function is given."""

    identity_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


class Runnable(StrEnum):
    """The documents that can be made for a whole residence."""

    RECEIPT = Kind.RECEIPT
    RENT_NOTICE = Kind.RENT_NOTICE


class RunRequest(StrictModel):
    """Which residence's documents, of which month."""

    residence_id: Annotated[str, Field(min_length=1, max_length=250)]
    month: Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", examples=["2026-10"])]
    kind: Runnable = Runnable.RECEIPT


class RunShown(Shown):
    """A run, as asked for."""

    run_id: str
    residence_id: str
    month: str
    kind: Kind
    status: RunStatus
    asked_at: datetime
    taken_over_by: str | None
    """The run that took this one's place, which had stopped."""


class RunProgress(RunShown):
    """How far it is: `documents` is final once `status` is `planned`; `refused` counts leases by reason."""

    documents: int
    ready: int
    refused: dict[str, int]
    archive: ArchiveStatus
    archive_url: str | None
    """There once the archive is ready, for five minutes: ask again for another."""


class FlaggedDocumentShown(Shown):
    """A document that was given out with letters that no font has, a mark in the place of each."""

    document_id: str
    lease_id: str
    kind: Kind
    number: str
    """As printed."""
    created_at: datetime
    missing_glyphs: int
    """How many letters."""


class FlaggedDocumentList(Shown):
    """Newest first. Where there is more, give `next` as `after`."""

    documents: list[FlaggedDocumentShown]
    next: str | None


settings = DocumentRunsSettings.from_env()
dynamodb = client("dynamodb")
identity, operations = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.operations_table)
documents, audit = Documents(Table(dynamodb, settings.documents_table)), Audit(operations)
deeds = Deeds(
    pepper=Pepper(Secrets(client("secretsmanager")), settings.pepper_secret),
    clock=utc_now,
    random=token_bytes,
)
requests = RunRequests(
    runs=DocumentRuns(operations),
    documents=documents,
    identity=identity,
    audit=audit,
    deeds=deeds,
    s3=Later("s3"),
    bucket=settings.bucket,
    clock=utc_now,
    random=token_bytes,
)
flagged_documents = FlaggedDocuments(
    documents=documents, leases=DeskLeases(identity), audit=audit, deeds=deeds
)

api = Api()
CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]


@api.post(
    "/v1/desk/document-runs",
    status=202,
    summary="Have all documents of a kind made for a residence and a month",
    errors=[Forbidden, NotFound],
    security="staff",
)
def ask_for_run(body: RunRequest, staff: CurrentStaff, network: Source) -> Response[RunShown]:
    """While one is at work on the same, asking again gives that one."""
    require(staff, *RUNNERS)
    run = requests.ask(staff, body.residence_id, body.month, Kind(body.kind), network)
    return accepted(RunShown(**_fields(run)), f"/v1/desk/document-runs/{run.run_id}")


@api.get(
    "/v1/desk/document-runs/<run_id>",
    summary="How far a run of documents is",
    errors=[Forbidden, NotFound],
    security="staff",
)
def run_progress(run_id: Id, staff: CurrentStaff) -> RunProgress:
    """Readable while it runs; with the archive's link once there is one."""
    require(staff, *RUNNERS)
    return _progress(requests.progress(staff, run_id))


@api.post(
    "/v1/desk/document-runs/<run_id>/archive",
    status=202,
    summary="Have a run's documents put into one zip",
    errors=[Forbidden, NotFound, RunNotFinished, RunTakenOver],
    security="staff",
)
def make_archive(run_id: Id, staff: CurrentStaff, network: Source) -> Response[RunShown]:
    """Once all have come, or an hour after the run was asked for with those that have.

    Asking again makes it again, unless it is being made: where it failed at once, where it got lost after
    fifteen minutes.
    """
    require(staff, *RUNNERS)
    run = requests.archive(staff, run_id, network)
    return Response(status_code=202, content_type="application/json", body=RunShown(**_fields(run)))


@api.get(
    "/v1/desk/flagged-documents",
    summary="Documents of a residence that were printed with letters missing",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def list_flagged_documents(
    staff: CurrentStaff,
    residence_id: Annotated[str, Query(min_length=1, max_length=250)],
    after: Annotated[str | None, Query(max_length=40)] = None,
) -> FlaggedDocumentList:
    """Listed until they are settled: a name written in by hand and stamped, or on record in Latin letters."""
    page = flagged_documents.of(staff, residence_id, after=after)
    shown = [
        FlaggedDocumentShown(
            document_id=one.document_id,
            lease_id=one.lease_id,
            kind=one.kind,
            number=one.number,
            created_at=one.created_at,
            missing_glyphs=one.missing_glyphs,
        )
        for one in page.documents
    ]
    return FlaggedDocumentList(documents=shown, next=page.next)


@api.post(
    "/v1/desk/flagged-documents/<document_id>/settlement",
    status=204,
    summary="Say that a document with letters missing is settled",
    errors=[Forbidden, NotFound],
    security="staff",
)
def settle_flagged_document(document_id: Id, staff: CurrentStaff, network: Source) -> None:
    """Takes it off the list; who did is in the audit."""
    flagged_documents.settle(staff, document_id, network=network)


def _fields(run: DocumentRun) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "residence_id": run.residence_id,
        "month": run.month,
        "kind": run.kind,
        "status": run.status,
        "asked_at": run.asked_at,
        "taken_over_by": run.taken_over_by,
    }


def _progress(progress: Progress) -> RunProgress:
    return RunProgress(
        **_fields(progress.run),
        documents=progress.documents,
        ready=progress.ready,
        refused=progress.refused,
        archive=progress.run.archive,
        archive_url=progress.url,
    )


handler = api.handler
