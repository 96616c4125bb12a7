"""The Merkle tree of RFC 6962: hashes, the ranges that a proof needs, and the verdict on a proof.

A leaf has an index from 0. A span (start, end) is a range of leaves, end excluded. A hash is 32 bytes. RFC 9162 gives
the same tree and states the verification step by step; its section numbers are cited there.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from schemas.verification import Check, failed, passed

Span = tuple[int, int]

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962 section 2.1)."""

HASH_SIZE = 32


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00, data) (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01, left, right) (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """The root over `hashes`, which are leaves, or complete subtrees of one height (RFC 6962 section 2.1)."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        above = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        if len(level) % 2:
            above.append(level[-1])  # the last one stands alone until it meets a sibling: the split at a power of two
        level = above
    return level[0]


def complete_spans(span: Span) -> list[Span]:
    """The complete subtrees that make up `span`, left to right; `span` starts where a subtree of its size may start."""
    start, end = span
    spans = []
    while start < end:
        size = 1 << ((end - start).bit_length() - 1)
        spans.append((start, start + size))
        start += size
    return spans


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The subtrees whose hashes are the audit path of a leaf in a tree of `size` leaves (RFC 6962 section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    start, end = 0, size
    spans: list[Span] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(first: int, second: int) -> list[Span]:
    """The subtrees whose hashes prove that the tree of `first` leaves begins `second` (RFC 6962 section 2.1.2)."""
    if not 0 < first <= second:
        raise ValueError(f"there is no consistency proof from {first} to {second}")
    start, end = 0, second
    spans: list[Span] = []
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:  # otherwise the verifier has this hash already: it is the first tree's root
        spans.append((start, end))
    return spans[::-1]


def check_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> Check:
    """RFC 9162 section 2.1.3.2: the leaf with this hash stands at `index` in the tree of `size` leaves under `root`."""
    return check_subtree_inclusion(index, (0, size), leaf, path, root)


def check_consistency(first: int, second: int, first_root: bytes, path: Sequence[bytes], second_root: bytes) -> Check:
    """RFC 9162 section 2.1.4.2: the tree of `second` leaves begins with the tree of `first` leaves.

    A proof from the empty tree is refused: it says nothing, and who asks for one has made a mistake.
    """
    facts: dict[str, Any] = {"start": "0", "end": str(first), "size": str(second)}
    if 0 <= first == second:
        if path:
            return failed("log.consistency", "wrong-length", **facts)
        return _compared("log.consistency", first_root == second_root, **facts)
    if first == 0:
        return failed("log.consistency", "empty-tree", **facts)
    return check_subtree_consistency((0, first), second, first_root, path, second_root)


def check_subtree_inclusion(index: int, subtree: Span, leaf: bytes, path: Sequence[bytes], root: bytes) -> Check:
    """The leaf stands at `index` in the subtree under `root`: RFC 9162 section 2.1.3.2, counted from its start."""
    start, end = subtree
    facts: dict[str, Any] = {"index": str(index), "start": str(start), "end": str(end)}
    if not _may_be_subtree(subtree):
        return failed("log.inclusion", "not-a-subtree", **facts)
    if not start <= index < end:
        return failed("log.inclusion", "outside", **facts)
    if any(len(item) != HASH_SIZE for item in (leaf, root, *path)):
        return failed("log.inclusion", "malformed", **facts)
    first, last, current = index - start, end - start - 1, leaf
    for sibling in path:
        if last == 0:
            return failed("log.inclusion", "wrong-length", **facts)
        if first & 1 or first == last:
            current = node_hash(sibling, current)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        first, last = first >> 1, last >> 1
    if last:
        return failed("log.inclusion", "wrong-length", **facts)
    return _compared("log.inclusion", current == root, **facts)


def check_subtree_consistency(
    subtree: Span, size: int, subtree_root: bytes, path: Sequence[bytes], root: bytes
) -> Check:
    """The subtree is part of the tree of `size` leaves under `root`.

    RFC 9162 section 2.1.4.2, generalised to subtrees that do not start at leaf 0 as in
    draft-ietf-plants-merkle-tree-certs; an empty subtree has the empty root and an empty proof.
    """
    start, end = subtree
    facts: dict[str, Any] = {"start": str(start), "end": str(end), "size": str(size)}
    if 0 <= start == end <= size:
        if path:
            return failed("log.consistency", "wrong-length", **facts)
        return _compared("log.consistency", subtree_root == EMPTY_ROOT, **facts)
    if not _may_be_subtree(subtree) or end > size:
        return failed("log.consistency", "not-a-subtree", **facts)
    if subtree == (0, size) and not path:
        return _compared("log.consistency", subtree_root == root, **facts)
    if any(len(item) != HASH_SIZE for item in (subtree_root, root, *path)):
        return failed("log.consistency", "malformed", **facts)
    first, last, top = start, end - 1, size - 1
    if last == top:
        while first != last:
            first, last, top = first >> 1, last >> 1, top >> 1
    else:
        while first != last and last & 1:
            first, last, top = first >> 1, last >> 1, top >> 1
    rest = list(path)
    if first == last:
        seed = subtree_root
    elif rest:
        seed = rest.pop(0)
    else:
        return failed("log.consistency", "wrong-length", **facts)
    part, whole = seed, seed
    for sibling in rest:
        if top == 0:
            return failed("log.consistency", "wrong-length", **facts)
        if last & 1 or last == top:
            if first < last:
                part = node_hash(sibling, part)
            whole = node_hash(sibling, whole)
            while not last & 1:  # ends: `last` is `top` or odd, and `top` is not 0
                first, last, top = first >> 1, last >> 1, top >> 1
        else:
            whole = node_hash(whole, sibling)
        first, last, top = first >> 1, last >> 1, top >> 1
    if top:
        return failed("log.consistency", "wrong-length", **facts)
    return _compared("log.consistency", part == subtree_root and whole == root, **facts)


def _compared(rule: str, same: bool, **facts: Any) -> Check:
    return passed(rule, **facts) if same else failed(rule, "root-differs", **facts)


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size` (RFC 6962 section 2.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def _may_be_subtree(span: Span) -> bool:
    """Whether a tree can have this subtree: it starts at a multiple of the power of two that holds it."""
    start, end = span
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0
