"""`gateway revocation fetch`: what is kept from a source that behaves, and that one that does not changes nothing."""

import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl, ocsp, pem
from listening import Answer, Server, endless, raw, serve, silent, tagged, trickling, whole

from gateway.catalogue import load_catalogue
from gateway.cli import main
from gateway.errors import Misconfigured
from gateway.revocation.sources import read_sources
from signing.trust import TrustStore
from tests.signing.authority import issue, middle, ocsp_response, revocation_list, root

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOP = root("Root of Trust", kind="p256")
BELOW = middle("Issuing Authority", TOP, kind="p256")
LEAF, OTHER_LEAF = issue("Insurer", BELOW, kind="p256"), issue("Other", BELOW, kind="p256")
STRANGER = root("Strange Root", kind="p256")
FRESH = revocation_list(TOP, this=NOW - HOUR, following=NOW + 9 * DAY)
OLDER = revocation_list(TOP, this=NOW - 2 * DAY, following=NOW + 5 * DAY)
STALE = revocation_list(TOP, this=NOW - 9 * DAY, following=NOW - HOUR)
REASONS = {rule: load_catalogue().rules[rule].reasons for rule in ("revocation.source", "revocation.sources")}


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    folder = tmp_path / "trust"
    for name, content in {
        "signers/root.pem": pem.armor("CERTIFICATE", TOP.certificate),
        "signers/strange.der": STRANGER.certificate,
        "intermediates/below.der": BELOW.certificate,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (tmp_path / "leaf.der").write_bytes(LEAF.certificate)
    return folder


def listed(
    server: Server, *paths: str, authority: str = "signers/root.pem", settings: str = "timeout_seconds = 2"
) -> str:
    entries = [f'[[crl]]\nurl = "{server.url}{path}"\nauthority = "{authority}"\n' for path in paths]
    return "\n".join([settings, *entries])


class Fetch:
    """The command; each call gives the exit code and the checks."""

    def __init__(self, trust: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.trust, self.capfd = trust, capfd

    def __call__(self, sources: str) -> tuple[int, list[dict[str, Any]]]:
        file = self.trust.parent / "sources.toml"
        file.write_text(sources, encoding="utf-8")
        self.capfd.readouterr()
        code = main(["revocation", "fetch", "--trust", str(self.trust), "--sources", str(file), "--json"])
        report = json.loads(self.capfd.readouterr().out)
        for check in report["checks"]:
            assert check.get("reason") is None or check["reason"] in REASONS[check["rule"]]
        assert report["basis"]["trust"] == TrustStore.load(self.trust).digest
        return code, report["checks"]

    def reason(self, sources: str) -> tuple[int, str | None]:
        code, checks = self(sources)
        assert len(checks) == 1, checks
        return code, checks[0].get("reason")

    def lists(self) -> tuple[bytes, ...]:
        return TrustStore.load(self.trust).crls


@pytest.fixture
def fetch(trust: Path, capfd: pytest.CaptureFixture[str]) -> Fetch:
    return Fetch(trust, capfd)


def test_a_list_is_kept_and_asked_for_once(fetch: Fetch, server: Server) -> None:
    server.answers["/a.crl"] = tagged(FRESH, '"one"')
    code, (check,) = fetch(listed(server, "/a.crl"))
    assert (code, check["outcome"], check["facts"]["change"]) == (0, "passed", "updated")
    assert fetch.lists() == (FRESH,)
    before = (fetch.trust / check["facts"]["file"]).stat().st_mtime_ns
    code, (check,) = fetch(listed(server, "/a.crl"))
    assert (code, check["facts"]["change"]) == (0, "unchanged")
    assert b"If-None-Match" not in server.requests[0]
    assert b'If-None-Match: "one"' in server.requests[1]
    assert (fetch.trust / check["facts"]["file"]).stat().st_mtime_ns == before


def test_without_the_file_everything_is_asked_for_again(fetch: Fetch, server: Server) -> None:
    server.answers["/a.crl"] = tagged(FRESH, '"one"')
    _, (check,) = fetch(listed(server, "/a.crl"))
    (fetch.trust / check["facts"]["file"]).unlink()
    assert fetch(listed(server, "/a.crl"))[0] == 0
    assert b"If-None-Match" not in server.requests[1]
    assert fetch.lists() == (FRESH,)


def test_a_remembered_state_that_is_rubbish_is_forgotten(fetch: Fetch, server: Server) -> None:
    server.answers["/a.crl"] = tagged(FRESH, '"one"')
    for rubbish in (
        b"{",
        b"[]",
        b'{"x": 1}',
        b'{"x": {"etag": 1, "last_modified": null, "file": "../x", "sha256": ""}}',
    ):
        (fetch.trust / ".fetched.json").write_bytes(rubbish)
        assert fetch(listed(server, "/a.crl"))[0] == 0


def test_a_later_list_takes_the_place_of_the_earlier_one(fetch: Fetch, server: Server) -> None:
    (fetch.trust / "crl").mkdir()
    (fetch.trust / "crl/ours.crl").write_bytes(OLDER)
    server.answers["/a.crl"] = whole(pem.armor("X509 CRL", FRESH))
    code, (check,) = fetch(listed(server, "/a.crl"))
    assert (code, check["facts"]["file"]) == (0, "crl/ours.crl")
    assert fetch.lists() == (FRESH,)


def test_an_older_list_played_back_is_not_kept(fetch: Fetch, server: Server) -> None:
    server.answers["/a.crl"] = whole(FRESH)
    fetch(listed(server, "/a.crl"))
    server.answers["/a.crl"] = whole(OLDER)
    assert fetch.reason(listed(server, "/a.crl")) == (2, "older")
    same_time = revocation_list(TOP, (LEAF, NOW, "superseded"), this=NOW - HOUR, following=NOW + 9 * DAY)
    server.answers["/a.crl"] = whole(same_time)
    assert fetch.reason(listed(server, "/a.crl")) == (2, "older")
    assert fetch.lists() == (FRESH,)


def test_an_older_list_that_does_not_name_its_key_is_older_all_the_same(fetch: Fetch, server: Server) -> None:
    parsed = crl.CertificateList.load(OLDER)["tbs_cert_list"]
    parsed["crl_extensions"] = [one for one in parsed["crl_extensions"] if one["extn_id"].native == "crl_number"]
    signed = {"tbs_cert_list": parsed, "signature_algorithm": parsed["signature"]}
    bare = crl.CertificateList({**signed, "signature": TOP.key.sign(parsed.dump(force=True))}).dump()
    server.answers["/a.crl"] = whole(bare)
    assert fetch(listed(server, "/a.crl"))[0] == 0
    server.answers["/a.crl"] = whole(FRESH)
    assert fetch(listed(server, "/a.crl"))[0] == 0
    assert fetch.lists() == (FRESH,)
    server.answers["/a.crl"] = whole(bare)
    assert fetch.reason(listed(server, "/a.crl")) == (2, "older")
    assert fetch.lists() == (FRESH,)


MISBEHAVIOUR: dict[str, tuple[Answer, str]] = {
    "html": (whole(b"<html>Error</html>", "Content-Type: text/html"), "not-a-list"),
    "empty": (whole(b""), "not-a-list"),
    "a certificate": (whole(TOP.certificate), "not-a-list"),
    "two lists": (whole(pem.armor("X509 CRL", FRESH) + pem.armor("X509 CRL", OLDER)), "not-a-list"),
    "cut off and so declared": (whole(FRESH[:-9]), "not-a-list"),
    "one octet more": (whole(FRESH + b"\x00"), "not-a-list"),
    "cut off": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + FRESH), "cut-off"),
    "cut off in a chunk": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + FRESH), "cut-off"),
    "too large, and says so": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), "too-large"),
    "endless": (endless, "too-large"),
    "slow body": (trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"0" * 400, 0.02), "too-slow"),
    "slow head": (trickling(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 90, 0.02), "too-slow"),
    "silent": (silent, "too-slow"),
    "hangs up": (raw(b""), "unreachable"),
    "no http": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "not-http"),
    "endless head": (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "not-http"),
    "elsewhere": (whole(b"", "Location: /real.crl", status="302 Found"), "redirected"),
    "missing": (whole(FRESH, status="404 Not Found"), "status"),
    "server error": (whole(FRESH, status="500 Oops"), "status"),
    "compressed": (whole(FRESH, "Content-Encoding: gzip"), "compressed"),
    "unasked": (whole(b"", status="304 Not Modified"), "unasked"),
    "another authority": (whole(revocation_list(STRANGER, this=NOW - HOUR, following=NOW + DAY)), "wrong-authority"),
    "an unknown authority": (
        whole(revocation_list(root("Nobody", kind="p256"), this=NOW - HOUR, following=NOW + DAY)),
        "wrong-authority",
    ),
    "another key": (
        whole(revocation_list(TOP, this=NOW - HOUR, following=NOW + DAY, signer=STRANGER.key)),
        "bad-signature",
    ),
    "stale": (whole(STALE), "stale"),
    "from the future": (whole(revocation_list(TOP, this=NOW + DAY, following=NOW + 9 * DAY)), "not-yet"),
    "for ever": (whole(revocation_list(TOP, this=NOW - HOUR, following=None)), "no-next-update"),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_a_source_that_misbehaves_changes_nothing(fetch: Fetch, server: Server, name: str) -> None:
    answer, reason = MISBEHAVIOUR[name]
    server.answers |= {"/a.crl": answer, "/real.crl": whole(FRESH)}
    settings = "timeout_seconds = 1\nlargest_mib = 1"
    started = time.monotonic()
    assert fetch.reason(listed(server, "/a.crl", settings=settings)) == (1, reason)
    assert time.monotonic() - started < 4
    assert fetch.lists() == ()
    assert len(server.requests) == 1
    (fetch.trust / "crl").mkdir(exist_ok=True)
    (fetch.trust / "crl/ours.crl").write_bytes(OLDER)
    code, (check,) = fetch(listed(server, "/a.crl", settings=settings))
    assert (code, check["outcome"], check["reason"]) == (2, "indeterminate", reason)
    assert check["facts"]["until"] == (NOW + 5 * DAY).isoformat().replace("+00:00", "Z")
    assert fetch.lists() == (OLDER,)


