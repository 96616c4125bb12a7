"""`gateway trust`: what stands in a trust folder, what must be mended, and how something is added to it."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.catalogue import Catalogue, load_catalogue
from gateway.errors import Misconfigured
from gateway.shown import Language, columns, padded, visible
from gateway.trust.admit import Admission, admit, write
from gateway.trust.check import check_folder
from gateway.trust.describe import describe
from gateway.trust.folder import ANCHORS, Folder, read_folder
from gateway.trust.items import LARGEST_FILE
from gateway.trust.keep import locked
from schemas.verification import Check, Outcome, Severity, failed
from signing.trust import Policy, TrustError, TrustStore

_EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}
_MARK = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.INDETERMINATE: "?"}
_WORDS: dict[str, dict[str, str]] = {
    "folder": {"zh": "信任目录", "en": "Trust folder"},
    "digest": {"zh": "摘要", "en": "Digest"},
    "at": {"zh": "判断时刻", "en": "As of"},
    "signers": {"zh": "信任锚：签名人", "en": "Anchors: signers"},
    "seal-makers": {"zh": "信任锚：制章人", "en": "Anchors: seal makers"},
    "tsa": {"zh": "信任锚：时间戳", "en": "Anchors: time-stamps"},
    "xml": {"zh": "信任锚：XML 签名", "en": "Anchors: XML signatures"},
    "intermediates": {"zh": "中级证书", "en": "Intermediates"},
    "crl": {"zh": "吊销列表", "en": "Revocation lists"},
    "ocsp": {"zh": "OCSP 应答", "en": "OCSP responses"},
    "owners": {"zh": "印章归属", "en": "Owners"},
    "policy": {"zh": "策略开关", "en": "Policy switches"},
    "broken": {"zh": "不能使用的文件", "en": "Files that cannot be used"},
    "none": {"zh": "（无）", "en": "(none)"},
    "fresh": {"zh": "有效", "en": "fresh"},
    "stale": {"zh": "已过期", "en": "stale"},
    "too-old": {"zh": "过旧", "en": "too old"},
    "not-yet": {"zh": "未到时", "en": "not yet"},
    "no-next-update": {"zh": "未写明期限", "en": "no nextUpdate"},
    "unsigned": {"zh": "签发者未知", "en": "issuer unknown"},
    "good": {"zh": "未吊销", "en": "good"},
    "revoked": {"zh": "已吊销", "en": "revoked"},
    "unknown": {"zh": "不明", "en": "unknown"},
    "expired": {"zh": "已过期", "en": "expired"},
    "not-yet-valid": {"zh": "未生效", "en": "not yet valid"},
    "valid": {"zh": "有效期内", "en": "valid"},
    "entries": {"zh": "条", "en": "entries"},
    "set": {"zh": "已修改", "en": "set"},
    "default": {"zh": "默认", "en": "default"},
    "clean": {"zh": "没有需要处理的问题", "en": "nothing to mend"},
    "mend": {"zh": "必须处理", "en": "must be mended"},
    "open": {"zh": "有未定之处", "en": "leaves verdicts open"},
    "cure": {"zh": "改正", "en": "cure"},
    "new": {"zh": "新增", "en": "new"},
    "replaces": {"zh": "替换", "en": "replaces"},
    "already-there": {"zh": "已存在", "en": "already there"},
    "refused": {"zh": "拒绝", "en": "refused"},
    "nothing-written": {"zh": "未写入任何文件", "en": "nothing was written"},
    "dry-run": {"zh": "仅预演，未写入任何文件", "en": "dry run: nothing was written"},
    "written": {"zh": "已写入", "en": "written"},
}


def show(path: Path, at: datetime, *, as_json: bool, language: Language) -> int:
    """Print what stands in the folder, and what is fresh at `at`."""
    found = describe(_read(path), at)
    if as_json:
        _print(found)
    else:
        print("\n".join(_shown(found, language)))
    return 0


def check(path: Path, at: datetime, *, as_json: bool, language: Language) -> int:
    """Print everything that should be mended. 0 nothing, 1 something must be, 2 something leaves verdicts open."""
    report = check_folder(_read(path), at)
    if as_json:
        _print(report.model_dump(mode="json", exclude_none=True))
        return _EXIT[report.outcome]
    catalogue = load_catalogue()
    for one in report.checks:
        if one.outcome is not Outcome.PASSED:
            print("\n".join(_finding(one, catalogue, language)))
    verdict = {Outcome.PASSED: "clean", Outcome.FAILED: "mend", Outcome.INDETERMINATE: "open"}[report.outcome]
    print(f"{path}: {_WORDS[verdict][language]} · {report.basis['trust']}")
    return _EXIT[report.outcome]


def bring(
    files: Sequence[Path],
    path: Path,
    wanted: str | None,
    at: datetime,
    *,
    dry_run: bool,
    as_json: bool,
    language: Language,
) -> int:
    """Add what the files hold; if anything is refused, nothing is written and the exit code is 1."""
    contents = [(str(file), _content(file)) for file in files]
    try:
        with locked(path):
            folder = _read(path)
            if folder.broken:
                raise Misconfigured(f"{path}/{folder.broken[0].file}: {folder.broken[0].detail}; mend this first")
            admissions = admit(folder, contents, wanted, at)
            refused = any(one.outcome == "refused" for one in admissions)
            if wanted is None and not dry_run and not refused:
                _refuse_anchors(admissions)
            if not refused and not dry_run:
                write(path, admissions)
            after = TrustStore.load(path).digest
    except (OSError, TrustError) as error:
        raise Misconfigured(str(error)) from error
    catalogue = load_catalogue()
    if as_json:
        items = [_admission(one, catalogue, language) for one in admissions]
        _print({"trust": str(path), "before": folder.store.digest, "digest": after, "items": items})
    else:
        for one in admissions:
            print(_told(one, catalogue, language))
        ending = "nothing-written" if refused else "dry-run" if dry_run else "written"
        print(f"{path}: {_WORDS[ending][language]} · {after}")
    return 1 if refused else 0


def _refuse_anchors(admissions: Sequence[Admission]) -> None:
    """What a certificate is trusted for is the operator's to say. Raises `Misconfigured`."""
    for one in admissions:
        if one.outcome == "new" and (one.target is None or one.target.partition("/")[0] in ANCHORS):
            raise Misconfigured(
                f"{one.source}: {one.name}: --as says what it is to be trusted for: {', '.join(ANCHORS)}"
            )


