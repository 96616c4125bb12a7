"""A scheme as it is published."""

from gateway.schemes.profile import Scheme, load_keys
from gateway.schemes.terms import Terms


def as_json(scheme: Scheme) -> dict[str, object]:
    """The scheme as plain JSON values, with every key that its rules ask: whether open, its answers, its default."""
    keys = load_keys()
    asked = [key for key in keys.values() if key.rule in scheme.rules]
    return {
        **scheme.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"open"}),
        "keys": [
            {
                "key": key.name,
                "rule": key.rule,
                "title": key.title.model_dump(),
                "open": key.name in scheme.open,
                "values": [*key.readings, *key.values],
                "default": Terms(scheme).value(key.name),
            }
            for key in asked
        ],
    }
