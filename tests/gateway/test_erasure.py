"""Erasing a document by order: two people, the bytes go, everything else stays and still verifies; and nothing else
passes for an erasure."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import psycopg
import pytest
from house import Paper, next_number, world
from hypothesis import given
from hypothesis import strategies as st
from service import Answered, Service, serve
from stores import file_of
from test_audit_database import Tampering, named, tamper
from test_bundle import life, opened, resealed
from test_evidence_store import audited, config_of, printed
from test_mapping_commands import listening

from adapters.versions import known
from gateway.app import publish_now
from gateway.bundle.verify import Step, outcome_of, verify_bundle
from gateway.cli import main
from gateway.db import create_database
from gateway.erasure.statement import statement_id
from schemas.verification import Check, Outcome

WHO = "SANDBOX-C"
ORDER = {
    "ground": "order",
    "order_no": "（2026）示01行审7号",
    "ordered_by": "示例市中级人民法院",
    "ordered_on": "2026-08-30",
}


async def erase(service: Service, who: str, digest: str, **changes: str) -> Answered:
    path = f"/v1/documents/{digest.removeprefix('sha256:')}?{urlencode(ORDER | changes)}"
    return await service.call(who, "DELETE", path)


async def a_life(service: Service) -> tuple[str, Paper]:
    """A verified premium and its e-policy: its number, and the document."""
    policy_no = await life(service, world().insurer(WHO))
    with psycopg.connect(service.gateway.config.dsn) as connection:
        row = connection.execute("SELECT digest FROM documents").fetchone()
    assert row is not None
    got = await service.call(WHO, "GET", f"/v1/documents/{row[0][7:]}")
    return policy_no, Paper(got.body, got.headers["content-type"])


async def bundled(service: Service, policy_no: str) -> bytes:
    for _ in range(50):
        await publish_now(service.gateway)
        got = await service.call("REGULATOR", "GET", f"/v1/insurers/{WHO}/policies/{policy_no}/evidence")
        if got.status == 200:
            return got.body
        await asyncio.sleep(0.1)
    raise AssertionError(got.body)


def results(steps: list[Step]) -> dict[str, str]:
    return {step.name: step.result for step in steps}


def kept(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT digest, bytes, kept_in FROM documents ORDER BY insurer").fetchall()


@pytest.mark.parametrize("place", ["row", "store"])
def test_the_bytes_go_and_everything_else_stays(dsn: str, tmp_path: Path, place: str, capsysbinary: Any) -> None:
    config = {"evidence_store": f"file://{tmp_path}"} if place == "store" else {}
    made: list[Any] = []

    async def work(service: Service) -> None:
        policy_no, paper = await a_life(service)
        path = f"/v1/documents/{paper.digest[7:]}"
        premium = await service.premium("REGULATOR", world().insurer(WHO), policy_no)
        report = await service.call(WHO, "GET", f"{path}/report")
        service.later(seconds=5)
        first = await erase(service, "OPERATOR", paper.digest)
        assert (first.status, first.json()["status"]) == (202, "proposed")
        assert (await erase(service, "OPERATOR", paper.digest)).json() == first.json()
        assert (await service.call(WHO, "GET", path)).body == paper.content  # nobody has agreed yet
        other = await erase(service, "OPERATOR-2", paper.digest, order_no="another")
        assert (other.status, other.json()["status"]) == (202, "proposed")  # not the same words
        service.later(seconds=5)
        second = await erase(service, "OPERATOR-2", paper.digest)
        assert (second.status, second.json()["status"], second.json()["bytes"]) == (200, "erased", "gone")
        assert (await erase(service, "OPERATOR", paper.digest)).json() == second.json()

        got = await service.call(WHO, "GET", path)
        assert (got.status, got.json()["problems"][0]["rule"]) == (410, "evidence.erased")
        assert (await service.call(WHO, "GET", f"{path}/report")).json() == report.json()
        now = await service.premium("REGULATOR", world().insurer(WHO), policy_no)
        assert now.json() | {"proof": None} == premium.json() | {"proof": None}
        told = (await service.call(WHO, "GET", f"{path}/erasure")).json()
        assert told["erasure"].items() >= ORDER.items()
        assert len(told["asked"]) == 2
        assert (await service.call("SANDBOX-A", "GET", f"{path}/erasure")).status == 404
        listed = (await service.call("REGULATOR", "GET", "/v1/erasures")).json()
        assert [one["document"] for one in listed["items"]] == [paper.digest]
        assert (await service.call("REGULATOR", "GET", f"/v1/erasures?after={paper.digest}")).json()["items"] == []
        assert (await service.call(WHO, "GET", "/v1/erasures")).status == 403

        again = await service.put(world().insurer(WHO), paper)
        assert (again.status, again.json()) == (200, report.json())
        stranger = await service.put(world().insurer("SANDBOX-A"), paper)
        assert (stranger.status, stranger.json()["problems"][0]["rule"]) == (410, "evidence.erased")
        # The life of the premium goes on, and rests on the verdict that stands.
        service.later(seconds=5)
        facts = world().policy(world().insurer(WHO), next_number())
        assert (await service.submit(world().insurer(WHO), facts)).status == 201
        made.extend([paper, await bundled(service, policy_no), service.gateway.config.trust_dir])

    serve(dsn, work, **config)
    paper, bundle, trust_dir = made
    assert kept(dsn) == [(paper.digest, None, "erased")]
    assert not file_of(tmp_path, paper.content).exists()
    with psycopg.connect(dsn) as connection:
        for table in ("document_verdicts", "erasures"):
            query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
            assert connection.execute(query).fetchone() == (1,)

    (told,) = audited(dsn, *config.values())
    assert (told.rule, told.outcome) == ("audit.erased", Outcome.PASSED)
    assert told.facts["order_no"] == ORDER["order_no"]
    path = config_of(dsn, **config)
    assert main(["log", "audit", "--config", path, "--replay", "all", "--json"]) == 0
    lines = printed(capsysbinary)
    assert [one.get("rule") for one in lines] == ["audit.erased", None]
    assert lines[-1]["findings"] == 0
    assert main(["store", "check", "--config", path, "--read", "--json"]) == 0

    _, steps = verify_bundle(bundle, trust_dir)
    gone = {"entries", "seals"}
    assert results(steps) == {name: "erased" if name in gone else result for name, result in results(steps).items()}
    assert {name for name, result in results(steps).items() if result not in ("recomputed", "equal")} == gone
    assert outcome_of(steps) is Outcome.INDETERMINATE  # not passed: the seals were not judged again
    words = next(step.detail for step in steps if step.name == "seals")
    assert ORDER["order_no"] in words[0]
    assert ORDER["ordered_on"] in words[0]
    files = opened(bundle)
    assert not [name for name in files if name.startswith("documents/") and name.endswith("/bytes")]
    assert ORDER["order_no"] in files["cover.html"].decode()


def test_an_erasure_that_the_log_does_not_know_passes_nowhere(dsn: str) -> None:
    """Whoever has the log's key cannot make a bundle in which a document is missing by order, without its leaf."""
    made: list[Any] = []

    async def work(service: Service) -> None:
        policy_no, paper = await a_life(service)
        made.extend([await bundled(service, policy_no), service.gateway.config.trust_dir])
        for who in ("OPERATOR", "OPERATOR-2"):
            await erase(service, who, paper.digest)
        made.append(await bundled(service, policy_no))

    serve(dsn, work)
    bundle, trust_dir, after = made
    assert outcome_of(verify_bundle(bundle, trust_dir)[1]) is Outcome.PASSED
    files = dict(opened(bundle))
    (paper,) = (name for name in files if name.endswith("/document.json"))
    told = orjson.loads(opened(after)[paper])["erased"]
    files[paper] = orjson.dumps(orjson.loads(files[paper]) | {"erased": told})
    del files[paper.replace("document.json", "bytes")]
    assert outcome_of(verify_bundle(resealed(files), trust_dir)[1]) is Outcome.FAILED
    files = dict(opened(after))  # the leaf is there: what it says cannot be told otherwise, nor the bytes put back
    files[paper] = orjson.dumps(orjson.loads(files[paper]) | {"erased": told | {"order_no": "another"}})
    assert outcome_of(verify_bundle(resealed(files), trust_dir)[1]) is Outcome.FAILED
    files = dict(opened(after))
    place = paper.replace("document.json", "bytes")
    files[place] = opened(bundle)[place]
    assert outcome_of(verify_bundle(resealed(files), trust_dir)[1]) is Outcome.FAILED


