"""A problem has one shape, whoever tells it: the service, the command line, a replay."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import next_number, registered_as, world
from service import Service, serve

from gateway.cli import main
from gateway.submissions.read import read_message

B, C = world().insurer("SANDBOX-B"), world().insurer("SANDBOX-C")


def broken_list() -> bytes:
    """Two rows with several things wrong, and one that is right."""
    _, body = world().render_message(B, [world().policy(B, next_number()) for _ in range(3)], "any")
    head, *rows = body.decode("gb18030").rstrip("\r\n").split("\r\n")
    names, first, second = head.split(","), rows[0].split(","), rows[1].split(",")
    first[names.index("起保日期")] = "2026-02-29"
    first[names.index("应收保费（元）")] = "1.0.0"
    second[names.index("统一社会信用代码")] = "91330108MA2XX9T187"
    return "".join(",".join(row) + "\r\n" for row in (names, first, second, rows[2].split(","))).encode("gb18030")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_service_and_the_command_line_tell_the_same(
    dsn: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], language: str
) -> None:
    body = broken_list()
    told: list[dict[str, Any]] = []

    async def work(service: Service) -> None:
        headers = {"accept-language": language}
        answered = await service.post(B.code, body, "text/csv", headers=headers)
        assert answered.status == 422
        told.extend(answered.json()["problems"])

    serve(dsn, work)
    file = tmp_path / "list.csv"
    file.write_bytes(body)
    assert main(["adapter", "run", "--insurer", B.dialect, "--json", "--lang", language, str(file)]) == 1
    lines = [orjson.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    printed = [line["problem"] for line in lines if "problem" in line]
    assert printed == told
    assert {(one["rule"], one["row"]) for one in told} == {
        ("date.unreadable", 2),
        ("number.unreadable", 2),
        ("identifier.credit-code", 3),
    }
    for one in told:
        assert set(one) >= {
            "rule",
            "field",
            "reason",
            "outcome",
            "severity",
            "detail",
            "expected",
            "row",
            "where",
            "raw",
        }
        assert bool(re.search(r"[\u4e00-\u9fff]", one["detail"])) == (language == "zh")
        assert "column" in one["where"]
    assert {one["raw"] for one in told} == {"2026-02-29", "1.0.0", "91330108MA2XX9T187"}


def test_what_the_standard_schema_refuses_says_where_it_stands() -> None:
    facts = world().policy(C, next_number())
    media_type, body = world().render_message(C, [facts], "m-1")
    message = orjson.loads(body)
    message["record"]["product"]["generic_name"] = "长" * 5000
    read = read_message(orjson.dumps(message), media_type, registered_as(C.code))
    (check,) = [check for check in read.checks if check.rule == "schema.value"]
    assert (check.reason, check.field) == ("too-long", "product.generic_name")
    assert check.facts["where"] == "/record/product/generic_name"
    assert check.facts["raw"] == "长" * 200
    assert check.facts["row"] == 1
