"""A clock that somebody moves is for the sandbox alone: everything else is refused, and it is said aloud."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from service import provisioned

from gateway.app import build, create_app
from gateway.config import Config, load_config
from gateway.db import data_folder, new_pool
from gateway.errors import Misconfigured
from gateway.serve import serve
from gateway.simulated import MARKER, WORDS, SimulatedClock, clock_of

THEN = datetime(2025, 3, 4, 1, 30, tzinfo=UTC)


def configured(folder: Path, *, marked: bool = True, **changes: object) -> Config:
    """A sandbox's configuration on a clock of its own; its data folder carries the marker."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    if marked:
        (data / MARKER).write_text(WORDS, encoding="utf-8")
    file = folder / "clock"
    file.write_text(THEN.isoformat(), encoding="ascii")
    return load_config(provisioned().config, {}, data_dir=data, simulated_clock=file, **changes)


def test_the_clock_is_the_file_and_never_runs_back_or_ahead(tmp_path: Path) -> None:
    config = configured(tmp_path)
    clock = clock_of(config)
    assert clock() == THEN
    assert config.simulated_clock is not None
    file = config.simulated_clock
    file.write_text((THEN + timedelta(days=1)).isoformat())
    assert clock() == THEN + timedelta(days=1)
    file.write_text(THEN.isoformat())
    assert clock() == THEN + timedelta(days=1)
    file.write_text("2999-01-01T00:00:00+00:00")
    assert clock() <= datetime.now(UTC)


@pytest.mark.parametrize("said", ["", "noon", "2025-03-04", "2025-03-04T01:30:00"])
def test_a_file_without_a_moment_is_no_clock(tmp_path: Path, said: str) -> None:
    file = tmp_path / "clock"
    file.write_text(said)
    with pytest.raises(Misconfigured, match="moment"):
        SimulatedClock(file)()


def test_without_it_the_clock_is_the_real_one() -> None:
    before = datetime.now(UTC)
    assert before <= clock_of(load_config(provisioned().config, {}))() <= datetime.now(UTC)


def test_only_where_the_sandbox_left_its_marker(tmp_path: Path) -> None:
    config = configured(tmp_path, marked=False)
    for start in (serve, build):
        with pytest.raises(Misconfigured, match=MARKER):
            start(config)
    (config.data_dir / MARKER).write_text("as if\n")
    with pytest.raises(Misconfigured, match=MARKER):
        serve(config)
    assert not (config.data_dir / "postgres").exists()  # refused before anything was made


def test_not_with_a_database_that_somebody_set_up(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="DSN"):
        configured(tmp_path, dsn="postgresql://db.example/premiums")


@pytest.mark.parametrize(
    "change", [{"host": "0.0.0.0"}, {"public_url": "https://gateway.example"}, {"workers": 2}], ids=lambda one: str(one)
)
def test_not_where_others_are_served(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(Misconfigured, match="simulated_clock"):
        serve(configured(tmp_path, **change))


def test_the_database_is_asked_whose_it_is(tmp_path: Path, dsn: str) -> None:
    """However the DSN got there: a server whose data lie elsewhere is refused before anything is written."""
    config = configured(tmp_path).model_copy(update={"dsn": dsn})

    async def run() -> None:
        app = create_app(build(config))
        with pytest.raises(Misconfigured, match="embedded"):
            async with app.router.lifespan_context(app):
                raise AssertionError("it served")

    asyncio.run(run())


def test_who_looks_is_told(dsn: str, tmp_path: Path) -> None:
    """Health and readiness tell the time that the file says, and that it is nobody's."""
    folder = asyncio.run(_data_folder(dsn)).parent  # the tests' own server as the embedded one of this sandbox
    config = configured(tmp_path).model_copy(update={"dsn": dsn, "data_dir": folder})
    (folder / MARKER).write_text(WORDS, encoding="utf-8")

    async def run() -> None:
        app = create_app(build(config))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.example") as client,
        ):
            health, ready = await client.get("/healthz"), await client.get("/readyz")
            assert "SIMULATED CLOCK 2025-03-04" in health.text
            assert "SIMULATED CLOCK 2025-03-04" in ready.json()["simulated_clock"]

    asyncio.run(run())


async def _data_folder(dsn: str) -> Path:
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        found = await data_folder(connection)
    assert found is not None
    return Path(found)
