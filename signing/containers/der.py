"""Small readings of DER values, each strict about its own type.

`read_der` has refused what is not DER; here a value is refused for being of another type than the structure
wants.
"""

from signing.seal import Bits
from untrusted import Node, Refused

_BITS, _OCTETS, _INTEGER, _BOOLEAN = 0x03, 0x04, 0x02, 0x01
_TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x1E: "utf-16-be", 0x14: "latin-1"}
_LARGEST_OBJECT_ID = 64  # bytes
_LARGEST_INTEGER = 20  # bytes: enough for a serial number (RFC 5280 section 4.1.2.2)


class NotAsExpected(ValueError):
    """The bytes do not have the structure that their place asks for; the message says where."""


def expect(node: Node, tag: int, what: str) -> Node:
    """`node` itself, if it has `tag`. Raises `NotAsExpected`, naming `what` was expected."""
    if node.tag != tag:
        raise NotAsExpected(f"{what} has tag {node.tag:#04x} instead of {tag:#04x}")
    return node


def integer(node: Node) -> int:
    """An INTEGER of at most 20 bytes. Raises `NotAsExpected`."""
    content = expect(node, _INTEGER, "a number").content
    if not 0 < len(content) <= _LARGEST_INTEGER:
        raise NotAsExpected("a number of an absurd size")
    return int.from_bytes(content, "big", signed=True)


def octets(node: Node) -> bytes:
    """The content of an OCTET STRING. Raises `NotAsExpected`."""
    return expect(node, _OCTETS, "an octet string").content


def bit_string(node: Node) -> Bits:
    """A BIT STRING as octets and number of unused bits. Raises `NotAsExpected` if the unused bits are not zero."""
    content = expect(node, _BITS, "a bit string").content
    if not content or content[0] > 7 or (len(content) == 1 and content[0]):
        raise NotAsExpected("a bit string without a sound count of unused bits")
    if len(content) > 1 and content[-1] & ((1 << content[0]) - 1):
        raise NotAsExpected("a bit string whose unused bits are set")
    return Bits(content[1:], content[0], trimmable=True)


def boolean(node: Node) -> bool:
    """A BOOLEAN of DER: 00 or FF. Raises `NotAsExpected`."""
    content = expect(node, _BOOLEAN, "a truth value").content
    if content not in (b"\x00", b"\xff"):
        raise NotAsExpected("a truth value that is neither 00 nor FF")
    return content == b"\xff"


def text(node: Node) -> str:
    """A text of a known string type. Raises `NotAsExpected` if its bytes are not that."""
    encoding = _TEXTS.get(node.tag)
    if encoding is None:
        raise NotAsExpected(f"tag {node.tag:#04x} is not text")
    try:
        return node.content.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotAsExpected(f"text that is not {encoding}") from error


def object_id(node: Node) -> str:
    """An OBJECT IDENTIFIER in dotted form. Raises `NotAsExpected` on padded or open-ended arcs."""
    if len(node.content) > _LARGEST_OBJECT_ID:
        raise NotAsExpected("an object identifier of an absurd size")
    try:
        return node.oid()
    except Refused as refused:
        raise NotAsExpected(refused.detail) from refused
