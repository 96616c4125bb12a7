"""The feed's pages: stored bytes put together, never written anew, and the cursor that says where the next one begins.

A revision's bytes are its canonical form as it was logged; `proof` is added as its last member when it is served.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import orjson

from gateway.feed.store import StoredPremium

_PREFIX = "premiums-2"
_LONGEST_COUNT = 18  # digits: within a bigint
_MARK = 16  # hex digits of a leaf hash
_NO_MARK = "0" * _MARK


class NoCursor(ValueError):
    """The text is no cursor of a feed of this version."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How many revisions its reader has had, and the start of the last one's leaf hash: a cursor of another gateway, or
    of this one before it lost data, does not fit the revision that stands there."""

    count: int = 0
    mark: str = _NO_MARK

    @classmethod
    def behind(cls, last: StoredPremium) -> "Cursor":
        """The cursor of who has read up to this revision."""
        return cls(last.position + 1, last.leaf_hash[:_MARK])

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """The cursor that `write` wrote. Raises `NoCursor` on any other text."""
        try:
            plain = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode("ascii")
        except (binascii.Error, UnicodeError) as error:
            raise NoCursor("not base64") from error
        version, _, rest = plain.partition(":")
        digits, _, mark = rest.partition(":")
        if version != _PREFIX or not digits.isdigit() or len(digits) > _LONGEST_COUNT or len(mark) != _MARK:
            raise NoCursor("not a cursor of this version")
        cursor = cls(int(digits), mark)
        if cursor.write() != text:  # one cursor, one text
            raise NoCursor("not as it was written")
        return cursor

    def write(self) -> str:
        """The text for the reader, to whom it is opaque."""
        return base64.urlsafe_b64encode(f"{_PREFIX}:{self.count}:{self.mark}".encode()).decode().rstrip("=")

    def fits(self, leaf_hash: str | None) -> bool:
        """Whether the revision that the reader had last is the one with this leaf hash; the beginning fits any feed."""
        return self == Cursor() if self.count == 0 else leaf_hash is not None and leaf_hash[:_MARK] == self.mark


@dataclass(frozen=True, slots=True)
class Page:
    """What stands behind a cursor: revisions in order, and how many the feed had when it was read.

    `complete_up_to` says of each insurer up to which day everything is in these `head` revisions; None where the page
    ends at a fixed position, so that the same request has the same answer for ever.
    """

    after: Cursor
    found: Sequence[StoredPremium]
    head: int
    complete_up_to: Mapping[str, date | None] | None

    @property
    def cursor(self) -> Cursor:
        """Where the next page begins."""
        return Cursor.behind(self.found[-1]) if self.found else self.after

    def end(self) -> bytes:
        """What follows the items: `cursor`, `more`, `head`, `complete_up_to`, as members without braces."""
        cursor = self.cursor
        more = b"true" if cursor.count < self.head else b"false"
        end = b'"cursor":"%s","more":%s,"head":%d' % (cursor.write().encode(), more, self.head)
        if self.complete_up_to is not None:
            end += b',"complete_up_to":' + orjson.dumps(dict(self.complete_up_to))
        return end


def as_json(page: Page, origin: str) -> bytes:
    """The page as one JSON object: `items`, then its end."""
    parts: list[bytes | memoryview] = [b'{"items":[']
    for one in page.found:
        parts += _item(one, origin)
        parts.append(b",")
    if page.found:
        parts.pop()
    parts += [b"],", page.end(), b"}"]
    return b"".join(parts)


def as_lines(page: Page, origin: str) -> bytes:
    """The page as JSON Lines: an item a line, and its end as the last, so that a page that was cut off shows it."""
    parts: list[bytes | memoryview] = []
    for one in page.found:
        parts += _item(one, origin)
        parts.append(b"\n")
    parts += [b"{", page.end(), b"}\n"]
    return b"".join(parts)


def item(one: StoredPremium, origin: str) -> bytes:
    """One item: `position` from 1, the position of the item before it (0 before the first), and the revision."""
    return b"".join(_item(one, origin))


def place(one: StoredPremium, origin: str) -> bytes:
    """The `proof` member's value: where the revision stands in the log, fixed for ever (a `schemas.log.LogProof`)."""
    log = orjson.dumps(origin)
    return b'{"leaf_index":%d,"log":%s,"leaf_hash":"%s"}' % (one.leaf_index, log, one.leaf_hash.encode())


def with_proof(body: bytes | memoryview, proof: bytes) -> bytes:
    """The revision's canonical bytes with `proof` added as the last member; the bytes before it are as logged."""
    return b"".join((memoryview(body)[:-1], b',"proof":', proof, b"}"))


def _item(one: StoredPremium, origin: str) -> tuple[bytes | memoryview, ...]:
    head = b'{"position":%d,"previous":%d,"premium":' % (one.position + 1, one.position)
    return head, memoryview(one.body)[:-1], b',"proof":', place(one, origin), b"}}"
