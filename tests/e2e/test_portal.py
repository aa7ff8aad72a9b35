"""The portal's pages, as a browser meets them: host of their own, plain forms, French or English."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from local.mailbox import Mail
from local.stack import Stack

WaitFor = Callable[..., Any]


@pytest.fixture(scope="module")
def portal(stack: Stack) -> Iterator[httpx.Client]:
    """The portal by its own host name, which only browsers resolve: so by address and Host header."""
    url = urlsplit(stack["portal_url"])
    with httpx.Client(
        base_url=f"http://127.0.0.1:{url.port}",
        headers={"Host": url.netloc, "Accept-Language": "fr"},
        timeout=30,
        trust_env=False,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def newcomer(
    http: httpx.Client, staff: dict[str, str], mails: Callable[..., list[Mail]], wait_for: WaitFor
) -> str:
    """The path of somebody's welcome link."""
    lease = {
        "reference": "PORTAL-1",
        "residence": "Les Tilleuls",
        "address": "12 rue des Tilleuls",
        "postal_code": "75013",
        "city": "Paris",
        "room": "B204",
        "family_name": "Nguyễn",
        "given_names": "Thị Hương",
        "birth_date": "2004-05-31",
        "email": "portal.1@example.org",
        "starts_on": "2026-09-01",
        "ends_on": "2027-08-31",
        "rent_cents": 40_000,
        "charges_cents": 5_000,
        "deposit_cents": 40_000,
    }
    admitted = http.post("/v1/desk/leases", json=lease, headers=staff)
    assert admitted.status_code == 201, admitted.text
    [mail] = wait_for(lambda: mails("portal.1@example.org"))
    found = re.search(r"/bienvenue/[0-9a-z]+", mail["text"])
    assert found is not None
    return found[0]


def test_a_page_is_kept_nowhere_and_tells_no_other_site(portal: httpx.Client) -> None:
    answer = portal.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_welcome_page_speaks_the_visitors_language(portal: httpx.Client, newcomer: str) -> None:
    assert '<html lang="fr">' in portal.get(newcomer).text
    assert '<html lang="en">' in portal.get(newcomer, headers={"Accept-Language": "en"}).text


@pytest.mark.parametrize("birth_date", ["", "31/05/2004", "2004-02-31"])
def test_what_is_no_date_is_asked_again(portal: httpx.Client, newcomer: str, birth_date: str) -> None:
    answer = portal.post(newcomer, data={"birth_date": birth_date})

    assert answer.status_code == 422
    assert "date de naissance complète" in answer.text


def test_a_wrong_birth_date_shows_nothing_but_how_many_tries_are_left(
    portal: httpx.Client, newcomer: str
) -> None:
    answer = portal.post(newcomer, data={"birth_date": "2000-01-01"})

    assert answer.status_code == 422
    assert "Essais restants" in answer.text
    assert 'class="code"' not in answer.text


def test_the_right_birth_date_shows_the_code_and_then_the_document(
    portal: httpx.Client, newcomer: str, wait_for: WaitFor, tmp_path: Path
) -> None:
    def document() -> str | None:
        page = portal.post(newcomer, data={"birth_date": "2004-05-31"})
        assert page.status_code == 200
        assert re.search(r'class="code">[0-9A-Z]{4}-[0-9A-Z]{4}<', page.text)
        assert "Thị Hương" in page.text
        link = re.search(r'class="button" href="([^"]+)"', page.text)
        return link[1].replace("&amp;", "&") if link else None

    url = wait_for(document, every=0.5)

    assert httpx.get(url, trust_env=False).content.startswith(b"%PDF-")


def test_even_a_form_too_large_is_answered_with_a_page(portal: httpx.Client, newcomer: str) -> None:
    answer = portal.post(newcomer, data={"birth_date": "x" * 5000})

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>Contenu trop volumineux</h1>" in answer.text


def test_a_link_that_never_was_says_what_to_do(portal: httpx.Client) -> None:
    answer = portal.post("/bienvenue/nothing", data={"birth_date": "2004-05-31"})

    assert answer.status_code == 410
    assert "Code perdu" in answer.text


@pytest.mark.parametrize("path", ["/verification/0000-0000-0000-0000", "/verification?code=%3Cscript%3E"])
def test_a_paper_that_is_not_ours_is_called_unknown(portal: httpx.Client, path: str) -> None:
    answer = portal.get(path)

    assert answer.status_code == 200
    assert "inconnu" in answer.text
    assert "<script>" not in answer.text


def test_the_openapi_document_is_served(http: httpx.Client) -> None:
    served = http.get("/v1/openapi.json")

    assert served.status_code == 200
    assert served.json()["openapi"].startswith("3.1")
    assert "/v1/code-recoveries" in served.json()["paths"]
