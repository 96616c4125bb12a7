"""`gateway demo`: the sandbox's world against a real service over HTTP, told as a table.

What is printed was computed by the running service: its own process, its own PostgreSQL. Here it is only set up, spoken
to as insurers, regulator and subsidy system would, and asked in the end what became of each premium.
"""

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import requests
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from client import Gateway, Problem
from sandbox import keeping
from sandbox.callers import caller
from sandbox.cases import Case, Step
from sandbox.history.load import Loaded, shown
from sandbox.history.plan import History
from sandbox.past import give_past, keep_archive
from sandbox.people import Person
from sandbox.provision import provision
from sandbox.serving import GATEWAY, free_port, serving
from sandbox.serving import console as browsing
from sandbox.world import World

Language = Literal["zh", "en"]
Rules = dict[str, dict[str, Any]]
_WORDS = {
    "verified": ("已核验", "green"),
    "held": ("待定", "yellow"),
    "refused": ("拒绝", "red"),
    "withdrawn": ("撤回", "magenta"),
}


# What only follows from another reason of the same case is told after it.
_FOLLOWS = {
    ("evidence.sealed", "seal-invalid"),
    ("evidence.sealed", "seal-undecided"),
    ("evidence.sealed-by-insurer", "nobody-sealed"),
    ("evidence.sealed-by-insurer", "seal-undecided"),
    ("certificate.revocation", "chain-unknown"),
    ("premium.payer-is-policyholder", "no-receipt-yet"),
}
_MOST = 3
_WIDTH = 150
_PATIENCE = 20  # half seconds


@dataclass(slots=True)
class Told:
    """A case and what the gateway said of it."""

    case: Case
    status: str = ""
    failing: list[str] = field(default_factory=list)
    premium: dict[str, Any] | None = None
    refusals: list[dict[str, Any]] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def came_out_right(self) -> bool:
        """Whether status, failing rules and every answer on the way are as the case says."""
        return (
            self.status == self.case.expected
            and set(self.case.failing) <= set(self.failing)
            and (self.status == "verified" or bool(self.failing))
            and not self.unexpected
        )


def run(
    *,
    once: bool,
    as_json: bool,
    seed: int,
    out: Path | None,
    language: str,
    policies: int = 0,
    fresh: bool = True,
    with_console: bool = False,
) -> int:
    """Set the world up, tell every case, print the table. 0 if each case came out as it should, else 1.

    With `policies` the world has a past of so many, told before; unless it is to be `fresh`, one that was told in the
    last days will do. `with_console` people can look at it in a browser.
    """
    signal.signal(signal.SIGTERM, _ended)
    console = Console(stderr=True)
    chosen: Language = "en" if language == "en" else "zh"
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as place:
        folder = Path(place)
        folder.chmod(0o755)  # the database runs under its own account
        kept = None if fresh or not policies else keeping.place(seed, policies)
        began = keeping.find_kept(kept, datetime.now(UTC)) if kept is not None else None
        with console.status("准备沙盒世界：CA、印章、保险机构、备案 · making the world ..."):
            world = World(seed, at=began or datetime.now(UTC))
            if kept is not None and began is not None:
                keeping.bring_back(kept, folder)
            made = provision(world, folder, port=free_port(), with_users=with_console)
            cases = world.cases()
        past = None
        if policies and began is None:
            console.print(f"推送两年历史 two years of history, {policies} policies: some minutes, once (--no-history)")
            past = give_past(History(world, policies), made, console)
            if kept is not None:
                keeping.keep(folder, kept, world.at)
        elif policies:
            keep_archive(History(world, policies), made)
        with ExitStack() as stack:
            with console.status("启动PostgreSQL与网关服务 · starting PostgreSQL and the service ..."):
                url = stack.enter_context(serving(made.config))
            push_filings(world, url, made.registry)
            told = tell_all(world, url, cases, console, chosen)
            pulled = pull(world, url)
            if as_json:
                print(json.dumps(as_json_object(told, past), ensure_ascii=False))
            else:
                page = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
                page.print(as_table(told, read_rules(url), chosen))
                page.print(summary(told, pulled, chosen))
            if out is not None:
                leave(world, url, told, cases, out)
            if made.demo_users is not None and made.demo_keys is not None:
                address = stack.enter_context(browsing(url, made.demo_users, made.demo_keys))
                console.print(people_table(made.people))
                console.print(f"控制台 the console: [bold]{address}[/]")
            if not once:
                console.print(f"服务仍在运行 the service is running: {url}   Ctrl-C 结束 to end")
                _wait()
    fine = all(one.came_out_right for one in told) and not (past and past.unexpected)
    return 0 if fine else 1