def test_who_may_not_and_what_is_not_enough(dsn: str) -> None:
    async def work(service: Service) -> None:
        paper = Paper(b"%PDF-1.7 to go", "application/pdf")
        assert (await service.put(world().insurer(WHO), paper)).status == 201
        for who in (WHO, "REGULATOR", "SUBSIDY"):
            assert (await erase(service, who, paper.digest)).status == 403
        assert (await erase(service, "OPERATOR", "sha256:" + "0" * 64)).status == 404
        for name in ORDER:
            given = urlencode({key: value for key, value in ORDER.items() if key != name})
            got = await service.call("OPERATOR", "DELETE", f"/v1/documents/{paper.digest[7:]}?{given}")
            assert got.status == 400, name
        for wrong in ({"ground": "whim"}, {"order_no": ""}, {"order_no": "a\nb"}, {"ordered_on": "soon"}):
            assert (await erase(service, "OPERATOR", paper.digest, **wrong)).status == 400
        for wrong, reason in (
            ({"ground": "retention"}, "too-early"),
            ({"ordered_on": "2026-09-02"}, "not-yet-ordered"),
        ):
            got = await erase(service, "OPERATOR", paper.digest, **wrong)
            assert got.status == 422
            assert [(one["rule"], one["reason"]) for one in got.json()["problems"]] == [("erasure.ground", reason)]
        assert (await erase(service, "OPERATOR", paper.digest)).status == 202
        # Ten years and a day after the last use nobody's order is needed.
        service.later(days=3654)
        for who, status in (("OPERATOR", 202), ("OPERATOR-2", 200)):
            got = await erase(service, who, paper.digest, ground="retention", ordered_by="本单位档案鉴定小组")
            assert got.status == status, got.body

    serve(dsn, work)
    assert [row[2] for row in kept(dsn)] == ["erased"]


