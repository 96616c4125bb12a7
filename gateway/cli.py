"""The command `gateway`. Exit codes: 0 passed or done, 1 failed, 2 indeterminate, 3 unreadable, 64 wrong usage.

Machine output goes to stdout, everything else to stderr.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import NoReturn

import orjson

from gateway.errors import GatewayError

_USAGE = 64
_POLICIES = 2000  # of the demonstration's history
_CAUSES = "clause:NO, certificate:SERIAL, issuer:NAME, key:KEYID, insurer:CODE, rule:ID, or all"
_ENDS = "what the gateway's /v1/keys answered: when its keys ended; nothing is believed that one signed later"
_EXISTED_AT = "you vouch that the file existed as it is at this moment (RFC 3339), say by a checkpoint of the ledger"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(_USAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    parsed = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] | None = getattr(parsed, "run", None)
    if command is None:  # a group alone: what there is in it
        with redirect_stdout(sys.stderr), suppress(SystemExit):
            _parser().parse_args([*(sys.argv[1:] if arguments is None else arguments), "--help"])
        return _USAGE
    try:
        return command(parsed)
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return _USAGE
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="gateway", description="新药保险保费核验网关 · insurer gateway")
    commands = parser.add_subparsers(title="commands", parser_class=_Parser)

    demo = commands.add_parser("demo", help="演示 a whole world on this machine, honest and dishonest cases over HTTP")
    demo.add_argument("--once", action="store_true", help="end after the table, with 0 if every case came out right")
    demo.add_argument("--json", action="store_true", help="print the cases as one JSON object")
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--out", type=Path, help="leave there what others can check")
    demo.add_argument("--lang", choices=("zh", "en"), default="zh")
    demo.add_argument("--history", action="store_true", help="两年历史 two years of history, with --once too")
    demo.add_argument("--policies", type=_count, help="of how many policies; default 2000, and none with --once")
    demo.add_argument("--no-history", action="store_true", help="无历史 only the cases")
    demo.add_argument(
        "--fresh", action="store_true", help="重新生成历史 tell the history again, do not take a kept one"
    )
    demo.add_argument("--no-console", action="store_true", help="不启动控制台 do not start the console")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="运行服务 run the service")
    _configurable(serve)
    serve.add_argument("--host")
    serve.add_argument("--port", type=int)
    serve.add_argument("--workers", type=int)
    serve.set_defaults(run=_serve)

    work = commands.add_parser("work", help="推送变更 deliver changes to subscribers, without serving")
    _configurable(work)
    work.set_defaults(run=_work)

    migrate = commands.add_parser("migrate", help="建立或升级数据库 create or upgrade the database")
    _configurable(migrate)
    migrate.set_defaults(run=_migrate)

    openapi = commands.add_parser("openapi", help="接口描述 print the OpenAPI description")
    openapi.set_defaults(run=_openapi)

    seal = commands.add_parser("seal", help="电子签章 electronic seals").add_subparsers(parser_class=_Parser)
    verify = seal.add_parser("verify", help="验章 judge the seals on files, offline")
    verify.add_argument("files", nargs="+", type=Path)
    verify.add_argument("--trust", type=Path, required=True, help="trust directory")
    verify.add_argument("--at", type=_moment, help="judge as of this moment (RFC 3339); default now")
    verify.add_argument("--detached", type=Path, help="a signature over the file, in a file of its own")
    verify.add_argument("--existed-at", type=_moment, help=_EXISTED_AT)
    verify.add_argument("--json", action="store_true")
    verify.add_argument("--lang", choices=("zh", "en"), default="zh")
    verify.set_defaults(run=_seal_verify)
    report = seal.add_parser("report", help="核验报告 the verdict on a file as HTML or PDF, to be filed")
    report.add_argument("file", type=Path)
    report.add_argument("--trust", type=Path, required=True, help="trust directory")
    report.add_argument("--at", type=_moment, help="judge as of this moment (RFC 3339); default now")
    report.add_argument("--detached", type=Path, help="a signature over the file, in a file of its own")
    report.add_argument("--existed-at", type=_moment, help=_EXISTED_AT)
    report.add_argument("--out", type=Path, required=True, help="report.html or report.pdf")
    report.add_argument("--lang", choices=("zh", "en"), default="zh")
    report.set_defaults(run=_seal_report)

    _trust_commands(commands)

    revocation = commands.add_parser("revocation", help="吊销数据 revocation data").add_subparsers(parser_class=_Parser)
    fetch = revocation.add_parser("fetch", help="更新 keep lists and OCSP answers fresh, from the listed sources only")
    fetch.add_argument("--trust", type=Path, required=True, help="trust directory")
    fetch.add_argument("--sources", type=Path, required=True, help="TOML file: the addresses that may be asked")
    fetch.add_argument("--json", action="store_true")
    fetch.add_argument("--lang", choices=("zh", "en"), default="zh")
    fetch.set_defaults(run=_revocation_fetch)

    adapter = commands.add_parser("adapter", help="报文转换 translate insurers' formats")
    adapters = adapter.add_subparsers(parser_class=_Parser)
    listing = adapters.add_parser("list", help="list the formats")
    listing.set_defaults(run=_adapter_list)
    run = adapters.add_parser("run", help="translate files, nothing else")
    run.add_argument("files", nargs="+", type=Path)
    run.add_argument("--insurer", required=True, metavar="CODE", help="or a module, FILE.py")
    run.add_argument("--json", action="store_true")
    run.add_argument("--lang", choices=("zh", "en"), default="zh", help="of what problems say")
    run.set_defaults(run=_adapter_run)
    lint = adapters.add_parser("lint", help="guess the format of a file and show what would be taken, ignored, refused")
    lint.add_argument("file", type=Path)
    lint.add_argument("--insurer", metavar="CODE", help="do not guess: by this mapping, or by a module, FILE.py")
    lint.add_argument("--json", action="store_true")
    lint.set_defaults(run=_adapter_lint)
    _onboarding_commands(adapters)

    again = adapters.add_parser("replay", help="影子重放 another version over stored messages, every difference shown")
    _configurable(again)
    again.add_argument("--insurer", required=True)
    again.add_argument(
        "--mapping", required=True, metavar="VERSION", help="of the insurer's own format, or CODE/VERSION"
    )
    again.add_argument("--since", type=_day, help="messages received from this day on (YYYY-MM-DD, Shanghai)")
    again.add_argument("--limit", type=_count, help="the first so many of them")
    again.add_argument("--json", action="store_true", help="JSON Lines; the last one is what a proposal states")
    again.add_argument("--lang", choices=("zh", "en"), default="zh")
    again.set_defaults(run=_adapter_replay)

    paper = adapters.add_parser("document", help="what a sealed document states, and where each field stands")
    paper.add_argument("file", type=Path)
    paper.add_argument("--profile", help="default: all, or those of --dialect")
    paper.add_argument("--dialect", help="the format that its sender uses")
    paper.add_argument("--json", action="store_true")
    paper.set_defaults(run=_adapter_document)

    scheme = commands.add_parser("scheme", help="补贴方案 subsidy schemes").add_subparsers(parser_class=_Parser)
    schemes = scheme.add_parser("list", help="list the schemes and what their texts leave open")
    schemes.add_argument("--json", action="store_true")
    schemes.add_argument("--lang", choices=("zh", "en"), default="zh")
    schemes.set_defaults(run=_scheme_list)
    assess = scheme.add_parser("assess", help="what the premiums in files of messages are worth, without a database")
    assess.add_argument("files", nargs="+", type=Path, help="messages of the standard schema, JSON Lines")
    assess.add_argument("--scheme", required=True)
    assess.add_argument("--set", dest="answers", action="append", default=[], metavar="KEY=VALUE")
    assess.add_argument("--at", type=_day, help="as known on this day (YYYY-MM-DD); default today in Shanghai")
    assess.add_argument("--json", action="store_true")
    assess.add_argument("--lang", choices=("zh", "en"), default="zh")
    assess.set_defaults(run=_scheme_assess)

    again = commands.add_parser("recheck", help="重新核验 judge everything again by what is known now, over all cores")
    _configurable(again)
    again.add_argument("--jobs", type=_count, default=1, help="processes; more machines may do the same at once")
    again.add_argument("--slice", type=_count, help="premiums that one process takes at a time; default 50")
    again.add_argument("--json", action="store_true")
    again.add_argument("--lang", choices=("zh", "en"), default="zh")
    again.set_defaults(run=_recheck)

    impact = commands.add_parser("impact", help="追溯影响 what a withdrawn filing or stolen key touches")
    _configurable(impact)
    impact.add_argument("--because", required=True, metavar="CAUSE", help=_CAUSES)
    impact.add_argument("--judge", action="store_true", help="重新核验 judge again and show what would change")
    impact.add_argument("--apply", action="store_true", help="judge again and append what changes")
    impact.add_argument("--after", metavar="INSURER/POLICY_NO", help="go on where an earlier run ended")
    impact.add_argument("--json", action="store_true", help="one signed list")
    impact.add_argument("--lang", choices=("zh", "en"), default="zh")
    impact.set_defaults(run=_impact)

    _oversight_commands(commands)
    _mapping_commands(commands)

    submit = commands.add_parser("submit", help="提交 submit a message, or hand in a document")
    submit.add_argument("file", type=Path)
    submit.add_argument("--as", dest="insurer", required=True, help="insurer code")
    submit.add_argument("--key", type=Path, required=True, help="private key, PKCS #8 PEM")
    submit.add_argument("--keyid", help="id of the key; needed where the insurer has registered several")
    submit.add_argument("--url", required=True)
    submit.add_argument("--content-type", help="default by the file's name")
    submit.add_argument("--message-id")
    submit.set_defaults(run=_submit)

    status = commands.add_parser("status", help="查询回执 the final answer to a message, or a policy's premium")
    status.add_argument("--as", dest="insurer", required=True)
    status.add_argument("--key", type=Path, required=True)
    status.add_argument("--keyid")
    status.add_argument("--url", required=True)
    which = status.add_mutually_exclusive_group(required=True)
    which.add_argument("--message-id")
    which.add_argument("--policy", help="policy number")
    status.set_defaults(run=_status)

    match = commands.add_parser(
        "match", help="核对 an application (annex 1 or 2, XLSX or JSON) against what is verified"
    )
    match.add_argument("file", type=Path)
    match.add_argument("--url", required=True)
    match.add_argument("--key", type=Path, required=True, help="private key, PKCS #8 PEM")
    match.add_argument("--keyid", help="id of the key, or the participant's code; default: the name of the key's file")
    match.add_argument("--json", action="store_true")
    match.add_argument("--lang", choices=("zh", "en"), default="zh")
    match.set_defaults(run=_match)

    evidence = commands.add_parser("evidence", help="证据包 evidence of a premium").add_subparsers(parser_class=_Parser)
    fetched = evidence.add_parser("export", help="fetch the bundle of one premium")
    fetched.add_argument("--url", required=True)
    fetched.add_argument("--key", type=Path, required=True, help="private key, PKCS #8 PEM")
    fetched.add_argument(
        "--keyid", help="id of the key, or the participant's code; default: the name of the key's file"
    )
    fetched.add_argument("--insurer", required=True)
    fetched.add_argument("--policy-no", required=True)
    fetched.add_argument("--out", type=Path, required=True, help="bundle.zip")
    fetched.set_defaults(run=_evidence_export)
    checked = evidence.add_parser("verify", help="重新计算 compute everything in a bundle again, offline")
    checked.add_argument("bundle", type=Path)
    checked.add_argument("--trust", type=Path, required=True, help="trust directory")
    checked.add_argument("--log-key", type=Path, help="the log's verifier keys that you trust; default: its own word")
    checked.add_argument("--keys", type=Path, metavar="FILE", help=_ENDS)
    checked.add_argument("--json", action="store_true")
    checked.add_argument("--lang", choices=("zh", "en"), default="zh")
    checked.set_defaults(run=_evidence_verify)
    covered = evidence.add_parser("cover", help="封面 the sheet of a bundle for people, with the bundle's digest")
    covered.add_argument("bundle", type=Path)
    covered.add_argument("--out", type=Path, required=True, help="cover.pdf or cover.html")
    covered.set_defaults(run=_evidence_cover)

    _receipt_commands(commands)

    witness = commands.add_parser("witness", help="见证 cosign the checkpoints of a log, as a witness of it")
    witness.add_argument("--origin", required=True, help="the log's origin: the first line of its checkpoints")
    witness.add_argument("--log-key", type=Path, required=True, help="file with the log's verifier keys, a line each")
    witness.add_argument("--key", type=Path, required=True, help="your Ed25519 key, PKCS #8 PEM; made if it is missing")
    witness.add_argument("--name", help="your name, such as witness.example/w1; default: that of the key's file")
    witness.add_argument("--state", type=Path, required=True, help="file that keeps the last cosigned checkpoint")
    witness.add_argument("--listen", type=_address, default=("127.0.0.1", 8450), metavar="HOST:PORT")
    witness.set_defaults(run=_witness)

    key = commands.add_parser("key", help="网关密钥 the gateway's own keys").add_subparsers(parser_class=_Parser)
    ended = key.add_parser("end", help="say in the log that a key ended, and from when on it counts no more")
    _configurable(ended)
    ended.add_argument("--keyid", required=True)
    ended.add_argument("--at", type=_moment, required=True, help="from this moment on (RFC 3339)")
    ended.add_argument("--reason", choices=("rotated", "compromised"), default="compromised")
    ended.set_defaults(run=_key_end)
    keys = key.add_parser("list", help="the keys as /v1/keys has them")
    _configurable(keys)
    keys.set_defaults(run=_key_list)

    user = commands.add_parser("user", help="用户 people who sign in").add_subparsers(parser_class=_Parser)
    added = user.add_parser("add", help="an entry for the users' file; asks for the password")
    added.add_argument("name")
    added.add_argument("--display-name", required=True, help="the name that people read")
    added.add_argument("--participant", required=True, help="code of the participant whose data they read")
    added.add_argument("--keyid", action="append", default=[], help="a key that they sign with; may be repeated")
    added.add_argument("--no-password", action="store_true", help="they sign in at the identity provider")
    added.add_argument("--file", type=Path, help="put it there, in place of the one of that name; default: stdout")
    added.set_defaults(run=_user_add)

    _evidence_store_commands(commands)

    log = commands.add_parser("log", help="透明日志 the transparency log").add_subparsers(parser_class=_Parser)
    audit = log.add_parser("audit", help="审计 recompute the whole log: published, or with the database behind it")
    source = audit.add_mutually_exclusive_group(required=True)
    source.add_argument("--dir", type=Path)
    source.add_argument("--url")
    source.add_argument("--config", type=Path, help="TOML file: audit the database too, row by row")
    audit.add_argument("--key", type=Path, help="the log's verifier keys; default: beside the checkpoint")
    audit.add_argument("--keys", type=Path, metavar="FILE", help=_ENDS)
    audit.add_argument("--replay", metavar="N|all", help="compute the verdicts on so many premiums again")
    audit.add_argument("--after", metavar="INSURER/POLICY_NO", help="go on where an earlier replay ended")
    audit.add_argument("--jobs", type=_count, default=1, help="processes")
    audit.add_argument("--json", action="store_true", help="findings as JSON Lines, the outcome last")
    audit.add_argument("--lang", choices=("zh", "en"), default="zh")
    audit.set_defaults(run=_log_audit)
    stamp = log.add_parser("timestamp", help="时间戳 have authorities stamp the last checkpoint now")
    _configurable(stamp)
    stamp.add_argument("--authority", metavar="NAME", help="this one only")
    stamp.set_defaults(run=_log_timestamp)
    stamps = log.add_parser("timestamps", help="judge every time-stamp on the log, by the trust folder alone")
    _configurable(stamps)
    stamps.set_defaults(run=_log_timestamps)
    copy = log.add_parser("copy", help="copy a served log to a folder")
    copy.add_argument("--url", required=True)
    copy.add_argument("--dir", type=Path, required=True)
    copy.set_defaults(run=_log_copy)
    return parser


def _evidence_store_commands(commands: "argparse._SubParsersAction[_Parser]") -> None:
    store = commands.add_parser("store", help="证据存储 where sealed documents are kept").add_subparsers(
        parser_class=_Parser
    )
    check = store.add_parser("check", help="核对 what stores and rows do not agree on, and what no row speaks of")
    _configurable(check)
    check.add_argument("--read", action="store_true", help="read every document, not only names and sizes")
    check.add_argument("--finish", action="store_true", help="remove what was erased by order and is there still")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_store_check)
    move = store.add_parser("move", help="迁移 move every document to where new ones go")
    _configurable(move)
    move.add_argument("--json", action="store_true")
    move.set_defaults(run=_store_move)

    document = commands.add_parser("document", help="签章文件 sealed documents").add_subparsers(parser_class=_Parser)
    erase = document.add_parser("erase", help="依令删除 ask that a document goes; the same by a second person erases")
    erase.add_argument("document", help="the document's SHA-256")
    erase.add_argument("--ground", choices=("order", "retention"), required=True)
    erase.add_argument("--order-no", required=True, help="文号")
    erase.add_argument("--ordered-by", required=True, help="签发机关 the authority")
    erase.add_argument("--ordered-on", type=date.fromisoformat, required=True, help="签发日期 YYYY-MM-DD")
    _calling(erase)
    erase.set_defaults(run=_document_erase)


def _onboarding_commands(adapters: "argparse._SubParsersAction[_Parser]") -> None:
    new = adapters.add_parser("new", help="新增保险机构 begin a mapping from a sample file")
    new.add_argument("sample", type=Path)
    new.add_argument("--insurer", required=True, metavar="CODE")
    new.add_argument("--name", required=True, help="of the insurer")
    new.add_argument("--out", type=Path, default=Path(), help="folder for the module and samples/CODE; default: here")
    new.add_argument(
        "--own", action="store_true", help="a mapping of its own, even if a known dialect reads the sample"
    )
    test = adapters.add_parser("test", help="样例测试 read golden pairs and show each difference with its cell")
    test.add_argument("mapping", nargs="?", metavar="MODULE|CODE", help="default: every registered one that has pairs")
    test.add_argument("--samples", type=Path, help="folder with a folder CODE of pairs; default: beside the module")
    test.add_argument("--accept", action="store_true", help="what comes out now is what is expected: write it down")
    diff = adapters.add_parser("diff", help="比较 what two mappings make of files, field by field")
    diff.add_argument("one", metavar="A", help="CODE, CODE/VERSION or MODULE")
    diff.add_argument("other", metavar="B", help="the same")
    diff.add_argument("files", nargs="+", type=Path)
    diff.add_argument("--insurer", metavar="CODE", help="whose files they are; default: that of A")
    for name, one in (("new", new), ("test", test), ("diff", diff)):
        one.add_argument("--json", action="store_true")
        one.add_argument("--lang", choices=("zh", "en"), default="zh")
        one.set_defaults(run=_adapter_kit, step=name)


def _configurable(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="TOML file; GATEWAY_* variables override it")


def _trust_commands(commands: "argparse._SubParsersAction[_Parser]") -> None:
    trust = commands.add_parser("trust", help="信任目录 the trust folder").add_subparsers(parser_class=_Parser)
    show = trust.add_parser("show", help="列出 what stands in it, and what is fresh")
    _readable(show)
    show.set_defaults(run=_trust_show)
    check = trust.add_parser("check", help="检查 everything that must be mended")
    _readable(check)
    check.set_defaults(run=_trust_check)
    bring = trust.add_parser("import", help="导入 add certificates and lists from PEM, DER or PKCS #7 files")
    bring.add_argument("files", nargs="+", type=Path)
    places = ("signers", "seal-makers", "tsa", "xml", "intermediates", "crl", "ocsp")
    bring.add_argument("--as", dest="wanted", choices=places, help="what it is trusted for, or what it is")
    bring.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")
    _readable(bring)
    bring.set_defaults(run=_trust_import)


def _oversight_commands(commands: "argparse._SubParsersAction[_Parser]") -> None:
    oversight = commands.add_parser("oversight", help="监管 what regulators count").add_subparsers(parser_class=_Parser)
    recompute = oversight.add_parser("recompute", help="复算 the compliance board from an export of the feed, offline")
    recompute.add_argument("file", type=Path, metavar="FEED.jsonl", help="all pages of the feed as JSON Lines")
    recompute.add_argument("--by", choices=("insurer", "line", "clause", "month"), default="insurer")
    for name in ("insurer", "line", "clause"):
        recompute.add_argument(f"--{name}")
    recompute.add_argument("--from", dest="first", type=_day, help="signed on this day or later (YYYY-MM-DD)")
    recompute.add_argument("--to", dest="last", type=_day, help="signed on this day or earlier")
    recompute.add_argument("--as-of", type=_moment, help="as it was known at this moment (RFC 3339)")
    recompute.set_defaults(run=_oversight_recompute)


def _mapping_commands(commands: "argparse._SubParsersAction[_Parser]") -> None:
    mapping = commands.add_parser("mapping", help="映射版本 which version reads whose messages").add_subparsers(
        parser_class=_Parser
    )
    listing = mapping.add_parser("list", help="what is in force, and what is proposed")
    listing.add_argument("--insurer", dest="about", help="of this insurer only")
    _calling(listing)
    listing.set_defaults(run=_mapping_list)
    propose = mapping.add_parser("propose", help="提议 that another version reads, after its replay")
    propose.add_argument("--replay", type=Path, required=True, help="what `gateway adapter replay --json` printed")
    propose.add_argument(
        "--from",
        dest="active_from",
        type=_beginning,
        required=True,
        help="from this day (YYYY-MM-DD, Shanghai) or moment (RFC 3339) on",
    )
    propose.add_argument("--reason", required=True)
    _calling(propose)
    propose.set_defaults(run=_mapping_propose)
    approve = mapping.add_parser("approve", help="批准 as a second person")
    approve.add_argument("proposal", help="the proposal's digest")
    _calling(approve)
    approve.set_defaults(run=_mapping_approve)


def _calling(parser: argparse.ArgumentParser) -> None:
    """What commands have in common that call a running gateway."""
    parser.add_argument("--as", dest="insurer", required=True, help="your code")
    parser.add_argument("--key", type=Path, required=True, help="private key, PKCS #8 PEM")
    parser.add_argument("--keyid", help="id of the key; needed where you have registered several")
    parser.add_argument("--url", required=True)


def _readable(parser: argparse.ArgumentParser) -> None:
    """What commands on a trust folder have in common."""
    parser.add_argument("--trust", type=Path, required=True, help="trust directory")
    parser.add_argument("--at", type=_moment, help="as of this moment (RFC 3339); default now")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not RFC 3339: {text}") from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a moment needs its offset, as in 2026-06-01T00:00:00+08:00")
    return moment


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not a day, YYYY-MM-DD: {text}") from error
    if day.isoformat() != text:
        raise argparse.ArgumentTypeError(f"not a day, YYYY-MM-DD: {text}")
    return day


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"not HOST:PORT: {text}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _beginning(text: str) -> datetime:
    """A moment, or a day of Asia/Shanghai from its first minute on."""
    from schemas.calendar import SHANGHAI

    return datetime.combine(_day(text), time(), SHANGHAI) if len(text) == len("YYYY-MM-DD") else _moment(text)


def _count(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"not a count: {text}")
    return int(text)


def _print(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()


# Each command imports what it needs when it runs: `seal verify` starts without the service, `adapter` without either.


def _demo(parsed: argparse.Namespace) -> int:
    # By name: the service does not know the sandbox; only this command line brings them together.
    demo = importlib.import_module("sandbox.demo")
    wanted = parsed.history or parsed.policies is not None or not parsed.once
    return int(
        demo.run(
            once=parsed.once,
            as_json=parsed.json,
            seed=parsed.seed,
            out=parsed.out,
            language=parsed.lang,
            policies=(parsed.policies or _POLICIES) if wanted and not parsed.no_history else 0,
            fresh=parsed.fresh or parsed.once,
            with_console=not (parsed.once or parsed.no_console),
        )
    )


def _serve(parsed: argparse.Namespace) -> int:
    from gateway.config import load_config
    from gateway.serve import begin, serve

    config = load_config(parsed.config, host=parsed.host, port=parsed.port, workers=parsed.workers)
    if parsed.config is None:
        for notice in begin(config):
            print(notice, file=sys.stderr)
    return serve(config)


def _work(parsed: argparse.Namespace) -> int:
    from gateway.config import load_config
    from gateway.worker import work

    return work(load_config(parsed.config))


def _migrate(parsed: argparse.Namespace) -> int:
    from gateway.config import load_config
    from gateway.db import embedded, migrate

    config = load_config(parsed.config)
    if config.dsn:
        applied = migrate(config.dsn)
    else:
        with embedded(config.data_dir.resolve() / "postgres") as dsn:
            applied = migrate(dsn)
    for name in applied:
        print(name, file=sys.stderr)
    return 0


def _openapi(_parsed: argparse.Namespace) -> int:
    from gateway.openapi import description

    sys.stdout.write(description())
    return 0


def _seal_verify(parsed: argparse.Namespace) -> int:
    from gateway.commands.seal import verify_files

    at = parsed.at or datetime.now(UTC)
    return verify_files(
        parsed.files,
        parsed.trust,
        at,
        parsed.detached,
        existed_at=parsed.existed_at,
        as_json=parsed.json,
        language=parsed.lang,
    )


def _seal_report(parsed: argparse.Namespace) -> int:
    from gateway.commands.seal_report import write_report

    at = parsed.at or datetime.now(UTC)
    return write_report(
        parsed.file,
        parsed.trust,
        at,
        parsed.out,
        parsed.detached,
        existed_at=parsed.existed_at,
        language=parsed.lang,
    )


def _trust_show(parsed: argparse.Namespace) -> int:
    from gateway.commands.trust import show

    return show(parsed.trust, parsed.at or datetime.now(UTC), as_json=parsed.json, language=parsed.lang)


def _trust_check(parsed: argparse.Namespace) -> int:
    from gateway.commands.trust import check

    return check(parsed.trust, parsed.at or datetime.now(UTC), as_json=parsed.json, language=parsed.lang)


def _trust_import(parsed: argparse.Namespace) -> int:
    from gateway.commands.trust import bring

    return bring(
        parsed.files,
        parsed.trust,
        parsed.wanted,
        parsed.at or datetime.now(UTC),
        dry_run=parsed.dry_run,
        as_json=parsed.json,
        language=parsed.lang,
    )


def _revocation_fetch(parsed: argparse.Namespace) -> int:
    from gateway.commands.revocation import fetch_listed

    return fetch_listed(parsed.trust, parsed.sources, as_json=parsed.json, language=parsed.lang)


def _adapter_list(_parsed: argparse.Namespace) -> int:
    from adapters.run import describe

    for one in describe():
        _print(one)
    return 0


def _adapter_run(parsed: argparse.Namespace) -> int:
    from gateway.commands.adapter import run_files

    return run_files(parsed.insurer, parsed.files, parsed.lang)


def _adapter_replay(parsed: argparse.Namespace) -> int:
    from gateway.commands.replay import replay_stored
    from gateway.config import load_config

    return replay_stored(
        load_config(parsed.config),
        parsed.insurer,
        parsed.mapping,
        since=parsed.since,
        limit=parsed.limit,
        as_json=parsed.json,
        language=parsed.lang,
    )


def _adapter_document(parsed: argparse.Namespace) -> int:
    from gateway.commands.adapter_document import lines, show

    shown = show(parsed.file, parsed.profile, parsed.dialect)
    if parsed.json:
        _print(shown)
    else:
        print("\n".join(lines(shown)))
    return 1 if shown["problems"] or shown["profile"] is None else 0


def _adapter_lint(parsed: argparse.Namespace) -> int:
    from gateway.commands.adapter import lint_file

    return lint_file(parsed.file, parsed.insurer)


def _adapter_kit(parsed: argparse.Namespace) -> int:
    from gateway.commands import adapter_kit

    steps = {"new": adapter_kit.new, "test": adapter_kit.test, "diff": adapter_kit.diff}
    return steps[parsed.step](parsed)


def _oversight_recompute(parsed: argparse.Namespace) -> int:
    from gateway.commands.oversight import recompute_compliance
    from gateway.oversight.compliance import Wanted

    wanted = Wanted(
        insurer=parsed.insurer,
        line=parsed.line,
        clause=parsed.clause,
        first=parsed.first,
        last=parsed.last,
        as_of=parsed.as_of,
    )
    return recompute_compliance(parsed.file, wanted, parsed.by)


def _recheck(parsed: argparse.Namespace) -> int:
    from gateway.commands.recheck import recheck_all
    from gateway.config import load_config

    return recheck_all(
        load_config(parsed.config),
        jobs=parsed.jobs,
        size=parsed.slice,
        as_json_=parsed.json,
        language=parsed.lang,
    )


def _impact(parsed: argparse.Namespace) -> int:
    from gateway.commands.impact import show_impact
    from gateway.config import load_config

    return show_impact(
        load_config(parsed.config),
        parsed.because,
        judge=parsed.judge,
        apply=parsed.apply,
        after=parsed.after,
        as_json=parsed.json,
        language=parsed.lang,
    )


def _scheme_list(parsed: argparse.Namespace) -> int:
    from gateway.commands.scheme import list_schemes

    return list_schemes(as_json=parsed.json, language=parsed.lang)


def _scheme_assess(parsed: argparse.Namespace) -> int:
    from gateway.commands.scheme import assess_files
    from schemas.calendar import shanghai_day

    at = parsed.at or shanghai_day(datetime.now(UTC))
    return assess_files(parsed.scheme, parsed.answers, at, parsed.files, as_json=parsed.json, language=parsed.lang)


def _mapping_list(parsed: argparse.Namespace) -> int:
    return int(importlib.import_module("client.mappings").show(parsed))


def _mapping_propose(parsed: argparse.Namespace) -> int:
    return int(importlib.import_module("client.mappings").propose(parsed))


def _mapping_approve(parsed: argparse.Namespace) -> int:
    return int(importlib.import_module("client.mappings").approve(parsed))


def _submit(parsed: argparse.Namespace) -> int:
    submit = importlib.import_module("client.shell")
    return int(submit.submit(parsed))


def _status(parsed: argparse.Namespace) -> int:
    shell = importlib.import_module("client.shell")
    return int(shell.status(parsed))


def _match(parsed: argparse.Namespace) -> int:
    matching = importlib.import_module("client.match")
    return int(matching.match(parsed))


def _receipt_commands(commands: "argparse._SubParsersAction[_Parser]") -> None:
    receipt = commands.add_parser("receipt", help="存档回执 receipts to be filed").add_subparsers(parser_class=_Parser)
    fetched = receipt.add_parser("export", help="fetch the signed receipt of one message")
    fetched.add_argument("--url", required=True)
    fetched.add_argument("--key", type=Path, required=True, help="private key, PKCS #8 PEM")
    fetched.add_argument("--keyid", help="id of the key; default: the name of the key's file")
    fetched.add_argument("--submission", required=True, metavar="ID")
    fetched.add_argument("--out", type=Path, required=True, help="receipt.jws, or receipt.tlog-proof with the proof")
    fetched.set_defaults(run=_receipt_export)
    checked = receipt.add_parser("verify", help="核验回执 judge a receipt from a file, offline")
    checked.add_argument("file", type=Path)
    checked.add_argument("--key", type=Path, help="the gateway's public key in PEM, or what /v1/keys answers")
    checked.add_argument("--log-key", type=Path, help="the log's verifier keys, as /v1/log/key answers")
    checked.add_argument("--body", type=Path, help="the message as it was sent, to be held against the receipt")
    checked.add_argument("--receipt", type=Path, help="the whole receipt as it was answered, to be held against it")
    checked.add_argument("--json", action="store_true")
    checked.add_argument("--lang", choices=("zh", "en"), default="zh")
    checked.set_defaults(run=_receipt_verify)


def _receipt_export(parsed: argparse.Namespace) -> int:
    fetching = importlib.import_module("client.evidence")
    return int(fetching.export_receipt(parsed))


def _receipt_verify(parsed: argparse.Namespace) -> int:
    from gateway.commands.receipt import verify

    return verify(
        parsed.file,
        key=parsed.key,
        log_key=parsed.log_key,
        body=parsed.body,
        whole=parsed.receipt,
        as_json=parsed.json,
        language=parsed.lang,
    )


def _evidence_export(parsed: argparse.Namespace) -> int:
    fetching = importlib.import_module("client.evidence")
    return int(fetching.export(parsed))


def _evidence_verify(parsed: argparse.Namespace) -> int:
    from gateway.commands.evidence import verify

    return verify(
        parsed.bundle,
        parsed.trust,
        log_key=parsed.log_key,
        published=parsed.keys,
        as_json=parsed.json,
        language=parsed.lang,
    )


def _evidence_cover(parsed: argparse.Namespace) -> int:
    from gateway.commands.evidence import cover

    return cover(parsed.bundle, parsed.out)


def _witness(parsed: argparse.Namespace) -> int:
    from gateway.commands.witness import run

    return run(
        origin=parsed.origin,
        log_key=parsed.log_key,
        key=parsed.key,
        name=parsed.name or parsed.key.stem,
        state=parsed.state,
        listen=parsed.listen,
    )


def _key_end(parsed: argparse.Namespace) -> int:
    from gateway.commands.key import end_key
    from gateway.config import load_config

    return end_key(load_config(parsed.config), parsed.keyid, parsed.at, parsed.reason)


def _user_add(parsed: argparse.Namespace) -> int:
    from gateway.commands.user import add_user

    return add_user(
        parsed.name,
        parsed.display_name,
        parsed.participant,
        parsed.keyid,
        file=parsed.file,
        asked=not parsed.no_password,
    )


def _key_list(parsed: argparse.Namespace) -> int:
    from gateway.commands.key import list_keys
    from gateway.config import load_config

    return list_keys(load_config(parsed.config))


def _log_audit(parsed: argparse.Namespace) -> int:
    if parsed.config is not None:
        from gateway.commands.audit import audit_database
        from gateway.config import load_config

        return audit_database(
            load_config(parsed.config),
            replay=parsed.replay,
            after=parsed.after,
            jobs=parsed.jobs,
            as_json=parsed.json,
            language=parsed.lang,
        )
    from gateway.commands.log import audit_log

    return audit_log(parsed.dir, parsed.url, parsed.key, parsed.keys)


def _log_timestamp(parsed: argparse.Namespace) -> int:
    from gateway.commands.timestamp import stamp_now
    from gateway.config import load_config

    return stamp_now(load_config(parsed.config), parsed.authority)


def _log_timestamps(parsed: argparse.Namespace) -> int:
    from gateway.commands.timestamp import list_stamps
    from gateway.config import load_config

    return list_stamps(load_config(parsed.config))


def _store_check(parsed: argparse.Namespace) -> int:
    from gateway.commands.store import check
    from gateway.config import load_config

    return check(load_config(parsed.config), read=parsed.read, finish=parsed.finish, as_json=parsed.json)


def _store_move(parsed: argparse.Namespace) -> int:
    from gateway.commands.store import move_all
    from gateway.config import load_config

    return move_all(load_config(parsed.config), as_json=parsed.json)


def _document_erase(parsed: argparse.Namespace) -> int:
    return int(importlib.import_module("client.documents").erase(parsed))


def _log_copy(parsed: argparse.Namespace) -> int:
    from gateway.commands.log import copy_log

    _print({"entries": copy_log(parsed.url, parsed.dir)})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
