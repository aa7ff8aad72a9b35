"""What callers may do again: the same `Idempotency-Key` is the same request."""

from collections.abc import Mapping
from typing import ClassVar

from sesame.platform.errors import Invalid


class KeyReused(Invalid):
    """An `Idempotency-Key` stands for one request: another body needs another key."""

    slug = "idempotency-key-reused"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Clé d'idempotence déjà utilisée pour une autre demande",
        "en": "Idempotency key already used for another request",
    }
