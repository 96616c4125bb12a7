"""The memory: an append-only, tamper-evident log of facts, in the formats of C2SP (tlog-tiles, tlog-checkpoint)."""

from gateway.ledger.append import EntryRefused, append, insert, reserve
from gateway.ledger.audit import audit
from gateway.ledger.audit_database import audit_database
from gateway.ledger.checkpoint import Checkpoint, CheckpointRefused
from gateway.ledger.export import export, key_text
from gateway.ledger.fetch import fetch_from_folder, fetch_from_url
from gateway.ledger.note import NoteKey, NoteRefused, key_of
from gateway.ledger.proofs import NotInLog, prove, prove_consistency
from gateway.ledger.publish import publish

__all__ = [
    "Checkpoint",
    "CheckpointRefused",
    "EntryRefused",
    "NotInLog",
    "NoteKey",
    "NoteRefused",
    "append",
    "audit",
    "audit_database",
    "export",
    "fetch_from_folder",
    "fetch_from_url",
    "insert",
    "key_of",
    "key_text",
    "prove",
    "prove_consistency",
    "publish",
    "reserve",
]