@given(*(st.text(min_size=1, max_size=20).filter(str.isprintable) for _ in range(4)))
def test_a_statement_is_one_for_one_order(no: str, by: str, other_no: str, other_by: str) -> None:
    one = statement_id("sha256:x", "order", no, by, "2026-01-01")
    other = statement_id("sha256:x", "order", other_no, other_by, "2026-01-01")
    assert (one == other) == ((no, by) == (other_no, other_by))


def test_while_the_store_is_down_the_erasure_stands_and_the_bytes_go_later(
    dsn: str, tmp_path: Path, capsysbinary: Any
) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    store, paper = f"file://{folder}", Paper(b"%PDF-1.7 to go later", "application/pdf")

    async def work(service: Service) -> None:
        assert (await service.put(world().insurer(WHO), paper)).status == 201
        assert (await service.put(world().insurer("SANDBOX-A"), paper)).status == 201
        await erase(service, "OPERATOR", paper.digest)
        folder.rename(tmp_path / "away")
        assert (await erase(service, "OPERATOR-2", paper.digest)).json()["bytes"] == "pending"
        (tmp_path / "away").rename(folder)
        got = await service.call(WHO, "GET", f"/v1/documents/{paper.digest[7:]}")
        assert got.status == 410  # they are nobody's to read already

    serve(dsn, work, evidence_store=store)
    assert kept(dsn) == [(paper.digest, None, "erased")] * 2
    assert file_of(folder, paper.content).exists()
    found = named([one for one in audited(dsn, store) if one.outcome is not Outcome.PASSED])
    assert found == {("audit.evidence", "still-there", "documents")}
    config = config_of(dsn, evidence_store=store)
    assert main(["store", "check", "--config", config, "--json"]) == 1
    assert main(["store", "check", "--config", config, "--json", "--finish"]) == 0
    assert printed(capsysbinary)[-1] == {"outcome": {}, "removed": 1}
    assert not file_of(folder, paper.content).exists()
    assert [one.rule for one in audited(dsn, store)] == ["audit.erased"]


