"""Keys in PKCS #11 tokens: they sign like keys in files, come back after a lost session, and never answer wrongly."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pkcs11
import pytest
import softhsm
from house import next_number, world
from pkcs11.util.ec import encode_named_curve_parameters
from service import Service, provisioned, serve
from test_own_keys import described, signer

from gateway.app import publish_now
from gateway.cli import main
from gateway.config import Config, load_config
from gateway.errors import Misconfigured
from gateway.keys import load_own_signer
from gateway.ledger.checkpoint import open_checkpoint
from gateway.ledger.note import key_of
from gateway.ledger.store import find_last_checkpoint
from signing.algorithms import find_flaw
from signing.errors import SignerLost, UnusableKey
from signing.pkcs11 import TokenSigner, open_token
from signing.token_uri import NotATokenUri, TokenUri, read_token_uri

ED25519 = bytes.fromhex("06032b6570")  # RFC 8410 section 3, as CKA_EC_PARAMS


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The library, with its tokens in a folder of this process."""
    module = softhsm.module().resolve()  # as the service loads it: a library begins once in a process
    before = os.environ.get("SOFTHSM2_CONF")
    softhsm.configure(tmp_path_factory.mktemp("softhsm"))
    yield module
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture
def token(tokens: Path) -> Iterator[str]:
    """A token of its own, with a key `log` (Ed25519) and a key `p256`."""
    label = f"gw-{os.getpid()}-{next_number()}"
    softhsm.new_token(label)
    library = pkcs11.lib(str(tokens))
    library.reinitialize()  # it looks for tokens when it begins
    make(tokens, label, "log")
    make(tokens, label, "p256", "secp256r1")
    yield label
    library.reinitialize()


def make(module: Path, label: str, name: str, curve: str | None = None, **template: Any) -> None:
    """A key pair in the token."""
    found = [one for one in pkcs11.lib(str(module)).get_tokens() if one.label == label]
    try:
        session = found[0].open(rw=True, user_pin=softhsm.PIN)
    except pkcs11.UserAlreadyLoggedIn:
        session = found[0].open(rw=True)
    kind = pkcs11.KeyType.EC if curve else pkcs11.KeyType.EC_EDWARDS
    parameters = encode_named_curve_parameters(curve) if curve else ED25519
    domain = session.create_domain_parameters(kind, {pkcs11.Attribute.EC_PARAMS: parameters}, local=True)
    extra = {pkcs11.Attribute[key.upper()]: value for key, value in template.items()}
    domain.generate_keypair(
        mechanism=None if curve else pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
        store=True,
        label=name,
        id=name.encode(),
        private_template=extra,
    )
    session.close()


def uri(label: str, name: str = "log") -> TokenUri:
    return read_token_uri(f"pkcs11:token={label};object={name};type=private")


def holds(key: TokenSigner, message: bytes = b"message") -> bool:
    return find_flaw(key.algorithm, key.spki, message, key.sign(message), encoding="raw") is None


def test_a_key_in_a_token_signs_like_one_in_a_file(tokens: Path, token: str) -> None:
    key = open_token(uri(token), tokens, softhsm.PIN)
    assert (key.algorithm, len(key.spki), len(key.sign(b"x"))) == ("ed25519", 44, 64)
    assert key.sign(b"x") == key.sign(b"x")  # RFC 8032: one signature a message
    assert holds(key)
    other = open_token(uri(token, "p256"), tokens, softhsm.PIN)
    assert other.algorithm == "ecdsa-p256-sha256"
    assert holds(other)
    der = other.sign(b"message", encoding="der")
    assert find_flaw(other.algorithm, other.spki, b"message", der, encoding="der") is None
    assert holds(key)
    assert softhsm.PIN not in repr(key)
    by_id = open_token(read_token_uri(f"pkcs11:token={token};id=log"), tokens, softhsm.PIN)
    assert by_id.keyid == key.keyid


