"""A writer of ZIP archives whose members are stored, in the order given, with one fixed time (APPNOTE 4.3)."""

import struct
import zlib
from collections.abc import Mapping

_DATE, _TIME = (2020 - 1980) << 9 | 1 << 5 | 1, 0  # 2020-01-01 00:00:00
_UTF8_NAME = 0x0800


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """A ZIP archive of the members. Stored, not deflated: compressors differ from machine to machine."""
    body, directory = bytearray(), bytearray()
    for name, content in members.items():
        encoded = name.encode()
        shared = struct.pack(
            "<HHHHHIIIHH",
            20,
            _UTF8_NAME,
            0,
            _TIME,
            _DATE,
            zlib.crc32(content),
            len(content),
            len(content),
            len(encoded),
            0,
        )
        place = len(body)
        body += b"PK\x03\x04" + shared + encoded + content
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + shared + struct.pack("<HHHII", 0, 0, 0, 0, place) + encoded
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return bytes(body + directory + b"PK\x05\x06" + end)
