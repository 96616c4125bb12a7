"""Signed requests and responses: appendix B of RFC 9421, others' clients, and changes that must not pass."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from published import Tally, read, vectors

from schemas.rules import load_rules
from schemas.verification import Outcome
from signing import sm2
from signing.errors import UnusableKey
from signing.message import Content
from signing.request import (
    RESPONSE,
    HttpMessage,
    RequestKey,
    RequestSignature,
    Required,
    judge_request,
    sign_request,
    sign_response,
    verify_request,
)
from signing.signer import LocalSigner, load_signer, sm2_signer
from signing.structured import write_byte_sequence

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
URI = "https://gateway.example.cn/v1/submissions?dry=1"
BODY = b'{"policy_no": "P1"}'
NOTHING = Required((), digest=False, nonce=False)


def pem(key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNERS = {
    "ed25519": load_signer(pem(ED25519), keyid="insurer-1"),
    "ecdsa-p256-sha256": load_signer(pem(ec.derive_private_key(7, ec.SECP256R1())), keyid="insurer-2"),
    "ecdsa-p384-sha384": load_signer(pem(ec.derive_private_key(7, ec.SECP384R1())), keyid="insurer-3"),
    "rsa-pss-sha512": load_signer(pem(rsa.generate_private_key(65537, 2048)), keyid="insurer-4"),
    "sm2-sm3": sm2_signer(7, keyid="insurer-5"),
}
SIGNER = SIGNERS["ed25519"]


def registered(*signers: LocalSigner) -> Callable[[str], RequestKey | None]:
    keys = {
        signer.keyid: RequestKey(
            signer.keyid, signer.algorithm, signer.spki, AT - timedelta(days=1), AT + timedelta(days=1), "EXAMPLE"
        )
        for signer in signers
    }
    return keys.get


KEYS = registered(*SIGNERS.values())


def request(body: bytes = BODY, *, method: str = "POST", fields: tuple[tuple[str, str], ...] = ()) -> HttpMessage:
    given = (("Host", "gateway.example.cn"), ("Content-Type", "application/json"), *fields)
    return HttpMessage(method, URI, given, body)


def signed(message: HttpMessage, signer: LocalSigner = SIGNER, nonce: str | None = "n-1", **options) -> HttpMessage:
    headers = sign_request(message, None, signer, options.pop("created", AT), nonce, **options)
    return replace(message, fields=(*message.fields, *headers.items()))


def with_field(message: HttpMessage, name: str, value: str | None) -> HttpMessage:
    """The message with the field replaced, or left out."""
    rest = tuple(line for line in message.fields if line[0].lower() != name.lower())
    return replace(message, fields=rest if value is None else (*rest, (name, value)))


def by_hand(
    covered: str, base_lines: list[str], params: str = "", *, label: str = "sig1", signer=SIGNER
) -> dict[str, str]:
    """The two fields for a base that is written out by the test."""
    text = f'({covered});created={int(AT.timestamp())};keyid="{signer.keyid}"{params}'
    base = "\n".join([*base_lines, f'"@signature-params": {text}'])
    return {
        "Signature-Input": f"{label}={text}",
        "Signature": f"{label}={write_byte_sequence(signer.sign(base.encode()))}",
    }


def judged(message: HttpMessage, **options) -> list[tuple[str, str | None]]:
    """What did not pass, with its reason."""
    options = {"keys": KEYS, "at": AT} | options
    signature, report = judge_request(message, options.pop("body", None), **options)
    assert (signature is None) == (report.outcome is not Outcome.PASSED)
    return [(check.rule, check.reason) for check in report.checks if check.outcome is not Outcome.PASSED]


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_a_signed_request_passes_with_each_algorithm(signer: LocalSigner) -> None:
    message = signed(request(), signer)
    signature, report = judge_request(message, BODY, keys=KEYS, at=AT)
    assert report.failing() == ()
    assert isinstance(signature, RequestSignature)
    assert (signature.keyid, signature.algorithm, signature.nonce) == (signer.keyid, signer.algorithm, "n-1")
    assert (signature.created, signature.expires, signature.label) == (AT, None, "sig1")
    assert signature.covered == ('"@method"', '"@target-uri"', '"content-digest"', '"content-type"')
    assert signature.base.startswith(f'"@method": POST\n"@target-uri": {URI}\n'.encode())
    assert report.basis == {
        "keyid": signer.keyid,
        "owner": "EXAMPLE",
        "key": f"sha256:{sha256(signer.spki).hexdigest()}",
    }
    assert verify_request(message, keys=KEYS, at=AT) == report


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_another_key_of_the_same_kind_does_not_pass(signer: LocalSigner) -> None:
    others = {
        "ed25519": load_signer(pem(Ed25519PrivateKey.generate()), keyid=signer.keyid),
        "ecdsa-p256-sha256": load_signer(pem(ec.derive_private_key(8, ec.SECP256R1())), keyid=signer.keyid),
        "ecdsa-p384-sha384": load_signer(pem(ec.derive_private_key(8, ec.SECP384R1())), keyid=signer.keyid),
        "rsa-pss-sha512": load_signer(pem(rsa.generate_private_key(65537, 2048)), keyid=signer.keyid),
        "sm2-sm3": sm2_signer(8, keyid=signer.keyid),
    }
    assert judged(signed(request(), others[signer.algorithm])) == [("request.signature", "mismatch")]


def test_a_request_without_content_needs_no_digest() -> None:
    assert judged(signed(HttpMessage("GET", URI))) == []


def test_an_idempotency_key_does_for_a_nonce_if_it_is_covered() -> None:
    message = signed(request(fields=(("Idempotency-Key", '"k-1"'),)), nonce=None)
    assert judged(message) == []
    bare = HttpMessage("GET", URI, (("Idempotency-Key", '"k-1"'),))
    headers = by_hand('"@method" "@target-uri"', ['"@method": GET', f'"@target-uri": {URI}'])
    assert judged(replace(bare, fields=(*bare.fields, *headers.items()))) == [("request.nonce", "missing")]
    with pytest.raises(ValueError, match="nonce"):
        sign_request(request(), None, SIGNER, AT)


GET = HttpMessage("GET", URI)
USUAL = ('"@method" "@target-uri"', ['"@method": GET', f'"@target-uri": {URI}'])


def added(message: HttpMessage, headers: dict[str, str]) -> HttpMessage:
    return replace(message, fields=(*message.fields, *headers.items()))


def test_each_clause_fails_by_its_name() -> None:
    good = signed(request())
    minute = timedelta(minutes=1)
    cases: list[tuple[list[tuple[str, str]], HttpMessage, dict]] = [
        ([("request.signature-present", "missing")], request(b"", method="GET"), {}),
        ([("request.signature-present", "missing")], with_field(good, "signature", None), {}),
        ([("request.signature-present", "malformed")], with_field(good, "signature", "sig1=1"), {}),
        ([("request.signature-present", "no-common-label")], with_field(good, "signature", "sig2=:AA==:"), {}),
        ([("request.content-digest", "mismatch")], good, {"body": BODY + b" "}),
        ([("request.content-digest", "not-computed")], good, {"body": Content(len(BODY), {})}),
        ([("request.created", "too-old")], good, {"at": AT + 5 * minute + timedelta(seconds=1)}),
        ([("request.created", "in-future")], good, {"at": AT - minute - timedelta(seconds=1)}),
        ([], good, {"at": AT + 5 * minute}),
        ([], good, {"at": AT - minute}),
        ([("request.expires", "expired")], signed(request(), expires=AT + minute), {"at": AT + 2 * minute}),
        ([], signed(request(), expires=AT + minute), {"at": AT + minute}),
        ([("request.key-known", "unknown")], good, {"keys": lambda keyid: None}),
        ([("request.nonce", "malformed")], signed(request(), nonce=""), {}),
        ([("request.nonce", "malformed")], signed(request(), nonce="n" * 257), {}),
        ([("request.nonce", "missing")], added(GET, by_hand(*USUAL)), {}),
        ([("request.algorithm", "mismatch")], added(GET, by_hand(*USUAL, ';nonce="n";alg="rsa-pss-sha512"')), {}),
        ([("request.algorithm", "mismatch")], added(GET, by_hand(*USUAL, ';nonce="n";alg=ed25519')), {}),
        ([], added(GET, by_hand(*USUAL, ';nonce="n";alg="ed25519";tag="app";x=?0')), {}),
        ([("request.expires", "malformed")], added(GET, by_hand(*USUAL, ';nonce="n";expires="1"')), {}),
        (
            [("request.covered-components", "not-covered")],
            added(GET, by_hand('"@method"', USUAL[1][:1], ';nonce="n"')),
            {},
        ),
        (
            [("request.covered-components", "not-covered")],
            added(request(), by_hand(USUAL[0], ['"@method": POST', USUAL[1][1]], ';nonce="n"') | digest_of(BODY)),
            {},
        ),
        (
            [("request.components", "missing-component")],
            added(GET, by_hand(USUAL[0] + ' "x-absent"', [*USUAL[1], '"x-absent": '], ';nonce="n"')),
            {},
        ),
        (
            [("request.components", "duplicate-component")],
            added(GET, by_hand(USUAL[0] + ' "@method"', [*USUAL[1], USUAL[1][0]], ';nonce="n"')),
            {},
        ),
        (
            [("request.components", "no-request")],
            added(GET, by_hand(USUAL[0] + ' "@path";req', [*USUAL[1], '"@path";req: /'], ';nonce="n"')),
            {},
        ),
    ]
    for expected, message, options in cases:
        assert judged(message, **options) == expected, (expected, message)


def digest_of(body: bytes) -> dict[str, str]:
    return {"Content-Digest": f"sha-256={write_byte_sequence(sha256(body).digest())}"}


def test_times_that_are_no_integers_fail() -> None:
    for created in ('"1"', "1.5", "-1", "999999999999999", "@1748779200", "tok"):
        text = f'("@method" "@target-uri");created={created};keyid="insurer-1";nonce="n"'
        base = f'{USUAL[1][0]}\n{USUAL[1][1]}\n"@signature-params": {text}'
        headers = {"Signature-Input": f"a={text}", "Signature": f"a={write_byte_sequence(SIGNER.sign(base.encode()))}"}
        assert judged(added(GET, headers)) == [("request.created", "malformed")], created
    text = '("@method" "@target-uri");keyid="insurer-1";nonce="n"'
    base = f'{USUAL[1][0]}\n{USUAL[1][1]}\n"@signature-params": {text}'
    headers = {"Signature-Input": f"a={text}", "Signature": f"a={write_byte_sequence(SIGNER.sign(base.encode()))}"}
    assert judged(added(GET, headers)) == [("request.created", "missing")]


def test_a_key_holds_from_its_start_until_before_its_end() -> None:
    key = KEYS("insurer-1")
    assert key
    message = signed(HttpMessage("GET", URI))
    assert judged(message, keys=lambda _: replace(key, not_before=AT)) == []
    late = replace(key, not_before=AT + timedelta(seconds=1))
    assert judged(message, keys=lambda _: late) == [("request.key-valid", "not-yet-valid")]
    assert judged(message, keys=lambda _: replace(key, not_after=AT)) == [("request.key-valid", "expired")]


def test_the_registered_algorithm_counts_not_what_the_key_could() -> None:
    signer = SIGNERS["rsa-pss-sha512"]
    key = KEYS(signer.keyid)
    assert key
    message = signed(HttpMessage("GET", URI), signer)
    for algorithm in ("rsa-v1_5-sha256", "hmac-sha256", "rsa-pss-sha256", ""):
        reasons = dict(judged(message, keys=lambda _, algorithm=algorithm: replace(key, algorithm=algorithm)))
        assert reasons["request.algorithm"] == "unsupported"
    reasons = dict(judged(message, keys=lambda _: replace(key, algorithm="ed25519")))
    assert reasons["request.signature"] == "key-unusable"


def test_an_sm2_signature_is_raw() -> None:
    signer = SIGNERS["sm2-sm3"]
    message = signed(HttpMessage("GET", URI), signer)
    signature, _ = judge_request(message, None, keys=KEYS, at=AT)
    assert signature
    assert len(signature.signature) == 64
    der = with_field(message, "Signature", f"sig1={write_byte_sequence(sm2.raw_to_der(signature.signature))}")
    assert judged(der) == [("request.signature", "malformed")]


def test_content_digests() -> None:
    right = {"sha-256": sha256(BODY).digest(), "sha-512": sha512(BODY).digest(), "md5": b"", "unixsum": b"x"}

    def reason(field: str) -> str | None:
        return dict(judged(signed(request(fields=(("Content-Digest", field),))))).get("request.content-digest")

    def field(**members: bytes) -> str:
        return ", ".join(f"{name.replace('_', '-')}={write_byte_sequence(value)}" for name, value in members.items())

    assert reason(field(sha_256=right["sha-256"])) is None
    assert reason(field(sha_512=right["sha-512"])) is None
    assert reason(field(sha_256=right["sha-256"], sha_512=right["sha-512"])) is None
    assert reason(field(md5=b"", sha_512=right["sha-512"])) is None
    assert reason(field(sha_256=right["sha-256"], sha_512=bytes(64))) == "mismatch"
    assert reason(field(sha_256=bytes(32), sha_512=right["sha-512"])) == "mismatch"
    assert reason(field(sha_256=right["sha-256"][:31])) == "mismatch"
    assert reason(field(md5=b"", unixsum=b"x")) == "unsupported"
    assert reason("sha-256=abc") == "malformed"
    assert reason(f"{field(sha_256=bytes(32))}, {field(sha_256=right['sha-256'])}") == "malformed"
    assert reason("") == "unsupported"


def test_a_covered_member_of_content_digest_must_be_one_that_is_compared() -> None:
    fields = {"Content-Digest": "sha-256=" + write_byte_sequence(sha256(BODY).digest()) + ", md5=:AA==:"}
    usual = ['"@method": POST', USUAL[1][1]]
    for key, value, expected in (
        ("sha-256", write_byte_sequence(sha256(BODY).digest()), []),
        ("md5", ":AA==:", [("request.covered-components", "not-covered")]),
    ):
        line = f'"content-digest";key="{key}"'
        headers = by_hand(f"{USUAL[0]} {line}", [*usual, f"{line}: {value}"], ';nonce="n"')
        assert judged(added(request(), fields | headers)) == expected


def test_several_signatures_the_one_that_satisfies_counts() -> None:
    proxy = by_hand('"@authority"', ['"@authority": gateway.example.cn'], label="proxy")
    own = sign_request(GET, None, SIGNERS["sm2-sm3"], AT, "n", label="own")
    for order in ((proxy, own), (own, proxy)):
        both = {name: ", ".join(headers[name] for headers in order) for name in ("Signature-Input", "Signature")}
        signature, report = judge_request(added(GET, both), None, keys=KEYS, at=AT)
        assert report.outcome is Outcome.PASSED
        assert signature
        assert signature.label == "own"
        lines = tuple((name, headers[name]) for headers in order for name in headers)
        assert judged(replace(GET, fields=lines)) == []
    assert judged(added(GET, proxy)) == [("request.covered-components", "not-covered"), ("request.nonce", "missing")]


def test_a_label_that_stands_twice_is_refused() -> None:
    message = signed(GET)
    twice = tuple(line for line in message.fields for _ in range(2))
    assert judged(replace(message, fields=twice)) == [("request.signature-present", "malformed")]


# RFC 9421 section 2: each form of a component, and its value in this message.
COMPONENTS = HttpMessage(
    "POST",
    "HTTPS://WWW.Example.com:443/path%20a?queryString=a&var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace"
    "&fa%C3%A7ade%22%3A%20=something&qux=&twice=1&twice=2",
    (
        ("Host", "www.example.com"),
        ("X-OWS-Header", "   Leading and trailing whitespace.   "),
        ("X-Obs-Fold-Header", "Obsolete\r\n    line folding."),
        ("Cache-Control", "max-age=60"),
        ("Cache-Control", "   must-revalidate"),
        ("Example-Dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
        ("Priority", "u=1,    i;x=?1"),
        ("Example-Header", "value, with, lots"),
        ("Example-Header", "of, commas"),
        ("X-Empty-Header", ""),
        ("X-Latin", "caf\xe9"),
        ("X-Break", "a\nb"),
    ),
)
VALUES = {
    '"@method"': "POST",
    '"@target-uri"': COMPONENTS.target_uri,
    '"@authority"': "www.example.com",
    '"@scheme"': "https",
    '"@path"': "/path%20a",
    '"@request-target"': COMPONENTS.target_uri.removeprefix("HTTPS://WWW.Example.com:443"),
    '"@query"': COMPONENTS.target_uri[COMPONENTS.target_uri.index("?") :],
    '"@query-param";name="var"': "this%20is%20a%20big%0Amultiline%20value",
    '"@query-param";name="bar"': "with%20plus%20whitespace",
    '"@query-param";name="fa%C3%A7ade%22%3A%20"': "something",
    '"@query-param";name="qux"': "",
    '"x-ows-header"': "Leading and trailing whitespace.",
    '"x-obs-fold-header"': "Obsolete line folding.",
    '"cache-control"': "max-age=60, must-revalidate",
    '"cache-control";key="max-age"': "60",
    '"example-dict"': "a=1,    b=2;x=1;y=2,   c=(a   b   c), d",
    '"example-dict";key="a"': "1",
    '"example-dict";key="d"': "?1",
    '"example-dict";key="b"': "2;x=1;y=2",
    '"example-dict";key="c"': "(a b c)",
    '"priority";sf': "u=1, i;x",
    '"priority";sf;key="u"': "1",
    '"example-header";bs': ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:",
    '"x-latin";bs': ":Y2Fm6Q==:",
    '"x-empty-header"': "",
}
NO_VALUE = {
    '"@status"': "unknown-component",
    '"@signature-params"': "unknown-component",
    '"@unknown"': "unknown-component",
    '"@method";sf': "unknown-component",
    '"@query-param"': "malformed-component",
    '"@query-param";name="twice"': "malformed-component",
    '"@query-param";name="absent"': "missing-component",
    '"@query-param";name=tok': "malformed-component",
    '"X-Ows-Header"': "unknown-component",
    '"x-absent"': "missing-component",
    '"x-ows-header";sf': "malformed-component",
    '"x-ows-header";tr': "unknown-component",
    '"x-ows-header";foo': "unknown-component",
    '"x-ows-header";key="a"': "malformed-component",
    '"example-dict";key="z"': "malformed-component",
    '"example-dict";key=a': "malformed-component",
    '"example-dict";bs;key="a"': "malformed-component",
    '"example-dict";bs=?0': "malformed-component",
    '"example-dict";sf="x"': "malformed-component",
    '"example-header";bs;sf': "malformed-component",
    '"x-latin"': "not-ascii",
    '"x-break"': "not-ascii",
    '"x-ows-header";req': "no-request",
}


@pytest.mark.parametrize("component", VALUES)
def test_a_component_has_its_value(component: str) -> None:
    headers = by_hand(component, [f"{component}: {VALUES[component]}"])
    assert judged(added(COMPONENTS, headers), required=NOTHING) == []


@pytest.mark.parametrize("component", NO_VALUE)
def test_a_component_without_value_fails(component: str) -> None:
    headers = by_hand(component, [f"{component}: "])
    expected = [("request.components", NO_VALUE[component])]
    assert judged(added(COMPONENTS, headers), required=NOTHING) == expected


@pytest.mark.parametrize(
    ("uri", "authority", "target"),
    [
        ("http://Example.com", "example.com", "http://Example.com/"),
        ("http://example.com:80/a?", "example.com", "http://example.com:80/a?"),
        ("http://example.com:443/#f", "example.com:443", "http://example.com:443/"),
        ("https://[2001:DB8::1]:443/", "[2001:db8::1]", "https://[2001:DB8::1]:443/"),
        ("https://[::1]/", "[::1]", "https://[::1]/"),
    ],
)
def test_target_uri_and_authority(uri: str, authority: str, target: str) -> None:
    headers = by_hand('"@authority" "@target-uri"', [f'"@authority": {authority}', f'"@target-uri": {target}'])
    assert judged(added(HttpMessage("GET", uri), headers), required=NOTHING) == []


@pytest.mark.parametrize("uri", ["", "/path", "https://", "https://user@host/", "https://h/ a", "https://h/\u00e9"])
def test_a_target_that_is_no_absolute_uri_has_no_components(uri: str) -> None:
    headers = by_hand('"@target-uri"', [f'"@target-uri": {uri}'] if uri.isascii() else [])
    reasons = judged(added(HttpMessage("GET", uri), headers), required=NOTHING)
    assert reasons == [("request.components", "malformed-component")]


def parse(text: str, request_: HttpMessage | None = None) -> HttpMessage:
    """A message of the RFC's text."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    fields = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    if first.startswith("HTTP/"):
        return HttpMessage("", "", fields, body.encode(), status=int(first.split()[1]), request=request_)
    method, target, _ = first.split(" ")
    host = {name.lower(): value for name, value in fields}["host"]
    return HttpMessage(method, f"https://{host}{target}", fields, body.encode())


