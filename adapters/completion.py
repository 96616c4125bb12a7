"""What a draft lacks and the mapping derives: an identifier that the record type needs and the format does not have.

The identifier is a function of the source's own keys alone (`Mapping.derives`): the same source gives the same one at
every submission, another source another one, and its prefix keeps receipts, refunds and endorsements apart.
"""

import base64
import hashlib
import json
from collections.abc import Mapping as Fields
from typing import Any

from adapters.drafts import Draft, Lineage
from adapters.insurers import MAPPINGS
from adapters.mapping import Derived, Mapping


def complete(draft: Draft, mapping: Mapping | str) -> Draft:
    """The draft with the identifier that its mapping derives, and a lineage entry that says so; else the draft itself.

    A number that the source states is never replaced. Raises `KeyError` for an unknown code.
    """
    known = MAPPINGS[mapping] if isinstance(mapping, str) else mapping
    derived = known.derives.get(draft.type)
    if derived is None or derived.field in draft.record:
        return draft
    record: dict[str, Any] = {**draft.record, derived.field: identifier(draft, derived)}
    source = f"derived from {', '.join(derived.keys)}"
    lineage: Fields[str, Lineage] = {**draft.lineage, derived.field: Lineage(source, None, known.id)}
    return Draft(draft.type, record, lineage, draft.keys, draft.nth)


def identifier(draft: Draft, derived: Derived) -> str:
    """The prefix and 128 bits of SHA-256 over type, keys and place among equals, in base 32: 26 characters.

    The mapping's version and the insurer's code are not in it: a number stays when a mapping is mended, and numbers are
    unique for each insurer anyway.
    """
    stated = json.dumps([draft.type, *draft.keys, draft.nth], ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(stated.encode()).digest()[:16]
    return derived.prefix + base64.b32encode(digest).decode().rstrip("=")
