"""Structured fields (RFC 9651) as HTTP message signatures use them: Signature-Input, Signature, Content-Digest.

The grammar is the library http-sf's; this is the only module that imports it. Measured: 22 µs for the Signature-Input
and Signature of one usual request, so that there is no second parser beside it.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

import http_sf
from http_sf.innerlist import ser_item_or_inner_list
from http_sf.item import ser_item
from http_sf.parameters import ser_params
from http_sf.retrofit import retrofit

from signing.kept import few

Kind = Literal["item", "list", "dictionary"]

MAX_FIELD = 32_768
MAX_MEMBERS = 8
MAX_COMPONENTS = 64

# Fields that their own RFC defines as structured; the library adds those of draft-ietf-httpbis-retrofit.
_KINDS: Mapping[str, str] = {
    **retrofit,
    "content-digest": "dictionary",
    "repr-digest": "dictionary",
    "want-content-digest": "dictionary",
    "want-repr-digest": "dictionary",
    "signature": "dictionary",
    "signature-input": "dictionary",
    "accept-signature": "dictionary",
    "client-cert": "item",
    "client-cert-chain": "list",
    "idempotency-key": "item",
}


_NO_PARAMS: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Component:
    """A component identifier (RFC 9421 section 2): its name, its parameters, and both as they stand in the base."""

    name: str
    params: Mapping[str, Any]
    text: str

    @property
    def identity(self) -> tuple[str, frozenset[tuple[str, str]]]:
        """What makes it the same component as another: its parameters in any order."""
        if not self.params:
            return self.name, _NO_PARAMS
        return self.name, frozenset((key, repr(value)) for key, value in self.params.items())


@dataclass(frozen=True, slots=True)
class SignatureInput:
    """One member of Signature-Input: the covered components in order, the parameters, and its canonical text."""

    components: tuple[Component, ...]
    params: Mapping[str, Any]
    text: str


def read_signature_inputs(field: str) -> dict[str, SignatureInput]:
    """The members of a Signature-Input field, by label.

    Raises ValueError on what is no dictionary of inner lists of strings, on a label or parameter that stands twice,
    and on what is over the limits above.
    """
    inputs = {}
    for label, (items, params) in _read_members(field).items():
        if not isinstance(items, list) or not all(type(name) is str for name, _ in items):
            raise ValueError(f"{label} is not an inner list of strings")
        if len(items) > MAX_COMPONENTS:
            raise ValueError(f"{label} covers more than {MAX_COMPONENTS} components")
        components = tuple(Component(name, own, ser_item((name, own))) for name, own in items)
        text = f"({' '.join([component.text for component in components])}){ser_params(params)}"
        inputs[label] = SignatureInput(components, params, text)
    return inputs


def read_byte_sequences(field: str) -> dict[str, bytes]:
    """The members of a Signature or Content-Digest field. Raises ValueError like the above, or on another type."""
    members = _read_members(field)
    for key, (value, _) in members.items():
        if not isinstance(value, bytes):
            raise ValueError(f"{key} is not a byte sequence")
    return {key: value for key, (value, _) in members.items()}


def kind_of(name: str) -> Kind:
    """How the field `name` is structured. Raises ValueError if it is not known to be."""
    if name not in _KINDS:
        raise ValueError(f"{name} is not known to be a structured field")
    return cast(Kind, _KINDS[name])


def canonical(field: str, kind: Kind) -> str:
    """The field re-serialised (RFC 9421 section 2.1.1). Raises ValueError; an empty list or dictionary too."""
    value = _parse(field, kind)
    if kind != "item" and not value:
        raise ValueError("an empty list or dictionary has no serialisation")
    return http_sf.ser(value)


def canonical_member(field: str, key: str) -> str:
    """The member `key` of a dictionary field, re-serialised (RFC 9421 section 2.1.2). Raises ValueError."""
    members = _parse(field, "dictionary")
    if not isinstance(members, dict) or key not in members:
        raise ValueError(f"the dictionary has no member {key}")
    return ser_item_or_inner_list(members[key])


def write_byte_sequence(content: bytes) -> str:
    """RFC 9651 section 4.1.8."""
    return f":{base64.b64encode(content).decode('ascii')}:"


def write_string(text: str) -> str:
    """RFC 9651 section 4.1.6. Raises ValueError on what is not printable ASCII."""
    return ser_item(text)


@few(16)  # a signature may cover many members of one long field; nothing here changes what is returned
def _parse(field: str, kind: Kind) -> http_sf.StructuredType:
    return http_sf.parse(_bounded(field), tltype=kind)


def _read_members(field: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """A dictionary of (value or list of items, parameters).

    RFC 9651 lets the last of two equal keys win. For what is signed, two readings are one too many: ValueError.
    """
    members = http_sf.parse(_bounded(field), tltype="dictionary", on_duplicate_key=_refuse)
    if not isinstance(members, dict) or len(members) > MAX_MEMBERS:
        raise ValueError(f"a dictionary of more than {MAX_MEMBERS} members")
    return cast("dict[str, tuple[Any, dict[str, Any]]]", members)


def _refuse(key: str, place: str) -> NoReturn:
    raise ValueError(f"{place} {key} stands twice")


def _bounded(field: str) -> bytes:
    if len(field) > MAX_FIELD:
        raise ValueError(f"a field of over {MAX_FIELD} characters")
    return field.encode("ascii")
