"""The console's words and plots: each word in both languages, each that a template uses, no markup from outside."""

import re
from pathlib import Path

import jinja2
from hypothesis import given
from hypothesis import strategies as st

from console import plots
from console.pages.insurer import excerpts_of
from console.view import moment, yuan
from console.words import all_words, said_of, say

TEMPLATES = Path(__file__).parents[2] / "console" / "templates"


def test_every_word_that_a_page_uses_is_there() -> None:
    used = set()
    for file in TEMPLATES.glob("*.html"):
        used |= set(re.findall(r"\bt\('([a-z_]+\.[a-z0-9_]+)'", file.read_text(encoding="utf-8")))
    for file in TEMPLATES.parent.rglob("*.py"):
        used |= set(re.findall(r"say\(\"([a-z_]+\.[a-z_]+)\"", file.read_text(encoding="utf-8")))
        used |= set(re.findall(r"Mistake\(\"([a-z_]+\.[a-z_]+)\"", file.read_text(encoding="utf-8")))
        used |= set(re.findall(r"nav=\"([a-z_]+\.[a-z_]+)\"", file.read_text(encoding="utf-8")))
    assert used - set(all_words()) == set()


def test_both_languages_fill_the_same_places() -> None:
    for name, texts in all_words().items():
        places = {language: sorted(re.findall(r"\{(\w+)\}", text)) for language, text in texts.items()}
        assert places["zh"] == places["en"], name
        assert all(texts.values()), name


def test_words_fill_in_and_unknown_codes_stay() -> None:
    assert say("match.row", "en", number=3) == "Row 3"
    assert said_of("status", "verified", "zh") == "核验通过"
    assert said_of("status", "something-new", "zh") == "something-new"


@given(st.text(max_size=40), st.floats(min_value=0, max_value=1e12, allow_nan=False))
def test_plots_let_no_markup_in(text: str, amount: float) -> None:
    bar = plots.bars(
        text, [plots.Bar(text, [plots.Part(amount, "good", text)], text, None)], limit=amount, limit_name=text
    )
    span = plots.spans(text, [plots.Span(text, amount, amount, amount, "bad", text)], band=(0, amount), band_name=text)
    for drawn in (str(bar), str(span)):
        tags = set(re.findall(r"<(/?[a-zA-Z]+)", drawn))
        assert tags <= {"svg", "/svg", "title", "/title", "text", "/text", "rect", "/rect", "line", "circle", "/circle"}


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_amounts_are_grouped_and_nothing_else(fen: int) -> None:
    sign = "-" if fen < 0 else ""
    exact = f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
    assert yuan(exact).replace(",", "").replace("−", "-") == exact


def test_moments_are_shanghais() -> None:
    assert "2026-01-01 00:30:00" in moment("2025-12-31T16:30:00Z")
    assert moment("2026-01-01") == '<time datetime="2026-01-01">2026-01-01</time>'
    assert moment(None) == "—"
    assert moment("<b>") == "&lt;b&gt;"


def test_the_place_in_a_message_is_marked() -> None:
    wrong = [{"field": "BASE_PART/N_REBATE"}]
    (found,) = excerpts_of(b"<A>\n<B>\n<N_REBATE>1</N_REBATE>\n</B>\n</A>", "application/xml", wrong)
    assert [number for number, _, meant in found.lines if meant] == [3]
    assert excerpts_of(b"PK\x03\x04", "application/zip", wrong) == []
    chinese = "保单号,保费\n1,二\n".encode("gb18030")
    (found,) = excerpts_of(chinese, "text/csv", [{"field": "保费"}])
    assert found.lines[0] == (1, "保单号,保费", True)


def test_what_is_not_said_is_not_good() -> None:
    """A field that the API leaves out is never shown as the better of two."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.ChainableUndefined
    )
    page = environment.from_string("{% import '_macros.html' as m with context %}{{ m.freshness(one.stale) }}")
    for one, tone in (({}, "bad"), ({"stale": None}, "bad"), ({"stale": True}, "bad"), ({"stale": False}, "good")):
        assert f'class="badge {tone}"' in page.render(one=one, t=lambda name: name)
