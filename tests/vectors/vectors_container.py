"""Attacks on the archive and the XML."""

from collections.abc import Iterator

from vector import Vector, s, unreadable


def containers() -> Iterator[Vector]:
    parts = s.sealed()
    yield unreadable(
        "entry-case-twin",
        "A4",
        "Two names that differ in case.",
        s.package(parts, [("doc_0/document.xml", b"<x/>")]),
        "archive.ambiguous",
    )
    yield unreadable(
        "entry-slash-twin",
        "A4",
        "A name with a leading slash.",
        s.package(parts, [("/OFD.xml", b"<x/>")]),
        "archive.unsafe-name",
    )
    yield unreadable(
        "prefix", "A4", "Bytes before the archive.", b"PK\x03\x04junk" + s.package(parts), "archive.ambiguous"
    )
    twice = s.package(parts, [("OFD.xmX", b"<x/>")]).replace(b"OFD.xmX", b"OFD.xml")
    yield unreadable("entry-twice", "A4", "The same name twice.", twice, "archive.ambiguous")
    yield unreadable("suffix", "A4", "Bytes behind the archive.", s.package(parts) + b"junk", "archive.ambiguous")
    yield unreadable(
        "parent-entry",
        "A23",
        "A name that leads out of the archive.",
        s.package(parts, [("../x", b"")]),
        "archive.unsafe-name",
    )
    yield unreadable(
        "bomb",
        "A22",
        "A part that unpacks to 20 MiB of zeros.",
        s.package(parts, [("Doc_0/bomb.bin", bytes(20 << 20))]),
        "archive.bomb",
    )
    entity = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
    yield unreadable(
        "entity", "A22", "OFD.xml with an external entity.", s.package({**parts, "OFD.xml": entity}), "ofd.malformed"
    )
    deep = b"<a>" * 3000 + b"</a>" * 3000
    yield unreadable(
        "deep", "A22", "OFD.xml nested 3,000 deep.", s.package({**parts, "OFD.xml": deep}), "ofd.malformed"
    )
