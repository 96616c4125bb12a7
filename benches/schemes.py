"""What the policies of one product are worth in a year under a scheme, beside the floor: their records read once."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from time import process_time

from benches.line import Line, race
from benches.year import simulate
from gateway.schemes import Terms, assess, find_scheme, read_message

_AT = date(2026, 12, 31)
_POLICIES = (2, 20)


def run(seconds: float) -> Iterator[Line]:
    """Years of a product in a second of one core: of few policies and of many, with what other readings would give."""
    terms = Terms(find_scheme("ZJ-NDI", _AT))
    for policies in _POLICIES:
        messages = [message | {"record": _one_product(message["record"])} for message in simulate(policies, 1).messages]
        texts = [json.dumps(message) for message in messages]
        told = tuple(one for text in texts if (one := read_message(json.loads(text))) is not None)
        line = race(
            f"scheme.year-of-{policies}",
            "product years per second of one core",
            partial(assess, told, terms, at=_AT),
            partial(_read, texts),
            seconds=seconds,
            clock=process_time,
            records=len(told),
        )
        yield replace(line, more=line.more | {"ms": round(1000 / line.value, 3)})


def _read(texts: Iterable[str]) -> None:
    """The floor: the records are read, and nothing is made of them."""
    for text in texts:
        json.loads(text)


def _one_product(record: dict[str, object]) -> dict[str, object]:
    """The record, of the one product."""
    product = record.get("product")
    if isinstance(product, dict):
        return record | {"product": product | {"generic_name": "示例片", "approval_no": "国药准字H20240001"}}
    return record
