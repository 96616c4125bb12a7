"""Filings over HTTP: signed, by role, all or nothing, and answerable as they were known."""

import asyncio
import base64
import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.people import people_of
from gateway.catalogue import load_catalogue
from gateway.config import Config
from gateway.db import Connection, new_pool
from gateway.filing.routes import router
from gateway.participants import Participant, ParticipantKey, Participants
from gateway.problems import Problem, render
from gateway.state import Gateway
from sandbox.filings import REGISTRY, clauses_of, registry_csv, registry_json
from sandbox.keys import Key, make_key
from signing.outgoing import sign_request
from signing.request import HttpMessage
from signing.signer import load_signer
from signing.trust import TrustStore

AT = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
URL = "http://gateway.example"
ROLES = {"REGULATOR": "regulator", "PICC": "insurer", "CPIC": "insurer", "ZJ-JXT": "subsidy_system"}
KEYS: dict[str, Key] = {code: make_key(7, code, "ed25519") for code in ROLES}
PICC = clauses_of("PICC", "000002", AT)
CPIC = clauses_of("CPIC", "000014", AT)
CREDIT_CODES = {"PICC": "91100000710931483R", "CPIC": "91310000733370906P"}
COMPANIES = {"PICC": "000002", "CPIC": "000014"}


def participant(code: str) -> Participant:
    key = KEYS[code]
    spki = base64.b64encode(key.spki).decode()
    is_insurer = ROLES[code] == "insurer"
    return Participant.model_validate(
        {
            "code": code,
            "role": ROLES[code],
            "name": f"{code} 公司",
            "credit_code": CREDIT_CODES.get(code),
            "company_code": COMPANIES.get(code),
            "dialect": "DIA-CANON-JSON" if is_insurer else None,
            "keys": [ParticipantKey(keyid=key.keyid, algorithm="ed25519", public_key=spki)],
        }
    )


