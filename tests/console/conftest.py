"""One house and one browser for all tests of the console: they take seconds to start."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.console.opened import House, browser, opened_house


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def house(chromium: Browser) -> Iterator[House]:
    """Asks for the browser first: without one nothing is started."""
    with opened_house() as opened:
        yield opened
