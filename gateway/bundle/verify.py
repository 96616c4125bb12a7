"""Verifying an evidence bundle: all is computed again, from raw bytes to final amounts, on nobody's word."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import orjson

from gateway.batches.tree import FIELD
from gateway.bundle.collect import document_entry
from gateway.bundle.erased import erased_in, in_words
from gateway.bundle.layout import digest_of
from gateway.bundle.read import Bundle, read_bundle
from gateway.bundle.replay import Replay, differences
from gateway.bundle.timestamps import PATH, judge_timestamps
from gateway.catalogue import load_catalogue
from gateway.ledger.checkpoint import Checkpoint, CheckpointRefused, open_checkpoint
from gateway.ledger.ends import Ended, check_signers, end_of
from gateway.ledger.merkle import check_inclusion, leaf_hash
from gateway.ledger.note import NoteKey, NoteRefused, read_keys
from gateway.participants import Participant
from gateway.submissions.documents import judge_document
from schemas.canonical import canonical
from schemas.log import Entry
from schemas.submission import id_of_submission
from schemas.verification import Check, Outcome
from signing import TrustStore
from signing.algorithms import find_flaw
from signing.structured import read_byte_sequences

Result = Literal["recomputed", "equal", "differs", "absent", "erased"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was computed, how many times, and whether it came out as it was told.

    `recomputed` and `equal` are good; `differs` is not; `absent` says that something needed for it is not there, and
    `erased` that it is not there by order, as the log says: the rest of the step came out.
    """

    name: str
    result: Result
    count: int
    detail: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The step as one JSON object."""
        return {"step": self.name, "result": self.result, "count": self.count, "detail": list(self.detail)}


def verify_bundle(
    data: bytes,
    trust_dir: Path,
    *,
    log_key: str | None = None,
    ends: Sequence[Ended] = (),
    at: datetime | None = None,
) -> tuple[Bundle, list[Step]]:
    """Every step. `log_key` are the verifier keys of the log that one trusts; else the log's own word in the bundle is
    used, and the step says so. `ends` are those of its keys that one knows of, beside those that the bundle tells.
    `at` is when it is judged whether time-stamps are good still, now if none is given; all else is judged as of the
    moments that are told. Raises `Unreadable`, and `TrustError` of the trust folder."""
    bundle = read_bundle(data)
    trust = TrustStore.load(trust_dir)
    steps = [
        _files(bundle),
        *_log(bundle, log_key, ends),
        *_timestamps(bundle, log_key, trust, at or datetime.now(UTC)),
        _entries(bundle),
        _requests(bundle),
        _rules(bundle),
        _seals(bundle, trust),
        _lives(bundle),
    ]
    return bundle, steps


def outcome_of(steps: list[Step]) -> Outcome:
    """Failed if a step differs, else indeterminate if something is absent or erased, else passed."""
    results = {step.result for step in steps}
    if "differs" in results:
        return Outcome.FAILED
    return Outcome.INDETERMINATE if results & {"absent", "erased"} else Outcome.PASSED


def _files(bundle: Bundle) -> Step:
    return _step("files", len(bundle.manifest.files), bundle.wrong, "equal")


def _step(name: str, count: int, wrong: tuple[str, ...] | list[str], good: Result) -> Step:
    return Step(name, "differs" if wrong else good, count, tuple(wrong[:20]))


def _or_erased(step: Step, gone: list[str]) -> Step:
    """The step, if all that came out is good, with what could not be computed since its bytes were erased."""
    if not gone or step.result not in ("recomputed", "equal"):
        return step
    return Step(step.name, "erased", step.count, tuple(dict.fromkeys(gone))[:20])


def _log(bundle: Bundle, log_key: str | None, known: Sequence[Ended]) -> Iterator[Step]:
    """Manifest and checkpoint are signed by the log, and every leaf is in its tree (RFC 6962 section 2.1.1)."""
    own = bundle.files.get("log/key", b"").decode("utf-8", "replace")
    try:
        keys = read_keys(log_key or own)
        checkpoint = open_checkpoint(bundle.files.get("log/checkpoint", b""), keys)
    except (CheckpointRefused, NoteRefused, UnicodeDecodeError) as error:
        yield Step("checkpoint", "differs", 1, (str(error),))
        return
    if (found := _find_flaw_of_signers(bundle, checkpoint, keys, known)) is not None:
        result: Result = "differs" if found.outcome is Outcome.FAILED else "absent"
        facts = " ".join(f"{name}={value}" for name, value in found.facts.items())
        yield Step("checkpoint", result, 1, (f"{found.reason} {facts}",))
        return
    told = () if log_key else ("verified under the key in the bundle; compare it with one that you were given",)
    yield Step("checkpoint", "equal", 1, told)
    signed = any(key.holds(bundle.written, bundle.signature) for key in keys)
    yield Step("manifest", "equal" if signed else "differs", 1)
    wrong = []
    told_leaves = bundle.json("log/leaves.json")["leaves"]
    for leaf in told_leaves:
        if not _included(leaf, checkpoint):
            wrong.append(f"leaf {leaf['index']}")
    yield _step("inclusion", len(told_leaves), wrong, "recomputed")


def _find_flaw_of_signers(
    bundle: Bundle, checkpoint: Checkpoint, keys: Sequence[NoteKey], known: Sequence[Ended]
) -> Check | None:
    """Whether a key of the log had ended when it signed: the checkpoint is no older than any leaf under it, and the
    bundle was made at the moment that it states."""
    moments, ends = [datetime.fromisoformat(bundle.manifest.made_at)], list(known)
    for leaf in bundle.json("log/leaves.json")["leaves"]:
        entry = Entry.model_validate_json(leaf["entry"])
        moments.append(entry.at)
        if entry.kind == "key" and _included(leaf, checkpoint):
            ends.append(end_of(entry.body, entry.at))
    note = bundle.files.get("log/checkpoint", b"")
    signed_by = [*checkpoint.signed_by, *(key for key in keys if key.holds(bundle.written, bundle.signature))]
    return check_signers("log.checkpoint", note, signed_by, max(moments), ends, keys)


def _timestamps(bundle: Bundle, log_key: str | None, trust: TrustStore, at: datetime) -> Iterator[Step]:
    """When the log was there with all of this in it, by others' word (RFC 3161, RFC 4998); no step without stamps."""
    if PATH not in bundle.files:
        return
    try:
        keys = read_keys(log_key or bundle.files.get("log/key", b"").decode("utf-8", "replace"))
        checkpoint = open_checkpoint(bundle.files.get("log/checkpoint", b""), keys)
    except (CheckpointRefused, NoteRefused) as error:
        yield Step("timestamps", "differs", 1, (str(error),))
        return
    count, wrong, absent, proven = judge_timestamps(bundle, checkpoint, trust, at)
    if absent and not wrong:
        yield Step("timestamps", "absent", count, tuple(absent[:20]))
    else:
        yield Step("timestamps", "differs" if wrong else "recomputed", count, tuple((wrong or proven)[:20]))


