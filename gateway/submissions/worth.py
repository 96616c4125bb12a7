"""What the policies of a product are worth together under a scheme, from what the ledger knows of them now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.db import Connection
from gateway.participants import Participant
from gateway.schemes import AssessedLine, Terms, Told, assess
from gateway.submissions import store
from gateway.submissions.gather import Judges, load_states
from gateway.submissions.group import PolicyKey, all_told, coinsurers, group_of
from gateway.submissions.known import PolicyState
from gateway.submissions.memory import store as memory
from schemas.money import Yuan
from schemas.party import folded
from schemas.verification import Outcome


@dataclass(frozen=True, slots=True)
class Line:
    """One product and year under a scheme, with where each policy's premium stands.

    `assessed` goes by what is told; `verified` is what is due if only verified premiums count: the amount that money
    may rest on, before the authority decides.
    """

    assessed: AssessedLine
    standing: Mapping[PolicyKey, str]
    verified: Yuan

    def as_json(self) -> dict[str, object]:
        """The line of `gateway scheme assess --json`, with each policy's `status`, and `verified_subsidy`."""
        policies = [
            {**one.as_json(), "status": self.standing.get((one.insurer, one.policy_no), "unknown")}
            for one in self.assessed.policies
        ]
        return {**self.assessed.as_json(), "policies": policies, "verified_subsidy": str(self.verified)}


async def find_lines_of_product(
    connection: Connection, product_key: str, terms: Terms, judges: Judges, at: date
) -> list[Line]:
    """The lines in which a policy of this product stands: named by generic name and holder, or by a number."""
    wanted = folded(product_key)
    keys = await memory.find_of_products(connection, [wanted])
    # A cap may count several approval numbers together, so the products of what was found are looked up as well.
    states = await store.load_states(connection, _insurers(keys, judges), sorted(keys)) if keys else {}
    own = {key for key, state in states.items() if wanted in memory.product_keys(state)}
    named = {name for key in own for name in memory.product_keys(states[key])}
    keys = await memory.find_of_products(connection, sorted(named)) if named else set()
    lines = await find_lines(connection, keys | own, terms, judges, at)
    return [line for line in lines if any((one.insurer, one.policy_no) in own for one in line.assessed.policies)]


async def find_lines(
    connection: Connection, keys: Iterable[PolicyKey], terms: Terms, judges: Judges, at: date
) -> list[Line]:
    """The lines that these policies, and those that hang together with them, make under the scheme on the day `at`.

    One consistent reading: nothing is locked, nothing written.
    """
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        wanted = set(keys)
        if not wanted:
            return []
        wanted = await memory.find_linked(connection, sorted(wanted))
        states = await load_states(connection, sorted(wanted), judges, None)
        basis = await judges.basis(connection)
    for state in states.values():
        state.group = group_of(state, states)
    standing = {key: state.previous.status for key, state in states.items() if state.previous}
    sound = {key for key, status in standing.items() if status == "verified"}
    # A follower's report counts with its lead's.
    sound |= {state.key for state in states.values() if any(other.key in sound for other in coinsurers(state))}
    told = every_told(states.values(), basis.insurers)
    verified = every_told((states[key] for key in sorted(sound)), basis.insurers, alone=True)
    due = {(line.product_key, line.year): _due(line) for line in assess(verified, terms, at=at)}
    return [
        Line(line, standing, due.get((line.product_key, line.year), Yuan(0))) for line in assess(told, terms, at=at)
    ]


def _insurers(keys: Iterable[PolicyKey], judges: Judges) -> dict[str, Participant]:
    return {code: owner for code, _ in keys if (owner := judges.participants.find(code)) is not None}


def _due(line: AssessedLine) -> Yuan:
    """What is due in a line of which every policy passes; nothing while any point of it is open."""
    passes = all(policy.outcome is not Outcome.INDETERMINATE for policy in line.policies)
    return line.subsidy if passes else Yuan(0)


def every_told(states: Iterable[PolicyState], insurers: Mapping[str, str], *, alone: bool = False) -> list[Told]:
    """Everything that counts of these policies, each record once; with `alone`, without those that hang together."""
    found: dict[tuple[str, str, str], Told] = {}
    for state in states:
        for one in all_told(state, insurers, alone=alone):
            found.setdefault((one.type, one.insurer, one.number), one)
    return list(found.values())
