"""Making the receipt of one message for the file: signed by the gateway, and proven by the log."""

import hashlib
from datetime import datetime

import orjson

from gateway.db import Connection
from gateway.ledger.proofs import prove
from gateway.ledger.tlog_proof import TlogProof, write_proof
from gateway.receipts.jws import write_jws
from gateway.receipts.store import find_kept
from schemas.canonical import canonical
from schemas.receipt import FiledReceipt
from schemas.submission import Receipt
from signing.signer import Signer


class NotYet(Exception):
    """No checkpoint covers the receipt's leaf yet."""


async def find_receipt(
    connection: Connection, submission_id: str, insurer: str | None, at: datetime
) -> FiledReceipt | None:
    """What is to be signed of the receipt of a message; of this insurer's only, if one is given."""
    kept = await find_kept(connection, submission_id, insurer)
    if kept is None:
        return None
    written, entry = kept
    receipt = Receipt.model_validate(orjson.loads(written))
    assert receipt.leaf is not None, "every receipt that is kept has its place in the log"
    return FiledReceipt(
        submission_id=receipt.submission_id,
        message_id=receipt.message_id,
        insurer=receipt.insurer,
        body_digest=receipt.body_digest,
        kind=entry["kind"],
        received_at=receipt.received_at,
        status=receipt.status,
        outcome=receipt.report.outcome,
        failing=receipt.report.failing(),
        catalogue=receipt.report.basis["catalogue"],
        report_digest=f"sha256:{hashlib.sha256(canonical(receipt.report)).hexdigest()}",
        receipt_digest=f"sha256:{hashlib.sha256(written).hexdigest()}",
        leaf=receipt.leaf,
        iat=int(at.timestamp()),
    )


def as_jws(receipt: FiledReceipt, signer: Signer) -> bytes:
    """The signed receipt: a compact JWS, and a line end as texts have one."""
    return write_jws(receipt, signer) + b"\n"


async def as_proof(connection: Connection, receipt: FiledReceipt, signer: Signer) -> bytes:
    """The signed receipt in the proof of its leaf (C2SP tlog-proof): verifiable with the log's key alone. Raises
    `NotYet`."""
    proof = await prove(connection, receipt.leaf.index, origin=receipt.leaf.log)
    if proof.inclusion is None or proof.checkpoint is None:
        raise NotYet("no checkpoint covers the receipt yet")
    path = tuple(bytes.fromhex(item) for item in proof.inclusion.path)
    return write_proof(TlogProof(proof.leaf_index, path, proof.checkpoint.encode(), write_jws(receipt, signer)))
