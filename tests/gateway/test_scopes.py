"""Every route that reads: what it tells an insurer of another one (nothing), and that what others read leaves a note.

A new route is held against this as soon as it is there. It fails here if it takes no caller and is not listed as
public, if it takes a connection before it knows the caller, or if nobody said what stands for one of its parameters.
"""

import asyncio
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from fastapi import FastAPI
from fastapi.routing import APIRoute
from house import e_policy, naming, next_number, statement, world
from service import Answered, Service, serve
from signed_in import HARMLESS, bearing, sign_in, users_file
from test_key_requests import asking

from gateway import params
from gateway.app import create_app, publish_now

OWNER, STRANGER = "SANDBOX-C", "SANDBOX-A"

# What takes no caller: catalogues, the log (hashes, and entries that name no person), health.
PUBLIC = {
    "/v1/rules",
    "/v1/problems/{slug}",
    "/v1/schemas",
    "/v1/schemas/{name}",
    "/v1/code-lists",
    "/v1/code-lists/{name}",
    "/v1/keys",
    "/v1/schemes",
    "/v1/log/checkpoint",
    "/v1/log/key",
    "/v1/log/proof/{index}",
    "/v1/log/tile/{path:path}",
    "/healthz",
    "/readyz",
    "/metrics",
}
# What tells of filings, of authorities' acts or of erasures, and no record of an insurer: nothing is noted.
SHARED = {
    "/v1/directives",
    "/v1/filings",
    "/v1/filings/{registration_no}",
    "/v1/filings/{registration_no}/history",
    "/v1/documents/{sha256}/erasure",
    "/v1/erasures",
    "/v1/key-requests",
    "/v1/key-requests/{identity}",
}
# What wants one of several names.
ONE_OF = {"/v1/submissions", "/v1/schemes/{scheme}/lines"}
# What the test has nothing to be told of: neither a subscription nor a proposal, and no document was erased.
UNHEARD = {
    "/v1/subscriptions/{identity}",
    "/v1/subscriptions/{identity}/attempts",
    "/v1/mappings/proposals/{sha256}",
    "/v1/filings/proposals/{identity}",
}


@dataclass
class Owned:
    """What the owner has: by which words it is asked for, and by which it would be known if it were told."""

    asked: dict[str, str] = field(default_factory=dict)
    apart: dict[tuple[str, str], str] = field(default_factory=dict)  # where a path has its own meaning of a name
    words: list[str] = field(default_factory=list)


def routes(app: FastAPI) -> Iterator[APIRoute]:
    """Every route, however deep it was included."""

    def walk(found: Sequence[Any]) -> Iterator[APIRoute]:
        for one in found:
            if isinstance(one, APIRoute):
                yield one
            elif (inner := getattr(one, "original_router", None)) is not None:
                yield from walk(inner.routes)

    return walk(app.routes)


READING = sorted(
    (one for one in routes(create_app()) if "GET" in (one.methods or ())), key=lambda one: (one.path, one.name)
)


def behind(annotated: object) -> object:
    """What is called for a parameter of this type."""
    stated = getattr(annotated, "__metadata__", (None,))[0]
    return getattr(stated, "dependency", None)


CONNECTION = behind(params.Db)
CALLERS = {behind(one) for one in vars(params).values()} - {None, CONNECTION, behind(params.State)}
SIGNED = {behind(one) for name, one in vars(params).items() if name.startswith("Signed") or name == "AnySigned"} - {
    None
}


def order_of(route: APIRoute) -> list[str]:
    """What the route depends on, in the order in which it is had: callers and connections."""
    made: dict[object, str] = {**dict.fromkeys(CALLERS, "caller"), CONNECTION: "connection"}
    return [made[one.call] for one in route.dependant.dependencies if one.call in made]