def _read(path: Path) -> Folder:
    try:
        return read_folder(path)
    except (TrustError, OSError) as error:
        raise Misconfigured(str(error)) from error


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror or error}") from error


def _shown(found: dict[str, Any], language: Language) -> list[str]:
    """The description as tables, a section a folder."""
    words = {key: both[language] for key, both in _WORDS.items()}
    lines = [f"{words['folder']} {visible(found['folder'])}"]
    lines += [f"{words['digest']} {found['digest'] or '—'}", f"{words['at']} {_second(found['at'])}"]
    for one in found["broken"]:
        lines += [f"✗ {words['broken']}: {visible(one['file'])}: {visible(one['detail'])}"]
    for name in (*ANCHORS, "intermediates"):
        held = found["anchors"][name] if name in ANCHORS else found["intermediates"]
        rows = [
            (words[one["state"]], _days(one), one["key"], visible(one["subject"], 80), one["sha256"][:16], one["file"])
            for one in held
        ]
        lines += _section(f"{words[name]} ({len(rows)})", rows, words["none"])
    rows_of_lists = [
        (
            words[one["state"]],
            f"{_moment(one.get('this_update'))} – {_moment(one.get('next_update'))}",
            f"{one.get('entries', '?')} {words['entries']}",
            visible(one["issuer"], 80),
            one["file"],
        )
        for one in found["crl"]
    ]
    lines += _section(f"{words['crl']} ({len(rows_of_lists)})", rows_of_lists, words["none"])
    rows_of_answers = [
        (
            words[one["state"]],
            f"{_moment(one.get('this_update'))} – {_moment(one.get('next_update'))}",
            words[one["status"]] if "status" in one else "?",
            one.get("serial", "")[:40],
            visible(one["issuer"], 80),
            one["file"],
        )
        for one in found["ocsp"]
    ]
    lines += _section(f"{words['ocsp']} ({len(rows_of_answers)})", rows_of_answers, words["none"])
    rows_of_owners = [
        (
            visible(one["insurer"], 40),
            one["credit_code"] or "—",
            f"{one['from'] or '…'} – {one['to'] or '…'}",
            visible("、".join(one["names"]), 80),
            visible("、".join(one["seal_ids"]), 80),
        )
        for one in found["owners"]
    ]
    lines += _section(f"{words['owners']} ({len(rows_of_owners)})", rows_of_owners, words["none"])
    default = Policy()
    rows_of_policy = [
        (name, visible(_toml(value)), words["default" if value == getattr(default, name) else "set"])
        for name, value in found["policy"].items()
    ]
    return lines + _section(words["policy"], rows_of_policy, words["none"])


