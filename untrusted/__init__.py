"""The door: every parser that meets a stranger's bytes, with its limits. What it does not read, it refuses by name."""

from untrusted.cell import Cell, Row, Style, moment
from untrusted.csv import Record, read_csv, stream_csv
from untrusted.der import Node, read_der
from untrusted.gzip import read_gzip, stream_gzip
from untrusted.json import JSON, read_json
from untrusted.limits import DEFAULT, DOCUMENT, STREAM, Limits
from untrusted.plain_xml import read_plain_xml
from untrusted.refused import Refused
from untrusted.sheet import Merge
from untrusted.source import FileBytes
from untrusted.table import read_table
from untrusted.text import decode
from untrusted.xlsx import Sheet, Workbook, read_xlsx, stream_xlsx
from untrusted.xml import read_xml
from untrusted.zip import Archive, open_zip

__all__ = [
    "DEFAULT",
    "DOCUMENT",
    "JSON",
    "STREAM",
    "Archive",
    "Cell",
    "FileBytes",
    "Limits",
    "Merge",
    "Node",
    "Record",
    "Refused",
    "Row",
    "Sheet",
    "Style",
    "Workbook",
    "decode",
    "moment",
    "open_zip",
    "read_csv",
    "read_der",
    "read_gzip",
    "read_json",
    "read_plain_xml",
    "read_table",
    "read_xlsx",
    "read_xml",
    "stream_csv",
    "stream_gzip",
    "stream_xlsx",
]
