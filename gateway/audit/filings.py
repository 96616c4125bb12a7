"""Files of clause filings against the log, and what was recorded of them against their bytes."""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from gateway.audit.entry import Range, Said
from gateway.audit.requests import check_request
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import added, changed, compare, missing, not_known, reordered, unsigned
from gateway.filing.push import names_of
from gateway.filing.read import RegistryFile, read_registry
from gateway.filing.records import RECORD_SEPARATOR
from gateway.filing.registry import statement_digest, statement_of
from gateway.participants import Participants
from schemas.canonical import canonical
from schemas.verification import Check
from signing.algorithms import find_flaw

_FILE = (
    "SELECT id, bytes, media_type, request FROM filing_files WHERE (digest, sender, received_at) = (%s, %s, %s) "
    "ORDER BY id"
)
_STATED = "SELECT id, registry, registration_no, insurer, known_from, digest, statement FROM filings WHERE file = %s"
_WHOLES = "SELECT id, registry, as_of, known_from, digest, count FROM filing_sources WHERE file = %s"


def judge(connection: Snapshot, said: Sequence[Said], people: Participants, found: Range) -> Iterator[Check]:
    """Every file that the log speaks of is there, and the statements recorded of it are those that it makes."""
    for one in said:
        body = one.body
        files = rows(connection, _FILE, body.get("file"), body.get("sender"), one.at)
        if not files:
            yield missing("filing_files", body.get("file"), leaf=one.index)
            continue
        found.count("filing_files")
        number, data, media_type, request = files[0]
        if not found.mark("filing_files", number):
            yield reordered("filing_files", number)
        actual = f"sha256:{hashlib.sha256(data).hexdigest()}"
        yield from compare("filing_files", number, {"bytes": (body.get("file"), actual)})
        if "fetched" in request:
            yield from judge_pages("filing_files", number, request["fetched"], data)
        else:
            yield from check_request("filing_files", number, request, data, people, str(body.get("sender")))
        file = read_registry(
            data,
            file_name=media_type,
            fetched_at=one.at,
            insurers=names_of(people.insurers()),
            registry=str(body.get("registry")),
            as_of=date.fromisoformat(str(body.get("as_of"))),
            may_be_empty=body.get("whole") is True,
        )
        if file.source is None:
            yield not_known("filing_files", number, "what the file states")
            continue
        yield from _judge_statements(one, file, rows(connection, _STATED, number))
        yield from _judge_whole(one, file, number, rows(connection, _WHOLES, number))


def judge_pages(table: str, key: object, fetched: Any, data: bytes) -> Iterator[Check]:
    """What the gateway fetched itself is kept page by page as it came, each under the signature of its source.

    That the key is the source's only the configuration of that day could say; without a key the source signs nothing.
    """
    pages = [part[:-1] for part in data.split(RECORD_SEPARATOR)[1:]]
    if len(pages) != len(fetched["pages"]):
        yield changed(table, key, "pages", told=len(fetched["pages"]), there=len(pages))
    for page, told in zip(pages, fetched["pages"], strict=False):
        digest = hashlib.sha256(page).digest()
        yield from compare(table, key, {"page": (told["digest"], f"sha256:{digest.hex()}")})
        if "signature" not in told:
            continue
        base, signature, spki = (b64decode(told[name]) for name in ("base", "signature", "public_key"))
        names_it = f"sha-256=:{b64encode(digest).decode()}:".encode() in base or b"sha-512=:" in base
        if not names_it or find_flaw(told["algorithm"], spki, base, signature, encoding="raw") is not None:
            yield unsigned(table, key, "request.signature")


def _judge_statements(one: Said, file: RegistryFile, stated: Sequence[tuple[Any, ...]]) -> Iterator[Check]:
    """The rows are as many as the log says, and each says what the file says of its number."""
    by_number = {filing.registration_no: filing for filing in file.filings}
    dropped = sum(row[6] is None for row in stated)
    told = (int(one.body["new"]) + int(one.body["superseded"]), int(one.body["dropped"]))
    if (len(stated) - dropped, dropped) != told:
        make = missing if len(stated) < sum(told) else added
        yield make("filings", one.body["file"], told=sum(told), there=len(stated))
    for number, registry, registration_no, insurer, known_from, digest, statement in stated:
        columns = {"registry": (one.body["registry"], registry), "known_from": (one.at, known_from)}
        filing = by_number.get(registration_no)
        if statement is None:
            columns["digest"] = ("", digest)
            if filing is not None:
                yield changed("filings", number, "statement", told="stated", there="null")
        elif filing is None:
            yield added("filings", number, registration_no=registration_no)
        else:
            columns |= {
                "digest": (statement_digest(filing), digest),
                "statement": (statement_of(filing), canonical(statement)),
                "insurer": (filing.insurer, insurer),
            }
        yield from compare("filings", number, columns)


def _judge_whole(one: Said, file: RegistryFile, number: int, wholes: Sequence[tuple[Any, ...]]) -> Iterator[Check]:
    """A whole statement keeps its day, its count and the digest of all that it states."""
    digest = f"sha256:{hashlib.sha256(canonical(sorted(map(statement_digest, file.filings)))).hexdigest()}"
    if wholes and not one.body["whole"]:
        yield added("filing_sources", wholes[0][0], file=number)
    if not wholes and one.body["whole"] and not (one.body["new"] or one.body["superseded"] or one.body["dropped"]):
        yield missing("filing_sources", f"file {number}", leaf=one.index)
    for key, registry, as_of, known_from, there, count in wholes:
        stated = {
            "registry": (one.body["registry"], registry),
            "as_of": (one.body["as_of"], str(as_of)),
            "known_from": (one.at, known_from),
            "digest": (digest, there),
            "count": (one.body["count"], count),
        }
        yield from compare("filing_sources", key, stated)
