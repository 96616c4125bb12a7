"""Documents in a store beside the database: on disk and in a real S3 server, down, slow, killed, damaged, moved.

Run as a script it hands a document in and is killed between the store and the commit.
"""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import obstore
import orjson
import psycopg
import pytest
from house import AT, Paper, e_policy, judges, naming, next_number, registered_as, world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import Service, provisioned, serve
from stores import bucket, environment, file_of, key_of, s3_server, silent_s3

from gateway.app import build, publish_now
from gateway.audit.run import Database, audit
from gateway.blobs.evidence import Evidence, Kept, open_evidence
from gateway.blobs.move import move
from gateway.blobs.objects import Damaged, Objects, StoreDown
from gateway.bundle.verify import outcome_of, verify_bundle
from gateway.cli import main
from gateway.commands.audit import log_keys
from gateway.config import load_config
from gateway.db import Connection, new_pool
from gateway.errors import Misconfigured
from gateway.submissions.hand_in import hand_in
from sandbox.insurers import Insurer
from schemas.verification import Check, Outcome

WHO = "SANDBOX-C"


@pytest.fixture(scope="module", autouse=True)
def s3() -> Iterator[None]:
    with s3_server():
        yield


def a_paper(content: bytes | None = None) -> tuple[Insurer, Any, Paper]:
    insurer = world().insurer(WHO)
    facts = world().policy(insurer, next_number())
    return insurer, facts, Paper(content, insurer.media_type) if content else e_policy(insurer, facts)


def documents(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("SELECT digest, size, bytes, kept_in, sm3 FROM documents ORDER BY digest").fetchall()


def audited(dsn: str, *stores: str) -> list[Check]:
    gateway = build(load_config(provisioned().config, {}, dsn=dsn))
    database = Database(dsn, gateway.config.participants, stores=stores, store_timeout=2.0)
    return list(audit(database, log_keys(gateway), jobs=1, progress=lambda done, of: None))


def config_of(dsn: str, **more: str) -> str:
    """A file that commands can be given."""
    lines = provisioned().config.read_text("utf-8").splitlines()
    lines = [line for line in lines if line.split(" ")[0] not in {"dsn", *more}]
    more = {"dsn": dsn, "evidence_store_timeout_seconds": "2"} | more
    stated = [
        f"{name} = {value if value.isdecimal() else orjson.dumps(value).decode()}" for name, value in more.items()
    ]
    file = provisioned().config.parent / f"store-{os.getpid()}-{next_number()}.toml"
    file.write_text("\n".join([*stated, *lines]) + "\n", encoding="utf-8")
    return str(file)


def printed(captured: Any) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in captured.readouterr().out.splitlines()]


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_a_premium_rests_on_a_document_in_a_store(dsn: str, tmp_path: Path, kind: str) -> None:
    store = f"file://{tmp_path}" if kind == "file" else "s3://evidence/documents"
    insurer, facts, paper = a_paper()

    async def work(service: Service) -> None:
        await service.push_filings()
        assert (await service.submit(insurer, naming(facts, "policy", paper))).status == 201
        assert (await service.put(insurer, paper)).status == 201
        assert (await service.put(insurer, paper)).status == 200
        path = f"/v1/documents/{paper.digest[7:]}"
        assert (await service.call(insurer.code, "GET", path)).body == paper.content
        assert (await service.call("REGULATOR", "GET", path)).body == paper.content
        service.later(seconds=5)
        got = await service.submit(insurer, world().receipt(facts))
        assert got.json()["premiums"][0]["status"] == "verified", got.body
        address = f"/v1/insurers/{insurer.code}/policies/{facts.policy_no}/evidence"
        for _ in range(50):
            await publish_now(service.gateway)
            got = await service.call("REGULATOR", "GET", address)
            if got.status == 200:
                break
            await asyncio.sleep(0.1)
        _, steps = verify_bundle(got.body, service.gateway.config.trust_dir)
        assert outcome_of(steps) is Outcome.PASSED, steps

    serve(dsn, work, evidence_store=store)
    ((digest, size, row_bytes, kept_in, sm3),) = documents(dsn)
    assert (digest, size, row_bytes, kept_in) == (paper.digest, len(paper.content), None, "store")
    assert len(sm3) == 64
    if kind == "file":
        assert file_of(tmp_path, paper.content).read_bytes() == paper.content
    else:
        assert bytes(obstore.get(bucket(), key_of(paper.content)).bytes()) == paper.content
    assert audited(dsn, store) == []
    assert main(["store", "check", "--config", config_of(dsn, evidence_store=store), "--read", "--json"]) == 0


