"""Two operators change over from the shell, against a service on a port."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import uvicorn
from house import world
from service import provisioned

from adapters.versions import Versions
from gateway.app import build, create_app
from gateway.cli import main
from gateway.commands.replay import replay_stored
from gateway.config import load_config
from tests.candidates import candidate, versions

B = world().insurer("SANDBOX-B")


@contextmanager
def listening(dsn: str, known: Versions) -> Iterator[str]:
    """The service's address, for as long."""
    app = create_app(build(load_config(provisioned().config, {}, dsn=dsn, pool_size=4), versions=known))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def test_from_replay_to_activation(dsn: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    known = versions(candidate(tmp_path, "dia_csv_list", "1.1"))
    keys = {"OPERATOR": world().operator.request_key, "OPERATOR-2": world().second_operator.request_key}
    for code, key in keys.items():
        (tmp_path / f"{code}.pem").write_bytes(key.pem)
    config = load_config(provisioned().config, {}, dsn=dsn)
    given = {"since": None, "limit": None}
    assert replay_stored(config, B.code, "1.1", as_json=True, language="zh", versions=known, **given) == 0
    replayed = tmp_path / "replay.jsonl"
    replayed.write_bytes(capsysbinary.readouterr().out)
    with listening(dsn, known) as url:

        def as_operator(code: str, *asked: str) -> list[str]:
            key = ["--as", code, "--key", str(tmp_path / f"{code}.pem"), "--keyid", keys[code].keyid, "--url", url]
            return ["mapping", *asked, *key]

        moment = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        propose = ["propose", "--replay", str(replayed), "--from", moment, "--reason", "试行"]
        assert main(as_operator("OPERATOR", *propose)) == 0
        proposal = orjson.loads(capsysbinary.readouterr().out)["proposal"]
        later = ["propose", "--replay", str(replayed), "--from", "2099-07-01", "--reason", "从某日起"]
        assert main(as_operator("OPERATOR", *later)) == 0
        assert orjson.loads(capsysbinary.readouterr().out)["active_from"] == "2099-07-01T00:00:00+08:00"
        assert main(as_operator("OPERATOR", "approve", proposal)) == 1  # the same person
        assert orjson.loads(capsysbinary.readouterr().out)["problems"][0]["rule"] == "mapping.second-person"
        assert main(as_operator("OPERATOR-2", "approve", proposal)) == 0
        assert orjson.loads(capsysbinary.readouterr().out)["version"] == "1.1"
        assert main(as_operator("OPERATOR", "list", "--insurer", B.code)) == 0
        own, _ = orjson.loads(capsysbinary.readouterr().out)["mappings"]
        assert [one["version"] for one in own["activations"]] == ["1.0", "1.1"]
        assert own["in_force"]["version"] == "1.0"
        assert main(as_operator("OPERATOR", "approve", "no digest")) == 64
        replayed.write_text("{}\n", encoding="utf-8")
        assert main(as_operator("OPERATOR", *propose)) == 64
    assert main(as_operator("OPERATOR", "list")) == 3