@pytest.mark.real
def test_appendix_b() -> None:
    suite = read(vectors("rfc9421-appendix-b") / "vectors.json")
    spkis = {}
    for name, key in suite["keys"].items():
        block = key["blocks"][0]
        if "PUBLIC KEY" in block:
            public = load_pem_public_key(block[: block.index("\n\n")].encode())
            spkis[name] = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    algorithms = {
        "test-key-rsa-pss": "rsa-pss-sha512",
        "test-key-ecc-p256": "ecdsa-p256-sha256",
        "test-key-ed25519": "ed25519",
    }
    at = datetime.fromtimestamp(1618884473, UTC)

    def keys(keyid: str) -> RequestKey | None:
        if keyid not in algorithms:
            return None  # test-shared-secret: a secret that two share proves nothing to a third
        return RequestKey(keyid, algorithms[keyid], spkis[keyid], at, at + timedelta(1), "RFC 9421")

    tally = Tally("rfc9421-appendix-b", "vectors.json")

    def judge(
        name: str, message: HttpMessage, *, expected: bool, base: str | None = None, declared: str | None = None
    ) -> None:
        with tally.judging(name):
            signature, report = judge_request(message, None, keys=keys, at=at, required=NOTHING)
        digest = [check for check in report.checks if check.rule.endswith("content-digest")]
        assert all(check.outcome is Outcome.PASSED for check in digest), name
        tally.add(name, expected=expected, actual=signature is not None, declared=declared)
        if signature and base:
            assert signature.base.decode() == base

    messages = {"request": parse(suite["test_request"]), "response": parse(suite["test_response"])}
    for case in suite["cases"]:
        headers = dict(line.split(": ", 1) for line in case["headers"].split("\n"))
        message = messages[case["message"]]
        for line in case["signature_base"].split("\n"):
            name, _, value = line.partition(": ")
            if name == '"content-digest"':  # the response of B.2 carries another digest than B.2.4 signs, the right one
                message = with_field(message, "Content-Digest", value)
        declared = "HMAC: a secret that two share proves nothing to a third" if case["alg"] == "hmac-sha256" else None
        signed = added(message, headers)
        judge(case["title"], signed, expected=True, base=case["signature_base"], declared=declared)
    proxy = suite["tls_proxy_b3"]
    judge("B.3", parse(proxy["signed_message"]), expected=True, base=proxy["blocks"][2])
    base = next(case["block"] for case in suite["transformations_b4"] if case["kind"] == "signature_base")
    for number, case in enumerate(suite["transformations_b4"]):
        if case["kind"] == "message":
            judge(f"B.4 {number}", parse(case["block"]), expected=case["expected"] == "valid", base=base)
    tally.settle()


