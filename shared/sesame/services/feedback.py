"""What the mail service tells of messages after it took them: records kept true, bad addresses ended."""

from dataclasses import dataclass

from sesame.domain.tenancy import Channel, Unusable
from sesame.notifications.letters import LetterKind
from sesame.notifications.ses_events import Feedback, Word, feedback_of
from sesame.platform.clock import Clock
from sesame.platform.logs import count
from sesame.services.failed_contacts import FailedContacts
from sesame.services.messages import BY_EITHER, by_another_way
from sesame.services.queues import Queue
from sesame.store.messages import Failure, Messages, MessageState

_ONLY_COUNTED = {Word.BOUNCED_FOR_NOW: "MessageBouncedForNow", Word.DELAYED: "MessageDelayed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFeedback:
    """Takes in what SES tells, in any order and however often."""

    messages: Messages
    failed_contacts: FailedContacts
    again: Queue
    """Where a message is called for once more, by another channel."""
    clock: Clock

    def take(self, body: str) -> None:
        """One event. Raises UnreadableFeedback, which ends among the dead letters."""
        told = feedback_of(body)
        at = told.at or self.clock()
        if told.message_id is not None:
            self._note(told.message_id, told)
        match told.word:
            case Word.BOUNCED:
                for address in told.addresses:
                    self.failed_contacts.email(address, Unusable.BOUNCE, at)
            case Word.COMPLAINED:
                for address in told.addresses:
                    self.failed_contacts.email(address, Unusable.COMPLAINT, at)
            case Word.REJECTED:
                count("MessageRejected")
            case Word.BOUNCED_FOR_NOW | Word.DELAYED:
                count(_ONLY_COUNTED[told.word])
            case Word.ACCEPTED | Word.DELIVERED | Word.OTHER:
                return
        # after the address is marked, so that what is composed anew finds it unusable
        if told.word in {Word.BOUNCED, Word.REJECTED} and told.message_id is not None:
            self._by_another_way(told.message_id)

    def _note(self, message_id: str, told: Feedback) -> None:
        at = told.at or self.clock()
        match told.word:
            case Word.ACCEPTED:
                self.messages.told_accepted(message_id, at, told.provider_message_id)
            case Word.DELIVERED:
                self.messages.told_delivered(message_id, at)
            case Word.BOUNCED:
                self.messages.told_failed(message_id, at, Failure.BOUNCE)
            case Word.REJECTED:
                self.messages.told_failed(message_id, at, Failure.REJECTED)
            case Word.COMPLAINED:
                self.messages.told_of_complaint(message_id, at)

    def _by_another_way(self, message_id: str) -> None:
        """Once: the other message's id comes from the same cause, so a repeat is the same message."""
        sent = self.messages.get(message_id)
        if sent is None or sent.state is not MessageState.FAILED or sent.event is None:
            return
        if LetterKind(sent.kind) in BY_EITHER and "by" not in sent.event.data:
            self.again.send([by_another_way(sent.event, Channel.EMAIL).announcement()])
