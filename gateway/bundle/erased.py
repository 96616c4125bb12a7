"""Documents of a bundle that were erased by order: the log says so, and all that does not need their bytes stays."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from gateway.bundle.read import Bundle
from gateway.erasure.store import Erasure

_SAID = ("ground", "order_no", "ordered_by", "ordered_on")


def as_told(erasure: Erasure) -> dict[str, Any]:
    """The erasure as `document.json` tells it."""
    order = erasure.asked.order
    return {
        "ground": order.ground,
        "order_no": order.order_no,
        "ordered_by": order.ordered_by,
        "ordered_on": order.ordered_on.isoformat(),
        "leaf_index": erasure.leaf_index,
    }


def erased_in(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """By digest, what the leaves of the bundle say of erasures. That they are in the tree is a step of its own."""
    found = {}
    for leaf in bundle.json("log/leaves.json")["leaves"]:
        entry = orjson.loads(leaf["entry"])
        if entry["kind"] == "erasure":
            body = entry["body"]
            found[body["document"]] = {name: body[name] for name in _SAID} | {"leaf_index": leaf["index"]}
    return found


def in_words(digest: str, told: Mapping[str, Any]) -> str:
    """One sentence for people."""
    return f"{digest}: erased by order {told['order_no']} of {told['ordered_by']} on {told['ordered_on']} 已依令删除"


def words_of(documents: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The same of each of these documents that was erased, once."""
    return tuple(dict.fromkeys(in_words(one["digest"], one["erased"]) for one in documents if one.get("erased")))
