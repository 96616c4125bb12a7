"""`make fuzz`: each target for a while, with atheris where it is installed, else without its knowledge of the code.

`python tests/fuzz/run.py [TARGET…] --seconds N [--keep FOLDER]`. An input that is a finding is written to the folder
and ends its target; the exit code is then 1, else 0.
"""

import argparse
import hashlib
import importlib.util
import random
import subprocess
import sys
import time
from pathlib import Path

SLOWEST = 5.0  # seconds for one input
HEAVIEST = 768  # megabytes of the process, of which a third is the program
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=str(__doc__).partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--keep", type=Path, default=Path(".fuzz"), help="where corpora and findings are kept")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the changes, without atheris")
    parser.add_argument("--alone", metavar="TARGET", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    with_atheris = importlib.util.find_spec("atheris") is not None
    if parsed.alone:
        fuzz = _atheris if with_atheris else _mutate
        return fuzz(parsed.alone, parsed.seconds, parsed.keep, parsed.seed)
    import fuzz_targets

    if unknown := set(parsed.targets) - set(fuzz_targets.TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if not with_atheris:
        print("atheris is not installed (pip install atheris): fuzzing without coverage", file=sys.stderr)
    failed = []
    for name in parsed.targets or fuzz_targets.TARGETS:
        arguments = ["--alone", name, "--seconds", str(parsed.seconds), "--keep", str(parsed.keep)]
        command = [sys.executable, __file__, *arguments, "--seed", str(parsed.seed)]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print(f"findings in: {', '.join(failed)}" if failed else "nothing found", file=sys.stderr)
    return 1 if failed else 0


def _atheris(name: str, seconds: float, keep: Path, seed: int) -> int:
    """Fuzz one target in this process; libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["signing", "untrusted"]):
        import fuzz_targets
    import fuzz_seeds

    corpus, findings = keep / "corpus" / name, keep / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    for one in fuzz_seeds.of(name):
        (corpus / hashlib.sha1(one).hexdigest()).write_bytes(one)
    options = [
        f"-max_total_time={max(1, int(seconds))}",
        f"-timeout={SLOWEST:.0f}",
        f"-rss_limit_mb={HEAVIEST}",
        f"-max_len={fuzz_seeds.LARGEST}",
        f"-artifact_prefix={findings}/{name}-",
        f"-seed={seed % 2**32}",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], fuzz_targets.TARGETS[name])
    atheris.Fuzz()
    return 0


def _mutate(name: str, seconds: float, keep: Path, seed: int) -> int:
    """Fuzz one target without atheris, until the first finding."""
    from fuzz_mutation import mutated
    from fuzz_seeds import of
    from fuzz_targets import TARGETS

    seeds, chosen = of(name), random.Random(f"{name}:{seed}")
    count, slowest, end = 0, 0.0, time.monotonic() + seconds
    while time.monotonic() < end or not count:
        data = mutated(seeds, chosen)
        count, began, sound = count + 1, time.monotonic(), False
        try:
            TARGETS[name](data)
            took = time.monotonic() - began
            slowest = max(slowest, took)
            sound = took < SLOWEST
        finally:
            if not sound:
                _keep(keep / "findings" / f"{name}-{hashlib.sha1(data).hexdigest()}", data)
        if not sound:
            return 1
    print(f"{name}: {count} inputs, the slowest took {slowest:.2f} s", file=sys.stderr)
    return 0


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    print(f"the input is kept in {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
