"""Requests of another implementation pass here, and ours pass there: the package http-message-signatures."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    InvalidSignature,
    algorithms,
)
from http_message_signatures.resolvers import MappingKeyResolver

from schemas.verification import Outcome
from signing import sm2
from signing.request import HttpMessage, RequestKey, judge_request, sign_request, sign_response
from signing.signer import LocalSigner, load_signer, sm2_signer
from signing.sm2_engines import GmSSL


def now() -> datetime:
    """Their verifier reads the clock; of one test it is one moment."""
    return datetime.now(UTC).replace(microsecond=0)


URI = "https://gateway.example.cn/v1/submissions?page=2&q=a%20b"

PRIVATE = {
    "ed25519": (algorithms.ED25519, Ed25519PrivateKey.generate()),
    "ecdsa-p256-sha256": (algorithms.ECDSA_P256_SHA256, ec.generate_private_key(ec.SECP256R1())),
    "ecdsa-p384-sha384": (algorithms.ECDSA_P384_SHA384, ec.generate_private_key(ec.SECP384R1())),
    "rsa-pss-sha512": (algorithms.RSA_PSS_SHA512, rsa.generate_private_key(65537, 2048)),
}


class SM2(HTTPSignatureAlgorithm):
    """The private name, as a client of the package adds it."""

    algorithm_id = "sm2-sm3"

    def __init__(self, public_key=None, private_key=None) -> None:
        self.point, self.private = public_key, private_key

    def sign(self, message: bytes) -> bytes:
        return sm2.der_to_raw(
            GmSSL().sign_digest(self.private, sm2.sm3(sm2.z(sm2.public_point(self.private)) + message))
        )


def test_a_client_that_adds_sm2_to_the_package_passes_here() -> None:
    moment = now()
    resolver = MappingKeyResolver(public_keys={}, private_keys={"k-1": 7})
    day, signer = timedelta(days=1), sm2_signer(7, keyid="k-1")
    key = RequestKey("k-1", "sm2-sm3", signer.spki, moment - day, moment + day, "EXAMPLE")
    message = prepared(b"{}")
    HTTPMessageSigner(signature_algorithm=SM2, key_resolver=resolver).sign(
        message, key_id="k-1", created=moment, nonce="n", covered_component_ids=COVERED[0], body=b"{}"
    )
    assert 'alg="sm2-sm3"' in message.headers["Signature-Input"]
    assert judge_request(as_message(message), None, keys=lambda _: key, at=moment)[1].failing() == ()


class Pair:
    """One key at both ends."""

    def __init__(self, algorithm: str) -> None:
        moment = now()
        self.theirs, private = PRIVATE[algorithm]
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.signer: LocalSigner = load_signer(pem, keyid="k-1")
        self.resolver = MappingKeyResolver(public_keys={"k-1": private.public_key()}, private_keys={"k-1": private})
        day = timedelta(days=1)
        self.key = RequestKey("k-1", algorithm, self.signer.spki, moment - day, moment + day, "EXAMPLE")

    def find(self, keyid: str) -> RequestKey | None:
        return self.key if keyid == "k-1" else None


@pytest.fixture(params=PRIVATE)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


def prepared(body: bytes | None) -> requests.PreparedRequest:
    headers = {"Content-Type": "application/json", "Idempotency-Key": '"k-1"'}
    return requests.Request("POST" if body else "GET", URI, headers=headers, data=body).prepare()


def as_message(message: requests.PreparedRequest) -> HttpMessage:
    body = message.body if isinstance(message.body, bytes) else b""
    return HttpMessage(message.method or "", message.url or "", tuple(message.headers.items()), body)


COVERED = (
    ("@method", "@target-uri", "content-digest"),
    ("@method", "@target-uri", "content-digest", "@authority", "@scheme", "@path", "@query", "@request-target"),
    ("@method", "@target-uri", '"content-digest";sf', '"content-digest";key="sha-256"', '"@query-param";name="q"'),
    ("idempotency-key", '"content-type";bs', "content-digest", "@target-uri", "@method"),
)


@pytest.mark.parametrize("covered", COVERED)
def test_their_requests_pass_here(pair: Pair, covered: tuple[str, ...]) -> None:
    moment = now()
    message = prepared(b'{"a": 1}')
    signer = HTTPMessageSigner(signature_algorithm=pair.theirs, key_resolver=pair.resolver)
    signer.sign(
        message,
        key_id="k-1",
        created=moment,
        nonce="n-1",
        covered_component_ids=covered,
        body=b'{"a": 1}',
        label="them",
    )
    signature, report = judge_request(as_message(message), None, keys=pair.find, at=moment)
    assert report.failing() == ()
    assert signature
    assert (signature.label, signature.nonce) == ("them", "n-1")
    _, changed = judge_request(as_message(message), b'{"a": 2}', keys=pair.find, at=moment)
    assert changed.failing() == ("request.content-digest",)


def test_their_request_without_content_passes_here(pair: Pair) -> None:
    moment = now()
    message = prepared(None)
    HTTPMessageSigner(signature_algorithm=pair.theirs, key_resolver=pair.resolver).sign(
        message, key_id="k-1", created=moment, nonce="n-1", covered_component_ids=("@method", "@target-uri")
    )
    assert judge_request(as_message(message), None, keys=pair.find, at=moment)[1].outcome is Outcome.PASSED


@pytest.mark.parametrize("body", [None, b'{"a": 1}'])
def test_our_requests_pass_there(pair: Pair, body: bytes | None) -> None:
    moment = now()
    message = prepared(body)
    headers = sign_request(as_message(message), None, pair.signer, moment, "n-1", expires=moment + timedelta(minutes=5))
    message.headers.update(headers)
    verifier = HTTPMessageVerifier(signature_algorithm=pair.theirs, key_resolver=pair.resolver)
    (result,) = verifier.verify(message, max_age=timedelta(minutes=5))
    assert result.nonce == "n-1"
    message.url = f"{URI}0"
    with pytest.raises(InvalidSignature):
        verifier.verify(message, max_age=timedelta(minutes=5))


def test_our_answers_pass_there(pair: Pair) -> None:
    moment = now()
    asked = prepared(b'{"a": 1}')
    asked.headers.update(sign_request(as_message(asked), None, pair.signer, moment, "n-1"))
    answer = requests.Response()
    answer.request, answer.status_code, answer._content = asked, 201, b"{}"
    answer.headers["Content-Type"] = "application/json"
    fields = tuple(answer.headers.items())
    answer.headers.update(sign_response(201, fields, b"{}", pair.signer, moment, as_message(asked)))
    verifier = HTTPMessageVerifier(signature_algorithm=pair.theirs, key_resolver=pair.resolver)
    (result,) = verifier.verify(answer, max_age=timedelta(minutes=5))
    assert '"signature";req;key="sig1"' in result.covered_components
    answer.status_code = 200
    with pytest.raises(InvalidSignature):
        verifier.verify(answer, max_age=timedelta(minutes=5))
