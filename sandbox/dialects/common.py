"""What the writers of several formats share."""

import html
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sandbox.records import Record

Tree = Mapping[str, Any]


def xml(tree: Tree) -> str:
    """Elements of names to texts, trees or lists of them. What is `None` or an empty list is left out."""
    found = []
    for name, value in tree.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            body = xml(item) if isinstance(item, Mapping) else html.escape(str(item), quote=False)
            found.append(f"<{name}>{body}</{name}>")
    return "".join(found)


def shifted(number: str, places: int) -> str:
    """The decimal text times ten to `places`, without zeros at its end."""
    return format((Decimal(number).scaleb(places)).normalize(), "f")


def by_policy(records: Sequence[Record], what: str) -> list[tuple[Record, list[Record]]]:
    """Each policy with the other records about it. Raises ValueError for a record without its policy."""
    policies = {one.policy_no: (one, list[Record]()) for one in records if one.type == "policy"}
    for one in records:
        if one.type == "policy":
            continue
        if one.type == "invoice" or one.policy_no not in policies:
            raise ValueError(f"{what} states a {one.type} only beside its policy")
        policies[one.policy_no][1].append(one)
    return list(policies.values())


def refuse(what: str, one: Record) -> ValueError:
    """The error for a record that a format has no way to say."""
    return ValueError(f"{what} has no way to say a {one.type} {one.body.get('kind', '')}".rstrip())


def code_of(line: str, table: Mapping[str, str]) -> str:
    """The code of a line of business. Raises ValueError for a line that has none."""
    if line not in table:
        raise ValueError(f"this format has no code for the line {line}")
    return table[line]


def money_of(one: Record) -> Mapping[str, str]:
    """The signed change of an endorsement, or what a cancellation returns, as a negative change; nothing if unstated.

    By gross, net and tax.
    """
    if one.type == "cancellation":
        return {name: f"-{amount}" for name, amount in one.body.get("return_premium", {}).items()}
    return dict(one.body.get("premium_change", {}))
