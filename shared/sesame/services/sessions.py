"""Sessions: half an hour idle, eight hours in all, dead at once when the person's credential epoch moves."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aws_lambda_powertools.event_handler import Request

from sesame.domain.tenancy import Lease, Person
from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound, Unauthenticated
from sesame.platform.http import bearer_token
from sesame.platform.ids import Random
from sesame.platform.secrets import Pepper
from sesame.store import keys
from sesame.store.audit import Action, Audit, AuditEntry, by_tenant
from sesame.store.erasures import Erasures
from sesame.store.people import lease_of, person_of
from sesame.store.sessions import Sessions, StoredSession, Token, read_token, stored_session
from sesame.store.table import ConditionFailed, Write, same_table, transact

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=8)
TOUCH_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in, for which lease."""

    stored: StoredSession
    person: Person
    lease: Lease

    def deed(
        self, action: Action, at: datetime, *, random: Random, source: str, **details: str | int
    ) -> AuditEntry:
        """The audit's entry of what they do. `source` is their network, hashed."""
        return by_tenant(
            action,
            at,
            person_id=self.person.person_id,
            lease_id=self.lease.lease_id,
            residence_id=self.lease.residence_id,
            random=random,
            source=source,
            **details,
        )


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
        live = _is_live(stored, person.credential_epoch, self.clock())
        if not live or stored.lease_id != token.lease_id:
            raise Unauthenticated
        return Session(stored=stored, person=person, lease=lease_of(lease_item))


def session_dependency(check: SessionCheck) -> Callable[[Request], Session]:
    """Finds the signed-in tenant for a route: `Annotated[Session, Depends(session_dependency(check))]`."""

    def current_session(request: Request) -> Session:
        return check(bearer_token(request))

    return current_session


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSessions:
    """A tenant's own sessions: seen, and ended one by one or all at once. Each end is in the audit."""

    sessions: Sessions
    erasures: Erasures
    audit: Audit
    pepper: Pepper
    clock: Clock
    random: Random

    def live(self, session: Session) -> list[StoredSession]:
        """Those that still open something, the latest used first. One call."""
        now = self.clock()
        found = self.sessions.of_person(session.person.person_id)
        live = [one for one in found if _is_live(one, session.person.credential_epoch, now)]
        return sorted(live, key=lambda one: one.last_seen_at, reverse=True)

    def end(self, session: Session, shown_id: str, source: str) -> None:
        """Ends one of the tenant's sessions. Raises NotFound for whatever is not one. Two calls."""
        ended = next((one for one in self.live(session) if one.shown_id == shown_id), None)
        if ended is None:
            raise NotFound
        self._close(session, ended, source)

    def sign_out(self, session: Session, source: str) -> None:
        """Ends the session at hand. One call."""
        self._close(session, session.stored, source)

    def end_all(self, session: Session, source: str) -> None:
        """Ends every session and one-time code of the tenant, this session too; not their wish to be erased.

        One call, two where there is such a wish. Raises ConditionFailed where it changed all the while.
        """
        person_id, epoch = session.person.person_id, session.person.credential_epoch
        closing = self.sessions.closing_all(person_id, epoch)
        entry = self._entry(Action.SESSIONS_ENDED, session, source)
        without, along = self.erasures.none_asked(person_id, epoch), self.erasures.keeping(person_id, epoch)
        for wish in (without, along, without):
            try:
                self._write(closing, entry, wish)
            except ConditionFailed as failure:
                last = failure
            else:
                return
        raise last

    def _close(self, session: Session, ended: StoredSession, source: str) -> None:
        self._write(self.sessions.closing(ended), self._entry(Action.SESSION_ENDED, session, source))

    def _write(self, closing: Write, entry: AuditEntry, *more: Write) -> None:
        writes = [closing, self.audit.recording(entry), *more]
        try:
            transact(self.sessions.table.client, writes, attempts=3)
        except ConditionFailed as failure:
            # Ended by another request a moment ago: what was asked for is so, and is in the audit.
            if not failure.failed(0):
                raise

    def _entry(self, action: Action, session: Session, source: str) -> AuditEntry:
        return session.deed(
            action,
            self.clock(),
            random=self.random,
            source=self.pepper.hash("source", source),
        )


def _is_live(stored: StoredSession, epoch: int, now: datetime) -> bool:
    return stored.epoch == epoch and now < stored.ends_at and now < stored.last_seen_at + IDLE
