"""DER (X.690) as a tree of slices: every element keeps the bytes that a signature may stand over."""

from dataclasses import dataclass
from typing import Final

from untrusted.limits import DEFAULT, Limits
from untrusted.refused import Refused

_CONSTRUCTED = 0x20
# Universal tags that DER writes constructed; all other universal types are primitive (X.690 sections 8 and 10.2).
_MUST_BE_CONSTRUCTED: Final = frozenset({8, 11, 16, 17, 29})
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 1, 2, 3, 4, 5, 6
_ENUMERATED = 10
_CHECKED: Final = frozenset({0, BOOLEAN, INTEGER, BIT_STRING, NULL, _ENUMERATED})
# Identifiers with a low tag number that are primitive or constructed as they must be.
_COMMON: Final = frozenset(
    tag
    for tag in range(0x100)
    if tag & 0x1F != 0x1F and (tag >= 0x40 or bool(tag & _CONSTRUCTED) is (tag & 0x1F in _MUST_BE_CONSTRUCTED))
)
_TEXT: Final = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}


@dataclass(slots=True, eq=False)  # nobody assigns to one; frozen, building them would be the dearest part of reading
class Node:
    """One element: `tag` is its whole identifier octet, `offset` where it starts, `children` empty if primitive.

    The readers (`oid`, `integer`, …) raise `Refused` (`der.malformed`) if the element is not of their kind; `tag`
    may be given where an IMPLICIT tag stands in for the universal one.
    """

    tag: int
    offset: int
    children: tuple["Node", ...]
    _source: bytes
    _start: int
    _end: int

    @property
    def raw(self) -> bytes:
        """The element as it was sent: identifier, length and content octets."""
        return self._source[self.offset : self._end]

    @property
    def content(self) -> bytes:
        """The content octets."""
        return self._source[self._start : self._end]

    def __len__(self) -> int:
        return len(self.children)

    def __getitem__(self, index: int) -> "Node":
        """The child at `index`; a missing one is refused, not an `IndexError`."""
        try:
            return self.children[index]
        except IndexError:
            raise self._not(f"an element with a member {index}") from None

    def oid(self, *, tag: int = OID) -> str:
        """OBJECT IDENTIFIER in dotted form."""
        octets = self._content(tag, "an OBJECT IDENTIFIER")
        arcs: list[int] = []
        arc = 0
        for position, octet in enumerate(octets):
            if arc == 0 and octet == 0x80:
                raise self._not("an OBJECT IDENTIFIER with minimal arcs")
            arc = arc << 7 | octet & 0x7F
            if octet & 0x80 == 0:
                arcs.append(arc)
                arc = 0
            elif position + 1 == len(octets) or arc >> 128:
                raise self._not("an OBJECT IDENTIFIER that ends")
        if not arcs:
            raise self._not("an OBJECT IDENTIFIER with arcs")
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    def integer(self, *, tag: int = INTEGER) -> int:
        """INTEGER or ENUMERATED (by `tag`), signed as encoded."""
        octets = self._content(tag, "an INTEGER")
        if not octets or len(octets) > DEFAULT.der_integer_bytes:
            raise self._not("an INTEGER of a size that is read")
        if tag != INTEGER and not _minimal(octets):
            raise self._not("an INTEGER in its shortest form")
        return int.from_bytes(octets, "big", signed=True)

    def boolean(self, *, tag: int = BOOLEAN) -> bool:
        """BOOLEAN."""
        octets = self._content(tag, "a BOOLEAN")
        if octets not in (b"\x00", b"\xff"):
            raise self._not("a BOOLEAN")
        return octets == b"\xff"

    def octet_string(self, *, tag: int = OCTET_STRING) -> bytes:
        """The octets of an OCTET STRING."""
        return self._content(tag, "an OCTET STRING")

    def bit_string(self, *, tag: int = BIT_STRING) -> bytes:
        """The octets of a BIT STRING without the leading count of unused bits, which are zero (see `unused_bits`)."""
        octets = self._content(tag, "a BIT STRING")
        if not _bits(octets):
            raise self._not("a BIT STRING")
        return octets[1:]

    def unused_bits(self, *, tag: int = BIT_STRING) -> int:
        """How many bits of the last octet of a BIT STRING are not meant."""
        self.bit_string(tag=tag)
        return self._source[self._start]

    def text(self) -> str:
        """The characters of a string type, decoded strictly by its tag."""
        codec = _TEXT.get(self.tag)
        if codec is None:
            raise self._not("a text")
        try:
            return self.content.decode(codec)
        except UnicodeDecodeError:
            raise self._not(f"a text in {codec}") from None

    def _content(self, tag: int, kind: str) -> bytes:
        if self.tag != tag:
            raise self._not(kind)
        return self._source[self._start : self._end]

    def _not(self, kind: str) -> Refused:
        return _malformed("type", f"The element with identifier {self.tag:#04x} is not {kind}.", self.offset)