def test_two_operators_erase_from_the_shell(dsn: str, tmp_path: Path, capsysbinary: Any) -> None:
    paper = Paper(b"%PDF-1.7 from the shell", "application/pdf")

    async def work(service: Service) -> None:
        assert (await service.put(world().insurer(WHO), paper)).status == 201

    serve(dsn, work)
    keys = {"OPERATOR": world().operator.request_key, "OPERATOR-2": world().second_operator.request_key}
    order = ["--ground", "order", "--order-no", "7", "--ordered-by", "法院", "--ordered-on", "2026-08-30"]
    with listening(dsn, known()) as url:
        for (code, key), status in zip(keys.items(), (2, 0), strict=True):
            (tmp_path / f"{code}.pem").write_bytes(key.pem)
            asking = ["--as", code, "--key", str(tmp_path / f"{code}.pem"), "--keyid", key.keyid, "--url", url]
            assert main(["document", "erase", paper.digest, *order, *asking]) == status
        assert main(["document", "erase", "x", *order, *asking]) == 64
    assert [one["status"] for one in printed(capsysbinary)] == ["proposed", "erased"]


async def _erased(service: Service) -> None:
    _, paper = await a_life(service)
    service.later(seconds=5)
    for who in ("OPERATOR", "OPERATOR-2"):
        assert (await erase(service, who, paper.digest)).status in (200, 202)
    assert (await service.put(world().insurer(WHO), Paper(b"%PDF-1.7 stays", "application/pdf"))).status == 201
    await publish_now(service.gateway)


@pytest.fixture(scope="module")
def populated(postgres: str) -> Iterator[str]:
    """A database in which one document was erased and one was not."""
    name = f"erased_{os.getpid()}"
    serve(create_database(postgres, name, template="template_migrated"), _erased)
    yield name
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


@pytest.fixture
def copy(postgres: str, populated: str) -> Iterator[str]:
    name = f"erasedcopy_{os.getpid()}_{next_number()}"
    yield create_database(postgres, name, template=populated)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


_STAYS = "WHERE kept_in IS NULL"
_FORGED = "'\"' || repeat('A', 86) || '==\"'"
TAMPERINGS = (
    Tampering(
        "a document made to look erased",
        "documents",
        f"UPDATE documents SET bytes = NULL, kept_in = 'erased' {_STAYS}",
        "audit.rows",
        "missing",
    ),
    Tampering(
        "a document made to look stored",
        "documents",
        f"UPDATE documents SET bytes = NULL, kept_in = 'store' {_STAYS}",
        "audit.evidence",
        "lost",
    ),
    Tampering("an erasure taken back", "erasures", "DELETE FROM erasures", "audit.rows", "missing"),
    Tampering(
        "an erasure that nobody logged",
        "erasures",
        "INSERT INTO erasures SELECT d.digest, e.proposal || 'x', e.erased_at, e.participant, e.keyid, e.holder, "
        "e.request, e.leaf_index + 1 FROM erasures e, documents d WHERE d.kept_in IS NULL",
        "audit.rows",
        "added",
    ),
    Tampering(
        "who agreed",
        "erasures",
        f"UPDATE erasures SET request = jsonb_set(request, '{{signature}}', ({_FORGED})::jsonb)",
        "audit.rows",
        "unsigned",
    ),
    Tampering(
        "another name for who agreed",
        "erasures",
        "UPDATE erasures SET holder = holder || '二'",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "another name for who asked",
        "erasure_proposals",
        "UPDATE erasure_proposals SET holder = holder || '二'",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "one person for two",
        "erasures",
        "UPDATE erasures e SET (participant, keyid, holder, request) = "
        "(SELECT p.participant, p.keyid, p.holder, p.request FROM erasure_proposals p WHERE p.id = e.proposal)",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "the order that it rests on",
        "erasure_proposals",
        "UPDATE erasure_proposals SET order_no = 'another'",
        "audit.rows",
        "changed",
    ),
    Tampering(
        "bytes put back",
        "documents",
        "UPDATE documents SET bytes = 'x', kept_in = NULL WHERE kept_in = 'erased'",
        "audit.rows",
        "changed",
    ),
)


