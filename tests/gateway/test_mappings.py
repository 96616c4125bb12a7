"""A new version of a mapping: proposed after a replay, approved by a second person, in force from a moment on."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from house import AT, fetch, next_number, on, world
from service import URL, Answered, Service, provisioned, serve

from adapters import insurers
from adapters.versions import Versions
from gateway.app import build, create_app
from gateway.config import load_config
from gateway.ledger.audit_database import audit_database
from gateway.mappings.in_force import in_force
from gateway.mappings.store import Activation
from schemas.verification import Outcome
from tests.candidates import candidate, versions

B = world().insurer("SANDBOX-B")
NEW_COLUMN = ('"序号",', '"序号",\n                    "返点",')
NOTHING = "sha256:" + "0" * 64


def two(folder: Path) -> Versions:
    """The shipped mappings, and a version of the list that ignores the column 返点 by name."""
    return versions(candidate(folder, "dia_csv_list", "1.1", NEW_COLUMN))


def proposal(known: Versions, service: Service, **changes: Any) -> dict[str, Any]:
    mapping = known.find("DIA-CSV-LIST", "1.1")
    assert mapping is not None
    about = {"insurer": B.code, "dialect": "DIA-CSV-LIST", "version": "1.1", "digest": known.digest(mapping)}
    counts = dict.fromkeys(("submissions", "equal", "differs", "newly_refused", "newly_accepted"), 0)
    stated = {
        **about,
        "active_from": (service.now + timedelta(hours=1)).isoformat(),
        "reason": "增加列“返点”",
        "replay": {**about, **counts, "result": NOTHING},
    }
    return stated | changes


async def propose(service: Service, stated: dict[str, Any], who: str = "OPERATOR") -> Answered:
    body = orjson.dumps(stated)
    return await service.call(who, "POST", "/v1/mappings/proposals", body, {"content-type": "application/json"})


async def approve(service: Service, proposed: Answered, who: str = "OPERATOR-2") -> Answered:
    return await service.call(who, "POST", proposed.headers["location"] + "/approval")


def message(column: str | None) -> bytes:
    """A list with one policy, and perhaps a column that the shipped mapping does not know."""
    _, body = world().render_message(B, [world().policy(B, next_number())], "any")
    if column is None:
        return body
    head, row, *_ = body.decode("gb18030").split("\r\n")
    return f"{head},{column}\r\n{row},5%\r\n".encode("gb18030")


def reasons(answered: Answered) -> set[tuple[str, str]]:
    return {(entry["rule"], entry["reason"]) for entry in answered.json()["problems"]}


async def read_by(service: Service, answered: Answered) -> tuple[str, set[str]]:
    """What a receipt says that read the message, and what the lineage of its records says."""
    got = answered.json()
    receipt = got.get("receipt", got)
    path = f"/v1/submissions/{receipt['submission_id']}/records"
    records = (await service.call(B.code, "GET", path)).json()["records"]
    named = {found["mapping"] for record in records for found in record["lineage"].values()}
    return receipt["report"]["basis"]["mapping"], named


def test_a_version_reads_from_its_moment_on_and_what_came_before_keeps_its_own(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)

    async def work(service: Service) -> None:
        before = await service.post(B.code, message(None), "text/csv")
        assert await read_by(service, before) == ("DIA-CSV-LIST/1.0", {"DIA-CSV-LIST/1.0"})
        refused = await service.post(B.code, message("返点"), "text/csv")
        assert (refused.status, reasons(refused)) == (422, {("field.unaccounted", "unknown")})
        counted = {"submissions": 2, "equal": 1, "newly_accepted": 1, "since": str(AT), "until": str(AT)}
        stated = proposal(known, service)
        stated["replay"] |= counted
        proposed = await propose(service, stated)
        assert proposed.status == 201, proposed.body
        approved = await approve(service, proposed)
        assert approved.status == 201, approved.body
        assert approved.json()["version"] == "1.1"
        # Approved is not in force: until its moment the shipped version reads.
        service.later(minutes=59, seconds=59)
        assert (await service.post(B.code, message("返点"), "text/csv")).status == 422
        service.later(seconds=1)
        after = await service.post(B.code, message("返点"), "text/csv")
        assert after.status == 201, after.body
        assert await read_by(service, after) == ("DIA-CSV-LIST/1.1", {"DIA-CSV-LIST/1.1"})
        assert await read_by(service, before) == ("DIA-CSV-LIST/1.0", {"DIA-CSV-LIST/1.0"})
        listed = (await service.call("REGULATOR", "GET", f"/v1/mappings?insurer={B.code}")).json()
        own, standard = listed["mappings"]
        assert (own["in_force"]["version"], own["in_force"]["flaw"]) == ("1.1", None)
        assert [one["version"] for one in own["versions"]] == ["1.0", "1.1"]
        assert [one["version"] for one in own["activations"]] == ["1.0", "1.1"]
        assert (standard["dialect"], standard["in_force"]["version"]) == ("DIA-CANON-JSON", "1.0")
        (told,) = listed["proposals"]
        assert told["proposal"] == proposed.json()["proposal"]
        found = (await service.call("OPERATOR", "GET", proposed.headers["location"])).json()
        assert (found["stored"], found["activation"]["version"]) == (4, "1.1")

    serve(dsn, work, versions=known)
    # The log says who proposed and who approved which file, and holds together.
    ((data,),) = on(dsn, lambda db: fetch(db, "SELECT data FROM ledger_entries WHERE kind = 'mapping'"))
    entry = orjson.loads(bytes(data))["body"]
    keys = world().operator.request_key.keyid, world().second_operator.request_key.keyid
    assert (entry["proposed_by"], entry["approved_by"]) == keys
    assert (entry["insurer"], entry["dialect"], entry["version"]) == (B.code, "DIA-CSV-LIST", "1.1")
    assert on(dsn, audit_database).outcome is Outcome.PASSED
    ((kept,),) = on(dsn, lambda db: fetch(db, "SELECT body FROM mapping_proposals"))
    assert f"sha256:{hashlib.sha256(bytes(kept)).hexdigest()}" == entry["proposal"]


def test_another_process_changes_over_at_the_same_moment(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)

    async def there(service: Service) -> None:
        async def here(other: Service) -> None:
            proposed = await propose(service, proposal(known, service))
            assert (await approve(service, proposed)).status == 201
            assert (await other.post(B.code, message("返点"), "text/csv")).status == 422
            for one in (service, other):
                one.later(hours=1)
            assert (await other.post(B.code, message("返点"), "text/csv")).status == 201
            assert (await service.post(B.code, message("返点"), "text/csv")).status == 201

        await other_service(dsn, here, known)

    serve(dsn, there, versions=known)


async def other_service(dsn: str, work: Any, known: Versions) -> None:
    """A second process, as far as it matters: an application with a state of its own."""
    clock = [AT]
    config = load_config(provisioned().config, {}, dsn=dsn, pool_size=6)
    gateway = build(config, lambda: clock[0], known)
    app = create_app(gateway)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=URL) as client:
        await work(Service(app, gateway, client, clock))


def test_everything_that_speaks_against_a_proposal_is_told_at_once(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)

    async def work(service: Service) -> None:
        await service.post(B.code, message(None), "text/csv")
        for changes, expected in (
            ({"insurer": "SANDBOX-Z"}, ("mapping.known", "no-insurer")),
            ({"insurer": "REGULATOR"}, ("mapping.known", "no-insurer")),
            ({"dialect": "DIA-EAST-TXT"}, ("mapping.known", "not-its-format")),
            ({"version": "1.2"}, ("mapping.known", "no-version")),
            ({"digest": NOTHING}, ("mapping.known", "another-file")),
            ({"active_from": str(service.now)}, ("mapping.ahead", "too-soon")),
            ({"active_from": str(service.now + timedelta(seconds=60))}, ("mapping.ahead", "too-soon")),
        ):
            stated = proposal(known, service, **changes)
            stated["replay"] |= {name: value for name, value in changes.items() if name in stated["replay"]}
            answered = await propose(service, stated)
            assert answered.status == 422
            assert expected in reasons(answered)
        # Nothing was gone through, though a message is stored.
        answered = await propose(service, proposal(known, service, active_from=str(service.now)))
        assert reasons(answered) == {("mapping.replayed", "incomplete"), ("mapping.ahead", "too-soon")}
        stated = proposal(known, service)
        stated["replay"]["version"] = "1.0"
        assert reasons(await propose(service, stated)) == {("mapping.replayed", "of-another")}
        shipped = known.shipped("DIA-CSV-LIST")
        same = {"version": shipped.version, "digest": known.digest(shipped)}
        answered = await propose(service, proposal(known, service, **same))
        assert ("mapping.changes", "in-force") in reasons(answered)

    serve(dsn, work, versions=known)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"insurer":"SANDBOX-B"}', b'{"insurer":1e999}', b"\xff" * 10, b"[" * 5000]
)
def test_what_is_no_proposal_is_refused_with_what_is_wrong(dsn: str, body: bytes) -> None:
    async def work(service: Service) -> None:
        headers = {"content-type": "application/json"}
        answered = await service.call("OPERATOR", "POST", "/v1/mappings/proposals", body, headers)
        assert answered.status in (400, 422)
        assert answered.json()["problems"]

    serve(dsn, work)


def test_numbers_of_a_replay_add_up_or_are_refused(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)

    async def work(service: Service) -> None:
        for wrong in ({"equal": 1}, {"submissions": 1}, {"equal": -1}, {"since": str(AT)}):
            stated = proposal(known, service)
            stated["replay"] |= wrong
            assert (await propose(service, stated)).status == 400

    serve(dsn, work, versions=known)


def test_one_person_alone_activates_nothing(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)

    async def work(service: Service) -> None:
        proposed = await propose(service, proposal(known, service))
        again = await propose(service, proposal(known, service), who="OPERATOR-2")
        assert (again.status, again.json()) == (200, proposed.json())
        alone = await approve(service, proposed, who="OPERATOR")
        assert (alone.status, reasons(alone)) == (422, {("mapping.second-person", "same-person")})
        for who in ("REGULATOR", "SUBSIDY", B.code):
            assert (await approve(service, proposed, who=who)).status == 403
            assert (await propose(service, proposal(known, service), who=who)).status == 403
        first = await approve(service, proposed)
        second = await approve(service, proposed)
        assert (first.status, second.status) == (201, 200)
        assert first.json() == second.json()
        nobody = await service.call("OPERATOR-2", "POST", f"/v1/mappings/proposals/{'0' * 64}/approval")
        assert nobody.status == 404

    serve(dsn, work, versions=known)
    assert on(dsn, lambda db: fetch(db, "SELECT count(*) FROM mapping_activations WHERE proposal IS NOT NULL")) == [
        (1,)
    ]


def test_a_key_whose_holder_nobody_knows_is_no_person(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)
    entries = orjson.loads((provisioned().config.parent / "participants.json").read_bytes())
    for entry in entries:
        for key in entry["keys"]:
            key.pop("holder", None)
    file = tmp_path / "participants.json"
    file.write_bytes(orjson.dumps(entries))

    async def without(service: Service) -> None:
        answered = await propose(service, proposal(known, service))
        assert reasons(answered) == {("mapping.second-person", "holder-unknown")}

    serve(dsn, without, versions=known, participants=file)


def test_two_keys_of_one_person_are_one_person(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)
    entries = orjson.loads((provisioned().config.parent / "participants.json").read_bytes())
    for entry in entries:
        if entry["role"] == "operator":
            entry["keys"][0]["holder"] = "运营甲"
    file = tmp_path / "participants.json"
    file.write_bytes(orjson.dumps(entries))

    async def work(service: Service) -> None:
        proposed = await propose(service, proposal(known, service))
        answered = await approve(service, proposed)
        assert reasons(answered) == {("mapping.second-person", "same-person")}

    serve(dsn, work, versions=known, participants=file)


def test_a_proposal_whose_moment_has_passed_cannot_be_approved(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)

    async def work(service: Service) -> None:
        proposed = await propose(service, proposal(known, service))
        service.later(hours=1)
        answered = await approve(service, proposed)
        assert (answered.status, reasons(answered)) == (422, {("mapping.ahead", "too-soon")})
        assert (await service.post(B.code, message("返点"), "text/csv")).status == 422

    serve(dsn, work, versions=known)


def test_an_insurer_sees_what_reads_its_own_messages_only(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)

    async def work(service: Service) -> None:
        proposed = await propose(service, proposal(known, service))
        listed = (await service.call(B.code, "GET", "/v1/mappings")).json()
        assert {one["insurer"] for one in listed["mappings"]} == {B.code}
        assert len(listed["proposals"]) == 1
        assert (await service.call(B.code, "GET", proposed.headers["location"])).status == 200
        assert (await service.call("SANDBOX-A", "GET", proposed.headers["location"])).status == 404
        assert (await service.call("SANDBOX-A", "GET", f"/v1/mappings?insurer={B.code}")).status == 403
        assert (await service.call("SANDBOX-A", "GET", "/v1/mappings")).json()["proposals"] == []
        everybody = (await service.call("OPERATOR", "GET", "/v1/mappings")).json()["mappings"]
        assert {one["insurer"] for one in everybody} == {one.code for one in world().insurers}

    serve(dsn, work, versions=known)


def test_a_release_without_what_is_in_force_reads_nothing_by_something_else(dsn: str, tmp_path: Path) -> None:
    known = two(tmp_path)

    async def activate(service: Service) -> None:
        assert (await approve(service, await propose(service, proposal(known, service)))).status == 201

    async def later(service: Service) -> None:
        service.later(hours=2)
        answered = await service.post(B.code, message(None), "text/csv")
        assert answered.status == 503
        assert "DIA-CSV-LIST/1.1" in answered.json()["detail"] or "映射" in answered.json()["detail"]
        listed = (await service.call("OPERATOR", "GET", f"/v1/mappings?insurer={B.code}")).json()
        assert listed["mappings"][0]["in_force"]["flaw"]
        # Others are not touched by it.
        other = world().insurer("SANDBOX-C")
        assert (await service.submit(other, world().policy(other, next_number()))).status == 201

    serve(dsn, activate, versions=known)
    serve(dsn, later)  # a release from before
    changed = candidate(tmp_path, "dia_csv_list", "1.1", NEW_COLUMN, ('"批增": (', '"批加": ('))
    serve(dsn, later, versions=versions(changed))  # a release with another file under its name


def test_a_new_release_does_not_change_what_an_installation_began_with(dsn: str, tmp_path: Path) -> None:
    """What is shipped now is for who begins now."""

    async def nothing(service: Service) -> None:
        assert (await service.post(B.code, message(None), "text/csv")).status == 201

    async def still(service: Service) -> None:
        answered = await service.post(B.code, message(None), "text/csv")
        assert (await read_by(service, answered))[0] == "DIA-CSV-LIST/1.0"

    serve(dsn, nothing)
    known = two(tmp_path)
    shipped = [module for module in modules() if module.MAPPING.dialect != "DIA-CSV-LIST"]
    new = candidate(tmp_path, "dia_csv_list", "2.0")
    old = next(module for module in modules() if module.MAPPING.dialect == "DIA-CSV-LIST")
    assert known.find("DIA-CSV-LIST", "2.0") is None
    serve(dsn, still, versions=Versions([*shipped, new], [old]))


def modules() -> list[Any]:
    return [module for module in vars(insurers).values() if hasattr(module, "MAPPING")]


def activation(version: str, active_from: datetime, *, proposal: str | None = "p") -> Activation:
    return Activation("X-1", "DIA-X", version, NOTHING, active_from, AT, proposal)


def test_what_took_effect_last_reads_and_of_equals_what_was_approved_last() -> None:
    day = timedelta(days=1)
    shipped = activation("1.0", AT + 10 * day, proposal=None)
    june, july = activation("1.1", AT + day), activation("1.2", AT + 2 * day)
    assert in_force([], AT) is None
    assert in_force([shipped, june, july], AT) is shipped
    for order in ([shipped, june, july], [shipped, july, june], [july, june, shipped]):
        assert in_force(order, AT + day) is june
        assert in_force(order, AT + 2 * day) is july
    undone = activation("1.0", AT + 2 * day)
    assert in_force([shipped, june, july, undone], AT + 2 * day) is undone
    assert in_force([shipped, june, undone, july], AT + 2 * day) is july