@pytest.mark.parametrize("route", READING, ids=lambda one: one.path)
def test_every_route_says_who_may_read_it(route: APIRoute) -> None:
    order = order_of(route)
    if route.path in PUBLIC:
        assert "caller" not in order
        return
    assert "caller" in order, f"{route.path}: take a caller (gateway/params.py), or list the route as public here"
    assert order.count("caller") == 1
    assert order[0] == "caller", f"{route.path}: the caller comes before the connection, which would be held meanwhile"


def test_every_route_that_acts_takes_who_signed() -> None:
    unsigned = HARMLESS | {("POST", "/v1/batches")}  # which looks at the signature by itself
    for route in routes(create_app()):
        for method in set(route.methods or ()) - {"GET", "HEAD"}:
            if (method, route.path) not in unsigned:
                calls = {one.call for one in route.dependant.dependencies}
                assert calls & SIGNED, f"{method} {route.path}: what acts takes a Signed… caller (gateway/params.py)"


async def own_something(service: Service) -> Owned:
    """A policy with its papers, a message that was refused, a batch, and an award, a delivery and filings around it."""
    await service.push_filings()
    who, owned = world().insurer(OWNER), Owned()
    number = next_number()
    holder = world().policy(who, number).get("policyholder") | {"name": f"唯独药业{number}号有限公司"}
    facts = world().policy(who, number, policyholder=holder)
    paper = e_policy(who, facts)
    handed = await service.put(who, paper)
    assert handed.status == 201
    sent = await service.submit(who, naming(facts, "policy", paper), message_id=f"secret-{number}")
    assert sent.status == 201, sent.body
    receipt = world().receipt(facts)
    told = statement(who, receipt)
    assert (await service.put(who, told)).status == 201
    paid = await service.submit(who, naming(receipt, "statement", told), message_id=f"secret-paid-{number}")
    assert paid.status == 201, paid.body
    body = orjson.dumps({"policy_no": "broken", "message": f"secret-refused-{number}"})
    refused = await service.post(OWNER, body)
    assert refused.status == 422
    lines = {"content-type": "application/jsonl"}
    batch = await service.call(OWNER, "POST", "/v1/batches", body + b"\n", lines)
    assert batch.status == 202, batch.body
    submission = sent.json()["submission_id"]
    question = {"subject": f"premium:{OWNER}/{facts.policy_no}", "question": f"secret-question-{number}"}
    inquiry = await service.call("REGULATOR", "POST", "/v1/inquiries", orjson.dumps(question))
    assert inquiry.status == 201, inquiry.body
    wish = f"/v1/key-requests?holder=secret-holder-{number}"
    key = await service.call(OWNER, "POST", wish, asking(ed25519.Ed25519PrivateKey.generate()))
    assert key.status == 201, key.body
    owned.asked = {
        "insurer": OWNER,
        "policy_no": facts.policy_no,
        "sha256": hashlib.sha256(paper.content).hexdigest(),
        "submission_id": submission,
        "batch": batch.json()["batch"],
        "message_id": f"secret-{number}",
        "body_digest": f"sha256:{hashlib.sha256(body).hexdigest()}",
        "registration_no": str(facts.body["clauses"][0]["registration_no"]),
        "clause": str(facts.body["clauses"][0]["registration_no"]),
        "q": facts.policy_no,
        "enterprise": str(holder["name"]),
        "product": str(facts.get("product.generic_name")),
        "product_key": str(facts.get("product.approval_no")),
        "region": str(holder["region"])[:2],
        "year": str(facts.get("period.start"))[:4],
        "day": "2026-09-01",
        "month": "2026-09",
        "scheme": "ZJ-NDI",
        "name": "dishonest",
        "form": "jws",
        "identity": f"sub_{'0' * 32}",
        "inquiry_id": inquiry.json()["id"],
        "by": "insurer",
        "slug": "refused",
        "index": "0",
        "path": "0/000",
    }
    owned.apart = {
        ("/v1/key-requests/{identity}", "identity"): key.json()["id"],
        ("/v1/code-lists/{name}", "name"): "regions",
        ("/v1/schemas/{name}", "name"): "policy",
        ("/v1/registries/{name}", "name"): "varieties",
        ("/v1/insurers/{insurer}/cards/monthly/{month}", "month"): "2026-08",
        ("/v1/oversight/cards", "month"): "2026-08",
        ("/v1/inquiries", "subject"): question["subject"],
    }
    owned.words = [
        f"secret-question-{number}",
        f"secret-holder-{number}",
        key.json()["id"],
        inquiry.json()["id"],
        facts.policy_no,
        str(receipt.body["receipt_no"]),
        str(holder["name"]),
        submission,
        paid.json()["submission_id"],
        batch.json()["batch"],
        f"secret-{number}",
        f"secret-paid-{number}",
        f"secret-refused-{number}",
        owned.asked["sha256"],
    ]
    for _ in range(100):  # until the batch is worked off
        state = await service.call(OWNER, "GET", f"/v1/batches/{owned.asked['batch']}")
        if state.json()["status"] == "done":
            break
        await asyncio.sleep(0.05)
    await publish_now(service.gateway)
    return owned


