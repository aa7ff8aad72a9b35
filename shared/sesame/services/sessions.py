"""Sessions: half an hour idle, eight hours in all, dead at once when the person's credential epoch moves."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aws_lambda_powertools.event_handler import Request

from sesame.domain.tenancy import Lease, Person
from sesame.platform.clock import Clock
from sesame.platform.errors import Unauthenticated
from sesame.platform.http import bearer_token
from sesame.store import keys
from sesame.store.people import lease_of, person_of
from sesame.store.sessions import Sessions, StoredSession, Token, read_token, stored_session
from sesame.store.table import same_table

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=8)
TOUCH_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in, for which lease."""

    stored: StoredSession
    person: Person
    lease: Lease


@dataclass(frozen=True, slots=True)
class SessionCheck:
    """Every request's first question: who is this? One strongly consistent read."""

    sessions: Sessions
    clock: Clock

    def __call__(self, token_text: str) -> Session:
        """The session behind a token. Raises Unauthenticated for one that is unknown, over, or revoked."""
        token = read_token(token_text)
        if token is None:
            raise Unauthenticated
        session = self._live(token)
        if self.clock() - session.stored.last_seen_at >= TOUCH_EVERY:
            self.sessions.touch(session.stored, self.clock())
        return session

    def _live(self, token: Token) -> Session:
        stored_item, person_item, lease_item = same_table(
            self.sessions.table,
            [self.sessions.key(token), keys.person(token.person_id), keys.lease(token.lease_id)],
        )
        if not (stored_item and person_item and lease_item):
            raise Unauthenticated
        stored, person = stored_session(stored_item), person_of(person_item)
        now = self.clock()
        alive = (
            stored.lease_id == token.lease_id
            and stored.epoch == person.credential_epoch
            and now < stored.ends_at
            and now < stored.last_seen_at + IDLE
        )
        if not alive:
            raise Unauthenticated
        return Session(stored=stored, person=person, lease=lease_of(lease_item))


def session_dependency(check: SessionCheck) -> Callable[[Request], Session]:
    """Finds the signed-in tenant for a route: `Annotated[Session, Depends(session_dependency(check))]`."""

    def current_session(request: Request) -> Session:
        return check(bearer_token(request))

    return current_session
