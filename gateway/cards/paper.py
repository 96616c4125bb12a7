"""A card on paper: one content, as a sheet of a workbook and as PDF; both without a wall clock, the same for ever."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.match.workbook import Cell, Sheet, write_workbook
from gateway.seal_report.content import Content, Line, Tone
from gateway.seal_report.content import Section as PdfSection
from gateway.seal_report.pdf import as_pdf
from gateway.shown import columns, visible
from schemas.calendar import SHANGHAI

_COLUMNS = 6
_LABEL = 26  # columns of text beside a line
_WIDTHS = (26, 24, 20, 40, 30, 30)
_TITLES = {"daily": "每日反馈 daily feedback", "monthly": "月度评分卡 monthly card"}
_TYPES = {
    "policy": "保单 policy",
    "endorsement": "批单 endorsement",
    "cancellation": "退保 cancellation",
    "premium_receipt": "实收 receipt",
    "premium_refund": "退费 refund",
    "invoice": "发票 invoice",
    "delivery": "交付 delivery",
    "day_close": "日结 day close",
    "claim_summary": "赔付统计 claims",
}
_STATUSES = {
    "verified": "已核验 verified",
    "held": "待定 held",
    "refused": "拒绝 refused",
    "withdrawn": "已撤回 withdrawn",
    "total": "合计 total",
}
_DAYS = {"agrees": "相符 agrees", "differs": "不符 differs", "open": "未日结 open", "too-early": "过早 too early"}
_STATES = {
    "mended": "已更正 mended",
    "open": "待更正 open",
    "overdue": "逾期 overdue",
    "unread": "需人工对应 not matched",
    "waits": "等待 waits",
}
_STANDINGS = {
    "valid": "有效 valid",
    "ends-soon": "即将到期 ends soon",
    "ended": "已到期 ended",
    "no-end": "未设期限 no end",
    "unknown": "未知 unknown",
}
_OUTCOMES = {"passed": "通过 passed", "failed": "未通过 failed", "indeterminate": "无法判定 undecided"}


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, what stands above the columns, and rows of texts."""

    heading: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def as_sheet(card: Mapping[str, Any]) -> bytes:
    """The card as a workbook; every cell is a text or a number, none a formula."""
    rows: list[Sequence[Cell]] = [[Cell(_title(card), "title", columns=_COLUMNS)]]
    rows += [[Cell(label, "label"), Cell(value, columns=_COLUMNS - 1)] for label, value in _head(card)]
    for table in _tables(card):
        rows.append([Cell("", "plain", columns=_COLUMNS)])
        rows.append([Cell(table.heading, "label", columns=_COLUMNS)])
        if not table.rows:
            rows.append([Cell("无 none", "note", columns=_COLUMNS)])
            continue
        rows.append([Cell(text, "label") for text in table.header])
        rows += [[Cell(text, is_number=_is_count(text)) for text in row] for row in table.rows]
    return write_workbook(Sheet(name=str(card["period"]), widths=_WIDTHS, rows=rows, heights={1: 32}))


def as_paper(card: Mapping[str, Any]) -> bytes:
    """The card as PDF on A4."""
    sections = [PdfSection("编号与时点 number and moment", tuple(Line(*one) for one in _head(card)))]
    for table in _tables(card):
        lines = tuple(_line(table.header, row) for row in table.rows)
        heading = f"{table.heading} · {table.header[1]}" if len(table.header) == 2 else table.heading
        sections.append(PdfSection(heading, lines or (Line("", "无 none"),)))
    verdict, tone = _verdict(card)
    return as_pdf(
        Content(
            language="zh",
            title=_title(card),
            verdict=verdict,
            tone=tone,
            sentences=(f"{visible(card['name'])} · {card['insurer']} · {card['period']}",),
            sections=tuple(sections),
            notes=(
                "本卡由网关依据截至所示时点已知的数据计算；同一时点重新计算，结果逐字节相同。"
                " Made of what was known at the moment stated; made again for that moment it is the same, to the byte.",
            ),
            foot=str(card["number"]),
        )
    )


def _line(header: Sequence[str], row: Sequence[str]) -> Line:
    """A row as a line: its first cell is the label, if there is room for it."""
    if len(row) == 2:
        return Line(row[0], row[1]) if columns(row[0]) <= _LABEL else Line("", f"{row[0]}: {row[1]}")
    first = 1 if columns(row[0]) <= _LABEL else 0
    cells = zip(header[first:], row[first:], strict=True)
    return Line(row[0] if first else "", " · ".join(f"{name}: {text}" for name, text in cells))