def spoil(kind: str, how: str, folder: Path, content: bytes) -> None:
    """What a disk, or somebody with access to it, does to an object."""
    changed = {"lost": None, "cut": content[:-1], "corrupted": content[:9] + b"X" + content[10:]}[how]
    if kind == "s3":
        if changed is None:
            obstore.delete(bucket(), key_of(content))
        else:
            obstore.put(bucket(), key_of(content), changed)
        return
    file = file_of(folder, content)
    if changed is None:
        file.unlink()
    else:
        file.write_bytes(changed)


@pytest.mark.parametrize("how", ["lost", "cut", "corrupted"])
@pytest.mark.parametrize("kind", ["file", "s3"])
def test_a_damaged_object_is_refused_by_name_and_never_judged(
    dsn: str, tmp_path: Path, kind: str, how: str, capsysbinary: Any
) -> None:
    store = f"file://{tmp_path}" if kind == "file" else "s3://evidence/documents"
    insurer, _, paper = a_paper()

    async def work(service: Service) -> None:
        assert (await service.put(insurer, paper)).status == 201
        spoil(kind, how, tmp_path, paper.content)
        path = f"/v1/documents/{paper.digest[7:]}"
        got = await service.call(insurer.code, "GET", path)
        assert got.status == 503
        assert [(one["rule"], one["reason"]) for one in got.json()["problems"]] == [("evidence.store", how)]
        assert "retry-after" not in got.headers
        report = await service.call(insurer.code, "GET", f"{path}/report")
        assert report.json()["report"]["outcome"] == "passed"  # the verdict on what was handed in stands
        assert (await service.put(insurer, paper)).json() == report.json()

    serve(dsn, work, evidence_store=store)
    (found,) = audited(dsn, store)
    assert (found.rule, found.reason, found.facts["key"]) == ("audit.evidence", how, paper.digest)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM document_verdicts").fetchone() == (1,)
    assert main(["store", "check", "--config", config_of(dsn, evidence_store=store), "--read", "--json"]) == 1
    assert {"finding": how, "digest": paper.digest}.items() <= printed(capsysbinary)[0].items()


def test_a_message_that_needs_a_lost_document_judged_again_is_not_decided(dsn: str, tmp_path: Path) -> None:
    insurer, facts, paper = a_paper()

    async def before(service: Service) -> None:
        await service.push_filings()
        assert (await service.submit(insurer, naming(facts, "policy", paper))).status == 201
        assert (await service.put(insurer, paper)).status == 201

    serve(dsn, before, evidence_store=f"file://{tmp_path}")
    spoil("file", "corrupted", tmp_path, paper.content)
    with psycopg.connect(dsn, autocommit=True) as connection:  # as if the trust folder had changed since
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE document_verdicts SET trust_digest = 'sha256:another'")

    async def after(service: Service) -> None:
        service.later(seconds=30)
        assert (await service.submit(insurer, world().receipt(facts))).status == 503
        other = world().policy(insurer, next_number())
        assert (await service.submit(insurer, other)).status == 201
        file_of(tmp_path, paper.content).write_bytes(paper.content)
        got = await service.submit(insurer, world().receipt(facts))
        assert got.json()["premiums"][0]["status"] == "verified", got.body

    serve(dsn, after, evidence_store=f"file://{tmp_path}", recheck_every_seconds=3600)


