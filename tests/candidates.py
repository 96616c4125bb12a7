"""Further versions of a mapping, as files of their own: the shipped file with another version, and with changes."""

import importlib.util
from pathlib import Path
from types import ModuleType

from adapters import insurers
from adapters.versions import Versions


def shipped(name: str) -> ModuleType:
    """The module of a mapping as it is shipped: `dia_csv_list`."""
    module: ModuleType = getattr(insurers, name)
    return module


def candidate(folder: Path, name: str, version: str, *changes: tuple[str, str]) -> ModuleType:
    """The shipped module `name` as another version, each of the changes made once."""
    source = Path(str(shipped(name).__file__)).read_text(encoding="utf-8")
    (head, rest) = source.split("MAPPING = Mapping(\n")
    source = f'{head}MAPPING = Mapping(\n    version="{version}",\n{rest}'
    for before, after in changes:
        assert source.count(before) == 1, before
        source = source.replace(before, after)
    file = folder / f"{name}_{version.replace('.', '_')}.py"
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def versions(*later: ModuleType) -> Versions:
    """All shipped mappings, and these beside them."""
    holding = {id(module.MAPPING): module for module in vars(insurers).values() if hasattr(module, "MAPPING")}
    return Versions([holding[id(mapping)] for mapping in insurers.MAPPINGS.values()], later)
