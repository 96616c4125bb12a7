"""Arguments of the commands for seals and whom to trust."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from gateway.commands.arguments.shared import Commands, Parser, moment, readable

_EXISTED_AT = "you vouch that the file existed as it is at this moment (RFC 3339), say by a checkpoint of the ledger"


def add(commands: Commands) -> None:
    """The commands of this group."""
    seal = commands.add_parser("seal", help="电子签章 electronic seals").add_subparsers(parser_class=Parser)
    verify = seal.add_parser("verify", help="验章 judge the seals on files, offline")
    verify.add_argument("files", nargs="+", type=Path)
    verify.add_argument("--trust", type=Path, required=True, help="trust directory")
    verify.add_argument("--at", type=moment, help="judge as of this moment (RFC 3339); default now")
    verify.add_argument("--detached", type=Path, help="a signature over the file, in a file of its own")
    verify.add_argument("--existed-at", type=moment, help=_EXISTED_AT)
    verify.add_argument("--json", action="store_true")
    verify.add_argument("--lang", choices=("zh", "en"), default="zh")
    verify.set_defaults(run=_seal_verify)
    report = seal.add_parser("report", help="核验报告 the verdict on a file as HTML or PDF, to be filed")
    report.add_argument("file", type=Path)
    report.add_argument("--trust", type=Path, required=True, help="trust directory")
    report.add_argument("--at", type=moment, help="judge as of this moment (RFC 3339); default now")
    report.add_argument("--detached", type=Path, help="a signature over the file, in a file of its own")
    report.add_argument("--existed-at", type=moment, help=_EXISTED_AT)
    report.add_argument("--out", type=Path, required=True, help="report.html or report.pdf")
    report.add_argument("--lang", choices=("zh", "en"), default="zh")
    report.set_defaults(run=_seal_report)

    _trust_commands(commands)

    revocation = commands.add_parser("revocation", help="吊销数据 revocation data").add_subparsers(parser_class=Parser)
    fetch = revocation.add_parser("fetch", help="更新 keep lists and OCSP answers fresh, from the listed sources only")
    fetch.add_argument("--trust", type=Path, required=True, help="trust directory")
    fetch.add_argument("--sources", type=Path, required=True, help="TOML file: the addresses that may be asked")
    fetch.add_argument("--json", action="store_true")
    fetch.add_argument("--lang", choices=("zh", "en"), default="zh")
    fetch.set_defaults(run=_revocation_fetch)


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


def _trust_commands(commands: Commands) -> None:
    trust = commands.add_parser("trust", help="信任目录 the trust folder").add_subparsers(parser_class=Parser)
    show = trust.add_parser("show", help="列出 what stands in it, and what is fresh")
    readable(show)
    show.set_defaults(run=_trust_show)
    check = trust.add_parser("check", help="检查 everything that must be mended")
    readable(check)
    check.set_defaults(run=_trust_check)
    bring = trust.add_parser("import", help="导入 add certificates and lists from PEM, DER or PKCS #7 files")
    bring.add_argument("files", nargs="+", type=Path)
    places = ("signers", "seal-makers", "tsa", "xml", "intermediates", "crl", "ocsp")
    bring.add_argument("--as", dest="wanted", choices=places, help="what it is trusted for, or what it is")
    bring.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")
    readable(bring)
    bring.set_defaults(run=_trust_import)


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


def _trust_check(parsed: argparse.Namespace) -> int:
    from gateway.commands.trust import check

    return check(parsed.trust, parsed.at or datetime.now(UTC), as_json=parsed.json, language=parsed.lang)


def _trust_show(parsed: argparse.Namespace) -> int:
    from gateway.commands.trust import show

    return show(parsed.trust, parsed.at or datetime.now(UTC), as_json=parsed.json, language=parsed.lang)


def _revocation_fetch(parsed: argparse.Namespace) -> int:
    from gateway.commands.revocation import fetch_listed

    return fetch_listed(parsed.trust, parsed.sources, as_json=parsed.json, language=parsed.lang)
