"""Arguments of the commands for what can be proved: evidence, receipts, the log."""

import argparse
import importlib
from pathlib import Path

from gateway.commands.arguments.shared import Commands, Parser, address, configurable, count, print_json

_ENDS = "what the gateway's /v1/keys answered: when its keys ended; nothing is believed that one signed later"


def add(commands: Commands) -> None:
    """The commands of this group."""
    evidence = commands.add_parser("evidence", help="证据包 evidence of a premium").add_subparsers(parser_class=Parser)
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
    witness.add_argument("--listen", type=address, default=("127.0.0.1", 8450), metavar="HOST:PORT")
    witness.set_defaults(run=_witness)

    log = commands.add_parser("log", help="透明日志 the transparency log").add_subparsers(parser_class=Parser)
    audit = log.add_parser("audit", help="审计 recompute the whole log: published, or with the database behind it")
    source = audit.add_mutually_exclusive_group(required=True)
    source.add_argument("--dir", type=Path)
    source.add_argument("--url")
    source.add_argument("--config", type=Path, help="TOML file: audit the database too, row by row")
    audit.add_argument("--key", type=Path, help="the log's verifier keys; default: beside the checkpoint")
    audit.add_argument("--keys", type=Path, metavar="FILE", help=_ENDS)
    audit.add_argument("--replay", metavar="N|all", help="compute the verdicts on so many premiums again")
    audit.add_argument("--after", metavar="INSURER/POLICY_NO", help="go on where an earlier replay ended")
    audit.add_argument("--jobs", type=count, default=1, help="processes")
    audit.add_argument("--json", action="store_true", help="findings as JSON Lines, the outcome last")
    audit.add_argument("--lang", choices=("zh", "en"), default="zh")
    audit.set_defaults(run=_log_audit)
    stamp = log.add_parser("timestamp", help="时间戳 have authorities stamp the last checkpoint now")
    configurable(stamp)
    stamp.add_argument("--authority", metavar="NAME", help="this one only")
    stamp.set_defaults(run=_log_timestamp)
    stamps = log.add_parser("timestamps", help="judge every time-stamp on the log, by the trust folder alone")
    configurable(stamps)
    stamps.set_defaults(run=_log_timestamps)
    copy = log.add_parser("copy", help="copy a served log to a folder")
    copy.add_argument("--url", required=True)
    copy.add_argument("--dir", type=Path, required=True)
    copy.set_defaults(run=_log_copy)


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


def _receipt_commands(commands: Commands) -> None:
    receipt = commands.add_parser("receipt", help="存档回执 receipts to be filed").add_subparsers(parser_class=Parser)
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


def _log_timestamps(parsed: argparse.Namespace) -> int:
    from gateway.commands.timestamp import list_stamps
    from gateway.config import load_config

    return list_stamps(load_config(parsed.config))


def _log_timestamp(parsed: argparse.Namespace) -> int:
    from gateway.commands.timestamp import stamp_now
    from gateway.config import load_config

    return stamp_now(load_config(parsed.config), parsed.authority)


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


def _log_copy(parsed: argparse.Namespace) -> int:
    from gateway.commands.log import copy_log

    print_json({"entries": copy_log(parsed.url, parsed.dir)})
    return 0
