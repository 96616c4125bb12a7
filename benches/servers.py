"""The processes under measurement: one PostgreSQL, the service, and the floor, each with a database of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import sql

from benches.market import world
from gateway.db import create_database, embedded, migrate
from gateway.serve import free_port
from sandbox.demo import push_filings
from sandbox.provision import provision

_GATEWAY = Path(sys.executable).parent / "gateway"
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ServerFailed(Exception):
    """A server under measurement did not come up; what it said is the message."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, its database, and its process with all that it started."""

    port: int
    dsn: str
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time of the process and its children so far."""
        return sum(cpu_seconds(pid) for pid in family(self.pid))

    def resident_bytes(self) -> int:
        """Resident memory of the process and its children; pages that they share count once each."""
        return sum(_resident_bytes(pid) for pid in family(self.pid))


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a database server in it, for everything that one run measures."""

    folder: Path
    dsn: str
    database_pid: int

    def database_cpu_seconds(self) -> float:
        """Processor time of the database server so far, of sessions that have ended too."""
        return sum(cpu_seconds(pid) for pid in family(self.database_pid))

    def new_database(self, name: str) -> str:
        """A fresh database with the service's tables; its DSN."""
        dsn = create_database(self.dsn, name)
        migrate(dsn)
        return dsn


@contextmanager
def place(settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Place]:
    """A temporary folder and a PostgreSQL that commits durably, with these settings beside its own. Raises
    `ServerFailed` if it would not."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the database runs under its own account
        if settings:
            with embedded(folder / "postgres") as dsn, psycopg.connect(dsn, autocommit=True) as connection:
                for name, value in settings.items():
                    change = sql.SQL("ALTER SYSTEM SET {} = {}")
                    connection.execute(change.format(sql.Identifier(name), sql.Literal(value)))
        with embedded(folder / "postgres") as dsn:
            with psycopg.connect(dsn) as connection:
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
                    if row is None or row[0] != "on":
                        raise ServerFailed(f"the database has {setting} {row}: its commits are not durable")
            pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
            yield Place(folder, dsn, pid)


@contextmanager
def service(where: Place, at: datetime, *, workers: int, name: str = "service") -> Iterator[Server]:
    """The service of the sandbox's world as of `at`, with the clause registry that the regulator pushed."""
    port = free_port("127.0.0.1")
    made = provision(world(at), where.folder / name, port=port, workers=workers)
    dsn = where.new_database(name)
    with _running([str(_GATEWAY), "serve", "--config", str(made.config)], {"GATEWAY_DSN": dsn}, port, dsn) as server:
        push_filings(world(at), f"http://127.0.0.1:{port}", made.registry)
        yield server


@contextmanager
def floor(where: Place, templates: Path, *, workers: int, name: str = "floor") -> Iterator[Server]:
    """The floor's server (`benches.floor`), which inserts what `templates` says."""
    port = free_port("127.0.0.1")
    dsn = where.new_database(name)
    command = [sys.executable, "-m", "benches.floor", str(port), str(workers)]
    environment = {"FLOOR_DSN": dsn, "FLOOR_TEMPLATES": str(templates)}
    with _running(command, environment, port, dsn) as server:
        yield server


@contextmanager
def program(module: str, environment: dict[str, str]) -> Iterator[Server]:
    """A server that is a module of its own, `python -m MODULE PORT`, without a database."""
    port = free_port("127.0.0.1")
    with _running([sys.executable, "-m", module, str(port)], environment, port, "") as server:
        yield server


@contextmanager
def _running(command: list[str], environment: dict[str, str], port: int, dsn: str) -> Iterator[Server]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.NamedTemporaryFile("w+", suffix=".log"))
        process = subprocess.Popen(command, stdout=log, stderr=log, env=inherited | environment)
        stack.callback(_end, process)
        _wait_until_listening(process, port, Path(log.name))
        yield Server(port, dsn, process.pid)


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    url = f"http://127.0.0.1:{port}/readyz"
    for _ in range(600):
        if process.poll() is not None:
            raise ServerFailed(log.read_text()[-3000:])
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    raise ServerFailed(log.read_text()[-3000:])


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def family(pid: int) -> list[int]:
    """The process and everything below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError, ValueError):
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on: proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """User and system time, with that of children who have ended."""
    try:
        return sum(map(int, _stat(pid)[11:15])) / _TICK
    except OSError:
        return 0.0


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0
