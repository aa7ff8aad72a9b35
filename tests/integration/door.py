"""The services of access on one account and one clock: every way in, and a look at what the messages say."""

from datetime import date, timedelta
from secrets import token_bytes
from typing import Any

from sesame.domain.codes import STANDARD, CodeFormats
from sesame.platform.ids import new_id
from sesame.services.access import Confirmations, OpenedSession, RecoveredCode, Starts
from sesame.services.confirming import Confirming
from sesame.services.one_time_codes import Explanation, OneTimeCode, OneTimeCodes, Withheld
from sesame.services.sessions import SessionCheck
from sesame.services.tenant_codes import Decipher
from sesame.services.welcome import Welcomed, WelcomeLinks, Welcomes
from sesame.store.audit import Audit
from sesame.store.challenges import Challenges
from sesame.store.pacing import Pacing
from sesame.store.sessions import Sessions
from tests.conftest import FrozenClock
from tests.integration.tenants import Tenant

MINUTE = timedelta(minutes=1)
SOMEWHERE = "192.0.2.7"


class Door:
    """Ways in. `source` is the caller's network."""

    def __init__(self, aws: Any, clock: FrozenClock, formats: CodeFormats = STANDARD) -> None:
        self.aws, self.clock = aws, clock
        self.challenges, self.sessions = Challenges(aws.identity), Sessions(aws.identity)
        self.pacing, self.audit = Pacing(aws.identity), Audit(aws.operations)
        decipher = Decipher(aws.kms, aws.codes_key)
        self.confirming = Confirming(self.challenges, self.pacing, self.audit, aws.pepper, token_bytes)
        self.starts = Starts(self.confirming, clock, token_bytes, formats)
        self.one_time_codes = OneTimeCodes(self.challenges, self.pacing, aws.pepper, clock, token_bytes)
        self.confirmations = Confirmations(
            confirming=self.confirming,
            sessions=self.sessions,
            audit=self.audit,
            decipher=decipher,
            clock=clock,
            random=token_bytes,
        )
        self.check = SessionCheck(self.sessions, clock)
        self.links = WelcomeLinks(self.challenges, clock, token_bytes)
        self.documents: list[str] = []
        self.welcomes = Welcomes(
            self.challenges, self.audit, aws.pepper, decipher, self._document, clock, token_bytes
        )

    def _document(self, *_: object) -> str:
        self.documents.append(new_id())
        return self.documents[-1]

    def ask_sign_in(self, tenant_code: str, *, source: str = SOMEWHERE) -> str:
        """Starts a sign-in; its id."""
        return self.starts.sign_in(tenant_code, source=source).challenge_id

    def ask_recovery(self, kind: str, identity: str, born: date, *, source: str = SOMEWHERE) -> str:
        """Starts a recovery; its id."""
        return self.starts.recovery(kind, identity, born, source=source).challenge_id

    def prepare(self, challenge_id: str) -> OneTimeCode | Explanation | Withheld | None:
        """What the sender makes of a request, by an event of its own."""
        return self.one_time_codes.prepare(challenge_id, new_id())

    def open_welcome(self, token: str, born: date, *, source: str = SOMEWHERE) -> Welcomed:
        """Opens a welcome link."""
        return self.welcomes.open(token, born, source=source)

    def one_time_code(self, challenge_id: str) -> str:
        """What the message to the contact on record says."""
        prepared = self.prepare(challenge_id)
        assert isinstance(prepared, OneTimeCode)
        return prepared.shown

    def confirm_sign_in(self, challenge_id: str, otp: str, *, source: str = SOMEWHERE) -> OpenedSession:
        """Trades a one-time code for a session."""
        return self.confirmations.sign_in(challenge_id, otp, source=source)

    def confirm_recovery(
        self, challenge_id: str, otp: str, *, source: str = SOMEWHERE
    ) -> list[RecoveredCode]:
        """Trades a one-time code for the tenant's codes."""
        return self.confirmations.recovery(challenge_id, otp, source=source)

    def sign_in(self, tenant: Tenant) -> str:
        """A session token."""
        sign_in_id = self.ask_sign_in(tenant.printed_code)
        return self.confirm_sign_in(sign_in_id, self.one_time_code(sign_in_id)).token
