"""The log asks its witnesses: real ones over HTTP, ones that are down, slow or hostile; publishing goes on."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
import uvicorn
from listening import Answer, endless, raw, silent, trickling, whole
from listening import serve as listen
from service import Service
from service import serve as serve_gateway
from test_ledger import AT, KEY, ORIGIN, SIGNER, ed25519, numbers, publish

from gateway import ledger
from gateway.commands.witness import application
from gateway.config import WitnessAddress, load_config
from gateway.db import Connection, new_pool
from gateway.errors import Misconfigured
from gateway.ledger import store
from gateway.ledger.asking import Collector, read_witnesses
from gateway.ledger.checkpoint import open_checkpoint, sign_checkpoint
from gateway.ledger.cosignature import cosign, cosigner_key, read_cosignatures
from gateway.ledger.note import NoteKey, read_keys
from gateway.ledger.witness import Memory, Witness, write_request

FIRST, SECOND = ed25519(8), ed25519(9)


@contextmanager
def witnessing(
    folder: Path, name: str = "witness.example/w1", signer: object = FIRST, keys: tuple[NoteKey, ...] = (KEY,)
) -> Iterator[tuple[str, Witness]]:
    """A witness on a port of its own."""
    assert isinstance(signer, type(FIRST))
    origin = keys[0].name
    memory = Memory(folder / name.replace("/", "-"), origin, keys)
    witness = Witness(
        origin=origin, keys=keys, name=name, signer=signer, memory=memory, clock=lambda: int(AT.timestamp())
    )
    server = uvicorn.Server(
        uvicorn.Config(application(witness), port=0, log_level="critical", ws="none", lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", witness
    finally:
        server.should_exit = True
        thread.join()
        memory.close()


def collect(
    dsn: str,
    witnesses: list[tuple[str, NoteKey]],
    work: Callable[[Collector, Connection], Awaitable[None]],
    timeout: float = 5.0,
) -> None:
    async def run() -> None:
        async with new_pool(dsn, 3) as pool, pool.connection() as connection:
            collector = Collector(pool, witnesses, timeout=timeout)
            try:
                await work(collector, connection)
            finally:
                await collector.close()

    asyncio.run(run())


async def served(connection: Connection) -> bytes:
    last = await store.find_last_checkpoint(connection)
    assert last is not None
    return await store.read_cosigned(connection, last)


def test_each_checkpoint_is_cosigned_by_each_witness(dsn: str, tmp_path: Path) -> None:
    with witnessing(tmp_path) as (one, w1), witnessing(tmp_path, "witness.example/w2", SECOND) as (two, w2):

        async def work(collector: Collector, connection: Connection) -> None:
            assert await collector.collect() == 0  # nothing is published
            for size in (0, 1, 300, 777):
                if size:
                    await ledger.append(connection, numbers(w1.last.size, size), ORIGIN)
                await publish(connection)
                assert await collector.collect() == 2
                assert await collector.collect() == 0
                note = await served(connection)
                assert open_checkpoint(note, [KEY]).size == size == w1.last.size == w2.last.size
                assert [found.key for found in read_cosignatures(note, [w2.key, w1.key])] == [w1.key, w2.key]
            proof = await ledger.prove(connection, 5, origin=ORIGIN)
            assert proof.checkpoint == note.decode()
            await ledger.export(connection, tmp_path / "log", [KEY])
            assert (tmp_path / "log/checkpoint").read_bytes() == note
            for change in ("UPDATE ledger_cosignatures SET at = 0", "DELETE FROM ledger_cosignatures"):
                with pytest.raises(psycopg.Error):
                    await connection.execute(change)
            assert ledger.audit(ledger.fetch_from_folder(tmp_path / "log"), KEY.line()).outcome.value == "passed"
            assert (await ledger.audit_database(connection, [KEY])).outcome.value == "passed"

        collect(dsn, [(one, w1.key), (two, w2.key)], work)


def test_a_witness_that_knows_more_than_we_remember_is_met_where_it_is(dsn: str, tmp_path: Path) -> None:
    """Another gateway has shown it a checkpoint, and died before it wrote the cosignature down."""
    with witnessing(tmp_path) as (url, witness):

        async def work(collector: Collector, connection: Connection) -> None:
            await ledger.append(connection, numbers(0, 300), ORIGIN)
            first = await publish(connection)
            assert first is not None
            assert witness.add_checkpoint(write_request(0, [], first.note)).status == 200
            assert await collector.collect() == 1  # the same tree, once more
            await ledger.append(connection, numbers(300, 500), ORIGIN)
            second = await publish(connection)
            assert second is not None
            path = await ledger.prove_consistency(connection, 300, 500)
            assert witness.add_checkpoint(write_request(300, path, second.note)).status == 200
            await ledger.append(connection, numbers(500, 501), ORIGIN)
            await publish(connection)
            assert await collector.collect() == 1
            assert witness.last.size == 501

        collect(dsn, [(url, witness.key)], work)


def test_a_witness_that_saw_another_log_is_told_of(dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A restored database: the witness remembers what it has lost."""
    with witnessing(tmp_path) as (url, witness):

        async def work(collector: Collector, connection: Connection) -> None:
            lost = sign_checkpoint(ORIGIN, 400, bytes(32), [SIGNER])
            assert witness.add_checkpoint(write_request(0, [], lost.note)).status == 200
            await ledger.append(connection, numbers(0, 300), ORIGIN)
            await publish(connection)
            assert await collector.collect() == 0
            assert "is the database an old one?" in caplog.text
            await ledger.append(connection, numbers(300, 400), ORIGIN)
            assert await publish(connection) is not None
            collector._witnesses[0].rests_until = 0
            assert await collector.collect() == 0
            assert "another tree of 400 leaves" in caplog.text
            assert read_cosignatures(await served(connection), [witness.key]) == []

        collect(dsn, [(url, witness.key)], work)


