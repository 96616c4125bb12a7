"""A minute of fuzzing in each run: every target for its share, from a seed that can be given, and within bounds.

`FUZZ_SECONDS` for each target (6), `FUZZ_SEED` (the same in each run): a finding comes again with the seed that its
message names, or at once with the file that it was kept in. `make fuzz` goes on for as long as one likes.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_bounds import HEAVIEST, SLOWEST, bounded
from fuzz_mutation import mutated
from fuzz_seeds import of
from fuzz_targets import READY, TARGETS

SECONDS = float(os.environ.get("FUZZ_SECONDS", "6"))
SEED = os.environ.get("FUZZ_SEED", "20261121")


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_change_of_a_seed_is_a_finding(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    seeds, chosen = of(name), random.Random(f"{name}:{SEED}")
    READY.get(name, list)()
    count, slowest, end = 0, 0.0, time.monotonic() + SECONDS
    while time.monotonic() < end or not count:
        data = mutated(seeds, chosen)
        began, sound = time.process_time(), False
        try:
            with bounded():
                TARGETS[name](data)
            sound = True
        finally:
            if not sound:
                (tmp_path / name).write_bytes(data)
                print(f"FUZZ_SEED={SEED}, the input is kept in {tmp_path / name}")
        count, slowest = count + 1, max(slowest, time.process_time() - began)
    record_property("fuzz", {"target": name, "inputs": count, "slowest": slowest, "seed": SEED})


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_the_seeds_themselves_are_none(name: str) -> None:
    seeds = of(name)
    assert seeds
    for seed in random.Random(1).sample(seeds, min(12, len(seeds))):
        TARGETS[name](seed)


def test_changes_are_changes() -> None:
    chosen = random.Random(5)
    seeds = [b"%PDF-1.7 /ByteRange [0 100 200 300]" * 4, b"0\x82\x01\x00" * 30]
    made = {mutated(seeds, chosen) for _ in range(200)}
    assert len(made) > 150
    assert all(len(data) < 2000 for data in made)


def test_the_bounds_are_imposed() -> None:
    with pytest.raises(MemoryError), bounded():
        bytearray(HEAVIEST + (64 << 20))
    began = time.process_time()
    with pytest.raises(TimeoutError), bounded(0.05):
        spin()
    assert time.process_time() - began < SLOWEST
    with bounded():
        bytearray(HEAVIEST // 4)


def spin() -> None:
    while True:
        pass
