"""The client of a person: signed in to read, and acting by a key that never leaves the browser."""

import base64
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from house import next_number, world
from service import provisioned
from signed_in import PASSWORD, entry, write_users

from client import Problem, Session, sign_in
from client.browser import begin
from gateway.access.passwords import find_flaw
from gateway.app import build, create_app
from gateway.cli import main
from gateway.config import load_config
from gateway.serve import free_port

P256 = ec.generate_private_key(ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()


def spki(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def by_webcrypto(base: bytes) -> bytes:
    """What `crypto.subtle.sign` gives for ECDSA: r and s, 32 bytes each."""
    r, s = decode_dss_signature(P256.sign(base, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@contextmanager
def running(dsn: str, folder: Path) -> Iterator[str]:
    """The service on a port of its own, where SANDBOX-C has two more keys: one of a clerk's browser, and Ed25519."""
    people = json.loads((provisioned().config.parent / "participants.json").read_bytes())
    for one in people:
        if one["code"] == "SANDBOX-C":
            one["keys"] += [
                {"keyid": "browser", "algorithm": "ecdsa-p256-sha256", "public_key": spki(P256), "holder": "经办人"},
                {"keyid": "browser-2", "algorithm": "ed25519", "public_key": spki(ED25519)},
            ]
    (folder / "participants.json").write_text(json.dumps(people), encoding="utf-8")
    users = [entry("SANDBOX-C", name="clerk", keyids=["browser"]), entry("SUBSIDY", name="officer")]
    write_users(folder / "users.json", users)
    port = free_port("127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    config = load_config(
        provisioned().config,
        {},
        dsn=dsn,
        public_url=url,
        deliver=False,
        participants=folder / "participants.json",
        users=folder / "users.json",
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


def test_a_clerk_looks_tries_and_sends(dsn: str, tmp_path: Path) -> None:
    who = world().insurer("SANDBOX-C")
    media_type, body = world().render_message(who, [world().policy(who, next_number())], f"m-{next_number()}")
    with running(dsn, tmp_path) as url:
        signed_in = sign_in(url, "clerk", PASSWORD, address="192.0.2.7")
        assert (signed_in.user, signed_in.role, signed_in.participant) == ("clerk", "insurer", "SANDBOX-C")
        assert signed_in.told["keyids"] == ["browser"]
        with Session(url, signed_in.token) as session:
            assert session.who().value["user"] == "clerk"
            rehearsed = session.rehearse(body, media_type).value
            with pytest.raises(Problem) as refused:
                session.submit(body, media_type)
            assert refused.value.problems[0]["rule"] == "session.reads-only"
            unsigned = begin(url, "browser", "ecdsa-p256-sha256", "POST", "/v1/submissions", body, media_type)
            with pytest.raises(ValueError, match="64 bytes"):
                unsigned.finish(P256.sign(unsigned.base, ec.ECDSA(SHA256())) + b"more")
            receipt = unsigned.finish(by_webcrypto(unsigned.base)).value
            assert receipt["submission_id"][9:] == rehearsed["submission_id"][9:]  # but for the second
            assert session.receipt(submission_id=receipt["submission_id"]).value == receipt
            session.sign_out()
            with pytest.raises(Problem) as over:
                session.who()
            assert (over.value.status, over.value.problems[0]["rule"]) == (401, "session.current")
        with pytest.raises(Problem) as wrong:
            sign_in(url, "clerk", "wrong")
        assert wrong.value.status == 401


def test_a_signature_made_elsewhere_is_for_this_request_alone(dsn: str, tmp_path: Path) -> None:
    with running(dsn, tmp_path) as url:
        path = "/v1/insurers/SANDBOX-C/completeness"
        for keyid, algorithm, sign in (
            ("browser", "ecdsa-p256-sha256", by_webcrypto),
            ("browser-2", "ed25519", ED25519.sign),
        ):
            unsigned = begin(url, keyid, algorithm, "GET", path)
            assert unsigned.finish(sign(unsigned.base)).status == 200
            first, second = begin(url, keyid, algorithm, "GET", path), begin(url, keyid, algorithm, "GET", path)
            assert first.base != second.base  # each has a nonce of its own
            with pytest.raises(Problem) as other:
                first.finish(sign(second.base))
            assert other.value.problems[0]["rule"] == "request.signature"
            document = b"a document"
            address = f"/v1/documents/{hashlib.sha256(document).hexdigest()}"
            put = begin(url, keyid, algorithm, "PUT", address, document, "application/ofd")
            assert b'"content-digest": ' in put.base
            assert "SECRET" not in repr(put)
        with pytest.raises(ValueError, match="rsa"):
            begin(url, "browser", "rsa-pss-sha512", "GET", path)


def test_a_server_that_signs_people_in_says_where_they_sit(dsn: str, tmp_path: Path) -> None:
    with running(dsn, tmp_path) as url:
        got = []
        for number in range(31):
            with pytest.raises(Problem) as wrong:
                sign_in(url, f"guess{number}", "wrong", address=f"2001:db8::{number}")
            got.append(wrong.value.status)
        assert got == [401] * 30 + [429]  # one network of IPv6 is one customer
        assert sign_in(url, "clerk", PASSWORD, address="2001:db8:1::1").user == "clerk"
        for odd in ("nowhere", "", "2001:db8:2::1, 192.0.2.1", "x" * 10_000):
            assert sign_in(url, "clerk", PASSWORD, address=odd).user == "clerk"


def test_a_user_is_added_from_the_shell(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    file = tmp_path / "users.json"
    write_users(file, [entry("SUBSIDY"), entry("SANDBOX-C", name="clerk")])
    command = [sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())", "user", "add"]
    told = ["--display-name", "经办人", "--participant", "SANDBOX-C", "--keyid", "browser", "--file", str(file)]
    for name, password, code in (("clerk", "quite another one", 0), ("b", "short", 64)):
        done = subprocess.run([*command, name, *told], input=f"{password}\n".encode(), capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        assert password.encode() not in done.stdout + done.stderr + file.read_bytes()
    other, clerk = json.loads(file.read_bytes())
    assert other == entry("SUBSIDY")
    assert (clerk["name"], clerk["keyids"]) == ("clerk", ["browser"])
    assert find_flaw(clerk["password_hash"]) is None
    assert file.stat().st_mode & 0o777 == 0o600
    assert main(["user", "add", "c", "--display-name", "丙", "--participant", "SUBSIDY", "--no-password"]) == 0
    shown = json.loads(capsysbinary.readouterr().out)
    assert shown == {"name": "c", "display_name": "丙", "participant": "SUBSIDY"}
    assert main(["user", "add", "a b", "--display-name", "丙", "--participant", "SUBSIDY", "--no-password"]) == 64
