"""Registries and deliveries in the verdict: what the archive says decides, and a package is delivered once."""

from datetime import date
from typing import Any

from house import AT, arrival, failing, judges, next_number, on, receipt_of, world
from test_lives import latest, take, verified

from gateway.db import Connection
from gateway.registries.check import Terms
from gateway.registries.entries import Variety
from gateway.registries.registry import NOTHING_STATED, Registries, Registry, Stated
from gateway.submissions.gather import Judges
from gateway.submissions.rejudge import rejudge
from sandbox.records import PolicyFacts, Record

C, D = "SANDBOX-C", "SANDBOX-D"


def archive(*facts: PolicyFacts, required: tuple[str, ...] = (), **changes: Any) -> Judges:
    """The archive of varieties has these products, but for the changes."""
    stated = []
    for one in facts:
        product = one.body["product"]
        entry = {
            "approval_no": product["approval_no"],
            "generic_name": product["generic_name"],
            "approval_date": product["approval_date"],
            "registration_class": product["registration_class"],
            "holder": product["holder"]["name"],
            "holder_code": product["holder"]["credit_code"],
            "is_new_drug": True,
        }
        stated.append(Stated("ZJ-ARCHIVE", AT.date(), Variety.model_validate(entry | changes)))
    varieties = Registry(stated, {"ZJ-ARCHIVE": date(2026, 8, 31)}, AT)
    nothing = NOTHING_STATED
    known = Registries(varieties, nothing.credit, nothing.sister_awards, nothing.hospital_list)

    async def read(_: Connection) -> Registries:
        return known

    return judges(registries=read, asked=Terms(required=required))


def test_the_archive_decides_once_it_is_connected(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        facts = await verified(connection, insurer)
        keys = [(C, facts.policy_no)]
        assert await rejudge(connection, keys, archive(facts), AT) == []
        (changed,) = await rejudge(connection, keys, archive(facts, registration_class="化学药品4类"), AT)
        assert changed.premium.status == "withdrawn"
        assert failing(await latest(connection, facts.policy_no)) == {
            ("product.archive-agrees", "class-differs", "product.registration_class")
        }
        assert set(changed.premium.report.basis) == {"catalogue", "trust", "filings", "varieties"}
        (changed,) = await rejudge(connection, keys, archive(facts, is_new_drug=None), AT)
        assert changed.premium.status == "held"
        (changed,) = await rejudge(connection, keys, archive(facts), AT)
        assert changed.premium.status == "verified"
        # Required and never connected is not known, and that is no pass.
        (changed,) = await rejudge(connection, keys, archive(facts, required=("credit",)), AT)
        assert (changed.premium.status, changed.premium.report.failing()) == ("held", ("holder.not-dishonest",))

    on(dsn, run)


def delivery(facts: PolicyFacts, *codes: str, insurer: str | None = None, **changes: Any) -> Record:
    body = {
        "policy_no": facts.policy_no,
        "product": facts.body["product"],
        "buyer": {"name": "示例省人民医院", "credit_code": "12330000470051726F"},
        "delivered_on": "2026-08-20",
        "quantity": str(max(1, len(codes))),
        "trace_codes": list(codes),
    }
    return Record("delivery", insurer or facts.insurer, body | changes)


def codes(count: int) -> list[str]:
    return [f"8{next_number():019d}" for _ in range(count)]


def test_a_package_is_delivered_once_and_an_insurer_learns_nothing_of_another(dsn: str) -> None:
    insurer, other = world().insurer(C), world().insurer(D)

    async def run(connection: Connection) -> None:
        mine, theirs = await verified(connection, insurer), await verified(connection, other)
        own = codes(3)
        (answer,) = await take(connection, arrival(insurer, delivery(mine, *own)))
        assert answer.status == "verified", receipt_of(answer)["report"]
        again = delivery(theirs, own[0], *codes(1))
        (answer,) = await take(connection, arrival(other, again))
        assert answer.status == "refused"
        assert "delivery.trace-codes-once" in [
            check["rule"] for check in receipt_of(answer)["report"]["checks"] if check["outcome"] == "failed"
        ]
        assert mine.policy_no not in answer.receipt.decode()
        assert C not in answer.receipt.decode()
        # The refused one keeps its codes, and the very same message is the same answer.
        (answer,) = await take(connection, arrival(insurer, delivery(mine, again.body["trace_codes"][1])))
        assert answer.status == "refused"
        first = arrival(insurer, delivery(mine, *codes(1)))
        (answer,) = await take(connection, first)
        assert answer.status == "verified"

    on(dsn, run)


def test_two_messages_of_one_transaction_do_not_share_a_package(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        one, other = await verified(connection, insurer), await verified(connection, insurer)
        (code,) = codes(1)
        answers = await take(connection, arrival(insurer, delivery(one, code)), arrival(insurer, delivery(other, code)))
        assert [answer.status for answer in answers] == ["verified", "refused"]

    on(dsn, run)


def test_a_user_that_is_the_applicant_is_refused(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        facts = await verified(connection, insurer)
        (answer,) = await take(connection, arrival(insurer, delivery(facts, buyer=facts.body["policyholder"])))
        assert answer.status == "refused"

    on(dsn, run)
