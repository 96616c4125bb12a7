"""Collecting the evidence bundle of one premium from what is kept."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.batches.places import find_places, line_of
from gateway.blobs.evidence import Evidence
from gateway.bundle import store
from gateway.bundle.cover import Sheet, write_cover, write_cover_pdf
from gateway.bundle.erased import as_told, words_of
from gateway.bundle.layout import write_bundle
from gateway.bundle.registries import registry_files
from gateway.bundle.store import KeptMessage, KeptRevision, PolicyKey
from gateway.bundle.timestamps import timestamp_files
from gateway.catalogue import Catalogue
from gateway.db import Connection
from gateway.erasure.store import find_erasures
from gateway.filing.registry import FilingRegistry
from gateway.filing.store import list_wholes as list_filing_sources
from gateway.filing.store import load as load_filings
from gateway.ledger.export import key_text
from gateway.ledger.merkle import leaf_hash
from gateway.ledger.note import NoteKey, key_of
from gateway.ledger.proofs import prove
from gateway.ledger.store import find_last_checkpoint, read_cosigned
from gateway.submissions.gather import Judges, load_states
from gateway.submissions.known import PolicyState
from gateway.submissions.memory.store import find_claims, find_linked
from gateway.submissions.products import claim_of
from schemas.canonical import as_json, canonical
from schemas.log import Entry
from signing.signer import Signer


class NotYet(Exception):
    """There is no such premium, or no checkpoint covers it yet."""


@dataclass(frozen=True, slots=True)
class Collected:
    """All of a bundle that the database has; the documents' bytes may be in a store, which may take its time."""

    files: Mapping[str, bytes]
    documents: Sequence[Mapping[str, Any]]
    about: Mapping[str, Any]
    latest: KeptRevision

    async def finish(self, judges: Judges, catalogue: Catalogue, signer: Signer, at: datetime) -> bytes:
        """The bundle, signed. Raises `NoBytes` if a document is not to be had that was not erased."""
        files = dict(self.files) | await _document_files(self.documents, judges.evidence)
        body, leaf = self.latest.body, self.latest.leaf_index
        sheet = Sheet(body, leaf, judges.log_origin, at, erased=words_of(self.documents))
        files["cover.html"] = write_cover(orjson.loads(body), sheet, catalogue)
        return write_bundle(files, self.about, signer.sign)


async def collect(
    connection: Connection,
    key: PolicyKey,
    judges: Judges,
    catalogue: Catalogue,
    trust_dir: Path,
    signers: Sequence[Signer],
    at: datetime,
) -> bytes:
    """The bundle of the premium's latest revision; `signers` sign the log, the first of them the manifest. Raises
    `NotYet`, and `NoBytes` if a document is not to be had that was not erased."""
    collected = await collect_rows(connection, key, judges, catalogue, trust_dir, signers, at)
    return await collected.finish(judges, catalogue, signers[0], at)


async def collect_rows(
    connection: Connection,
    key: PolicyKey,
    judges: Judges,
    catalogue: Catalogue,
    trust_dir: Path,
    signers: Sequence[Signer],
    at: datetime,
) -> Collected:
    """What the database has of it, behind which no connection is needed. Raises `NotYet`.

    One consistent reading of the database; nothing is written. Personal data is what the messages themselves carry.
    """
    keys = [key_of(judges.log_origin, signer) for signer in signers]
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        linked = sorted(await find_linked(connection, [key]))
        states = await load_states(connection, linked, judges, None)
        revisions = await store.find_revisions(connection, linked)
        own = [one for one in revisions if (one.insurer, one.policy_no) == key]
        if not own:
            raise NotYet("there is no such premium")
        messages = await _messages(connection, states)
        documents = await _documents(connection, states)
        files: dict[str, bytes] = {}
        files |= _revision_files(revisions) | await _message_files(connection, messages)
        files |= await _filing_files(connection, {code for code, _ in linked}, messages, revisions)
        files |= await registry_files(connection, states.values(), revisions)
        files["claims.json"] = await _claims(connection, states.values())
        files["catalogue.json"] = canonical(catalogue.as_json())
        files["participants.json"] = _participants(judges, messages, linked)
        files |= _trust_files(trust_dir)
        files |= await _log_files(connection, messages, documents, revisions, judges.log_origin, keys, at)
    about = {
        "insurer": key[0],
        "policy_no": key[1],
        "revision": own[-1].revision,
        "made_at": at.isoformat(),
        "settings": {
            "registry_max_age_days": judges.registry_max_age_days,
            "schemes": list(judges.schemes),
            "required_registries": sorted(judges.asked.required),
            "catalogue": judges.catalogue,
            "trust": judges.trust.digest,
            "log": judges.log_origin,
        },
    }
    return Collected(files, documents, about, own[-1])


