"""What a subsidy system's own programme does with the SDK: follow the feed, ask for completeness, be sent events."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import uvicorn
from house import AT, next_number, world
from service import key_of, provisioned, signer_of

from client import Gap, Gateway, Key, Problem
from client.webhooks import NotGenuine, read_event
from gateway.app import build, create_app
from gateway.config import load_config
from gateway.delivery.events import TYPES
from gateway.delivery.signature import new_secret, sign
from gateway.serve import free_port

AS_SUBSIDY, AS_INSURER = "SUBSIDY", "SANDBOX-C"


@contextmanager
def running(dsn: str) -> Iterator[str]:
    """The service on a port of its own."""
    port = free_port("127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    config = load_config(
        provisioned().config, {}, dsn=dsn, public_url=url, delivery_hosts=("hooks.example",), deliver=False
    )
    server = uvicorn.Server(uvicorn.Config(create_app(build(config)), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield url
    finally:
        server.should_exit = True
        thread.join()


def connected(url: str, who: str) -> Gateway:
    key = key_of(who)
    return Gateway(url, Key.from_pem(key.keyid, key.pem))


def tell(insurer: Gateway, number: int) -> None:
    who = world().insurer(AS_INSURER)
    facts = world().policy(who, number)
    media_type, body = world().render_message(who, [facts], f"m-{number}")
    insurer.submit(body, media_type)


def test_a_programme_follows_the_feed_and_is_told_how_complete_it_is(dsn: str) -> None:
    with running(dsn) as url, connected(url, AS_SUBSIDY) as subsidy, connected(url, AS_INSURER) as insurer:
        assert list(subsidy.changes()) == []
        for number in range(1, 4):
            tell(insurer, number)
        pages = list(subsidy.changes(limit=2))
        assert [[item["position"] for item in items] for _, items in pages] == [[1, 2], [3]]
        cursor = pages[-1][0]
        assert list(subsidy.changes(cursor)) == []
        later = threading.Timer(0.3, tell, (insurer, 4))
        later.start()
        _, items = next(subsidy.changes(cursor, wait=20))
        later.join()
        assert [item["position"] for item in items] == [4]
        fixed = subsidy.page(up_to=3).body
        assert subsidy.page(up_to=3).body == fixed
        told = insurer.completeness(AS_INSURER, first=date(2026, 7, 1), last=date(2026, 7, 31)).value
        assert told["complete_up_to"] is None
        assert told["days"]
        subsidy.completeness(AS_INSURER, as_of=datetime.now(UTC) - timedelta(days=1))


class Losing(Gateway):
    """A connection that lost an item."""

    def page(self, cursor: str | None = None, *, limit: int = 100, wait: int = 0, up_to: int | None = None) -> Any:
        answer = super().page(cursor, limit=limit, wait=wait, up_to=up_to)
        del answer.value["items"][1]
        return answer


def test_a_gap_is_an_alarm(dsn: str) -> None:
    with running(dsn) as url, connected(url, AS_INSURER) as insurer:
        for number in range(1, 4):
            tell(insurer, number)
        key = key_of(AS_SUBSIDY)
        with Losing(url, Key.from_pem(key.keyid, key.pem)) as losing, pytest.raises(Gap):
            list(losing.changes())


def test_a_programme_subscribes_looks_and_ends(dsn: str) -> None:
    with running(dsn) as url, connected(url, AS_SUBSIDY) as subsidy:
        made = subsidy.subscribe("https://hooks.example/in", TYPES[:2], from_position=0).value
        assert made["secret"].startswith("whsec_")
        assert [one["id"] for one in subsidy.subscriptions().value["subscriptions"]] == [made["id"]]
        assert subsidy.replay(made["id"], 0).value["position"] == 0
        assert subsidy.attempts(made["id"], limit=5).value == {"attempts": []}
        assert subsidy.unsubscribe(made["id"]).value["ended_reason"] == "deleted"
        assert subsidy.subscription(made["id"]).value["status"] == "ended"
        with pytest.raises(Problem):
            subsidy.subscribe("https://elsewhere.example/in")


def test_a_programme_hands_in_a_whole_file_and_reads_its_answers(dsn: str) -> None:
    who = world().insurer(AS_INSURER)
    lines = []
    for number in (next_number(), next_number()):
        _, body = world().render_message(who, [world().policy(who, number)], f"line-{number}")
        lines.append(json.dumps(json.loads(body), ensure_ascii=False).encode())
    with running(dsn) as url, connected(url, AS_INSURER) as insurer:
        told = insurer.batch(b"\n".join([*lines, b"{}"]) + b"\n")
        assert told.status == 202
        identity = told.value["batch"]
        assert insurer.batch(b"\n".join([*lines, b"{}"]) + b"\n").value["batch"] == identity
        until = time.monotonic() + 60
        while insurer.batch_progress(identity).value["status"] not in ("done", "ended"):
            assert time.monotonic() < until, insurer.batch_progress(identity).value
            time.sleep(0.05)
        assert len(insurer.batch_results(identity)) == 3
        assert len(insurer.batch_results(identity, after=2)) == 1


def test_only_what_the_gateway_sent_just_now_is_an_event() -> None:
    secret, signer = new_secret(), signer_of(key_of("OPERATOR"))
    body = b'{"id":"premium_1_held"}'
    headers = sign(secret, signer, "premium_1_held", int(AT.timestamp()), body)
    assert read_event(secret, {name.title(): value for name, value in headers.items()}, body, at=AT)["id"]
    signature = headers["webhook-signature"]
    wrong: list[tuple[dict[str, str], bytes, datetime]] = [
        ({}, body, AT),
        (headers, body + b" ", AT),
        (headers, body, AT + timedelta(minutes=6)),
        (headers, body, AT - timedelta(minutes=6)),
        (headers | {"webhook-id": "premium_2_held"}, body, AT),
        (headers | {"webhook-timestamp": "x"}, body, AT),
        (headers | {"webhook-timestamp": "9" * 30}, body, AT),
        (headers | {"webhook-signature": signature.split(" ")[1]}, body, AT),  # by the gateway's own key only
        (headers | {"webhook-signature": "v1,!"}, body, AT),
        (headers | {"webhook-signature": "v1a" + signature[2:]}, body, AT),
        (headers | {"webhook-signature": ""}, body, AT),
    ]
    for changed, sent, at in wrong:
        with pytest.raises(NotGenuine):
            read_event(secret, changed, sent, at=at)
    with pytest.raises(NotGenuine):
        read_event(new_secret(), headers, body, at=AT)
    with pytest.raises(NotGenuine):
        read_event(secret, sign(secret, signer, "x", int(AT.timestamp()), body), body, at=AT)
