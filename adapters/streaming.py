"""Files of any size, row by row: what is in memory does not grow with the file.

A file is gone through more than once: its framing first, then what its rows must not have in common, then the rows.
"""

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol, runtime_checkable

from adapters.drafts import Row
from adapters.insurers import MAPPINGS
from adapters.mapping import Mapping, Opened
from adapters.problems import Rejected, refused
from adapters.translate import rows_of, translate_with
from untrusted import DEFAULT, STREAM, FileBytes, Limits, Refused

_MOST_REPEATS: Final = 50_000
_PARTS: Final = 16


@runtime_checkable
class Streamed(Protocol):
    """A format whose files need not be in memory."""

    def stream(
        self, data: FileBytes, mapping: Mapping, file_name: str, media_type: str | None, limits: Limits
    ) -> Opened | None:
        """The file, read anew each time that its rows are gone through; `None` if this file has to be read at once."""


def stream(
    code: str,
    source: Path | BinaryIO,
    *,
    insurer: str | None = None,
    file_name: str = "",
    media_type: str | None = None,
    limits: Limits = STREAM,
) -> Iterator[Row]:
    """The rows of a file of any size, as `translate` gives them: the same records, lineage, problems and order.

    `source` is a path, or a seekable binary file that nobody else reads or changes until the last row was given; it is
    left open. Lists (CSV, workbooks), delimited text (gzip too) and JSON Lines are read as they come, in memory that
    does not grow with them, up to `limits`: 2 GiB, five million rows; the rows of a workbook stand in a temporary file
    meanwhile, of at most 2 GiB. All other formats are messages: they are read at once and keep the limits of messages
    (32 MiB). Rows that may repeat each other are compared in memory: a file with more than 50,000 of them is refused,
    `file.too-large`.

    Nothing is given before the whole file's framing is known to be good; a file that is refused is one row, number 0.
    Raises `KeyError` for an unknown code, and what the file raises (`OSError`).
    """
    mapping = MAPPINGS[code]
    return stream_with(
        mapping, source, insurer=insurer or code, file_name=file_name, media_type=media_type, limits=limits
    )


def stream_with(
    mapping: Mapping,
    source: Path | BinaryIO,
    *,
    insurer: str,
    file_name: str = "",
    media_type: str | None = None,
    limits: Limits = STREAM,
) -> Iterator[Row]:
    """The same, with a mapping that need not be registered."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield from _rows(mapping, file, insurer, file_name or source.name, media_type, limits)
    else:
        yield from _rows(mapping, source, insurer, file_name, media_type, limits)


def _rows(
    mapping: Mapping, file: BinaryIO, insurer: str, file_name: str, media_type: str | None, limits: Limits
) -> Iterator[Row]:
    data = FileBytes(file)
    way = mapping.format
    try:
        opened = way.stream(data, mapping, file_name, media_type, limits) if isinstance(way, Streamed) else None
        shared = _shared(opened) if opened is not None else set()
    except Refused as error:
        yield Row(0, problems=(refused(error),))
        return
    except Rejected as error:
        yield Row(0, problems=(error.problem,))
        return
    if opened is not None:
        yield from rows_of(opened, mapping, insurer, shared)
        return
    whole = data[: DEFAULT.file_bytes + 1]  # one byte more than is read of any: the readers refuse it then
    yield from translate_with(mapping, whole, insurer=insurer, media_type=media_type, file_name=file_name)


def _shared(opened: Opened) -> set[int]:
    """The numbers of the rows that may share a bucket: buckets are kept as eight bytes each, and counted by parts.

    Two buckets with one hash are a row read twice, and nothing more.
    """
    hashes, numbers = array("q"), array("q")
    for number, bucket in opened.buckets():
        hashes.append(hash(bucket))
        numbers.append(number)
    shared: set[int] = set()
    for part in range(_PARTS):
        seen: set[int] = set()
        again: set[int] = set()
        for found in hashes:
            if found % _PARTS == part:
                (again if found in seen else seen).add(found)
        if not again:
            continue
        first: dict[int, int] = {}
        for found, number in zip(hashes, numbers, strict=True):
            if found in again and first.setdefault(found, number) != number:
                shared.update((first[found], number))
                if len(shared) > _MOST_REPEATS:
                    raise Refused("file.too-large", "items", "More rows repeat each other than are compared.")
    return shared
