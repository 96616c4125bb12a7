"""Registries that are polled: what is whole is taken, what ends too much is held for two people, all else is told."""

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from filing_people import confirm, get, participants_file
from filing_source import Handler, Misdeed, Source, answer, cut, drip, flood, hang, listening
from house import AT, registered, world
from service import Service, provisioned
from service import serve as serve_gateway

from gateway.app import build, publish_now
from gateway.audit.run import Database, audit
from gateway.commands.audit import log_keys
from gateway.config import load_config
from gateway.errors import Misconfigured
from gateway.filing import store
from gateway.filing.check import check_filing
from gateway.filing.sources.ask import MEDIA_TYPE
from gateway.filing.sources.poll import Poller, rest
from gateway.filing.sources.ready import read_sources
from sandbox.filings import REGISTRY
from sandbox.keys import make_key
from schemas.policy import Policy
from schemas.verification import Check, Outcome
from signing.signer import load_signer

KNOWN: list[dict[str, Any]] = json.loads(world().registry_json())["filings"]
KEY = make_key(12, "source", "ed25519")
SIGNER = load_signer(KEY.pem, keyid="registry-2026")
OTHER = load_signer(make_key(12, "stranger", "ed25519").pem, keyid="registry-2026")


class Bench:
    """A service, a source, and a poller that asks it when the test says so."""

    def __init__(self, service: Service, source: Source, poller: Poller) -> None:
        self.service, self.source, self.poller = service, source, poller

    async def poll(self, **later: float) -> Check:
        """Ask it now, or later."""
        self.service.later(**(later or {"hours": 2}))
        (check,) = await self.poller.look(self.service.gateway.pool)
        return check

    async def known(self) -> int:
        """How many filings are stated."""
        async with self.service.gateway.pool.connection() as connection:
            return len(await store.load(connection))

    async def told(self) -> dict[str, Any]:
        """What is told of the source."""
        (item,) = (await get(self.service, "/v1/filings/sources"))["items"]
        assert isinstance(item, dict)
        return item


def configured(url: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "platform",
        "registry": REGISTRY,
        "url": url,
        "response_keyid": "registry-2026",
        "response_key": base64.b64encode(KEY.spki).decode(),
        **changes,
    }


def bench(
    dsn: str,
    work: Callable[[Bench], Awaitable[None]],
    *,
    source: dict[str, Any] | None = None,
    tls: ssl.SSLContext | None = None,
    **changes: Any,
) -> None:
    async def run(service: Service) -> None:
        made = {"filings": KNOWN, "registry": REGISTRY, "clock": lambda: service.now, "signer": SIGNER}
        with listening(Source(**(made | (source or {}))), tls) as fake:
            how = {name: changes.pop(name) for name in ("filing_two_people",) if name in changes}
            settings = load_config(
                provisioned().config,
                {},
                dsn=dsn,
                participants=participants_file(),
                filing_sources=[configured(fake.url, **changes)],
                **how,
            )
            service.gateway = build(settings, lambda: service.now)
            async with service.gateway.pool:
                service.app.state.gateway = service.gateway
                await work(Bench(service, fake, Poller(service.gateway)))

    serve_gateway(dsn, run, participants=participants_file())


