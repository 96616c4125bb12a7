"""Arguments of the commands for insurers' formats."""

import argparse
import importlib
from pathlib import Path

from gateway.commands.arguments.shared import (
    Commands,
    Parser,
    beginning,
    calling,
    configurable,
    count,
    day,
    print_json,
)


def add(commands: Commands) -> None:
    """The commands of this group."""
    adapter = commands.add_parser("adapter", help="报文转换 translate insurers' formats")
    adapters = adapter.add_subparsers(parser_class=Parser)
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
    configurable(again)
    again.add_argument("--insurer", required=True)
    again.add_argument(
        "--mapping", required=True, metavar="VERSION", help="of the insurer's own format, or CODE/VERSION"
    )
    again.add_argument("--since", type=day, help="messages received from this day on (YYYY-MM-DD, Shanghai)")
    again.add_argument("--limit", type=count, help="the first so many of them")
    again.add_argument("--json", action="store_true", help="JSON Lines; the last one is what a proposal states")
    again.add_argument("--lang", choices=("zh", "en"), default="zh")
    again.set_defaults(run=_adapter_replay)

    paper = adapters.add_parser("document", help="what a sealed document states, and where each field stands")
    paper.add_argument("file", type=Path)
    paper.add_argument("--profile", help="default: all, or those of --dialect")
    paper.add_argument("--dialect", help="the format that its sender uses")
    paper.add_argument("--json", action="store_true")
    paper.set_defaults(run=_adapter_document)

    _mapping_commands(commands)


def _adapter_lint(parsed: argparse.Namespace) -> int:
    from gateway.commands.adapter import lint_file

    return lint_file(parsed.file, parsed.insurer)


def _onboarding_commands(adapters: Commands) -> None:
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


def _adapter_kit(parsed: argparse.Namespace) -> int:
    from gateway.commands import adapter_kit

    steps = {"new": adapter_kit.new, "test": adapter_kit.test, "diff": adapter_kit.diff}
    return steps[parsed.step](parsed)


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


def _adapter_run(parsed: argparse.Namespace) -> int:
    from gateway.commands.adapter import run_files

    return run_files(parsed.insurer, parsed.files, parsed.lang)


def _adapter_list(_parsed: argparse.Namespace) -> int:
    from adapters.run import describe

    for one in describe():
        print_json(one)
    return 0


def _adapter_document(parsed: argparse.Namespace) -> int:
    from gateway.commands.adapter_document import lines, show

    shown = show(parsed.file, parsed.profile, parsed.dialect)
    if parsed.json:
        print_json(shown)
    else:
        print("\n".join(lines(shown)))
    return 1 if shown["problems"] or shown["profile"] is None else 0


def _mapping_commands(commands: Commands) -> None:
    mapping = commands.add_parser("mapping", help="映射版本 which version reads whose messages").add_subparsers(
        parser_class=Parser
    )
    listing = mapping.add_parser("list", help="what is in force, and what is proposed")
    listing.add_argument("--insurer", dest="about", help="of this insurer only")
    calling(listing)
    listing.set_defaults(run=_mapping_list)
    propose = mapping.add_parser("propose", help="提议 that another version reads, after its replay")
    propose.add_argument("--replay", type=Path, required=True, help="what `gateway adapter replay --json` printed")
    propose.add_argument(
        "--from",
        dest="active_from",
        type=beginning,
        required=True,
        help="from this day (YYYY-MM-DD, Shanghai) or moment (RFC 3339) on",
    )
    propose.add_argument("--reason", required=True)
    calling(propose)
    propose.set_defaults(run=_mapping_propose)
    approve = mapping.add_parser("approve", help="批准 as a second person")
    approve.add_argument("proposal", help="the proposal's digest")
    calling(approve)
    approve.set_defaults(run=_mapping_approve)


def _mapping_approve(parsed: argparse.Namespace) -> int:
    return int(importlib.import_module("client.mappings").approve(parsed))


def _mapping_list(parsed: argparse.Namespace) -> int:
    return int(importlib.import_module("client.mappings").show(parsed))


def _mapping_propose(parsed: argparse.Namespace) -> int:
    return int(importlib.import_module("client.mappings").propose(parsed))
