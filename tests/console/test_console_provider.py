"""Signing in at somebody else's identity provider: the code flow in a real browser, the token judged by the gateway."""

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser

from console.app import create_app
from console.settings import Provider, Settings
from sandbox.provision import provision
from sandbox.serving import free_port, serving
from sandbox.world import World
from tests.real_provider import CLIENT, real_provider

PEOPLE = {
    "li": {"name": "李某", "participant": "subsidy-office"},
    "zhao": {"name": "赵某", "participant": "nowhere"},
}


@contextmanager
def console_of(gateway: str, issuer: str, port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    app = create_app(Settings(gateway, url, Provider(issuer, CLIENT, "", "统一身份认证")))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(20)


def at_the_provider(browser: Browser, url: str, login: str) -> tuple[int, str, str]:
    """Sign in there as `login`: the status, address and text of where one ends."""
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(30_000)
    try:
        page.goto(f"{url}/caps")
        page.click("a.button[href^='/signin/provider']")
        page.fill("input[name=login]", login)
        page.fill("input[name=password]", "anything")
        page.click("button[type=submit]")
        page.wait_for_selector("button[type=submit]")  # what this console may know
        with page.expect_navigation(url=lambda address: address.startswith(url)) as awaited:
            page.click("button[type=submit]")
        answer = awaited.value
        page.wait_for_selector("h1")
        return answer.status if answer else 0, page.url, page.inner_text("body")
    finally:
        context.close()


def test_a_real_provider_lets_people_in_and_no_stranger(chromium: Browser) -> None:
    world = World(1, at=datetime.now(UTC))
    provider_port, console_port = free_port(), free_port()
    issuer = f"http://127.0.0.1:{provider_port}"
    asked = {
        "issuer": issuer,
        "client_id": CLIENT,
        "allowed": {"subsidy-office": "SUBSIDY"},
        "insecure_localhost": True,
        "timeout_seconds": 10.0,
    }
    key = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig", "alg": "RS256"})
    with tempfile.TemporaryDirectory(prefix="console-oidc-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        folder.chmod(0o755)
        made = provision(world, folder, port=free_port())
        back = f"http://127.0.0.1:{console_port}/signin/callback"
        with (
            real_provider([key], PEOPLE, provider_port, back),
            serving(made.config, GATEWAY_OIDC=json.dumps(asked)) as gateway,
            console_of(gateway, issuer, console_port) as url,
        ):
            status, address, text = at_the_provider(chromium, url, "li")
            assert (status, address) == (200, f"{url}/caps")  # where one wanted to go
            assert "李某" in text
            assert "SUBSIDY" in text
            status, address, text = at_the_provider(chromium, url, "zhao")
            assert status == 401
            assert "不正确" in text
            broken = chromium.new_page()
            answer = broken.goto(f"{url}/signin/callback?code=guessed&state=guessed")
            assert answer is not None
            assert answer.status == 400
            broken.close()