def people_table(listed: Sequence[Person]) -> Table:
    """Who can sign in at the console, and how."""
    table = Table(title="演示用户（口令公开，仅限沙盒） · people of the sandbox, whose passwords everybody knows")
    for title in ("用户 user", "口令 password", "姓名 name", "机构 participant", "角色 role"):
        table.add_column(title, overflow="fold")
    for one in listed:
        table.add_row(one.name, one.password, one.display_name, one.participant, one.role)
    return table


def push_filings(world: World, url: str, registry: Path) -> None:
    """The regulator pushes the clause registry."""
    with caller(url, world.regulator.request_key) as regulator:
        regulator.call("PUT", "/v1/filings", body=registry.read_bytes(), content_type="application/json")


def tell_all(world: World, url: str, cases: list[Case], console: Console, language: Language) -> list[Told]:
    """Every case in order, with the table growing as it goes."""
    told: list[Told] = []
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    task = progress.add_task("", total=len(cases))
    with Live(progress, console=console, refresh_per_second=8, transient=True):
        for case in cases:
            progress.update(task, description=case.title_zh if language == "zh" else case.title_en)
            told.append(tell(world, url, case))
            progress.advance(task)
    return told


def tell(world: World, url: str, case: Case) -> Told:
    """One case: send its steps as its insurers, then ask as the subsidy system."""
    told = Told(case)
    sent: list[requests.PreparedRequest] = []
    last_refusal: dict[str, Any] | None = None
    for step in case.steps:
        with caller(url, world.insurer(step.insurer).request_key) as insurer:
            prepared = sent[step.replays] if step.replays is not None else _prepare(insurer, step)
            sent.append(prepared)
            try:
                insurer.send(prepared)
                last_refusal = None
            except Problem as problem:
                last_refusal = dict(problem.document)
                told.refusals.append(last_refusal)
                if problem.status >= 500:
                    told.unexpected.append(f"{step.kind}: {problem}")
            if step.answer == "refused" and last_refusal is None:
                told.unexpected.append(f"{step.kind}: was to be refused")
    if case.about == "request":
        told.status = "refused" if last_refusal else "verified"
        told.failing = [entry["rule"] for entry in (last_refusal or {}).get("problems", [])]
        return told
    with caller(url, world.subsidy_system.request_key) as subsidy_system:
        told.premium = subsidy_system.premium(case.insurer, case.policy_no).value
    told.status = told.premium["status"]
    told.failing = list(dict.fromkeys(check["rule"] for check in _not_passed(told.premium["report"]["checks"])))
    return told


def _prepare(insurer: Gateway, step: Step) -> requests.PreparedRequest:
    if step.kind == "document":
        path = f"/v1/documents/{hashlib.sha256(step.content).hexdigest()}"
        return insurer.prepare("PUT", path, body=step.content, content_type=step.content_type)
    own_id = None if step.content_type == "application/json" else step.message_id
    return insurer.prepare(
        "POST", "/v1/submissions", body=step.content, content_type=step.content_type, message_id=own_id
    )


