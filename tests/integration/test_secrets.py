"""The pepper and its rotation: what was written under an old key is still found."""

import json
from typing import Any

from sesame.platform.secrets import Pepper, Secrets


class FrozenMonotonic:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_hash_says_which_key_made_it_and_keeps_uses_apart(aws: Any) -> None:
    assert aws.pepper.hash("email", "a@example.org").startswith("1:")
    assert aws.pepper.hash("email", "x") != aws.pepper.hash("phone", "x")
    assert aws.pepper.hash("email", "x") == aws.pepper.hash("email", "x")


def test_after_a_rotation_new_hashes_come_first_and_old_ones_are_still_looked_for(aws: Any) -> None:
    seconds = FrozenMonotonic()
    pepper = Pepper(Secrets(aws.secrets, seconds), aws.pepper_secret)
    before = pepper.hash("email", "a@example.org")

    aws.secrets.put_secret_value(
        SecretId=aws.pepper_secret,
        SecretString=json.dumps({"current": "2", "1": "p" * 64, "2": "q" * 64}),
    )
    seconds.now = 301

    current, previous = pepper.hashes("email", "a@example.org")
    assert current.startswith("2:")
    assert previous == before


def test_a_secret_is_asked_for_once_in_five_minutes(aws: Any) -> None:
    seconds = FrozenMonotonic()
    secrets = Secrets(aws.secrets, seconds)
    first = secrets.get(aws.pepper_secret)
    aws.secrets.put_secret_value(SecretId=aws.pepper_secret, SecretString="new")

    assert secrets.get(aws.pepper_secret) == first
    seconds.now = 301
    assert secrets.get(aws.pepper_secret) == "new"


def test_during_a_rotation_the_previous_value_still_counts(aws: Any) -> None:
    secrets = Secrets(aws.secrets)
    assert secrets.all_versions(aws.pepper_secret) == ["p" * 64]

    aws.secrets.put_secret_value(SecretId=aws.pepper_secret, SecretString="new")

    assert Secrets(aws.secrets).all_versions(aws.pepper_secret) == ["new", "p" * 64]