def _included(leaf: dict[str, Any], checkpoint: Checkpoint) -> bool:
    hashed = leaf_hash(leaf["entry"].encode())
    path = [bytes.fromhex(item) for item in leaf["path"]]
    if [item.hex() for item in path] != leaf["path"]:
        return False  # not the one form of these hashes
    found = check_inclusion(int(leaf["index"]), checkpoint.size, hashed, path, checkpoint.root)
    return found.outcome is Outcome.PASSED


def _entries(bundle: Bundle) -> Step:
    """Everything in the bundle is what some leaf says, and everything that a leaf says is in the bundle."""
    wrong = []
    said = {}
    erased, gone = erased_in(bundle), []
    for leaf in bundle.json("log/leaves.json")["leaves"]:
        said[leaf["entry"].encode()] = orjson.loads(leaf["entry"])
    named: set[str] = set()
    for entry in said.values():
        body = entry["body"]
        if entry["kind"] == "premium":
            path = f"premiums/{body['insurer']}/{body['policy_no']}/{int(body['revision']):06d}.json"
            good = digest_of(bundle.files.get(path, b"")) == body["digest"]
        elif entry["kind"] == "document":
            path = f"documents/{body['digest'].removeprefix('sha256:')}-{body['insurer']}/bytes"
            good = digest_of(bundle.files.get(path, b"")) == body["digest"]
            if (told := erased.get(body["digest"])) is not None:
                good = path not in bundle.files
                gone.append(in_words(body["digest"], told))
        elif "submission_id" in body:
            path = f"submissions/{body['submission_id']}/body"
            good = digest_of(bundle.files.get(path, b"")) == body["body_digest"]
            good = good and _receipt_holds(bundle, body)
        else:
            continue
        named.add(path)
        if not good:
            wrong.append(path)
    kept = set(bundle.below("premiums"))
    kept |= {path for path in bundle.below("submissions") if path.endswith("/body")}
    kept |= {path for path in bundle.below("documents") if path.endswith("/bytes")}
    wrong += sorted(kept - named)
    for path in bundle.below("documents"):
        if path.endswith("/document.json"):
            about = bundle.json(path)
            if canonical(document_entry(about)) not in said or about.get("erased") != erased.get(about["digest"]):
                wrong.append(path)
    wrong += sorted(f"{one}: an erasure of something else" for one in erased if not _speaks_of(said, one))
    return _or_erased(_step("entries", len(said), wrong, "recomputed"), gone)


