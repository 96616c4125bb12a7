"""The report as one HTML file that asks for nothing: no script, no address, everything escaped.

The policy in its head forbids whatever an escaping fault might still let in.
"""

import base64
import hashlib
from html import escape

from gateway.seal_report.content import CheckText, Content, Line, Section
from gateway.seal_report.words import word

_STYLE = """
:root { color-scheme: light; --good: #0b6b3a; --bad: #a8071a; --open: #8a5a00; --notice: #3b4a63; --line: #d6dae0; }
* { box-sizing: border-box; }
body { font: 15px/1.6 "Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif;
  color: #1a1f29; background: #fff; max-width: 62rem; margin: 0 auto; padding: 2rem 1.5rem 3rem; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
.verdict { border-left: .5rem solid; padding: .8rem 1.1rem; background: #f6f7f9; }
.verdict strong { font-size: 1.5rem; }
.verdict p { margin: .3rem 0 0; color: #1a1f29; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.notice { color: var(--notice); }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: #4a5364; }
.lines th { width: 11rem; }
.checks .answer { width: 5.5rem; font-weight: 600; }
.checks .basis { width: 14rem; color: #4a5364; }
td, th, h2, p { overflow-wrap: anywhere; overflow: hidden; }
.code, .rule { font-family: "DejaVu Sans Mono", Consolas, monospace; font-size: .85em; }
.also, .facts, .cure { display: block; font-size: .88em; color: #4a5364; }
.cure { color: #1a1f29; }
figure { margin: .8rem 0; display: flex; gap: 1rem; align-items: flex-start; }
figure img { max-width: 9rem; max-height: 9rem; border: 1px solid var(--line); }
figcaption { font-size: .88em; color: #4a5364; }
footer { margin-top: 2rem; font-size: .85em; color: #4a5364; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } tr, figure, h2, h3 { break-inside: avoid; }
  h2, h3 { break-after: avoid; } .verdict { print-color-adjust: exact; } }
@page { size: A4; margin: 18mm 16mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt; } }
"""
_MARKS = {"good": "✓", "bad": "✗", "open": "?", "notice": "!", "plain": ""}


def as_html(content: Content) -> bytes:
    """The report in UTF-8, the same bytes for the same content."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    language = "zh-CN" if content.language == "zh" else "en"
    parts = [
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(content.title)} · {escape(content.verdict)}</title>",
        f"<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{escape(content.title)}</h1>",
        f'<div class="verdict {content.tone}" role="status">',
        f"<strong>{_MARKS[content.tone]} {escape(content.verdict)}</strong>",
        *(f"<p>{_text(sentence)}</p>" for sentence in content.sentences),
        "</div>",
        *(part for section in content.sections for part in _section(section, content)),
        f"<h2>{escape(word('notes', content.language))}</h2>\n<ul>",
        *(f"<li>{escape(note)}</li>" for note in content.notes),
        f"</ul>\n<footer>{escape(content.foot)}</footer>\n</body>\n</html>\n",
    ]
    return "\n".join(parts).encode()


def _section(section: Section, content: Content) -> list[str]:
    parts = [f'<section>\n<h2 class="{section.tone}">{_text(section.heading)}</h2>']
    if section.picture_text is not None:
        parts.append("<figure>")
        if section.picture is not None:
            data = base64.b64encode(section.picture.jpeg).decode()
            size = f'width="{section.picture.width}" height="{section.picture.height}"'
            alt = escape(word("picture", content.language))
            parts.append(f'<img alt="{alt}" {size} src="data:image/jpeg;base64,{data}">')
        parts.append(f"<figcaption>{_text(section.picture_text)}</figcaption>\n</figure>")
    if section.lines:
        parts += ['<table class="lines">', *(_line(line) for line in section.lines), "</table>"]
    if section.checks:
        words = {key: escape(word(key, content.language)) for key in ("checks", "meaning", "clause", "cure")}
        parts.append(f"<h3>{words['checks']}</h3>" if section.lines else "")
        parts.append(f'<table class="checks">\n<thead><tr><th class="answer" scope="col">{words["checks"]}</th>')
        parts.append(
            f'<th scope="col">{words["meaning"]}</th><th class="basis" scope="col">{words["clause"]}</th></tr>'
        )
        parts += ["</thead>\n<tbody>", *(_check(check, words["cure"]) for check in section.checks), "</tbody></table>"]
    return [*parts, "</section>"]


def _line(line: Line) -> str:
    kind = " ".join(name for name in ("code" if line.code else "", line.tone if line.tone != "plain" else "") if name)
    mark = f"{_MARKS[line.tone]} " if line.tone != "plain" else ""
    return f'<tr><th scope="row">{escape(line.label)}</th><td class="{kind}">{mark}{_text(line.value)}</td></tr>'


def _check(check: CheckText, cure: str) -> str:
    cell = [f"{_text(check.said)}", f'<span class="also">{_text(check.also)}</span>']
    cell.append(f'<span class="rule also">{_text(check.rule)}</span>')
    if check.cure is not None:
        cell.append(f'<span class="cure">{cure}：{_text(check.cure)}</span>')
        cell.append(f'<span class="also">{_text(check.also_cure or "")}</span>')
    if check.facts:
        cell.append(f'<span class="facts">{_text(check.facts)}</span>')
    return (
        f'<tr><td class="answer {check.tone}">{_MARKS[check.tone]} {escape(check.answer)}</td>'
        f'<td>{"".join(cell)}</td><td class="basis">{_text(check.basis or "—")}</td></tr>'
    )


def _text(text: str) -> str:
    """Text that nothing around it can be reordered by."""
    return f"<bdi>{escape(text)}</bdi>"