async def collect_cover(
    connection: Connection, key: PolicyKey, origin: str, catalogue: Catalogue, at: datetime
) -> bytes:
    """The cover sheet of the premium's latest revision as PDF; it names the revision, not a bundle. Raises `NotYet`."""
    revisions = await store.find_revisions(connection, [key])
    if not revisions:
        raise NotYet("there is no such premium")
    latest = revisions[-1]
    last = await find_last_checkpoint(connection)
    if last is None or latest.leaf_index >= last.size:
        raise NotYet("no checkpoint covers the premium yet")
    sheet = Sheet(latest.body, latest.leaf_index, origin, at)
    return write_cover_pdf(orjson.loads(latest.body), sheet, catalogue)


async def _messages(connection: Connection, states: Mapping[PolicyKey, PolicyState]) -> list[KeptMessage]:
    ids = {known.submission_id for state in states.values() for known in state.records}
    awards = sorted({number for state in states.values() for number in state.awards})
    subjects = [f"premium:{insurer}/{number}" for insurer, number in states]
    ids |= set(await store.find_words(connection, awards, subjects))
    ids |= set(await store.find_directives(connection))
    return await store.find_messages(connection, sorted(ids))


async def _documents(connection: Connection, states: Mapping[PolicyKey, PolicyState]) -> list[dict[str, Any]]:
    named = sorted({(state.insurer.code, digest) for state in states.values() for digest in state.documents})
    found = [await store.find_document(connection, insurer, digest) for insurer, digest in named]
    documents = [one for one in found if one is not None]
    erasures = await find_erasures(connection, [one["digest"] for one in documents])
    return [
        one | {"erased": as_told(erasures[one["digest"]])} if one["digest"] in erasures else one for one in documents
    ]


def _revision_files(revisions: Iterable[KeptRevision]) -> dict[str, bytes]:
    return {f"premiums/{one.insurer}/{one.policy_no}/{one.revision:06d}.json": one.body for one in revisions}


async def _message_files(connection: Connection, messages: Sequence[KeptMessage]) -> dict[str, bytes]:
    files = {}
    places = await find_places(connection, [one.request for one in messages])
    for one in messages:
        about = {
            "id": one.id,
            "insurer": one.insurer,
            "message_id": one.message_id,
            "keyid": one.keyid,
            "received_at": one.received_at.isoformat(),
            "content_type": one.content_type,
            "request": one.request,
            "mapping": one.mapping,
        }
        if (place := places.get(line_of(one.request))) is not None:
            about["batch"] = place
        files[f"submissions/{one.id}/message.json"] = orjson.dumps(about)
        files[f"submissions/{one.id}/body"] = one.body
        files[f"submissions/{one.id}/receipt.json"] = one.receipt
    return files


async def _document_files(documents: Iterable[Mapping[str, Any]], evidence: Evidence) -> dict[str, bytes]:
    files = {}
    for one in documents:
        place = f"documents/{one['digest'].removeprefix('sha256:')}-{one['insurer']}"
        if "erased" not in one:
            files[f"{place}/bytes"] = await evidence.read(one["kept"])
        files[f"{place}/document.json"] = orjson.dumps({k: v for k, v in one.items() if k != "kept"})
    return files


