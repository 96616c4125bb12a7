"""A mapping by its code, by code and version (`DIA-CSV-LIST/1.0`), or by the file of a module of its own."""

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from adapters import insurers
from adapters.mapping import Mapping
from adapters.versions import known

SAMPLES = "samples"


class NoMapping(Exception):
    """There is no such mapping, or its module does not stand: says why."""


def find_mapping(name: str) -> Mapping:
    """The mapping that is meant. A module is run to get it, as any module is. Raises `NoMapping`."""
    if name.endswith(".py"):
        return _of_module(Path(name))
    code, _, version = name.partition("/")
    found = known().find(code, version) if version else insurers.MAPPINGS.get(code)
    if found is None:
        raise NoMapping(f"there is no mapping {name}; see `gateway adapter list`")
    return found


def samples_of(name: str, mapping: Mapping) -> Path:
    """Where the golden pairs of a mapping stand: in `samples/CODE` beside its module."""
    home = Path(name).parent if name.endswith(".py") else Path(insurers.__file__).parent
    return home / SAMPLES / mapping.dialect


class _Anew(SourceFileLoader):
    """Reads the source each time: a file that was mended within a second is not taken for the one before."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source as it is."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _of_module(path: Path) -> Mapping:
    if not path.is_file():
        raise NoMapping(f"{path} is no module")
    loader = _Anew(f"adapter_{path.stem}", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    if spec is None:
        raise NoMapping(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
    except (SyntaxError, ImportError, NameError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise NoMapping(f"{path}: {type(error).__name__}: {error}") from error
    mapping = getattr(module, "MAPPING", None)
    if not isinstance(mapping, Mapping):
        raise NoMapping(f"{path} has no MAPPING")
    return mapping
