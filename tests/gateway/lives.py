"""Messages of the standard schema as the ledger receives them, from insurers and authorities that need no documents."""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from house import ORIGIN, judges

from gateway.db import Connection
from gateway.participants import Participant, Participants
from gateway.submissions.arrival import Arrival
from gateway.submissions.gather import Judges
from gateway.submissions.read import read_message
from gateway.submissions.receive import Answer, receive
from schemas.verification import passed

CREDIT_CODES = ("91330108MA2XX9T186", "91331082MA28GHJ45X", "91330000MA2DEMA16M")
_nonces = itertools.count(1)


def people(*insurers: str) -> Participants:
    """These insurers, a subsidy system and a regulator."""
    listed = [
        Participant(
            code=code,
            role="insurer",
            name=f"示例{number}财产保险有限公司",
            credit_code=CREDIT_CODES[number % len(CREDIT_CODES)],
            company_code=f"0009{number:02d}",
            dialect="DIA-CANON-JSON",
        )
        for number, code in enumerate(insurers)
    ]
    listed.append(Participant(code="SUBSIDY", role="subsidy_system", name="示例省补贴系统"))
    listed.append(Participant(code="REGULATOR", role="regulator", name="示例省金融监管局"))
    return Participants(listed)


def judging(*insurers: str) -> Judges:
    """What decisions rest on, with these insurers."""
    return judges(participants=people(*insurers), log_origin=ORIGIN)


def said(by: Judges, envelope: Mapping[str, Any], who: str | None = None, *, at: datetime | None = None) -> Arrival:
    """An envelope as it arrives, when it was sent."""
    roles = {"award": "SUBSIDY", "decision": "REGULATOR", "directive": "REGULATOR"}
    code = who or envelope.get("insurer") or roles[envelope["type"]]
    sender = by.participants.find(code)
    assert sender is not None, code
    body = json.dumps(envelope, ensure_ascii=False).encode()
    reading = read_message(body, "application/json", sender)
    return Arrival(
        insurer=sender,
        message_id=reading.message_id or "unread",
        body=body,
        content_type="application/json",
        received_at=at or datetime.fromisoformat(envelope["sent_at"]).astimezone(UTC),
        keyid="key-1",
        nonce=f"life-{next(_nonces)}",
        may_repeat=False,
        proof={"keyid": "key-1"},
        request_checks=(passed("request.signature"),),
        reading=reading,
        body_digest=f"sha256:{hashlib.sha256(body).hexdigest()}",
    )


async def tell(
    connection: Connection, by: Judges, envelopes: Sequence[Mapping[str, Any]], *, together: int = 1
) -> list[Answer]:
    """Receive these messages in their order, so many in a transaction."""
    answers: list[Answer] = []
    arrivals = [said(by, envelope) for envelope in envelopes]
    for start in range(0, len(arrivals), together):
        answers += await receive(connection, arrivals[start : start + together], by)
    return answers
