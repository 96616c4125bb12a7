"""Erasures against the log: each that the log speaks of has its row, its proposal, and the signatures of two people."""

from collections.abc import Iterator, Sequence

from gateway.acts import Person
from gateway.audit.entry import Range, Said
from gateway.audit.requests import check_another, check_bodiless, check_signer, lines_of
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import changed, compare, missing
from gateway.erasure.statement import statement_id
from gateway.participants import Participants
from schemas.verification import Check, passed

_QUERY = (
    "SELECT e.document, e.proposal, e.erased_at, e.participant, e.keyid, e.holder, e.request, e.leaf_index, "
    "p.document, p.ground, p.order_no, p.ordered_by, p.ordered_on::text, p.participant, p.keyid, p.holder, p.request, "
    "EXISTS (SELECT FROM documents d WHERE d.digest = e.document AND d.kept_in IS DISTINCT FROM 'erased') "
    "FROM erasures e JOIN erasure_proposals p ON p.id = e.proposal WHERE e.document = ANY(%s)"
)


def judge(connection: Snapshot, said: Sequence[Said], people: Participants, found: Range) -> Iterator[Check]:
    """Every erasure that was logged; it is told as what it is: passed, with the order that it rests on."""
    documents = [str(one.body.get("document")) for one in said]
    there = {row[0]: row[1:] for row in rows(connection, _QUERY, documents)}
    for one, document in zip(said, documents, strict=True):
        row = there.get(document)
        if row is None:
            yield missing("erasures", document, leaf=one.index)
            continue
        found.count("erasures")
        flaws = list(_judge(one, document, row, people))
        yield from flaws
        if not flaws:
            order = {name: one.body[name] for name in ("ground", "order_no", "ordered_by", "ordered_on")}
            yield passed("audit.erased", table="documents", key=document, erased_at=one.at.isoformat(), **order)


def _judge(one: Said, document: str, row: tuple[object, ...], people: Participants) -> Iterator[Check]:
    proposal, erased_at, participant, keyid, holder, request, leaf, about = row[:8]
    ground, order_no, ordered_by, ordered_on = row[8:12]
    asker, asked_by, first, asked, left = row[12:]
    body = one.body
    pairs = {
        "erased_at": (one.at, erased_at),
        "leaf_index": (one.index, leaf),
        "proposal": (body.get("proposal"), proposal),
        "statement": (proposal, statement_id(document, str(ground), str(order_no), str(ordered_by), str(ordered_on))),
        "document": (document, about),
        "ground": (body.get("ground"), ground),
        "order_no": (body.get("order_no"), order_no),
        "ordered_by": (body.get("ordered_by"), ordered_by),
        "ordered_on": (body.get("ordered_on"), ordered_on),
        "approved_by": (body.get("approved_by"), keyid),
        "proposed_by": (body.get("proposed_by"), asked_by),
        "bytes": (False, left),
    }
    yield from compare("erasures", document, pairs)
    asking, agreeing = Person(str(asker), str(asked_by), str(first)), Person(str(participant), str(keyid), str(holder))
    yield from check_another("erasures", document, agreeing, asking)
    for proof, person in ((asked, asking), (request, agreeing)):
        yield from check_bodiless("erasures", document, proof, None, people, person.participant)
        yield from check_signer("erasures", document, proof, person, people)
        if not _names(lines_of(proof), document):
            yield changed("erasures", document, "request.target")


def _names(lines: Sequence[str], document: str) -> bool:
    """What was signed is the erasure of this very document."""
    address = f"/v1/documents/{document.removeprefix('sha256:')}?"
    return '"@method": DELETE' in lines and any(
        line.startswith('"@target-uri": ') and address in line for line in lines
    )