def _title(card: Mapping[str, Any]) -> str:
    return f"{_TITLES[card['card']]} {card['period']}"


def _verdict(card: Mapping[str, Any]) -> tuple[str, Tone]:
    if not card["final"]:
        return "未定稿 provisional", "open"
    return f"定稿 final · R{card['revision']}", "plain"


def _head(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    terms = card["terms"]
    return [
        ("编号 number", card["number"]),
        ("机构 insurer", f"{visible(card['name'])} {card['insurer']}"),
        ("期间 period", f"{card['from']} – {card['to']}"),
        ("截至 as of", _moment(card["as_of"])),
        ("定稿 final", f"{'是 yes' if card['final'] else '否 no'} · {_moment(card['final_at'])}"),
        ("逾期标准 late after", f"{terms['late_after_working_days']} 个工作日 working day(s)"),
        ("更正期限 mend within", f"{terms['mend_within_working_days']} 个工作日 working day(s)"),
        ("内容摘要 digest", card["digest"]),
        ("规则目录 rules", card["rules"]),
    ]


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S} 北京时间 UTC+8"


def _tables(card: Mapping[str, Any]) -> Iterable[Table]:
    return _daily(card) if card["card"] == "daily" else _monthly(card)


def _monthly(card: Mapping[str, Any]) -> Iterable[Table]:
    yield Table("报文 messages", ("状态 status", "数量 count"), _counts(card["messages"]))
    yield Table("保费现状 where premiums stand", ("状态 status", "数量 count"), _counts(card["premiums"]))
    yield Table(
        "记录 records",
        ("类型 type", *_OUTCOMES.values()),
        tuple(
            (_TYPES.get(one["type"], visible(one["type"])), *(str(one[name]) for name in _OUTCOMES))
            for one in card["records"]
        ),
    )
    yield Table(
        "及时性（天） timeliness, days",
        ("起算 from", "数量 count", "中位数 median", "90% 分位 90th percentile", "最长 longest", "逾期 late"),
        tuple(
            (label, *(_text(card["timeliness"][name][key]) for key in _MEASURES))
            for name, label in (("from_issue", "签单 issue"), ("from_receipt_of_money", "到账 receipt of money"))
        ),
    )
    completeness = card["completeness"]
    yield Table(
        "完整性 completeness",
        ("项目 what", "天数 days"),
        (
            *((text, str(completeness[name])) for name, text in _DAYS.items()),
            ("已完整至 up to", _text(completeness["complete_up_to"])),
        ),
    )
    yield Table(
        "未相符的日期 days that do not agree",
        ("日期 day", "状态 status", "更正日结 superseded", "记录 records"),
        tuple(
            (day["date"], _DAYS[day["status"]], str(day["superseded"]), str(day["records"]))
            for day in completeness["calendar"]
            if day["status"] != "agrees"
        ),
    )
    yield Table(
        "拒绝原因 refusals by rule",
        ("规则 rule", "原因 reason", "次数 count", "说明 what"),
        tuple((one["rule"], one["reason"], str(one["count"]), one["title"]) for one in card["refusals"]),
    )
    corrections = card["corrections"]
    yield Table(
        "更正 corrections",
        ("项目 what", "数量 count"),
        (
            *(
                (f"重报 told again: {_TYPES.get(kind, kind)}", str(count))
                for kind, count in corrections["told_again"].items()
            ),
            ("日结更正 day totals superseded", str(corrections["day_totals_superseded"])),
            ("红字发票 red letters", str(corrections["red_letters"])),
            ("撤回 withdrawn", str(corrections["withdrawn"])),
            ("影响 impacts", str(corrections["impacts"])),
            ("应追回（元） to be taken back, yuan", corrections["clawback"]),
        ),
    )
    yield from _hygiene(card)


_MEASURES = ("count", "median_days", "p90_days", "max_days", "late")


