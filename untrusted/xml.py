"""XML without what makes it dangerous: no document type, no entities, no network, bounded depth and size."""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any, Final

from lxml import etree

from untrusted.limits import DEFAULT, Limits
from untrusted.refused import Refused, refuse_larger, shown

_BOM = b"\xef\xbb\xbf"
_DECLARATION = re.compile(
    rb"<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:\"1\.0\"|'1\.0')"
    rb"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:\"([A-Za-z][A-Za-z0-9._-]*)\"|'([A-Za-z][A-Za-z0-9._-]*)'))?"
    rb"(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:\"(?:yes|no)\"|'(?:yes|no)'))?[ \t\r\n]*\?>"
)
# Up to the first markup that is neither comment nor processing instruction; possessive, so that it stays linear.
_PROLOG = re.compile(rb"(?:[ \t\r\n]++|<!--(?:[^-]++|-(?!->))*+-->|<\?(?:[^?]++|\?(?!>))*+\?>)*+<!DOCTYPE")
_LONGEST_DECLARATION: Final = 1000
_CODEC: Final = {"UTF-8": "utf-8", "GBK": "gb18030", "GB2312": "gb18030", "GB18030": "gb18030"}


def read_xml(
    data: bytes, *, limits: Limits = DEFAULT, encodings: frozenset[str] = frozenset({"utf-8"})
) -> etree._Element:
    """The root element of `data`: XML 1.0 with namespaces, without comments and processing instructions.

    `encodings` may hold `utf-8` and `gb18030`; a declaration of GBK, GB2312 or GB18030 is decoded as GB18030, its
    superset. Without a declaration the text is UTF-8. Nothing outside of `data` is ever fetched.
    Raises `Refused`: `file.too-large`, `encoding.undecodable`, `xml.dtd`, `xml.too-deep`, `xml.malformed`.
    """
    return parse_utf8(as_utf8(data, limits, encodings), limits)


def as_utf8(data: bytes, limits: Limits, encodings: frozenset[str]) -> bytes:
    """The document as UTF-8 bytes that hold no document type declaration and no more markup than `limits` allow."""
    refuse_larger(data, limits.file_bytes)
    marked = data.startswith(_BOM)
    body = data[len(_BOM) :] if marked else data
    declared = _declared(body)
    codec = _CODEC.get(declared.upper())
    if codec is None or codec not in encodings or (marked and codec != "utf-8"):
        raise Refused(
            "encoding.undecodable", "declared", f"The encoding {shown(declared)} is not read here.", encoding=declared
        )
    try:
        text = body.decode(codec)
        if codec != "utf-8":
            body = text.encode("utf-8")
    except UnicodeError:
        raise Refused("encoding.undecodable", f"not-{codec}", f"The bytes are not {codec.upper()}.") from None
    if b"<!DOCTYPE" in body and _PROLOG.match(body):
        raise Refused("xml.dtd", "document-type", "The text holds a document type declaration.")
    if body.count(b"<") + body.count(b"=") > limits.xml_markup:
        raise Refused("file.too-large", "items", "The text holds more markup than is read at once.")
    return body


def utf8_pieces(pieces: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """A document in UTF-8 as `as_utf8` gives it, a piece at a time; what is refused is refused when it is reached.

    A document type declaration in the first piece is found here, a later one by who parses (`hardened`, `doctype`).
    """
    first = b""
    while len(first) < _LONGEST_DECLARATION and (piece := next(pieces, b"")):
        first += piece
    body = first.removeprefix(_BOM)
    declared = _declared(body)
    if _CODEC.get(declared.upper()) != "utf-8":
        raise Refused(
            "encoding.undecodable", "declared", f"The encoding {shown(declared)} is not read here.", encoding=declared
        )
    if b"<!DOCTYPE" in body and _PROLOG.match(body):
        raise Refused("xml.dtd", "document-type", "The text holds a document type declaration.")
    decoder, markup = getincrementaldecoder("utf-8")("strict"), 0
    for piece in chain((body,), pieces):
        try:
            decoder.decode(piece)
        except UnicodeError:
            raise _not_utf8() from None
        markup += piece.count(b"<")
        if markup > limits.sheet_markup:
            raise Refused("file.too-large", "items", "A part of the workbook holds more than is read.")
        if piece:
            yield piece
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        raise _not_utf8() from None


def _not_utf8() -> Refused:
    return Refused("encoding.undecodable", "not-utf-8", "The bytes are not UTF-8.")


def hardened(target: Any = None, *, bare: bool = True) -> etree.XMLParser:
    """A parser that expands, loads, fetches and repairs nothing. It takes UTF-8, whatever the declaration says.

    `target`, if given, is told of elements and text as they come (`start`, `end`, `data`, `close`); no tree is built.
    `bare` leaves out comments and processing instructions.
    """
    return etree.XMLParser(
        target=target,
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        recover=False,
        remove_comments=bare,
        remove_pis=bare,
    )


def malformed(error: etree.XMLSyntaxError, limits: Limits) -> Refused:
    """What the parser's error means in our words."""
    message = str(error.msg)
    line = f"line {error.lineno}"
    if "Excessive depth" in message:
        return Refused("xml.too-deep", "depth", f"Elements are nested deeper than {limits.depth}.", where=line)
    return Refused("xml.malformed", "not-well-formed", f"{shown(message.strip(), 200)}.", where=line)


def parse_utf8(body: bytes, limits: Limits, *, bare: bool = True) -> etree._Element:
    """The root element of prepared bytes (`as_utf8`), once its depth and the absence of a document type are certain.

    Not `bare`: with comments and processing instructions, which a signature may cover; only who knows them asks so.
    """
    try:
        root = etree.fromstring(body, hardened(bare=bare))
    except etree.XMLSyntaxError as error:
        raise malformed(error, limits) from None
    # The scan above has found none; this holds even where scan and parser should read a prolog differently.
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("xml.dtd", "document-type", "The text holds a document type declaration.")
    # Each level but the innermost has an end tag: with few of them the tree cannot be deep.
    if body.count(b"</") >= limits.depth and _deeper(limits.depth)(root):
        raise Refused("xml.too-deep", "depth", f"Elements are nested deeper than {limits.depth}.")
    return root


def _declared(body: bytes) -> str:
    if not body.startswith((b"<?xml ", b"<?xml\t", b"<?xml\r", b"<?xml\n")):
        return "UTF-8"
    declaration = _DECLARATION.match(body)
    if declaration is None:
        raise Refused("xml.malformed", "declaration", "The XML declaration is not one of XML 1.0.", where="line 1")
    return (declaration[1] or declaration[2] or b"UTF-8").decode("ascii")


@cache
def _deeper(depth: int) -> etree.XPath:
    return etree.XPath("boolean(/*" + "/*" * depth + ")")