def _speaks_of(said: Mapping[bytes, Any], document: str) -> bool:
    return any(entry["kind"] == "document" and entry["body"]["digest"] == document for entry in said.values())


def _receipt_holds(bundle: Bundle, body: dict[str, Any]) -> bool:
    """The receipt is the one whose report the leaf names."""
    receipt = bundle.json(f"submissions/{body['submission_id']}/receipt.json")
    digest = f"sha256:{hashlib.sha256(canonical(receipt['report'])).hexdigest()}"
    return bool(digest == body["report_digest"] and receipt["body_digest"] == body["body_digest"])


def _requests(bundle: Bundle) -> Step:
    """Each message was signed, with its body's digest, by a key that was registered for its sender (RFC 9421, 9530)."""
    people = {one["code"]: Participant.model_validate(one) for one in bundle.json("participants.json")}
    wrong, unproven, count = [], [], 0
    erased, gone = erased_in(bundle), []
    for path in bundle.below("submissions"):
        if not path.endswith("/message.json"):
            continue
        count += 1
        about, receipt = bundle.json(path), bundle.json(path.replace("message.json", "receipt.json"))
        body = bundle.files.get(path.replace("message.json", "body"), b"")
        sender = people.get(about["insurer"])
        holds = _request_holds(about, body, sender, about["keyid"])
        if not _message_holds(path, about, receipt) or holds is False:
            wrong.append(path)
        elif holds is None:
            unproven.append(f"{path}: a line of {about['request']['batch']['digest']}, which is not in the bundle")
    for path in bundle.below("documents"):
        if path.endswith("/document.json"):
            count += 1
            about = bundle.json(path) | {"content_type": bundle.json(path)["media_type"]}
            body = bundle.files.get(path.replace("document.json", "bytes"), b"")
            digests = None
            if (told := erased.get(about["digest"])) is not None:
                digests = {"sha-256": bytes.fromhex(about["digest"].removeprefix("sha256:"))}
                if "sha-256=:" not in base64.b64decode(about["request"]["base"]).decode("utf-8", "replace"):
                    gone.append(in_words(about["digest"], told))
                    continue
            keyid = about["request"]["keyid"]
            if _request_holds(about, body, people.get(about["insurer"]), keyid, digests) is not True:
                wrong.append(path)
    if unproven and not wrong:
        return Step("requests", "absent", count, tuple(unproven[:20]))
    return _or_erased(_step("requests", count, wrong, "recomputed"), gone)


def _message_holds(path: str, about: dict[str, Any], receipt: dict[str, Any]) -> bool:
    """What is said about a message is what its id, its receipt and its signature say."""
    came = datetime.fromisoformat(about["received_at"])
    return bool(
        path == f"submissions/{about['id']}/message.json"
        and about["id"] == id_of_submission(about["insurer"], about["message_id"], came) == receipt["submission_id"]
        and came == datetime.fromisoformat(receipt["received_at"])
        and about["mapping"] == receipt["report"]["basis"].get("mapping")
        and (about["insurer"], about["message_id"]) == (receipt["insurer"], receipt["message_id"])
    )


def _request_holds(
    about: dict[str, Any],
    body: bytes,
    sender: Participant | None,
    keyid: str,
    digests: Mapping[str, bytes] | None = None,
) -> bool | None:
    """The proof that was kept (RFC 9421 section 2.5) is a registered key's, over this very body (RFC 9530).

    None: it is a registered key's, over a batch of which the bundle does not show that the body is a line. `digests`
    are those of a body that was erased.
    """
    proof = about["request"]
    keys = {key.keyid: key for key in sender.keys} if sender else {}
    key = keys.get(keyid) or (next(iter(keys.values())) if len(keys) == 1 else None)
    if sender is None or key is None or key.public_key != proof["public_key"] or proof["keyid"] != keyid:
        return False
    base = base64.b64decode(proof["base"], validate=True)
    lines = base.decode("utf-8", "replace").splitlines()
    content_type = about["content_type"]
    content: bool | None
    if "batch" in proof:
        content_type = proof["batch"]["content_type"]
        content = _line_holds(about, body, lines)
    else:
        own = {"sha-256": hashlib.sha256(body).digest(), "sha-512": hashlib.sha512(body).digest()}
        content = _names(lines, digests or own)
    if content is False:
        return False
    types = [line.partition(": ")[2] for line in lines if line.startswith('"content-type"')]
    if any(kind != content_type for kind in types):
        return False
    signature = base64.b64decode(proof["signature"], validate=True)
    ends = f';keyid="{keyid}"' in lines[-1] and lines[-1].startswith('"@signature-params"')
    if not ends or find_flaw(proof["algorithm"], key.spki(), base, signature, encoding="raw") is not None:
        return False
    return content