# The parts of a signed request that can be changed; each change must be noticed.
FULL = signed(request(fields=(("Idempotency-Key", '"k-1"'), ("X-Free", "a"))))
COVERED_FIELDS = ("Content-Digest", "Content-Type", "Idempotency-Key", "Signature", "Signature-Input")
latin = st.text(st.characters(codec="latin-1"), max_size=60)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_is_covered_cannot_change(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["method", "uri", "body", "field", "character", "line"]))
    if kind == "method":
        other = replace(FULL, method=data.draw(latin))
    elif kind == "uri":
        position = data.draw(st.integers(0, len(URI)))
        other = replace(
            FULL, target_uri=URI[:position] + data.draw(latin) + URI[position + data.draw(st.integers(0, 2)) :]
        )
    elif kind == "body":
        other = replace(FULL, body=data.draw(st.binary(max_size=40)))
    else:
        name = data.draw(st.sampled_from(COVERED_FIELDS))
        value = FULL.value(name.lower())
        assert value
        if kind == "field":
            value = data.draw(st.none() | latin)
        elif kind == "character":
            position = data.draw(st.integers(0, len(value) - 1))
            value = value[:position] + data.draw(st.characters(codec="latin-1")) + value[position + 1 :]
        else:
            value = value + ", " + data.draw(latin)
        other = with_field(FULL, name, value)
    assert judged(FULL) == []
    signature, _ = judge_request(other, None, keys=KEYS, at=AT)
    original, _ = judge_request(FULL, None, keys=KEYS, at=AT)
    if signature is not None:
        # Still the same signature over the same base: a spelling that means the same, or an added, unused label.
        assert original
        assert (signature.base, signature.signature) == (original.base, original.signature)
        assert (other.method, other.body) == (FULL.method, FULL.body)
        assert other.target_uri.partition("#")[0] == URI


