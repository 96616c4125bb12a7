"""What stands in a PDF outside of stream bodies: searched for names, each stretch once, in time linear in the file.

Words that end an object may also stand in its strings and comments, where a hostile file puts them to hide what
follows. Where there are any, the object is read to its end; where that fails, everything to the end of the file counts.
"""

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from signing.containers.pdf_dictionary import BadDictionary, end_of_object, unescaped

_ENDOBJ = re.compile(rb"endobj")
_STREAM = re.compile(rb">>[\x00\t\n\x0c\r ]*stream\r?\n")
_HIDING = re.compile(rb"[(%]")
_ESCAPED = re.compile(rb"/[^\x00\t\n\x0c\r ()<>\[\]{}/%#]{0,127}#[^\x00\t\n\x0c\r ()<>\[\]{}/%]{0,127}")
_MOST_ESCAPED = 200_000
_MOST_ENDS = 100_000


class TooComplex(ValueError):
    """There is more of something than is looked through."""


def names_among(data: bytes, wanted: frozenset[str]) -> set[str]:
    """Which of the names stand in a stretch of syntax, however they are escaped; those within strings too.

    Raises `TooComplex`.
    """
    delimiter = rb"(?![^\x00\t\n\x0c\r ()<>\[\]{}/%])"
    found = {name for name in wanted if re.search(b"/" + name.encode() + delimiter, data)}
    if b"#" not in data:
        return found
    for number, escaped in enumerate(_ESCAPED.finditer(data)):
        if number > _MOST_ESCAPED:
            raise TooComplex("too many escapes in names")
        if (name := unescaped(escaped[0])) in wanted:
            found.add(name)
    return found


def stretches(data: bytes, places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """From where to where the objects stand that start at these places; they may overlap. Raises `TooComplex`."""
    ends = [found.start() for found in itertools.islice(_ENDOBJ.finditer(data), _MOST_ENDS)]
    bodies = [found.end() for found in itertools.islice(_STREAM.finditer(data), _MOST_ENDS)]
    if len(ends) == _MOST_ENDS or len(bodies) == _MOST_ENDS:
        raise TooComplex("too many objects")
    last, left = 0, 4 * len(data) + (1 << 20)
    for place in sorted(places):
        end = min(_next(ends, place, len(data)), _next(bodies, place, len(data)))
        hiding = _HIDING.search(data, place, end)
        left -= (hiding.start() if hiding else end) - place
        if hiding:
            end = _read_to(data, place) if left > 0 else len(data)
            left -= end - place
        elif left < 0:
            end = len(data)
        if end > last:
            yield max(place, last), end
            last = end
        if last == len(data):
            return


def _read_to(data: bytes, place: int) -> int:
    try:
        return end_of_object(data, place)
    except BadDictionary:
        return len(data)


def _next(places: Sequence[int], place: int, otherwise: int) -> int:
    """The first of the places after `place`: an object may begin where a stream's body does, and does not end there."""
    found = bisect_right(places, place)
    return places[found] if found < len(places) else otherwise