def _hygiene(card: Mapping[str, Any]) -> Iterable[Table]:
    seals = card["seals"]
    said = (
        ("documents", "文件 documents"),
        ("passed", _OUTCOMES["passed"]),
        ("failed", _OUTCOMES["failed"]),
        ("indeterminate", _OUTCOMES["indeterminate"]),
        ("expired", "过期 expired"),
        ("revoked", "已吊销 revoked"),
        ("revocation_unknown", "吊销状态未知 revocation unknown"),
        ("weak", "弱算法或弱密钥 weak algorithm or key"),
        ("claimed_time_only", "仅自述签章时间 claimed time only"),
    )
    yield Table(
        "签章与证书 seals and certificates",
        ("项目 what", "文件数 documents"),
        tuple((text, str(seals[name])) for name, text in said),
    )
    yield Table(
        "所用印章 seals used",
        (
            "印章 seal",
            "印章有效期至 seal until",
            "证书序列号 serial",
            "签名人 signer",
            "证书至 certificate until",
            "文件",
        ),
        tuple(
            (
                visible(one["seal"] or "—"),
                f"{_text(one['seal_valid_to'])[:10]} {_STANDINGS[one['seal_standing']]}",
                visible(one["serial"] or "—"),
                visible(one["subject"] or "—"),
                f"{_text(one['not_after'])[:10]} {_STANDINGS[one['certificate']]}",
                str(one["documents"]),
            )
            for one in seals["used"]
        ),
    )
    yield Table(
        "请求密钥 request keys",
        ("密钥 key", "算法 algorithm", "有效期至 until", "状态 standing", "报文 messages"),
        tuple(
            (
                visible(one["keyid"]),
                _text(one["algorithm"]),
                _text(one["not_after"])[:10],
                _STANDINGS[one["standing"]],
                str(one["messages"]),
            )
            for one in card["keys"]
        ),
    )


def _daily(card: Mapping[str, Any]) -> Iterable[Table]:
    yield Table("报文 messages", ("状态 status", "数量 count"), _counts(card["messages"]))
    yield Table(
        "日结 day close",
        ("日期 day", "状态 status", "更正期限 mend by"),
        ((card["day_close"]["date"], _DAYS[card["day_close"]["status"]], _text(card["mend_by"])),),
    )
    header = (
        "报文 message",
        "状态与期限 state, until",
        "位置 place",
        "问题 problem",
        "现值 what stands there",
        "更正 cure",
    )
    for name, heading in (("refused", "被拒绝的报文 refused messages"), ("held", "待定的报文 held messages")):
        yield Table(heading, header, tuple(row for one in card[name]["items"] for row in _message(one)))
    yield Table(
        "批量文件中未能读取的行 lines of batches that are no messages",
        ("批次 batch", "行 line", "期限 until", "问题 problem", "现值 what stands there", "更正 cure"),
        tuple(
            (
                one["batch"],
                str(one["line"]),
                _text(one["mend_by"]),
                f"{problem['rule']}: {problem['detail']}",
                visible(str(problem.get("raw", "—"))),
                problem.get("cure", "—"),
            )
            for one in card["batch_lines"]["items"]
            for problem in one["problems"]
        ),
    )
    yield Table(
        "未核验的保费 premiums not verified",
        ("保单号 policy", "状态 status", "规则 rule", "问题 problem", "投保人 enterprise", "更正 cure"),
        tuple(
            (
                one["policy_no"],
                _STATUSES[one["status"]],
                problem["rule"],
                problem["detail"],
                visible(one["enterprise"] or "—"),
                problem.get("cure", "—"),
            )
            for one in card["premiums"]["items"]
            for problem in one["problems"]
        ),
    )
    yield Table(
        "未通过的文件 documents that did not pass",
        ("文件 document", "结论 outcome", "规则 rule", "问题 problem", "保单号 policy", "更正 cure"),
        tuple(
            (
                one["digest"],
                _OUTCOMES[one["outcome"]],
                problem["rule"],
                problem["detail"],
                visible(one["policy_no"] or "—"),
                problem.get("cure", "—"),
            )
            for one in card["documents"]["items"]
            for problem in one["problems"]
        ),
    )


def _message(one: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    until = one["mend_by"] if one["state"] in ("open", "overdue", "unread") else None
    state = _STATES[one["state"]] + (f" {until}" if until else "")
    for problem in one["problems"]:
        place = " ".join(str(problem[name]) for name in ("where", "field") if problem.get(name))
        row = f"第{problem['row']}行 " if problem.get("row") is not None else ""
        yield (
            visible(one["message_id"]),
            state,
            visible(row + place) or "—",
            f"{problem['rule']}: {problem['detail']}",
            visible(str(problem.get("raw", "—"))),
            problem.get("cure", "—"),
        )


def _counts(counts: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    return tuple((_STATUSES[name], str(counts[name])) for name in _STATUSES if name in counts)


def _text(value: Any) -> str:
    return "—" if value is None else str(value)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
