"""Processes of a demonstration: the gateway that serves from what was provisioned, and the console beside it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

GATEWAY = Path(sys.executable).parent / "gateway"
_TRIES = 900  # tenths of a second


@contextmanager
def serving(config: Path, **environment: str) -> Iterator[str]:
    """A gateway serving by this configuration, in a process of its own; its address."""
    lines = config.read_text(encoding="utf-8").splitlines()
    port = next(line.split("=")[1].strip() for line in lines if line.startswith("port"))
    url = f"http://127.0.0.1:{port}"
    with _running([str(GATEWAY), "serve", "--config", str(config)], config.with_suffix(".log"), environment) as process:
        _wait_until(f"{url}/readyz", process, config.with_suffix(".log"))
        yield url


@contextmanager
def console(url: str, users: Path, keys: Path) -> Iterator[str]:
    """The console of that gateway in demo mode; its address."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "console.main", "--url", url, "--port", str(port)]
    command += ["--demo-users", str(users), "--demo-keys", str(keys)]
    log = users.with_name("console.log")
    with _running(command, log, {}) as process:
        _wait_until(f"{address}/signin", process, log)
        yield address


@contextmanager
def _running(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=inherited | dict(environment))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(_TRIES):
        if process.poll() is not None:
            raise SystemExit(f"it did not start:\n{log.read_text()[-2000:]}")
        with suppress(requests.RequestException):
            if requests.get(url, timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"it did not become ready:\n{log.read_text()[-2000:]}")


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
