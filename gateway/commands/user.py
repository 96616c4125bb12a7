"""`gateway user`: entries for the users' file. A password is never an argument, and is nowhere but in its hash."""

import getpass
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from gateway.access.passwords import hash_password
from gateway.access.users import Entry, load_users
from gateway.errors import Misconfigured


def add_user(
    name: str, display_name: str, participant: str, keyids: Sequence[str], *, file: Path | None, asked: bool
) -> int:
    """Make an entry: to stdout, or into `file` in place of the one of that name; 0.

    The password comes from the terminal, twice, or as the one line of stdin where that is no terminal. Without `asked`
    there is none: the person signs in at the identity provider. Raises `Misconfigured`.
    """
    stated: dict[str, Any] = {"name": name, "display_name": display_name, "participant": participant}
    if keyids:
        stated["keyids"] = list(keyids)
    try:
        if asked:
            stated["password_hash"] = hash_password(_password())
        Entry.model_validate(stated)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    if file is None:
        sys.stdout.buffer.write(orjson.dumps(stated) + b"\n")
        return 0
    others: list[dict[str, Any]] = []
    if file.exists():
        load_users(file)
        others = [one for one in json.loads(file.read_bytes()) if one["name"] != name]
    _write(file, json.dumps([*others, stated], ensure_ascii=False, indent=1) + "\n")
    print(f"{file}: {name}", file=sys.stderr)
    return 0


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("密码 password: ")
    if getpass.getpass("再次输入 again: ") != first:
        raise Misconfigured("the two are not the same")
    return first


def _write(file: Path, text: str) -> None:
    """Whole or not at all, and for its owner alone: a gateway may be reading it."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)
