"""What the benches send: policies with their sealed documents, and premiums paid in instalments.

Making a sealed document costs more than making a message, so each policy is paid in `INSTALMENTS` parts: one policy
message to four receipts, which is also what a market of annual policies paid by the quarter looks like.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context

from benches.wire import Unsigned, document, submission
from sandbox.records import Record
from sandbox.world import World

INSURER = "SANDBOX-C"  # Ed25519 requests, the standard schema, OFD under SM2 seals
INSTALMENTS = 4
_SEED = 1


@dataclass(frozen=True, slots=True)
class Sale:
    """One policy: its sealed document, the message that states it, and the messages of its receipts."""

    document: Unsigned | None
    policy: Unsigned
    receipts: tuple[Unsigned, ...]


def world(at: datetime) -> World:
    """The benches' world. Its keys are the same in each process; making them takes seconds, once a process."""
    return _world(at.astimezone(UTC))


@cache
def _world(at: datetime) -> World:
    return World(_SEED, at=at)


def sales(at: datetime, first: int, count: int, *, sealed: bool = True) -> list[Sale]:
    """Policies number `first` to `first + count - 1` of the insurer; without `sealed` nobody hands a document in."""
    if not sealed or count < 64:
        return [_sale(world(at), number, sealed=sealed) for number in range(first, first + count)]
    world(at).insurer(INSURER)  # made before the fork, so that no child makes it again
    workers = os.cpu_count() or 1
    size = -(-count // workers)
    parts = [(at, start, min(size, first + count - start)) for start in range(first, first + count, size)]
    with ProcessPoolExecutor(workers, get_context("fork")) as pool:
        return [sale for part in pool.map(_sealed, parts) for sale in part]


def _sealed(part: tuple[datetime, int, int]) -> list[Sale]:
    at, first, count = part
    return [_sale(world(at), number, sealed=True) for number in range(first, first + count)]


def _sale(place: World, number: int, *, sealed: bool) -> Sale:
    insurer = place.insurer(INSURER)
    facts = place.policy(insurer, number, instalments=INSTALMENTS)
    handed_in = None
    policy: Record = facts
    if sealed:
        content = place.e_policy(insurer, facts)
        handed_in = document(content, insurer.media_type)
        policy = place.attach(facts, "policy", content, insurer.media_type)
    messages: list[Record] = [policy]
    messages += [
        place.receipt(facts, amount=part["amount"], instalment_no=part["no"], in_full=part["no"] == INSTALMENTS)
        for part in facts.body["instalments"]
    ]
    sent = [
        submission(place.render_message(insurer, [one], f"B{number:07d}-{place_in_line}")[1])
        for place_in_line, one in enumerate(messages)
    ]
    return Sale(handed_in, sent[0], tuple(sent[1:]))


def as_they_come(sold: Sequence[Sale]) -> Iterator[Unsigned]:
    """Policies and receipts mixed: receipts of earlier policies arrive between later policies, each in its order."""
    window = 16
    for place in range(len(sold) + INSTALMENTS * window):
        if place < len(sold):
            yield sold[place].policy
        for number in range(INSTALMENTS):
            earlier = place - (number + 1) * window
            if 0 <= earlier < len(sold):
                yield sold[earlier].receipts[number]