@pytest.mark.parametrize("one", TAMPERINGS, ids=[one.what.replace(" ", "-") for one in TAMPERINGS])
def test_what_is_no_erasure_is_found_and_named(copy: str, one: Tampering) -> None:
    tamper(copy, one)
    found: list[Check] = [check for check in audited(copy) if check.outcome is not Outcome.PASSED]
    assert (one.rule, one.reason) in {name[:2] for name in named(found)}, found


REFUSED = (
    "DELETE FROM erasures",
    "UPDATE erasures SET erased_at = now()",
    "UPDATE erasure_proposals SET holder = 'x'",
    "UPDATE documents SET bytes = 'x', kept_in = NULL WHERE kept_in = 'erased'",
    "UPDATE documents SET bytes = NULL, kept_in = 'erased' WHERE kept_in IS NULL",
    "INSERT INTO documents SELECT digest, 'SANDBOX-A', media_type, size, 'x', received_at, request FROM documents "
    "WHERE kept_in = 'erased'",
    # One person's two hands.
    "INSERT INTO erasure_proposals SELECT 'p', (SELECT digest FROM documents WHERE kept_in IS NULL), ground, order_no, "
    "ordered_by, ordered_on, proposed_at, participant, keyid, holder, request FROM erasure_proposals LIMIT 1; "
    "INSERT INTO erasures SELECT document, id, now(), participant, keyid || 'x', holder, request, 9999 "
    "FROM erasure_proposals WHERE id = 'p'",
)


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_takes_no_other_erasure(copy: str, statement: str) -> None:
    with psycopg.connect(copy, autocommit=True) as connection, pytest.raises(psycopg.errors.IntegrityError):
        connection.execute(statement.encode())
    assert [one.rule for one in audited(copy)] == ["audit.erased"]


def test_hand_ins_while_it_is_erased_leave_nothing_behind(dsn: str, tmp_path: Path) -> None:
    paper = Paper(b"%PDF-1.7 a race", "application/pdf")

    async def work(service: Service) -> None:
        assert (await service.put(world().insurer(WHO), paper)).status == 201
        assert (await erase(service, "OPERATOR", paper.digest)).status == 202
        service.later(seconds=1)
        others = [world().insurer(f"SANDBOX-{letter}") for letter in "ABD"] * 3
        calls = [service.put(one, paper) for one in others]
        calls.insert(4, erase(service, "OPERATOR-2", paper.digest))
        got = await asyncio.gather(*calls)
        assert {one.status for one in got} <= {200, 201, 410}
        assert (await erase(service, "OPERATOR-2", paper.digest)).json()["bytes"] == "gone"

    serve(dsn, work, evidence_store=f"file://{tmp_path}")
    assert {row[1:] for row in kept(dsn)} == {(None, "erased")}
    assert not file_of(tmp_path, paper.content).exists()
    assert {one.rule for one in audited(dsn, f"file://{tmp_path}")} == {"audit.erased"}
