"""Who may see what at the console: sessions, forms from elsewhere, other people's pages, and what a page may load."""

import re

import pytest
import requests
from playwright.sync_api import Browser

from console.pages import ACTIONS, PAGES
from tests.console.opened import House, Sitting


def signed_in(house: House, name: str) -> requests.Session:
    """A browser without a browser: its cookies, and the word that its forms carry."""
    person = house.person(name)
    session = requests.Session()
    page = session.get(f"{house.console}/signin", timeout=30).text
    before = re.search(r'name="before" value="([^"]+)"', page)
    assert before is not None
    answer = session.post(
        f"{house.console}/signin/password",
        data={"before": before[1], "user": person.name, "password": person.password},
        headers={"origin": house.console},
        timeout=30,
        allow_redirects=False,
    )
    assert answer.status_code == 303
    return session


def csrf_of(house: House, session: requests.Session) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', session.get(f"{house.console}/key", timeout=30).text)
    assert found is not None
    return found[1]


def test_nobody_sees_anything_without_signing_in(house: House) -> None:
    for page in PAGES:
        if page.roles is not None and not page.takes_form:
            path = re.sub(r"\{[^}]+\}", "x", page.path)
            answer = requests.get(house.console + path, timeout=30, allow_redirects=False)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/signin"), path


def test_a_page_is_for_its_roles(house: House) -> None:
    for name, role in (("clerk-a", "insurer"), ("officer", "subsidy_system"), ("operator-1", "operator")):
        session = signed_in(house, name)
        for page in PAGES:
            if page.roles and role not in page.roles and not page.takes_form and "{" not in page.path:
                answer = session.get(house.console + page.path, timeout=30, allow_redirects=False)
                assert answer.status_code == 403, (role, page.path)


def test_one_insurer_sees_nothing_of_another(house: House) -> None:
    """Through any page: other insurer's policies, messages and documents are as if they were not."""
    others = {case.policy_no for case in house.cases.values() if case.insurer == "SANDBOX-B"}
    clerk = signed_in(house, "clerk-a")
    theirs = next(iter(others))
    paths = [
        "/today?insurer=SANDBOX-B",
        "/search?insurer=SANDBOX-B",
        f"/search?policy_no={theirs}",
        f"/search?q={theirs}",
        f"/premium/SANDBOX-B/{theirs}",
        f"/premium/SANDBOX-B/{theirs}/evidence.zip",
        f"/premium/SANDBOX-B/{theirs}/annex-1.xlsx",
        "/completeness?insurer=SANDBOX-B",
        "/cards?insurer=SANDBOX-B&month=2026-10",
        "/cards/file?insurer=SANDBOX-B&month=2026-10",
        "/accesses?insurer=SANDBOX-B",
        "/inquiries",
        "/directives",
        "/keys",
    ]
    for path in paths:
        answer = clerk.get(house.console + path, timeout=30)
        shown = answer.text.replace(f'value="{theirs}"', "").replace(f"q={theirs}", "")
        for number in others:
            found = [line for line in shown.splitlines() if number in line and "lang=" not in line]
            assert not found, (path, found[:1])
    known = clerk.get(f"{house.console}/premium/SANDBOX-B/{theirs}", timeout=30)
    unknown = clerk.get(f"{house.console}/premium/SANDBOX-B/PXXX999999999999999", timeout=30)
    assert known.status_code == unknown.status_code


def test_forms_from_elsewhere_are_refused(house: House) -> None:
    session = signed_in(house, "supervisor")
    token = csrf_of(house, session)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site", "origin": house.console}, {}):
        answer = session.post(f"{house.console}/signout", data={"csrf": token}, headers=headers, timeout=30)
        assert answer.status_code == 403
    answer = session.post(
        f"{house.console}/act/begin",
        data={"csrf": "guessed", "action": "directive.give"},
        headers={"origin": house.console},
        timeout=30,
    )
    assert answer.status_code == 403
    assert session.get(f"{house.console}/board", timeout=30, allow_redirects=False).status_code == 200


