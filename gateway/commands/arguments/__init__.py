"""The arguments of the command line, group by group; what the commands do stands beside, in `gateway.commands`."""

from gateway.commands.arguments import handing_in, judging, proving, service, translating, weighing
from gateway.commands.arguments.shared import USAGE, Parser

GROUPS = (service, judging, translating, weighing, proving, handing_in)


def new_parser() -> Parser:
    """The whole command line."""
    parser = Parser(prog="gateway", description="新药保险保费核验网关 · insurer gateway")
    commands = parser.add_subparsers(title="commands", parser_class=Parser)
    for group in GROUPS:
        group.add(commands)
    return parser


__all__ = ["USAGE", "new_parser"]