def test_what_is_not_covered_may_change() -> None:
    assert judged(with_field(FULL, "X-Free", "b")) == []
    assert judged(replace(FULL, fields=tuple(reversed(FULL.fields)))) == []


@given(st.text(max_size=300), st.lists(st.tuples(latin, latin), max_size=6), latin, st.binary(max_size=30))
@settings(deadline=None)
def test_no_message_makes_the_judge_raise(uri: str, fields: list[tuple[str, str]], method: str, body: bytes) -> None:
    message = HttpMessage(method, uri, tuple(fields), body)
    assert judged(message)
    hostile = added(
        message,
        {
            "Signature-Input": 'a=("@target-uri" "@authority" "@query-param";name="x");keyid="insurer-1"',
            "Signature": "a=:AA==:",
        },
    )
    assert judged(hostile)


RESPONSE_FIELDS = (("Content-Type", "application/json"), ("Date", "now"))


@pytest.mark.parametrize("signer", SIGNERS.values(), ids=SIGNERS)
def test_a_signed_response_is_bound_to_its_request(signer: LocalSigner) -> None:
    asked = signed(request())
    headers = sign_response(201, RESPONSE_FIELDS, b"{}", signer, AT, asked)
    answer = HttpMessage("", "", (*RESPONSE_FIELDS, *headers.items()), b"{}", status=201, request=asked)
    assert judged(answer, required=RESPONSE) == []
    signature, _ = judge_request(answer, None, keys=KEYS, at=AT, required=RESPONSE)
    assert signature
    assert signature.covered == (
        '"@status"', '"content-digest"', '"content-type"', '"@method";req', '"@target-uri";req',
        '"signature";req;key="sig1"',
    )  # fmt: skip
    for other in (
        replace(answer, status=200),
        replace(answer, request=replace(asked, method="PUT")),
        replace(answer, request=signed(request(), nonce="n-2")),
        replace(answer, request=replace(asked, target_uri=URI + "0")),
        with_field(answer, "Content-Type", "text/plain"),
    ):
        assert judged(other, required=RESPONSE) == [("response.signature", "mismatch")]
    assert judged(replace(answer, body=b"{ }"), required=RESPONSE) == [("response.content-digest", "mismatch")]
    assert judged(replace(answer, request=None), required=RESPONSE) == [("response.components", "no-request")]


