"""A part of a package without the texts that differ from one document to the next: the form that a producer fills in.

What stands in a title or in a check value is text and nothing else, so that a part reads as its form does, with those
texts in their places. A form is read once.
"""

import re
from dataclasses import dataclass

# Elements whose text no reader here takes for more than text (GB/T 33190 sections 7.4 and 18.2). Their text holds no
# markup, and no character that XML, or the trimming of white space, would treat in a way of its own.
_FILLED = re.compile(
    rb"(<(?:[A-Za-z0-9_]{1,20}:)?"
    rb"(?:DocID|Title|Author|Subject|CreationDate|ModDate|Creator|CreatorVersion|CheckValue|SignatureDateTime|"
    rb'CustomData(?: Name="[^<>"&]{1,100}")?)>)'
    rb"([^<>&\"'\x00-\x1f\x7f]{1,200})(?=</)"
)
_MARK = "\ue000"
_MARK_OCTETS = _MARK.encode()
# Comments and literal sections, in which a text is none, and whatever could be taken for the mark.
_NEVER = (b"<!", b"&#", _MARK_OCTETS)
_LARGEST = 64 << 10
_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Form:
    """The octets with a mark and a number for each text, and the texts."""

    octets: bytes
    texts: tuple[str, ...]

    def fill(self, written: str) -> str:
        """A text that was read from the form, as the part has it."""
        return self.texts[int(written[1:])] if written.startswith(_MARK) else written


def form_of(octets: bytes) -> Form | None:
    """The form of an XML part; None where its texts could be something else than text, or are not plain."""
    if len(octets) > _LARGEST or octets.count(b"<?") > 1 or any(one in octets for one in _NEVER):
        return None
    pieces = _FILLED.split(octets)
    try:
        texts = tuple(piece.decode() for piece in pieces[2::3])
    except UnicodeDecodeError:
        return None
    if len(texts) > _MOST or not "".join(texts).isprintable():
        return None
    pieces[2::3] = _MARKS[: len(texts)]
    return Form(b"".join(pieces), tuple(text.strip() for text in texts))


_MARKS = [_MARK_OCTETS + b"%d" % number for number in range(_MOST)]
