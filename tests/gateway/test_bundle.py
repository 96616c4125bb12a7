"""The evidence bundle: everything comes out again, and no single change goes unnoticed."""

import asyncio
import random
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import e_policy, naming, next_number, world
from service import Service, provisioned, serve

from gateway.app import publish_now
from gateway.bundle.layout import MANIFEST, SIGNATURE, digest_of
from gateway.bundle.read import Unreadable, read_bundle
from gateway.bundle.verify import Step, outcome_of, verify_bundle
from gateway.cli import main
from sandbox.insurers import Insurer
from schemas.archive import write_archive
from schemas.canonical import canonical
from schemas.verification import Outcome
from signing.signer import load_signer

Files = dict[str, bytes]
GOOD = ("recomputed", "equal")


async def connect_archive(service: Service, product: dict[str, Any]) -> None:
    """The archive of varieties knows this product, and another one."""
    entry = {
        "approval_no": product["approval_no"],
        "generic_name": product["generic_name"],
        "approval_date": product["approval_date"],
        "registration_class": product["registration_class"],
        "holder": product["holder"]["name"],
        "holder_code": product["holder"]["credit_code"],
        "is_new_drug": True,
    }
    other = entry | {"approval_no": "国药准字H20199999", "generic_name": "别的药"}
    stated = orjson.dumps({"source": "省药监局", "as_of": "2026-08-31", "entries": [entry, other]})
    got = await service.call(
        "REGULATOR", "PUT", "/v1/registries/varieties", stated, {"content-type": "application/json"}
    )
    assert got.status == 200, got.body


async def life(service: Service, insurer: Insurer, *, archive: bool = False) -> str:
    """A policy with most of what may happen to one: its number. With `archive`, the archive knows this product only."""
    facts = world().policy(insurer, next_number(), instalments=2)
    paper = e_policy(insurer, facts)
    first, second = (
        world().receipt(facts, amount=part["amount"], instalment_no=part["no"]) for part in facts.body["instalments"]
    )
    for step in (first, naming(facts, "policy", paper)):
        assert (await service.submit(insurer, step)).status == 201
        service.later(seconds=5)
    await service.put(insurer, paper)
    await service.push_filings()
    service.later(seconds=5)
    assert (await service.submit(insurer, second)).json()["premiums"][0]["status"] == "verified"
    product = facts.body["product"]
    envelope = {
        "schema": "premium-exchange/1.0",
        "type": "award",
        "message_id": f"award-{facts.policy_no}",
        "sent_at": service.now.isoformat(),
        "record": {
            "scheme": "ZJ-NDI",
            "product_key": f"{product['generic_name']}|{product['holder']['credit_code']}",
            "policy_nos": [facts.policy_no],
            "year": 2026,
            "amount": "100000.00",
            "awarded_on": "2026-08-31",
        },
    }
    headers = {"content-type": "application/json"}
    got = await service.call("SUBSIDY", "POST", "/v1/awards", orjson.dumps(envelope), headers)
    assert got.status == 201, got.body
    service.later(seconds=5)
    await service.submit(insurer, world().endorsement(facts, gross="500.00"))
    service.later(seconds=5)
    if archive:
        await connect_archive(service, product)
        service.later(seconds=5)
    await service.submit(insurer, world().refund(facts, amount="5.00"))
    return facts.policy_no


def bundle_of(dsn: str, letter: str = "C") -> bytes:
    made: list[bytes] = []

    async def work(service: Service) -> None:
        insurer = world().insurer(f"SANDBOX-{letter}")
        policy_no = await life(service, insurer, archive=True)
        path = f"/v1/insurers/{insurer.code}/policies/{policy_no}/evidence"
        for _ in range(50):  # another publisher may be at it
            await publish_now(service.gateway)
            got = await service.call("SUBSIDY", "GET", path)
            if got.status == 200:
                break
            await asyncio.sleep(0.1)
        assert got.status == 200, got.body
        assert got.headers["content-type"] == "application/zip"
        other = world().insurer("SANDBOX-D" if letter == "C" else "SANDBOX-C")
        assert (await service.call(other.code, "GET", path)).status == 403
        made.append(got.body)

    serve(dsn, work)
    return made[0]


def opened(bundle: bytes) -> Files:
    read = read_bundle(bundle)
    return {MANIFEST: read.written, SIGNATURE: read.signature, **read.files}


def resealed(files: Files, **changes: Any) -> bytes:
    """A bundle whose manifest was made to fit and signed: what a forger would do who has the log's key."""
    manifest = orjson.loads(files[MANIFEST]) | changes
    others = {path: data for path, data in files.items() if path not in (MANIFEST, SIGNATURE)}
    manifest["files"] = {path: digest_of(data) for path, data in others.items()}
    written = canonical(manifest)
    signer = load_signer(provisioned().config.with_name("gateway-key.pem").read_bytes())
    return write_archive({MANIFEST: written, SIGNATURE: signer.sign(written), **others})