def _not_passed(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [check for check in checks if check["outcome"] != "passed" and check["severity"] == "error"]


def pull(world: World, url: str) -> list[dict[str, Any]]:
    """What the subsidy system pulls: the whole feed, every revision."""
    with caller(url, world.subsidy_system.request_key) as subsidy_system:
        return [item for _, items in subsidy_system.changes(limit=50) for item in items]


def read_rules(url: str) -> Rules:
    """The published rule catalogue, by rule id."""
    return {rule["id"]: rule for rule in requests.get(f"{url}/v1/rules", timeout=30).json()["rules"]}


def as_json_object(told: list[Told], past: Loaded | None = None) -> dict[str, Any]:
    """The answer for machines; of a past, how much was told."""
    cases = [
        {"case": one.case.name, "expected": one.case.expected, "status": one.status, "failing": one.failing}
        for one in told
    ]
    return {"cases": cases} | ({"history": shown(past)} if past is not None else {})


def as_table(told: list[Told], rules: Rules, language: Language) -> Table:
    """The answer for people: what became of each case, and why, in the words of the published rule catalogue."""
    chinese = language == "zh"
    table = Table(title="新药保险保费核验 · verified premiums", show_lines=True, expand=True)
    table.add_column("", no_wrap=True)
    table.add_column("案例" if chinese else "case", ratio=3)
    table.add_column("净实收(元)" if chinese else "net paid (yuan)", justify="right", no_wrap=True)
    table.add_column("应为" if chinese else "expected", no_wrap=True)
    table.add_column("结论" if chinese else "says", no_wrap=True)
    table.add_column("为什么" if chinese else "why", ratio=6)
    for one in told:
        mark = "[green]✓[/]" if one.came_out_right else "[bold red]✗[/]"
        money = ((one.premium or {}).get("money") or {}).get("net_paid", "—")
        title = one.case.title_zh if chinese else one.case.title_en
        words = (_word(one.case.expected, chinese), _word(one.status, chinese))
        table.add_row(mark, title, money, *words, "\n".join(_reasons(one, rules, language)))
    return table


def _word(status: str, chinese: bool) -> str:
    word, colour = _WORDS.get(status, (status, "red"))
    return f"[{colour}]{word if chinese else status}[/]"


def _reasons(one: Told, rules: Rules, language: Language) -> list[str]:
    """Why a case is not verified, the telling reasons first, three at most."""
    if one.premium is not None:
        checks = _not_passed(one.premium["report"]["checks"])
    else:
        checks = [entry for refusal in one.refusals[-1:] for entry in refusal.get("problems", [])]
    checks.sort(key=lambda check: (check["rule"], check["reason"]) in _FOLLOWS)
    found = [f"{_explained(check, rules, language)}{_values(check)} [dim]{check['rule']}[/]" for check in checks]
    unique = list(dict.fromkeys(found))
    more = len(unique) - _MOST
    words = f"……另有{more}项" if language == "zh" else f"... and {more} more"
    return unique[:_MOST] + ([f"[dim]{words}[/]"] if more > 0 else []) + one.unexpected


def _explained(check: dict[str, Any], rules: Rules, language: Language) -> str:
    reasons = rules.get(check["rule"], {}).get("reasons", {})
    return str(reasons.get(check["reason"], {}).get(language, check["reason"]))


def _values(check: dict[str, Any]) -> str:
    facts = check.get("facts", {})
    if "document_says" in facts:
        return f" {check.get('field')}: {facts['record']} ≠ {facts['document_says']}"
    if "missing" in facts:
        return f": {facts['missing']}"
    if "owners" in facts:
        return f": {', '.join(facts['owners'])}"
    if check["rule"] == "field.unaccounted":
        return f": {check.get('field')}"
    return ""


def summary(told: list[Told], pulled: list[dict[str, Any]], language: Language) -> str:
    """One line under the table: what came out, and that the feed told the subsidy system the same."""
    latest = {(item["premium"]["insurer"], item["premium"]["policy_no"]): item["premium"] for item in pulled}
    agreed = all(
        latest.get((one.case.insurer, one.case.policy_no), {}).get("status") == one.status
        for one in told
        if one.premium is not None
    )
    right = sum(one.came_out_right for one in told)
    verified = sum(one["status"] == "verified" for one in latest.values())
    if language == "zh":
        return (
            f"{right}/{len(told)} 个案例结论正确；补贴系统经变更流取得 {len(pulled)} 个版本，{verified} 笔已核验保费，"
            f"与逐笔查询{'一致' if agreed else '不一致'}。"
        )
    return (
        f"{right}/{len(told)} cases came out right; the feed gave the subsidy system {len(pulled)} revisions, "
        f"{verified} verified premiums, {'equal' if agreed else 'NOT equal'} to the single answers."
    )


def leave(world: World, url: str, told: list[Told], cases: list[Case], out: Path) -> None:
    """Leave in `out` what others can check: trust, documents, premiums, evidence, the log, the API's description."""
    out.mkdir(parents=True, exist_ok=True)
    world.trust_dir(out / "trust")
    for case in cases:
        for number, step in enumerate(case.steps):
            if step.kind == "document":
                suffix = step.content_type.rsplit("/", 1)[-1]
                file = out / "documents" / f"{case.name}-{number}.{suffix}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(step.content)
    premiums = out / "premiums"
    premiums.mkdir(exist_ok=True)
    for one in told:
        if one.premium is not None:
            text = json.dumps(one.premium, ensure_ascii=False, indent=1)
            (premiums / f"{one.case.name}.json").write_text(text, encoding="utf-8")
    evidence = out / "evidence"
    evidence.mkdir(exist_ok=True)
    with caller(url, world.subsidy_system.request_key) as subsidy_system:
        for one in told:
            if one.premium is not None:
                path = f"/v1/insurers/{one.case.insurer}/policies/{one.case.policy_no}/evidence"
                (evidence / f"{one.case.name}.zip").write_bytes(_once_covered(subsidy_system, path))
    (out / "openapi.json").write_bytes(requests.get(f"{url}/v1/openapi.json", timeout=30).content)
    subprocess.run(
        [str(GATEWAY), "log", "copy", "--url", url, "--dir", str(out / "log")], check=True, stdout=subprocess.DEVNULL
    )


def _once_covered(reader: Gateway, path: str) -> bytes:
    """The bundle, as soon as a checkpoint covers it: a second or two."""
    for _ in range(_PATIENCE):
        with suppress(Problem):
            return reader.call("GET", path).body
        time.sleep(0.5)
    return reader.call("GET", path).body


def _ended(_signal: int, _frame: object) -> None:
    """Whoever ends the demonstration ends its processes."""
    raise SystemExit(143)


def _wait() -> None:
    with suppress(KeyboardInterrupt):
        signal.pause()
