"""The payment providers there are. Adding one is a module of its own and a line here."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sesame.platform.errors import NotFound
from sesame.platform.secrets import Secrets
from sesame.providers.base import Credentials, Provider
from sesame.providers.sandbox import Sandbox

LOCAL = "local"
"""The only stage where play money is taken."""


class UnknownProvider(NotFound):
    """There is no such provider here."""

    slug = "unknown-provider"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Prestataire de paiement inconnu",
        "en": "Unknown payment provider",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The providers of a stage and the secrets of each, which are read when they are used."""

    stage: str
    secrets: Secrets
    secret_ids: Mapping[str, str]
    """Provider -> id or ARN of its secret. While that is being rotated, its previous version's webhook secret
    is still believed."""
    sandbox_url: str = ""
    _made: dict[str, Provider] = field(default_factory=dict)

    @property
    def takes_test_money(self) -> bool:
        """Whether events of a provider's test mode may reach a journal."""
        return self.stage == LOCAL

    def get(self, name: str) -> Provider:
        """A provider by its name. Raises UnknownProvider, also for the sandbox of any stage but `local`."""
        if name not in PROVIDERS or name not in self.secret_ids:
            raise UnknownProvider
        if name == Sandbox.name and self.stage != LOCAL:
            raise UnknownProvider
        if name not in self._made:
            self._made[name] = PROVIDERS[name](self)
        return self._made[name]

    def credentials(self, name: str) -> Credentials:
        """A provider's credentials; secrets are cached, so that this costs no call when warm."""
        versions = [_credentials(value) for value in self.secrets.all_versions(self.secret_ids[name])]
        return Credentials(
            api_key=versions[0]["api_key"],
            webhook_secrets=tuple(dict.fromkeys(version["webhook_secret"] for version in versions)),
        )


def _credentials(value: str) -> dict[str, str]:
    """JSON of `api_key` and `webhook_secret`; or, for the sandbox, one text that is both."""
    if value.startswith("{"):
        parsed: dict[str, str] = json.loads(value)
        return parsed
    return {"api_key": value, "webhook_secret": value}


PROVIDERS: dict[str, Callable[[Registry], Provider]] = {
    Sandbox.name: lambda registry: Sandbox(registry.sandbox_url),
}
