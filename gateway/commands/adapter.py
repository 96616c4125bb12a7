"""`gateway adapter run` and `lint`: translate files and print what came out, or what would; JSON, one object a line."""

import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from adapters.insurers import MAPPINGS
from adapters.onboarding.load import NoMapping, find_mapping
from adapters.problems import Problem
from adapters.run import lint, lint_with, run, run_with
from gateway.catalogue import load_catalogue
from gateway.entries import as_check, problem_entry
from gateway.errors import Misconfigured
from gateway.shown import Language


def run_files(name: str, files: Sequence[Path], language: Language) -> int:
    """Translate each file by a registered mapping, or by a module's. 0 if everything came out, 1 if not.

    A problem is told in the shape in which the service tells it.
    """
    refused = False
    catalogue = load_catalogue()
    try:
        mapping = find_mapping(name)
    except NoMapping as error:
        raise Misconfigured(str(error)) from error
    found = run(name, files) if name in MAPPINGS else run_with(mapping, files, insurer=mapping.dialect)
    for line in found:
        if (stated := line.get("problem")) is not None:
            problem = Problem(**{name: value for name, value in stated.items() if name != "detail"})
            refused = refused or problem.effect != "N"
            line["problem"] = problem_entry(as_check(problem, line["row"]), catalogue, language)
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()
    return 1 if refused else 0


def lint_file(file: Path, name: str | None) -> int:
    """Look at a file: by all registered mappings, 0; by the one named, 1 if it cannot read all of it."""
    try:
        found = lint(file) if name is None else lint_with(find_mapping(name), file)
    except NoMapping as error:
        raise Misconfigured(str(error)) from error
    sys.stdout.buffer.write(orjson.dumps(found) + b"\n")
    sys.stdout.buffer.flush()
    return 0 if found.get("fit", True) else 1
