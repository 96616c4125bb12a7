"""Lines of batches as evidence: each proves by itself that its sender signed it, or is not said to be proven."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import e_policy, naming, next_number, world
from hypothesis import given, settings
from hypothesis import strategies as st
from service import Service, provisioned, serve

from gateway.app import publish_now
from gateway.batches.tree import Fold, LineHashes
from gateway.batches.tree import Path as AuditPath
from gateway.bundle.layout import MANIFEST, SIGNATURE, digest_of, write_archive
from gateway.bundle.read import read_bundle
from gateway.bundle.verify import outcome_of, verify_bundle
from gateway.ledger.merkle import check_inclusion, leaf_hash, tree_root
from schemas.canonical import canonical
from schemas.verification import Outcome
from signing.signer import load_signer

ROOT = "sha-256=:{}:"


def lines_of(data: bytes) -> list[bytes]:
    """The lines by definition: ended by LF or CRLF, the last one perhaps by nothing."""
    *ended, rest = data.split(b"\n")
    return [line.removesuffix(b"\r") for line in (*ended, *([rest] if rest else []))]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"a", b"bc", b""]), max_size=40), st.data())
def test_the_tree_over_a_stream_is_the_tree_over_its_lines(parts: list[bytes], data: Any) -> None:
    leaves: list[bytes] = []
    lines = LineHashes(leaves.append)
    for part in parts:
        lines.update(part)
    lines.finish()
    assert leaves == [leaf_hash(line) for line in lines_of(b"".join(parts))]
    if not leaves:
        return
    fold = Fold()
    number = data.draw(st.integers(1, len(leaves)))
    path = AuditPath(number, len(leaves))
    for leaf in leaves:
        fold.add(leaf)
        path.add(leaf)
    assert fold.root() == tree_root(leaves)
    found = check_inclusion(number - 1, len(leaves), leaves[number - 1], path.hashes(), fold.root())
    assert found.outcome is Outcome.PASSED


def bundle_of(dsn: str, *, signs_lines: bool) -> bytes:
    """The evidence of a premium whose policy and receipt came as lines of a batch."""
    made: list[bytes] = []

    async def work(service: Service) -> None:
        await service.push_filings()
        who = world().insurer("SANDBOX-C")
        facts = world().policy(who, next_number())
        paper = e_policy(who, facts)
        await service.put(who, paper)
        sent = (naming(facts, "policy", paper), world().policy(who, next_number()), world().receipt(facts))
        messages = [world().render_message(who, [one], f"e-{next_number()}")[1] for one in sent]
        lines = [orjson.dumps(orjson.loads(message)) for message in messages]
        headers = {"content-type": "application/jsonl; charset=utf-8"}
        body = b"\r\n".join(lines)
        if signs_lines:
            root = base64.b64encode(tree_root([leaf_hash(line) for line in lines])).decode()
            headers["batch-lines"] = ROOT.format(root)
        batch = (await service.call(who.code, "POST", "/v1/batches", body, headers)).json()["batch"]
        while (await service.call(who.code, "GET", f"/v1/batches/{batch}")).json()["status"] != "done":
            await asyncio.sleep(0.02)
        path = f"/v1/insurers/{who.code}/policies/{facts.policy_no}"
        assert (await service.call(who.code, "GET", f"{path}/premium")).json()["status"] == "verified"
        for _ in range(50):
            await publish_now(service.gateway)
            got = await service.call("SUBSIDY", "GET", f"{path}/evidence")
            if got.status == 200:
                break
            await asyncio.sleep(0.1)
        made.append(got.body)
        wrong = await service.call(who.code, "POST", "/v1/batches", b"{}", headers)
        assert wrong.status == (400 if signs_lines else 202), wrong.body

    serve(dsn, work)
    return made[0]


def changed(bundle: bytes, name: str, change: Any) -> bytes:
    """The bundle with one message changed and everything else made to fit, as who has the log's key would forge it."""
    read = read_bundle(bundle)
    files = dict(read.files)
    path = next(path for path in sorted(files) if path.endswith(f"/{name}"))
    files[path] = change(files[path])
    manifest = orjson.loads(read.written)
    manifest["files"] = {path: digest_of(data) for path, data in files.items()}
    written = canonical(manifest)
    signer = load_signer(provisioned().config.with_name("gateway-key.pem").read_bytes())
    return write_archive({MANIFEST: written, SIGNATURE: signer.sign(written), **files})


def about(change: Any) -> Any:
    def apply(data: bytes) -> bytes:
        value = orjson.loads(data)
        change(value)
        return orjson.dumps(value)

    return apply


@pytest.mark.parametrize("signs_lines", [True, False])
def test_a_line_proves_itself_if_its_sender_signed_the_lines(dsn: str, tmp_path: Path, signs_lines: bool) -> None:
    world().trust_dir(tmp_path / "trust")

    def requests(bundle: bytes) -> str:
        _, steps = verify_bundle(bundle, tmp_path / "trust")
        return next(step.result for step in steps if step.name == "requests")

    bundle = bundle_of(dsn, signs_lines=signs_lines)
    _, steps = verify_bundle(bundle, tmp_path / "trust")
    assert outcome_of(steps) is (Outcome.PASSED if signs_lines else Outcome.INDETERMINATE)
    if not signs_lines:
        assert requests(bundle) == "absent"
        told = about(lambda one: one.update(batch={"rows": 1, "path": []}))
        assert requests(changed(bundle, "message.json", told)) == "absent"
        return
    message = "message.json"
    assert requests(changed(bundle, "body", lambda body: body + b" ")) == "differs"
    assert requests(changed(bundle, message, about(lambda one: one["batch"].update(path=[])))) == "differs"
    assert requests(changed(bundle, message, about(lambda one: one["batch"].update(path=["00" * 32] * 2)))) == "differs"
    assert requests(changed(bundle, message, about(lambda one: one.update(batch=None)))) == "absent"
    assert requests(changed(bundle, message, about(lambda one: one["request"].pop("batch")))) == "differs"
    # A sealed document is nobody's line.
    forged = about(lambda one: one["request"].update(batch={"content_type": "x", "digest": "y", "line": 1}))
    assert requests(changed(bundle, "document.json", forged)) == "differs"
