"""The faults are played on accounts in process, as quick as those of the integration tests."""

from collections.abc import Iterator

import pytest

from tests.integration.quick import quick_accounts


@pytest.fixture(scope="session", autouse=True)
def quickly() -> Iterator[None]:
    """A scene for each fault is a fresh account for each fault."""
    with quick_accounts():
        yield
