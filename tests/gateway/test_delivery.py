"""Deliveries: what others' libraries verify, in order, at least once, and to nowhere that the operator did not list."""

import asyncio
import base64
import json
import os
import signal
import ssl
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from cryptography.hazmat.primitives.serialization import load_der_public_key
from house import e_policy, naming, next_number, world
from listening import Answer, endless, raw, silent, trickling, whole
from listening import serve as listening
from receiver import Message, Receiver, receiving
from service import Service, provisioned, serve
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.delivery import schedule
from gateway.delivery.events import TYPES
from gateway.delivery.send import Sender
from gateway.delivery.targets import NotAllowed, Targets, is_public
from gateway.delivery.worker import Worker, new_sender

PATH = "/v1/subscriptions"
VERIFIED, HELD, WITHDRAWN, IMPACT = (
    f"cn.gateway.premium.{kind}" for kind in ("verified", "held", "withdrawn", "impact")
)


async def ask(service: Service, method: str, path: str, body: Any = None, who: str = "SUBSIDY") -> Any:
    """The answer to a call that succeeds."""
    got = await asked(service, method, path, body, who)
    assert got.status in (200, 201), got.body
    return got.json()


async def asked(service: Service, method: str, path: str, body: Any = None, who: str = "SUBSIDY") -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return await service.call(who, method, path, content, {"content-type": "application/json"} if content else {})


async def subscribe(service: Service, receiver: Receiver, **more: Any) -> Any:
    return await ask(service, "POST", PATH, {"url": receiver.url, **more})


async def a_policy(service: Service, *undone: str, sealed: bool = False) -> str:
    """A policy and its receipt: two revisions; a refund is a third, which withdraws it if it was verified."""
    who = world().insurer("SANDBOX-C")
    facts = world().policy(who, next_number())
    told: Any = facts
    if sealed:
        paper = e_policy(who, facts)
        await service.put(who, paper)
        told = naming(facts, "policy", paper)
    refunds = [world().refund(facts, amount="100.00")] if "refund" in undone else []
    for record in (told, world().receipt(facts), *refunds):
        assert (await service.submit(who, record)).status == 201
    return facts.policy_no


class Deliveries:
    """A worker that works when it is told to."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.sender = new_sender(service.gateway.config)
        self._worker = Worker(service.gateway, self.sender)

    async def until_quiet(self, identity: str) -> None:
        async with self._service.gateway.pool.connection() as connection:
            while await self._worker.deliver(connection, identity):
                pass


def run(dsn: str, work: Callable[[Service, Receiver, Deliveries], Awaitable[None]], **config: Any) -> None:
    async def inner(service: Service) -> None:
        deliveries = Deliveries(service)
        async with receiving() as receiver:
            try:
                await work(service, receiver, deliveries)
            finally:
                await deliveries.sender.close()

    serve(dsn, inner, **({"deliver": False, "delivery_insecure_localhost": True} | config))


# What is sent


def test_what_is_sent_is_what_both_standards_say_and_others_verify(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        await service.push_filings()
        made = await subscribe(service, receiver)
        policy_no = await a_policy(service, "refund", sealed=True)
        service.clock[0] = datetime.now(UTC)  # others' libraries look at the clock
        await deliveries.until_quiet(made["id"])
        kinds = [message.event["type"] for message in receiver.accepted]
        assert kinds == [HELD, VERIFIED, WITHDRAWN, IMPACT]
        feed = await ask(service, "GET", "/v1/premiums/changes")
        for message, item in zip(receiver.accepted, [*feed["items"], feed["items"][-1]], strict=True):
            verified = Webhook(made["secret"]).verify(message.body, message.headers)
            assert verified["data"] == item
            event = from_structured(HTTPMessage(message.headers, message.body), JSONFormat())
            assert event.get_id() == message.id
            assert event.get_source() == "//" + service.gateway.config.log_origin
            assert event.get_subject() == f"premium:SANDBOX-C/{policy_no}"
            assert event.get_time() == datetime.fromisoformat(item["premium"]["known_at"])
            assert event.get_specversion() == "1.0"
            assert event.get_data() == item
            assert message.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
            assert int(message.event["sequence"]) == item["position"]
            assert "." not in message.id
            own_key_verifies(service, made["public_key"], message)
        assert len({message.id for message in receiver.accepted}) == 4
        spoilt = receiver.accepted[0].body.replace(b"held", b"hold")
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(spoilt, receiver.accepted[0].headers)
        impact = receiver.accepted[-1].event["data"]["premium"]["impact"]
        assert impact["clawback"] == impact["before"]

    run(dsn, work)


def own_key_verifies(service: Service, public: str, message: Message) -> None:
    """The asymmetric signature, by the gateway's published key."""
    key: Any = load_der_public_key(service.gateway.signer.spki)
    assert public == "whpk_" + base64.b64encode(key.public_bytes_raw()).decode()
    signatures = dict(part.split(",", 1) for part in message.headers["webhook-signature"].split(" "))
    content = f"{message.id}.{message.headers['webhook-timestamp']}.".encode() + message.body
    key.verify(base64.b64decode(signatures["v1a"]), content)