def test_all_premiums_but_that_of_a_lost_document_are_judged_again(dsn: str, tmp_path: Path) -> None:
    folder, trust_dir = tmp_path / "evidence", tmp_path / "trust"
    folder.mkdir()
    sold = [a_paper() for _ in range(3)]

    async def before(service: Service) -> None:
        await service.push_filings()
        for insurer, facts, paper in sold:
            assert (await service.submit(insurer, naming(facts, "policy", paper))).status == 201
            assert (await service.put(insurer, paper)).status == 201

    serve(dsn, before, evidence_store=f"file://{folder}")
    spoil("file", "lost", folder, sold[1][2].content)
    shutil.copytree(load_config(provisioned().config).trust_dir, trust_dir)
    (trust_dir / "tsa").mkdir()
    shutil.copy(next((trust_dir / "signers").iterdir()), trust_dir / "tsa")  # another trust folder: all is judged again

    async def after(service: Service) -> None:
        query = "SELECT count(*) FROM document_verdicts WHERE digest = ANY(%s)"
        whole = [sold[0][2].digest, sold[2][2].digest]
        for _ in range(200):
            async with service.gateway.pool.connection() as connection:
                cursor = await connection.execute(query, (whole,))
                if await cursor.fetchone() == (4,):
                    break
            await asyncio.sleep(0.05)
        async with service.gateway.pool.connection() as connection:
            assert await (await connection.execute(query, (whole,))).fetchone() == (4,)
            assert await (await connection.execute(query, ([sold[1][2].digest],))).fetchone() == (1,)

    serve(dsn, after, evidence_store=f"file://{folder}", trust_dir=trust_dir, recheck_every_seconds=0.2)


