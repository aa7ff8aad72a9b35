"""Hands written messages over, by e-mail or SMS, and keeps each one's record true."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sesame.domain.tenancy import Channel, Person
from sesame.notifications.email import EmailSender
from sesame.notifications.letters import Letter, LetterKind, write_letter, write_text
from sesame.notifications.outcome import AnswerLost, NotAccepted, Refused, TooFast
from sesame.notifications.pace import Pace
from sesame.notifications.sms import SmsSender
from sesame.platform.clock import Clock
from sesame.platform.logs import count
from sesame.store.messages import Message, Messages, MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be said to whom; to the person's e-mail address unless another contact is given."""

    person: Person
    kind: LetterKind
    facts: Mapping[str, Any]
    channel: Channel = Channel.EMAIL
    contact: str | None = None
    unsubscribe_url: str | None = None
    """Where one click ends messages like it; only of those that one may do without."""
    merges: tuple[str, ...] = ()
    """The ids of messages that wait, and are said in this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A message ready to be sent: a letter for an e-mail, a line of text for an SMS."""

    to: str
    content: Letter | str
    unsubscribe_url: str | None = None

    @property
    def channel(self) -> Channel:
        """How it travels."""
        return Channel.SMS if isinstance(self.content, str) else Channel.EMAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """Writes a draft's words and hands them over, keeping the message's record true."""

    messages: Messages
    email: EmailSender
    texts: SmsSender
    clock: Clock
    portal_url: str
    pace: Pace = field(default_factory=lambda: Pace(per_second=0))

    def write(self, message: Message, draft: Draft) -> Envelope | None:
        """The words, ready to be handed over; None for who has no address."""
        person = draft.person
        to = draft.contact or person.contact(draft.channel)
        if not to:
            return None
        shared = {
            "person": person,
            "message_id": message.message_id,
            "portal_url": self.portal_url,
            "unsubscribe_url": draft.unsubscribe_url,
        }
        facts = {**shared, **draft.facts}
        if draft.channel is Channel.SMS:
            return Envelope(to=to, content=write_text(draft.kind, person.language, facts))
        letter = write_letter(draft.kind, person.language, facts)
        return Envelope(to=to, content=letter, unsubscribe_url=draft.unsubscribe_url)

    def send(self, message: Message, envelope: Envelope) -> tuple[MessageState, str]:
        """Hands a message over and records what became of it: the state, and the service's word for it.

        Raises NotAccepted: it comes again.
        """
        try:
            accepted = self._hand_over(envelope, message)
        except NotAccepted as failure:
            if isinstance(failure, TooFast):
                count("MessageTooFast")
            self.messages.settle(message, MessageState.WAITING, self.clock())
            raise
        except Refused as refusal:
            count("MessageRefused")
            self.messages.settle(message, MessageState.REFUSED, self.clock())
            return MessageState.REFUSED, str(refusal)
        except AnswerLost:
            count("MessageAnswerLost")
            self.messages.lost(message, self.clock())
            return MessageState.UNKNOWN, ""
        self.messages.accepted(message, envelope.channel, accepted, self.clock())
        return MessageState.ACCEPTED, accepted

    def _hand_over(self, envelope: Envelope, message: Message) -> str:
        try:
            return self._once(envelope, message)
        except AnswerLost:
            if not message.may_repeat:
                raise
            return self._once(envelope, message)

    def _once(self, envelope: Envelope, message: Message) -> str:
        self.pace.keep()
        if isinstance(envelope.content, str):
            return self.texts.send(envelope.to, envelope.content)
        return self.email.send(
            envelope.to,
            envelope.content,
            message_id=message.message_id,
            kind=message.kind,
            unsubscribe_url=envelope.unsubscribe_url,
        )
