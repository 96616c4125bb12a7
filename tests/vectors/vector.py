"""One sealed document of the vectors: what it is, and what must come of it."""

import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE.parent / "signing")]

import sealing as s  # noqa: E402
from pdf_maker import Pdf as Pdf  # noqa: E402


@dataclass(frozen=True)
class Vector:
    """A document, and what must come of it. `attack` is its number in the list of attacks, empty for what passes."""

    name: str
    description: str
    data: bytes
    outcome: str = "failed"
    failing: tuple[str, ...] = ()
    reason: str | None = None
    attack: str = ""
    flags: tuple[str, ...] = ()
    detached: bytes | None = None
    suffix: str = "ofd"

    def toml(self) -> str:
        lines = [
            f'description = "{self.description}"',
            'origin      = "tests/vectors/make.py"',
            f'document    = "{self.name}.{self.suffix}"',
            f"at          = {s.AT:%Y-%m-%dT%H:%M:%SZ}",
            f'outcome     = "{self.outcome}"',
        ]
        if self.attack:
            lines.insert(1, f'attack      = "{self.attack}"')
        if self.detached is not None:
            lines.append(f'detached    = "{self.name}.sig"')
        if self.reason:
            lines.append(f'reason      = "{self.reason}"')
        lines.append("failing     = [" + ", ".join(f'"{rule}"' for rule in self.failing) + "]")
        if self.flags:
            lines.append("flags       = [" + ", ".join(f'"{flag}"' for flag in self.flags) + "]")
        return "\n".join(lines) + "\n"


def failing(
    name: str,
    attack: str,
    description: str,
    data: bytes,
    *rules: str,
    outcome: str = "failed",
    reason: str | None = None,
) -> Vector:
    """A document in which exactly `rules` must not pass."""
    return Vector(name, description, data, outcome, rules, reason, attack)


def unreadable(name: str, attack: str, description: str, data: bytes, rule: str) -> Vector:
    """A document in which there is nothing to judge, for the reason `rule`."""
    return Vector(name, description, data, "unreadable", (rule,), attack=attack)


def ofd(*signings: s.Signing, parts: dict[str, bytes] | None = None, **changed: bytes | None) -> bytes:
    """A sealed document; `changed` are its parts as they became after sealing, None for one that was removed."""
    found = s.sealed(*signings, parts=parts)
    for name, data in changed.items():
        if data is None:
            del found[name]
        else:
            found[name] = data
    return s.package(found)
