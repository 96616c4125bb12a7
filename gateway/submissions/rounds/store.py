"""The SQL of rounds: a round for each basis, cut into slices; a slice is claimed by its row and done once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.db import Connection
from gateway.submissions.group import PolicyKey

_BEGIN_LOCK = 0x726F756E64  # any fixed number: one process cuts a round


@dataclass(frozen=True, slots=True)
class Slice:
    """The premiums behind `after` up to `upto`, inclusive; without end if that is None."""

    basis: str
    number: int
    after: PolicyKey
    upto: PolicyKey | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a round is. `premiums` are its rows when it began, `passed` those behind it; `per_second` is None before
    that can be told, and `ends_at` with it."""

    basis: str
    begun_at: datetime
    ended_at: datetime | None
    premiums: int
    passed: int
    judged: int
    changed: int
    slices: int
    done: int
    last_at: datetime
    per_second: float | None

    @property
    def ends_at(self) -> datetime | None:
        """When it is done at that speed."""
        if self.ended_at is not None:
            return self.ended_at
        if not self.per_second:
            return None
        return self.last_at + timedelta(seconds=(self.premiums - self.passed) / self.per_second)


async def begin(connection: Connection, basis: str, at: datetime, size: int) -> None:
    """Cut the round for this basis into slices of `size` premiums, if nobody has; in one transaction."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_BEGIN_LOCK,))
        cursor = await connection.execute(
            "INSERT INTO recheck_rounds (basis, begun_at, premiums) "
            "SELECT %s, %s, count(*) FROM premiums WHERE revision = 1 ON CONFLICT DO NOTHING",
            (basis, at),
        )
        if cursor.rowcount == 0:
            return
        # Slices follow each other without gaps, from the beginning to the end of all that may be: whatever comes in
        # while the round lasts is in one of them.
        await connection.execute(
            "WITH placed AS (SELECT insurer, policy_no, row_number() OVER (ORDER BY insurer, policy_no) AS place, "
            "  count(*) OVER () AS many FROM premiums WHERE revision = 1), "
            "cuts AS (SELECT insurer, policy_no, place / %(size)s AS slice FROM placed "
            "  WHERE place %% %(size)s = 0 AND place < many), "
            "bounds AS (SELECT slice, insurer, policy_no FROM cuts UNION ALL "
            "  SELECT coalesce((SELECT max(slice) FROM cuts), 0) + 1, NULL, NULL) "
            "INSERT INTO recheck_slices (basis, slice, after_insurer, after_policy_no, upto_insurer, upto_policy_no, "
            "  premiums) SELECT %(basis)s, b.slice, coalesce(a.insurer, ''), coalesce(a.policy_no, ''), b.insurer, "
            "  b.policy_no, least(%(size)s, greatest(0, (SELECT count(*) FROM placed) - (b.slice - 1) * %(size)s)) "
            "FROM bounds b LEFT JOIN cuts a ON a.slice = b.slice - 1",
            {"basis": basis, "size": size},
        )


async def find_open(connection: Connection, basis: str) -> Slice | None:
    """The first slice that is not done and that nobody is at; None if there is none."""
    cursor = await connection.execute(
        "SELECT slice, after_insurer, after_policy_no, upto_insurer, upto_policy_no FROM recheck_slices "
        "WHERE basis = %s AND done_at IS NULL ORDER BY slice LIMIT 1 FOR UPDATE SKIP LOCKED",
        (basis,),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return Slice(basis, row[0], (row[1], row[2]), None if row[3] is None else (row[3], row[4]))


async def claim(connection: Connection, one: Slice) -> bool:
    """Hold the slice until the transaction ends; False if somebody else does, or it is done."""
    cursor = await connection.execute(
        "SELECT FROM recheck_slices WHERE basis = %s AND slice = %s AND done_at IS NULL FOR UPDATE SKIP LOCKED",
        (one.basis, one.number),
    )
    return await cursor.fetchone() is not None


async def finish(connection: Connection, one: Slice, at: datetime, judged: int, changed: int) -> None:
    """The slice is done, in the transaction in which it was judged. Raises `LookupError` if it was before."""
    cursor = await connection.execute(
        "UPDATE recheck_slices SET judged = %s, changed = %s, done_at = %s "
        "WHERE basis = %s AND slice = %s AND done_at IS NULL",
        (judged, changed, at, one.basis, one.number),
    )
    if cursor.rowcount != 1:
        raise LookupError(f"slice {one.number} of {one.basis} is done already")


async def list_keys(connection: Connection, one: Slice) -> list[PolicyKey]:
    """The premiums of a slice as they are now, in order."""
    cursor = await connection.execute(
        "SELECT insurer, policy_no FROM premiums WHERE revision = 1 AND (insurer, policy_no) > (%s, %s) "
        "AND (%s::text IS NULL OR (insurer, policy_no) <= (%s, %s)) ORDER BY insurer, policy_no",
        (*one.after, *((one.upto[0], *one.upto) if one.upto is not None else (None, None, None))),
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def end(connection: Connection, basis: str, at: datetime) -> bool:
    """End the round if every slice is done; whether it has ended, now or before."""
    await connection.execute(
        "UPDATE recheck_rounds SET ended_at = %s WHERE basis = %s AND ended_at IS NULL "
        "AND NOT EXISTS (SELECT FROM recheck_slices s WHERE s.basis = recheck_rounds.basis AND s.done_at IS NULL)",
        (at, basis),
    )
    return await has_ended(connection, basis)


async def has_ended(connection: Connection, basis: str) -> bool:
    """Whether the round for this basis is over."""
    cursor = await connection.execute("SELECT FROM recheck_rounds WHERE basis = %s AND ended_at IS NOT NULL", (basis,))
    return await cursor.fetchone() is not None


async def find_progress(connection: Connection, basis: str | None = None) -> Progress | None:
    """How far this round is, or the one that began last; None if there is none."""
    cursor = await connection.execute(
        "SELECT basis, begun_at, ended_at, premiums, passed, judged, changed, slices, done, last_at, "
        "per_second::float8 FROM recheck_progress WHERE basis = coalesce(%s, (SELECT basis FROM recheck_rounds "
        "ORDER BY begun_at DESC, basis LIMIT 1))",
        (basis,),
    )
    row = await cursor.fetchone()
    return Progress(*row) if row else None
