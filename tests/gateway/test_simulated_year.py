"""A year of random lives: what the ledger says is what an independent, naive recomputation says."""

import pytest
from house import on

from benches.year import Differs, compare, judges, send, simulate
from gateway.db import Connection


@pytest.mark.parametrize("seed", [1, 2])
def test_a_simulated_year_is_recomputed_to_the_fen(dsn: str, seed: int) -> None:
    year, by = simulate(60, seed), judges()
    assert len(year.messages) > 150

    async def run(connection: Connection) -> None:
        await send(connection, year, by, batch=1 if seed == 1 else 32)
        assert await compare(connection, year, by) == 60
        year.lives[0].received += 1  # a recomputation that notices nothing would prove nothing
        with pytest.raises(Differs):
            await compare(connection, year, by)

    on(dsn, run)
