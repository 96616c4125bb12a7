"""ZIP: archives that tools write open; every archive with two readings is refused, and says why."""

import io
import struct
import unicodedata
import zipfile
import zlib
from dataclasses import replace
from typing import Literal

import pytest
from archives import Item, archive, central_header, described, end_record, extra, local_header
from doors import Tally, refused
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared, vectors
from untrusted import DEFAULT, DOCUMENT, Archive, Limits, Refused, open_zip, read_json, read_xml

ITEM = Item(b"a.txt")
BOMB = zlib.compress(b"\0" * 2_000_000, 9, wbits=-15)


def contents(data: bytes, names: Literal["utf-8", "gbk-flagged"] = "utf-8") -> dict[str, bytes]:
    found = open_zip(data, limits=DOCUMENT, names=names)
    return {name: found.read(name) for name in found.names}


def test_zip_warehouse() -> None:
    folder = vectors("zip-warehouse")
    tally = Tally("zip-warehouse")
    for case in read_json((folder / "labels.json").read_bytes())["files"]:
        data = (folder / case["file"]).read_bytes()
        tally.judge(case["file"], case["expected"], lambda data=data: contents(data))
    assert tally.cases == 20
    # Both state 9 bytes and hold 51: an index that only compares headers may take them; who reads the bytes may not.
    tally.report(rejects_on_purpose=("accept/short_usize.zip", "accept/short_usize_zip64.zip"))


def test_the_real_documents_open_whole() -> None:
    tally = Tally("ofd packages")
    for file in sorted(vectors("ofd").glob("*.ofd")):
        names = "gbk-flagged" if "gbk-names" in file.name else "utf-8"
        found = tally.judge(
            file.name, "accept", lambda file=file, names=names: contents(file.read_bytes(), names=names)
        )
        with zipfile.ZipFile(file) as standard:
            assert len(found) == sum(not name.endswith("/") for name in standard.namelist())
            if names == "utf-8":
                assert found == {name: standard.read(name) for name in found}
        assert read_xml(found["OFD.xml"]).tag.endswith("}OFD")
    assert tally.cases == 33
    tally.report()


def test_gbk_names_are_read_only_on_demand_and_are_told() -> None:
    data = (vectors("ofd") / "unsigned-gbk-names-e95d195e.ofd").read_bytes()
    assert refused(open_zip, data) == "archive.unsafe-name encoding"
    found = open_zip(data, names="gbk-flagged")
    assert found.reinterpreted == ("Doc_0/Res/这是一个中文目录/", "Doc_0/Res/这是一个中文目录/数据文件.txt")
    assert found.reinterpreted[1] in found


def test_the_invoice_samples_keep_the_order_of_their_directory() -> None:
    found = open_zip(shared("domain/samples/DIA-EINV-XML/03_three_in_zip.zip").read_bytes())
    assert len(found.names) == 4
    assert sorted(found.names) == sorted(found.raw_order)


def test_order_of_directory_and_of_bytes() -> None:
    first, second = local_header(Item(b"1")) + Item(b"1").data(), local_header(Item(b"2")) + Item(b"2").data()
    directory = central_header(Item(b"2"), len(first)) + central_header(Item(b"1"), 0)
    found = open_zip(first + second + directory + end_record(2, len(directory), len(first + second)))
    assert found.names == ("2", "1")
    assert found.raw_order == ("1", "2")
    with pytest.raises(KeyError):
        found.read("3")


SEGMENTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="/\\:"), min_size=1)
NAMES = st.lists(SEGMENTS.map(lambda text: "x" + text), min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(NAMES, st.binary(max_size=300), max_size=4)


def clear(names: list[str]) -> bool:
    """No two of these names are one, or one within the other: those are refused by design."""
    keys = [unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()) for name in names]
    return all(one != other and not other.startswith(one + "/") for one in keys for other in keys if one is not other)


def written(files: dict[str, bytes], method: int, streamed: bool, wide: bool) -> bytes:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            if streamed:
                raise OSError("a pipe")
            return super().tell()

    target = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as writer:
        for name, content in files.items():
            with writer.open(name, "w", force_zip64=wide) as entry:
                entry.write(content)
    return target.getvalue()


