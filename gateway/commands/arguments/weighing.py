"""Arguments of the commands for what premiums are worth, what touches them, and what an application says of them."""

import argparse
import importlib
from datetime import UTC, datetime
from pathlib import Path

from gateway.commands.arguments.shared import Commands, Parser, configurable, day, moment

_CAUSES = "clause:NO, certificate:SERIAL, issuer:NAME, key:KEYID, insurer:CODE, rule:ID, or all"


def add(commands: Commands) -> None:
    """The commands of this group."""
    scheme = commands.add_parser("scheme", help="补贴方案 subsidy schemes").add_subparsers(parser_class=Parser)
    schemes = scheme.add_parser("list", help="list the schemes and what their texts leave open")
    schemes.add_argument("--json", action="store_true")
    schemes.add_argument("--lang", choices=("zh", "en"), default="zh")
    schemes.set_defaults(run=_scheme_list)
    assess = scheme.add_parser("assess", help="what the premiums in files of messages are worth, without a database")
    assess.add_argument("files", nargs="+", type=Path, help="messages of the standard schema, JSON Lines")
    assess.add_argument("--scheme", required=True)
    assess.add_argument("--set", dest="answers", action="append", default=[], metavar="KEY=VALUE")
    assess.add_argument("--at", type=day, help="as known on this day (YYYY-MM-DD); default today in Shanghai")
    assess.add_argument("--json", action="store_true")
    assess.add_argument("--lang", choices=("zh", "en"), default="zh")
    assess.set_defaults(run=_scheme_assess)

    impact = commands.add_parser("impact", help="追溯影响 what a withdrawn filing or stolen key touches")
    configurable(impact)
    impact.add_argument("--because", required=True, metavar="CAUSE", help=_CAUSES)
    impact.add_argument("--judge", action="store_true", help="重新核验 judge again and show what would change")
    impact.add_argument("--apply", action="store_true", help="judge again and append what changes")
    impact.add_argument("--after", metavar="INSURER/POLICY_NO", help="go on where an earlier run ended")
    impact.add_argument("--json", action="store_true", help="one signed list")
    impact.add_argument("--lang", choices=("zh", "en"), default="zh")
    impact.set_defaults(run=_impact)

    _oversight_commands(commands)

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


def _scheme_assess(parsed: argparse.Namespace) -> int:
    from gateway.commands.scheme import assess_files
    from schemas.calendar import shanghai_day

    at = parsed.at or shanghai_day(datetime.now(UTC))
    return assess_files(parsed.scheme, parsed.answers, at, parsed.files, as_json=parsed.json, language=parsed.lang)


def _scheme_list(parsed: argparse.Namespace) -> int:
    from gateway.commands.scheme import list_schemes

    return list_schemes(as_json=parsed.json, language=parsed.lang)


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


def _oversight_commands(commands: Commands) -> None:
    oversight = commands.add_parser("oversight", help="监管 what regulators count").add_subparsers(parser_class=Parser)
    recompute = oversight.add_parser("recompute", help="复算 the compliance board from an export of the feed, offline")
    recompute.add_argument("file", type=Path, metavar="FEED.jsonl", help="all pages of the feed as JSON Lines")
    recompute.add_argument("--by", choices=("insurer", "line", "clause", "month"), default="insurer")
    for name in ("insurer", "line", "clause"):
        recompute.add_argument(f"--{name}")
    recompute.add_argument("--from", dest="first", type=day, help="signed on this day or later (YYYY-MM-DD)")
    recompute.add_argument("--to", dest="last", type=day, help="signed on this day or earlier")
    recompute.add_argument("--as-of", type=moment, help="as it was known at this moment (RFC 3339)")
    recompute.set_defaults(run=_oversight_recompute)


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


def _match(parsed: argparse.Namespace) -> int:
    matching = importlib.import_module("client.match")
    return int(matching.match(parsed))
