"""What protects the database: its triggers are there and not disabled, its functions are those that were installed."""

import hashlib
import re
from collections.abc import Iterator

from gateway.audit.store import Snapshot, rows
from gateway.db import migrations
from schemas.verification import Check, failed

_TRIGGER = re.compile(r"CREATE (?:CONSTRAINT )?TRIGGER (\w+)\s+(?:BEFORE|AFTER)[\w\s]+? ON (\w+)")
_FUNCTION = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)\(.*?\$\$(.*?)\$\$", re.DOTALL)
_DROPPED = re.compile(r"DROP FUNCTION (?:IF EXISTS )?(\w+)|DROP TRIGGER (?:IF EXISTS )?(\w+) ON (\w+)")


def judge_schema(connection: Snapshot) -> Iterator[Check]:
    """Migrations, triggers and functions are those of this software."""
    files = migrations()
    applied = dict(rows(connection, "SELECT name, digest FROM migrations"))
    for name in sorted(files.keys() | applied.keys()):
        digest = hashlib.sha256(files.get(name, b"")).hexdigest()
        if applied.get(name) != digest:
            yield failed("audit.schema", "migration", table="migrations", key=name)
    triggers: set[tuple[str, str]] = set()
    functions: dict[str, str] = {}
    for name in sorted(files):
        text = files[name].decode()
        for dropped, trigger, table in _DROPPED.findall(text):
            functions.pop(dropped, None)
            triggers.discard((table, trigger))
        triggers |= {(table, trigger) for trigger, table in _TRIGGER.findall(text)}
        functions |= dict(_FUNCTION.findall(text))
        for dropped, _, _ in _DROPPED.findall(text):
            functions.pop(dropped, None)
    there = {
        (table, name): enabled
        for table, name, enabled in rows(
            connection,
            "SELECT c.relname::text, t.tgname::text, t.tgenabled::text FROM pg_trigger t "
            "JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal",
        )
    }
    for table, trigger in sorted(triggers):
        if there.get((table, trigger)) not in ("O", "A"):
            yield failed("audit.schema", "trigger", table=table, key=trigger)
    off = rows(
        connection,
        "SELECT c.relname::text, t.tgname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        "WHERE t.tgisinternal AND t.tgenabled = 'D'",
    )
    for table, trigger in off:
        yield failed("audit.schema", "trigger", table=table, key=trigger)
    bodies = dict(
        rows(
            connection,
            "SELECT p.proname::text, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "WHERE n.nspname = 'public'",
        )
    )
    for name, body in sorted(functions.items()):
        if bodies.get(name) != body:
            yield failed("audit.schema", "function", table="functions", key=name)