def _names(lines: list[str], digests: Mapping[str, bytes]) -> bool:
    """Whether the content of what was signed has one of these digests."""
    stated = [line for line in lines if line.startswith('"content-digest"')]
    texts = [f"{name}=:{base64.b64encode(digest).decode()}:" for name, digest in digests.items()]
    return any(text in line for line in stated for text in texts)


def _line_holds(about: dict[str, Any], body: bytes, lines: list[str]) -> bool | None:
    """A line of a batch is under the root over all lines that its sender signed with the file; None if none is told."""
    batch, place = about["request"]["batch"], about.get("batch")
    fields = [line.partition(": ")[2] for line in lines if line.startswith(f'"{FIELD}": ')]
    if place is None or not fields:
        return None
    root = read_byte_sequences(fields[0]).get("sha-256", b"")
    path = [bytes.fromhex(one) for one in place["path"]]
    found = check_inclusion(int(batch["line"]) - 1, int(place["rows"]), leaf_hash(body), path, root)
    return found.outcome is Outcome.PASSED


def _rules(bundle: Bundle) -> Step:
    """The rules of the bundle are those that the reports name, and those of this software."""
    stated = bundle.manifest.settings["catalogue"]
    if digest_of(bundle.files.get("catalogue.json", b"")) != stated:  # which is kept in canonical form
        return Step("rules", "differs", 1, ("catalogue.json is not the catalogue that the reports name",))
    if _own_rules() != stated:
        return Step("rules", "absent", 1, ("this software has other rules; use the version that has these",))
    return Step("rules", "equal", 1)


@cache
def _own_rules() -> str:
    """The digest of this software's catalogue: reading the files costs more than all else of a bundle."""
    return load_catalogue().digest


def _seals(bundle: Bundle, trust: TrustStore) -> Step:
    """Each document is judged again, as of the moments at which it was, under the trust folder that one brings."""
    people = {one["code"]: Participant.model_validate(one) for one in bundle.json("participants.json")}
    wrong, absent, count = [], [], 0
    erased, gone = erased_in(bundle), []
    for path in bundle.below("documents"):
        if not path.endswith("/document.json"):
            continue
        about = bundle.json(path)
        if (told_order := erased.get(about["digest"])) is not None:
            gone.append(in_words(about["digest"], told_order))
            continue
        data = bundle.files.get(path.replace("document.json", "bytes"), b"")
        received = datetime.fromisoformat(about["received_at"])
        for number, told in enumerate(about["verdicts"]):
            if told["trust"] != trust.digest:
                absent.append(f"{path}: judged under another trust folder")
                continue
            count += 1
            at = datetime.fromisoformat(told["at"])
            existed = received if number else None
            now = judge_document(data, about["media_type"], people[about["insurer"]], trust, at, existed)
            profile = people[about["insurer"]].document_profile or ""
            if canonical(now) != canonical(told["verdict"]) or told["profile"] != profile:
                wrong.append(path)
    if absent and not wrong:
        return Step("seals", "absent", count, tuple(absent[:20]))
    return _or_erased(_step("seals", count, wrong, "recomputed"), gone)


def _lives(bundle: Bundle) -> Step:
    """Every revision of the premium comes out again, byte for byte: facts, money, checks, amounts, impact."""
    wrong, absent, count = [], [], 0
    for one in Replay(bundle).run():
        count += 1
        if one.unknown:
            absent.append(f"{one.insurer}/{one.policy_no} revision {one.revision}: {one.unknown}")
        elif one.body != one.logged:
            places = differences(one.logged, one.body) if one.body else ["nothing new would have been said"]
            wrong.append(f"{one.insurer}/{one.policy_no} revision {one.revision}: {', '.join(places)}")
    last = max((int(path.rsplit("/", 1)[1][:6]) for path in _own(bundle)), default=0)
    if last != bundle.manifest.revision:
        wrong.append("the manifest names another revision than the last one")
    if absent and not wrong:
        return Step("lives", "absent", count, tuple(absent[:20]))
    return _step("lives", count, wrong, "recomputed")


def _own(bundle: Bundle) -> list[str]:
    return bundle.below(f"premiums/{bundle.manifest.insurer}/{bundle.manifest.policy_no}")
