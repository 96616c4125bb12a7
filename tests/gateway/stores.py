"""Evidence stores as they are met: a folder, an S3 server on this machine, and one that never answers."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from obstore.store import S3Store

_KEYS = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@contextmanager
def environment(**names: str) -> Iterator[None]:
    """These variables, for as long."""
    before = {name: os.environ.get(name) for name in names}
    os.environ |= names
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def s3_server() -> Iterator[str]:
    """An S3 server in a process of its own, with a bucket `evidence`, and the environment that clients need."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while True:
            assert server.poll() is None
            assert time.monotonic() < until
            with suppress(httpx.HTTPError):
                assert httpx.put(f"{url}/evidence", trust_env=False).status_code == 200
                break
            time.sleep(0.05)
        with environment(AWS_ENDPOINT_URL=url, **_KEYS):
            yield url
    finally:
        server.kill()
        server.wait()


@contextmanager
def silent_s3() -> Iterator[None]:
    """A server that takes connections and never says anything, as the environment's S3 endpoint."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def take() -> None:
        with suppress(OSError):
            while True:
                taken.append(listener.accept()[0])

    thread = threading.Thread(target=take)
    thread.start()
    try:
        with environment(AWS_ENDPOINT_URL=f"http://127.0.0.1:{listener.getsockname()[1]}", **_KEYS):
            yield
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for one in taken:
            one.close()


def file_of(folder: Path, content: bytes) -> Path:
    """Where a folder keeps these bytes."""
    name = hashlib.sha256(content).hexdigest()
    return folder / "sha256" / name[:2] / name[2:4] / name


def bucket() -> S3Store:
    """The bucket of the S3 server, as somebody else with its keys reaches it: below `documents`."""
    return S3Store("evidence", prefix="documents", client_options={"allow_http": True})


def key_of(content: bytes) -> str:
    """Under which name these bytes are in the bucket."""
    name = hashlib.sha256(content).hexdigest()
    return f"sha256/{name[:2]}/{name[2:4]}/{name}"
