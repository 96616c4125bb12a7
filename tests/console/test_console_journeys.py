"""Each role's main story in a real browser, from signing in to the result."""

import json
import re
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser

from client.session import Session, sign_in
from sandbox.callers import caller
from tests.console.opened import House, Sitting


def message_of(house: House, case: str) -> tuple[str, bytes]:
    """The insurer's letter and the first message of a case."""
    told = house.cases[case]
    step = next(step for step in told.steps if step.kind != "document")
    return told.insurer[-1].lower(), step.content


def test_a_clerk_hands_in_and_sees_the_cell(house: House, chromium: Browser, tmp_path: Path) -> None:
    letter, content = message_of(house, "unknown-field")
    file = tmp_path / "message.xml"
    file.write_bytes(content)
    with Sitting(house, chromium).sign_in(f"clerk-{letter}", with_key=True) as clerk:
        clerk.go("/upload")
        clerk.page.set_input_files("#file", file)
        clerk.page.click("[data-also]")
        clerk.page.wait_for_selector("[data-outcome] section")
        assert "field.unaccounted" in clerk.text("[data-outcome]")
        with clerk.page.expect_response(lambda answer: answer.url.endswith("/act/finish")):  # not the rehearsal
            clerk.page.click("form.act button[type=submit]")
        clerk.page.wait_for_selector("[data-outcome] section.problem td.cell")
        assert "N_REBATE" in clerk.text("[data-outcome]")
        clerk.shot("upload-refused")
        clerk.go("/today")
        clerk.page.click("tbody tr:first-child a")
        clerk.page.wait_for_selector("td.offending")
        assert "N_REBATE" in clerk.text("td.offending")
        clerk.shot("submission")


def test_a_good_message_gets_its_receipt(house: House, chromium: Browser, tmp_path: Path) -> None:
    letter, content = message_of(house, "honest-a") if "honest-a" in house.cases else message_of(house, _honest(house))
    file = tmp_path / f"message.{_suffix(content)}"
    file.write_bytes(content)
    with Sitting(house, chromium).sign_in(f"clerk-{letter}", with_key=True) as clerk:
        clerk.go("/upload")
        clerk.page.set_input_files("#file", file)
        clerk.page.click("form.act button[type=submit]")
        clerk.page.wait_for_url(re.compile(r"/submissions/S"))
        clerk.page.wait_for_selector("h1 .badge")


def _honest(house: House) -> str:
    return next(name for name, case in house.cases.items() if case.expected == "verified" and case.about != "request")


def _suffix(content: bytes) -> str:
    return "xml" if content.lstrip()[:1] == b"<" else "json" if content.lstrip()[:1] == b"{" else "csv"


def test_an_officer_matches_an_application_and_verifies_the_evidence(
    house: House, chromium: Browser, tmp_path: Path
) -> None:
    year = datetime.now(UTC).year
    with Sitting(house, chromium).sign_in("officer") as officer:
        officer.go("/annexes")
        with officer.page.expect_download() as awaited:
            officer.page.click("form[action='/annexes/2.xlsx'] button")
        application = tmp_path / "annex-2.xlsx"
        awaited.value.save_as(application)
        assert zipfile.is_zipfile(application), year
        officer.go("/match")
        officer.page.set_input_files("#file", application)
        officer.page.click(".drop button")
        officer.page.wait_for_selector("section[id^=row-]")
        assert officer.page.locator("td .badge.good").count() > 10
        officer.shot("match")
        officer.page.click("section[id^=row-] h3 a")
        officer.page.wait_for_selector("ol.timeline li")
        officer.shot("premium")
        with officer.page.expect_download() as awaited:
            officer.page.click("a[href$='evidence.zip']")
        bundle = tmp_path / "evidence.zip"
        awaited.value.save_as(bundle)
        officer.go("/verification")
        officer.page.set_input_files("#file", bundle)
        officer.page.click(".drop button")
        officer.page.wait_for_selector("table")
        assert officer.page.locator("tbody tr").count() >= 8
        assert officer.page.locator("tbody .badge.bad").count() == 0
        officer.shot("verification")


