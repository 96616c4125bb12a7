"""Arguments of the commands for who runs the gateway: the service, its database, keys, people and store."""

import argparse
import importlib
import sys
from datetime import date
from pathlib import Path

from gateway.commands.arguments.shared import Commands, Parser, calling, configurable, count, moment

_POLICIES = 2000  # of the demonstration's history


def add(commands: Commands) -> None:
    """The commands of this group."""
    demo = commands.add_parser("demo", help="演示 a whole world on this machine, honest and dishonest cases over HTTP")
    demo.add_argument("--once", action="store_true", help="end after the table, with 0 if every case came out right")
    demo.add_argument("--json", action="store_true", help="print the cases as one JSON object")
    demo.add_argument("--seed", type=int, default=1)
    demo.add_argument("--out", type=Path, help="leave there what others can check")
    demo.add_argument("--lang", choices=("zh", "en"), default="zh")
    demo.add_argument("--history", action="store_true", help="两年历史 two years of history, with --once too")
    demo.add_argument("--policies", type=count, help="of how many policies; default 2000, and none with --once")
    demo.add_argument("--no-history", action="store_true", help="无历史 only the cases")
    demo.add_argument(
        "--fresh", action="store_true", help="重新生成历史 tell the history again, do not take a kept one"
    )
    demo.add_argument("--no-console", action="store_true", help="不启动控制台 do not start the console")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="运行服务 run the service")
    configurable(serve)
    serve.add_argument("--host")
    serve.add_argument("--port", type=int)
    serve.add_argument("--workers", type=int)
    serve.set_defaults(run=_serve)

    work = commands.add_parser("work", help="推送变更 deliver changes to subscribers, without serving")
    configurable(work)
    work.set_defaults(run=_work)

    migrate = commands.add_parser("migrate", help="建立或升级数据库 create or upgrade the database")
    configurable(migrate)
    migrate.set_defaults(run=_migrate)

    openapi = commands.add_parser("openapi", help="接口描述 print the OpenAPI description")
    openapi.set_defaults(run=_openapi)

    again = commands.add_parser("recheck", help="重新核验 judge everything again by what is known now, over all cores")
    configurable(again)
    again.add_argument("--jobs", type=count, default=1, help="processes; more machines may do the same at once")
    again.add_argument("--slice", type=count, help="premiums that one process takes at a time; default 50")
    again.add_argument("--json", action="store_true")
    again.add_argument("--lang", choices=("zh", "en"), default="zh")
    again.set_defaults(run=_recheck)

    key = commands.add_parser("key", help="网关密钥 the gateway's own keys").add_subparsers(parser_class=Parser)
    ended = key.add_parser("end", help="say in the log that a key ended, and from when on it counts no more")
    configurable(ended)
    ended.add_argument("--keyid", required=True)
    ended.add_argument("--at", type=moment, required=True, help="from this moment on (RFC 3339)")
    ended.add_argument("--reason", choices=("rotated", "compromised"), default="compromised")
    ended.set_defaults(run=_key_end)
    keys = key.add_parser("list", help="the keys as /v1/keys has them")
    configurable(keys)
    keys.set_defaults(run=_key_list)

    user = commands.add_parser("user", help="用户 people who sign in").add_subparsers(parser_class=Parser)
    added = user.add_parser("add", help="an entry for the users' file; asks for the password")
    added.add_argument("name")
    added.add_argument("--display-name", required=True, help="the name that people read")
    added.add_argument("--participant", required=True, help="code of the participant whose data they read")
    added.add_argument("--keyid", action="append", default=[], help="a key that they sign with; may be repeated")
    added.add_argument("--no-password", action="store_true", help="they sign in at the identity provider")
    added.add_argument("--file", type=Path, help="put it there, in place of the one of that name; default: stdout")
    added.set_defaults(run=_user_add)

    _evidence_store_commands(commands)


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


def _key_end(parsed: argparse.Namespace) -> int:
    from gateway.commands.key import end_key
    from gateway.config import load_config

    return end_key(load_config(parsed.config), parsed.keyid, parsed.at, parsed.reason)


def _key_list(parsed: argparse.Namespace) -> int:
    from gateway.commands.key import list_keys
    from gateway.config import load_config

    return list_keys(load_config(parsed.config))


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


def _evidence_store_commands(commands: Commands) -> None:
    store = commands.add_parser("store", help="证据存储 where sealed documents are kept").add_subparsers(
        parser_class=Parser
    )
    check = store.add_parser("check", help="核对 what stores and rows do not agree on, and what no row speaks of")
    configurable(check)
    check.add_argument("--read", action="store_true", help="read every document, not only names and sizes")
    check.add_argument("--finish", action="store_true", help="remove what was erased by order and is there still")
    check.add_argument("--json", action="store_true")
    check.set_defaults(run=_store_check)
    move = store.add_parser("move", help="迁移 move every document to where new ones go")
    configurable(move)
    move.add_argument("--json", action="store_true")
    move.set_defaults(run=_store_move)

    document = commands.add_parser("document", help="签章文件 sealed documents").add_subparsers(parser_class=Parser)
    erase = document.add_parser("erase", help="依令删除 ask that a document goes; the same by a second person erases")
    erase.add_argument("document", help="the document's SHA-256")
    erase.add_argument("--ground", choices=("order", "retention"), required=True)
    erase.add_argument("--order-no", required=True, help="文号")
    erase.add_argument("--ordered-by", required=True, help="签发机关 the authority")
    erase.add_argument("--ordered-on", type=date.fromisoformat, required=True, help="签发日期 YYYY-MM-DD")
    calling(erase)
    erase.set_defaults(run=_document_erase)


def _document_erase(parsed: argparse.Namespace) -> int:
    return int(importlib.import_module("client.documents").erase(parsed))


def _store_move(parsed: argparse.Namespace) -> int:
    from gateway.commands.store import move_all
    from gateway.config import load_config

    return move_all(load_config(parsed.config), as_json=parsed.json)


def _store_check(parsed: argparse.Namespace) -> int:
    from gateway.commands.store import check
    from gateway.config import load_config

    return check(load_config(parsed.config), read=parsed.read, finish=parsed.finish, as_json=parsed.json)