class Service:
    """The service, its database, and a clock that the test moves."""

    def __init__(self, client: httpx.AsyncClient, database: Connection) -> None:
        self.client = client
        self.database = database
        self.now = AT
        self._nonces = itertools.count()

    async def call(self, who: str, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
        fields = tuple({"content-type": "application/json", **headers}.items()) if body else ()
        message = HttpMessage(method=method, target_uri=f"{URL}{path}", fields=fields)
        key = KEYS[who]
        signer = load_signer(key.pem, keyid=key.keyid)
        signed = sign_request(message, body, signer, self.now, f"n-{next(self._nonces)}")
        return await self.client.request(method, path, content=body or None, headers={**dict(fields), **signed})

    async def push(self, body: bytes, query: str = "", **headers: str) -> httpx.Response:
        return await self.call("REGULATOR", "PUT", f"/v1/filings{query}", body, **headers)


async def problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return render(error, request, request.app.state.gateway.catalogue)


def serve(dsn: str, work: Callable[[Service], Awaitable[None]]) -> None:
    async def run() -> None:
        async with new_pool(dsn, 2) as pool, await psycopg.AsyncConnection.connect(dsn, autocommit=True) as database:
            app = FastAPI()
            app.include_router(router)
            app.add_exception_handler(Problem, problem)
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                service = Service(client, database)
                app.state.gateway = Gateway(
                    config=Config(public_url=URL),
                    pool=pool,
                    participants=Participants(map(participant, ROLES)),
                    trust=TrustStore(),
                    catalogue=load_catalogue(),
                    signer=load_signer(make_key(7, "gateway", "ed25519").pem),
                    clock=lambda: service.now,
                    started_at=AT,
                )
                app.state.people = people_of(app.state.gateway)
                await work(service)

    asyncio.run(run())


def numbers(answer: httpx.Response) -> list[str]:
    return [one["filing"]["registration_no"] for one in answer.json()["filings"]]


async def count(service: Service, table: str) -> int:
    row = await (await service.database.execute(f"SELECT count(*) FROM {table}")).fetchone()
    assert row is not None
    return int(row[0])


def test_a_registry_s_file_is_whole_and_pushed_again_changes_nothing(dsn: str) -> None:
    async def work(service: Service) -> None:
        for form, body in (("application/json", registry_json(PICC + CPIC)), ("text/csv", registry_csv(PICC + CPIC))):
            answer = await service.push(body, **{"content-type": form})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert (told["registry"], told["as_of"], told["whole"]) == (REGISTRY, "2026-05-31", True)
            assert told["count"] == 6
            assert "signature" in answer.headers
            if form == "application/json":
                assert (told["new"], told["unchanged"]) == (6, 0)
                assert told["leaf"]["index"] == 0
            else:
                assert (told["new"], told["unchanged"], told["leaf"]) == (0, 6, None)
        assert await count(service, "filing_files") == 1
        assert await count(service, "ledger_entries") == 1
        kept = await (await service.database.execute("SELECT bytes, sender, request FROM filing_files")).fetchone()
        assert kept is not None
        assert bytes(kept[0]) == registry_json(PICC + CPIC)
        assert kept[1] == "REGULATOR"
        assert kept[2]["signature"]

    serve(dsn, work)


def test_what_was_known_is_answered_as_it_was(dsn: str) -> None:
    async def work(service: Service) -> None:
        assert (await service.push(registry_json(PICC))).status_code == 200
        service.now = AT + timedelta(days=1)
        main = PICC[0]
        stopped = {
            **main,
            "intervals": [
                {**main["intervals"][0], "to": "2026-05-30"},
                {"state": "ordered_stop", "from": "2026-05-31"},
            ],
        }
        answer = await service.push(json.dumps([stopped]).encode())
        assert answer.json()["whole"] is False
        assert (answer.json()["superseded"], answer.json()["dropped"]) == (1, 0)

        path = f"/v1/filings/{main['registration_no']}"
        now = (await service.call("PICC", "GET", path)).json()
        assert [one["state"] for one in now["statements"][0]["filing"]["intervals"]] == ["in_use", "ordered_stop"]
        assert [one["stated"] for one in now["history"]] == [True, True]
        moment = AT.isoformat().replace("+", "%2B")
        then = (await service.call("PICC", "GET", f"{path}?known_at={moment}")).json()
        assert [one["state"] for one in then["statements"][0]["filing"]["intervals"]] == ["in_use"]
        assert len(then["history"]) == 1
        listed = (await service.call("ZJ-JXT", "GET", f"/v1/filings?insurer=PICC&as_of={moment}")).json()
        found = {one["filing"]["registration_no"]: one["filing"] for one in listed["filings"]}
        assert found[main["registration_no"]]["intervals"] == main["intervals"]
        assert listed["whole_as_of"] == {REGISTRY: "2026-05-31"}

        service.now += timedelta(days=1)
        answer = await service.push(registry_json(PICC[1:]))
        assert (answer.json()["dropped"], answer.json()["unchanged"]) == (1, 2)
        gone = (await service.call("PICC", "GET", path)).json()
        assert gone["statements"] == []
        assert [one["stated"] for one in gone["history"]] == [True, True, False]

    serve(dsn, work)


def test_a_file_with_a_problem_is_refused_whole(dsn: str) -> None:
    async def work(service: Service) -> None:
        text = registry_csv(PICC).decode("utf-8-sig")
        broken = text.replace(PICC[1]["registration_no"], "C1").replace("2.0", "x").encode("utf-8-sig")
        answer = await service.push(broken, **{"content-type": "text/csv", "accept-language": "en"})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        (told,) = answer.json()["problems"]
        assert (told["rule"], told["field"]) == ("identifier.clause-no", "row 3, column registration_no")
        assert told["detail"]
        for table in ("filings", "filing_sources", "filing_files", "ledger_entries"):
            assert await count(service, table) == 0
        stated = [{key: value for key, value in PICC[0].items() if key != "source"}]
        answer = await service.push(json.dumps(stated).encode())
        assert [one["field"] for one in answer.json()["problems"]] == ["registry", "as_of"]
        answer = await service.push(json.dumps(stated).encode(), "?registry=A&as_of=2026-05-31&whole=true")
        assert (answer.status_code, answer.json()["whole"]) == (200, True)

    serve(dsn, work)


def test_a_registry_that_states_nothing_any_more_says_so_expressly(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push(registry_json(PICC))
        query = httpx.QueryParams({"registry": REGISTRY, "as_of": "2026-06-01"})
        assert (await service.push(b"[]", f"?{query}")).status_code == 422
        answer = await service.push(b"[]", f"?{query}&whole=true")
        assert (answer.status_code, answer.json()["dropped"]) == (200, 3)
        assert numbers(await service.call("REGULATOR", "GET", "/v1/filings")) == []

    serve(dsn, work)


def test_a_name_that_hides_something_is_refused(dsn: str) -> None:
    async def work(service: Service) -> None:
        for name in ("a\x00b", "a\u202eb"):
            answer = await service.push(json.dumps([{**PICC[0], "name": name}]).encode())
            assert answer.status_code == 422
            assert [one["facts"]["error"] for one in answer.json()["problems"]] == ["text.control-char"]

    serve(dsn, work)


def test_an_older_statement_conflicts(dsn: str) -> None:
    async def work(service: Service) -> None:
        assert (await service.push(registry_json(PICC))).status_code == 200
        older = [{**one, "source": {**one["source"], "as_of": "2026-05-30"}} for one in PICC]
        answer = await service.push(registry_json(older))
        assert answer.status_code == 409
        assert await count(service, "filing_files") == 1

    serve(dsn, work)


def test_who_may_push_and_who_may_read(dsn: str) -> None:
    async def work(service: Service) -> None:
        body = registry_json(PICC + CPIC)
        for who in ("PICC", "ZJ-JXT"):
            assert (await service.call(who, "PUT", "/v1/filings", body)).status_code == 403
        assert (await service.client.put("/v1/filings", content=body)).status_code == 401
        assert (await service.client.get("/v1/filings")).status_code == 401
        assert (await service.push(body)).status_code == 200
        assert len(numbers(await service.call("ZJ-JXT", "GET", "/v1/filings"))) == 6
        own = numbers(await service.call("PICC", "GET", "/v1/filings"))
        assert own == sorted(one["registration_no"] for one in PICC)
        assert (await service.call("PICC", "GET", "/v1/filings?insurer=CPIC")).status_code == 403
        others = f"/v1/filings/{CPIC[0]['registration_no']}"
        assert (await service.call("PICC", "GET", others)).status_code == 404
        assert (await service.call("REGULATOR", "GET", others)).status_code == 200
        assert (await service.call("PICC", "GET", "/v1/filings/C00000230912026030199999")).status_code == 404
        assert (await service.call("PICC", "GET", "/v1/filings/x")).status_code == 422

    serve(dsn, work)


def test_pages_go_on_where_they_stopped(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push(registry_json(PICC + CPIC))
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            page = await service.call("REGULATOR", "GET", f"/v1/filings?limit=4&after={after}")
            seen += numbers(page)
            after = page.json()["after"]
        assert seen == sorted(one["registration_no"] for one in PICC + CPIC)

    serve(dsn, work)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff\xfe", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_file_is_refused(dsn: str, body: bytes) -> None:
    async def work(service: Service) -> None:
        answer = await service.push(body, "?registry=A&as_of=2026-05-31")
        assert answer.status_code == 422
        assert answer.json()["problems"]

    serve(dsn, work)
