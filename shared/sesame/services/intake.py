"""Taking a provider's notification in: believe it or refuse it, keep it, answer; nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_bytes
from typing import ClassVar

from sesame.platform.clock import Clock
from sesame.platform.errors import Problem
from sesame.platform.ids import Random, new_id
from sesame.platform.logs import count
from sesame.providers.base import Answer, Forged, Malformed, Notification, Provider, Received
from sesame.providers.registry import Registry
from sesame.store.deliveries import Deliveries, Delivery, Hints


class UnreadableNotification(Problem):
    """Rightly signed, but nothing that its provider documents."""

    status = 400
    slug = "unreadable-notification"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Notification illisible",
        "en": "Unreadable notification",
    }


@dataclass(frozen=True, slots=True)
class Intake:
    """One conditional put before the answer; what it means is for posting to find out."""

    deliveries: Deliveries
    registry: Registry
    clock: Clock
    random: Random = token_bytes

    def take(self, name: str, notification: Notification) -> Answer:
        """Keep a notification and answer as its provider expects; a repeat gets the same answer.

        `name` is of the account that it came to, whose own secrets alone are tried. A forged one is refused
        and leaves nothing but a count. Raises UnknownProvider and UnreadableNotification.
        """
        provider = self.registry.get(name)
        secrets = self.registry.credentials(name).webhook_secrets
        now = self.clock()
        try:
            provider.verify(notification, secrets, now)
            received = provider.parse(notification)
            delivery_id = self._delivery_id(provider, notification, received)
        except Forged:
            count("ForgedWebhook")
            return provider.refused
        except Malformed as failure:
            count("UnreadableWebhook")
            raise UnreadableNotification from failure
        delivery = Delivery(
            provider=name,
            delivery_id=delivery_id,
            body=notification.body,
            headers={
                header: notification.headers[header]
                for header in provider.kept_headers
                if header in notification.headers
            },
            query=notification.query,
            received_at=now,
        )
        if not self.deliveries.store(delivery, _hints(received)):
            count("RepeatedWebhook")
        return provider.accepted

    def _delivery_id(self, provider: Provider, notification: Notification, received: Received) -> str:
        given = provider.delivery_id(notification)
        if given:
            return given
        if received.to_fetch and not received.events:
            return new_id(self.random)  # it says only that something happened: each one asks for a new look
        return sha256(notification.query.encode() + b"\n" + notification.body).hexdigest()


def _hints(received: Received) -> Hints:
    """The payment and lease, where a delivery is about one only."""
    payments = {event.payment_id for event in received.events}
    leases = {event.lease_id for event in received.events}
    return Hints(
        payment_id=payments.pop() if len(payments) == 1 else None,
        lease_id=leases.pop() if len(leases) == 1 else None,
    )