def test_all_pages_are_taken_and_asked_for_again_only_if_something_changed(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        taken = await bench.poll()
        assert (taken.outcome, taken.facts["change"], taken.facts["added"]) == (Outcome.PASSED, "taken", len(KNOWN))
        assert await bench.known() == len(KNOWN)
        assert len(bench.source.asked) == -(-len(KNOWN) // 5)
        first = bench.source.asked[0][1]
        assert "if-none-match" not in first
        assert {"signature", "signature-input"} <= first.keys()
        again = await bench.poll()
        assert again.facts["change"] == "unchanged"
        assert bench.source.asked[-1][1]["if-none-match"] == bench.source.etag()
        assert await bench.poller.look(bench.service.gateway.pool) == []  # not due

        bench.source.state(KNOWN, "2026-09-01")  # nothing else, as of a new day
        assert (await bench.poll()).facts["change"] == "taken"
        told = await bench.told()
        assert (told["as_of"], told["age_days"], told["stale"]) == ("2026-09-01", 0, False)
        assert (told["name"], told["failures"], told["last_failure"], told["held"]) == ("platform", 0, None, None)
        assert told["last_success"] == bench.service.now.isoformat().replace("+00:00", "Z")

        history = await get(bench.service, f"/v1/filings/{KNOWN[0]['registration_no']}/history")
        assert history["items"][0]["file"]["sender"] == "source/platform"
        assert history["items"][0]["file"]["media_type"] == MEDIA_TYPE
        await publish_now(bench.service.gateway)
        gateway = bench.service.gateway
        database = Database(dsn, gateway.config.participants)
        found = await asyncio.to_thread(
            lambda: list(audit(database, log_keys(gateway), jobs=1, progress=lambda done, of: None))
        )
        assert found == []

    bench(dsn, work)


def _redirect(_: Source, handler: Handler) -> None:
    answer(handler, 302, b"", location="http://127.0.0.1:1/")


def _unasked(_: Source, handler: Handler) -> None:
    answer(handler, 304, b"")


def _strange(source: Source, handler: Handler) -> None:
    answer(handler, 200, source.body(None), signer=OTHER)


def _for_another(source: Source, handler: Handler) -> None:
    answer(handler, 200, source.body(None), target="http://elsewhere.example/")


def _packed(source: Source, handler: Handler) -> None:
    answer(handler, 200, source.body(None), content_encoding="gzip")


def _altered(source: Source, handler: Handler) -> None:
    """Somebody on the way changes a rate, and the digest to match: what was signed is no longer there."""

    class Tampered:
        def __init__(self) -> None:
            self.out = handler.wfile

        def write(self, data: bytes) -> int:
            return self.out.write(data.replace(b'"rate_max_percent": "3"', b'"rate_max_percent": "9"'))

    real, handler.wfile = handler.wfile, Tampered()
    try:
        answer(handler, 200, source.body(None))
    finally:
        handler.wfile = real


MISDEEDS: tuple[tuple[Misdeed, str], ...] = (
    (cut, "cut-off"),
    (flood, "too-large"),
    (_redirect, "redirected"),
    (_unasked, "unasked"),
    (_strange, "not-signed"),
    (_for_another, "not-signed"),
    (_altered, "not-signed"),
    (_packed, "compressed"),
    (lambda _, handler: answer(handler, 200, b"<html>"), "not-a-page"),
    (lambda _, handler: answer(handler, 200, b"[1"), "not-a-page"),
    (lambda _, handler: answer(handler, 200, b'{"next": 7}'), "not-a-page"),
    (lambda _, handler: answer(handler, 503, b""), "status"),
    (lambda _, handler: handler.connection.sendall(b"HELLO\r\n"), "cut-off"),
)


async def _is_told(bench: Bench, misdeeds: tuple[tuple[Misdeed, str], ...]) -> None:
    for failures, (misdeed, reason) in enumerate(misdeeds, 1):
        bench.source.misdeed = misdeed
        check = await bench.poll()
        assert (check.rule, check.reason) == ("filing-source.answer", reason), check
        told = await bench.told()
        assert (told["failures"], told["last_failure"]["reason"]) == (failures, reason)
        assert told["last_failure"]["detail"]
        assert (told["last_success"], told["stale"], told["as_of"]) == (None, True, None)
    assert await bench.known() == 0


def test_what_is_no_answer_changes_nothing_and_is_told(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        await _is_told(bench, MISDEEDS)
        bench.source.misdeed = None
        assert (await bench.poll()).outcome is Outcome.PASSED
        told = await bench.told()
        assert told["failures"] == 0
        assert told["last_failure"]["at"] < told["last_success"]

    bench(dsn, work, largest_mib=1)


def test_who_answers_too_slowly_does_not_keep_anybody(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        await _is_told(bench, ((hang, "too-slow"), (drip, "too-slow")))

    bench(dsn, work, timeout_seconds=0.3)


def _loop(page: dict[str, Any]) -> None:
    page["next"] = "0"


def _miscount(page: dict[str, Any]) -> None:
    page["count"] += 1


def _misdigest(page: dict[str, Any]) -> None:
    page["digest"] = "sha256:" + "0" * 64


def _another_day(page: dict[str, Any]) -> None:
    if page["next"] is None:
        page["as_of"] = "2026-08-30"


def _extra(page: dict[str, Any]) -> None:
    page["total"] = 1


def _bare_list(page: dict[str, Any]) -> None:
    page["filings"] = {}


def _cut_short(page: dict[str, Any]) -> None:
    page["next"] = None


FLAWS: tuple[tuple[Callable[[dict[str, Any]], None], str], ...] = (
    (_miscount, "count-differs"),
    (_misdigest, "digest-differs"),
    (_another_day, "differ"),
    (_extra, "not-a-page"),
    (_bare_list, "not-the-whole"),
    (_cut_short, "count-differs"),
)
STATED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"registry": "另一登记机构"}, "several"),
    ({"as_of": "2026-09-30"}, "in-future"),
    ({"filings": [KNOWN[0], KNOWN[0]]}, "duplicate"),
    ({"filings": [{**KNOWN[0], "line": "motor"}]}, "invalid"),
)


def test_pages_that_are_not_one_whole_statement_are_refused(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        for change, reason in FLAWS:
            bench.source.change = change
            check = await bench.poll()
            assert (check.reason, [one["reason"] for one in check.facts["problems"]]) == ("file-refused", [reason])
        bench.source.change = _loop
        assert (await bench.poll()).reason == "page-loop"
        bench.source.change = None
        good = {name: getattr(bench.source, name) for name in ("registry", "as_of", "filings")}
        for stated, reason in STATED:
            for name, value in (good | stated).items():
                setattr(bench.source, name, value)
            check = await bench.poll()
            assert (check.reason, [one["reason"] for one in check.facts["problems"]]) == ("file-refused", [reason])
        assert await bench.known() == 0

    bench(dsn, work)


def test_an_older_statement_does_not_undo_a_later_one(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.poll()
        bench.source.state(KNOWN, "2026-08-30")
        check = await bench.poll()
        assert [one["reason"] for one in check.facts["problems"]] == ["later-known"]

    bench(dsn, work)


def test_what_ends_too_much_at_once_waits_for_two_people(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.poll()
        bench.source.state([], "2026-09-01")
        assert (await bench.poll()).reason == "shrunken"  # nothing at all is a statement too
        shrunken = KNOWN[:4]
        bench.source.state(shrunken, "2026-09-01")
        check = await bench.poll()
        assert (check.rule, check.reason) == ("filing-source.held", "shrunken")
        assert await bench.known() == len(KNOWN)
        held = (await bench.told())["held"]
        assert check.facts["proposal"] == f"sha256:{held}"
        shown = await get(bench.service, f"/v1/filings/proposals/{held}")
        assert (shown["source"], shown["proposed_by"], shown["needs"]) == ("platform", None, 2)
        assert [one["reason"] for one in shown["held_for"]] == ["shrunken"]
        assert shown["counts"]["ended"] == len(KNOWN) - 4
        assert (await bench.poll()).facts["proposal"] == f"sha256:{held}"  # the same, once

        first = await confirm(bench.service, "ANNA", held)
        assert (first.status, first.json()["needs"], await bench.known()) == (202, 1, len(KNOWN))
        alone = await confirm(bench.service, "ANNA-2", held)
        assert alone.json()["problems"][0]["reason"] == "same-person"
        second = await confirm(bench.service, "BERT", held)
        assert (second.status, second.json()["state"]) == (201, "effective")
        assert await bench.known() == 4
        assert (await bench.poll()).facts["change"] == "unchanged"
        assert (await bench.told())["held"] is None

    bench(dsn, work)


def test_what_is_stopped_counts_as_ended_and_a_source_may_take_it_back(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.poll()
        stopped = [{**one, "intervals": [{"state": "withdrawn", "from": "2026-01-01"}]} for one in KNOWN]
        bench.source.state(stopped, "2026-09-01")
        first = (await bench.poll()).facts["proposal"]
        bench.source.state(stopped[:-1], "2026-09-01")
        second = (await bench.poll()).facts["proposal"]
        assert first != second
        bench.source.state(KNOWN, "2026-08-31")  # what it said before: it has not changed, it says
        assert (await bench.poll()).facts["change"] == "unchanged"
        listed = (await get(bench.service, "/v1/filings/proposals"))["items"]
        assert [one["state"] for one in listed] == ["superseded", "superseded"]
        refused = await confirm(bench.service, "ANNA", listed[0]["id"])
        assert refused.json()["problems"][0]["reason"] == "superseded"
        few = [one if at else stopped[0] for at, one in enumerate(KNOWN)]
        bench.source.state(few, "2026-09-01")
        assert (await bench.poll()).facts["change"] == "taken"

    bench(dsn, work, most_ended_percent=20)


def test_where_two_people_are_always_asked_for_a_source_alone_only_moves_the_day(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        check = await bench.poll()
        assert (check.reason, await bench.known()) == ("two-people", 0)
        held = (await bench.told())["held"]
        for who in ("ANNA", "BERT"):
            await confirm(bench.service, who, held)
        assert await bench.known() == len(KNOWN)
        bench.source.state(KNOWN, "2026-09-01")
        assert (await bench.poll()).facts["change"] == "taken"
        assert (await bench.told())["as_of"] == "2026-09-01"

    bench(dsn, work, filing_two_people=True)


def test_a_source_that_is_silent_goes_stale_and_nothing_passes_by_it(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.poll()
        bench.source.misdeed = hang
        insurer = world().insurer("SANDBOX-A")
        policy = Policy.model_validate(world().policy(insurer, 1).body)
        for days, outcome in ((0, Outcome.PASSED), (60, Outcome.INDETERMINATE)):
            if days:
                await bench.poll(days=days)
            async with bench.service.gateway.pool.connection() as connection:
                registry = await store.load(connection)
            company = registered().find(insurer.code)
            assert company is not None
            checks = check_filing(
                policy,
                insurer=insurer.code,
                company_code=company.company_code,
                registry=registry,
                at=bench.service.now,
                max_age_days=45,
            )
            assert {one.outcome for one in checks if one.rule == "filing.registered"} == {outcome}
            assert (await bench.told())["stale"] is (days > 0)

    bench(dsn, work, timeout_seconds=0.3)


def test_only_one_process_asks_at_a_time_and_not_again_before_it_is_due(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        others = [Poller(bench.service.gateway) for _ in range(4)]
        bench.service.later(hours=1)
        found = await asyncio.gather(*(one.look(bench.service.gateway.pool) for one in others))
        assert sorted(map(len, found)) == [0, 0, 0, 1]
        assert len([path for path, _ in bench.source.asked if "cursor" not in path]) == 1

    bench(dsn, work)


def test_a_tag_is_of_use_only_while_what_is_known_is_what_it_names(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        await bench.poll()
        single = [{**KNOWN[0], "rate_max_percent": "2"}]
        body = json.dumps(single).encode()
        pushed = await bench.service.call("REGULATOR", "PUT", "/v1/filings", body, {"content-type": "application/json"})
        assert pushed.status == 200
        assert (await bench.poll()).facts["change"] == "taken"  # asked for whole, and the source's word counts again
        async with bench.service.gateway.pool.connection() as connection:
            (found,) = (await store.load(connection)).find(KNOWN[0]["registration_no"])
        assert found.rate_max_percent == "3"

    bench(dsn, work)


def test_credentials_are_read_each_time(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "token"

    async def work(bench: Bench) -> None:
        assert (await bench.poll()).reason == "not-ready"
        file.write_text("wrong\n")
        assert (await bench.poll()).reason == "status"
        file.write_text("right\n")
        assert (await bench.poll()).outcome is Outcome.PASSED

    bench(dsn, work, source={"token": "right"}, bearer_file=str(file))


def _certificate(folder: Path, name: str) -> tuple[str, str]:
    """A certificate that vouches for itself, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}-key.pem").write_bytes(pem)
    return str(folder / f"{name}.pem"), str(folder / f"{name}-key.pem")


def test_both_ends_may_show_certificates(dsn: str, tmp_path: Path) -> None:
    theirs, ours, strange = (_certificate(tmp_path, name) for name in ("source", "gateway", "stranger"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*theirs)
    context.load_verify_locations(ours[0])
    context.verify_mode = ssl.CERT_REQUIRED

    async def work(bench: Bench) -> None:
        for certificate in (strange, ours):
            for path, content in zip((shown, kept), map(Path, certificate), strict=True):
                path.write_bytes(content.read_bytes())
            check = await bench.poll()
            assert (check.outcome is Outcome.PASSED) == (certificate is ours), check
        trusted.write_bytes(Path(strange[0]).read_bytes())
        assert (await bench.poll()).reason == "tls"

    shown, kept, trusted = tmp_path / "shown.pem", tmp_path / "kept.pem", tmp_path / "trusted.pem"
    trusted.write_bytes(Path(theirs[0]).read_bytes())
    bench(dsn, work, tls=context, certificate=str(shown), private_key=str(kept), ca=str(trusted))


def test_what_is_said_to_be_unsigned_needs_no_signature(dsn: str) -> None:
    async def work(bench: Bench) -> None:
        assert (await bench.poll()).outcome is Outcome.PASSED
        assert (await bench.told())["signed"] is False

    bench(dsn, work, source={"signer": None}, unsigned=True, response_key=None, response_keyid=None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"unsigned": True}, "unsigned = true"),
        ({"response_key": None, "response_keyid": None}, "unsigned = true"),
        ({"response_keyid": None}, "belong together"),
        ({"certificate": "a.pem"}, "belong together"),
        ({"response_key": "AAAA"}, "response_key"),
        ({"url": "http://registry.example/", "bearer_file": "token"}, "https only"),
        ({"url": "ftp://registry.example/"}, "url"),
        ({"name": "A b"}, "name"),
    ],
)
def test_a_source_that_cannot_be_trusted_is_not_configured(changes: dict[str, Any], says: str) -> None:
    stated = configured("https://registry.example/filings") | changes
    with pytest.raises(Misconfigured, match=says):
        read_sources(load_config(None, {}, filing_sources=[stated]))
    with pytest.raises(Misconfigured, match="two sources"):
        read_sources(load_config(None, {}, filing_sources=[configured("https://a.example/")] * 2))


def test_a_source_rests_longer_after_each_failure_and_never_longer_than_usual() -> None:
    assert [rest(failures, 3600) for failures in (1, 2, 3, 8, 50)] == [30, 60, 120, 3600, 3600]
    assert rest(9, 10) == 10


def test_the_service_polls_by_itself(dsn: str) -> None:
    async def work(service: Service) -> None:
        for _ in range(200):
            told = (await get(service, "/v1/filings/sources"))["items"]
            if told and told[0]["last_success"]:
                break
            await asyncio.sleep(0.05)
        assert told[0]["as_of"] == "2026-08-31"

    with listening(Source(KNOWN, REGISTRY, lambda: AT, SIGNER)) as fake:
        serve_gateway(dsn, work, filing_sources=[configured(fake.url)])