def failing(steps: list[Step]) -> set[str]:
    return {step.name for step in steps if step.result == "differs"}


def trust_dir(tmp_path: Path) -> Path:
    world().trust_dir(tmp_path / "trust")
    return tmp_path / "trust"


@pytest.mark.parametrize("letter", "AC")
def test_everything_comes_out_again(dsn: str, tmp_path: Path, letter: str, capsysbinary: Any) -> None:
    bundle = bundle_of(dsn, letter)
    trust = trust_dir(tmp_path)
    _, steps = verify_bundle(bundle, trust)
    assert outcome_of(steps) is Outcome.PASSED, [step.as_json() for step in steps if step.result not in GOOD]
    counts = {step.name: step.count for step in steps}
    assert counts["lives"] >= 4
    assert counts["seals"] == 1
    files = opened(bundle)
    assert sum(path.startswith("registries/") for path in files) == 1
    without = {path: data for path, data in files.items() if not path.startswith("registries/")}
    assert outcome_of(verify_bundle(resealed(without), trust)[1]) is Outcome.INDETERMINATE
    file = tmp_path / "bundle.zip"
    file.write_bytes(bundle)
    assert main(["evidence", "verify", str(file), "--trust", str(trust), "--json"]) == 0
    assert orjson.loads(capsysbinary.readouterr().out)["outcome"] == "passed"
    (tmp_path / "empty").mkdir()
    assert main(["evidence", "verify", str(file), "--trust", str(tmp_path / "empty")]) == 2
    file.write_bytes(bundle[:100])
    assert main(["evidence", "verify", str(file), "--trust", str(trust)]) == 3


def test_no_change_of_a_file_goes_unnoticed_even_with_a_manifest_that_fits(dsn: str, tmp_path: Path) -> None:
    bundle = bundle_of(dsn)
    trust, files = trust_dir(tmp_path), opened(bundle)
    assert outcome_of(verify_bundle(resealed(files), trust)[1]) is Outcome.PASSED
    draw = random.Random(1)
    for path in sorted(files):
        # Raw bytes, verdicts, leaves and rules are computed again, whoever signs. What only accompanies them (cover, a
        # trust folder that is not believed, what registries and participants' lists state beyond this premium, the
        # unread parts of receipts and proofs) is covered by the manifest under the log's key.
        if not path.startswith("premiums/") and not path.endswith(("/body", "/bytes", "leaves.json", "catalogue.json")):
            if path in (MANIFEST, SIGNATURE):
                continue
            unsigned = files | {path: files[path] + b" "}
            others = {name: data for name, data in unsigned.items() if name not in (MANIFEST, SIGNATURE)}
            kept = {MANIFEST: unsigned[MANIFEST], SIGNATURE: unsigned[SIGNATURE], **others}
            assert not holds(write_archive(kept), trust), path
            continue
        data = bytearray(files[path])
        place = draw.randrange(len(data))
        data[place] ^= 1 << draw.randrange(8)
        changed = files | {path: bytes(data)}
        assert not holds(resealed(changed), trust), f"{path} at {place}"
        missing = {name: data for name, data in files.items() if name != path}
        assert not holds(resealed(missing), trust), f"{path} missing"


def holds(bundle: bytes, trust: Path) -> bool:
    """Whether the bundle is believed; one that cannot be read is not."""
    try:
        return outcome_of(verify_bundle(bundle, trust)[1]) is Outcome.PASSED
    except (Unreadable, ValueError, KeyError):
        return False


def test_every_flipped_bit_of_the_archive_is_noticed(dsn: str, tmp_path: Path) -> None:
    bundle = bundle_of(dsn)
    trust, draw = trust_dir(tmp_path), random.Random(2)
    for _ in range(25):
        place = draw.randrange(len(bundle))
        flipped = bytearray(bundle)
        flipped[place] ^= 1 << draw.randrange(8)
        assert not holds(bytes(flipped), trust), place


def test_a_forged_revision_needs_more_than_a_forged_leaf(dsn: str, tmp_path: Path) -> None:
    bundle = bundle_of(dsn)
    trust, files = trust_dir(tmp_path), opened(bundle)
    path = max(path for path in files if path.startswith("premiums/"))
    forged = re.sub(rb'"status":"withdrawn"', b'"status":"verified"', files[path])
    assert forged != files[path]
    leaves = orjson.loads(files["log/leaves.json"])
    for leaf in leaves["leaves"]:
        leaf["entry"] = leaf["entry"].replace(digest_of(files[path]), digest_of(forged))
    changed = files | {path: forged, "log/leaves.json": orjson.dumps(leaves)}
    assert {"inclusion", "lives"} <= failing(verify_bundle(resealed(changed), trust)[1])