def test_only_wanted_types_are_sent_from_where_it_was_asked(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        await service.push_filings()
        await a_policy(service, "refund", sealed=True)
        now = await subscribe(service, receiver, types=[VERIFIED, IMPACT])
        assert now["from_position"] == 3
        await deliveries.until_quiet(now["id"])
        assert receiver.came == []
        await a_policy(service, "refund", sealed=True)
        await deliveries.until_quiet(now["id"])
        assert [message.event["type"] for message in receiver.accepted] == [VERIFIED, IMPACT]
        await ask(service, "DELETE", f"{PATH}/{now['id']}")
        early = await subscribe(service, receiver, types=[HELD], from_position=0)
        await deliveries.until_quiet(early["id"])
        assert [message.event["data"]["position"] for message in receiver.accepted[2:]] == [1, 4]
        again = await ask(service, "POST", f"{PATH}/{early['id']}/replay", {"from_position": 1})
        assert again["position"] == 1
        await deliveries.until_quiet(early["id"])
        assert [message.id for message in receiver.accepted[4:]] == ["premium_4_held"]

    run(dsn, work)


# Subscriptions


def test_a_subscription_is_its_owners_and_its_secret_is_told_once(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        made = await subscribe(service, receiver, types=[IMPACT, HELD])
        assert made["types"] == [HELD, IMPACT]
        assert made["secret"].startswith("whsec_")
        one = f"{PATH}/{made['id']}"
        assert (await asked(service, "POST", PATH, {"url": receiver.url})).status == 409
        for path in (PATH, one, f"{one}/attempts"):
            assert "whsec_" not in json.dumps(await ask(service, "GET", path))
            assert (await asked(service, "GET", path, who="OPERATOR")).status == 200
            for who in ("SANDBOX-C", "REGULATOR"):
                assert (await asked(service, "GET", path, who=who)).status == 403
        operators = await ask(service, "POST", PATH, {"url": receiver.url}, "OPERATOR")
        assert (await asked(service, "GET", f"{PATH}/{operators['id']}")).status == 404
        assert (await asked(service, "DELETE", f"{PATH}/{operators['id']}")).status == 404
        assert [each["id"] for each in (await ask(service, "GET", PATH))["subscriptions"]] == [made["id"]]
        both = (await ask(service, "GET", PATH, who="OPERATOR"))["subscriptions"]
        assert {each["owner"] for each in both} == {"SUBSIDY-ZJ", "OPERATOR"} or len(both) == 2
        ended = await ask(service, "DELETE", one)
        assert (ended["status"], ended["ended_reason"]) == ("ended", "deleted")
        service.later(days=1)
        assert await ask(service, "DELETE", one) == ended  # once
        await a_policy(service)
        await deliveries.until_quiet(made["id"])
        assert receiver.came == []
        assert (await asked(service, "POST", f"{one}/replay", {"from_position": 0})).status == 409
        assert (await subscribe(service, receiver))["id"] != made["id"]

    run(dsn, work)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"url": "http://example.com/"},
        {"url": "https://elsewhere.example/hook"},
        {"url": "https://hooks.example:8443/"},
        {"url": "https://hooks.example@elsewhere.example/"},
        {"url": "https://user:word@hooks.example/"},
        {"url": "https://hooks.example/#part"},
        {"url": "https://hooks.example:99999/"},
        {"url": "https://[::1"},
        {"url": "ftp://hooks.example/"},
        {"url": "https://hooks.exämple/"},
        {"url": "https://hooks.example./"},
        {"url": "https://hooks.example/ x"},
        {"url": "file:///etc/passwd"},
        {"url": "https://hooks.example/" + "a" * 500},
        {"url": "https://hooks.example/", "types": []},
        {"url": "https://hooks.example/", "types": ["cn.gateway.premium.other"]},
        {"url": "https://hooks.example/", "from_position": 1},
        {"url": "https://hooks.example/", "from_position": -1},
        {"url": "https://hooks.example/", "secret": "mine"},
        [],
        "x",
    ],
)
def test_what_cannot_be_subscribed_is_refused(dsn: str, wrong: Any) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        assert (await asked(service, "POST", PATH, wrong)).status == 400
        fine = {"url": "https://hooks.example/in?x=1", "types": [TYPES[0]], "from_position": 0}
        assert (await asked(service, "POST", PATH, fine)).status == 201

    run(dsn, work, delivery_hosts=("hooks.example",), delivery_insecure_localhost=False)