def addresses(app: FastAPI, owned: Owned, *, each: bool = True) -> Iterator[tuple[str, str]]:
    """Each reading route with what the owner has in its place: as it is, with each thing that it is asked by, if so
    wanted, and with all of them."""
    for path, methods in sorted(app.openapi()["paths"].items()):
        if "get" not in methods:
            continue
        needed, optional = [], []
        place = path
        for one in methods["get"].get("parameters", ()):
            name = one["name"]
            value = owned.apart.get((path, name), owned.asked.get(name))
            if one["in"] == "path" or one.get("required"):
                assert value is not None, f"{path}: say in this test what stands for {name}"
            if one["in"] == "path":
                place = place.replace("{" + name + "}", quote(str(value), safe="/"))
            elif value is not None:
                (needed if one.get("required") else optional).append(f"{name}={quote(value)}")
        for stated in ((), *(((one,) for one in optional) if each or path in ONE_OF else ()), tuple(optional)):
            query = "&".join((*needed, *stated))
            yield path, f"{place}?{query}" if query else place


def told(got: Answered, address: str, words: Sequence[str]) -> list[str]:
    """Which of the owner's words the answer tells that were not in the question."""
    text = got.body.decode("utf-8", "replace") + " ".join(got.headers.values())
    asked = re.sub(r"%[0-9A-F]{2}", "", address)
    return [one for one in words if one in text and one not in asked and quote(one) not in address]


def test_no_session_of_an_insurer_reads_anothers_data_by_any_route(dsn: str) -> None:
    async def work(service: Service) -> None:
        owned = await own_something(service)
        token = await sign_in(service, STRANGER)
        nothing = {  # what nobody has, of the same form
            "policy_no": owned.asked["policy_no"][:-4] + "0000",
            "sha256": "0" * 64,
            "submission_id": "S" + "0" * 32,
            "batch": "B" + "0" * 32,
            "inquiry_id": "Q" + "0" * 32,
            "message_id": "secret-0",
            "body_digest": "sha256:" + "0" * 64,
            "key_request": "K" + "0" * 32,
        }
        has = owned.asked | {"key_request": owned.apart["/v1/key-requests/{identity}", "identity"]}
        for path, address in dict.fromkeys(addresses(service.app, owned)):
            if path in PUBLIC or path.startswith("/v1/log/"):
                continue
            got = await service.send("GET", address, b"", bearing(token))
            leaked = told(got, address, owned.words)
            assert not leaked, f"{address}: {STRANGER} is told {leaked} of {OWNER}"
            if f"/{OWNER}/" in address or f"insurer={OWNER}" in address:
                assert got.status in (403, 404), f"{address}: {got.status} to {STRANGER}"
            # Whether the owner has it makes no difference: neither to the status nor to a word.
            other = address
            for name, value in nothing.items():
                other = other.replace(has[name], value)
            if other != address:
                empty = await service.send("GET", other, b"", bearing(token))
                assert unnamed(got, {name: has[name] for name in nothing}) == unnamed(empty, nothing), (
                    f"{address}: {STRANGER} can tell it exists"
                )

    serve(dsn, work, users=users_file())


