"""The payment providers there are. Adding one is a module of its own and a line here."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import Json

from sesame.platform.errors import NotFound
from sesame.platform.secrets import Secrets
from sesame.platform.settings import Settings
from sesame.providers.base import Credentials, Provider
from sesame.providers.gocardless import GoCardless
from sesame.providers.sandbox import Sandbox
from sesame.providers.stripe import Stripe

LOCAL = "local"
"""The stage of the sandbox provider."""
PROD = "prod"
"""The stage with real journals: no play money is taken there."""
DEFAULT_ACCOUNT = ""


class UnknownProvider(NotFound):
    """There is no such provider here."""

    slug = "unknown-provider"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Prestataire de paiement inconnu",
        "en": "Unknown payment provider",
    }


class ProviderSettings(Settings):
    """What a function that deals with payment providers is given, before what else it needs."""

    stage: str
    provider_secrets: Json[dict[str, str]]
    sandbox_url: str = ""


def split(name: str) -> tuple[str, str]:
    """Provider and account of a name: `stripe` is the operator's own account, `stripe:lyon` another one."""
    provider, _, account = name.partition(":")
    return provider, account


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The providers of a stage and the secrets of each, which are read when they are used.

    A name is a provider's, or a provider's and an account's of it (`stripe:lyon`): an account has its own
    keys, its own webhook address, and its events reach payments made through it only.
    """

    stage: str
    secrets: Secrets
    secret_ids: Mapping[str, str]
    """Provider -> id or ARN of its secret. While that is being rotated, its previous version's webhook
    secrets are still believed."""
    sandbox_url: str = ""
    _made: dict[str, Provider] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: ProviderSettings, secrets: Secrets) -> Self:
        """The providers of a deployed function."""
        return cls(
            stage=settings.stage,
            secrets=secrets,
            secret_ids=settings.provider_secrets,
            sandbox_url=settings.sandbox_url,
        )

    @property
    def takes_test_money(self) -> bool:
        """Whether events of a provider's test mode may reach a journal."""
        return self.stage != PROD

    def get(self, name: str) -> Provider:
        """A provider by its name, or an account's. Raises UnknownProvider, also for the sandbox of any stage
        but `local`."""
        provider, _ = split(name)
        if provider not in PROVIDERS or provider not in self.secret_ids:
            raise UnknownProvider
        if provider == Sandbox.name and self.stage != LOCAL:
            raise UnknownProvider
        if provider not in self._made:
            self._made[provider] = PROVIDERS[provider](self)
        return self._made[provider]

    def credentials(self, name: str) -> Credentials:
        """An account's credentials; secrets are cached, so that this costs no call when warm.

        Raises UnknownProvider where there are none, or none but of a test mode where only real money counts.
        """
        provider, account = split(name)
        adapter = self.get(name)
        try:
            values = self.secrets.all_versions(self.secret_ids[provider])
        except LookupError as missing:
            raise UnknownProvider from missing
        plain = provider == Sandbox.name
        versions = [found for value in values if (found := _account(value, account, plain=plain))]
        if not versions:
            raise UnknownProvider
        live = dict.fromkeys(secret for version in versions for secret in version.webhook_secrets)
        credentials = Credentials(
            api_key=versions[0].api_key,
            webhook_secrets=tuple(live),
            url=versions[0].url if self.stage == LOCAL else "",
        )
        if not self.takes_test_money and not adapter.is_live(credentials):
            raise UnknownProvider
        return credentials

    def chosen(self, offered: Sequence[str], asked: str | None) -> str:
        """The account to pay through: of the names that a residence offers, the one asked for by its own name
        or its provider's, else the first. Raises UnknownProvider."""
        for name in offered:
            if asked in {None, name, split(name)[0]}:
                self.credentials(name)
                return name
        raise UnknownProvider


def _account(value: str, account: str, *, plain: bool) -> Credentials | None:
    """One account's credentials in a secret: JSON of `api_key` and `webhook_secrets` for the operator's own,
    with others by name under `accounts`; or, for the sandbox, one text that is both key and secret."""
    if not value:
        return None  # a secret that nobody has filled in yet
    if not value.startswith("{"):
        known = plain and account == DEFAULT_ACCOUNT
        return Credentials(api_key=value, webhook_secrets=(value,)) if known else None
    parsed: dict[str, Any] = json.loads(value)
    found = parsed if account == DEFAULT_ACCOUNT else parsed.get("accounts", {}).get(account)
    if not found or not found.get("api_key"):
        return None
    return Credentials(
        api_key=found["api_key"],
        # an empty secret would be anybody's
        webhook_secrets=tuple(secret for secret in found["webhook_secrets"] if secret),
        url=found.get("url", ""),
    )


PROVIDERS: dict[str, Callable[[Registry], Provider]] = {
    Sandbox.name: lambda registry: Sandbox(registry.sandbox_url),
    Stripe.name: lambda _: Stripe(),
    GoCardless.name: lambda _: GoCardless(),
}
