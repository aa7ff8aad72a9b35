"""What a tenant sees and does about studies: the social file and its pieces, and another year in the room."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from sesame.domain.renewals import Criterion, DeclinedFor, RenewalState, RenewalStep
from sesame.domain.social_file import FileState, PieceKind, PieceRefusal, PieceState
from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import NotFound
from sesame.platform.http import Api, Language, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.attachments import AttachmentDesk, NotAttachable
from sesame.services.renewals import OwnRenewal, RenewalClosed, RenewalSeen, RenewalStandings
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.services.social_files import (
    OwnSocialFiles,
    PieceSeen,
    SocialFileChanges,
    SocialFileSeen,
    StepNotPossible,
)
from sesame.store.attachments import Attachments
from sesame.store.audit import Audit
from sesame.store.renewals import Renewals
from sesame.store.sessions import Sessions
from sesame.store.social_files import SocialFiles
from sesame.store.table import Table


class StudiesSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


class PieceShown(Shown):
    """A piece: in time until `due_at`, the last second of its last day at the residence."""

    piece_id: str
    kind: PieceKind
    label: str
    state: PieceState
    due_on: date
    due_at: datetime
    late: bool
    refused_because: PieceRefusal | None
    attachment_ids: list[str]
    """What was handed in."""


class SocialFileShown(Shown):
    """A social file of a year: where it stands; what is missing, the first due first; the other pieces."""

    year: str
    state: FileState
    echelon: str
    decided_on: date | None
    changed_at: datetime | None
    missing: list[PieceShown]
    others: list[PieceShown]


class SocialFileList(Shown):
    """The latest year first; empty where nothing is known of any."""

    files: list[SocialFileShown]


class PieceHandedIn(StrictModel):
    """A file for a piece: an attachment that was uploaded and accepted."""

    attachment_id: Annotated[str, Field(pattern=r"^[0-9a-z]{26}$")]


class RenewalCriterion(Shown):
    """A condition, whether it is met, and what would mend it where it is not."""

    criterion: Criterion
    met: bool
    said: str
    remedy: str


class RenewalShown(Shown):
    """Another year: until when to answer, how the tenant stands, and what was answered and decided."""

    campaign_id: str
    opens_at: datetime
    closes_at: datetime
    is_open: bool
    lease_ends_on: date
    renews_until: date
    state: RenewalState
    answered_at: datetime | None
    eligible: bool
    criteria: list[RenewalCriterion]
    decided_at: datetime | None
    declined_because: DeclinedFor | None
    note: str


class RenewalAnswer(StrictModel):
    """Whether the tenant asks for another year. Until the closing they may think otherwise."""

    wish: Literal["renew", "leave"]


settings = StudiesSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
audit = Audit(Table(dynamodb, settings.operations_table))
social_files = OwnSocialFiles(
    changes=SocialFileChanges(SocialFiles(identity), audit),
    attachments=AttachmentDesk(
        attachments=Attachments(Table(dynamodb, settings.documents_table)),
        s3=Later("s3"),
        bucket=settings.bucket,
        clock=utc_now,
        random=token_bytes,
    ),
    identity=identity,
    pepper=pepper,
    clock=utc_now,
    random=token_bytes,
)
renewals = OwnRenewal(
    standings=RenewalStandings(identity, money),
    renewals=Renewals(identity),
    audit=audit,
    pepper=pepper,
    clock=utc_now,
    random=token_bytes,
)
check = SessionCheck(Sessions(identity), utc_now)
CurrentSession = Annotated[Session, Depends(session_dependency(check))]

api = Api()


@api.get(
    "/v1/me/social-file",
    summary="The social file: where it stands, what is missing and by when",
    errors=[NotFound],
    security="session",
)
def my_social_files(session: CurrentSession) -> SocialFileList:
    """Of each year that is kept, the latest first."""
    return SocialFileList(files=[_file(one) for one in social_files.seen(session)])


@api.post(
    "/v1/me/social-file/<year>/pieces/<piece_id>/files",
    summary="Hand a file in for a piece",
    errors=[NotFound, NotAttachable, StepNotPossible],
    security="session",
)
def hand_in_piece(
    year: Annotated[str, Path(pattern=r"^20[0-9]{2}-20[0-9]{2}$")],
    piece_id: Annotated[str, Path(pattern=r"^p[0-9]{1,2}$")],
    body: PieceHandedIn,
    session: CurrentSession,
    network: Source,
) -> SocialFileShown:
    """Upload it by `POST /v1/me/attachments` first. Five files a piece, and as many again once refused."""
    file = social_files.hand_in(session, year, piece_id, body.attachment_id, source=network)
    return _file(social_files.one(session, file))


@api.get(
    "/v1/me/renewal",
    summary="Another year: the conditions, one by one, and what was answered",
    errors=[NotFound],
    security="session",
)
def my_renewal(session: CurrentSession, language: Language) -> RenewalShown:
    """In the campaign that is open, else the next one, else the last. Not found where there is none."""
    return _renewal(renewals.seen(session), language)


@api.post(
    "/v1/me/renewal",
    summary="Ask for another year, or say that one leaves",
    errors=[NotFound, RenewalClosed, StepNotPossible],
    security="session",
)
def answer_renewal(
    body: RenewalAnswer, session: CurrentSession, language: Language, network: Source
) -> RenewalShown:
    """While the campaign is open. A condition that is not met yet keeps nobody from asking."""
    step = RenewalStep.ASK if body.wish == "renew" else RenewalStep.LEAVE
    return _renewal(renewals.answer(session, step, source=network), language)


def _file(seen: SocialFileSeen) -> SocialFileShown:
    file = seen.file
    return SocialFileShown(
        year=file.year,
        state=file.state,
        echelon=file.echelon,
        decided_on=file.decided_on,
        changed_at=file.changed_at,
        missing=[_piece(one) for one in seen.missing],
        others=[_piece(one) for one in seen.others],
    )


def _piece(seen: PieceSeen) -> PieceShown:
    piece = seen.piece
    return PieceShown(
        piece_id=piece.piece_id,
        kind=piece.kind,
        label=piece.label,
        state=piece.state,
        due_on=piece.due_on,
        due_at=seen.due_at,
        late=seen.late,
        refused_because=piece.refused_because,
        attachment_ids=[one.attachment_id for one in piece.files],
    )


def _renewal(seen: RenewalSeen, language: str) -> RenewalShown:
    spoken, decided = SpokenLanguage(language), seen.renewal.decided
    return RenewalShown(
        campaign_id=seen.campaign.campaign_id,
        opens_at=seen.opens_at,
        closes_at=seen.closes_at,
        is_open=seen.is_open,
        lease_ends_on=seen.lease.ends_on,
        renews_until=seen.campaign.renews_until,
        state=seen.renewal.state,
        answered_at=seen.renewal.answered_at,
        eligible=seen.eligible,
        criteria=[
            RenewalCriterion(
                criterion=one.criterion, met=one.met, said=one.said[spoken], remedy=one.remedy[spoken]
            )
            for one in seen.verdicts
        ],
        decided_at=decided.at if decided else None,
        declined_because=decided.reason if decided else None,
        note=decided.note if decided else "",
    )


handler = api.handler
