"""The tree against its definition: RFC 6962 section 2.1 written down as it stands, for any size."""

import hashlib
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.merkle import (
    EMPTY_ROOT,
    check_consistency,
    check_inclusion,
    check_subtree_inclusion,
    complete_spans,
    consistency_spans,
    inclusion_spans,
    leaf_hash,
    tree_root,
)
from gateway.ledger.tiles import (
    ENTRIES,
    WIDTH,
    Hashes,
    RightEdge,
    Tile,
    read_bundle,
    read_tile_path,
    tiles_for,
    tiles_of,
    width_at,
    write_bundle,
)
from schemas.verification import Outcome

LEAVES = [leaf_hash(str(number).encode()) for number in range(70_000)]


def mth(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, with leaf hashes for the entries."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + mth(hashes[:split]) + mth(hashes[split:])).digest()


@cache
def grown(size: int) -> tuple[RightEdge, dict[Tile, bytes]]:
    """The right edge of a tree of `size` leaves, and all its tiles."""
    edge = RightEdge()
    tiles = {Tile(tile.level, tile.index): tile.hashes for tile in edge.extend(LEAVES[:size])}
    return edge, tiles | dict(edge.partial_tiles())


sizes = st.one_of(st.integers(0, 600), st.sampled_from([255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000]))


@settings(deadline=None)
@given(st.integers(0, 600))
def test_the_root_is_that_of_the_definition(size: int) -> None:
    assert tree_root(LEAVES[:size]) == mth(LEAVES[:size])
    assert grown(size)[0].root() == mth(LEAVES[:size])


@settings(deadline=None)  # the first tree of 70,000 leaves takes its time, and more so on a busy machine
@given(sizes)
def test_the_tiles_are_those_of_the_specification(size: int) -> None:
    _, tiles = grown(size)
    assert set(tiles) == set(tiles_of(size))
    for tile, hashes in tiles.items():
        assert len(hashes) == tile.width * 32
        assert tile.width == width_at(tile.level, tile.index, size)


def test_the_example_of_the_specification() -> None:
    """C2SP tlog-tiles, "Partial Tiles": a tree of 70,000 leaves."""
    found = [(tile.level, tile.width) for tile in tiles_of(70_000)]
    assert found == [(0, 256)] * 273 + [(0, 112)] + [(1, 256), (1, 17)] + [(2, 1)]
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    edge, _ = grown(70_000)
    assert edge.root() == tree_root(LEAVES)


@settings(deadline=None)
@given(sizes.filter(bool), st.data())
def test_an_inclusion_proof_from_tiles_holds_and_no_other_does(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    edge, tiles = grown(size)
    spans = inclusion_spans(index, size)
    hashes = Hashes({tile: tiles[tile] for tile in tiles_for(spans, size)})
    path, root = [hashes.of(span) for span in spans], edge.root()
    assert check_inclusion(index, size, LEAVES[index], path, root).outcome is Outcome.PASSED
    other = data.draw(st.integers(0, size).filter(lambda number: number != index))
    assert check_inclusion(other, size, LEAVES[index], path, root).outcome is Outcome.FAILED
    assert check_inclusion(index, size, LEAVES[index - 1], path, root).outcome is Outcome.FAILED or size == 1
    assert check_inclusion(index, size, LEAVES[index], [*path, root], root).outcome is Outcome.FAILED
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:place], leaf_hash(path[place]), *path[place + 1 :]]
        assert check_inclusion(index, size, LEAVES[index], changed, root).outcome is Outcome.FAILED
        assert check_inclusion(index, size, LEAVES[index], path[:-1], root).outcome is Outcome.FAILED


