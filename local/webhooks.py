"""Signs webhooks as the sandbox provider does: Standard Webhooks, symmetric."""

from __future__ import annotations

import time

from sesame.providers.sandbox import signature


def signed(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of a webhook sent now."""
    timestamp = str(int(time.time()))
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(secret, message_id, timestamp, body),
    }
