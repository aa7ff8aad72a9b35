"""Devices as their User-Agent headers name them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.devices import device_of

GECKO = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (GECKO, "Firefox, Linux"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0", "Firefox, Android"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0 Mobile Safari/537.36", "Chrome, Android"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/142.0 Safari/537.36 Edg/142.0", "Edge, Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Version/26 Safari",
            "Safari, iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/26 Safari/605",
            "Safari, Mac",
        ),
        ("curl/8.14", ""),
        ("", ""),
    ],
)
def test_a_device_is_named_by_its_browser_and_system(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


@given(st.text(max_size=300))
def test_whatever_a_client_sends_stays_out_of_what_is_kept(user_agent: str) -> None:
    assert device_of(f"{user_agent} Firefox") in {
        f"{browser}{system}"
        for browser in ("Edge", "Opera", "Samsung Internet", "Firefox")
        for system in ("", ", Android", ", iPhone", ", iPad", ", Windows", ", Mac", ", ChromeOS", ", Linux")
    }
