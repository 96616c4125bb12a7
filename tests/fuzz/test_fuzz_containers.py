"""Each fuzz target for a moment, always the same changes: that it works, and that what it once found stays found."""

import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzz_mutation import mutated
from fuzz_seeds import of
from fuzz_targets import TARGETS

SECONDS, SLOWEST = 2.0, 5.0
MOST = 400  # inputs: on a fast machine it ends before its time


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_change_of_a_seed_is_a_finding(name: str) -> None:
    seeds, chosen, end = of(name), random.Random(name), time.monotonic() + SECONDS
    for number in range(MOST):
        data = mutated(seeds, chosen)
        began = time.monotonic()
        TARGETS[name](data)
        assert time.monotonic() - began < SLOWEST, number
        if time.monotonic() > end:
            break


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