def test_an_act_is_for_its_roles_and_used_once(house: House) -> None:
    clerk = signed_in(house, "clerk-a")
    token = csrf_of(house, clerk)
    for name, action in ACTIONS.items():
        if "insurer" not in action.roles:
            form = {"csrf": token, "action": name, "keyid": "x", "algorithm": "ed25519"}
            answer = clerk.post(f"{house.console}/act/begin", data=form, headers={"origin": house.console}, timeout=30)
            assert (answer.status_code, "mistake" in answer.json()) == (400, True), name
    answer = clerk.post(
        f"{house.console}/act/finish",
        data={"csrf": token, "act": "never-begun", "signature": "AAAA"},
        headers={"origin": house.console},
        timeout=30,
    )
    assert answer.status_code == 400


def test_signing_out_ends_the_session_at_the_gateway(house: House) -> None:
    session = signed_in(house, "officer")
    cookie = session.cookies["console"]
    answer = session.post(
        f"{house.console}/signout",
        data={"csrf": csrf_of(house, session)},
        headers={"origin": house.console},
        timeout=30,
        allow_redirects=False,
    )
    assert answer.status_code == 303
    again = requests.get(f"{house.console}/search", cookies={"console": cookie}, timeout=30, allow_redirects=False)
    assert again.headers["location"].startswith("/signin")


def test_a_wrong_password_says_one_thing(house: House) -> None:
    said = set()
    for user, password in (("officer", "wrong-password-1"), ("nobody-at-all", "wrong-password-1")):
        session = requests.Session()
        page = session.get(f"{house.console}/signin?lang=en", timeout=30).text
        before = re.search(r'name="before" value="([^"]+)"', page)
        assert before is not None
        answer = session.post(
            f"{house.console}/signin/password",
            data={"before": before[1], "user": user, "password": password},
            headers={"origin": house.console},
            timeout=60,
        )
        assert answer.status_code == 401
        alert = re.search(r'role="alert">([^<]+)<', answer.text)
        said.add(alert[1] if alert else "")
    assert said == {"The user name or the password is wrong"}


@pytest.mark.parametrize("wish", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_after_signing_in_one_stays_here(house: House, wish: str) -> None:
    page = requests.get(f"{house.console}/signin", params={"next": wish}, timeout=30).text
    found = re.search(r'name="next" value="([^"]*)"', page)
    assert found is not None
    assert found[1] == ""


def test_a_page_may_run_and_load_only_our_own(house: House) -> None:
    answer = requests.get(f"{house.console}/signin", timeout=30)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert not re.search(r"\son[a-z]+=", answer.text)
    cookies = requests.get(f"{house.console}/signin", timeout=30).headers["set-cookie"].lower()
    assert "httponly" in cookies
    assert "samesite=strict" in cookies


def test_a_hostile_name_is_only_a_name(house: House, chromium: Browser) -> None:
    """What a person types, and what a stranger's document says, is shown as text."""
    with Sitting(house, chromium).sign_in("officer") as officer:
        officer.go(
            "/search?q=%3Cscript%3Edocument.title%3D%27x%27%3C%2Fscript%3E&enterprise=%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E"
        )
        assert officer.page.title() != "x"
        assert officer.page.locator("main img").count() == 0
        assert officer.complaints == []


def test_an_expired_session_leads_back_to_where_one_was(house: House, chromium: Browser) -> None:
    with Sitting(house, chromium).sign_in("officer") as officer:
        officer.context.clear_cookies(name="console")
        officer.go("/caps?product_key=%E5%9B%BD%E8%8D%AF%E5%87%86%E5%AD%97S20240001")
        person = house.person("officer")
        officer.page.fill("#user", person.name)
        officer.page.fill("#password", person.password)
        officer.page.click("form.signin button")
        officer.page.wait_for_url("**/caps?product_key=*")


def test_pages_that_are_not_there(house: House) -> None:
    session = signed_in(house, "operator-1")
    assert session.get(f"{house.console}/nothing-here", timeout=30).status_code == 404
    assert session.get(f"{house.console}/static/../app.py", timeout=30).status_code in (404, 403)
    huge = session.post(
        f"{house.console}/act/begin",
        data={f"f{number}": "x" for number in range(200)},
        headers={"origin": house.console},
        timeout=30,
    )
    assert huge.status_code == 400
