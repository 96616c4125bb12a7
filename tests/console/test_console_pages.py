"""Every page in both languages, on a desk and on a phone: it opens, nothing is broken, axe finds nothing serious."""

import pytest
from playwright.sync_api import Browser

from console.pages import MENUS, menu
from tests.console.opened import House, Sitting

SOMEBODY = {"insurer": "clerk-a", "subsidy_system": "officer", "regulator": "supervisor", "operator": "operator-1"}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("role", sorted(SOMEBODY))
def test_every_page_of_a_role(house: House, chromium: Browser, role: str, language: str) -> None:
    with Sitting(house, chromium, language).sign_in(SOMEBODY[role]) as sitting:
        for page in [*menu(role), None]:
            path = page.path if page else "/key"
            assert sitting.go(path) == 200, path
            assert sitting.page.locator("h1").count() == 1, path
            assert sitting.findings() == [], path
            assert sitting.page.get_attribute("html", "lang") == ("zh-CN" if language == "zh" else "en")
            sitting.shot(f"{role}{path.replace('/', '-')}")
        assert sitting.complaints == []


@pytest.mark.parametrize("role", sorted(SOMEBODY))
def test_on_a_phone_nothing_is_wider_than_the_screen(house: House, chromium: Browser, role: str) -> None:
    with Sitting(house, chromium, width=390).sign_in(SOMEBODY[role]) as sitting:
        for page in menu(role):
            sitting.go(page.path)
            wide = sitting.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, page.path


def test_signing_in_can_be_done_with_the_keyboard_alone(house: House, chromium: Browser) -> None:
    with Sitting(house, chromium) as sitting:
        person = house.person("officer")
        sitting.page.goto(f"{house.console}/match?lang=zh")
        sitting.page.focus("#user")
        sitting.page.keyboard.type(person.name)
        sitting.page.keyboard.press("Tab")
        sitting.page.keyboard.type(person.password)
        sitting.page.keyboard.press("Enter")
        sitting.page.wait_for_url("**/match*")  # on to where one wanted to go
        sitting.page.keyboard.press("Tab")
        assert sitting.page.evaluate("document.activeElement.className") == "skip"


def test_pages_print(house: House, chromium: Browser) -> None:
    with Sitting(house, chromium).sign_in("supervisor") as sitting:
        sitting.go("/board")
        sitting.page.emulate_media(media="print")
        assert not sitting.page.locator("nav.menu").is_visible()
        assert sitting.page.locator("tbody tr").first.is_visible()
        assert sitting.page.pdf().startswith(b"%PDF")


def test_every_page_of_the_menus_is_there() -> None:
    for role, paths in MENUS.items():
        assert [page.path for page in menu(role)] == list(paths)
        for page in menu(role):
            assert page.roles == () or role in (page.roles or ()), (role, page.path)