def test_a_store_that_is_down_refuses_hand_ins_and_nothing_else(dsn: str, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    insurer, facts, paper = a_paper()

    async def work(service: Service) -> None:
        assert (await service.client.get("/readyz")).json()["evidence_store"] == "ok"
        folder.rename(tmp_path / "away")
        got = await service.put(insurer, paper)
        assert got.status == 503
        ready = await service.client.get("/readyz")
        assert (ready.status_code, ready.json()["evidence_store"]) == (200, "down")
        assert got.headers["retry-after"] == "10"
        assert [(one["rule"], one["reason"]) for one in got.json()["problems"]] == [("evidence.store", "unreachable")]
        assert (await service.submit(insurer, facts)).status == 201
        assert not folder.exists()  # nothing is written where the disk was
        (tmp_path / "evidence").mkdir()  # an empty mount point is not the disk either
        assert (await service.put(insurer, paper)).status == 503
        folder.rmdir()
        (tmp_path / "away").rename(folder)
        assert (await service.put(insurer, paper)).status == 201
        assert (await service.client.get("/readyz")).json()["evidence_store"] == "ok"

    serve(dsn, work, evidence_store=f"file://{folder}")
    assert len(documents(dsn)) == 1
    with pytest.raises(Misconfigured, match="no such folder"):
        Objects(f"file://{tmp_path}/nowhere", timeout=1)


def test_a_store_that_never_answers_holds_nobody_up(dsn: str) -> None:
    insurer, facts, _ = a_paper()
    papers = [Paper(b"%PDF-1.7 " + bytes([65 + n]), "application/pdf") for n in range(12)]

    async def work(service: Service) -> None:
        begun = time.monotonic()
        # More of them than the pool has connections.
        waiting = [asyncio.create_task(service.put(insurer, one)) for one in papers]
        await asyncio.sleep(0.2)
        got = await service.submit(insurer, facts)
        assert got.status == 201
        assert time.monotonic() - begun < 0.9  # while those still wait
        assert {one.status for one in await asyncio.gather(*waiting)} == {503}
        assert time.monotonic() - begun < 4

    with silent_s3():
        serve(dsn, work, evidence_store="s3://evidence", evidence_store_timeout_seconds=1.0)
    assert documents(dsn) == []


class Killed(Evidence):
    """The process ends behind the store, before the transaction."""

    async def keep(self, digest: str, data: bytes) -> bytes | None:
        await super().keep(digest, data)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def killed_between(dsn: str, folder: Path, content: bytes) -> None:
    """Hand in with these bytes; without any, move."""
    done = subprocess.run([sys.executable, __file__, dsn, str(folder)], input=content, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


def test_killed_between_store_and_commit_leaves_an_orphan_and_no_harm(
    dsn: str, tmp_path: Path, capsysbinary: Any
) -> None:
    insurer, _, paper = a_paper(b"%PDF-1.7 killed")
    killed_between(dsn, tmp_path, paper.content)
    assert documents(dsn) == []
    assert file_of(tmp_path, paper.content).read_bytes() == paper.content
    config = config_of(dsn, evidence_store=f"file://{tmp_path}")
    assert main(["store", "check", "--config", config, "--json"]) == 0
    assert printed(capsysbinary)[0]["finding"] == "orphan"
    assert audited(dsn, f"file://{tmp_path}") == []

    async def work(service: Service) -> None:
        assert (await service.put(insurer, paper)).status == 201

    serve(dsn, work, evidence_store=f"file://{tmp_path}")
    assert main(["store", "check", "--config", config, "--json"]) == 0
    assert [one.get("finding") for one in printed(capsysbinary)] == [None]


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_the_same_document_from_many_at_once_is_kept_once_for_each(dsn: str, tmp_path: Path, kind: str) -> None:
    store = f"file://{tmp_path}" if kind == "file" else "s3://evidence/documents"
    paper = Paper(b"%PDF-1.7 " + str(next_number()).encode(), "application/pdf")

    async def work(service: Service) -> None:
        who = [world().insurer(f"SANDBOX-{letter}") for letter in "ABC"] * 5
        got = await asyncio.gather(*(service.put(one, paper) for one in who))
        assert sorted(one.status for one in got) == [200] * 12 + [201] * 3

    serve(dsn, work, evidence_store=store)
    assert [row[:4] for row in documents(dsn)] == [(paper.digest, len(paper.content), None, "store")] * 3
    assert audited(dsn, store) == []


def test_a_move_that_is_killed_has_lost_nothing_and_goes_on(dsn: str, tmp_path: Path) -> None:
    store = f"file://{tmp_path}"
    with filled(dsn, 4):
        killed_between(dsn, tmp_path, b"")
        assert sorted(row[3] or "row" for row in documents(dsn)) == ["row", "row", "store", "store"]
        assert audited(dsn, store) == []
        assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 3  # one is in both
        assert main(["store", "move", "--config", config_of(dsn, evidence_store=store)]) == 0
        assert {row[3] for row in documents(dsn)} == {"store"}
        assert audited(dsn, store) == []


@contextmanager
def filled(dsn: str, count: int) -> Iterator[list[Paper]]:
    papers = [Paper(b"%PDF-1.7 " + bytes([65 + n]) * (n * 40_000 + 1), "application/pdf") for n in range(count)]

    async def work(service: Service) -> None:
        for one in papers:
            assert (await service.put(world().insurer(WHO), one)).status == 201

    serve(dsn, work)
    yield papers


def test_documents_move_from_rows_to_disk_to_a_bucket_and_back(dsn: str, tmp_path: Path, capsysbinary: Any) -> None:
    folder, bucket_url = f"file://{tmp_path}", "s3://evidence/documents"
    with filled(dsn, 5) as papers:

        async def two_only() -> None:
            evidence = Evidence(Objects(folder, timeout=2))
            async with new_pool(dsn, 2) as pool, pool.connection() as connection:
                moving = move(connection, evidence, AT)
                for _ in range(2):
                    assert (await anext(moving)).problem is None
                await moving.aclose()

        asyncio.run(two_only())
        assert sorted(row[3] or "row" for row in documents(dsn)) == ["row"] * 3 + ["store"] * 2
        assert audited(dsn, folder) == []

        async def read(service: Service) -> None:
            for one in papers:
                got = await service.call(WHO, "GET", f"/v1/documents/{one.digest[7:]}")
                assert got.body == one.content

        serve(dsn, read, evidence_store=folder)  # wherever each of them is
        assert main(["store", "move", "--config", config_of(dsn, evidence_store=folder), "--json"]) == 0
        assert printed(capsysbinary) == [{"moved": 3, "stayed": 0, "to": folder}]
        assert {row[3] for row in documents(dsn)} == {"store"}

        serve(dsn, read, evidence_store=bucket_url, evidence_stores_before=folder)
        config = config_of(dsn, evidence_store=bucket_url, evidence_stores_before=folder)
        assert main(["store", "move", "--config", config, "--json"]) == 0
        assert printed(capsysbinary) == [{"moved": 5, "stayed": 0, "to": bucket_url}]
        assert main(["store", "move", "--config", config, "--json"]) == 0
        assert printed(capsysbinary)[-1]["moved"] == 0
        serve(dsn, read, evidence_store=bucket_url)
        assert audited(dsn, bucket_url) == []

        spoil("s3", "corrupted", tmp_path, papers[0].content)
        config = config_of(dsn, evidence_stores_before=bucket_url)
        assert main(["store", "move", "--config", config, "--json"]) == 1
        *stays, last = printed(capsysbinary)
        assert [one["digest"] for one in stays] == [papers[0].digest]
        assert last == {"moved": 4, "stayed": 1, "to": "postgres"}
        obstore.put(bucket(), key_of(papers[0].content), papers[0].content)
        assert main(["store", "move", "--config", config, "--json"]) == 0
        assert {row[3] for row in documents(dsn)} == {None}
        serve(dsn, read)
        assert audited(dsn) == []


def test_an_older_store_serves_what_the_present_one_has_damaged(tmp_path: Path) -> None:
    one, other, content = tmp_path / "one", tmp_path / "other", b"a document"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    for folder in (one, other):
        folder.mkdir()

    async def work() -> None:
        present, older = Objects(f"file://{one}", timeout=1), Objects(f"file://{other}", timeout=1)
        evidence = Evidence(present, (older,))
        kept = Kept(digest, len(content), None, "store")
        await older.put(digest, content)
        assert await evidence.read(kept) == content
        await present.put(digest, content)
        file_of(one, content).write_bytes(b"a Document")
        assert await evidence.read(kept) == content
        file_of(other, content).unlink()
        with pytest.raises(Damaged, match="corrupted"):
            await evidence.read(kept)
        other.rename(tmp_path / "away")
        with pytest.raises(StoreDown):  # nobody knows whether it is lost
            await evidence.read(kept)
        with pytest.raises(Damaged, match="corrupted"):
            await Evidence().read(Kept(digest, len(content), b"a Document", None))

    asyncio.run(work())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=3000), where=st.integers(0, 2999), mask=st.integers(1, 255))
