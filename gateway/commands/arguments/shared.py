"""What the commands' arguments have in common: how a moment, a day, a count is read, and where a result goes."""

import argparse
import sys
from datetime import date, datetime, time
from pathlib import Path
from typing import NoReturn, TypeAlias

import orjson

USAGE = 64


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(USAGE)


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""Where a group adds its commands."""


def configurable(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="TOML file; GATEWAY_* variables override it")


def calling(parser: argparse.ArgumentParser) -> None:
    """What commands have in common that call a running gateway."""
    parser.add_argument("--as", dest="insurer", required=True, help="your code")
    parser.add_argument("--key", type=Path, required=True, help="private key, PKCS #8 PEM")
    parser.add_argument("--keyid", help="id of the key; needed where you have registered several")
    parser.add_argument("--url", required=True)


def readable(parser: argparse.ArgumentParser) -> None:
    """What commands on a trust folder have in common."""
    parser.add_argument("--trust", type=Path, required=True, help="trust directory")
    parser.add_argument("--at", type=moment, help="as of this moment (RFC 3339); default now")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lang", choices=("zh", "en"), default="zh")


def moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not RFC 3339: {text}") from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a moment needs its offset, as in 2026-06-01T00:00:00+08:00")
    return moment


def day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not a day, YYYY-MM-DD: {text}") from error
    if day.isoformat() != text:
        raise argparse.ArgumentTypeError(f"not a day, YYYY-MM-DD: {text}")
    return day


def address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"not HOST:PORT: {text}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def beginning(text: str) -> datetime:
    """A moment, or a day of Asia/Shanghai from its first minute on."""
    from schemas.calendar import SHANGHAI

    return datetime.combine(day(text), time(), SHANGHAI) if len(text) == len("YYYY-MM-DD") else moment(text)


def count(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10 and int(text)):
        raise argparse.ArgumentTypeError(f"not a count: {text}")
    return int(text)


def print_json(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()
