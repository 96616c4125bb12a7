"""Batches: the file against what its sender signed, each line against what it was told, both ways.

Not found: a batch that was removed with everything of it, if none of its lines had become a message.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.audit.requests import check_nonce, check_request, lines_of
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import added, changed, compare, missing, unsigned
from gateway.batches.answer import batch_id
from gateway.batches.run import LINES
from gateway.batches.tree import FIELD, Fold, LineHashes
from gateway.participants import Participants
from schemas.verification import Check
from signing.structured import read_byte_sequences

_MANY = 1000  # lines whose results are read at a time
_SHORTEST_LIMIT = 1024  # bytes: no gateway takes less of a line (`body_limit_bytes`)
_BLANK = b" \t\r"
_BATCHES = (
    "SELECT b.id, b.insurer, b.digest, b.content_type, b.size, b.keyid, b.nonce, b.request, p.batch IS NOT NULL, "
    "p.line, p.position, p.verified, p.held, p.refused, p.conflicts, p.ended_at IS NOT NULL "
    "FROM batches b LEFT JOIN batch_progress p ON p.batch = b.id WHERE b.id > %s ORDER BY b.id LIMIT 100"
)
_RESULTS = (
    "SELECT r.line, r.status, r.submission_id, s.insurer, s.status, s.body_digest FROM batch_results r "
    "LEFT JOIN submissions s ON s.id = r.submission_id WHERE r.batch = %s AND r.line BETWEEN %s AND %s"
)
_COUNTS = (
    "SELECT count(*) FILTER (WHERE status = 'verified'), count(*) FILTER (WHERE status = 'held'), "
    "count(*) FILTER (WHERE status = 'refused'), count(*) FILTER (WHERE status = 'conflict') "
    "FROM batch_results WHERE batch = %s"
)
# A message that says that it was a line: the line says so too. One key a row, and what is not there.
_UNTOLD = (
    "SELECT s.request #>> '{batch,id}', s.request #>> '{batch,line}', s.id, b.id IS NULL FROM submissions s "
    "LEFT JOIN batches b ON b.id = s.request #>> '{batch,id}' AND b.insurer = s.insurer "
    "AND b.digest = s.request #>> '{batch,digest}' "
    "LEFT JOIN batch_results r ON r.batch = b.id AND r.line::text = s.request #>> '{batch,line}' "
    "WHERE s.request ? 'batch' AND r.submission_id IS DISTINCT FROM s.id ORDER BY s.id"
)
_OTHERS = (
    "SELECT s.id FROM submissions s JOIN batches b ON b.id = s.request #>> '{batch,id}' "
    "WHERE s.request - 'batch' <> b.request ORDER BY s.id"
)
_ORPHANS: Mapping[str, str] = {
    "batch_chunks": "SELECT DISTINCT c.batch FROM batch_chunks c WHERE NOT EXISTS (SELECT FROM batches b "
    "WHERE b.id = c.batch)",
    "batch_results": "SELECT DISTINCT c.batch FROM batch_results c WHERE NOT EXISTS (SELECT FROM batches b "
    "WHERE b.id = c.batch)",
    "batch_progress": "SELECT c.batch FROM batch_progress c WHERE NOT EXISTS (SELECT FROM batches b "
    "WHERE b.id = c.batch)",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line without its end: number from 1, digest, length, whether nothing is on it, where the next one begins."""

    number: int
    digest: str
    size: int
    is_blank: bool
    end: int


@dataclass(frozen=True, slots=True)
class _Progress:
    is_there: bool
    line: int
    position: int
    counts: tuple[int, ...]
    has_ended: bool


def judge(connection: Snapshot, people: Participants) -> Iterator[Check]:
    """Every batch is the file that its sender signed, and each of its lines was told what its message was told."""
    last = ""
    while found := rows(connection, _BATCHES, last):
        for name, insurer, digest, content_type, size, keyid, nonce, request, *progress in found:
            yield from compare("batches", name, {"id": (batch_id(insurer, digest), name)})
            file = _File(connection, name, content_type)
            yield from _judge_results(connection, name, insurer, file, _progress(progress))
            yield from compare("batch_chunks", name, {"bytes": (digest, file.digest()), "size": (size, file.size)})
            # The digest above is the file's, so that what was signed may be held against it alone.
            yield from check_request("batches", name, request, None, people, insurer, stated=file.digests())
            yield from _judge_request(name, request, content_type, keyid, nonce, file)
        last = found[-1][0]
    for table, query in _ORPHANS.items():
        for (name,) in rows(connection, query):
            yield added(table, name)
    for (submission,) in rows(connection, _OTHERS):
        yield unsigned("submissions", submission, "request.batch")
    for batch, line, submission, is_gone in rows(connection, _UNTOLD):
        if is_gone:
            yield missing("batches", batch, submission=submission)
        else:
            yield missing("batch_results", f"{batch}/{line}", submission=submission)


def _progress(row: Sequence[Any]) -> _Progress:
    is_there, line, position, verified, held, refused, conflicts, has_ended = row
    return _Progress(is_there, line or 0, position or 0, (verified, held, refused, conflicts), has_ended)


