"""Problem documents: one shape, two languages, and nothing that a caller sends can spoil them."""

import inspect
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from gateway import problems
from gateway.catalogue import load_catalogue
from gateway.problems import PROBLEMS, BadRequest, Conflict, NotFound, Problem, Refused, language_of, render
from schemas.verification import Severity, failed, passed, unknown

CATALOGUE = load_catalogue()


def asked(language: bytes | None = None, path: str = "/v1/x") -> Request:
    """A request in this language."""
    headers = [] if language is None else [(b"accept-language", language)]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "query_string": b"",
            "headers": headers,
            "server": ("gateway.example", 80),
        }
    )


def rendered(problem: Problem, language: bytes = b"en") -> dict[str, Any]:
    response = render(problem, asked(language), CATALOGUE)
    assert response.media_type == "application/problem+json"
    assert response.headers["content-language"] == language.decode()
    document: dict[str, Any] = orjson.loads(bytes(response.body))
    assert document["status"] == response.status_code == problem.status
    return document


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("language", [b"zh", b"en"])
def test_every_kind_of_refusal_has_one_shape(kind: type[Problem], language: bytes) -> None:
    document = rendered(kind(), language)
    assert document == {
        "type": f"/v1/problems/{kind.slug}",
        "title": kind.title["en" if language == b"en" else "zh"],
        "status": kind.status,
        "detail": kind.title["en" if language == b"en" else "zh"],
        "instance": "/v1/x",
        "problems": [],
    }


def test_every_kind_is_listed_named_and_described_once() -> None:
    kinds = {
        kind
        for _, kind in inspect.getmembers(problems, inspect.isclass)
        if issubclass(kind, Problem) and kind is not Problem
    }
    assert kinds == set(PROBLEMS)
    assert len({kind.slug for kind in PROBLEMS}) == len(PROBLEMS)
    for kind in PROBLEMS:
        assert 400 <= kind.status < 600
        assert (kind.__doc__ or "").strip()
        assert re.search(r"[\u4e00-\u9fff]", kind.title["zh"])
        assert kind.title["en"].isascii()
    described = (Path(__file__).parents[2] / "docs" / "problems.md").read_text("utf-8")
    assert {f"## {kind.slug}" for kind in PROBLEMS} <= set(described.splitlines())


def test_what_does_not_pass_is_told_with_field_reason_facts_and_mending() -> None:
    checks = [
        passed("premium.paid-in-full"),
        failed("premium.net-plus-tax", "differs", field="premium.gross", net="1.00"),
        unknown("premium.paid-in-full", "no-receipt-yet"),
        unknown("cell.formula", "formula", severity=Severity.NOTICE),
        failed("money.format", "not-two-places", fix=[{"op": "replace", "path": "/a", "value": "1.00"}]),
    ]
    for language in (b"zh", b"en"):
        entries = rendered(Refused(checks=checks), language)["problems"]
        assert [(one["rule"], one["reason"], one["field"], one["outcome"]) for one in entries] == [
            ("premium.net-plus-tax", "differs", "premium.gross", "failed"),
            ("premium.paid-in-full", "no-receipt-yet", None, "indeterminate"),
            ("money.format", "not-two-places", None, "failed"),
        ]
        assert entries[0]["facts"] == {"net": "1.00"}
        assert entries[2]["fix"] == [{"op": "replace", "path": "/a", "value": "1.00"}]
        assert all(bool(re.search(r"[\u4e00-\u9fff]", one["detail"])) == (language == b"zh") for one in entries)


def test_what_is_said_beside_it_stands_at_the_top() -> None:
    document = rendered(Conflict("this was so", detail_zh="如此", first_answer="/v1/submissions/S1"))
    assert (document["detail"], document["first_answer"]) == ("this was so", "/v1/submissions/S1")
    assert rendered(Conflict("this was so", detail_zh="如此"), b"zh")["detail"] == "如此"
    assert render(NotFound(headers={"retry-after": "2"}), asked(), CATALOGUE).headers["retry-after"] == "2"


@pytest.mark.parametrize(
    ("sent", "language"),
    [
        (None, "zh"),
        (b"", "zh"),
        (b"*", "zh"),
        (b"en", "en"),
        (b"EN-US", "en"),
        (b"zh-Hans-CN", "zh"),
        (b"en;q=0.5, zh;q=0.4", "en"),
        (b"en;q=0.4, zh;q=0.5", "zh"),
        (b"fr, en;q=0.1", "en"),
        (b"en;q=0", "zh"),
        (b"zh;q=0, en;q=0.1", "en"),
        (b"en;q=1.0000000000, zh", "en"),
        (b"english", "zh"),
        (b"," * 1000 + b"en", "zh"),  # nobody reads on for ever
    ],
)
def test_the_language_that_is_wanted_most(sent: bytes | None, language: str) -> None:
    assert language_of(asked(sent)) == language


@given(st.binary(max_size=200))
def test_any_accept_language_gives_one_of_the_two(sent: bytes) -> None:
    assert language_of(asked(sent)) in ("zh", "en")


weights = st.sampled_from([None, "0", "0.1", "0.5", "0.9", "1"])


@given(st.lists(st.tuples(st.sampled_from(["zh", "en", "fr", "zh-TW", "en-GB"]), weights), max_size=5))
def test_the_language_is_the_one_of_the_highest_weight(wanted: list[tuple[str, str | None]]) -> None:
    sent = ", ".join(tag if weight is None else f"{tag};q={weight}" for tag, weight in wanted)
    known = [(tag[:2], float(weight or "1")) for tag, weight in wanted if tag[:2] in ("zh", "en")]
    best = max((weight for _, weight in known), default=0.0)
    expected = next((tag for tag, weight in known if weight == best and weight > 0), "zh")
    assert language_of(asked(sent.encode())) == expected


@given(
    detail=st.text(st.characters(exclude_categories=["Cs"])),
    field=st.text(st.characters(codec=None)),
    facts=st.dictionaries(st.text(st.characters(codec=None), max_size=5), st.text(st.characters(codec=None))),
)
def test_whatever_strangers_wrote_can_be_told(detail: str, field: str, facts: dict[str, str]) -> None:
    check = failed("evidence.agrees", "differs", field=field, document_says=facts)
    document = rendered(BadRequest(detail or "x", checks=[check]))
    assert document["problems"][0]["rule"] == "evidence.agrees"