def test_nothing_listens(fetch: Fetch, server: Server) -> None:
    sources = listed(server, "/a.crl").replace(server.url, "http://127.0.0.1:1")
    assert fetch.reason(sources) == (1, "unreachable")


def test_what_is_there_and_not_by_its_authority_is_of_no_use(fetch: Fetch, server: Server) -> None:
    (fetch.trust / "crl").mkdir()
    forged = revocation_list(TOP, this=NOW - HOUR, following=NOW + DAY, signer=STRANGER.key)
    (fetch.trust / "crl/forged.crl").write_bytes(forged)
    assert fetch.reason(listed(server, "/a.crl")) == (1, "status")


def test_not_modified_is_no_comfort_when_it_is_stale(fetch: Fetch, server: Server) -> None:
    brief = revocation_list(
        TOP, this=NOW - HOUR, following=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    )
    server.answers["/a.crl"] = tagged(brief, '"one"')
    code, checks = fetch(listed(server, "/a.crl"))
    assert (code, [check.get("reason") for check in checks]) == (2, [None, "ends-soon"])
    time.sleep(3)
    assert fetch.reason(listed(server, "/a.crl")) == (1, "stale")
    assert len(server.requests) == 2


def test_one_failing_source_does_not_stop_the_others(fetch: Fetch, server: Server) -> None:
    server.answers["/b.crl"] = whole(FRESH)
    code, checks = fetch(listed(server, "/a.crl", "/b.crl"))
    assert (code, [check.get("reason") for check in checks]) == (1, ["status", None])
    assert fetch.lists() == (FRESH,)


