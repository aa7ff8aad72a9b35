"""Sessions: opaque tokens, stored hashed beside their person."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import UTC, datetime

from sesame.platform.ids import Random, derived_id, id_bytes, id_from_bytes
from sesame.store import keys
from sesame.store.table import NOT_THERE, ConditionFailed, Delete, Item, Key, Put, Table, Update

_ID_BYTES = 16
_SECRET_BYTES = 32
_TOKEN_BYTES = 2 * _ID_BYTES + _SECRET_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A session token, taken apart: whose session, and the 256-bit secret that proves it.

    The ids let one batch read fetch session, person and lease at once; the token stays opaque to its holder.
    """

    person_id: str
    lease_id: str
    secret: bytes

    @property
    def session_id(self) -> str:
        """The hash under which the session is stored. The secret is random: no pepper is needed."""
        return hashlib.sha256(self.secret).hexdigest()

    def __str__(self) -> str:
        packed = id_bytes(self.person_id) + id_bytes(self.lease_id) + self.secret
        return urlsafe_b64encode(packed).rstrip(b"=").decode()


def new_token(person_id: str, lease_id: str, random: Random) -> Token:
    """A fresh token."""
    return Token(person_id=person_id, lease_id=lease_id, secret=random(_SECRET_BYTES))


def read_token(text: str) -> Token | None:
    """The token behind its text, or None when it cannot be one of ours."""
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (NotBase64, ValueError):
        return None
    if len(packed) != _TOKEN_BYTES:
        return None
    return Token(
        person_id=id_from_bytes(packed[:_ID_BYTES]),
        lease_id=id_from_bytes(packed[_ID_BYTES : 2 * _ID_BYTES]),
        secret=packed[2 * _ID_BYTES :],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session as stored. Times are aware UTC."""

    session_id: str
    person_id: str
    lease_id: str
    epoch: int
    created_at: datetime
    last_seen_at: datetime
    ends_at: datetime
    device: str = ""
    """A coarse one, such as `Firefox, Android`; empty where it said nothing."""

    @property
    def shown_id(self) -> str:
        """What its holder may call it by: derived from the stored hash, from which nothing leads back."""
        return derived_id("session", self.session_id)


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of the identity table."""

    table: Table

    def opening(self, session: StoredSession) -> Put:
        """The write that opens a session."""
        return Put(table=self.table.name, item=_item(session), condition=NOT_THERE)

    def key(self, token: Token) -> Key:
        """Where a token's session is kept."""
        return keys.person_session(token.person_id, token.session_id)

    def touch(self, session: StoredSession, now: datetime) -> None:
        """Notes that a session is in use. One that was revoked meanwhile stays gone."""
        try:
            self.table.update(
                keys.person_session(session.person_id, session.session_id),
                "SET last_seen_at = :now",
                condition="attribute_exists(pk)",
                values={":now": now.isoformat()},
            )
        except ConditionFailed:
            return

    def of_person(self, person_id: str) -> list[StoredSession]:
        """Every session kept of a person, over ones too. One strongly consistent read."""
        partition, prefix = keys.sessions_of(person_id)
        return [stored_session(item) for item in self.table.query_all(partition, prefix)]

    def closing(self, session: StoredSession) -> Delete:
        """The write that ends a session: its token is worth nothing from the next request on."""
        return Delete(
            table=self.table.name,
            key=keys.person_session(session.person_id, session.session_id),
            condition="attribute_exists(pk)",
        )

    def closing_all(self, person_id: str, epoch: int) -> Update:
        """The write that ends every session and one-time code of a person, whose epoch is `epoch`."""
        return Update(
            table=self.table.name,
            key=keys.person(person_id),
            expression="ADD credential_epoch :one, version :one",
            condition="credential_epoch = :epoch",
            values={":one": 1, ":epoch": epoch},
        )


def _item(session: StoredSession) -> Item:
    return {
        **keys.person_session(session.person_id, session.session_id),
        "session_id": session.session_id,
        "person_id": session.person_id,
        "lease_id": session.lease_id,
        "epoch": session.epoch,
        "created_at": session.created_at.isoformat(),
        "last_seen_at": session.last_seen_at.isoformat(),
        "device": session.device or None,
        "expires_at": int(session.ends_at.timestamp()),
    }


def stored_session(item: Item) -> StoredSession:
    """A session's item, read."""
    return StoredSession(
        session_id=item["session_id"],
        person_id=item["person_id"],
        lease_id=item["lease_id"],
        epoch=item["epoch"],
        created_at=datetime.fromisoformat(item["created_at"]),
        last_seen_at=datetime.fromisoformat(item["last_seen_at"]),
        ends_at=datetime.fromtimestamp(item["expires_at"], UTC),
        device=item.get("device", ""),
    )
