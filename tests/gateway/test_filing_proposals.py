"""Proposals: one person hands a file over and sees what it changes, another one makes it count."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from filing_people import act, confirm, get, participants_file, propose
from house import world
from service import Service
from service import serve as serve_gateway
from signed_in import bearing, read, sign_in, users_file

from gateway.app import publish_now
from gateway.audit.run import Database, audit
from gateway.commands.audit import log_keys
from sandbox.filings import REGISTRY, registry_csv, registry_json

KNOWN: list[dict[str, Any]] = json.loads(world().registry_json())["filings"]
NUMBER = KNOWN[0]["registration_no"]


def serve(dsn: str, work: Callable[[Service], Awaitable[None]], **config: Any) -> None:
    serve_gateway(dsn, work, participants=participants_file(), **config)


def changed(place: int, **fields: Any) -> list[dict[str, Any]]:
    """The registry with one filing stated otherwise."""
    return [one | fields if at == place else one for at, one in enumerate(KNOWN)]


def counts(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = {}
        for table in ("filings", "filing_files", "filing_sources", "filing_proposals", "filing_proposal_ends"):
            row = connection.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table)))
            found[table] = int((row.fetchone() or (0,))[0])
        return found


def test_a_file_counts_once_another_person_has_confirmed_it(dsn: str) -> None:
    async def work(service: Service) -> None:
        first = await propose(service, "ANNA", registry_csv(KNOWN))
        assert first.status == 201, first.body
        told = first.json()
        assert (told["state"], told["needs"]) == ("open", 1)
        assert told["counts"] == {"added": len(KNOWN), "changed": 0, "ended": 0, "unchanged": 0}
        assert told["proposed_by"]["holder"] == "监管甲"
        assert [one["registration_no"] for one in told["added"]] == sorted(one["registration_no"] for one in KNOWN)
        assert (await get(service, "/v1/filings"))["filings"] == []  # nothing counts yet

        done = await confirm(service, "BERT", first)
        assert done.status == 201, done.body
        outcome = done.json()["outcome"]
        assert outcome["is"] == "effective"
        assert outcome["by"]["holder"] == "监管乙"
        assert len((await get(service, "/v1/filings?limit=1000"))["filings"]) == len(KNOWN)
        again = await confirm(service, "BERT", first)
        assert (again.status, again.json()["outcome"]) == (200, outcome)

        service.later(hours=1)
        stopped = [KNOWN[1]["intervals"][0] | {"to": "2026-08-30"}, {"state": "stopped", "from": "2026-08-31"}]
        new = {**KNOWN[0], "registration_no": f"{NUMBER[:-5]}00077", "name": "新条款"}
        file = [*changed(1, intervals=stopped, rate_max_percent="2.5")[:-1], new]
        second = await propose(service, "BERT", registry_json(file), media_type="application/json")
        told = second.json()
        assert told["counts"] == {"added": 1, "changed": 1, "ended": 1, "unchanged": len(KNOWN) - 2}
        (row,) = told["changed"]
        assert row["registration_no"] == KNOWN[1]["registration_no"]
        assert {one["field"]: (one["before"], one["after"]) for one in row["fields"]} == {
            "intervals": (KNOWN[1]["intervals"], stopped),
            "rate_max_percent": ("3", "2.5"),
        }
        assert told["added"][0]["filing"]["name"] == "新条款"
        assert told["ended"][0]["registration_no"] == KNOWN[-1]["registration_no"]
        assert (await confirm(service, "ANNA", second)).status == 201

        listed = await get(service, "/v1/filings/proposals")
        assert [one["state"] for one in listed["items"]] == ["effective", "effective"]
        assert (await get(service, "/v1/filings/proposals?only_open=true"))["items"] == []
        shown = await get(service, f"/v1/filings/proposals/{told['id']}")
        assert (shown["changed"], shown["added"], shown["ended"]) == (told["changed"], told["added"], told["ended"])

        history = await get(service, f"/v1/filings/{KNOWN[1]['registration_no']}/history?on=2026-08-31")
        then, now = history["items"]
        assert (then["state"], now["state"]) == ("in_use", "stopped")
        assert then["known_until"] == now["known_from"]
        assert now["known_until"] is None
        assert now["leaf_index"] == then["leaf_index"] + 1
        assert now["file"]["sender"] == "REG-BERT"
        assert (now["proposal"]["id"], then["proposal"]["id"]) == (told["id"], first.json()["id"])
        assert now["proposal"]["proposed_by"] != now["proposal"]["confirmed_by"][0]
        own = await get(service, f"/v1/filings/{KNOWN[1]['registration_no']}/history", KNOWN[1]["insurer"])
        assert [one["proposal"] for one in own["items"]] == [None, None]
        gone = await get(service, f"/v1/filings/{KNOWN[-1]['registration_no']}/history")
        assert [one["stated"] for one in gone["items"]] == [True, False]

        await publish_now(service.gateway)
        gateway = service.gateway
        database = Database(dsn, gateway.config.participants)
        found = await asyncio.to_thread(
            lambda: list(audit(database, log_keys(gateway), jobs=1, progress=lambda done, of: None))
        )
        assert found == []

    serve(dsn, work)


def test_nobody_confirms_alone(dsn: str) -> None:
    async def work(service: Service) -> None:
        refused = await propose(service, "REGULATOR", registry_csv(KNOWN))
        assert [one["reason"] for one in refused.json()["problems"]] == ["holder-unknown"]
        proposed = await propose(service, "ANNA", registry_csv(KNOWN))
        assert proposed.status == 201
        for who, status, reason in (
            ("ANNA", 422, "same-person"),
            ("ANNA-2", 422, "same-person"),  # another key of the same person
            ("REGULATOR", 422, "holder-unknown"),
            ("OPERATOR", 403, None),
            ("SUBSIDY", 403, None),
            ("SANDBOX-A", 403, None),
        ):
            answer = await confirm(service, who, proposed)
            assert answer.status == status, (who, answer.body)
            assert [one["reason"] for one in answer.json()["problems"]] == ([reason] if reason else [])
        assert counts(dsn)["filings"] == 0
        unknown = await confirm(service, "BERT", "0" * 64)
        assert unknown.status == 404
        got = await act(service, "SANDBOX-A", "GET", "/v1/filings/proposals")
        assert got.status == 403
        # A person's key does not push; a system's key does, unless two people are always asked for.
        pushed = await act(service, "ANNA", "PUT", "/v1/filings", registry_json(KNOWN))
        assert pushed.status == 403
        await service.push_filings()

    serve(dsn, work)

    async def strictly(service: Service) -> None:
        got = await service.call("REGULATOR", "PUT", "/v1/filings", registry_json(KNOWN))
        assert got.status == 403

    serve(dsn, strictly, filing_two_people=True)


def test_what_changed_in_between_is_not_overwritten_unseen(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        lower = await propose(service, "ANNA", registry_csv(changed(0, rate_max_percent="2")))
        other = await propose(service, "BERT", registry_csv(changed(1, rate_max_percent="2.5")))
        service.later(minutes=1)
        assert (await confirm(service, "CARA", other)).status == 201
        states = [one["state"] for one in (await get(service, "/v1/filings/proposals"))["items"]]
        assert states == ["effective", "outdated"]
        refused = await confirm(service, "BERT", lower)
        assert refused.status == 409
        told = refused.json()
        assert [(one["rule"], one["reason"]) for one in told["problems"]] == [
            ("filing-proposal.base", "registry-changed")
        ]
        # What it would change now: it would also take the other change back.
        assert [one["registration_no"] for one in told["now"]["changed"]] == sorted(
            one["registration_no"] for one in KNOWN[:2]
        )
        assert counts(dsn)["filing_files"] == 2
        again = await propose(service, "ANNA", registry_csv(changed(0, rate_max_percent="2")))
        assert (again.status, again.json()["counts"]["changed"]) == (201, 2)
        assert again.json()["id"] != lower.json()["id"]
        assert (await confirm(service, "BERT", again)).status == 201

    serve(dsn, work)


def test_only_one_of_many_confirmations_makes_it_count(dsn: str) -> None:
    async def work(service: Service) -> None:
        proposed = await propose(service, "ANNA", registry_csv(KNOWN))
        answers = await asyncio.gather(*(confirm(service, who, proposed) for who in ("BERT", "CARA") * 4))
        assert sorted(one.status for one in answers) == [200] * 7 + [201]
        found = counts(dsn)
        assert (found["filing_files"], found["filing_sources"], found["filings"]) == (1, 1, len(KNOWN))

    serve(dsn, work)


def test_problems_point_at_the_cell_and_keep_nothing(dsn: str) -> None:
    async def work(service: Service) -> None:
        broken = registry_csv(changed(1, rate_max_percent="x"))
        for query in ("", "?dry_run=true"):
            answer = await propose(service, "ANNA", broken, query)
            assert answer.status == (200 if query else 422)
            (told,) = answer.json()["problems"]
            assert (told["field"], told["row"]) == ("row 3, column rate_max_percent", 3)
            assert told["facts"]["value"] == "x"
        preview = await propose(service, "REGULATOR", registry_csv(KNOWN), "?dry_run=true&limit=2")
        told = preview.json()
        assert (told["id"], told["state"], told["problems"]) == (None, "preview", [])
        assert told["counts"]["added"] == len(KNOWN)
        assert len(told["added"]) == 2
        assert told["next"] == told["added"][-1]["registration_no"]
        assert set(counts(dsn).values()) == {0}

        await service.push_filings()
        (same,) = (await propose(service, "ANNA", registry_csv(KNOWN), "?dry_run=true")).json()["problems"]
        assert same["reason"] == "nothing-new"
        refused = await propose(service, "ANNA", registry_csv(KNOWN))
        assert [one["reason"] for one in refused.json()["problems"]] == ["nothing-new"]
        for day, reason in (("2026-09-02", "in-future"), ("2026-08-30", "later-known")):
            moved = [{**one, "source": {**one["source"], "as_of": day}} for one in changed(0, rate_max_percent="2")]
            refused = await propose(service, "ANNA", registry_csv(moved))
            assert [one["reason"] for one in refused.json()["problems"]] == [reason]
        single = [{name: value for name, value in KNOWN[0].items() if name != "source"} | {"rate_max_percent": "2"}]
        query = f"?registry={quote(REGISTRY)}&as_of=2026-09-01"
        proposed = await propose(service, "ANNA", json.dumps(single).encode(), query, "application/json")
        assert (proposed.json()["whole"], proposed.json()["counts"]["ended"]) == (False, 0)

    serve(dsn, work)


def test_a_session_previews_and_reads_but_a_key_acts(dsn: str) -> None:
    async def work(service: Service) -> None:
        token = await sign_in(service, "REGULATOR")
        sent = bearing(token, **{"content-type": "text/csv"})
        shown = await service.send("POST", "/v1/filings/proposals?dry_run=true", registry_csv(KNOWN), sent)
        assert (shown.status, shown.json()["counts"]["added"]) == (200, len(KNOWN))
        meant = await service.send("POST", "/v1/filings/proposals", registry_csv(KNOWN), sent)
        assert (meant.status, meant.json()["problems"][0]["rule"]) == (401, "session.reads-only")
        assert set(counts(dsn).values()) == {0}
        proposed = await propose(service, "ANNA", registry_csv(KNOWN))
        for path in ("", f"/{proposed.json()['id']}"):
            assert (await read(service, token, f"/v1/filings/proposals{path}")).status == 200
        assert (await read(service, token, "/v1/filings/sources")).status == 200
        clerk = await sign_in(service, "SANDBOX-A")
        assert (await read(service, clerk, "/v1/filings/proposals")).status == 403
        seen = bearing(clerk, **{"content-type": "text/csv"})
        assert (await service.send("POST", "/v1/filings/proposals?dry_run=true", b"x", seen)).status == 403

    serve(dsn, work, users=users_file())


def test_pages_of_differences_go_on_where_they_stopped(dsn: str) -> None:
    async def work(service: Service) -> None:
        proposed = await propose(service, "ANNA", registry_csv(KNOWN), "?limit=5")
        seen: list[str] = []
        page: Any = proposed.json()
        while True:
            seen += [one["registration_no"] for one in page["added"]]
            if page["next"] is None:
                break
            page = await get(service, f"/v1/filings/proposals/{page['id']}?limit=5&after={page['next']}")
        assert seen == sorted(one["registration_no"] for one in KNOWN)

    serve(dsn, work)


def test_the_same_proposal_twice_is_one_and_a_withdrawn_one_stays_withdrawn(dsn: str) -> None:
    async def work(service: Service) -> None:
        first = await propose(service, "ANNA", registry_csv(KNOWN))
        again = await propose(service, "BERT", registry_csv(KNOWN))
        assert (again.status, again.json()["id"]) == (200, first.json()["id"])
        assert again.json()["proposed_by"]["holder"] == "监管甲"
        path = f"/v1/filings/proposals/{first.json()['id']}/withdrawal"
        assert (await act(service, "SANDBOX-A", "POST", path)).status == 403
        for _ in range(2):
            withdrawn = await act(service, "BERT", "POST", path)
            assert (withdrawn.status, withdrawn.json()["state"]) == (200, "withdrawn")
        refused = await confirm(service, "CARA", first)
        assert (refused.status, refused.json()["problems"][0]["reason"]) == (422, "withdrawn")
        assert counts(dsn)["filings"] == 0
        service.later(seconds=1)
        anew = await propose(service, "ANNA", registry_csv(KNOWN))
        assert (anew.status, anew.json()["id"] == first.json()["id"]) == (201, False)
        assert (await confirm(service, "BERT", anew)).status == 201
        late = await act(service, "ANNA", "POST", f"/v1/filings/proposals/{anew.json()['id']}/withdrawal")
        assert (late.status, late.json()["problems"][0]["reason"]) == (422, "effective")

    serve(dsn, work)


def test_the_database_refuses_to_forget_who_decided(dsn: str) -> None:
    async def work(service: Service) -> None:
        assert (await confirm(service, "BERT", await propose(service, "ANNA", registry_csv(KNOWN)))).status == 201

    serve(dsn, work)
    for table in ("filing_proposals", "filing_differences", "filing_confirmations", "filing_proposal_ends"):
        for change in ("DELETE FROM {}", "TRUNCATE {} CASCADE"):
            with (
                psycopg.connect(dsn, autocommit=True) as connection,
                pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"),
            ):
                connection.execute(change.format(table).encode())


def test_history_is_an_insurer_s_own(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        own = [one["registration_no"] for one in KNOWN if one["insurer"] == "SANDBOX-A"]
        others = [one["registration_no"] for one in KNOWN if one["insurer"] != "SANDBOX-A"]
        (item,) = (await get(service, f"/v1/filings/{own[0]}/history", "SANDBOX-A"))["items"]
        assert (item["leaf_index"], item["file"]["sender"], item["proposal"]) == (0, "REGULATOR", None)
        for path in (others[0], f"{own[0][:-5]}99999"):
            answer = await service.call("SANDBOX-A", "GET", f"/v1/filings/{path}/history")
            assert answer.status == 404
        unsettled = await service.call(
            "REGULATOR", "GET", f"/v1/filings/{own[0]}/history?known_at=2026-09-01T04:00:00Z"
        )
        assert unsettled.status == 400

    serve(dsn, work)
