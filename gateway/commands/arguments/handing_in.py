"""Arguments of the commands for an insurer that has no software of its own yet."""

import argparse
import importlib
from pathlib import Path

from gateway.commands.arguments.shared import Commands


def add(commands: Commands) -> None:
    """The commands of this group."""
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


def _submit(parsed: argparse.Namespace) -> int:
    submit = importlib.import_module("client.shell")
    return int(submit.submit(parsed))


def _status(parsed: argparse.Namespace) -> int:
    shell = importlib.import_module("client.shell")
    return int(shell.status(parsed))