def test_what_is_read_is_what_was_put_whatever_the_bytes(tmp_path: Path, content: bytes, where: int, mask: int) -> None:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"

    async def work() -> None:
        store = Objects(f"file://{tmp_path}", timeout=5)
        await store.put(digest, content)
        await store.put(digest, content)
        assert await store.get(digest, len(content)) == content
        assert [one.digest async for one in store.walk() if one.digest == digest] == [digest]
        if content:
            changed = bytearray(content)
            changed[where % len(content)] ^= mask
            file_of(tmp_path, content).write_bytes(bytes(changed))
            with pytest.raises(Damaged, match="corrupted"):
                await store.get(digest, len(content))
        await store.remove(digest)
        await store.remove(digest)
        assert await store.find(digest) is None

    asyncio.run(work())


REFUSED = (
    "UPDATE documents SET bytes = NULL, kept_in = 'store'",
    "UPDATE documents SET bytes = NULL, kept_in = 'erased'",
    "UPDATE documents SET bytes = '\\x00'",
    "UPDATE documents SET bytes = NULL",
    "UPDATE documents SET kept_in = 'store'",
    "UPDATE documents SET size = size + 1",
    "UPDATE documents SET media_type = 'x'",
    "DELETE FROM documents",
    "TRUNCATE documents CASCADE",
    "INSERT INTO erasures SELECT digest, 'x', now(), 'x', 'x', 'x', '{}', 1 FROM documents",
    "INSERT INTO document_moves (digest, insurer, moved_at, kept_in) SELECT digest, insurer, now(), 'store' "
    "FROM documents; UPDATE documents SET bytes = NULL, kept_in = 'store', size = 1",
)


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_lets_bytes_go_in_no_other_way(dsn: str, statement: str) -> None:
    with filled(dsn, 1), psycopg.connect(dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute(statement.encode())
        ((_, _, row_bytes, kept_in, _),) = documents(dsn)
        assert (row_bytes is not None, kept_in) == (True, None)


def test_what_comes_back_into_a_row_is_held_against_its_digest(dsn: str, tmp_path: Path) -> None:
    with filled(dsn, 1), psycopg.connect(dsn, autocommit=True) as connection:
        assert main(["store", "move", "--config", config_of(dsn, evidence_store=f"file://{tmp_path}")]) == 0
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute("UPDATE documents SET bytes = 'x', kept_in = NULL")
        for statement in (
            "UPDATE documents SET kept_in = 'erased'",
            "UPDATE document_moves SET kept_in = 'row'",
            "DELETE FROM document_moves",
            "TRUNCATE document_moves",
        ):
            with pytest.raises(psycopg.errors.IntegrityError):
                connection.execute(statement.encode())


def test_an_address_that_is_no_store_is_refused(tmp_path: Path) -> None:
    for url in ("file://host/x", "file:///x?y", "s3://", "http://x/y", "gs://x"):
        with pytest.raises(Misconfigured):
            Objects(url, timeout=1)
    for url in ("ftp://x", "file:", "s3://", "s3://x/y?z"):
        with pytest.raises(Misconfigured, match="evidence_store"):
            load_config(provisioned().config, {}, evidence_store=url)
    with environment(GATEWAY_EVIDENCE_STORES_BEFORE=f"file://{tmp_path}, s3://evidence/x"):
        config = load_config(provisioned().config)
    assert config.evidence_stores_before == (f"file://{tmp_path}", "s3://evidence/x")
    assert [one.url for one in open_evidence(config).stores] == list(config.evidence_stores_before)


class KilledAtThird(Objects):
    """The process ends behind the third document that is put, before its row changes."""

    count = 0

    async def put(self, digest: str, data: bytes) -> None:
        await super().put(digest, data)
        self.count += 1
        if self.count == 3:
            os.kill(os.getpid(), signal.SIGKILL)


async def _killed_moving(dsn: str, folder: str) -> None:
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        async for _ in move(connection, Evidence(KilledAtThird(f"file://{folder}", timeout=5)), AT):
            pass


async def _killed(dsn: str, folder: str, content: bytes) -> None:
    if not content:
        await _killed_moving(dsn, folder)
    evidence = Killed(Objects(f"file://{folder}", timeout=5))

    async def work(connection: Connection) -> None:
        paper = Paper(content, "application/pdf")
        by = registered_as(WHO)
        await hand_in(connection, paper.digest, by, paper.media_type, content, {}, judges(evidence=evidence), AT)

    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        await work(connection)


if __name__ == "__main__":
    asyncio.run(_killed(sys.argv[1], sys.argv[2], sys.stdin.buffer.read()))
