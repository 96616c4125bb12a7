"""Finding premiums: insurer by insurer, each at the same cost whatever the others have, and whatever is asked for.

Within an insurer the rarest of the things asked for leads: those premiums are read and the rest is held against them.
If nothing is rare, the premiums are gone through in order: then a page is full soon. No number of hits is told: nothing
has to be counted, and nothing can be told from a count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.db import Connection
from gateway.search import store
from gateway.search.store import Found, Place

RARE = 5000
"""So many premiums are read and sorted for a page; more are gone through in order."""
_MOST_NAMES = 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, all of it; `q` is any of policy number, enterprise, product or their codes.

    Policy numbers, approval numbers and credit codes are meant by how they begin, names by any part of them.
    """

    q: str | None = None
    enterprise: str | None = None
    product: str | None = None
    policy_no: str | None = None
    status: str | None = None

    def given(self) -> dict[str, str]:
        """What is asked for, by name."""
        said = {name: getattr(self, name) for name in ("q", "enterprise", "product", "policy_no", "status")}
        return {name: value for name, value in said.items() if value is not None}


async def find_premiums(
    connection: Connection, asked: Asked, insurer: str | None, after: Place | None, limit: int
) -> list[Found]:
    """The premiums that are meant, of one insurer or of all, behind `after`, by insurer and policy number."""
    codes = [insurer] if insurer is not None else await store.list_insurers(connection)
    terms = await store.fold(connection, asked.given())
    found: list[Found] = []
    for code in codes:
        if after is not None and code < after.insurer:
            continue
        behind = after.policy_no if after is not None and code == after.insurer else ""
        found += await _of_insurer(connection, code, terms, behind, limit - len(found))
        if len(found) >= limit:
            break
    return found


async def _of_insurer(
    connection: Connection, insurer: str, terms: Mapping[str, str], behind: str, limit: int
) -> list[Found]:
    page = store.Page(insurer, terms, behind, limit)
    if not terms:
        return await store.list_in_order(connection, page)
    named = [
        (f"{term}_{kind}", kind, terms[term])
        for kind in ("enterprise", "product")
        for term in ("q", kind)
        if term in terms
    ]
    names = await store.find_names(connection, insurer, named, _MOST_NAMES + 1) if named else {}
    page = replace(page, names=names)
    leader = await _rarest(connection, page)
    if leader is None:
        return await store.list_in_order(connection, page)
    return await store.list_led_by(connection, page, leader)


async def _rarest(connection: Connection, page: store.Page) -> str | None:
    """Which of the things asked for the fewest premiums have, if that is rare."""
    best: tuple[int, str] | None = None
    for term in page.terms:
        own: Any = [names for key, names in page.names.items() if key.startswith(f"{term}_")]
        if any(len(names) > _MOST_NAMES for names in own):
            continue
        count = await store.count_led_by(connection, page, term, RARE + 1)
        if count <= RARE and (best is None or count < best[0]):
            best = (count, term)
    return best[1] if best else None