def unnamed(got: Answered, names: dict[str, str]) -> tuple[int, bytes]:
    """The answer without what was asked for."""
    body = got.body
    for name, value in names.items():
        body = body.replace(value.encode(), f"({name})".encode())
    return got.status, body


def test_what_others_read_leaves_a_note_that_the_owner_sees(dsn: str) -> None:
    async def work(service: Service) -> None:
        owned = await own_something(service)
        own = await sign_in(service, OWNER)
        answered: set[str] = set()
        for reader in ("REGULATOR", "SUBSIDY", "OPERATOR"):
            answered |= await read_all(service, owned, reader)
            listed = await service.send("GET", f"/v1/insurers/{OWNER}/accesses?limit=1000", b"", bearing(own))
            items = [one for one in listed.json()["items"] if one["participant"] == reader]
            assert {one["user"] for one in items} == {reader.lower()}
            assert [one["id"] for one in items] == sorted((one["id"] for one in items), reverse=True)
            assert all(one["route"].startswith("GET /") and one["subject"] for one in items)
            assert "GET /v1/insurers/{insurer}/policies/{policy_no}/premium" in {one["route"] for one in items}
        asked = {path for path, _ in addresses(service.app, owned) if not path.startswith("/v1/log/")}
        unheard = asked - answered - UNHEARD
        assert not unheard, f"nobody is told a thing by {sorted(unheard)}: say in this test what stands for their names"
        # What the owner reads of its own is nobody's business.
        before = count(dsn)
        await service.send("GET", f"/v1/insurers/{OWNER}/completeness", b"", bearing(own))
        assert count(dsn) == before

    serve(dsn, work, users=users_file())


async def read_all(service: Service, owned: Owned, reader: str) -> set[str]:
    """Ask for everything as this reader: what tells one of the owner's words leaves a note, what is refused none."""
    token = await sign_in(service, reader)
    quiet, answered = [], set()
    for path, address in dict.fromkeys(addresses(service.app, owned, each=False)):
        before = await noted(service)
        got = await service.send("GET", address, b"", bearing(token))
        assert got.status < 500, address
        if got.status == 200:
            answered.add(path)
        if path in PUBLIC | SHARED or path.startswith("/v1/log/") or path.endswith("/accesses"):
            continue
        words = [one for one in owned.words if one in got.body.decode("utf-8", "replace")]
        if got.status != 200 or not words:
            assert await noted(service) == before or got.status == 200, f"{address}: {got.status}, and yet a note"
        elif await noted(service) == before:
            quiet.append(f"{reader} {address} tells {words[0]} (gateway/access/log.py says how to note it)")
    assert not quiet, "\n".join(quiet)
    return answered


async def noted(service: Service) -> int:
    """How many notes the owner has."""
    async with service.gateway.pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM accesses WHERE insurer = %s", (OWNER,))
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


def count(dsn: str) -> int:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM accesses WHERE insurer = %s", (OWNER,)).fetchone()
        return int(row[0]) if row else 0


