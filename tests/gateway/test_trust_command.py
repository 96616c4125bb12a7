"""`gateway trust show` and `check`: what an operator is told of a folder, and that nothing to mend is passed over."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import pem
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalogue import load_catalogue
from gateway.cli import main
from gateway.shown import visible
from gateway.trust.check import check_folder
from gateway.trust.folder import read_folder
from sandbox.world import World
from schemas.verification import Outcome, Report, Severity
from signing.trust import TrustStore
from tests.shared import vectors
from tests.signing.authority import AT, Holder, issue, middle, ocsp_response, revocation_list, root

MOMENT = AT.isoformat()
CODE, WRONG_CODE = "91110000100015525K", "91110000100015525P"


def write(base: Path, **files: bytes | str) -> Path:
    for path, content in files.items():
        place = base / path.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return base


def sound(base: Path) -> tuple[Path, Holder, Holder]:
    """A folder with nothing to mend: a root, an authority below it, their lists, an owner."""
    top = root("Root of Trust", kind="p256")
    below = middle("Issuing Authority", top, kind="p256")
    owner = f'[[owner]]\ninsurer = "A"\ncredit_code = "{CODE}"\n'
    files = {
        "signers__root.pem": pem.armor("CERTIFICATE", top.certificate),
        "intermediates__issuing.der": below.certificate,
        "crl__root.crl": revocation_list(top),
        "crl__issuing.crl": revocation_list(below),
        "owners.toml": owner,
    }
    return write(base, **files), top, below


def judged(folder: Path) -> Report:
    return check_folder(read_folder(folder), AT)


def findings(folder: Path) -> set[tuple[str, str | None, str | None]]:
    """What did not pass; every rule and reason of it stands in the catalogue, in both languages."""
    report, rules = judged(folder), load_catalogue().rules
    for check in report.checks:
        assert check.rule in rules, check
        assert check.reason is None or check.reason in rules[check.rule].reasons, check
    return {(one.rule, one.reason, one.field) for one in report.checks if one.outcome is not Outcome.PASSED}


def test_nothing_to_mend(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, _, _ = sound(tmp_path)
    assert findings(folder) == set()
    assert main(["trust", "check", "--trust", str(folder), "--at", MOMENT]) == 0
    assert "没有需要处理的问题" in capfd.readouterr().out
    assert main(["trust", "check", "--trust", str(folder), "--at", MOMENT, "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed["basis"]["trust"] == TrustStore.load(folder).digest
    assert {check["rule"] for check in printed["checks"]} >= {"trust.file", "trust.list", "trust.list-present"}


def test_the_folder_of_the_sandbox_has_nothing_to_mend(tmp_path: Path) -> None:
    world = World(1, at=AT)
    world.trust_dir(tmp_path)
    assert findings(tmp_path) == set()


def test_an_empty_folder_leaves_all_open(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert findings(tmp_path) == {("trust.anchors", "none", None)}
    assert main(["trust", "check", "--trust", str(tmp_path), "--at", MOMENT, "--lang", "en"]) == 2
    assert "leaves verdicts open" in capfd.readouterr().out


def test_no_folder_is_wrong_usage(tmp_path: Path) -> None:
    for command in ("show", "check"):
        assert main(["trust", command, "--trust", str(tmp_path / "none")]) == 64
    with pytest.raises(SystemExit) as stopped:
        main(["trust", "check"])
    assert stopped.value.code == 64


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (datetime(2020, 1, 1, tzinfo=UTC), AT - timedelta(days=1), {"expired"}),
        (AT + timedelta(days=1), datetime(2035, 1, 1, tzinfo=UTC), {"not-yet-valid"}),
        (datetime(2020, 1, 1, tzinfo=UTC), AT + timedelta(days=20), {"expires-soon"}),
        (datetime(2020, 1, 1, tzinfo=UTC), AT + timedelta(days=31), set()),
    ],
)
def test_anchors_have_their_time(tmp_path: Path, start: datetime, end: datetime, found: set[str]) -> None:
    old = issue("Old Root", kind="p256", authority=True, usage=("key_cert_sign", "crl_sign"), start=start, end=end)
    folder = write(sound(tmp_path)[0], signers__old=old.certificate, crl__old=revocation_list(old))
    assert findings(folder) == {("trust.certificate-period", reason, "signers/old") for reason in found}


def test_intermediates_lead_to_an_anchor(tmp_path: Path) -> None:
    folder, top, _ = sound(tmp_path)
    stranger = root("Strange Root", kind="p256")
    write(
        folder,
        intermediates__nowhere=middle("Orphan", stranger, kind="p256").certificate,
        intermediates__forged=issue(
            "Forged", top, kind="p256", authority=True, usage=("key_cert_sign",), signer=stranger.key
        ).certificate,
        intermediates__selfmade=stranger.certificate,
        intermediates__leaf=issue("Insurer", top, kind="p256").certificate,
        intermediates__anchor=top.certificate,
    )
    assert findings(folder) == {
        ("trust.intermediate", "chains-nowhere", "intermediates/nowhere"),
        ("trust.intermediate", "bad-signature", "intermediates/forged"),
        ("trust.intermediate", "self-issued", "intermediates/selfmade"),
        ("trust.intermediate", "also-an-anchor", "intermediates/anchor"),
        ("trust.purpose", "not-an-authority", "intermediates/leaf"),
    }


def test_lists_are_fresh_and_signed_by_whom_they_say(tmp_path: Path) -> None:
    folder, top, below = sound(tmp_path)
    stranger = root("Strange Root", kind="p256")
    write(
        folder,
        crl__root=revocation_list(top, this=AT - timedelta(days=9), following=AT - timedelta(seconds=1)),
        crl__strange=revocation_list(stranger),
        crl__forged=revocation_list(below, signer=stranger.key),
    )
    (folder / "crl/root.crl").unlink()
    (folder / "crl/issuing.crl").unlink()
    assert findings(folder) == {
        ("trust.list-fresh", "stale", "crl/root"),
        ("trust.list", "issuer-unknown", "crl/strange"),
        ("trust.list", "bad-signature", "crl/forged"),
        ("trust.list-present", "missing", "intermediates/issuing.der"),
    }
    assert judged(folder).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("this", "following", "policy", "reason"),
    [
        (AT + timedelta(hours=1), AT + timedelta(days=9), "", "not-yet"),
        (AT - timedelta(hours=1), None, "", "no-next-update"),
        (AT - timedelta(days=3), AT + timedelta(days=9), "crl_max_age_hours = 48", "too-old"),
        (AT - timedelta(days=9), AT + timedelta(hours=2), "", "ends-soon"),
        (AT - timedelta(hours=1), AT + timedelta(hours=23), "", None),
        (AT - timedelta(days=9), AT - timedelta(seconds=50), "clock_skew_seconds = 60", "ends-soon"),
    ],
)
def test_the_times_of_a_list(
    tmp_path: Path, this: datetime, following: datetime | None, policy: str, reason: str | None
) -> None:
    folder, top, _ = sound(tmp_path)
    content = revocation_list(top, this=this, following=following)
    write(folder, **{"crl__root.crl": content, "policy.toml": policy})
    found = {one for one in findings(folder) if one[2] == "crl/root.crl"}
    assert found == ({("trust.list-fresh", reason, "crl/root.crl")} if reason else set())


def test_an_authority_without_a_list(tmp_path: Path) -> None:
    folder, _, _ = sound(tmp_path)
    (folder / "crl/issuing.crl").unlink()
    assert findings(folder) == {("trust.list-present", "missing", "intermediates/issuing.der")}
    assert judged(folder).outcome is Outcome.INDETERMINATE
    write(folder, **{"policy.toml": "revocation = 'if-available'"})
    assert judged(folder).outcome is Outcome.PASSED
    assert [check.severity for check in judged(folder).checks if check.reason == "missing"] == [Severity.NOTICE]


def test_two_lists_of_one_scope(tmp_path: Path) -> None:
    folder, top, _ = sound(tmp_path)
    write(folder, crl__second=revocation_list(top, this=AT - timedelta(hours=3)))
    assert findings(folder) == {("trust.list", "twice", "crl/second")}


def test_responses(tmp_path: Path) -> None:
    folder, top, below = sound(tmp_path)
    leaf, stranger = issue("Insurer", below, kind="p256"), root("Strange Root", kind="p256")
    delegate = issue("Responder", below, kind="p256", extended=["ocsp_signing"])
    write(
        folder,
        ocsp__good=ocsp_response(below, leaf),
        ocsp__delegated=ocsp_response(below, leaf, responder=delegate),
        ocsp__undelegated=ocsp_response(below, leaf, responder=issue("Other", below, kind="p256")),
        ocsp__strange=ocsp_response(stranger, leaf),
        ocsp__old=ocsp_response(top, below, this=AT - timedelta(days=9), following=AT - timedelta(days=8)),
    )
    assert findings(folder) == {
        ("trust.response", "bad-signature", "ocsp/undelegated"),
        ("trust.response", "issuer-unknown", "ocsp/strange"),
        ("trust.response-fresh", "stale", "ocsp/old"),
    }


@pytest.mark.parametrize(
    ("place", "arguments", "reason"),
    [
        ("signers", {"usage": ("key_encipherment",)}, "encryption-certificate"),
        ("signers", {"usage": None}, "missing"),
        ("signers", {"usage": ("key_cert_sign",)}, "authority-certificate"),
        ("signers", {"extended": ["time_stamping"], "extended_critical": True}, "not-for-signing"),
        ("seal-makers", {"extended": ["server_auth"]}, "not-for-signing"),
        ("tsa", {}, "not-for-timestamps"),
        ("signers", {}, None),
        ("tsa", {"extended": ["time_stamping"], "extended_critical": True}, None),
    ],
)
def test_an_end_entity_under_a_purpose(
    tmp_path: Path, place: str, arguments: dict[str, object], reason: str | None
) -> None:
    folder, top, _ = sound(tmp_path)
    leaf = issue("Pinned", top, kind="p256", **arguments)  # type: ignore[arg-type]
    write(folder, **{f"{place}__pinned": leaf.certificate})
    assert findings(folder) == ({("trust.purpose", reason, f"{place}/pinned")} if reason else set())


def test_an_authority_for_time_stamps_is_no_anchor_for_signers(tmp_path: Path) -> None:
    usage = ("key_cert_sign", "crl_sign")
    stamps = issue("Stamps", kind="p256", authority=True, usage=usage, extended=["time_stamping"])
    mails = issue("Mails", kind="p256", authority=True, usage=usage, extended=["email_protection"])
    folder = sound(tmp_path)[0]
    write(folder, signers__stamps=stamps.certificate, tsa__mails=mails.certificate)
    write(folder, crl__stamps=revocation_list(stamps), crl__mails=revocation_list(mails))
    assert findings(folder) == {
        ("trust.purpose", "time-stamps-only", "signers/stamps"),
        ("trust.purpose", "not-for-timestamps", "tsa/mails"),
    }


def test_test_certificates(tmp_path: Path) -> None:
    test = root("某某测试 CA", kind="p256")
    folder = write(sound(tmp_path)[0], signers__test=test.certificate, crl__test=revocation_list(test))
    assert findings(folder) == {("trust.test-certificate", "test-name", "signers/test")}
    write(folder, **{"policy.toml": "allow_test_certificates = true"})
    assert findings(folder) == set()


OWNER = "[[owner]]\ninsurer = '{}'\n{}\n"


@pytest.mark.parametrize(
    ("owners", "found"),
    [
        ([("A", f"credit_code = '{WRONG_CODE}'")], {("trust.owner-credit-code", "check-character")}),
        ([("A", "credit_code = 'abcdefghijklmnopqr'")], {("trust.owner-credit-code", "form")}),
        (
            [("A", f"credit_code = '{CODE}'"), ("B", f"credit_code = '{CODE}'")],
            {("trust.owner-period", "claimed-by-two")},
        ),
        ([("A", "seal_ids = ['1', '2']"), ("B", "seal_ids = ['2']")], {("trust.owner-period", "claimed-by-two")}),
        ([("A", "seal_ids = ['1']"), ("A", "seal_ids = ['2']")], set()),
        ([("A", "seal_ids = ['1']"), ("A", "seal_ids = ['1']")], {("trust.owner-period", "periods-overlap")}),
        (
            [("A", "seal_ids = ['1']\nto = 2026-12-31"), ("A", "seal_ids = ['2']\nfrom = 2026-12-31")],
            {("trust.owner-period", "periods-overlap"), ("trust.owner-period", "not-in-force")},
        ),
        (
            [("A", "seal_ids = ['1']\nto = 2026-01-31"), ("B", "seal_ids = ['1']\nfrom = 2026-02-01")],
            {("trust.owner-period", "not-in-force")},
        ),
    ],
)
def test_owners(tmp_path: Path, owners: list[tuple[str, str]], found: set[tuple[str, str]]) -> None:
    text = "\n".join(OWNER.format(*one) for one in owners)
    folder = write(sound(tmp_path)[0], **{"owners.toml": text})
    assert findings(folder) == {(*one, "owners.toml") for one in found}


@pytest.mark.parametrize(
    ("path", "content", "found"),
    [
        ("signers__a.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
        ("signers__a.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "pem"),
        ("signers__key.pem", pem.armor("PRIVATE KEY", b"\x30\x00"), "private-key"),
        ("signers__page.html", b"<html>", "unknown"),
        ("signers__empty", b"", "empty"),
        ("crl__list", b"\x30\x03\x02\x01\x01", "unknown"),
        ("signer__a.pem", b"", "no-meaning"),
        ("policy.toml", b"revocation = 'never'", "setting"),
    ],
)
def test_each_file_that_cannot_be_used_is_named(tmp_path: Path, path: str, content: bytes, found: str) -> None:
    folder = write(sound(tmp_path)[0], **{path: content})
    name = path.replace("__", "/").removesuffix("/a.pem") if found == "no-meaning" else path.replace("__", "/")
    assert {one for one in findings(folder) if one[0] == "trust.file"} == {("trust.file", found, name)}
    assert main(["trust", "check", "--trust", str(folder), "--at", MOMENT]) == 1


def test_a_list_among_certificates(tmp_path: Path) -> None:
    folder, top, _ = sound(tmp_path)
    write(folder, signers__list=revocation_list(top), crl__root=top.certificate)
    assert {one for one in findings(folder) if one[0] == "trust.file"} == {
        ("trust.file", "misplaced", "signers/list"),
        ("trust.file", "misplaced", "crl/root"),
    }


def test_show(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, top, below = sound(tmp_path)
    write(folder, ocsp__one=ocsp_response(below, issue("Insurer", below, kind="p256")))
    write(folder, crl__old=revocation_list(top, this=AT - timedelta(days=9), following=AT - timedelta(days=8)))
    assert main(["trust", "show", "--trust", str(folder), "--at", MOMENT, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["digest"] == TrustStore.load(folder).digest
    assert [one["file"] for one in found["anchors"]["signers"]] == ["signers/root.pem"]
    assert found["intermediates"][0]["key"] == "p-256"
    assert {one["file"]: one["state"] for one in found["crl"]} == {
        "crl/issuing.crl": "fresh",
        "crl/old": "stale",
        "crl/root.crl": "fresh",
    }
    assert [(one["status"], one["state"]) for one in found["ocsp"]] == [("good", "fresh")]
    assert found["owners"][0]["credit_code"] == CODE
    assert found["policy"]["revocation"] == "require"
    for language, words in (("zh", ("信任锚：签名人", "吊销列表", "已过期")), ("en", ("Anchors: signers", "stale"))):
        assert main(["trust", "show", "--trust", str(folder), "--at", MOMENT, "--lang", language]) == 0
        printed = capfd.readouterr().out
        assert all(word in printed for word in (*words, found["digest"], "signers/root.pem", "Issuing Authority"))


def test_a_broken_folder_is_shown_without_a_digest(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write(sound(tmp_path)[0], signers__bad=b"x")
    assert main(["trust", "show", "--trust", str(folder), "--at", MOMENT, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["digest"], [one["file"] for one in found["broken"]]) == (None, ["signers/bad"])


def test_a_name_cannot_draw_on_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = sound(tmp_path)[0]
    owner = "[[owner]]\ninsurer = \"A\\u001b[2J\\u202e\"\nseal_ids = ['1']\n"
    write(folder, **{"owners.toml": owner})
    assert main(["trust", "show", "--trust", str(folder), "--at", MOMENT]) == 0
    printed = capfd.readouterr().out
    assert "\x1b" not in printed
    assert "A[U+001B][2J[U+202E]" in printed


def test_the_national_roots(tmp_path: Path) -> None:
    """Real SM2 authorities; their lists are of 2022 and must be called stale."""
    source = vectors("ca")
    for folder, files in {
        "signers": source.glob("rootca/*.pem"),
        "intermediates": source.glob("ca/*.pem"),
        "crl": source.glob("crl/*.crl"),
    }.items():
        for file in files:
            write(tmp_path, **{f"{folder}__{file.name}": file.read_bytes()})
    found = findings(tmp_path)
    assert {one[2] for one in found if one[:2] == ("trust.list-fresh", "stale")} == {
        "crl/civil-servant-root.crl",
        "crl/device-root.crl",
        "crl/rootca.crl",
    }
    assert not {one for one in found if one[0] in ("trust.intermediate", "trust.purpose", "trust.list")}


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.integers(1, 40))
def test_what_is_shown_is_plain(text: str, limit: int) -> None:
    shown = visible(text, limit)
    assert shown.replace("\u3000", " ").isprintable()
    assert len(text) <= limit or shown.endswith(f"(+{len(text) - limit})")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("保险公司", "保险公司"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\nb", "a[U+000A]b"),
        ("e\u0301", "e\u0301"),
        ("e" + "\u0301" * 4, "e\u0301\u0301[U+0301][U+0301]"),
        ("\u3164", "[U+3164]"),
        ("\U000e0041", "[U+E0041]"),
        ("x" * 12, "x" * 10 + "…(+2)"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text, 10) == shown
