"""Running the service: database, migrations, key, workers."""

import gc
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from gateway.app import build, create_app
from gateway.config import Config
from gateway.db import embedded, migrate
from gateway.simulated import check_simulated, clock_of, warning
from signing.generate import new_ed25519_pem

_EFFECTIVE = "GATEWAY_EFFECTIVE_CONFIG"


def serve(config: Config) -> int:
    """Serve until stopped. Without a DSN the embedded PostgreSQL below `data_dir` is started for as long.

    Several workers are processes behind one socket; each has its own pool, and the log has one publisher among them.
    """
    check_simulated(config)  # before anything is made: what must not be simulated is left as it is
    with ExitStack() as stack:
        dsn = config.dsn or stack.enter_context(embedded(config.data_dir.resolve() / "postgres"))
        config = config.model_copy(update={"dsn": dsn})
        migrate(dsn)
        if isinstance(config.signing_key, Path):  # a token's key is made in the token
            make_signing_key(config.signing_key)
        if config.port == 0:
            config = config.model_copy(update={"port": free_port(config.host)})
        print(f"http://{config.host}:{config.port}", file=sys.stderr, flush=True)
        if config.simulated_clock is not None:
            print(warning(clock_of(config)()), file=sys.stderr, flush=True)
        os.environ[_EFFECTIVE] = config.model_dump_json()
        run("gateway.serve:application", config.host, config.port, config.workers)
    return 0


def run(factory: str, host: str, port: int, workers: int) -> None:
    """Serve the ASGI application that `module:function` makes, under the settings that every process of ours has."""
    uvicorn.run(
        factory,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
    )


def begin(config: Config) -> list[str]:
    """For a first look without a configuration file: make what is missing, empty. What was made, to be told.

    An empty trust folder trusts nobody and an empty list of participants knows nobody: nothing can be verified yet.
    """
    made = []
    if not config.trust_dir.exists():
        config.trust_dir.mkdir(parents=True)
        made.append(f"{config.trust_dir}: 空的信任目录，不信任任何印章 · an empty trust folder: no seal is trusted")
    if not config.participants.exists():
        config.participants.write_text("[]\n", encoding="utf-8")
        made.append(f"{config.participants}: 尚无参与方 · no participant is registered")
    return made


def application() -> FastAPI:
    """The application of a worker process, from the configuration that `serve` handed down."""
    app = create_app(build(Config.model_validate_json(os.environ[_EFFECTIVE])))
    collect_seldom()
    return app


def collect_seldom() -> None:
    """What stands now stands until the end, and what a request leaves behind is freed by its count: the collector of
    cycles need not look through it after each 700 objects, which is a fraction of one request's."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def make_signing_key(file: Path) -> None:
    """Make the gateway's Ed25519 key at its first start; an existing file is left as it is."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    # Readable by the owner alone from the first moment on, and never over a key that appeared meanwhile.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(new_ed25519_pem())


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
