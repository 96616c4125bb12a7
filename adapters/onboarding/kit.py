"""`gateway adapter new`: from a sample to a module and a golden pair, with every open question marked."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.insurers import MAPPINGS
from adapters.mapping import Undecided
from adapters.onboarding.decide import decide
from adapters.onboarding.golden import expected_of, lines_of, write_expected
from adapters.onboarding.load import SAMPLES, find_mapping
from adapters.onboarding.look import look
from adapters.onboarding.module import Writing
from adapters.onboarding.source_text import quoted
from adapters.run import lint, read_file

_NUMBERED = re.compile(r"[0-9]{2}_")
_CODE = re.compile(r"[0-9A-Z][0-9A-Z-]{1,31}")


class NotNew(Exception):
    """What is asked for cannot be begun: a wrong code, or a file that is there already. Says which."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What was written, which dialect the sample speaks if it is a known one, and what is open."""

    module: Path
    sample: Path
    expected: Path
    dialect: str | None
    undecided: tuple[Undecided, ...]


def begin(code: str, name: str, sample: Path, out: Path, *, own: bool = False) -> Begun:
    """Write module, sample and expected output below `out`. Nothing that is there is written over.

    A sample that a known dialect reads is taken to speak it, which a person confirms; `own` makes a mapping of its own
    all the same. Raises `NotNew`, `NotASample`, `OSError`.
    """
    if not _CODE.fullmatch(code) or code in MAPPINGS:
        raise NotNew(f"{code}: an insurer's code is 2 to 32 of A-Z, 0-9 and -, and not one that is registered")
    module = out / f"{code.lower().replace('-', '_')}.py"
    copy = out / SAMPLES / code / (sample.name if _NUMBERED.match(sample.name) else f"01_{sample.name}")
    for path in (module, copy, expected_of(copy)):
        if path.exists():
            raise NotNew(f"{path} is there already")
    dialect = None if own else _spoken(sample)
    if dialect is not None:
        text, draft = _of_dialect(code, name, sample, dialect), None
    else:
        looked = look(sample)
        decided = decide(looked)
        text = Writing(code, name, looked, decided).text()
        drafting = Writing(code, name, looked, decided, draft=True)
        # What hardly anything is known of, nothing can be drafted of.
        draft = drafting.text() if len(drafting.takes(decided[0])) > 1 else ""
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(read_file(sample))
    module.write_text(text, encoding="utf-8")
    mapping = find_mapping(str(module))
    if draft is None:
        lines = list(lines_of(replace(MAPPINGS[dialect or ""], dialect=code), copy))
    else:
        lines = _drafted(module, draft, copy) if draft else []
    write_expected(copy, lines, [one.about for one in mapping.undecided])
    return Begun(module, copy, expected_of(copy), dialect, mapping.undecided)


def _drafted(module: Path, draft: str, sample: Path) -> list[str]:
    """What the sample gives by what is decided alone."""
    scratch = module.with_name(f"{module.stem}_draft.py")
    scratch.write_text(draft, encoding="utf-8")
    try:
        return list(lines_of(find_mapping(str(scratch)), sample))
    finally:
        scratch.unlink()


def _spoken(sample: Path) -> str | None:
    """The one dialect that reads the sample: its header or framing, and some of its rows."""
    seen = lint(sample)
    dialect: str | None = seen["dialect"]
    return dialect if dialect is not None and seen.get("records") else None


def _of_dialect(code: str, name: str, sample: Path, dialect: str) -> str:
    module = dialect.lower().replace("-", "_")
    first_line = MAPPINGS[dialect].title
    return f'''"""{code}: {name}, who speaks {dialect}: {first_line}.

Made from {sample.name} by `gateway adapter new`.
"""

from dataclasses import replace

from adapters.insurers.{module} import MAPPING as DIALECT
from adapters.mapping import Undecided

MAPPING = replace(
    DIALECT,
    dialect={quoted(code)},
    version="1.0",
    title={quoted(f"{name}: {first_line}")},
    undecided=(
        Undecided(
            {quoted(f"约定 contract: {dialect}")},
            "机构已同意该方言的字段、单位和日期含义？ has the insurer agreed to its fields, units and days?",
            (
                "是，删去本问 yes: remove this question",
                "否 no: gateway adapter new --own",
            ),
        ),
    ),
)
'''
