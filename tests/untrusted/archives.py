"""Archives byte by byte: whatever a header may say, true or not, in the directory and in front of the data."""

import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

END = b"PK\x05\x06"


@dataclass(frozen=True)
class Item:
    """One entry. `local` and `central` override fields of one header only, by name; `descriptor` True writes one."""

    name: bytes
    content: bytes = b"content"
    method: int = 8
    flags: int = 0
    attributes: int = 0
    made_by: int = 20
    local_extra: bytes = b""
    central_extra: bytes = b""
    comment: bytes = b""
    packed: bytes | None = None
    behind: bytes = b""
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)

    def data(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method == 0:
            return self.content
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflater.compress(self.content) + deflater.flush()

    def facts(self) -> dict[str, Any]:
        return {
            "flags": self.flags,
            "method": self.method,
            "crc": zlib.crc32(self.content),
            "packed": len(self.data()),
            "size": len(self.content),
            "name": self.name,
        }


def local_header(item: Item) -> bytes:
    facts = item.facts() | item.local
    head = struct.pack(
        "<4s5H3I2H", b"PK\x03\x04", 20, facts["flags"], facts["method"], 0, 0x5821,
        facts["crc"], facts["packed"], facts["size"], len(facts["name"]), len(item.local_extra),
    )  # fmt: skip
    return head + facts["name"] + item.local_extra


def central_header(item: Item, offset: int) -> bytes:
    facts = item.facts() | {"offset": offset, "disk": 0} | item.central
    head = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", item.made_by, 20, facts["flags"], facts["method"], 0, 0x5821,
        facts["crc"], facts["packed"], facts["size"], len(facts["name"]), len(item.central_extra), len(item.comment),
        facts["disk"], 0, item.attributes, facts["offset"],
    )  # fmt: skip
    return head + facts["name"] + item.central_extra + item.comment


def end_record(count: int, size: int, offset: int, comment: bytes = b"", **other: int) -> bytes:
    facts = {"disk": 0, "first": 0, "here": count} | other
    return struct.pack(
        "<4s4H2IH", END, facts["disk"], facts["first"], facts["here"], count, size, offset, len(comment)
    ) + comment  # fmt: skip


def archive(
    *items: Item, prefix: bytes = b"", before_directory: bytes = b"", comment: bytes = b"", **end: int
) -> bytes:
    """The archive of `items`; offsets count from its first byte, prefix included."""
    body, directory = prefix, b""
    for item in items:
        directory += central_header(item, len(body))
        body += local_header(item) + item.data() + item.behind
    body += before_directory
    return body + directory + end_record(len(items), len(directory), len(body), comment, **end)


def described(item: Item, *, signature: bool = True, wide: bool = False, **stated: int) -> Item:
    """`item` as streaming writers have it: zeros in the local header, a data descriptor behind the data."""
    facts = item.facts() | stated
    width = "Q" if wide else "I"
    descriptor = struct.pack(f"<I2{width}", facts["crc"], facts["packed"], facts["size"])
    return replace(
        item,
        flags=item.flags | 8,
        behind=(b"PK\x07\x08" if signature else b"") + descriptor,
        local={"crc": 0, "packed": 0, "size": 0} | item.local,
    )


def extra(identifier: int, content: bytes) -> bytes:
    return struct.pack("<2H", identifier, len(content)) + content