class _File:
    """The chunks of a batch, read once: the lines as they come, and what is known of the whole behind the last."""

    def __init__(self, connection: Snapshot, name: str, content_type: str) -> None:
        self._connection = connection
        self._name = name
        self._hashes = hashlib.sha256(), hashlib.sha512()
        self._fold = Fold()
        self._leaves = LineHashes(self._fold.add)
        self.is_lines = content_type.split(";")[0].strip().lower() in LINES
        self.size = 0
        self.lines = 0

    def digest(self) -> str:
        """The SHA-256 as everywhere."""
        return f"sha256:{self._hashes[0].hexdigest()}"

    def digests(self) -> dict[str, bytes]:
        """By the names of RFC 9530."""
        return {"sha-256": self._hashes[0].digest(), "sha-512": self._hashes[1].digest()}

    def root(self) -> bytes:
        """The root over the lines, as its sender may have signed it; empty of an empty file."""
        return self._fold.root() if self.size else b""

    def read(self) -> Iterator[_Line]:
        """Each line; a file that is one message is one line. Nothing of a line is kept but its digest."""
        hashed, size, held, is_blank = hashlib.sha256(), 0, b"", True
        for chunk in self._chunks():
            begin = 0
            while begin < len(chunk):
                found = chunk.find(b"\n", begin) if self.is_lines else -1
                piece = held + chunk[begin : found if found >= 0 else len(chunk)]
                begin = found + 1 if found >= 0 else len(chunk)
                held = b"\r" if self.is_lines and piece.endswith(b"\r") else b""  # it may be the line's end
                piece = piece[: len(piece) - len(held)]
                hashed.update(piece)
                size += len(piece)
                is_blank = is_blank and not piece.strip(_BLANK)
                if found >= 0:
                    yield self._line(hashed, size, is_blank and self.is_lines, self.size - len(chunk) + begin)
                    hashed, size, held, is_blank = hashlib.sha256(), 0, b"", True
        if size or held:
            yield self._line(hashed, size, is_blank and self.is_lines, self.size)
        self._leaves.finish()

    def _chunks(self) -> Iterator[bytes]:
        place = 0
        query = "SELECT bytes FROM batch_chunks WHERE batch = %s AND place = %s"
        while found := rows(self._connection, query, self._name, place):
            chunk = bytes(found[0][0])
            for one in self._hashes:
                one.update(chunk)
            self._leaves.update(chunk)
            self.size += len(chunk)
            place += 1
            yield chunk

    def _line(self, hashed: "hashlib._Hash", size: int, is_blank: bool, end: int) -> _Line:
        self.lines += 1
        return _Line(self.lines, f"sha256:{hashed.hexdigest()}", size, is_blank, end)


def _judge_results(connection: Snapshot, name: str, insurer: str, file: _File, progress: _Progress) -> Iterator[Check]:
    reached: int | None = 0 if progress.line == 0 else None
    some: list[_Line] = []
    for line in file.read():
        some.append(line)
        if line.number == progress.line:
            reached = line.end
        if len(some) == _MANY:
            yield from _judge_lines(connection, name, insurer, some, progress.line)
            some = []
    yield from _judge_lines(connection, name, insurer, some, progress.line)
    query = "SELECT line FROM batch_results WHERE batch = %s AND line > %s ORDER BY line LIMIT 100"
    for (number,) in rows(connection, query, name, min(progress.line, file.lines)):
        yield added("batch_results", f"{name}/{number}")
    if not progress.is_there:
        yield missing("batch_progress", name)
        return
    table = "batch_progress"
    yield from compare(table, name, {"position": (reached, progress.position)})
    if progress.has_ended:
        yield from compare(table, name, {"line": (file.lines, progress.line)})
    yield from compare(table, name, {"counts": (rows(connection, _COUNTS, name)[0], progress.counts)})


def _judge_lines(
    connection: Snapshot, name: str, insurer: str, lines: Sequence[_Line], answered: int
) -> Iterator[Check]:
    if not lines:
        return
    there = {row[0]: row[1:] for row in rows(connection, _RESULTS, name, lines[0].number, lines[-1].number)}
    table = "batch_results"
    for line in lines:
        key = f"{name}/{line.number}"
        row = there.get(line.number)
        if row is None:
            if line.number <= answered and not line.is_blank:
                yield missing(table, key)
            continue
        status, submission, sender, told, digest = row
        if line.is_blank:
            yield added(table, key)
        elif submission is None:
            # Only a line that is longer than what is taken has no message.
            if status != "refused" or line.size <= _SHORTEST_LIMIT:
                yield changed(table, key, "submission_id", there="none", size=line.size)
        elif sender != insurer:
            yield changed(table, key, "submission_id", there=submission)
        elif status == "conflict":
            if digest == line.digest:
                yield changed(table, key, "status", told=told, there=status)
        else:
            yield from compare(table, key, {"status": (told, status), "line": (line.digest, digest)})


def _judge_request(
    name: str, request: Any, content_type: str, keyid: str, nonce: str | None, file: _File
) -> Iterator[Check]:
    """What else was signed with the file is what the columns say, and the root over its lines is theirs."""
    if not isinstance(request, dict):
        return  # which was told
    yield from compare("batches", name, {"keyid": (request.get("keyid"), keyid)})
    lines = lines_of(request)
    types = [line.partition(": ")[2] for line in lines if line.startswith('"content-type": ')]
    if any(told != content_type for told in types):
        yield changed("batches", name, "content_type", told=types[0], there=content_type)
    yield from check_nonce("batches", name, request, nonce)
    for line in lines:
        if line.startswith(f'"{FIELD}": '):
            try:
                root = read_byte_sequences(line.partition(": ")[2])["sha-256"]
            except (ValueError, KeyError):
                root = b""
            told = base64.b64encode(root).decode()
            yield from compare("batches", name, {"lines": (told, base64.b64encode(file.root()).decode())})