def test_no_sources_is_told(fetch: Fetch) -> None:
    assert fetch.reason("") == (2, "none")


def asking(server: Server) -> str:
    return f'timeout_seconds = 2\n[[ocsp]]\nurl = "{server.url}/ocsp"\ncertificate = "leaf.der"\n'


def answer_about(leaf: Any = LEAF, **changes: Any) -> bytes:
    return ocsp_response(BELOW, leaf, **{"this": NOW - HOUR, "following": NOW + DAY, **changes})


def test_an_answer_is_kept(fetch: Fetch, server: Server) -> None:
    server.answers["/ocsp"] = whole(answer_about())
    code, (check,) = fetch(asking(server))
    assert (code, check["facts"]["change"], check["facts"]["status"]) == (0, "updated", "good")
    assert len(TrustStore.load(fetch.trust).ocsps) == 1
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /ocsp HTTP/1.1\r\n")
    asked = ocsp.OCSPRequest.load(body, strict=True)["tbs_request"]["request_list"][0]["req_cert"]
    assert asked["serial_number"].native == LEAF.serial
    server.answers["/ocsp"] = whole(answer_about(this=NOW, revoked=(NOW - HOUR, "superseded")))
    code, (check,) = fetch(asking(server))
    assert (code, check["facts"]["change"], check["facts"]["status"]) == (0, "updated", "revoked")
    assert len(TrustStore.load(fetch.trust).ocsps) == 1
    server.answers["/ocsp"] = whole(answer_about())
    assert fetch.reason(asking(server)) == (2, "older")


TRY_LATER = bytes(ocsp.OCSPResponse({"response_status": "try_later"}).dump())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "not-a-response"),
        (FRESH, "not-a-response"),
        (TRY_LATER, "undecided"),
        (answer_about(OTHER_LEAF), "wrong-certificate"),
        (ocsp_response(STRANGER, LEAF, this=NOW - HOUR, following=NOW + DAY), "wrong-certificate"),
        (answer_about(responder=STRANGER), "bad-signature"),
        (answer_about(responder=issue("No Delegate", BELOW, kind="p256")), "bad-signature"),
        (answer_about(this=NOW - 2 * DAY, following=NOW - DAY), "stale"),
        (answer_about(this=NOW + DAY, following=NOW + 2 * DAY), "not-yet"),
    ],
)
def test_an_answer_that_is_none(fetch: Fetch, server: Server, body: bytes, reason: str) -> None:
    server.answers["/ocsp"] = whole(body)
    assert fetch.reason(asking(server)) == (1, reason)
    assert TrustStore.load(fetch.trust).ocsps == ()
    server.answers["/ocsp"] = whole(answer_about())
    fetch(asking(server))
    server.answers["/ocsp"] = whole(body)
    assert fetch.reason(asking(server)) == (2, reason)