def test_many_threads_sign_at_once(tokens: Path, token: str) -> None:
    key, wrong = open_token(uri(token), tokens, softhsm.PIN), []

    def work(number: int) -> None:
        wrong.extend(one for one in range(20) if not holds(key, b"%d %d" % (number, one)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_session_that_is_lost_is_opened_again(tokens: Path, token: str) -> None:
    key, other = (open_token(uri(token, name), tokens, softhsm.PIN) for name in ("log", "p256"))
    pkcs11.lib(str(tokens)).reinitialize()  # every session of the process ends
    assert holds(key)
    assert holds(other)
    pkcs11.lib(str(tokens)).reinitialize()
    make(tokens, token, "more")  # which logs the whole process out when it is done
    assert holds(other)
    assert holds(key)


def test_a_token_that_is_gone_signs_nothing_and_one_that_comes_back_must_hold_the_key(tokens: Path, token: str) -> None:
    key = open_token(uri(token), tokens, softhsm.PIN)
    softhsm.drop_token(token)
    with pytest.raises(SignerLost, match=token):
        key.sign(b"message")
    with pytest.raises(SignerLost):
        key.sign(b"message")
    softhsm.new_token(token)
    pkcs11.lib(str(tokens)).reinitialize()
    make(tokens, token, "log")
    for _ in range(2):
        with pytest.raises(SignerLost, match="another key"):
            key.sign(b"message")


def test_what_cannot_sign_is_refused_at_once(tokens: Path, token: str, tmp_path: Path) -> None:
    def reason(wanted: TokenUri, module: Path = tokens, pin: str = softhsm.PIN) -> str:
        with pytest.raises(UnusableKey) as refused:
            open_token(wanted, module, pin)
        return refused.value.reason

    assert reason(uri(token), pin="000000") == "token"  # while nobody in this process is logged in
    assert reason(uri("nowhere")) == "no-token"
    assert reason(uri(token, "nothing")) == "no-key"
    assert reason(uri(token), tmp_path / "none.so") == "no-module"
    make(tokens, token, "log")
    assert reason(uri(token)) == "no-key"  # two of one name
    make(tokens, token, "loose", extractable=True)
    assert reason(uri(token, "loose")) == "extractable"
    make(tokens, token, "p384", "secp384r1")
    assert reason(uri(token, "p384")) == "unsupported"
    assert holds(open_token(uri(token, "p256"), tokens, softhsm.PIN))


@pytest.mark.parametrize(
    "text",
    [
        "file:key.pem",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:object=a",
        "pkcs11:token=a;object=b;object=c",
        "pkcs11:token=a;object=b;slot-id=1",
        "pkcs11:token=a;object=b;type=cert",
        "pkcs11:token=a;object=b?pin-value=1234",
        "pkcs11:token=a;object=b?x-other=1",
        "pkcs11:token=a;object=%zz",
        "pkcs11:token=a;object=%ff",
        "pkcs11:token=;object=b",
        "pkcs11:token=a;;object=b",
    ],
)
def test_a_uri_that_names_no_key_is_refused(text: str) -> None:
    with pytest.raises(NotATokenUri):
        read_token_uri(text)


def test_a_uri_is_read_to_the_letter() -> None:
    text = "pkcs11:token=My%20token;serial=0a;object=%E6%97%A5%E5%BF%97;id=%00%ff"
    read = read_token_uri(f"{text}?module-path=/usr/lib/x.so&pin-source=file:/run/pin")
    assert (read.token, read.serial, read.object, read.id) == ("My token", "0a", "日志", b"\x00\xff")
    assert (read.module_path, read.pin_source) == ("/usr/lib/x.so", "file:/run/pin")
    assert read.shown() == "token=My token serial=0a object=日志 id=00ff"


def configured(tokens: Path, place: str, **how: Any) -> Config:
    return load_config(provisioned().config, {}, signing_key=place, pkcs11_module=tokens, **how)


def test_the_configuration_says_where_the_key_is_and_never_the_pin(tokens: Path, token: str, tmp_path: Path) -> None:
    place = f"pkcs11:token={token};object=log"
    pin = tmp_path / "pin"
    pin.write_text(f"{softhsm.PIN}\n", encoding="utf-8")
    keyid = open_token(uri(token), tokens, softhsm.PIN).keyid
    config = configured(tokens, place)
    assert config.signing_key == place
    assert Config.model_validate_json(config.model_dump_json()) == config  # as its workers get it
    assert load_own_signer(config, {"GATEWAY_PKCS11_PIN": softhsm.PIN}).keyid == keyid
    assert load_own_signer(configured(tokens, place, pkcs11_pin_file=pin), {}).keyid == keyid
    whole = f"{place}?module-path={tokens}&pin-source=file:{pin}"
    assert load_own_signer(load_config(provisioned().config, {}, signing_key=whole), {}).keyid == keyid
    pin.write_text("", encoding="utf-8")
    for bad, how in (
        (place, {}),
        (place, {"pkcs11_pin_file": pin}),
        (place, {"pkcs11_pin_file": tmp_path / "none"}),
        ("pkcs11:token=x", {}),
        (f"{place}x", {}),
    ):
        with pytest.raises(Misconfigured):
            load_own_signer(configured(tokens, bad, **how), {})
    with pytest.raises(Misconfigured):
        load_own_signer(load_config(provisioned().config, {}, signing_key=place), {"GATEWAY_PKCS11_PIN": softhsm.PIN})
    in_file = load_config(provisioned().config, {})
    assert isinstance(in_file.signing_key, Path)
    assert Config.model_validate_json(in_file.model_dump_json()) == in_file


def test_a_gateway_rotates_from_a_file_into_a_token_and_an_audit_passes(
    dsn: str, tokens: Path, token: str, tmp_path: Path, capsysbinary: Any
) -> None:
    async def one_message(service: Service) -> None:
        insurer = world().insurer("SANDBOX-C")
        got = await service.submit(insurer, world().policy(insurer, next_number()))
        assert got.status == 201  # and its signature was verified
        await publish_now(service.gateway)

    serve(dsn, one_message)
    previous = tmp_path / "previous.json"
    previous.write_bytes(orjson.dumps([described(signer(), not_after="2026-12-31T00:00:00Z")]))
    (tmp_path / "pin").write_text(softhsm.PIN, encoding="utf-8")
    place = f"pkcs11:token={token};object=log?module-path={tokens}&pin-source=file:{tmp_path / 'pin'}"

    async def with_token(service: Service) -> None:
        assert service.gateway.signer.keyid == open_token(uri(token), tokens, softhsm.PIN).keyid
        service.later(seconds=1)
        await one_message(service)
        async with service.gateway.pool.connection() as connection:
            last = await find_last_checkpoint(connection)
        assert last is not None
        key = key_of(service.gateway.config.log_origin, service.gateway.signer)
        assert open_checkpoint(bytes(last.note), [key]).signed_by == (key,)
        # The token is pulled: no answer is given unsigned, and what was decided is told when it is back.
        softhsm.drop_token(token)
        insurer = world().insurer("SANDBOX-C")
        lost = await service.submit(insurer, world().policy(insurer, next_number()))
        assert (lost.status, lost.json()["type"]) == (503, "/v1/problems/unavailable")
        with pytest.raises(SignerLost):
            await publish_now(service.gateway)

    serve(dsn, with_token, signing_key=place, previous_keys=previous)
    lines = [one for one in provisioned().config.read_text(encoding="utf-8").splitlines() if "dsn" not in one]
    softhsm.new_token(token)
    pkcs11.lib(str(tokens)).reinitialize()
    make(tokens, token, "log")
    file = provisioned().config.parent / f"token-{os.getpid()}-{next_number()}.toml"
    kept = [one for one in lines if not one.startswith("signing_key")]
    file.write_text("\n".join([f'dsn = "{dsn}"', f'signing_key = "{place}"', *kept]) + "\n", encoding="utf-8")
    assert main(["key", "list", "--config", str(file)]) == 0
    told = orjson.loads(capsysbinary.readouterr().out)["keys"]
    assert told[0]["algorithm"] == "ed25519"