def test_a_file_that_is_no_application_is_told_so(house: House, chromium: Browser, tmp_path: Path) -> None:
    wrong = BytesIO()
    with zipfile.ZipFile(wrong, "w") as archive:
        archive.writestr("hello.txt", "no workbook")
    for name, content in (("broken.xlsx", wrong.getvalue()), ("nothing.json", b""), ("photo.xlsx", b"\x89PNG\r\n")):
        (tmp_path / name).write_bytes(content)
        with Sitting(house, chromium).sign_in("officer") as officer:
            officer.go("/match")
            officer.page.set_input_files("#file", tmp_path / name)
            officer.page.click(".drop button")
            officer.page.wait_for_selector("section.problem")
            assert officer.page.locator("form .drop").count() == 1  # ready for the next try


def test_a_refund_after_verification_is_found_as_a_clawback(house: House, chromium: Browser) -> None:
    with Sitting(house, chromium).sign_in("officer") as officer:
        officer.go("/impacts")
        assert officer.page.locator("tbody tr").count() >= 1
        officer.page.click("tbody td.cell a")
        officer.page.wait_for_selector("ol.timeline li.bad, ol.timeline li.open")
        officer.shot("impact-premium")
        officer.go("/impacts")
        officer.shot("impacts")


def test_a_regulator_drills_down_from_the_board(house: House, chromium: Browser) -> None:
    with Sitting(house, chromium).sign_in("supervisor") as regulator:
        regulator.go("/board")
        total = int(regulator.text(".tiles li:first-child strong"))
        rows = [int(text) for text in regulator.page.locator("tbody td.number:nth-child(2)").all_inner_texts()]
        assert sum(rows) == total > 0
        regulator.shot("board")
        link = regulator.page.locator("td a.bad").first
        number = int(link.inner_text().split()[-1])
        link.click()
        regulator.page.wait_for_selector("tbody tr")
        assert regulator.page.locator("tbody tr").count() == number
        regulator.shot("drill")
        regulator.page.click("tbody td.cell a")
        regulator.page.wait_for_selector("table.checks")


def test_a_regulator_suspends_and_resumes_an_insurer(house: House, chromium: Browser, tmp_path: Path) -> None:
    named = "SANDBOX-H" if any(one.code == "SANDBOX-H" for one in house.world.insurers) else "SANDBOX-D"
    with Sitting(house, chromium).sign_in("supervisor", with_key=True) as regulator:
        for deed in ("suspend", "resume"):
            regulator.go("/directives")
            regulator.page.select_option("#f-deed", deed)
            regulator.page.fill("#f-named", named)
            regulator.page.select_option("#f-record_type", "delivery")
            regulator.page.fill("#f-reason", "报送质量整改")
            with regulator.page.expect_navigation():
                regulator.page.click("form.act button[type=submit]")
            regulator.page.wait_for_selector("tbody tr")
            assert f"insurer:{named}/type:delivery" in regulator.text("tbody tr:first-child")
        regulator.shot("directives")
    with caller(house.gateway, house.world.regulator.request_key) as gateway:
        found = gateway.call("GET", "/v1/directives").value["items"]
    assert [one["action"] for one in found if one["subject"] == f"insurer:{named}/type:delivery"][:2] == [
        "resume",
        "suspend",
    ]


def test_a_held_case_is_decided_under_the_persons_own_key(house: House, chromium: Browser) -> None:
    with Sitting(house, chromium).sign_in("supervisor", with_key=True) as regulator:
        regulator.go("/held")
        section = regulator.page.locator("main > section").last
        number = section.locator("h2 a").inner_text()
        section.locator("summary", has_text="作出决定").click()
        section.locator("select").select_option("rejected")
        section.locator("textarea").fill("材料不齐，不予认可")
        with regulator.page.expect_navigation():
            section.locator("form.act button[type=submit]").click()
        regulator.page.wait_for_selector("h1")
    officer = house.person("officer")
    signed_in = sign_in(house.gateway, officer.name, officer.password)
    with Session(house.gateway, signed_in.token) as session:
        (one,) = session.call("GET", f"/v1/premiums?policy_no={number}").value["items"]
        premium = session.premium(one["insurer"], number).value
    assert premium["status"] == "refused"
    decided = [one for one in premium["report"]["checks"] if one["rule"] == "record.decided-by-authority"]
    assert decided  # one for each point that was open
    assert {one["outcome"] for one in decided} == {"failed"}


