"""Giving a gateway a past: two years pushed through its real interface, on a clock that is moved from day to day."""

from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sandbox.history.clauses import registry_file
from sandbox.history.load import Loaded, load
from sandbox.history.plan import History
from sandbox.provision import Provisioned, provision_past
from sandbox.serving import serving

# Durable commits are for what happened. This did not, and whoever is interrupted begins again.
_QUICK = {"PGOPTIONS": "-c synchronous_commit=off"}
_DAY = timedelta(days=1)


def give_past(history: History, made: Provisioned, console: Console) -> Loaded:
    """Serve on a simulated clock from what was provisioned, tell the whole history, and stop.

    Afterwards no clock can be simulated in that folder any more, and the registry file to be pushed is the one that the
    history ends with.
    """
    world, port = history.world, _port_of(made)
    since = history.days.moment(history.days.first, world.seed) - _DAY
    past = provision_past(world, made, port=port, since=since)
    try:
        with serving(past.config, **_QUICK):
            done = _told(history, port, past.clock, console)
    finally:
        past.marker.unlink()
    keep_archive(history, made)
    return done


def keep_archive(history: History, made: Provisioned) -> None:
    """What the present needs of the past: the registry with all that was filed, the lists that were current then."""
    made.registry.write_bytes(registry_file(history.filings, history.world.as_of))
    # Of a certificate that has expired since, only old lists can tell.
    for file in sorted((made.config.parent / "trust-of-the-past" / "crl").glob("*.crl")):
        (made.trust / "crl" / f"{file.stem}-archive.crl").write_bytes(file.read_bytes())


def _told(history: History, port: int, clock: Path, console: Console) -> Loaded:
    """Tell it, and show how far it is."""
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    task = progress.add_task("", total=sum(1 for _ in history.by_day()))

    def told(day: date, done: Loaded) -> None:
        words = f"{day} · {done.policies}份保单 policies · {done.records}条记录 records"
        progress.update(task, description=words, completed=done.days)

    with Live(progress, console=console, refresh_per_second=4, transient=True):
        return load(history, port, clock, told)


def _port_of(made: Provisioned) -> int:
    lines = made.config.read_text(encoding="utf-8").splitlines()
    return int(next(line.split("=")[1] for line in lines if line.startswith("port")))