@settings(deadline=None)
@given(sizes.filter(bool), st.data())
def test_a_consistency_proof_from_tiles_holds_and_no_other_does(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    edge, tiles = grown(second)
    spans = consistency_spans(first, second)
    hashes = Hashes({tile: tiles[tile] for tile in tiles_for(spans, second)})
    path, roots = [hashes.of(span) for span in spans], (grown(first)[0].root(), edge.root())
    assert check_consistency(first, second, roots[0], path, roots[1]).outcome is Outcome.PASSED
    assert check_consistency(first, second, EMPTY_ROOT, path, roots[1]).outcome is Outcome.FAILED
    assert check_consistency(first, second, roots[0], path, EMPTY_ROOT).outcome is Outcome.FAILED
    assert check_consistency(first, second, roots[0], [*path, roots[0]], roots[1]).outcome is Outcome.FAILED
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:place], leaf_hash(path[place]), *path[place + 1 :]]
        assert check_consistency(first, second, roots[0], changed, roots[1]).outcome is Outcome.FAILED


@settings(deadline=None)
@given(st.lists(st.integers(0, 400), max_size=6))
def test_growing_in_steps_is_growing_at_once(steps: list[int]) -> None:
    edge = RightEdge()
    tiles = []
    for step in steps:
        tiles += list(edge.extend(LEAVES[edge.size : edge.size + step]))
    whole = RightEdge()
    assert list(whole.extend(LEAVES[: sum(steps)])) == tiles
    assert whole == edge


@given(st.integers(0, 2**40))
def test_spans_part_a_tree_into_complete_subtrees(size: int) -> None:
    spans = complete_spans((0, size))
    assert sum(end - start for start, end in spans) == size
    assert all((end - start).bit_count() == 1 and start % (end - start) == 0 for start, end in spans)
    assert [start for start, _ in spans] == [0, *(end for _, end in spans)][: len(spans)]


@given(st.integers(-2, 2**70), st.integers(-2, 2**70), st.integers(-2, 2**70), st.lists(st.binary(max_size=33)))
def test_any_proof_is_judged(index: int, start: int, end: int, path: list[bytes]) -> None:
    """No numbers make a verdict raise or run on; a path of the wrong sizes never passes."""
    assert check_subtree_inclusion(index, (start, end), LEAVES[0], path, LEAVES[1]).outcome is Outcome.FAILED
    if index != start or path:
        assert check_consistency(index, start, LEAVES[0], path, LEAVES[1]).outcome is Outcome.FAILED


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError):
        inclusion_spans(index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 3), (4, 3), (-1, 3)])
def test_there_is_no_proof_from_nothing_or_backwards(first: int, second: int) -> None:
    with pytest.raises(ValueError):
        consistency_spans(first, second)


@given(st.integers(ENTRIES, 63), st.integers(0, 2**50), st.integers(1, WIDTH))
def test_a_tile_has_one_name(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert read_tile_path(tile.path()) == tile


def test_the_names_of_the_specification() -> None:
    assert Tile(0, 1_234_067).path() == "0/x001/x234/067"
    assert Tile(ENTRIES, 67, 5).path() == "entries/067.p/5"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "0/",
        "0/0",
        "0/00",
        "0/0000",
        "00/000",
        "64/000",
        "-1/000",
        "0/x000/067",
        "0/001/067",
        "0/x001/x067",
        "0/000.p/0",
        "0/000.p/00",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/",
        "0/000.p/5/",
        "0/000 ",
        "0/000\n",
        "0/٠٠٠",
        "entries/000.p/256",
        "Entries/000",
        "data/000",
        "../key",
        "0/" + "x001/" * 7 + "000",
    ],
)
def test_other_names_name_no_tile(path: str) -> None:
    with pytest.raises(ValueError):
        read_tile_path(path)


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_is_refused(path: str) -> None:
    try:
        tile = read_tile_path(path)
    except ValueError:
        return
    assert tile.path() == path


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    bundle = write_bundle(entries)
    assert read_bundle(bundle, len(entries)) == entries
    for wrong in (len(entries) + 1, len(entries) - 1):
        with pytest.raises(ValueError):
            read_bundle(bundle, wrong)
    for wrong_bytes in (bundle + b"\x00", bundle[:-1]):
        if bundle or wrong_bytes:
            with pytest.raises(ValueError):
                read_bundle(wrong_bytes, len(entries))
