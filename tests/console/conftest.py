"""One house for all tests of the console, since it takes seconds to start; a browser for each file of them.

The browser's library keeps an event loop running in the thread that drives it. It has to be gone before a test of
another kind comes to the same process, which begins a loop of its own: so it goes with the file.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.console.opened import House, browser, opened_house
from tests.debian import program


@pytest.fixture(scope="session")
def chromium_path() -> str:
    return program("chromium", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def house(chromium_path: str) -> Iterator[House]:
    """Asks for the browser first: without one nothing is started."""
    with opened_house() as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    with browser(chromium_path) as started:
        yield started
