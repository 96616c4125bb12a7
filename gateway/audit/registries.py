"""Files of the other registries against the log, and what was recorded of them against their bytes."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from gateway.audit.entry import Range, Said
from gateway.audit.requests import check_request
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import added, changed, compare, missing, not_known, reordered
from gateway.participants import Participants
from gateway.registries.read import RegistryFile, read_registry
from schemas.calendar import shanghai_day
from schemas.canonical import canonical
from schemas.verification import Check

_FILE = (
    "SELECT id, bytes, request FROM registry_files WHERE (digest, sender, received_at, registry) = (%s, %s, %s, %s) "
    "ORDER BY id"
)
_STATED = (
    "SELECT id, registry, source, key, as_of, known_from, digest, statement FROM registry_statements WHERE file = %s"
)
_WHOLES = "SELECT id, registry, source, as_of, known_from, digest, count FROM registry_wholes WHERE file = %s"


def judge(connection: Snapshot, said: Sequence[Said], people: Participants, found: Range) -> Iterator[Check]:
    """Every file that the log speaks of is there, and the statements recorded of it are those that it makes."""
    for one in said:
        body: Any = one.body
        files = rows(connection, _FILE, body.get("file"), body.get("sender"), one.at, body.get("registry"))
        if not files:
            yield missing("registry_files", body.get("file"), leaf=one.index)
            continue
        found.count("registry_files")
        number, data, request = files[0]
        if not found.mark("registry_files", number):
            yield reordered("registry_files", number)
        actual = f"sha256:{hashlib.sha256(data).hexdigest()}"
        yield from compare("registry_files", number, {"bytes": (body.get("file"), actual)})
        if request:  # what the gateway fetched itself has none
            yield from check_request("registry_files", number, request, data, people, body["sender"])
        file = read_registry(
            data,
            body["registry"],
            source=body["source"],
            as_of=date.fromisoformat(body["as_of"]),
            today=shanghai_day(one.at),
            may_be_empty=body["whole"],
        )
        if file.problems:
            yield not_known("registry_files", number, "what the file states")
            continue
        yield from _judge_statements(one, file, rows(connection, _STATED, number))
        yield from _judge_whole(one, file, number, rows(connection, _WHOLES, number))


def _judge_statements(one: Said, file: RegistryFile, stated: Sequence[tuple[Any, ...]]) -> Iterator[Check]:
    table = "registry_statements"
    texts = {entry.key(): canonical(entry) for entry in file.entries}
    dropped = sum(row[7] is None for row in stated)
    told = (int(one.body["new"]) + int(one.body["superseded"]), int(one.body["dropped"]))
    if (len(stated) - dropped, dropped) != told:
        make = missing if len(stated) < sum(told) else added
        yield make(table, one.body["file"], told=sum(told), there=len(stated))
    for number, registry, source, key, as_of, known_from, digest, statement in stated:
        columns = {
            "registry": (one.body["registry"], registry),
            "source": (one.body["source"], source),
            "as_of": (one.body["as_of"], str(as_of)),
            "known_from": (one.at, known_from),
        }
        text = texts.get(key)
        if statement is None:
            columns["digest"] = ("", digest)
            if text is not None:
                yield changed(table, number, "statement", told="stated", there="null")
        elif text is None:
            yield added(table, number, entry=key)
        else:
            columns["digest"] = (f"sha256:{hashlib.sha256(text).hexdigest()}", digest)
            columns["statement"] = (text.decode(), canonical(statement).decode())
        yield from compare(table, number, columns)


def _judge_whole(one: Said, file: RegistryFile, number: int, wholes: Sequence[tuple[Any, ...]]) -> Iterator[Check]:
    """A whole statement keeps its day, its count and the digest of all that it states."""
    table = "registry_wholes"
    said: Any = one.body
    digests = {entry.key(): f"sha256:{hashlib.sha256(canonical(entry)).hexdigest()}" for entry in file.entries}
    digest = f"sha256:{hashlib.sha256(chr(10).join(sorted(digests.values())).encode()).hexdigest()}"
    if wholes and not said["whole"]:
        yield added(table, wholes[0][0], file=number)
    if not wholes and said["whole"] and not (said["new"] or said["superseded"] or said["dropped"]):
        yield missing(table, f"file {number}", leaf=one.index)
    for key, registry, source, as_of, known_from, there, count in wholes:
        stated = {
            "registry": (said["registry"], registry),
            "source": (said["source"], source),
            "as_of": (said["as_of"], str(as_of)),
            "known_from": (one.at, known_from),
            "digest": (digest, there),
            "count": (len(digests), count),
        }
        yield from compare(table, key, stated)
