"""The keys to a signed-in tenant's account: another tenant code, sessions seen and ended."""

from datetime import datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends

from sesame.domain.codes import CodeFormats
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import NotFound, Unavailable
from sesame.platform.http import Api, Id, Shown, Source
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.rotation import Rotations
from sesame.services.sessions import OwnSessions, Session, SessionCheck, session_dependency
from sesame.store.audit import Audit
from sesame.store.erasures import Erasures
from sesame.store.people import People
from sesame.store.sessions import Sessions
from sesame.store.table import Table


class CredentialsSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    pepper_secret: str
    codes_key: str
    code_formats: str = ""
    imported_codes: str = ""


class CodeRotated(Shown):
    """The new tenant code, shown this once; the old one opens nothing any more."""

    tenant_code: str


class OpenSession(Shown):
    """A session that still opens something. `device` is coarse, and empty where it said nothing of itself."""

    id: str
    created_at: datetime
    last_seen_at: datetime
    """To within five minutes."""
    expires_at: datetime
    device: str
    current: bool


class OpenSessions(Shown):
    """The latest used first."""

    sessions: list[OpenSession]


settings = CredentialsSettings.from_env()
dynamodb = client("dynamodb")
identity = Table(dynamodb, settings.identity_table)
audit = Audit(Table(dynamodb, settings.operations_table))
sessions = Sessions(identity)
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
rotations = Rotations(
    people=People(identity, pepper),
    audit=audit,
    pepper=pepper,
    kms=Later("kms"),
    codes_key=settings.codes_key,
    clock=utc_now,
    random=token_bytes,
    formats=CodeFormats.of(settings.code_formats, settings.imported_codes),
)
own = OwnSessions(
    sessions=sessions,
    erasures=Erasures(identity, audit.table),
    audit=audit,
    pepper=pepper,
    clock=utc_now,
    random=token_bytes,
)
check = SessionCheck(sessions, utc_now)
CurrentSession = Annotated[Session, Depends(session_dependency(check))]

api = Api()


@api.post(
    "/v1/me/tenant-code/rotation",
    summary="Change the tenant code",
    errors=[Unavailable],
    security="session",
    tag="tenant-code",
)
def rotate(session: CurrentSession, source: Source) -> CodeRotated:
    """Shows the new code; every contact on record is told. Asked again within 30 seconds, shows the same."""
    return CodeRotated(tenant_code=rotations.by_tenant(session, source))


@api.get("/v1/me/sessions", summary="Where the tenant is signed in", security="session", tag="sessions")
def list_sessions(session: CurrentSession) -> OpenSessions:
    """The latest used first; `current` is the one that asks."""
    return OpenSessions(
        sessions=[
            OpenSession(
                id=one.shown_id,
                created_at=one.created_at,
                last_seen_at=one.last_seen_at,
                expires_at=one.ends_at,
                device=one.device,
                current=one.session_id == session.stored.session_id,
            )
            for one in own.live(session)
        ]
    )


@api.delete("/v1/me/sessions", status=204, summary="Sign out everywhere", security="session", tag="sessions")
def end_all(session: CurrentSession, source: Source) -> None:
    """Every session, this one too, and every one-time code on its way is worth nothing from now on."""
    own.end_all(session, source)


@api.delete("/v1/me/sessions/current", status=204, summary="Sign out", security="session", tag="sessions")
def sign_out(session: CurrentSession, source: Source) -> None:
    """The token is worth nothing from the next request on."""
    own.sign_out(session, source)


@api.delete(
    "/v1/me/sessions/<session_id>",
    status=204,
    summary="End one session",
    errors=[NotFound],
    security="session",
    tag="sessions",
)
def end_one(session_id: Id, session: CurrentSession, source: Source) -> None:
    """By the id of the list. Its token is worth nothing from the next request on."""
    own.end(session, session_id, source)


handler = api.handler