def read_der(data: bytes, *, limits: Limits = DEFAULT) -> Node:
    """The one element that `data` is: definite, minimal lengths, nothing behind it, everything within checked.

    An explicitly encoded default is tolerated, as are the order of a SET OF and the arcs of an OBJECT IDENTIFIER (some
    seals carry text there): `Node.oid` judges the latter.
    Raises `Refused`: `file.too-large`, `der.malformed`, `der.too-deep`.
    """
    if len(data) > limits.der_bytes:
        raise Refused("file.too-large", "bytes", f"{len(data)} bytes are more than {limits.der_bytes}.", size=len(data))
    nodes, end = _elements(data, 0, len(data), limits.der_depth, limits.der_nodes, only_one=True)[:2]
    if end != len(data):
        raise _malformed("suffix", "Something follows the element.", end)
    return nodes[0]


def _elements(
    data: bytes, at: int, limit: int, depth: int, budget: int, *, only_one: bool = False
) -> tuple[tuple[Node, ...], int, int]:
    """The elements from `at` to `limit`, or the first of them; where they end, and what is left of the budget."""
    found: list[Node] = []
    while at < limit or only_one:
        if depth == 0:
            raise Refused("der.too-deep", "depth", "Elements are nested too deep.", where=f"offset {at}")
        if budget == 0:
            raise Refused("file.too-large", "items", "The data hold more elements than are read.")
        budget -= 1
        start = at + 2
        # Most elements are short and of a common kind: for them this is all that `_header` finds out.
        if start <= limit and (tag := data[at]) in _COMMON and (length := data[at + 1]) < 0x80:
            end = start + length
            if end > limit:
                _header(data, at, limit)
        else:
            tag, start, end = _header(data, at, limit)
        children: tuple[Node, ...] = ()
        if tag & _CONSTRUCTED:
            if start < end:
                children, _, budget = _elements(data, start, end, depth - 1, budget)
        elif tag in _CHECKED:
            _check_primitive(tag, data, start, end, at)
        found.append(Node(tag, at, children, data, start, end))
        at = end
        if only_one:
            break
    return tuple(found), at, budget


def _header(data: bytes, at: int, limit: int) -> tuple[int, int, int]:
    """Identifier, start and end of the content of the element at `at`, which must end by `limit`."""
    if at + 2 > limit:
        raise _malformed("cut-off", "The element is cut off.", at)
    tag, length = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise _malformed("high-tag", "Tag numbers above 30 are not read.", at)
    if tag < 0x40 and bool(tag & _CONSTRUCTED) is not (tag & 0x1F in _MUST_BE_CONSTRUCTED):
        raise _malformed("constructed", "The element is constructed where DER is primitive, or the reverse.", at)
    start = at + 2
    if length & 0x80:
        count = length & 0x7F
        if count == 0:
            raise _malformed("indefinite", "The element has an indefinite length: this is BER.", at)
        octets = data[start : start + count]
        length = int.from_bytes(octets[:8], "big")
        if count > 8 or start + count > limit or octets[0] == 0 or length < 0x80:
            raise _malformed("length", "The length is not in its shortest form, or not complete.", at)
        start += count
    if start + length > limit:
        raise _malformed("cut-off", "The element is longer than what holds it.", at)
    return tag, start, start + length


def _check_primitive(tag: int, data: bytes, start: int, end: int, at: int) -> None:
    if tag in (INTEGER, _ENUMERATED):
        if not _minimal(data[start : min(end, start + 2)]):
            raise _malformed("integer", "The INTEGER is empty or not in its shortest form.", at)
    elif tag == BOOLEAN:
        if end - start != 1 or data[start] not in (0, 0xFF):
            raise _malformed("boolean", "The BOOLEAN is neither 00 nor FF.", at)
    elif tag == BIT_STRING:
        if not _bits(data[start:end]):
            raise _malformed("bit-string", "The unused bits of the BIT STRING are miscounted or not zero.", at)
    elif tag == NULL:
        if start != end:
            raise _malformed("null", "The NULL holds something.", at)
    elif tag == 0:
        raise _malformed("end-of-contents", "End-of-contents octets stand in DER.", at)


def _minimal(octets: bytes) -> bool:
    if len(octets) < 2:
        return len(octets) == 1
    return not (octets[0] == 0 and octets[1] < 0x80) and not (octets[0] == 0xFF and octets[1] >= 0x80)


def _bits(octets: bytes) -> bool:
    if not octets or octets[0] > 7:
        return False
    if len(octets) == 1:
        return octets[0] == 0
    return octets[-1] & ((1 << octets[0]) - 1) == 0


def _malformed(reason: str, detail: str, at: int) -> Refused:
    return Refused("der.malformed", reason, detail, where=f"offset {at}")
