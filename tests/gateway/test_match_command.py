"""`gateway match` against a real server: the same answer as over HTTP, readable, with its exit codes."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
import uvicorn
from house import world
from premiums_at_hand import HOLDER, NUMBER, PRODUCT, keep, policy_of, premium_of
from service import provisioned

from gateway.app import build, create_app
from gateway.cli import main
from gateway.config import load_config
from gateway.serve import free_port

STATED = {"enterprise": HOLDER["name"], "approval_no": PRODUCT["approval_no"], "premium": "80", "sales": "3/1"}


@contextmanager
def listening(dsn: str) -> Iterator[str]:
    """The service on a port of its own; its address."""
    port = free_port("127.0.0.1")
    gateway = build(load_config(provisioned().config, {}, dsn=dsn, pool_size=2), lambda: datetime.now(UTC))
    server = uvicorn.Server(uvicorn.Config(create_app(gateway), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def test_the_command_prints_what_differs_and_says_so_by_its_exit_code(
    dsn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(dsn, premium_of(), premium_of(policy_of("PTEST202633010800000002"), insurer="TEST-B"))
    key = tmp_path / "SUBSIDY.pem"
    key.write_bytes(world().subsidy_system.request_key.pem)
    good, bad, torn = tmp_path / "good.json", tmp_path / "bad.xlsx", tmp_path / "torn.xlsx"
    good.write_text(json.dumps({"annex": 2, "rows": [STATED]}), encoding="utf-8")
    torn.write_bytes(b"PK\x03\x04")
    book = openpyxl.Workbook()
    book.active.append(["企业（单位）名称", "批准文号", "保单号", "保费金额（万元）", "承保机构", "注册分类"])
    book.active.append([HOLDER["name"], PRODUCT["approval_no"], NUMBER, 88, "TEST-A", PRODUCT["registration_class"]])
    buffer = io.BytesIO()
    book.save(buffer)
    bad.write_bytes(buffer.getvalue())
    with listening(dsn) as url:
        how = ["--url", url, "--key", str(key)]
        assert main(["match", str(good), *how]) == 2  # two insurers report it: nothing is chosen
        assert "? TEST-B" in capsys.readouterr().out
        assert main(["match", str(bad), *how, "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["summary"] == {"agrees": 0, "differs": 1, "unknown": 0}
        assert main(["match", str(bad), *how, "--lang", "en"]) == 1
        shown = capsys.readouterr().out
        assert "D2 保费金额(万元): differs  88 ≠ 80 万元" in shown
        assert "TEST-B PTEST202633010800000002 verified" in shown
        assert main(["match", str(torn), *how]) == 3
        assert json.loads(capsys.readouterr().out)["status"] == 422
        assert main(["match", str(tmp_path / "none.json"), *how]) == 64
    assert main(["match", str(good), "--url", "http://127.0.0.1:1", "--key", str(key)]) == 3
