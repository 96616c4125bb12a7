"""The witness: it cosigns what extends what it saw, keeps it before it answers, and nothing talks it out of it."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_note import ED, ED_KEY, NAME, OTHER, SM2, SM2_KEY

from gateway.cli import main
from gateway.commands.witness import application, open_witness
from gateway.errors import Misconfigured
from gateway.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from gateway.ledger.cosignature import read_cosignatures
from gateway.ledger.merkle import EMPTY_ROOT, consistency_spans, leaf_hash, tree_root
from gateway.ledger.note import NoteKey, read_key
from gateway.ledger.witness import Answer, Memory, StateRefused, Witness, read_request, write_request

WHO = "witness.example/w1"
LEAVES = [leaf_hash(b"%d" % number) for number in range(40)]
FORK = [*LEAVES[:5], leaf_hash(b"other"), *LEAVES[6:]]


def at_size(size: int, leaves: list[bytes] = LEAVES) -> Checkpoint:
    return sign_checkpoint(NAME, size, tree_root(leaves[:size]), [ED, SM2])


def asked(old: int, size: int, leaves: list[bytes] = LEAVES) -> bytes:
    """An honest request over these leaves."""
    path = [tree_root(leaves[a:b]) for a, b in consistency_spans(old, size)] if 0 < old < size else []
    return write_request(old, path, at_size(size, leaves).note)


def opened(folder: Path) -> tuple[Memory, Witness]:
    keys = [ED_KEY, SM2_KEY]
    memory = Memory(folder / "state", NAME, keys)
    return memory, Witness(origin=NAME, keys=keys, name=WHO, signer=OTHER, memory=memory, clock=lambda: 1_700_000_000)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    memory, made = opened(tmp_path)
    yield made
    memory.close()


def cosigned(witness: Witness, answer: Answer, size: int) -> bool:
    assert answer.status == 200
    (found,) = read_cosignatures(at_size(size).note + answer.body.encode(), [witness.key])
    return found.at == 1_700_000_000 and witness.last.size == size


def test_what_extends_is_cosigned_step_by_step(witness: Witness) -> None:
    previous = 0
    for size in (0, 1, 1, 2, 5, 8, 31, 40):
        assert cosigned(witness, witness.add_checkpoint(asked(previous, size)), size)
        previous = size


def test_a_fork_is_refused_and_nothing_is_kept(witness: Witness) -> None:
    witness.add_checkpoint(asked(0, 8))
    for body in (asked(8, 20, FORK), asked(8, 8, FORK), write_request(8, [], at_size(20).note)):
        answer = witness.add_checkpoint(body)
        assert answer.status == (409 if read_request(body).text.split("\n")[1] == "8" else 422)
        assert witness.last.root == tree_root(LEAVES[:8])
    assert cosigned(witness, witness.add_checkpoint(asked(8, 20)), 20)


def test_a_conflict_tells_the_size(witness: Witness) -> None:
    witness.add_checkpoint(asked(0, 8))
    for body in (asked(0, 8), asked(0, 20), asked(5, 20), asked(5, 6), asked(20, 30)):
        assert witness.add_checkpoint(body) == Answer(409, "8\n", "text/x.tlog.size")
    assert witness.add_checkpoint(write_request(9, [], at_size(8).note)).status == 400


def test_an_empty_log_has_the_empty_root(witness: Witness) -> None:
    wrong = sign_checkpoint(NAME, 0, bytes(32), [ED])
    assert witness.add_checkpoint(write_request(0, [], wrong.note)).status == 409
    assert witness.add_checkpoint(write_request(0, [EMPTY_ROOT], at_size(0).note)).status == 422
    assert witness.add_checkpoint(write_request(0, [EMPTY_ROOT], at_size(8).note)).status == 422


def test_who_did_not_sign_is_not_cosigned(witness: Witness) -> None:
    other = sign_checkpoint(NAME, 8, tree_root(LEAVES[:8]), [OTHER])
    assert witness.add_checkpoint(write_request(0, [], other.note)).status == 403
    elsewhere = sign_checkpoint("elsewhere.example", 8, tree_root(LEAVES[:8]), [ED])
    assert witness.add_checkpoint(write_request(0, [], elsewhere.note)).status == 404
    short = sign_checkpoint(NAME, 8, bytes(16), [ED])
    assert witness.add_checkpoint(write_request(0, [], short.note)).status == 400
    changed = at_size(8).note.replace(b"\n8\n", b"\n9\n", 1)
    assert witness.add_checkpoint(write_request(0, [], changed)).status == 403
    assert witness.last.size == 0


GOOD = asked(5, 8)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 5",
        GOOD.replace(b"old 5", b"old 05"),
        GOOD.replace(b"old 5", b"old -5"),
        GOOD.replace(b"old 5", b"old  5"),
        GOOD.replace(b"old 5", b"OLD 5"),
        GOOD.replace(b"old 5", b"old 5\r"),
        GOOD.replace(b"old 5\n", b"old 5\nAAAA\n"),
        GOOD.replace(b"old 5\n", b"old 5\n" + base64.b64encode(bytes(33)) + b"\n"),
        GOOD.replace(b"old 5\n", b"old 5\n\xff\n"),
        GOOD.replace(b"old 5\n", b"old 5\n" + (base64.b64encode(bytes(32)) + b"\n") * 64),
        GOOD.partition(b"\n\n")[0] + b"\n\n",
        GOOD.replace(b"\n8\n", b"\n08\n"),
        GOOD + b"\xff",
        GOOD + b"\n" * 70_000,
    ],
)
def test_what_is_no_request_is_refused(witness: Witness, body: bytes) -> None:
    witness.add_checkpoint(asked(0, 5))
    assert witness.add_checkpoint(body).status == 400
    assert witness.last.size == 5


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 8 * len(GOOD) - 1))
def test_no_changed_bit_is_cosigned_as_something_else(bit: int) -> None:
    """Whatever is changed: refused, or the very checkpoint that the log signed."""
    body = bytearray(GOOD)
    body[bit // 8] ^= 1 << bit % 8
    keys = [ED_KEY, SM2_KEY]
    memory = Unkept(at_size(5))
    witness = Witness(origin=NAME, keys=keys, name=WHO, signer=OTHER, memory=memory, clock=lambda: 1)
    if witness.add_checkpoint(bytes(body)).status == 200:
        assert (witness.last.size, witness.last.root) == (8, tree_root(LEAVES[:8]))
    else:
        assert witness.last.size == 5


class Unkept(Memory):
    """A memory without a file."""

    def __init__(self, last: Checkpoint) -> None:
        self.last = last

    def keep(self, checkpoint: Checkpoint) -> None:
        self.last = checkpoint


# What is kept


def test_a_restarted_witness_remembers(tmp_path: Path) -> None:
    memory, witness = opened(tmp_path)
    stranger = f"— stranger.example {base64.b64encode(bytes(68)).decode()}\n".encode() * 98
    assert witness.add_checkpoint(asked(0, 8) + stranger).status == 200
    memory.close()
    memory, witness = opened(tmp_path)
    assert witness.last.size == 8
    assert open_checkpoint(witness.last.note, [ED_KEY, SM2_KEY, witness.key]).root == tree_root(LEAVES[:8])
    assert b"stranger" not in witness.last.note
    assert witness.add_checkpoint(asked(0, 9, FORK)).status == 409
    memory.close()


def test_only_one_witness_works_on_a_file(tmp_path: Path) -> None:
    memory, _ = opened(tmp_path)
    with pytest.raises(StateRefused, match="another witness"):
        opened(tmp_path)
    memory.close()
    opened(tmp_path)[0].close()


@pytest.mark.parametrize("change", [lambda note: note[:-9], lambda note: b"", lambda note: note.replace(b"8", b"7", 1)])
def test_what_is_not_what_was_kept_does_not_begin_anew(tmp_path: Path, change: object) -> None:
    memory, witness = opened(tmp_path)
    witness.add_checkpoint(asked(0, 8))
    memory.close()
    assert callable(change)
    (tmp_path / "state").write_bytes(change((tmp_path / "state").read_bytes()))
    with pytest.raises(StateRefused):
        opened(tmp_path)


def test_what_cannot_be_kept_is_not_cosigned(tmp_path: Path) -> None:
    class Full(Unkept):
        def keep(self, checkpoint: Checkpoint) -> None:
            raise OSError("no space left on device")

    memory = Full(Checkpoint(NAME, 0, EMPTY_ROOT))
    witness = Witness(origin=NAME, keys=[ED_KEY], name=WHO, signer=OTHER, memory=memory, clock=lambda: 1)

    async def work() -> None:
        transport = httpx.ASGITransport(application(witness))
        async with httpx.AsyncClient(transport=transport, base_url="http://witness.example") as client:
            answer = await client.post("/add-checkpoint", content=asked(0, 8))
            assert (answer.status_code, "—" in answer.text) == (500, False)
            assert (await client.post("/add-checkpoint", content=bytes(70_000))).status_code == 413
            assert (await client.get("/add-checkpoint")).status_code == 405
            assert (await client.get("/checkpoint")).status_code == 404
            assert (await client.get("/key")).text == witness.key.line() + "\n"

    asyncio.run(work())
    assert witness.last.size == 0


# The command


class Process:
    """`gateway witness` as an operator runs it."""

    def __init__(self, folder: Path) -> None:
        (folder / "log.key").write_text(f"{ED_KEY.line()}\n{SM2_KEY.line()}\n")
        arguments = ["witness", "--origin", NAME, "--log-key", str(folder / "log.key"), "--key", str(folder / "w1.pem")]
        arguments += ["--state", str(folder / "state"), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.key: NoteKey = read_key(self.process.stdout.readline().strip())
        self.url = self.process.stderr.readline().split()[0]
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"{self.url}/key", trust_env=False)
                return
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def test_a_killed_witness_has_kept_all_that_it_cosigned(tmp_path: Path) -> None:
    """What it told is in its file, and it goes on from there."""
    process = Process(tmp_path)
    key, size = process.key, 0
    with httpx.Client(trust_env=False, base_url=process.url) as client:
        for grown in (1, 4, 5, 8, 21):
            answer = client.post("/add-checkpoint", content=asked(size, grown))
            assert answer.status_code == 200, answer.text
            assert read_cosignatures(at_size(grown).note + answer.content, [key])
            size = grown
    process.kill()
    process = Process(tmp_path)
    assert process.key == key
    kept = httpx.get(f"{process.url}/checkpoint", trust_env=False)
    assert open_checkpoint(kept.content, [ED_KEY]).size == 21
    forked = httpx.post(f"{process.url}/add-checkpoint", content=asked(8, 30, FORK), trust_env=False)
    assert (forked.status_code, forked.text, forked.headers["content-type"]) == (409, "21\n", "text/x.tlog.size")
    process.kill()


def test_wrong_usage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.key").write_text("no key")
    arguments = ["witness", "--origin", NAME, "--log-key", str(tmp_path / "log.key"), "--key", str(tmp_path / "w1.pem")]
    assert main([*arguments, "--state", str(tmp_path / "state")]) == 64
    assert "verifier key" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*arguments, "--state", str(tmp_path / "state"), "--listen", "nowhere"])
    (tmp_path / "log.key").write_text(ED_KEY.line())
    with pytest.raises(Misconfigured, match="malformed-key"):
        open_witness(
            origin=NAME, log_key=tmp_path / "log.key", key=tmp_path / "w1.pem", name="a b", state=tmp_path / "state"
        )
