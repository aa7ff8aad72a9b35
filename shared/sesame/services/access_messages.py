"""The messages of access: one-time codes, why there is none, and word to every contact of what was done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sesame.domain.erasure import WAIT
from sesame.domain.refunds import WAIT as REFUND_WAIT
from sesame.domain.tenancy import Person, Residence
from sesame.notifications.letters import LetterKind
from sesame.platform.events import Event
from sesame.platform.ids import derived_id
from sesame.services.addressees import addressee
from sesame.services.mailer import Draft, Envelope, Mailer
from sesame.services.one_time_codes import Explanation, Obstacle, OneTimeCode, OneTimeCodes, Withheld
from sesame.store import keys
from sesame.store.lease_changes import LeaseChange, LeaseChanges
from sesame.store.messages import Message, MessageState
from sesame.store.people import residence_of
from sesame.store.table import Table

FORGET_CODES_AFTER = timedelta(days=180)
"""How long the record of a one-time code's message is kept; of all others it is proof and stays."""

_INSTEAD = {Obstacle.HELD: LetterKind.CONTACT_HELD, Obstacle.SHARED: LetterKind.CONTACT_SHARED}

TOLD_TO_ALL: dict[str, LetterKind] = {
    "code.recovered": LetterKind.CODE_RECOVERED,
    "code.rotated": LetterKind.CODE_ROTATED,
    "erasure.asked": LetterKind.ERASURE_ASKED,
    "refund.asked": LetterKind.REFUND_ASKED,
    "erasure.set_aside": LetterKind.ERASURE_SET_ASIDE,
    "lease.told": LetterKind.LEASE_CHANGED,
}
"""Events that every contact on record hears of, so that nobody uses one of them behind the others' back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCodeMail:
    """Sends one-time codes, and nothing else: apart, so that nothing delays them."""

    mailer: Mailer
    one_time_codes: OneTimeCodes

    def handle(self, event: Event) -> None:
        """Claims first: making a code ends the one made before, so a repeat must not come that far.

        Asked again, a challenge has another event and so another message.
        """
        now = self.mailer.clock()
        message = Message(
            message_id=derived_id(LetterKind.ONE_TIME_CODE, event["challenge_id"], event.id),
            kind=LetterKind.ONE_TIME_CODE,
            cause={"challenge_id": event["challenge_id"], "event_id": event.id},
            may_repeat=True,
            expires_at=now + FORGET_CODES_AFTER,
        )
        if not self.mailer.messages.begin(message, now):
            return
        try:
            prepared = self.one_time_codes.prepare(event["challenge_id"], event.id)
            envelope = self._write(message, prepared)
        except Exception:
            self.mailer.messages.settle(message, MessageState.WAITING, self.mailer.clock())
            raise
        if envelope is None:
            state = MessageState.WITHHELD if isinstance(prepared, Withheld) else MessageState.UNADDRESSED
            self.mailer.messages.settle(message, state, self.mailer.clock())
            return
        self.mailer.send(message, envelope)

    def _write(
        self, message: Message, prepared: OneTimeCode | Explanation | Withheld | None
    ) -> Envelope | None:
        match prepared:
            case None | Withheld():
                return None
            case OneTimeCode():
                kind, facts = LetterKind.ONE_TIME_CODE, self._code_facts(prepared)
            case Explanation():
                kind, facts = _INSTEAD[prepared.obstacle], self._explanation_facts(prepared)
        to = prepared.to
        return self.mailer.write(
            message, Draft(person=to.person, kind=kind, facts=facts, channel=to.channel, contact=to.contact)
        )

    def _code_facts(self, code: OneTimeCode) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "code": code.shown,
            "minutes": code.minutes,
            "purpose": code.purpose,
            "next_at": None,
        }
        if code.next_at is not None:
            residence = self._residence(code.residence_id)
            facts["next_at"] = _local(code.next_at, residence)
        return facts

    def _explanation_facts(self, explanation: Explanation) -> dict[str, Any]:
        residence = self._residence(explanation.residence_id)
        until = explanation.until
        return {"residence": residence, "until": _local(until, residence) if until else None}

    def _residence(self, residence_id: str | None) -> Residence | None:
        """For the desk to turn to, and the clock on its wall. Asked for rarely: one read."""
        if residence_id is None:
            return None
        item = self.one_time_codes.challenges.table.get(keys.residence(residence_id))
        return residence_of(item) if item else None


def _local(at: datetime, residence: Residence | None) -> datetime:
    return at.astimezone(ZoneInfo(residence.time_zone if residence else "Europe/Paris"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessNotices:
    """Tells every contact what was done with a tenant's code or lease, or asked of data or money."""

    mailer: Mailer
    identity: Table

    def handle(self, event: Event) -> None:
        """One message a contact, each once however often the event comes. Raises the first failure after all.

        A contact that a desk replaced within the last day hears of it too.
        """
        found = addressee(self.identity, event["lease_id"])
        if found is None:
            return
        lease, person, residence = found.lease, found.person, found.residence
        now = self.mailer.clock()
        facts = {
            "change": self._change(event),
            "lease": lease,
            "residence": residence,
            "at": _local(event.at, residence),
            "asked_at": _local(_asked_at(event), residence),
            "erases_at": _local(event.at + WAIT, residence),
            "decides_at": _local(event.at + REFUND_WAIT, residence),
            "way": event.data.get("way", "self_service"),
            "code_replaced": event.data.get("code") == "new",
            "contacts_changed": event.data.get("contacts") == "changed",
            "contacts_held_until": _held_until(person, residence) if person.hold else None,
        }
        failure: Exception | None = None
        for channel, contact in person.every_contact(now):
            draft = Draft(
                person=person, kind=TOLD_TO_ALL[event.type], facts=facts, channel=channel, contact=contact
            )
            try:
                self._tell(event, draft)
            except Exception as error:  # the other contacts must hear of it all the same
                failure = failure or error
        if failure is not None:
            raise failure

    def _change(self, event: Event) -> LeaseChange | None:
        """What was decided of the lease, where the event tells of that: one read."""
        change_id = event.data.get("change_id")
        return LeaseChanges(self.identity).get(event["lease_id"], change_id) if change_id else None

    def _tell(self, event: Event, draft: Draft) -> None:
        message = Message(
            # the event's id is random, so that the digest tells nothing of the contact
            message_id=derived_id(draft.kind, event.id, draft.channel, draft.contact or ""),
            kind=draft.kind,
            cause={"lease_id": event["lease_id"], "event_id": event.id},
            lease_id=event["lease_id"],
            channel=draft.channel,
            may_repeat=True,
        )
        envelope = self.mailer.write(message, draft)
        if envelope is not None and self.mailer.messages.begin(message, self.mailer.clock()):
            self.mailer.send(message, envelope)


def _asked_at(event: Event) -> datetime:
    """When what the event tells of was asked for: just now, unless it says otherwise."""
    said = event.data.get("asked_at")
    return datetime.fromisoformat(said) if said else event.at


def _held_until(person: Person, residence: Residence) -> datetime | None:
    """Until when new contacts cannot sign in; None once a second member of staff has approved them."""
    hold = person.hold
    return _local(hold.until, residence) if hold is not None and hold.approved_by is None else None