@given(
    FILES.filter(lambda files: clear(list(files)) and not any(name.lower().endswith(".zip") for name in files)),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.booleans(),
    st.booleans(),
)
def test_what_the_standard_library_writes_opens(files: dict[str, bytes], method: int, stream: bool, wide: bool) -> None:
    assert contents(written(files, method, stream, wide)) == files


ORDINARY = written({"OFD.xml": b"<a/>" * 30, "文/页.xml": b"x", "empty": b""}, zipfile.ZIP_DEFLATED, False, False)
STREAMED = written({"OFD.xml": b"<a/>" * 30, "b": b"x" * 99}, zipfile.ZIP_DEFLATED, True, False)
WIDE = written({"OFD.xml": b"<a/>" * 30, "b": b"x" * 99}, zipfile.ZIP_STORED, False, True)


@pytest.mark.parametrize("data", [ORDINARY, STREAMED, WIDE], ids=["ordinary", "streamed", "zip64"])
def test_each_single_changed_bit_is_refused_or_changes_nothing(data: bytes) -> None:
    truth = contents(data)
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            try:
                found = contents(bytes(changed))
            except Refused:
                continue
            assert found == truth, f"bit {bit} of byte {at}"


@given(st.sampled_from([ORDINARY, STREAMED, WIDE]), st.data())
def test_changed_cut_or_doubled_stretches_are_refused_or_change_nothing(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(at, min(len(data), at + 40)))
    changed = data[:at] + draw.draw(st.binary(max_size=6) | st.just(data[at:end] * 2)) + data[end:]
    try:
        found = contents(changed)
    except Refused:
        return
    assert found == contents(data)


@given(st.binary(max_size=300), st.sampled_from([b"", ORDINARY, b"PK\x03\x04"]), st.sampled_from([b"", ORDINARY[-22:]]))
def test_anything_is_opened_or_refused(middle: bytes, front: bytes, back: bytes) -> None:
    try:
        contents(front + middle + back)
    except Refused:
        return


ZIP64 = extra(1, struct.pack("<QQ", 8, 9))
UNICODE = extra(0x7075, b"\x01" + struct.pack("<I", zlib.crc32(b"a.txt")) + b"b.txt")
SYMLINK = 0o120777 << 16
QUINE = archive(Item(b"a"))

