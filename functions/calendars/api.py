"""A tenant's due dates for their own calendar: the private address, and what it shows."""

from datetime import datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Conflict, NotFound
from sesame.platform.http import Api, Shown, Source
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.calendar_feeds import CalendarReader, OwnCalendarFeed
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.store.audit import Audit
from sesame.store.calendar_feeds import CalendarFeeds
from sesame.store.sessions import Sessions
from sesame.store.table import Table


class CalendarSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    pepper_secret: str
    api_url: str
    portal_url: str


class CalendarFeedMade(Shown):
    """The address, which is not shown again."""

    url: str


class CalendarFeedShown(Shown):
    """Since when there is an address; null where there is none."""

    since: datetime | None


settings = CalendarSettings.from_env()
dynamodb = client("dynamodb")
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
feeds = CalendarFeeds(identity)
own = OwnCalendarFeed(
    feeds=feeds,
    audit=Audit(Table(dynamodb, settings.operations_table)),
    pepper=Pepper(Secrets(Later("secretsmanager")), settings.pepper_secret),
    api_url=settings.api_url,
    clock=utc_now,
    random=token_bytes,
)
reader = CalendarReader(
    feeds=feeds, identity=identity, money=money, portal_url=settings.portal_url, clock=utc_now
)
CurrentSession = Annotated[Session, Depends(session_dependency(SessionCheck(Sessions(identity), utc_now)))]
Token = Annotated[str, Path(max_length=200)]
api = Api()


@api.get("/v1/me/calendar-feed", summary="Whether due dates go to a calendar", security="session")
def shown(session: CurrentSession) -> CalendarFeedShown:
    """Without the address."""
    return CalendarFeedShown(since=own.since(session))


@api.post(
    "/v1/me/calendar-feed",
    status=201,
    summary="Get an address for due dates in a calendar",
    errors=[Conflict],
    security="session",
)
def make(session: CurrentSession, network: Source) -> CalendarFeedMade:
    """The one of before ends at once."""
    return CalendarFeedMade(url=own.make(session, source=network))


@api.delete(
    "/v1/me/calendar-feed",
    status=204,
    summary="End the address for due dates",
    errors=[NotFound],
    security="session",
)
def end(session: CurrentSession, network: Source) -> None:
    """At once; calendars keep what they have seen."""
    own.end(session, source=network)


@api.get("/v1/calendar-feeds/<token>", summary="Due dates as a calendar (RFC 5545)", errors=[NotFound])
def read(token: Token) -> Response[str]:
    """Days to pay by and months, nothing else; no amount."""
    return Response(status_code=200, content_type="text/calendar; charset=utf-8", body=reader.read(token))


handler = api.handler