# Order and retries


def test_a_later_revision_is_not_sent_before_the_earlier_was_accepted(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        made = await subscribe(service, receiver)
        poisoned = await a_policy(service)
        other = await a_policy(service)
        receiver.answer = lambda message: 500 if message.policy_no == poisoned and message.revision == 1 else 200
        await deliveries.until_quiet(made["id"])
        assert {message.policy_no for message in receiver.accepted} == {other}
        assert [message.revision for message in receiver.accepted] == [1, 2]
        for delay in (timedelta(seconds=6), timedelta(minutes=6), timedelta(hours=1)):
            service.clock[0] += delay
            await deliveries.until_quiet(made["id"])
        tried = [message for message in receiver.came if message.policy_no == poisoned]
        assert [message.revision for message in tried] == [1] * 4
        assert len({message.id for message in tried}) == 1
        assert len({message.headers["webhook-timestamp"] for message in tried}) == 4
        state = await ask(service, "GET", f"{PATH}/{made['id']}")
        assert (state["waiting"], state["given_up"]) == (2, 0)
        receiver.answer = lambda message: 200
        service.later(hours=3)
        await deliveries.until_quiet(made["id"])
        assert [m.revision for m in receiver.accepted if m.policy_no == poisoned] == [1, 2]
        attempts = (await ask(service, "GET", f"{PATH}/{made['id']}/attempts"))["attempts"]
        assert [one["accepted"] for one in attempts[:2]] == [True, True]
        assert {one.get("status") for one in attempts} == {200, 500}
        assert len(attempts) == len(receiver.came)

    run(dsn, work)


def test_what_is_given_up_after_28_hours_is_replayed_when_asked(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        made = await subscribe(service, receiver)
        poisoned = await a_policy(service)
        receiver.answer = lambda message: 500 if message.policy_no == poisoned else 200
        begun = service.now
        for minutes in (0, 1, 10, 45, 190, 500, 1120, 1760, 2000, 2400):
            service.clock[0] = begun + timedelta(minutes=minutes)
            await a_policy(service)  # which is accepted: the endpoint itself does not fail
            await deliveries.until_quiet(made["id"])
        tried = [message for message in receiver.came if message.policy_no == poisoned]
        assert len(tried) == schedule.ATTEMPTS
        last = int(tried[-1].headers["webhook-timestamp"]) - int(begun.timestamp())
        assert timedelta(hours=27) < timedelta(seconds=last) < timedelta(hours=30)
        state = await ask(service, "GET", f"{PATH}/{made['id']}")
        assert (state["status"], state["waiting"], state["given_up"]) == ("active", 2, 1)
        receiver.answer = lambda message: 200
        await ask(service, "POST", f"{PATH}/{made['id']}/replay", {"from_position": state["position"]})
        await deliveries.until_quiet(made["id"])
        assert [m.revision for m in receiver.accepted if m.policy_no == poisoned] == [1, 2]

    run(dsn, work)


def test_an_outage_uses_nothing_up_and_ends_by_itself(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        made = await subscribe(service, receiver)
        policies = [await a_policy(service) for _ in range(4)]
        receiver.answer = lambda message: 503
        begun = service.now
        while service.now - begun < timedelta(days=4):
            await deliveries.until_quiet(made["id"])
            service.later(minutes=61)
        assert len(receiver.came) < 4 * 24 + 20  # asked with one at a time, and not more than once an hour
        receiver.answer = lambda message: 200
        service.later(hours=1)
        await deliveries.until_quiet(made["id"])
        service.later(hours=11)
        await deliveries.until_quiet(made["id"])
        told = defaultdict(list)
        for message in receiver.accepted:
            told[message.policy_no].append(message.revision)
        assert told == {policy: [1, 2] for policy in policies}

    run(dsn, work)


def test_an_endpoint_that_fails_for_five_days_is_ended_with_a_date(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        made = await subscribe(service, receiver)
        policy = await a_policy(service)
        receiver.answer = lambda message: 500
        begun = service.now
        ended: Any = made
        while ended["status"] == "active" and service.now - begun < timedelta(days=8):
            await deliveries.until_quiet(made["id"])
            ended = await ask(service, "GET", f"{PATH}/{made['id']}")
            service.later(hours=5)
        assert ended["ended_reason"] == "failing"
        days = datetime.fromisoformat(ended["ended_at"]) - begun
        assert timedelta(days=5) <= days < timedelta(days=6)
        receiver.answer = lambda message: 200
        before = len(receiver.came)
        await deliveries.until_quiet(made["id"])
        assert len(receiver.came) == before
        anew = await subscribe(service, receiver, from_position=0)  # nothing is lost: it begins where it likes
        await deliveries.until_quiet(anew["id"])
        assert [m.revision for m in receiver.accepted if m.policy_no == policy] == [1, 2]

    run(dsn, work)


def test_who_is_gone_is_sent_nothing_more(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        made = await subscribe(service, receiver)
        await a_policy(service)
        receiver.answer = lambda message: 410
        await deliveries.until_quiet(made["id"])
        ended = await ask(service, "GET", f"{PATH}/{made['id']}")
        assert (ended["ended_reason"], len(receiver.came)) == ("gone", 1)

    run(dsn, work)


def test_who_asks_for_time_gets_it(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, deliveries: Deliveries) -> None:
        made = await subscribe(service, receiver)
        await a_policy(service)
        receiver.answer = lambda message: (429, "Retry-After: 3600\r\n")
        await deliveries.until_quiet(made["id"])
        service.later(minutes=55)
        await deliveries.until_quiet(made["id"])
        assert len(receiver.came) == 1
        service.later(minutes=10)
        await deliveries.until_quiet(made["id"])
        assert len(receiver.came) == 2

    run(dsn, work)


def test_the_schedule_spans_28_hours() -> None:
    at = begun = datetime(2026, 1, 1, tzinfo=UTC)
    for failed in range(1, schedule.ATTEMPTS):
        following = schedule.next_attempt("premium_1_held", failed, at, None)
        assert following is not None
        at = following
    assert timedelta(hours=27.5) < at - begun < timedelta(hours=28.2)
    assert schedule.next_attempt("premium_1_held", schedule.ATTEMPTS, at, 10) is None
    far = schedule.next_attempt("x", 1, begun, 10**7)
    assert far == begun + timedelta(hours=24)
    assert schedule.rest(2) == timedelta(0)
    assert [schedule.rest(failures) for failures in (3, 4, 10, 1000)] == [
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(hours=1),
        timedelta(hours=1),
    ]


# Where nothing is sent


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *((one, True) for one in ("1.1.1.1", "223.5.5.5", "2400:3200::1")),
        *((one, False) for one in ("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254")),
        *((one, False) for one in ("0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0")),
        *((one, False) for one in ("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "fd00::1", "ff02::1", "x")),
        ("::ffff:1.1.1.1", True),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_name_with_one_private_address_is_not_called() -> None:
    targets = Targets(frozenset({"hooks.example", "inside.example"}), frozenset({"inside.example"}))
    out, inside = targets.read("https://hooks.example/"), targets.read("https://inside.example/")
    assert targets.choose(out, ["1.1.1.1", "1.0.0.1"]) == "1.1.1.1"
    assert targets.choose(inside, ["10.0.0.1"]) == "10.0.0.1"
    for addresses in (["10.0.0.1"], ["1.1.1.1", "::1"], []):
        with pytest.raises(NotAllowed):
            targets.choose(out, addresses)


def sending(url: str, targets: Targets, *addresses: str, timeout: float = 5, ca: ssl.SSLContext | None = None) -> Any:
    """What comes of one message to `url`, whose host has these addresses."""

    async def inner() -> Any:
        async def resolver(host: str, port: int) -> list[str]:
            return list(addresses)

        sender = Sender(targets, timeout=timeout, resolver=resolver, ca=ca)
        try:
            return await sender.send(url, {"content-type": "text/plain"}, b"{}")
        finally:
            await sender.close()

    return asyncio.run(inner())


LOCAL = Targets(frozenset(), local=True)


@pytest.mark.parametrize(
    ("answer", "reason", "status"),
    [
        (whole(b"", status="204 No Content"), "accepted", 204),
        (whole(b"ok"), "accepted", 200),
        (whole(b"x" * 1_000_000), "accepted", 200),
        (endless, "accepted", 200),
        (whole(b"", "Location: http://169.254.169.254/", status="302 Found"), "redirected", 302),
        (whole(b"", status="410 Gone"), "gone", 410),
        (whole(b"", status="500 Oops"), "status", 500),
        (whole(b"", status="100 Continue"), "unreachable", None),
        (raw(b"hello\r\n\r\n"), "unreachable", None),
        (raw(b""), "unreachable", None),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000), "unreachable", None),
        (trickling(b"HTTP/1.1 200 OK\r\n\r\n", 0.2), "too-slow", None),
        (silent, "too-slow", None),
    ],
)
def test_whatever_an_endpoint_does_the_answer_is_bounded(answer: Answer, reason: str, status: int | None) -> None:
    with listening() as server:
        server.answers["/hook"] = answer
        sent = sending(f"{server.url}/hook", LOCAL, "127.0.0.1", timeout=1)
        assert (sent.reason, sent.status) == (reason, status)
        assert sent.accepted is (reason == "accepted")
        assert len(server.requests) == 1


def test_what_is_not_listed_any_more_is_not_called_any_more() -> None:
    with listening() as server:
        port = server.url.rpartition(":")[2]
        hosts = Targets(frozenset({f"hooks.example:{port}"}))
        assert sending(f"https://hooks.example:{port}/", Targets(frozenset()), "127.0.0.1").reason == "host"
        assert sending(f"https://hooks.example:{port}/", hosts, "127.0.0.1").reason == "private-address"
        assert sending(f"https://hooks.example:{port}/", hosts).reason == "unresolvable"
        assert sending(f"{server.url}/", hosts, "127.0.0.1").reason == "not-https"
        assert server.requests == []


def test_tls_names_the_host_and_connects_to_the_address(tmp_path: Path) -> None:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "9",
    ]
    command += ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt"), "-subj", "/CN=hooks.example"]
    subprocess.run([*command, "-addext", "subjectAltName=DNS:hooks.example"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "crt"))
    with listening(context) as server:
        server.answers["/hook"] = whole(b"")
        port = server.url.rpartition(":")[2]
        names = frozenset({"hooks.example", "other.example"})
        targets = Targets(frozenset(f"{name}:{port}" for name in names), names)
        fine = sending(f"https://hooks.example:{port}/hook", targets, "127.0.0.1", ca=trusting)
        assert fine.reason == "accepted"
        assert f"host: hooks.example:{port}\r\n".encode() in server.requests[0].lower()
        assert sending(f"https://other.example:{port}/hook", targets, "127.0.0.1", ca=trusting).reason == "tls"
        assert sending(f"https://hooks.example:{port}/hook", targets, "127.0.0.1").reason == "tls"
        assert len(server.requests) == 1


# Workers


def test_the_service_delivers_by_itself(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, _: Deliveries) -> None:
        await subscribe(service, receiver)
        await a_policy(service)
        async with asyncio.timeout(10):
            while len(receiver.accepted) < 2:
                await asyncio.sleep(0.05)

    run(dsn, work, deliver=True)


def test_workers_that_are_killed_lose_nothing_and_overtake_nothing(dsn: str) -> None:
    """Two processes at a time, killed again and again while they send; in the end everybody heard everything."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    environment |= {"GATEWAY_DSN": dsn, "GATEWAY_DELIVERY_INSECURE_LOCALHOST": "true"}
    command = [sys.executable, "-m", "gateway.cli", "work", "--config", str(provisioned().config)]
    root = Path(__file__).parents[2]

    async def work(service: Service, receiver: Receiver, _: Deliveries) -> None:
        made = await subscribe(service, receiver)
        policies = [await a_policy(service) for _ in range(20)]
        receiver.pause = 0.02
        expected = {policy: {1, 2} for policy in policies}

        def heard() -> dict[str, set[int]]:
            told = defaultdict(set)
            for message in receiver.accepted:
                told[message.policy_no].add(message.revision)
            return dict(told)

        processes: list[asyncio.subprocess.Process] = []
        try:
            for is_last in (False, True):
                processes = [
                    await asyncio.create_subprocess_exec(*command, env=environment, cwd=root)
                    for _ in range(1 + is_last)
                ]
                seen = len(receiver.came)
                async with asyncio.timeout(60):
                    while len(receiver.came) < seen + 5:
                        await asyncio.sleep(0.01)
                if not is_last:
                    for process in processes:
                        process.send_signal(signal.SIGKILL)
                        await process.wait()
            async with asyncio.timeout(60):
                while (await ask(service, "GET", f"{PATH}/{made['id']}"))["waiting"]:
                    await asyncio.sleep(0.1)
            for process in processes:
                process.send_signal(signal.SIGTERM)
                assert await process.wait() in (0, -signal.SIGTERM)  # the latter before it had begun
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        assert heard() == expected
        for policy in policies:
            first = [message.revision for message in receiver.accepted if message.policy_no == policy]
            assert first == sorted(first) or first.index(2) > first.index(1)
        ids = [message.id for message in receiver.accepted]
        assert len(set(ids)) == 40  # a repeat has the same id: the receiver knows it again
        bodies = {message.id: message.body for message in receiver.accepted}
        assert all(message.body == bodies[message.id] for message in receiver.accepted)
        assert orjson.loads(bodies[ids[0]])["specversion"] == "1.0"

    run(dsn, work)


def test_more_subscribers_than_lanes_take_turns(dsn: str) -> None:
    async def work(service: Service, receiver: Receiver, _: Deliveries) -> None:
        for number in range(7):
            await ask(service, "POST", PATH, {"url": f"{receiver.url}?{number}"})
        policies = {await a_policy(service) for _ in range(2)}
        async with asyncio.timeout(20):
            while len(receiver.accepted) < 28:
                await asyncio.sleep(0.05)
        assert {message.policy_no for message in receiver.accepted} == policies
        assert len({message.id for message in receiver.accepted}) == 4

    run(dsn, work, deliver=True)