def test_the_notes_of_a_page_count_what_was_told_and_pages_go_on(dsn: str) -> None:
    async def work(service: Service) -> None:
        for code, times in (("SANDBOX-C", 3), ("SANDBOX-D", 2)):
            who = world().insurer(code)
            for _ in range(times):
                assert (await service.submit(who, world().policy(who, next_number()))).status == 201
        first = (await service.call("SUBSIDY", "GET", "/v1/premiums/changes?limit=4")).json()
        await service.call("SUBSIDY", "GET", f"/v1/premiums/changes?after={first['cursor']}")
        await service.call("SUBSIDY", "GET", "/v1/premiums/changes?after=" + first["cursor"] + "&up_to=4")
        told = [
            (one["subject"], one["count"], one["keyid"], one["user"])
            for code in ("SANDBOX-C", "SANDBOX-D")
            for one in (await service.call(code, "GET", f"/v1/insurers/{code}/accesses")).json()["items"]
        ]
        keyid = world().subsidy_system.request_key.keyid
        assert told == [
            ("changes 1-4", 3, keyid, None),
            ("changes 5-5", 1, keyid, None),
            ("changes 1-4", 1, keyid, None),
        ]
        await service.premium("REGULATOR", world().insurer("SANDBOX-D"), "PSD2026330100009999")  # not there: no note
        pages, after = [], ""
        while after is not None:
            page = await service.call("OPERATOR", "GET", f"/v1/insurers/SANDBOX-D/accesses?limit=1{after}")
            pages.append([one["subject"] for one in page.json()["items"]])
            after = f"&after={page.json()['next']}" if page.json()["next"] else None
        assert list(itertools.chain(*pages)) == ["changes 5-5", "changes 1-4"]
        for who, status in (("SANDBOX-A", 403), ("SUBSIDY", 403), ("REGULATOR", 200), ("SANDBOX-D", 200)):
            assert (await service.call(who, "GET", "/v1/insurers/SANDBOX-D/accesses")).status == status

    serve(dsn, work)


def test_matching_is_for_authorities_and_notes_what_it_tells(dsn: str) -> None:
    async def work(service: Service) -> None:
        owned = await own_something(service)
        rows = [{name: owned.asked[name] for name in ("enterprise", "product")}]
        body = orjson.dumps({"annex": 2, "rows": rows})
        headers = {"content-type": "application/json"}
        stranger = await sign_in(service, STRANGER)
        got = await service.send("POST", "/v1/premiums/match", body, bearing(stranger, **headers))
        assert got.status == 403
        before = count(dsn)
        token = await sign_in(service, "SUBSIDY")
        got = await service.send("POST", "/v1/premiums/match", body, bearing(token, **headers))
        assert got.status == 200, got.body
        assert owned.asked["policy_no"] in got.body.decode()
        assert count(dsn) == before + 1

    serve(dsn, work, users=users_file())


def test_a_read_that_cannot_be_noted_does_not_happen(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = world().insurer(OWNER)
        facts = world().policy(who, next_number())
        assert (await service.submit(who, facts)).status == 201
        assert (await service.premium("SUBSIDY", who, facts.policy_no)).status == 200
        with psycopg.connect(dsn, autocommit=True) as connection:
            # The disk of the notes is full, as the database would say it.
            connection.execute(
                "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$"
            )
            connection.execute(
                "CREATE TRIGGER no_space BEFORE INSERT ON accesses FOR EACH STATEMENT EXECUTE FUNCTION no_space()"
            )
        for address in (
            f"/v1/insurers/{OWNER}/policies/{facts.policy_no}/premium",
            f"/v1/insurers/{OWNER}/policies/{facts.policy_no}/history",
            "/v1/premiums/changes",
        ):
            got = await service.call("SUBSIDY", "GET", address)
            assert got.status == 503
            assert facts.policy_no.encode() not in got.body.replace(address.encode(), b"")
        assert (await service.premium(OWNER, who, facts.policy_no)).status == 200
        assert (await service.call("SUBSIDY", "GET", "/v1/keys")).status == 200

    serve(dsn, work)


def test_notes_are_never_changed(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO accesses (at, participant, keyid, route, insurer, subject, count) "
            "VALUES (now(), 'SUBSIDY', 'k', 'GET /', 'SANDBOX-C', 's', 1)"
        )
        for change in ("UPDATE accesses SET count = 2", "DELETE FROM accesses", "TRUNCATE accesses"):
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                connection.execute(change.encode())
