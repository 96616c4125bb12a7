"""The audit of who decided on filings: what was not touched passes, and what anybody changed in it is found."""

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from filing_people import act, confirm, participants_file, propose
from filing_source import Source, listening
from house import next_number, world
from service import Service, provisioned, serve
from test_audit_database import Tampering, named, tamper
from test_filing_sources import SIGNER, configured

from gateway.app import build, publish_now
from gateway.audit.run import Database, audit
from gateway.commands.audit import log_keys
from gateway.config import load_config
from gateway.db import create_database
from gateway.filing.sources.poll import Poller
from sandbox.filings import REGISTRY, registry_csv
from schemas.verification import Check

KNOWN: list[dict[str, Any]] = json.loads(world().registry_json())["filings"]


async def _populate(service: Service) -> None:
    """One proposal of each end, one that is open, an answer that was taken and one that two people confirmed."""
    with listening(Source(KNOWN, REGISTRY, lambda: service.now, SIGNER)) as source:
        settings = load_config(
            provisioned().config,
            {},
            dsn=service.gateway.config.dsn,
            participants=participants_file(),
            filing_sources=[configured(source.url)],
        )
        gateway = build(settings, lambda: service.now)
        async with gateway.pool:
            poller = Poller(gateway)
            assert [one.reason for one in await poller.look(gateway.pool)] == [None]
            for filings in (KNOWN[:3], KNOWN[:4]):
                source.state(filings, "2026-09-01")
                service.later(hours=2)
                (check,) = await poller.look(gateway.pool)
                assert check.reason == "shrunken"
            held = check.facts["proposal"]
            for who in ("ANNA", "BERT"):
                assert (await confirm(service, who, str(held).removeprefix("sha256:"))).status in (201, 202)
    service.later(hours=1)
    stated = [{**one, "source": {**one["source"], "as_of": "2026-09-01"}} for one in KNOWN]
    first = await propose(service, "ANNA", registry_csv(stated))
    other = await propose(service, "BERT", registry_csv(stated[:6]))
    assert (await act(service, "ANNA", "POST", other.headers["location"] + "/withdrawal")).status == 200
    assert (await confirm(service, "CARA", first)).status == 201
    assert (await propose(service, "BERT", registry_csv(stated[:7]))).status == 201
    await publish_now(service.gateway)


@pytest.fixture(scope="module")
def populated(postgres: str) -> Iterator[str]:
    """A database in which people have decided."""
    name = f"decided_{os.getpid()}"
    serve(create_database(postgres, name, template="template_migrated"), _populate, participants=participants_file())
    yield name
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


@pytest.fixture
def copy(postgres: str, populated: str) -> Iterator[str]:
    """A copy of it to do anything with."""
    name = f"decidedcopy_{os.getpid()}_{next_number()}"
    yield create_database(postgres, name, template=populated)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


def audited(dsn: str) -> list[Check]:
    gateway = build(load_config(provisioned().config, {}, dsn=dsn, participants=participants_file()))
    database = Database(dsn, gateway.config.participants)
    return list(audit(database, log_keys(gateway), jobs=1, progress=lambda done, of: None))


def test_what_was_not_touched_passes(copy: str) -> None:
    assert audited(copy) == []


def of(what: str, table: str, sql: str, reason: str = "changed") -> Tampering:
    return Tampering(what, table, sql, "audit.rows", reason)


_EFFECTIVE = "(SELECT proposal FROM filing_proposal_ends WHERE outcome = 'effective' ORDER BY leaf_index DESC LIMIT 1)"
_FLIPPED = "SET request = jsonb_set(request, '{signature}', to_jsonb(repeat('A', 86) || '=='))"
DECIDED = (
    of("a file that was proposed", "filing_proposals", "UPDATE filing_proposals SET bytes = bytes || '\\x20'"),
    of("the state that was changed", "filing_proposals", "UPDATE filing_proposals SET base = 'sha256:' || md5('x')"),
    of("a day", "filing_proposals", "UPDATE filing_proposals SET as_of = as_of + 1 WHERE source IS NULL"),
    of(
        "whether all was stated",
        "filing_proposals",
        "UPDATE filing_proposals SET whole = false WHERE seq = (SELECT max(seq) FROM filing_proposals)",
    ),
    of("who proposed", "filing_proposals", "UPDATE filing_proposals SET holder = '监管丙' WHERE holder = '监管甲'"),
    of("a proposal's signature", "filing_proposals", f"UPDATE filing_proposals {_FLIPPED}", "unsigned"),
    of(
        "a page's signature",
        "filing_proposals",
        "UPDATE filing_proposals SET request = jsonb_set(request, '{fetched,pages,0,signature}', "
        "to_jsonb(repeat('A', 86) || '==')) WHERE source IS NOT NULL",
        "unsigned",
    ),
    of("a confirmation's signature", "filing_confirmations", f"UPDATE filing_confirmations {_FLIPPED}", "unsigned"),
    of(
        "who confirmed",
        "filing_confirmations",
        "UPDATE filing_confirmations SET holder = '监管丁' WHERE holder = '监管丙'",
    ),
    of(
        "a confirmation of another proposal",
        "filing_confirmations",
        f"UPDATE filing_confirmations c SET request = o.request FROM filing_confirmations o WHERE c.proposal = "
        f"{_EFFECTIVE} AND o.proposal <> c.proposal AND o.holder = '监管甲'",
        "unsigned",
    ),
    of(
        "a confirmation removed",
        "filing_proposal_ends",
        "ALTER TABLE filing_confirmations DISABLE TRIGGER ALL; "
        f"DELETE FROM filing_confirmations WHERE proposal = {_EFFECTIVE}; "
        "ALTER TABLE filing_confirmations ENABLE TRIGGER ALL",
    ),
    of("a withdrawal's signature", "filing_proposal_ends", f"UPDATE filing_proposal_ends {_FLIPPED}", "unsigned"),
    of(
        "another leaf",
        "filing_proposal_ends",
        f"UPDATE filing_proposal_ends SET leaf_index = 0 WHERE proposal = {_EFFECTIVE}",
    ),
    of(
        "that it was decided",
        "filing_proposal_ends",
        f"DELETE FROM filing_proposal_ends WHERE proposal = {_EFFECTIVE}",
        "missing",
    ),
    of(
        "a page that a source answered with",
        "filing_files",
        "UPDATE filing_files SET bytes = set_byte(bytes, 40, get_byte(bytes, 40) # 1) WHERE sender LIKE 'source/%'",
    ),
)


@pytest.mark.parametrize("one", DECIDED, ids=[one.what.replace(" ", "-") for one in DECIDED])
def test_what_was_changed_is_found_and_named(copy: str, one: Tampering) -> None:
    tamper(copy, one)
    found = audited(copy)
    assert (one.rule, one.reason, one.table) in named(found), [check.model_dump(mode="json") for check in found]