def _section(title: str, rows: Sequence[tuple[str, ...]], none: str) -> list[str]:
    """A heading and aligned columns; Chinese letters are two columns wide."""
    widths = [max(columns(row[place]) for row in rows) for place in range(len(rows[0]))] if rows else []
    table = [
        "  " + "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return ["", title, *(table or [f"  {none}"])]


def _days(one: dict[str, Any]) -> str:
    return f"{one['not_before'][:10]} – {one['not_after'][:10]}"


def _moment(text: str | None) -> str:
    return text[:16].replace("T", " ") + "Z" if text else "—"


def _second(text: str) -> str:
    return text[:19] + "Z"


def _toml(value: object) -> str:
    """A value as it is written in policy.toml."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return orjson.dumps(value).decode()


def _finding(one: Check, catalogue: Catalogue, language: Language) -> list[str]:
    """One thing to mend: where, what, what it rests on, and the cure."""
    mark = "!" if one.severity is Severity.NOTICE else _MARK[one.outcome]
    facts = " · ".join(visible(str(value)) for key, value in one.facts.items() if value not in (None, "", []))
    lines = [f"{mark} {visible(one.field or '')} {one.rule}: {catalogue.explain(one, language)}".replace("  ", " ")]
    if facts:
        lines.append(f"    {facts}")
    rule = catalogue.rules.get(one.rule)
    if rule is not None and rule.cure is not None:
        lines.append(f"    → {rule.cure.zh if language == 'zh' else rule.cure.en}")
    return lines


def _explained(slug: str, catalogue: Catalogue, language: Language) -> str:
    return catalogue.explain(failed("trust.import", slug), language)


def _admission(one: Admission, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    found: dict[str, Any] = {"file": one.source, "kind": one.kind, "name": one.name, "outcome": one.outcome}
    found |= {"target": one.target, "notes": list(one.notes)}
    if one.reason is not None:
        found |= {
            "reason": one.reason,
            "detail": one.detail,
            "explanation": _explained(one.reason, catalogue, language),
        }
    return found


def _told(one: Admission, catalogue: Catalogue, language: Language) -> str:
    line = f"{_WORDS[one.outcome][language]} {visible(one.source)}: {one.kind} {visible(one.name)}".rstrip()
    if one.target is not None:
        line += f" → {one.target}"
    if one.reason is not None:
        line += f"\n    ✗ {_explained(one.reason, catalogue, language)}"
        line += f" ({visible(one.detail)})" if one.detail else ""
    return line + "".join(f"\n    ! {_explained(note, catalogue, language)}" for note in one.notes)


def _print(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()
