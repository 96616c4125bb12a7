"""How much of a stranger's input is read at all: every bound of this package, in one frozen value."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that the parsers keep. Sizes in bytes unless the name says otherwise.

    They bound memory as well as time: what a parser builds from one byte of input can weigh a hundred bytes.
    """

    file_bytes: int = 32 * MIB
    depth: int = 64

    json_items: int = 3_000_000
    json_containers: int = 1_000_000
    number_characters: int = 400
    number_exponent: int = 400

    xml_markup: int = 4_000_000
    """Occurrences of `<` and `=`: an upper bound of twice the elements and of the attributes."""

    entries: int = 2_000
    entry_bytes: int = 256 * MIB
    unpacked_bytes: int = 256 * MIB
    ratio: int = 200
    ratio_from_bytes: int = MIB
    """What unpacks to no more than this may be packed as tightly as it likes."""
    name_bytes: int = 1_024
    slack_bytes: int = 8
    """Unused bytes behind the end mark of deflated data: a known writer of sealed documents leaves six of them."""

    der_bytes: int = 16 * MIB
    der_depth: int = 16
    der_nodes: int = 200_000
    der_integer_bytes: int = 4_096

    cell_characters: int = 32_767
    columns: int = 16_384
    record_characters: int = 32 * MIB
    """Of one record of a list, or one line of a text: what of a file that is read as it comes is held at least."""
    rows: int = 1_048_576
    cells: int = 3_000_000
    texts: int = 2_000_000
    text_bytes: int = 96 * MIB
    """Of all texts that the cells of a workbook share, where they are kept packed."""
    merges: int = 100_000
    sheet_markup: int = 12_000_000
    """Occurrences of `<` in a sheet or in the shared texts: it bounds the time, as `cells` bounds what comes of it."""
    sheets: int = 256
    part_bytes: int = 16 * MIB
    """A part of a workbook that is read as a tree: workbook, styles, relationships."""


DEFAULT = Limits()

STREAM = Limits(
    file_bytes=2048 * MIB,
    entry_bytes=4096 * MIB,
    unpacked_bytes=4096 * MIB,
    record_characters=4 * MIB,
    rows=5_000_000,
    cells=200_000_000,
    sheet_markup=2_000_000_000,
)
"""A file that is read as it comes, row by row: its size costs time, and no memory. `adapters.stream` alone does so."""

DOCUMENT = Limits(entries=5_000, entry_bytes=64 * MIB)
"""A sealed document: more and smaller entries than a delivery of data has."""