def test_a_response_says_which_of_several_request_signatures_it_covers() -> None:
    first, second = (
        sign_request(GET, None, SIGNER, AT, "a", label="a"),
        sign_request(GET, None, SIGNER, AT, "b", label="b"),
    )
    asked = replace(GET, fields=(*first.items(), *second.items()))
    with pytest.raises(ValueError, match="several"):
        sign_response(200, (), b"", SIGNER, AT, asked)
    headers = sign_response(200, (), b"", SIGNER, AT, asked, request_label="b")
    answer = HttpMessage("", "", tuple(headers.items()), b"", status=200, request=asked)
    assert judged(answer, required=RESPONSE) == []


def test_what_cannot_be_signed_is_refused() -> None:
    for message, nonce in (
        (request(fields=(("Idempotency-Key", "caf\xe9"),)), "n"),
        (request(fields=(("Idempotency-Key", "a\r\nX: b"),)), "n"),
        (request(), "caf\u00e9"),
        (replace(request(), target_uri="/relative"), "n"),
    ):
        with pytest.raises(ValueError):
            sign_request(message, None, SIGNER, AT, nonce)


def test_signers_are_loaded_from_each_usual_form() -> None:
    sec1 = ec.derive_private_key(7, ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    assert load_signer(sec1).spki == SIGNERS["ecdsa-p256-sha256"].spki
    assert load_signer(sec1).keyid == sha256(SIGNERS["ecdsa-p256-sha256"].spki).hexdigest()
    assert "7" not in repr(SIGNERS["sm2-sm3"]).removeprefix("LocalSigner")
    for bad in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", sec1[:-40]):
        with pytest.raises(UnusableKey):
            load_signer(bad)
    with pytest.raises(UnusableKey, match="curve"):
        load_signer(pem(ec.derive_private_key(7, ec.SECP521R1())))
    with pytest.raises(UnusableKey, match="too-short"):
        load_signer(pem(rsa.generate_private_key(65537, 1024)))
    assert load_pem_private_key(sec1, None)


@pytest.mark.real
def test_sm2_keys_of_others_are_loaded() -> None:
    folder = vectors("sm2") / "tongsuo/test/certs"
    loaded = 0
    for path in sorted(folder.rglob("*.key")):
        text = path.read_bytes()
        if b"PRIVATE KEY-----" not in text:
            continue
        signer = load_signer(text, keyid="k")
        loaded += 1
        assert signer.algorithm == "sm2-sm3", path
        assert judged(signed(GET, signer), keys=registered(signer)) == []
    assert loaded >= 8


def test_every_reason_stands_in_the_catalogue() -> None:
    """What the code can say is read from it: each rule and reason has its words in both languages."""
    import ast

    import signing

    folder = Path(signing.__file__ or "").parent
    rules = {rule.id: rule for rule in load_rules([folder / "rules_request.toml"])}
    for name in ("request.py", "algorithms.py"):
        for function in ast.walk(ast.parse((folder / name).read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            texts = [
                ast.unparse(node.value).strip("'")
                for node in ast.walk(function)
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "rule"
            ]
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in {"failed", "unknown"}:
                    rule = call.args[0]
                    text = texts[0] if isinstance(rule, ast.Name) and texts else ast.unparse(rule)
                    suffix = text.strip("f'\"").replace("{subject}.", "")
                    for subject in ("request.", "response.") if "{subject}" in text else ("",):
                        assert subject + suffix in rules, text
                        if isinstance(call.args[1], ast.Constant):
                            assert call.args[1].value in rules[subject + suffix].reasons, ast.unparse(call)
    for subject in ("request", "response"):
        assert rules[f"{subject}.components"].reasons.keys() >= set(NO_VALUE.values())
