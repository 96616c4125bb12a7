"""The cover sheet of a premium's evidence, for people: what the premium is, where it stands, what proves it.

One content in two forms. `cover.html` is in the bundle. The PDF is made of a bundle, or of the latest revision, and
stands beside it: a bundle has one form of which no bit is free and which has to come out the same in ten years, so that
nothing is in it that a layout library made; and only what stands beside a file can name that file's digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.bundle.erased import words_of
from gateway.bundle.layout import digest_of
from gateway.bundle.read import Bundle, Unreadable
from gateway.catalogue import Catalogue
from gateway.seal_report.content import Content, Line, Section, Tone, checks_in_words
from gateway.seal_report.html import as_html
from gateway.shown import visible
from schemas.calendar import SHANGHAI
from schemas.rules import Rule
from schemas.verification import Check

_STATUS: Mapping[str, tuple[str, Tone]] = {
    "verified": ("已核验", "good"),
    "held": ("待定", "open"),
    "refused": ("不予核验", "bad"),
    "withdrawn": ("核验已撤回", "bad"),
}
_OUTCOME: Mapping[str, tuple[str, Tone]] = {
    "passed": ("符合", "good"),
    "failed": ("不符合", "bad"),
    "indeterminate": ("待定", "open"),
}
_MONEY = (
    ("due", "应收 due"),
    ("received", "实收 received"),
    ("refunded", "退费 refunded"),
    ("net_paid", "净实收 net paid"),
)
_NOTES = (
    "本页仅供阅读，不是证据：结论以证据包内原始数据的重新计算为准。"
    " This sheet is for reading only: what counts is what comes out when the bundle is computed again.",
    "核验 verify: gateway evidence verify 证据包.zip --trust 信任目录 --log-key 日志公钥",
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a cover sheet is about: a revision as it was logged, its place in the log, when the sheet's data was read.

    `bundle` is the digest of the bundle that the sheet stands beside; None of a sheet that stands in one, or alone.
    `erased` says, in words, which documents were erased by order.
    """

    revision: bytes
    leaf_index: int
    log: str
    at: datetime
    bundle: str | None = None
    erased: tuple[str, ...] = ()


def write_cover(premium: dict[str, Any], sheet: Sheet, catalogue: Catalogue) -> bytes:
    """One HTML page without scripts and without anything from elsewhere."""
    return as_html(describe(premium, sheet, catalogue))


def write_cover_pdf(premium: dict[str, Any], sheet: Sheet, catalogue: Catalogue) -> bytes:
    """The same as PDF on A4, the same bytes for the same content."""
    from gateway.seal_report.pdf import as_pdf  # its library takes as long to load as a bundle to be verified

    return as_pdf(describe(premium, sheet, catalogue))


def sheet_of(bundle: Bundle, data: bytes) -> tuple[dict[str, Any], Sheet, Catalogue]:
    """What the cover of this bundle, whose bytes are `data`, is made of. Raises `Unreadable`.

    The revision is the one that a leaf in the bundle names; nothing else is verified.
    """
    if bundle.wrong:
        raise Unreadable(f"{bundle.wrong[0]}: not the file that the manifest names")
    about = bundle.manifest
    path = f"premiums/{about.insurer}/{about.policy_no}/{about.revision:06d}.json"
    premium = bundle.json(path)
    digest = digest_of(bundle.files[path])
    leaves = bundle.json("log/leaves.json")["leaves"]
    places = [int(leaf["index"]) for leaf in leaves if f'"digest":"{digest}"' in leaf["entry"]]
    if not places:
        raise Unreadable(f"{path}: no leaf names it")
    catalogue = Catalogue(Rule.model_validate(rule) for rule in bundle.json("catalogue.json"))
    at = datetime.fromisoformat(about.made_at)
    log = str(about.settings["log"])
    papers = [bundle.json(path) for path in bundle.below("documents") if path.endswith("/document.json")]
    erased = words_of(papers)
    return premium, Sheet(bundle.files[path], places[0], log, at, digest_of(data), erased), catalogue


def describe(premium: Mapping[str, Any], sheet: Sheet, catalogue: Catalogue) -> Content:
    """The content of the sheet, in Chinese with English beside it."""
    status, tone = _STATUS[premium["status"]]
    digest = digest_of(sheet.revision)
    sections = [Section("保单与保费 the policy and its premium", tuple(_premium(premium)))]
    if schemes := premium.get("schemes"):
        sections.append(Section("补贴测算 subsidies", tuple(_scheme(scheme) for scheme in schemes)))
    evidence = [
        Line("版本摘要 revision", digest, code=True),
        Line("日志 log", f"{visible(sheet.log)} · {sheet.leaf_index}", code=True),
        Line("规则目录 rules", str(premium["report"]["basis"].get("catalogue", "—")), code=True),
        Line("制作时间 made", f"{sheet.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S} 北京时间 UTC+8"),
    ]
    evidence += [Line("已依令删除的文件 erased", visible(words)) for words in sheet.erased]
    if sheet.bundle is not None:
        evidence.insert(0, Line("证据包摘要 bundle", sheet.bundle, code=True))
    sections.append(Section("证据 evidence", tuple(evidence), scan=sheet.bundle or digest))
    checks = [Check.model_validate(check) for check in premium["report"]["checks"]]
    sections.append(Section("核验项 checks", checks=checks_in_words(checks, catalogue, "zh")))
    return Content(
        language="zh",
        title="保费证据包 · evidence of a premium",
        verdict=f"{status} {premium['status']}",
        tone=tone,
        sentences=(
            f"{visible(premium['insurer'])} · {visible(premium['policy_no'])} · 第{premium['revision']}版 revision",
        ),
        sections=tuple(sections),
        notes=_NOTES,
        foot=f"{visible(premium['policy_no'])} · {premium['revision']} · SHA-256 {(sheet.bundle or digest)[7:23]}…",
    )


def _premium(premium: Mapping[str, Any]) -> list[Line]:
    money, policy = premium.get("money") or {}, premium.get("policy") or {}
    status, tone = _STATUS[premium["status"]]
    period = policy.get("period") or {}
    lines = [
        Line("结论 status", f"{status} {premium['status']}", tone=tone),
        Line("保单号 policy", visible(premium["policy_no"]), code=True),
        Line("保险机构 insurer", visible(premium["insurer"])),
        Line("投保人 policyholder", visible((policy.get("policyholder") or {}).get("name", "—"))),
        Line("产品 product", visible((policy.get("product") or {}).get("generic_name", "—"))),
        Line("批准文号 approval", visible((policy.get("product") or {}).get("approval_no", "—"))),
        Line("保险期间 period", f"{period.get('start', '—')} – {period.get('end', '—')}"),
        Line("版本 revision", str(premium["revision"])),
    ]
    lines += [Line(f"{label} (元)", str(money.get(name, "—"))) for name, label in _MONEY]
    if impact := premium.get("impact"):
        lines.append(Line("应追回 clawback (元)", str(impact.get("clawback", "—")), tone="bad"))
    return lines


def _scheme(scheme: Mapping[str, Any]) -> Line:
    word, tone = _OUTCOME.get(scheme["outcome"], ("待定", "open"))
    value = f"{scheme['subsidy']} 元 · {word} {scheme['outcome']} · 计补保费 eligible {scheme['eligible_premium']} 元"
    return Line(visible(scheme["scheme"]), value, tone=tone)