def test_filings_are_proposed_by_one_and_confirmed_by_another(house: House, chromium: Browser, tmp_path: Path) -> None:
    filings = json.loads(house.made.registry.read_bytes())
    changed = json.loads(json.dumps(filings))
    target = (changed["filings"] if isinstance(changed, dict) and "filings" in changed else changed)[0]
    target["rate_max_percent"] = "2.9"
    file = tmp_path / "registry.json"
    file.write_text(json.dumps(changed, ensure_ascii=False), encoding="utf-8")
    with Sitting(house, chromium).sign_in("supervisor", with_key=True) as first:
        first.go("/filings")
        first.page.set_input_files("#file", file)
        with first.page.expect_navigation():
            first.page.click("form.act button[type=submit]")
        first.page.wait_for_url(re.compile("/filings/proposals/"))
        assert "2.9" in first.text()
        first.shot("proposal")
        first.page.locator("form[data-action='filings.confirm'] button").click()  # not by oneself
        first.page.wait_for_selector("[data-outcome] section.problem")
        address = first.page.url.removeprefix(house.console)
    with Sitting(house, chromium).sign_in("second-supervisor", with_key=True) as second:
        second.go(address)
        with second.page.expect_navigation():
            second.page.locator("form[data-action='filings.confirm'] button").click()
        second.page.wait_for_selector("h1 .badge")
        assert "已生效" in second.text("h1")


def test_an_authority_asks_and_the_insurer_answers(house: House, chromium: Browser) -> None:
    told = house.cases[_honest(house)]
    clerk_name = f"clerk-{told.insurer[-1].lower()}"
    with Sitting(house, chromium).sign_in("supervisor", with_key=True) as regulator:
        regulator.go("/inquiries")
        regulator.page.fill("#f-subject", f"premium:{told.insurer}/{told.policy_no}")
        regulator.page.fill("#f-question", "请说明保费到账日期与签单日期的差异")
        with regulator.page.expect_navigation(url=re.compile("/inquiries/.")):
            regulator.page.click("form.act button[type=submit]")
        address = regulator.page.url.removeprefix(house.console)
    other = "clerk-a" if clerk_name != "clerk-a" else "clerk-b"
    with Sitting(house, chromium).sign_in(other) as stranger:
        assert stranger.go(address) == 404
    with Sitting(house, chromium).sign_in(clerk_name, with_key=True) as clerk:
        clerk.go("/inquiries")
        clerk.page.click(f"a[href='{address}']")
        clerk.page.fill("#f-text", "投保人分期付款，首期按约定到账")
        with clerk.page.expect_navigation():
            clerk.page.click("form.act button[type=submit]")
        clerk.page.wait_for_selector("ol.timeline li.good")
        clerk.shot("inquiry")
    with Sitting(house, chromium).sign_in("supervisor", with_key=True) as regulator:
        regulator.go(address)
        regulator.page.fill("#f-reason", "说明清楚")
        with regulator.page.expect_navigation():
            regulator.page.click("form.act button[type=submit]")
        regulator.page.wait_for_selector("ol.timeline li.quiet")
        assert "已办结" in regulator.text("h1")