def test_a_delegate_answers(fetch: Fetch, server: Server) -> None:
    delegate = issue("Responder", BELOW, kind="p256", extended=["ocsp_signing"])
    server.answers["/ocsp"] = whole(answer_about(responder=delegate))
    assert fetch.reason(asking(server)) == (1, "undecided")  # nobody knows whether the delegate was revoked
    (fetch.trust / "crl").mkdir()
    (fetch.trust / "crl/below.crl").write_bytes(revocation_list(BELOW, this=NOW - HOUR, following=NOW + DAY))
    (fetch.trust / "crl/root.crl").write_bytes(FRESH)
    code, (check,) = fetch(asking(server))
    assert (code, check["facts"]["status"]) == (0, "good")


def test_a_certificate_that_nobody_vouches_for_is_not_asked_about(fetch: Fetch, server: Server) -> None:
    orphan = issue("Orphan", root("Nobody", kind="p256"), kind="p256")
    (fetch.trust.parent / "leaf.der").write_bytes(orphan.certificate)
    assert fetch.reason(asking(server)) == (1, "chain-unknown")
    assert server.requests == []


def test_tls_that_nobody_vouches_for(fetch: Fetch, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serve(context) as server:
        server.answers["/a.crl"] = whole(FRESH)
        assert fetch.reason(listed(server, "/a.crl")) == (1, "tls")


def test_http_where_https_is_listed(fetch: Fetch, server: Server) -> None:
    sources = listed(server, "/a.crl").replace("http://", "https://")
    assert fetch.reason(sources)[1] in ("tls", "unreachable", "too-slow")


@pytest.mark.parametrize(
    "text",
    [
        "[[crl]]\nurl = 'ftp://a/b'\nauthority = 'signers/root.pem'",
        "[[crl]]\nurl = 'file:///etc/passwd'\nauthority = 'signers/root.pem'",
        "[[crl]]\nurl = 'http://user:pass@a/b'\nauthority = 'signers/root.pem'",
        "[[crl]]\nurl = 'http://a/b#c'\nauthority = 'signers/root.pem'",
        "[[crl]]\nurl = 'http://a/b c'\nauthority = 'signers/root.pem'",
        "[[crl]]\nurl = \"http://a/b\\r\\nX: y\"\nauthority = 'signers/root.pem'",
        "[[crl]]\nurl = 'http://a:99999/'\nauthority = 'signers/root.pem'",
        "[[crl]]\nurl = 'http:///b'\nauthority = 'signers/root.pem'",
        "[[crl]]\nurl = 'http://a/b'",
        "[[crl]]\nurl = 'http://a/b'\nauthority = 'signers/none.pem'",
        "[[crl]]\nurl = 'http://a/b'\nauthority = 'signers/root.pem'\nfollow = true",
        "[[crl]]\nurl = 'http://a/b'\nauthority = 'signers/root.pem'\n" * 2,
        "[[ocsp]]\nurl = 'http://a/b'\ncertificate = 'leaf.der'\nhash = 'md5'",
        "[[ocsp]]\nurl = 'http://a/b'\nauthority = 'leaf.der'",
        "timeout_seconds = 0",
        "largest_mib = 65",
        "crl = 1",
        "url = 'http://a/b'",
        "not toml",
    ],
)
def test_a_sources_file_is_taken_to_the_letter(trust: Path, text: str) -> None:
    file = trust.parent / "sources.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"sources\.toml"):
        read_sources(file, trust)
    assert main(["revocation", "fetch", "--trust", str(trust), "--sources", str(file)]) == 64


def test_a_folder_that_cannot_be_used_is_not_added_to(trust: Path) -> None:
    file = trust.parent / "sources.toml"
    file.write_text("", encoding="utf-8")
    (trust / "signers/bad").write_bytes(b"x")
    assert main(["revocation", "fetch", "--trust", str(trust), "--sources", str(file)]) == 64


def test_what_people_read(fetch: Fetch, server: Server) -> None:
    server.answers["/b.crl"] = whole(FRESH)
    file = fetch.trust.parent / "sources.toml"
    file.write_text(listed(server, "/a.crl", "/b.crl"), encoding="utf-8")
    for language, word in (("zh", "可用至"), ("en", "usable until")):
        fetch.capfd.readouterr()
        arguments = ["revocation", "fetch", "--trust", str(fetch.trust), "--sources", str(file), "--lang", language]
        assert main(arguments) == (1 if language == "zh" else 2)
        assert word in fetch.capfd.readouterr().out