async def _filing_files(
    connection: Connection, insurers: set[str], messages: Sequence[KeptMessage], revisions: Sequence[KeptRevision]
) -> dict[str, bytes]:
    """What was stated of the insurers, once for each time between two changes of the registry in which something of the
    premium was judged."""
    changes = await store.list_changes_of_filings(connection)
    moments = [one.received_at for one in messages]
    moments += [datetime.fromisoformat(orjson.loads(one.body)["report"]["at"]) for one in revisions]
    needed = {max(before) for at in moments if (before := [change for change in changes if change <= at])}
    files = {}
    for place, since in enumerate(sorted(needed)):
        registry: FilingRegistry = await load_filings(connection, since)
        filings = [filing for code in sorted(insurers) for filing in registry.of_insurer(code)]
        wholes = await list_filing_sources(connection, since)
        body = {
            "known_from": since.isoformat(),
            "digest": registry.digest,
            "filings": [as_json(filing) for filing in filings],
            "wholes": [as_json(whole) for whole in wholes],
        }
        files[f"filings/{place:04d}.json"] = orjson.dumps(body)
    return files


async def _claims(connection: Connection, states: Iterable[PolicyState]) -> bytes:
    numbers = set()
    for state in states:
        current = state.current_policy()
        if current is not None and (claim := claim_of(current.record)) is not None:
            numbers.add(claim.approval_no)
    told = await find_claims(connection, sorted(numbers)) if numbers else {}
    return orjson.dumps({number: [list(claim) for claim in ways] for number, ways in sorted(told.items())})


def _participants(judges: Judges, messages: Iterable[KeptMessage], linked: Iterable[PolicyKey]) -> bytes:
    codes = {one.insurer for one in messages} | {code for code, _ in linked}
    # Every insurer's name stands here: a list of co-insurers may name any of them.
    codes |= {one.code for one in judges.participants.insurers()}
    found = [judges.participants.find(code) for code in sorted(codes)]
    listed = []
    for one in found:
        if one is not None:
            plain = as_json(one)
            listed.append(plain if one.code in {m.insurer for m in messages} else {**plain, "keys": []})
    return orjson.dumps(listed)


def _trust_files(folder: Path) -> dict[str, bytes]:
    return {
        f"trust/{file.relative_to(folder).as_posix()}": file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


async def _log_files(
    connection: Connection,
    messages: Sequence[KeptMessage],
    documents: Sequence[Mapping[str, Any]],
    revisions: Sequence[KeptRevision],
    origin: str,
    keys: Sequence[NoteKey],
    at: datetime,
) -> dict[str, bytes]:
    indexes = {orjson.loads(one.receipt)["leaf"]["index"] for one in messages} | {one.leaf_index for one in revisions}
    entries = [document_entry(one) for one in documents]
    indexes |= set(await store.find_leaves(connection, [(one.at, leaf_hash(canonical(one))) for one in entries]))
    indexes |= {one["erased"]["leaf_index"] for one in documents if "erased" in one}
    last = await find_last_checkpoint(connection)
    if last is None or max(indexes) >= last.size:
        raise NotYet("no checkpoint covers the premium yet")
    indexes |= await store.find_ends_of_keys(connection, last.size)
    data = await store.read_entries(connection, sorted(indexes))
    leaves = []
    for index in sorted(indexes):
        proof = await prove(connection, index, origin=origin)
        assert proof.inclusion is not None, "the checkpoint covers it"
        leaves.append({"index": index, "entry": data[index].decode(), "path": list(proof.inclusion.path)})
    return {
        "log/checkpoint": await read_cosigned(connection, last),
        "log/key": key_text(keys).encode(),
        "log/leaves.json": orjson.dumps({"leaves": leaves}),
        **await timestamp_files(connection, max(indexes), last.size, at),
    }


def document_entry(one: Mapping[str, Any]) -> Entry:
    """The log entry of a document, as it was written when it was handed in."""
    body = {
        "digest": one["digest"],
        "insurer": one["insurer"],
        "outcome": one["verdicts"][0]["verdict"]["report"]["outcome"],
    }
    return Entry(kind="document", at=datetime.fromisoformat(one["received_at"]), body=body)


def digest_of_body(body: bytes) -> str:
    """As submissions name it."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
