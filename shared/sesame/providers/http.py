"""Asking a provider over HTTP: time-outs, and what its answers mean for whoever asked."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from sesame.providers.base import Malformed, ProviderRefused, ProviderUnavailable, ProviderUnreadable

TIMEOUT_SECONDS = 6
"""Two calls fit in the time that an HTTP function has."""
_LONGEST_ANSWER = 8 * 1024 * 1024
_ASK_AGAIN = {408, 425, 429}
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_OF_THE_KEY = {401, 403}


class Refused(ProviderRefused):
    """A 4xx answer, with what it says."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__()
        self.status = status
        self.document = document

    @property
    def is_of_the_key(self) -> bool:
        """Whether it refuses us, and not what we asked about."""
        return self.status in _OF_THE_KEY


class _NoRedirects(HTTPRedirectHandler):
    """An API does not send us elsewhere, and the key in our headers must not follow."""

    def redirect_request(self, *_: Any) -> None:
        return None


@cache
def _opener() -> OpenerDirector:
    """Made at the first call: it reads the certificate authorities, which intake never needs."""
    return build_opener(_NoRedirects)


def call(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, timeout: float = 0
) -> dict[str, Any]:
    """The JSON object that a provider answers.

    Raises ProviderUnavailable (no answer in time, 408, 425, 429, 5xx, anything but a JSON object) and Refused
    for any other 4xx.
    """
    request = Request(url, method=method, data=body, headers=dict(headers))  # noqa: S310 - our own settings
    try:
        with _opener().open(request, timeout=timeout or TIMEOUT_SECONDS) as response:
            answer = json.loads(response.read(_LONGEST_ANSWER))
    except HTTPError as error:
        if error.code in _ASK_AGAIN or not _CLIENT_ERROR <= error.code < _SERVER_ERROR:
            raise ProviderUnavailable from error
        raise Refused(error.code, _document(error)) from error
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        raise ProviderUnavailable from error
    if not isinstance(answer, dict):
        raise ProviderUnavailable
    return answer


@contextmanager
def understood() -> Iterator[None]:
    """Around the reading of answers: one that is nothing documented is no answer yet. ProviderUnreadable."""
    try:
        yield
    except Malformed as error:
        raise ProviderUnreadable from error


def readable[T](ask: Callable[[], T]) -> T | None:
    """What asking about one thing brings; None where the provider refuses that, or says nothing documented.

    Raises what is not about that thing: ProviderUnavailable, and ProviderRefused of our key.
    """
    try:
        return ask()
    except (Malformed, ProviderUnreadable):
        return None
    except ProviderRefused as refused:
        if isinstance(refused, Refused) and refused.is_of_the_key:
            raise
        return None


def _document(error: HTTPError) -> dict[str, Any]:
    try:
        document = json.loads(error.read(_LONGEST_ANSWER))
    except (OSError, HTTPException, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
