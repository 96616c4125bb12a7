"""What a cause touches, what judging again makes of it, and that nothing changes where nothing is to change."""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import AT, arrived, judges, next_number, on, trust, world
from service import provisioned
from test_lives import latest, verified

from gateway.commands.impact import show_impact
from gateway.config import load_config
from gateway.db import Connection, new_pool
from gateway.errors import Misconfigured
from gateway.filing.registry import FilingRegistry
from gateway.submissions.gather import Judges
from gateway.submissions.impact import Cause, UnknownCause, find_touched, read_cause, write_list
from gateway.submissions.receive import receive
from gateway.submissions.recheck import recheck
from gateway.submissions.rejudge import rejudge
from schemas.canonical import canonical
from schemas.filing import Filing, Source
from schemas.money import Yuan
from signing import TrustStore
from signing.signer import load_signer

C, D = "SANDBOX-C", "SANDBOX-D"
LATER = AT + timedelta(days=1)


async def touched(connection: Connection, cause: str) -> list[str]:
    return [one.policy_no async for one in find_touched(connection, read_cause(cause), batch=2)]


def withdrawn(clause: str) -> Judges:
    """The registry states that this clause was withdrawn from the beginning."""
    filings = []
    for one in world().filings():
        filing = Filing.model_validate(one)
        if filing.registration_no == clause:
            interval = {"state": "withdrawn", "from": filing.intervals[0].from_.isoformat()}
            filing = Filing.model_validate({**filing.model_dump(mode="json", by_alias=True), "intervals": [interval]})
        filings.append(filing)
    source = filings[0].source
    changed = FilingRegistry(filings, [Source(registry=source.registry, as_of=source.as_of, fetched_at=AT)])

    async def read(_: Connection) -> FilingRegistry:
        return changed

    return judges(registry=read)


def test_what_a_withdrawn_clause_touches_is_listed_and_judged_again(dsn: str) -> None:
    insurer, other = world().insurer(C), world().insurer(D)
    clause = world().clause(insurer, "main")["registration_no"]

    async def run(connection: Connection) -> None:
        mine = [await verified(connection, insurer) for _ in range(3)]
        theirs = await verified(connection, other)
        numbers = sorted(facts.policy_no for facts in mine)
        found = [one async for one in find_touched(connection, Cause("clause", clause), batch=2)]
        assert set(numbers) <= {one.policy_no for one in found}
        assert theirs.policy_no not in {one.policy_no for one in found}
        (own,) = (one for one in found if one.policy_no == numbers[0])
        assert own.as_json()["at_stake"] == next(facts.gross for facts in mine if facts.policy_no == numbers[0])

        keys = [(C, number) for number in numbers]
        # As long as nothing has changed, judging again leaves no trace.
        assert await rejudge(connection, keys, judges(), AT) == []
        tried = await rejudge(connection, keys, withdrawn(clause), LATER, rehearse=True)
        assert {change.premium.status for change in tried} == {"withdrawn"}
        assert (await latest(connection, numbers[0]))["status"] == "verified"
        done = await rejudge(connection, keys, withdrawn(clause), LATER)
        assert [change.premium for change in done] == [change.premium for change in tried]
        for facts in mine:
            premium = await latest(connection, facts.policy_no)
            assert premium["status"] == "withdrawn"
            assert premium["impact"]["clawback"] == facts.gross
        assert await rejudge(connection, keys, withdrawn(clause), LATER) == []
        # A clause that is in use again makes them whole.
        again = await rejudge(connection, keys, judges(), LATER)
        assert {change.premium.status for change in again} == {"verified"}

    on(dsn, run)