def test_a_clerk_asks_for_a_new_key_and_two_operators_let_it_in(
    house: House, chromium: Browser, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "clerk-b new")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    file = tmp_path / "request.pem"
    file.write_bytes(request.public_bytes(serialization.Encoding.PEM))
    with Sitting(house, chromium).sign_in("clerk-b", with_key=True) as clerk:
        clerk.go("/keys")
        before = clerk.page.locator("section:first-of-type tbody tr").count()
        clerk.page.set_input_files("#f-request", file)
        with clerk.page.expect_navigation():
            clerk.page.click("form.act button[type=submit]")
        clerk.page.wait_for_selector("section:last-of-type table")
        assert "待批准" in clerk.text()
        for operator_name in ("operator-1", "operator-2"):
            with Sitting(house, chromium).sign_in(operator_name, with_key=True) as operator:
                operator.go("/participants")
                with operator.page.expect_navigation():
                    operator.page.locator("form[data-action='key.approve'] button").first.click()
                operator.page.wait_for_selector("h1")
                operator.shot(f"participants-{operator_name}")
        clerk.go("/keys")
        assert "已批准" in clerk.text()
        assert clerk.page.locator("section:first-of-type tbody tr").count() == before + 1


def test_an_operator_sees_how_the_gateway_is(house: House, chromium: Browser) -> None:
    with Sitting(house, chromium).sign_in("operator-1") as operator:
        operator.go("/operation")
        assert "示例国密根证书" in operator.text("#trust")
        operator.shot("operation")
        operator.go("/log")
        assert "gateway.example/sandbox" in operator.text("dl.facts")


def test_without_a_key_nothing_is_signed(house: House, chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(b"<a/>")
    with Sitting(house, chromium).sign_in("clerk-a") as clerk:
        clerk.go("/upload")
        clerk.page.set_input_files("#file", file)
        clerk.page.click("form.act button[type=submit]")
        clerk.page.wait_for_selector("[data-outcome] .note.bad")
        assert "密钥" in clerk.text("[data-outcome]")


def test_a_line_that_breaks_says_so_and_loses_nothing(house: House, chromium: Browser, tmp_path: Path) -> None:
    letter, content = message_of(house, _honest(house))
    file = tmp_path / f"message.{_suffix(content)}"
    file.write_bytes(content)
    with Sitting(house, chromium).sign_in(f"clerk-{letter}", with_key=True) as clerk:
        clerk.go("/upload")
        clerk.page.set_input_files("#file", file)
        clerk.context.set_offline(True)
        clerk.page.click("form.act button[type=submit]")
        clerk.page.wait_for_selector("[data-outcome] .note.bad")
        assert "连接中断" in clerk.text("[data-outcome]")
        clerk.context.set_offline(False)
        clerk.page.click("form.act button[type=submit]")  # what was chosen is still there
        clerk.page.wait_for_url(re.compile(r"/submissions/S"))


def test_two_people_at_one_proposal_do_not_overwrite_each_other(
    house: House, chromium: Browser, tmp_path: Path
) -> None:
    """Both propose from what they saw; once one is in force, the other is outdated and cannot be confirmed."""
    filings = json.loads(house.made.registry.read_bytes())
    addresses = []
    with Sitting(house, chromium).sign_in("supervisor", with_key=True) as first:
        for rate in ("2.7", "2.6"):
            changed = json.loads(json.dumps(filings))
            listed = changed["filings"] if isinstance(changed, dict) and "filings" in changed else changed
            listed[1]["rate_max_percent"] = rate
            file = tmp_path / f"registry-{rate}.json"
            file.write_text(json.dumps(changed, ensure_ascii=False), encoding="utf-8")
            first.go("/filings")
            first.page.set_input_files("#file", file)
            with first.page.expect_navigation(url=re.compile("/filings/proposals/.")):
                first.page.click("form.act button[type=submit]")
            addresses.append(first.page.url.removeprefix(house.console))
    with Sitting(house, chromium).sign_in("second-supervisor", with_key=True) as second:
        second.go(addresses[1])
        third = Sitting(house, chromium).sign_in("second-supervisor", with_key=True)
        third.go(addresses[0])
        with third.page.expect_navigation():
            third.page.locator("form[data-action='filings.confirm'] button").click()
        second.page.locator("form[data-action='filings.confirm'] button").click()  # of a page that is old by now
        second.page.wait_for_selector("[data-outcome] section.problem")
        third.context.close()
        second.go(addresses[1])
        assert "须重新提出" in second.text("h1")