ATTACKS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "archive.malformed no-end"),
    "not-zip": (b"%PDF-1.7" * 9, "archive.malformed no-end"),
    "cut-off": (archive(ITEM)[:-1], "archive.malformed no-end"),
    "cut-off-comment": (archive(ITEM, comment=b"abc")[:-1], "archive.ambiguous suffix"),
    "prefix-adjusted": (archive(ITEM, prefix=b"#!/bin/sh\n"), "archive.ambiguous prefix"),
    "prefix": (b"MZ" + archive(ITEM), "archive.ambiguous prefix"),
    "suffix": (archive(ITEM) + b"\0", "archive.ambiguous suffix"),
    "suffix-comment": (archive(ITEM, comment=b"fine") + b"junk", "archive.ambiguous suffix"),
    "two-ends": (archive(ITEM) + archive(ITEM)[-22:], "archive.ambiguous prefix"),
    "end-in-comment": (archive(ITEM, comment=end_record(0, 0, 0)), "archive.ambiguous prefix"),
    "end-in-comment-behind": (archive(ITEM, comment=b"PK\x05\x06" + b"x" * 30), "archive.ambiguous suffix"),
    "two-archives": (archive(ITEM) + archive(Item(b"b")), "archive.ambiguous prefix"),
    "several-disks": (archive(ITEM, disk=1), "archive.malformed several-disks"),
    "count-differs": (archive(ITEM, here=2), "archive.malformed several-disks"),
    "entry-on-disk-2": (archive(replace(ITEM, central={"disk": 2})), "archive.malformed several-disks"),
    "encrypted": (archive(replace(ITEM, flags=1)), "archive.malformed encrypted"),
    "encrypted-strong": (archive(replace(ITEM, flags=0x41)), "archive.malformed encrypted"),
    "masked": (archive(replace(ITEM, flags=0x2000)), "archive.malformed encrypted"),
    "aes": (archive(replace(ITEM, method=99, packed=b"x")), "archive.malformed encrypted"),
    "lzma": (archive(replace(ITEM, method=14, packed=b"x")), "archive.malformed method"),
    "patch": (archive(replace(ITEM, flags=0x20)), "archive.malformed method"),
    "absolute": (archive(Item(b"/a")), "archive.unsafe-name absolute"),
    "slash-twin": (archive(Item(b"a"), Item(b"/a")), "archive.unsafe-name absolute"),
    "parent": (archive(Item(b"../a")), "archive.unsafe-name path"),
    "inner-parent": (archive(Item(b"a/../../b")), "archive.unsafe-name path"),
    "last-parent": (archive(Item(b"a/..")), "archive.unsafe-name path"),
    "parent-folder": (archive(Item(b"a/../", b"", 0)), "archive.unsafe-name path"),
    "dot": (archive(Item(b"./a")), "archive.unsafe-name path"),
    "empty-segment": (archive(Item(b"a//b")), "archive.unsafe-name path"),
    "backslash": (archive(Item(b"a\\b")), "archive.unsafe-name path"),
    "drive": (archive(Item(b"C:a")), "archive.unsafe-name path"),
    "control": (archive(Item(b"a\nb")), "archive.unsafe-name path"),
    "nul": (archive(Item(b"a.xml\0.png")), "archive.unsafe-name path"),
    "no-name": (archive(Item(b"")), "archive.unsafe-name length"),
    "long-name": (archive(Item(b"a" * 1025)), "archive.unsafe-name length"),
    "bad-utf-8": (archive(Item(b"\xff", flags=0x800)), "archive.unsafe-name encoding"),
    "overlong-utf-8": (archive(Item(b"\xc0\xae\xc0\xae/a", flags=0x800)), "archive.unsafe-name encoding"),
    "unflagged": (archive(Item("文".encode())), "archive.unsafe-name encoding"),
    "symlink": (archive(replace(ITEM, attributes=SYMLINK, made_by=0x314)), "archive.unsafe-name symbolic-link"),
    "symlink-from-dos": (archive(replace(ITEM, attributes=SYMLINK)), "archive.unsafe-name symbolic-link"),
    "device": (archive(replace(ITEM, attributes=0o020666 << 16)), "archive.unsafe-name special-file"),
    "duplicate": (archive(Item(b"a"), Item(b"a", b"other")), "archive.ambiguous duplicate-name"),
    "case-twin": (archive(Item(b"OFD.xml"), Item(b"ofd.XML")), "archive.ambiguous twin-name"),
    "case-twin-unicode": (archive(Item("ß".encode(), flags=0x800), Item(b"ss")), "archive.ambiguous twin-name"),
    "nfc-twin": (
        archive(Item("é".encode(), flags=0x800), Item("e\u0301".encode(), flags=0x800)),
        "archive.ambiguous twin-name",
    ),
    "file-and-folder": (archive(Item(b"a"), Item(b"a/", b"", 0)), "archive.ambiguous twin-name"),
    "file-as-folder": (archive(Item(b"a"), Item(b"A/b")), "archive.ambiguous twin-name"),
    "file-as-empty-folder": (archive(Item(b"a"), Item(b"A/b/", b"", 0)), "archive.ambiguous twin-name"),
    "folder-with-data": (archive(Item(b"a/", b"hidden", 0)), "archive.ambiguous directory-content"),
    "folder-with-packed-data": (
        archive(replace(Item(b"a/", b""), packed=zlib.compress(b"hidden", wbits=-15))),
        "archive.malformed size",
    ),
    "folder-by-attributes": (archive(replace(ITEM, attributes=0o040755 << 16)), "archive.ambiguous kind"),
    "file-by-attributes": (archive(Item(b"a/", b"", 0, attributes=0o100644 << 16)), "archive.ambiguous kind"),
    "nested": (archive(Item(b"inner.ZIP", QUINE)), "archive.nested zip-name"),
    "local-name": (archive(replace(ITEM, local={"name": b"b.txt"})), "archive.ambiguous local-name"),
    "local-name-longer": (archive(replace(ITEM, local={"name": b"a.txt.exe"})), "archive.ambiguous local-name"),
    "local-method": (archive(replace(ITEM, local={"method": 0})), "archive.ambiguous local-header"),
    "local-flags": (archive(replace(ITEM, local={"flags": 2})), "archive.ambiguous local-header"),
    "local-descriptor": (archive(replace(ITEM, local={"flags": 8})), "archive.ambiguous local-header"),
    "local-crc": (archive(replace(ITEM, local={"crc": 1})), "archive.ambiguous local-sizes"),
    "local-size": (archive(replace(ITEM, local={"size": 6})), "archive.ambiguous local-sizes"),
    "local-packed": (archive(replace(ITEM, local={"packed": 1})), "archive.ambiguous local-sizes"),
    "local-zeros": (archive(replace(ITEM, local={"crc": 0, "packed": 0, "size": 0})), "archive.ambiguous local-sizes"),
    "local-missing": (archive(replace(ITEM, central={"offset": 3})), "archive.malformed local-header"),
    "local-outside": (archive(replace(ITEM, central={"offset": 10**6})), "archive.malformed local-header"),
    "gap": (archive(replace(ITEM, behind=b"hidden"), Item(b"b")), "archive.ambiguous gap"),
    "gap-before-directory": (archive(ITEM, before_directory=b"hidden"), "archive.ambiguous gap"),
    "hidden-entry": (
        archive(ITEM, before_directory=local_header(Item(b"h")) + Item(b"h").data()),
        "archive.ambiguous gap",
    ),
    "descriptor-crc": (archive(described(ITEM, crc=0)), "archive.ambiguous descriptor"),
    "descriptor-size": (archive(described(ITEM, size=6)), "archive.ambiguous descriptor"),
    "descriptor-packed": (archive(described(ITEM, packed=6, signature=False)), "archive.ambiguous descriptor"),
    "descriptor-wide": (archive(described(ITEM, wide=True)), "archive.ambiguous descriptor"),
    "descriptor-missing": (archive(replace(ITEM, flags=8)), "archive.ambiguous descriptor"),
    "descriptor-unflagged": (archive(replace(described(ITEM), flags=0)), "archive.ambiguous local-sizes"),
    "entry-comment": (archive(replace(ITEM, comment=b"x")), "archive.ambiguous comment"),
    "extra-short": (archive(replace(ITEM, central_extra=b"abc")), "archive.malformed extra-field"),
    "extra-long": (archive(replace(ITEM, local_extra=b"up\xff\0x")), "archive.malformed extra-field"),
    "extra-twice": (archive(replace(ITEM, central_extra=extra(9, b"") * 2)), "archive.ambiguous extra-field"),
    "unicode-name": (archive(replace(ITEM, central_extra=UNICODE)), "archive.ambiguous unicode-name"),
    "unicode-name-local": (archive(replace(ITEM, local_extra=UNICODE)), "archive.ambiguous unicode-name"),
    "zip64-unasked": (archive(replace(ITEM, central_extra=ZIP64)), "archive.ambiguous zip64"),
    "zip64-local-differs": (archive(replace(ITEM, local_extra=ZIP64)), "archive.ambiguous zip64"),
    "zip64-local-short": (archive(replace(ITEM, local_extra=extra(1, b"12345678"))), "archive.malformed zip64"),
    "size-understated": (
        archive(replace(ITEM, local={"size": 5}, central={"size": 5})),
        "archive.malformed size",
    ),
    "size-overstated": (archive(replace(ITEM, local={"size": 9}, central={"size": 9})), "archive.malformed size"),
    "stored-size-differs": (
        archive(replace(ITEM, method=0, local={"size": 5}, central={"size": 5})),
        "archive.malformed size",
    ),
    "checksum": (archive(replace(ITEM, local={"crc": 7}, central={"crc": 7})), "archive.malformed checksum"),
    "deflate-junk": (archive(replace(ITEM, packed=ITEM.data() + b"123456789")), "archive.malformed data"),
    "deflate-cut": (archive(replace(ITEM, packed=ITEM.data()[:-1])), "archive.malformed data"),
    "deflate-broken": (archive(replace(ITEM, packed=b"\x07junk")), "archive.malformed data"),
    "bomb": (archive(replace(Item(b"a", b"\0" * 2_000_000), packed=BOMB)), "archive.bomb ratio"),
    "bomb-total": (
        archive(*(replace(Item(b"%d" % at), local={"size": 1 << 27}, central={"size": 1 << 27}) for at in range(3))),
        "archive.bomb size",
    ),
    "bomb-understated": (
        archive(replace(Item(b"a", b"\0" * 1000), packed=BOMB)),
        "archive.malformed size",
    ),
    "bomb-entries": (archive(*(Item(b"%d" % at, b"", 0) for at in range(5001))), "archive.bomb entries"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack(attack: str) -> None:
    data, why = ATTACKS[attack]
    assert refused(contents, data) == why


def test_overlapping_entries_are_refused() -> None:
    """The better bomb (Fifield 2019): many directory entries, one kernel of data."""
    kernel = local_header(ITEM) + ITEM.data()
    directory = central_header(ITEM, 0) + central_header(replace(ITEM, name=b"b.txt"), 0)
    data = kernel + directory + end_record(2, len(directory), len(kernel))
    assert refused(contents, data) == "archive.ambiguous local-name"
    directory = central_header(ITEM, 0) * 2
    data = kernel + directory + end_record(2, len(directory), len(kernel))
    assert refused(contents, data) == "archive.ambiguous overlap"


def test_an_entry_within_another_is_refused() -> None:
    """Quoted local headers: a stored entry whose data hold the header of the next."""
    inner = Item(b"inner", b"x" * 20, 0)
    outer = Item(b"outer", local_header(inner) + inner.content, 0)
    body = local_header(outer) + outer.content
    directory = central_header(outer, 0) + central_header(inner, len(local_header(outer)))
    data = body + directory + end_record(2, len(directory), len(body))
    assert refused(contents, data) == "archive.ambiguous overlap"


def test_a_directory_that_hides_an_entry_is_refused() -> None:
    two = [Item(b"a"), Item(b"b")]
    body = b"".join(local_header(item) + item.data() for item in two)
    directory = central_header(two[0], 0)
    assert refused(contents, body + directory + end_record(1, len(directory), len(body))) == "archive.ambiguous gap"
    both = directory + central_header(two[1], len(local_header(two[0]) + two[0].data()))
    assert refused(contents, body + both + end_record(1, len(both), len(body))) == "archive.ambiguous directory-size"


def test_a_nested_archive_is_never_opened_whatever_its_name() -> None:
    data = archive(Item(b"droste.bin", QUINE))
    assert contents(data) == {"droste.bin": QUINE}


def test_descriptors_in_all_their_forms() -> None:
    for signature in (True, False):
        assert contents(archive(described(ITEM, signature=signature), Item(b"b"))) == {
            "a.txt": b"content",
            "b": b"content",
        }
    wide = replace(
        ITEM, local_extra=extra(1, struct.pack("<QQ", 0, 0)), local={"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}
    )
    assert contents(archive(described(wide, wide=True))) == {"a.txt": b"content"}


def test_what_real_writers_do_is_read() -> None:
    assert contents(archive(ITEM, comment="归档".encode())) == {"a.txt": b"content"}
    assert contents(archive(Item(b"d/", b"", 0), Item(b"d/a"))) == {"d/a": b"content"}
    assert contents(archive(replace(ITEM, flags=0x800, central={"flags": 0}))) == {"a.txt": b"content"}
    assert contents(archive(replace(ITEM, packed=ITEM.data() + b"6bytes"))) == {"a.txt": b"content"}
    assert contents(archive(Item("文".encode("gbk"))), names="gbk-flagged") == {"文": b"content"}
    assert contents(archive()) == {}


def test_a_gbk_name_is_judged_as_it_is_read() -> None:
    name = "誠".encode("gbk")  # its second byte is a backslash: only a reader of bytes sees one
    assert name[1:] == b"\\"
    assert contents(archive(Item(name)), names="gbk-flagged") == {"誠": b"content"}
    for bad, why in ((b"\xff\xff", "encoding"), ("文/../../字".encode("gbk"), "path")):
        assert refused(open_zip, archive(Item(bad)), names="gbk-flagged") == f"archive.unsafe-name {why}"


def test_limits_are_those_asked_for() -> None:
    many = archive(*(Item(b"%d" % at, b"", 0) for at in range(2001)))
    assert refused(open_zip, many) == "archive.bomb entries"
    assert len(open_zip(many, limits=DOCUMENT).names) == 2001
    assert refused(open_zip, archive(ITEM), limits=Limits(file_bytes=10)) == "file.too-large bytes"
    assert refused(open_zip, archive(ITEM), limits=Limits(entry_bytes=6)) == "archive.bomb size"
    assert DEFAULT.entries == 2000


def test_contents_are_kept() -> None:
    found: Archive = open_zip(archive(ITEM))
    assert found.read("a.txt") is found.read("a.txt")
    assert found.size("a.txt") == 7
    assert "a.txt" in found
    assert "b" not in found
