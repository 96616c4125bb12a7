"""Bytes to a `Sample`: which container, which encoding, which rows. Everything goes through the bounded readers."""

from pathlib import Path

from adapters.onboarding.look_lists import read_delimited, read_fixed
from adapters.onboarding.look_sheets import read_sheets
from adapters.onboarding.look_trees import read_json_sample, read_xml_sample
from adapters.onboarding.sample import NotASample, Sample
from adapters.run import read_file
from untrusted import Refused, decode

_BOM = b"\xef\xbb\xbf"
_FIRST_OF_THREE_BYTES = "\u0800"


def look(path: Path) -> Sample:
    """What the sample is. Raises `NotASample`, and `OSError` for a file that cannot be read."""
    data = read_file(path)
    try:
        return _look(path, data)
    except Refused as error:
        raise NotASample(f"{error.rule}: {error.detail}") from error


def _look(path: Path, data: bytes) -> Sample:
    start = data.removeprefix(_BOM).lstrip()[:1]
    if not start:
        raise NotASample("the file is empty")
    if data.startswith(b"\x1f\x8b"):
        raise NotASample("the file is packed by gzip: unpack one first")
    if data.startswith(b"PK"):
        return read_sheets(path, data)
    if start == b"<":
        return read_xml_sample(path, data)
    if start in (b"{", b"["):
        return read_json_sample(path, data)
    encodings, text, question = _decoded(data)
    sample = read_delimited(path, text, encodings) or read_fixed(path, text, encodings)
    if sample is None:
        raise NotASample("neither a delimiter nor columns of fixed width can be seen: no line is like the next")
    if question:
        sample.open_questions.append(question)
    return sample


def _decoded(data: bytes) -> tuple[tuple[str, ...], str, tuple[str, str] | None]:
    """Encodings for the mapping, the text, and what is open about it."""
    if data.startswith(_BOM):
        return ("gb18030", "utf-8-sig"), decode(data, frozenset({"utf-8-sig"})), None
    if data.isascii():
        asked = "样例全为 ASCII，含中文时是 gb18030 还是 utf-8？ which encoding do files with Chinese have?"
        return ("gb18030", "utf-8-sig"), decode(data), ("编码 encoding", asked)
    try:
        text = decode(data)
    except Refused:
        return ("gb18030", "utf-8-sig"), decode(data, frozenset({"gb18030"})), None
    # A few Chinese words in GB18030 can be UTF-8 by chance, but then of characters that no Chinese text has.
    chance = min(one for one in text if not one.isascii()) < _FIRST_OF_THREE_BYTES
    asked = "也可能是 GB18030，请核对 it could be GB18030 as well: which is it?"
    return ("utf-8", "utf-8-sig"), text, ("编码 encoding", asked) if chance else None
