"""A tenant's right to their data: a copy of it all, and its erasure, confirmed by a fresh one-time code."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Response
from pydantic import Field

from sesame.domain.erasure import LAWS, WORDS, Category, Line, Plan, Reason
from sesame.domain.transmissions import GROUNDS, Basis, Change, Recipient, RowState, TransmissionKind
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
from sesame.services.sharing import NotTheirsToDecide, Shared, SharingDecisions, sent_at
from sesame.services.step_up import NotConfirmed, Purpose, StepUp
from sesame.services.waiting import Waiting, waiting
from sesame.store.audit import Audit
from sesame.store.challenges import Challenges
from sesame.store.data_exports import DataExport, DataExports, ExportStatus
from sesame.store.erasures import Erasure, Erasures, ErasureState
from sesame.store.pacing import Pacing
from sesame.store.people import People
from sesame.store.sessions import Sessions
from sesame.store.sharing import How, Sharing
from sesame.store.table import Table
from sesame.store.transmissions import SentFile, SentRow, Transmissions


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


class SharedKind(Shown):
    """A kind of thing that may be told of the tenant: to whom, on which basis, by which rule and why.

    `agreed` is theirs to say where the basis is consent, and null where they have said nothing, which is a
    no; null where it is not theirs to say. `leaves` is what follows.
    """

    kind: TransmissionKind
    recipient: Recipient
    basis: Basis
    law: str
    why: str
    leaves: bool
    agreed: bool | None
    decided_at: datetime | None
    how: How | None


class SharedKinds(Shown):
    """Every kind that there is."""

    sharing: list[SharedKind]


class SharingDecision(StrictModel):
    """Whether it may be told, from now on."""

    agreed: bool


class Transmitted(Shown):
    """Something that was told of the tenant: to whom, when, for which month, and what they said of it.

    `certificate_id` is the certificate that was passed on, where it was one. `change` says whether it was
    told first, told anew, or taken back.
    """

    kind: TransmissionKind
    transmitted_to: str
    transmitted_at: datetime
    period: str
    change: Change
    basis: Basis
    consented_at: datetime | None
    certificate_id: str | None
    state: RowState
    reason: str
    """The recipient's own words, where they rejected it."""


class TransmittedList(Shown):
    """Newest first."""

    transmissions: list[Transmitted]


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
decisions = SharingDecisions(
    sharing=Sharing(identity),
    transmissions=Transmissions(operations),
    audit=Audit(operations),
    pepper=pepper,
    clock=utc_now,
    random=token_bytes,
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


@api.get("/v1/me/sharing", summary="What is told of the tenant, and why", security="session", tag="privacy")
def get_sharing(session: CurrentSession, language: Language) -> SharedKinds:
    """What a law or the contract has told, and what is theirs to decide."""
    return SharedKinds(sharing=[_kind(one, language) for one in decisions.of(session)])


@api.put(
    "/v1/me/sharing/<kind>",
    summary="Agree that something is told, or refuse",
    errors=[NotTheirsToDecide],
    security="session",
    tag="privacy",
)
def set_sharing(
    kind: TransmissionKind,
    body: SharingDecision,
    session: CurrentSession,
    source: Source,
    language: Language,
) -> SharedKind:
    """Taken back at any time: nothing more leaves, and the next file tells the recipient so."""
    return _kind(decisions.decide(session, kind, agreed=body.agreed, source=source), language)


@api.get("/v1/me/transmissions", summary="What was told of the tenant", security="session", tag="privacy")
def list_transmitted(session: CurrentSession) -> TransmittedList:
    """Certificates passed on to the CAF, unpaid rent, confirmations to a university."""
    return TransmittedList(transmissions=[_transmitted(*one) for one in decisions.sent(session)])


def _kind(shared: Shared, language: str) -> SharedKind:
    decision = shared.decision
    return SharedKind(
        kind=shared.kind,
        recipient=shared.ground.recipient,
        basis=shared.ground.basis,
        law=shared.ground.law,
        why=shared.ground.why[language],
        leaves=shared.leaves,
        agreed=decision.agreed if decision else None,
        decided_at=decision.decided_at if decision else None,
        how=decision.how if decision else None,
    )


def _transmitted(row: SentRow, file: SentFile) -> Transmitted:
    return Transmitted(
        kind=file.series.kind,
        transmitted_to=file.series.recipient_name,
        transmitted_at=sent_at(file) or file.built_at,
        period=file.series.period,
        change=row.change,
        basis=GROUNDS[file.series.kind].basis,
        consented_at=row.consented_at,
        certificate_id=row.document_id,
        state=row.state,
        reason=row.reason,
    )


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
