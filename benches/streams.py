"""A million rows from a file, one by one: how many rows in a second, and how much memory the process has at its most.

Each file is written first, and read by a process of its own. The floor is the same file merely gone through by the
reader below in the same process before; its memory is in the line too.
"""

import csv
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters import stream
from benches.files import FILES, bordereau, workbook_into
from benches.line import Line
from untrusted import FileBytes, stream_xlsx

STREAMED = {
    "DIA-CSV-LIST": "rows.csv",
    "DIA-EAST-TXT": "rows.txt",
    "DIA-CANON-JSON": "rows.jsonl",
    "DIA-XLSX-BDX": "rows.xlsx",
}


def run(rows: int) -> Iterator[Line]:
    """A file of `rows` rows in each of the formats that are read as they come."""
    for code, name in STREAMED.items():
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            write(code, path, rows)
            command = [sys.executable, "-m", "benches.streams", code, str(path)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            value, floor = rows / found["seconds"], rows / found["parse"]
            yield Line(
                f"stream.{code.lower()}",
                value,
                "rows per second",
                floor,
                value / floor,
                {
                    "rows": rows,
                    "bytes": path.stat().st_size,
                    "records": found["records"],
                    "peak_mib": found["peak"],
                    "peak_mib_of_parse": found["parse_peak"],
                },
            )


def write(code: str, path: Path, rows: int) -> None:
    """A file of that many rows, a piece at a time."""
    with path.open("wb") as file:
        if code == "DIA-XLSX-BDX":
            workbook_into(file, bordereau(rows))
        else:
            file.writelines(FILES[code](rows))


def _lines(path: Path) -> None:
    with path.open(encoding="utf-8") as file:
        for line in file:
            line.split("|!|")


def _messages(path: Path) -> None:
    with path.open("rb") as file:
        for line in file:
            json.loads(line)


def _records(path: Path) -> None:
    with path.open(encoding="gb18030", newline="") as file:
        for _ in csv.reader(file):
            pass


def _sheet(path: Path) -> None:
    with path.open("rb") as file:
        for sheet in stream_xlsx(FileBytes(file)).sheets:
            for _ in sheet.rows():
                pass


_PARSE: dict[str, Callable[[Path], None]] = {
    "DIA-CSV-LIST": _records,
    "DIA-EAST-TXT": _lines,
    "DIA-CANON-JSON": _messages,
    "DIA-XLSX-BDX": _sheet,
}


def _peak() -> int:
    """The most memory that this process had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _read(code: str, path: Path) -> dict[str, float]:
    start = time.perf_counter()
    _PARSE[code](path)
    parsed, peak = time.perf_counter(), _peak()
    records = 0
    for row in stream(code, path):
        if row.problems:
            raise ValueError(f"{code}: {row.problems[0]}")
        records += len(row.records)
    return {
        "seconds": time.perf_counter() - parsed,
        "parse": parsed - start,
        "records": records,
        "peak": _peak(),
        "parse_peak": peak,
    }


if __name__ == "__main__":
    print(json.dumps(_read(sys.argv[1], Path(sys.argv[2]))))