def test_causes_by_key_certificate_insurer_and_rule(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        facts = await verified(connection, insurer)
        premium = await latest(connection, facts.policy_no)
        digest = premium["evidence"]["documents"][0]["digest"]
        cursor = await connection.execute("SELECT verdict FROM document_verdicts WHERE digest = %s", (digest,))
        row = await cursor.fetchone()
        assert row is not None
        signer = row[0]["report"]["seals"][0]["signer"]
        for cause in (
            f"key:{insurer.request_key.keyid}",
            f"certificate:{signer['serial']}",
            f"issuer:{signer['issuer']}",
            f"insurer:{C}",
            "rule:premium.paid-in-full",
            "all",
        ):
            assert facts.policy_no in await touched(connection, cause), cause
        for cause in ("key:nobody", "certificate:00", "insurer:SANDBOX-D", "rule:premium.no-such-rule", "clause:C0"):
            assert facts.policy_no not in await touched(connection, cause), cause

    on(dsn, run)


def test_a_document_judged_again_after_its_certificate_expired_still_stands(dsn: str, tmp_path: Path) -> None:
    """It was here, and in the log, while the certificate was good: that is proof of its own."""
    insurer = world().insurer(C)
    world().trust_dir(tmp_path)

    async def run(connection: Connection) -> None:
        facts = await verified(connection, insurer)
        extra = next((tmp_path / "signers").iterdir())
        (tmp_path / "xml").mkdir(exist_ok=True)
        (tmp_path / "xml" / f"other-{extra.name}").write_bytes(extra.read_bytes())
        changed = TrustStore.load(tmp_path)
        assert changed.digest != trust().digest  # so that everything is judged again
        years = AT + timedelta(days=20 * 365)
        changes = await rejudge(connection, [(C, facts.policy_no)], judges(trust=changed), years)
        seals = [
            check
            for change in changes
            for check in change.premium.report.checks
            if check.outcome != "passed" and check.rule.startswith(("evidence", "certificate", "seal", "signature"))
        ]
        assert not [check for check in seals if check.outcome == "failed"], seals

    on(dsn, run)


def test_what_waited_for_a_filing_is_verified_when_it_comes_and_each_basis_is_one_round(dsn: str) -> None:
    insurer = world().insurer(C)
    clause = world().clause(insurer, "main")["registration_no"]

    async def run() -> None:
        async with new_pool(dsn, 4) as pool:
            async with pool.connection() as connection:
                facts = await verified(connection, insurer)
            first = await recheck(pool, judges(), lambda: AT)
            assert first is not None
            assert (first.changed, await recheck(pool, judges(), lambda: AT)) == (0, None)
            gone = withdrawn(clause)
            # Stopped in the middle, it goes on where it was.
            seen = 0
            while (one := await recheck(pool, gone, lambda: LATER, most=1)) is not None:
                seen += one.changed
            assert seen >= 1
            async with pool.connection() as connection:
                assert (await latest(connection, facts.policy_no))["status"] == "withdrawn"

    asyncio.run(run())


def test_the_command_lists_signs_judges_and_applies(dsn: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    insurer = world().insurer(C)
    config = load_config(provisioned().config, {}, dsn=dsn)
    numbers: list[str] = []

    async def prepare(connection: Connection) -> None:
        numbers.append((await verified(connection, insurer)).policy_no)

    on(dsn, prepare)
    cause = f"key:{insurer.request_key.keyid}"

    def shown(**how: bool) -> tuple[int, dict[str, Any]]:
        given: dict[str, Any] = {"judge": False, "apply": False, **how}
        code = show_impact(config, cause, after=None, as_json=True, language="zh", **given)
        return code, orjson.loads(capsysbinary.readouterr().out)

    code, listed = shown()
    assert code == 1
    signature = listed.pop("signature")
    signer = load_signer(Path(config.signing_key).read_bytes())
    assert base64.b64decode(signature["value"]) == signer.sign(canonical(listed))  # Ed25519 has one signature
    assert numbers[0] in {one["policy_no"] for one in listed["premiums"]}
    assert Yuan.of(listed["at_stake"]).fen > 0
    # Nothing was filed in this database: judging again finds that, and applying makes it known.
    code, tried = shown(judge=True)
    assert (code, tried["applied"]) == (1, False)
    assert {one["after"] for one in tried["changes"]} <= {"held", "withdrawn"}
    code, done = shown(apply=True)
    assert (code, done["applied"]) == (1, True)
    assert shown(apply=True)[0] == 0
    with pytest.raises(Misconfigured):
        show_impact(config, "nothing", judge=False, apply=False, after=None, as_json=True, language="zh")


@pytest.mark.parametrize("text", ["", "clause:", "filing:1", "ALL", "clause", "all:1"])
def test_a_cause_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UnknownCause):
        read_cause(text)


def test_a_list_is_written_in_its_canonical_form() -> None:
    entries: list[object] = [{"policy_no": f"P{n}", "subsidies_at_stake": {"B": "1.00", "A": "示例"}} for n in range(3)]
    for premiums in ([], entries):
        body = {"type": "impact_list", "touched": 3, "premiums": premiums, "because": "clause:一", "applied": True}
        assert write_list(body) == canonical(body)


def test_an_invoice_of_several_policies_touches_all_of_them_by_its_key(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        one, other = [await verified(connection, insurer) for _ in range(2)]
        media_type, body = world().render_message(insurer, [world().invoice(one)], f"m-{next_number()}")
        message = orjson.loads(body)
        message["record"]["policy_nos"] = [one.policy_no, other.policy_no]
        sent = arrived(insurer, orjson.dumps(message), media_type, keyid="stolen")
        (answer,) = await receive(connection, [sent], judges())
        assert answer.status != "refused", answer.receipt
        assert {one.policy_no, other.policy_no} <= set(await touched(connection, "key:stolen"))

    on(dsn, run)
