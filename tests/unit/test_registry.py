"""Which providers and accounts there are, and which of their secrets are believed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sesame.platform.secrets import Secrets
from sesame.providers.base import Provider
from sesame.providers.registry import PROVIDERS, Registry, UnknownProvider
from sesame.providers.stripe import Stripe

OWN = {"api_key": "sk_live_own", "webhook_secrets": ["w1", "w2"]}
LYON = {"api_key": "sk_live_lyon", "webhook_secrets": ["w3"]}


class SecretsManager:
    """Current and previous values of secrets."""

    class exceptions:  # noqa: N801 - as botocore's clients have it
        class ResourceNotFoundException(Exception):
            pass

    def __init__(self, values: Mapping[tuple[str, str], Any]) -> None:
        self.values = values

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> dict[str, str]:  # noqa: N803
        value = self.values.get((SecretId, VersionStage))
        if value is None:
            raise self.exceptions.ResourceNotFoundException
        return {"SecretString": value if isinstance(value, str) else json.dumps(value)}


def registry(current: Any = None, previous: Any = None, *, stage: str = "prod") -> Registry:
    values = {("arn", "AWSCURRENT"): current, ("arn", "AWSPREVIOUS"): previous}
    ids = {name: "arn" for name in PROVIDERS}
    return Registry(stage=stage, secrets=Secrets(SecretsManager(values)), secret_ids=ids)


def test_an_account_has_its_own_key_and_secrets() -> None:
    accounts = registry({**OWN, "accounts": {"lyon": LYON}})

    assert accounts.credentials("stripe").api_key == "sk_live_own"
    assert accounts.credentials("stripe:lyon").api_key == "sk_live_lyon"
    assert accounts.credentials("stripe:lyon").webhook_secrets == ("w3",)


def test_all_secrets_of_a_list_and_of_the_previous_value_are_live_and_the_current_key_only() -> None:
    rotated = registry({**OWN, "api_key": "sk_live_new"}, {**OWN, "webhook_secrets": ["w0", "w1"]})

    credentials = rotated.credentials("stripe")

    assert credentials.api_key == "sk_live_new"
    assert credentials.webhook_secrets == ("w1", "w2", "w0")


def test_an_account_whose_secret_is_new_is_known_before_the_old_value_is_forgotten() -> None:
    assert registry({**OWN, "accounts": {"lyon": LYON}}, OWN).credentials("stripe:lyon").api_key


@pytest.mark.parametrize("name", ["stripe", "stripe:lyon", "gocardless", "nobody", "", ":", "sandbox"])
def test_a_provider_or_account_without_credentials_is_unknown(name: str) -> None:
    with pytest.raises(UnknownProvider):
        registry(None).credentials(name)


@pytest.mark.parametrize("value", ["", "whsec_x", "{}", '{"api_key": ""}'])
def test_what_is_no_account_is_none(value: str) -> None:
    with pytest.raises(UnknownProvider):
        registry(value).credentials("stripe")


def test_the_sandbox_alone_may_be_one_text() -> None:
    play = registry("whsec_x", stage="local")

    assert play.credentials("sandbox").webhook_secrets == ("whsec_x",)
    with pytest.raises(UnknownProvider):
        play.credentials("sandbox:lyon")


def test_an_empty_secret_signs_nothing() -> None:
    assert registry({**OWN, "webhook_secrets": ["", "w1"]}).credentials("stripe").webhook_secrets == ("w1",)


@pytest.mark.parametrize(
    ("name", "key"),
    [("stripe", "sk_test_x"), ("stripe", "rk_test_x"), ("gocardless", "sandbox_x")],
)
def test_an_account_of_a_test_mode_is_none_on_the_live_stage_and_one_before_it(name: str, key: str) -> None:
    account = {**OWN, "api_key": key}

    assert registry(account, stage="dev").credentials(name).api_key == key
    with pytest.raises(UnknownProvider):
        registry(account).credentials(name)


def test_a_fakes_address_is_taken_on_the_local_stage_only() -> None:
    faked = {**OWN, "url": "http://127.0.0.1:1"}

    assert registry(faked, stage="local").credentials("stripe").url == "http://127.0.0.1:1"
    assert registry(faked, stage="dev").credentials("stripe").url == ""


def test_a_residence_offers_accounts_and_a_payer_names_a_provider_or_nothing() -> None:
    accounts = registry({**OWN, "accounts": {"lyon": LYON}})
    offered = ("stripe:lyon", "gocardless")

    assert accounts.chosen(offered, None) == "stripe:lyon"
    assert accounts.chosen(offered, "stripe") == "stripe:lyon"
    assert accounts.chosen(offered, "gocardless") == "gocardless"
    for asked in ("sandbox", "stripe:paris", ""):
        with pytest.raises(UnknownProvider):
            accounts.chosen(offered, asked)
    with pytest.raises(UnknownProvider):
        accounts.chosen((), None)


def test_adding_a_provider_takes_one_module_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(Stripe):
        """As a new module would have it."""

        name = "other"

    monkeypatch.setitem(PROVIDERS, Other.name, lambda _: Other())
    accounts = replace(registry(OWN), secret_ids={"other": "arn"})

    provider: Provider = accounts.get("other")
    assert provider.name == "other"
    assert accounts.chosen(("other",), None) == "other"
