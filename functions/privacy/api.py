"""A tenant's right to their data: a copy of it all, and its erasure, confirmed by a fresh one-time code."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Response
from pydantic import Field

from sesame.domain.erasure import LAWS, WORDS, Category, Line, Plan, Reason
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import NotFound, TooManyRequests
from sesame.platform.http import Api, Id, Language, Shown, Source, StrictModel, accepted
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.confirming import Confirming
from sesame.services.data_exports import ExportRequests
from sesame.services.erasures import Dossiers, ErasureRequests, ErasureUnderWay
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.services.step_up import NotConfirmed, Purpose, StepUp
from sesame.services.waiting import Waiting, waiting
from sesame.store.audit import Audit
from sesame.store.challenges import Challenges
from sesame.store.data_exports import DataExport, DataExports, ExportStatus
from sesame.store.erasures import Erasure, Erasures, ErasureState
from sesame.store.pacing import Pacing
from sesame.store.people import People
from sesame.store.sessions import Sessions
from sesame.store.table import Table


class PrivacySettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


class DataExportShown(Shown):
    """A copy of the tenant's data. `download_url` is there once it is ready, for five minutes."""

    export_id: str
    status: ExportStatus
    expires_at: datetime
    """When the file is deleted."""
    download_url: str | None = None


class ConfirmationRequest(StrictModel):
    """What a fresh one-time code is to confirm."""

    purpose: Purpose


class ConfirmationStarted(Waiting):
    """A one-time code is on its way to the contact on record."""

    confirmation_id: str


class ErasureConfirmed(StrictModel):
    """The confirmation, and the eight digits received by message; spaces do not matter."""

    confirmation_id: Annotated[str, Field(min_length=1, max_length=64)]
    otp: Annotated[str, Field(min_length=1, max_length=40)]


class ErasureLine(Shown):
    """A kind of data, of one lease or of the person; why it goes or stays, by which rule, until which day."""

    category: Category
    lease_id: str | None
    reason: Reason
    why: str
    law: str
    until: date | None


class ErasurePlan(Shown):
    """What an erasure takes away and what it leaves, as of now. `state` is null while none is asked."""

    state: ErasureState | None
    asked_at: datetime | None
    erases_at: datetime | None
    """When it happens, or when what could not go yet is looked at again."""
    erased: list[ErasureLine]
    kept: list[ErasureLine]


settings = PrivacySettings.from_env()
dynamodb = client("dynamodb")
identity = Table(dynamodb, settings.identity_table)
operations = Table(dynamodb, settings.operations_table)
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
exports = ExportRequests(DataExports(operations), pepper, Later("s3"), settings.bucket, utc_now, token_bytes)
confirming = Confirming(Challenges(identity), Pacing(identity), Audit(operations), pepper, token_bytes)
step_up = StepUp(confirming, utc_now, token_bytes)
erasures = ErasureRequests(
    Erasures(identity, operations),
    Dossiers(People(identity, pepper), Table(dynamodb, settings.money_table)),
    step_up,
    pepper,
    utc_now,
    token_bytes,
)
CurrentSession = Annotated[Session, Depends(session_dependency(SessionCheck(Sessions(identity), utc_now)))]

api = Api()


@api.post(
    "/v1/me/data-exports",
    status=202,
    summary="Ask for a copy of all one's data",
    security="session",
    tag="privacy",
)
def request_data_export(session: CurrentSession, source: Source) -> Response[DataExportShown]:
    """Once a day: asked again before that, it is the same one. A message tells when it is ready."""
    export = exports.ask(session, source=source)
    return accepted(_shown(export), f"/v1/me/data-exports/{export.export_id}")


@api.get(
    "/v1/me/data-exports/<export_id>",
    summary="A copy of one's data, with its download link",
    errors=[NotFound],
    security="session",
    tag="privacy",
)
def get_data_export(export_id: Id, session: CurrentSession) -> DataExportShown:
    """The link lives five minutes and is made anew each time."""
    found = exports.of(session, export_id)
    return _shown(found.export, found.url)


@api.post(
    "/v1/me/confirmations",
    status=202,
    summary="Have a fresh one-time code sent",
    errors=[TooManyRequests],
    security="session",
    tag="privacy",
)
def start_confirmation(
    body: ConfirmationRequest, session: CurrentSession, source: Source
) -> ConfirmationStarted:
    """For what a session alone may not do; to the contact on record."""
    started = step_up.start(session, body.purpose, source=source)
    return ConfirmationStarted(confirmation_id=started.challenge_id, **waiting(started, utc_now()))


@api.get("/v1/me/erasure", summary="What would be erased and what is kept", security="session", tag="privacy")
def get_erasure(session: CurrentSession, language: Language) -> ErasurePlan:
    """Changes nothing: each line says why, by which rule, until when."""
    erasure, plan = erasures.look(session)
    return _planned(erasure, plan, language)


@api.post(
    "/v1/me/erasure",
    status=202,
    summary="Have one's data erased in 24 hours",
    errors=[NotConfirmed],
    security="session",
    tag="privacy",
)
def request_erasure(
    body: ErasureConfirmed, session: CurrentSession, source: Source, language: Language
) -> ErasurePlan:
    """Every contact is told, and it can be taken back until then; so does a reset of the credentials."""
    erasure, plan = erasures.ask(session, confirmation_id=body.confirmation_id, otp=body.otp, source=source)
    return _planned(erasure, plan, language)


@api.delete(
    "/v1/me/erasure",
    status=204,
    summary="Take an erasure back",
    errors=[NotFound, ErasureUnderWay],
    security="session",
    tag="privacy",
)
def cancel_erasure(session: CurrentSession, source: Source) -> None:
    """Until it begins; then also for what could not go yet."""
    erasures.cancel(session, source=source)


def _shown(export: DataExport, download_url: str | None = None) -> DataExportShown:
    return DataExportShown(
        export_id=export.export_id,
        status=export.status,
        expires_at=export.expires_at,
        download_url=download_url,
    )


def _planned(erasure: Erasure | None, plan: Plan, language: str) -> ErasurePlan:
    return ErasurePlan(
        state=erasure.state if erasure else None,
        asked_at=erasure.asked_at if erasure else None,
        erases_at=erasure.due_at if erasure else None,
        erased=[_line(line, language) for line in plan.erased],
        kept=[_line(line, language) for line in plan.kept],
    )


def _line(line: Line, language: str) -> ErasureLine:
    return ErasureLine(
        category=line.category,
        lease_id=line.lease_id,
        reason=line.reason,
        why=WORDS[line.reason][language],
        law=LAWS[line.reason],
        until=line.until,
    )


handler = api.handler
