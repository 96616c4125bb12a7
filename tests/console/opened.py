"""A gateway and its console, served as an operator would, with the sandbox's people; and a browser to sit at."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from sandbox.cases import Case
from sandbox.demo import push_filings, tell
from sandbox.people import Person
from sandbox.provision import Provisioned, provision
from sandbox.serving import console, free_port, serving
from sandbox.world import World

SHOTS = Path(os.environ.get("CONSOLE_SHOTS", Path(tempfile.gettempdir()) / "console-shots"))
_PATIENCE = 20_000  # milliseconds: a busy machine is no fault


@dataclass(frozen=True)
class House:
    """What is served: the world, where the gateway and the console are, and its cases as they came out."""

    world: World
    made: Provisioned
    gateway: str
    console: str
    cases: dict[str, Case]

    def person(self, name: str) -> Person:
        """Somebody of the sandbox."""
        return next(one for one in self.made.people if one.name == name)


@contextmanager
def opened_house() -> Iterator[House]:
    """The sandbox's world, told, and a console in front of it."""
    world = World(1, at=datetime.now(UTC))
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="console-test-", ignore_cleanup_errors=True))
        )
        folder.chmod(0o755)  # the database runs under its own account
        made = provision(world, folder, port=free_port(), with_users=True)
        url = stack.enter_context(serving(made.config))
        push_filings(world, url, made.registry)
        cases = {case.name: case for case in world.cases()}
        for case in cases.values():
            tell(world, url, case)
        assert made.demo_users is not None
        assert made.demo_keys is not None
        yield House(world, made, url, stack.enter_context(console(url, made.demo_users, made.demo_keys)), cases)


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """The Chromium at this path, without a window."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


class Sitting:
    """Somebody at the console: one browser window of one person."""

    def __init__(self, house: House, started: Browser, language: str = "zh", width: int = 1366) -> None:
        self.house = house
        self.context = started.new_context(
            viewport={"width": width, "height": 768}, locale="zh-CN" if language == "zh" else "en-GB"
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(_PATIENCE)
        self.language = language
        self.complaints: list[str] = []
        self.page.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())

    def __enter__(self) -> "Sitting":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def sign_in(self, name: str, *, with_key: bool = False) -> "Sitting":
        """Sign in by the form; `with_key` also bring the person's key into this browser."""
        person = self.house.person(name)
        self.page.goto(f"{self.house.console}/signin?lang={self.language}")
        self.page.fill("#user", person.name)
        self.page.fill("#password", person.password)
        self.page.click("form.signin button")
        self.page.wait_for_selector("nav.menu")
        if with_key:
            self.go("/key")
            self.page.click("[data-key-demo]")
            self.page.wait_for_selector("[data-outcome] .note")
        return self

    def go(self, path: str) -> int:
        """Open a page; its status."""
        answer = self.page.goto(self.house.console + path)
        return answer.status if answer else 0

    def text(self, selector: str = "main") -> str:
        """What stands there."""
        return self.page.inner_text(selector)

    def shot(self, name: str) -> None:
        """Keep a picture of the page, for people to look at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            self.page.screenshot(path=SHOTS / f"{name}.{self.language}.png", full_page=True)

    def findings(self) -> list[tuple[str, str]]:
        """What axe finds serious or critical on this page."""
        violations: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            (one["id"], one["nodes"][0]["html"][:200]) for one in violations if one["impact"] in ("serious", "critical")
        ]