def of_a_stranger() -> bytes:
    text = sign_checkpoint(ORIGIN, 0, bytes(32), [SIGNER]).text()
    return cosign(text, "witness.example/w1", FIRST, 5).line.encode()  # on something else


HOSTILE: dict[str, Answer] = {
    "an error": whole(b"", status="500 Internal Server Error"),
    "a redirect": whole(b"", "Location: /elsewhere", status="302 Found"),
    "nothing signed": whole(b""),
    "no line": whole(b"\xff\xfe"),
    "another cosignature": whole(of_a_stranger()),
    "a conflict without size": whole(b"many\n", status="409 Conflict"),
    "a conflict of another type": whole(b"0\n", status="409 Conflict"),
    "conflict after conflict": whole(b"1\n", "Content-Type: text/x.tlog.size", status="409 Conflict"),
    "a size beyond all": whole(b"9" * 18 + b"\n", "Content-Type: text/x.tlog.size", status="409 Conflict"),
    "no end": endless,
    "no answer": silent,
    "an answer byte by byte": trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000, 0.01),
    "no HTTP": raw(b"\x00" * 500),
}


def test_no_witness_holds_the_others_up(dsn: str, tmp_path: Path) -> None:
    """Thirteen that misbehave, one that is not there, and one that answers: its cosignature is kept."""
    with witnessing(tmp_path) as (good, witness), _all_hostile() as urls:
        others = [
            (url, cosigner_key(f"witness.example/h{number}", ed25519(20 + number)))
            for number, url in enumerate([*urls, "http://127.0.0.1:1"])
        ]

        async def work(collector: Collector, connection: Connection) -> None:
            await ledger.append(connection, numbers(0, 300), ORIGIN)
            await publish(connection)
            start = time.monotonic()
            assert await collector.collect() == 1
            assert time.monotonic() - start < 5
            note = await served(connection)
            assert [line.split(" ")[1] for line in note.decode().splitlines()[4:]] == [ORIGIN, witness.key.name]
            await ledger.append(connection, numbers(300, 301), ORIGIN)
            await publish(connection)
            start = time.monotonic()
            assert await collector.collect() == 1  # those that failed rest
            assert time.monotonic() - start < 1

        collect(dsn, [(good, witness.key), *others], work, timeout=1.0)


@contextmanager
def _all_hostile() -> Iterator[list[str]]:
    with ExitStack() as stack:
        urls = []
        for answer in HOSTILE.values():
            server = stack.enter_context(listen())
            server.answers["/add-checkpoint"] = answer
            urls.append(server.url)
        yield urls


def test_a_running_service_has_its_checkpoints_cosigned(dsn: str, tmp_path: Path) -> None:
    async def keys_of(service: Service) -> None:
        found.append((await service.send("GET", "/v1/log/key", b"", {})).body.decode())

    found: list[str] = []
    serve_gateway(dsn, keys_of)
    keys = read_keys(found[0])
    with witnessing(tmp_path, keys=keys) as (url, witness):

        async def work(service: Service) -> None:
            deadline = time.monotonic() + 20
            while not read_cosignatures(
                (await service.send("GET", "/v1/log/checkpoint", b"", {})).body or b"x\n\n", [witness.key]
            ):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)

        address = WitnessAddress(url=f"{url}/", key=witness.key.line())
        serve_gateway(dsn, work, witnesses=(address,), publish_every_seconds=0.05)


def test_witnesses_are_configured_or_refused(tmp_path: Path) -> None:
    key = cosigner_key("witness.example/w1", FIRST).line()
    file = tmp_path / "gateway.toml"
    file.write_text(f'[[witnesses]]\nurl = "https://witness.example/w1"\nkey = "{key}"\n')
    assert [url for url, _ in read_witnesses(load_config(file, {}))] == ["https://witness.example/w1"]
    written = f'[{{"url": "http://127.0.0.1:1", "key": "{key}"}}]'
    assert load_config(None, {"GATEWAY_WITNESSES": written}).witnesses[0].key == key
    for wrong in ("nothing", "[{}]", '[{"url": "ftp://x", "key": "k"}]', '[{"url": "https://a@b", "key": "k"}]'):
        with pytest.raises(Misconfigured, match="witnesses"):
            load_config(None, {"GATEWAY_WITNESSES": wrong})
    for line in ("no key", KEY.line()):
        with pytest.raises(Misconfigured, match="witness"):
            read_witnesses(load_config(None, {}, witnesses=(WitnessAddress(url="https://w.example", key=line),)))
    twice = (WitnessAddress(url="https://w.example", key=key), WitnessAddress(url="https://v.example", key=key))
    with pytest.raises(Misconfigured, match="twice"):
        read_witnesses(load_config(None, {}, witnesses=twice))
