"""Versions of a mapping, side by side: the one that came with the installation, and those that may follow it.

A module under `insurers/` is one version of one mapping, and its file is what is approved: whoever mends a mapping that
is in use copies the file, gives the copy its own version, and adds it to `insurers.LATER`. Nothing is read by it before
it is activated (gateway/mappings), and a version that was in use stays, because submissions name it.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from adapters import insurers
from adapters.mapping import Mapping
from schemas.canonical import canonical

_PACKAGE = f"{insurers.__name__}."


class Versions:
    """Every mapping that this release can read with. Raises `ValueError` if a version stands twice, or leads nowhere.

    `shipped` are the modules of the versions that an installation begins with, one for each code; `later` those that
    are read with only once they are activated, or that were in use before.
    """

    def __init__(self, shipped: Iterable[ModuleType], later: Iterable[ModuleType] = ()) -> None:
        self._shipped: dict[str, Mapping] = {}
        self._files: dict[tuple[str, str], Path] = {}
        self._by_version: dict[tuple[str, str], Mapping] = {}
        for module in shipped:
            mapping = self._add(module)
            if self._shipped.setdefault(mapping.dialect, mapping) is not mapping:
                raise ValueError(f"{mapping.dialect} is shipped in two versions")
        for module in later:
            if self._add(module).dialect not in self._shipped:
                raise ValueError(f"{module.__name__} follows no mapping")
        self._digests = {key: _digest(file) for key, file in self._files.items()}

    def _add(self, module: ModuleType) -> Mapping:
        mapping: Mapping = module.MAPPING
        key = (mapping.dialect, mapping.version)
        if key in self._by_version or module.__file__ is None:
            raise ValueError(f"{mapping.id} stands twice, or in no file")
        self._by_version[key] = mapping
        self._files[key] = Path(module.__file__)
        return mapping

    def codes(self) -> tuple[str, ...]:
        """The codes of all mappings."""
        return tuple(self._shipped)

    def shipped(self, code: str) -> Mapping:
        """The version that an installation begins with. Raises `KeyError` for an unknown code."""
        return self._shipped[code]

    def find(self, code: str, version: str) -> Mapping | None:
        """This version, if the release has it."""
        return self._by_version.get((code, version))

    def of(self, code: str) -> tuple[Mapping, ...]:
        """All versions of a code, the shipped one first."""
        return tuple(mapping for (name, _), mapping in self._by_version.items() if name == code)

    def digest(self, mapping: Mapping) -> str:
        """What identifies the file that holds this version. Raises `KeyError` if it is none of these."""
        return self._digests[mapping.dialect, mapping.version]


@cache
def known() -> Versions:
    """The versions of this release: `insurers.MAPPINGS` and `insurers.LATER`."""
    modules = [module for module in vars(insurers).values() if isinstance(module, ModuleType)]
    holding = {id(module.MAPPING): module for module in modules if hasattr(module, "MAPPING")}
    return Versions([holding[id(mapping)] for mapping in insurers.MAPPINGS.values()], insurers.LATER)


def _digest(file: Path) -> str:
    """SHA-256 over the file, and over every other file of `insurers/` that it is built upon.

    Of the interpreter around it nothing is said: that is the release, which the samples and their outputs hold.
    """
    found: dict[str, str] = {}
    waiting = [file]
    while waiting:
        source = waiting.pop().resolve()
        if source.name in found:
            continue
        text = source.read_bytes()
        found[source.name] = hashlib.sha256(text).hexdigest()
        for node in _statements(ast.parse(text)) if b"insurers" in text else ():
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(_PACKAGE):
                waiting.append(Path(insurers.__file__).parent / f"{node.module.removeprefix(_PACKAGE)}.py")
    return f"sha256:{hashlib.sha256(canonical(found)).hexdigest()}"


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement; not the expressions, which a mapping is made of, and in which nothing is imported."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            part = getattr(node, name, None)
            if isinstance(part, list):
                waiting += part
