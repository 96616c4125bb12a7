"""Tiles: the tree's hashes in pieces of 256, their names, and the right edge from which the tree grows.

C2SP tlog-tiles. The tile of level L and index N holds the roots of 256 neighbouring complete subtrees of 256^L leaves
each, beginning with number 256 * N. It is partial, with less than 256 hashes, only at the right edge of the tree.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.ledger.merkle import EMPTY_ROOT, HASH_SIZE, Span, complete_spans, node_hash, tree_root

WIDTH = 256
HEIGHT = 8
ENTRIES = -1
"""The level of an entry bundle, which stands beside the level 0 tile of the same index."""
MAX_ENTRY = 0xFFFF
"""The most bytes that an entry has: a bundle gives its length in two."""

_PATH = re.compile(r"(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile or entry bundle: its level, its index within the level, and how many hashes or entries it has."""

    level: int
    index: int
    width: int = WIDTH

    def path(self) -> str:
        """Its name below `tile/`: `0/x001/234`, `entries/067.p/12`."""
        groups = f"{self.index % 1000:03}"
        rest = self.index // 1000
        while rest:
            groups = f"x{rest % 1000:03}/{groups}"
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"{level}/{groups}" + (f".p/{self.width}" if self.width < WIDTH else "")


@dataclass(frozen=True, slots=True)
class FullTile:
    """A full tile: its 256 hashes in one string, and the root over them, which is one hash of the level above."""

    level: int
    index: int
    hashes: bytes
    root: bytes


def read_tile_path(path: str) -> Tile:
    """The tile that `path`, below `tile/`, names. Raises ValueError on any form that `Tile.path` does not give."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError("not the path of a tile")
    level, groups, width = found.groups()
    tile = Tile(
        ENTRIES if level == "entries" else int(level),
        int(groups.replace("x", "").replace("/", "")),
        int(width) if width else WIDTH,
    )
    if tile.level > 63 or tile.path() != path:  # one tile, one name: no leading zeros, no `.p/256`
        raise ValueError("not the path of a tile")
    return tile


def width_at(level: int, index: int, size: int) -> int:
    """How many hashes the tile has in a tree of `size` leaves: 0 to 256. A bundle is as wide as its level 0 tile."""
    return max(0, min(WIDTH, (size >> (HEIGHT * max(level, 0))) - index * WIDTH))


def tiles_of(size: int) -> Iterator[Tile]:
    """All tiles of a tree of `size` leaves, level by level, without the entry bundles."""
    level = 0
    while count := size >> (HEIGHT * level):
        for index in range((count + WIDTH - 1) // WIDTH):
            yield Tile(level, index, width_at(level, index, size))
        level += 1


def tiles_for(spans: Iterable[Span], size: int) -> set[Tile]:
    """The tiles from which `Hashes` computes the hashes of `spans` in a tree of `size` leaves."""
    places = {_place(part)[:2] for span in spans for part in complete_spans(span)}
    return {Tile(level, index, width_at(level, index, size)) for level, index in places}


class Hashes:
    """The hash of any span, from the tiles that hold it."""

    def __init__(self, tiles: Mapping[Tile, bytes]) -> None:
        self._tiles = {(tile.level, tile.index): hashes for tile, hashes in tiles.items()}

    def of(self, span: Span) -> bytes:
        """The RFC 6962 root over the leaves of `span`. Raises LookupError if the tiles do not hold it."""
        parts = complete_spans(span)
        root = self._complete(parts[-1]) if parts else EMPTY_ROOT
        for part in reversed(parts[:-1]):
            root = node_hash(self._complete(part), root)
        return root

    def _complete(self, span: Span) -> bytes:
        level, index, first, count = _place(span)
        hashes = self._tiles[level, index][first * HASH_SIZE : (first + count) * HASH_SIZE]
        if len(hashes) != count * HASH_SIZE:
            raise LookupError(f"tile {Tile(level, index).path()} is too short")
        return _root(hashes)


def split_hashes(hashes: bytes) -> list[bytes]:
    """The hashes of a tile, one by one."""
    return [hashes[start : start + HASH_SIZE] for start in range(0, len(hashes), HASH_SIZE)]


@dataclass(slots=True)
class RightEdge:
    """The tree as far as growing it needs: `levels[L]` are the hashes of the partial tile of level L.

    Memory is 256 hashes a level, however large the tree is.
    """

    size: int = 0
    levels: list[list[bytes]] = field(default_factory=list)

    def extend(self, leaves: Iterable[bytes]) -> Iterator[FullTile]:
        """Grow by these leaf hashes; yields each tile as it becomes full. The edge is whole only when all are taken."""
        for leaf in leaves:
            self.size += 1
            carry, level = leaf, 0
            while True:
                if level == len(self.levels):
                    self.levels.append([])
                hashes = self.levels[level]
                hashes.append(carry)
                if len(hashes) < WIDTH:
                    break
                carry = tree_root(hashes)
                index = (self.size >> (HEIGHT * (level + 1))) - 1
                yield FullTile(level, index, b"".join(hashes), carry)
                hashes.clear()
                level += 1

    def root(self) -> bytes:
        """The root of the tree (RFC 6962 section 2.1): levels meet from the right, where the small subtrees are."""
        root: bytes | None = None
        for hashes in self.levels:
            for start, end in reversed(complete_spans((0, len(hashes)))):
                part = tree_root(hashes[start:end])
                root = part if root is None else node_hash(part, root)
        return EMPTY_ROOT if root is None else root

    def partial_tiles(self) -> Iterator[tuple[Tile, bytes]]:
        """The partial tiles of the right edge, with their hashes in one string; a level without any has none."""
        for level, hashes in enumerate(self.levels):
            if hashes:
                index = (self.size >> (HEIGHT * level)) // WIDTH
                yield Tile(level, index, len(hashes)), b"".join(hashes)


@lru_cache(2048)
def _root(hashes: bytes) -> bytes:
    """The root over hashes in one string, at most 4 KiB: the proofs of many leaves share the upper tiles."""
    return tree_root(split_hashes(hashes))


def _place(span: Span) -> tuple[int, int, int, int]:
    """Where a complete subtree's hashes are: level, index of the tile, first hash in it, how many."""
    start, end = span
    level, below = divmod((end - start).bit_length() - 1, HEIGHT)
    index, first = divmod(start >> (HEIGHT * level), WIDTH)
    return level, index, first, 1 << below


def write_bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry behind its length in two bytes, big-endian (C2SP tlog-tiles, "Log entries")."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_bundle(data: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle. Raises ValueError if it has fewer or more, or ends within one."""
    entries: list[bytes] = []
    position = 0
    while position < len(data) and len(entries) < width:
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        entries.append(data[start:position])
    if len(entries) != width or position != len(data):
        raise ValueError(f"a bundle of {len(data)} bytes is not {width} entries")
    return entries
