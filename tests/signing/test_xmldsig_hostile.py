"""No input makes the judge of XML signatures accept a change, crash, or take more than a bounded effort."""

import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import xml_maker as m
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.verification import Outcome, Report
from signing.containers.xmldsig import judge, signed_content
from signing.containers.xmldsig_document import DEFAULT_FORM, FORMS, NotCanonical, read_document
from signing.errors import Unreadable
from signing.verify import verify_document
from untrusted import Refused

AT = datetime(2026, 6, 1, tzinfo=UTC)
SECONDS, MIB = 5.0, 1 << 20
POLICY = (
    '<Policy xmlns="urn:policy" xmlns:z="urn:z" Id="p"><PolicyNo>PNB0001</PolicyNo>'
    '<z:Holder Kind="01">示例公司</z:Holder>\n<Premium>12800.00</Premium></Policy>'
)
SIGNED = {
    "exclusive": m.enveloped(
        POLICY.replace(' xmlns:z="urn:z"', "").replace("<z:Holder ", '<z:Holder xmlns:z="urn:z" ')
    ),
    "inclusive": m.enveloped(POLICY, steps=(m.ENVELOPED, m.INCLUSIVE)),
    "bare": m.enveloped(steps=(m.ENVELOPED,)),
}
CONTENT = {
    name: signed_content(document, judge(document, trust=m.TRUST, at=AT)[1][0]) for name, document in SIGNED.items()
}


def verdict(document: bytes) -> Report | None:
    try:
        return verify_document(document, trust=m.TRUST, at=AT)
    except Unreadable:
        return None


@pytest.mark.parametrize("name", SIGNED)
def test_unchanged_they_hold(name: str) -> None:
    report = verdict(SIGNED[name])
    assert report is not None
    assert report.outcome is Outcome.PASSED


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(sorted(SIGNED)), data=st.data())
def test_a_change_fails_or_is_not_one(name: str, data: st.DataObject) -> None:
    """What passes after some octets were replaced gives what was signed, octet for octet."""
    document = SIGNED[name]
    start = data.draw(st.integers(0, len(document)))
    end = min(len(document), start + data.draw(st.integers(0, 12)))
    new = data.draw(
        st.binary(max_size=3)
        | st.sampled_from([b" ", b"<x/>", b"<!---->", b"<?p?>", b"</Policy>", b"&#49;", b'Id="p"', b"<![CDATA[1]]>"])
        | st.builds(lambda at, size: document[at : at + size], st.integers(0, len(document)), st.integers(0, 400))
    )
    changed = document[:start] + new + document[end:]
    report = verdict(changed)
    if report is not None and report.outcome is Outcome.PASSED:
        assert [signed_content(changed, seal) for seal in report.seals] == [CONTENT[name]] * len(report.seals)


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(SIGNED)), place=st.integers(0), digit=st.integers(0, 255))
def test_a_changed_octet_of_what_was_signed_fails(name: str, place: int, digit: int) -> None:
    (content,) = CONTENT[name]
    start = SIGNED[name].index(b"<PolicyNo>")
    end = SIGNED[name].index(b"<ds:Signature")
    place = start + place % (end - start)
    changed = SIGNED[name][:place] + bytes((digit,)) + SIGNED[name][place + 1 :]
    report = verdict(changed)
    if report is not None and report.outcome is Outcome.PASSED:
        assert changed == SIGNED[name] or signed_content(changed, report.seals[0]) == (content,)


_NAMES = st.sampled_from(
    [
        "ds:Signature",
        "ds:SignedInfo",
        "ds:SignatureValue",
        "ds:KeyInfo",
        "ds:Object",
        "ds:Reference",
        "ds:Transforms",
        "ds:Transform",
        "ds:DigestMethod",
        "ds:DigestValue",
        "ds:CanonicalizationMethod",
        "ds:SignatureMethod",
        "ds:X509Data",
        "ds:X509Certificate",
        "ds:X509CRL",
        "ds:KeyValue",
        "ds:RSAKeyValue",
        "ds:Modulus",
        "ds:Exponent",
        "x:QualifyingProperties",
        "x:SignedProperties",
        "x:SigningTime",
        "x:SigningCertificate",
        "x:UnsignedSignatureProperties",
        "x:SignatureTimeStamp",
        "x:EncapsulatedTimeStamp",
        "Policy",
    ]
)
_VALUES = st.sampled_from(
    ["", "#", "#p", "urn:x", m.SHA256, m.SM2, m.EXCLUSIVE, m.ENVELOPED, *FORMS, f"{m.DSIG}base64"]
)
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["Id", "URI", "Algorithm", "Type", "xml:id", "xml:base"]), _VALUES, max_size=3
)
_TEXTS = st.sampled_from(["", " ", "AAAA", "AQAB", "MAA=", "x", "2026-03-01T00:00:00Z", "<!--c-->", "<?p?>", "&#13;"])


def _element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def write(name: str, attributes: dict[str, str], text: str, inner: list[str]) -> str:
        written = "".join(f' {key}="{value}"' for key, value in attributes.items())
        return f"<{name}{written}>{text}{''.join(inner)}</{name}>"

    return st.builds(write, _NAMES, _ATTRIBUTES, _TEXTS, st.lists(children, max_size=4))


_TREES = st.recursive(_TEXTS, _element, max_leaves=24)


@settings(max_examples=300, deadline=None)
@given(tree=_TREES)
def test_no_structure_crashes_or_passes(tree: str) -> None:
    report = verdict(f'<a xmlns:ds="{m.DSIG}" xmlns:x="{m.XADES}"><ds:Signature>{tree}</ds:Signature></a>'.encode())
    assert report is None or report.outcome is not Outcome.PASSED


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(
        st.tuples(st.sampled_from(["<ds:SignedInfo", "<ds:Reference", "<ds:KeyInfo>", "<ds:X509Data>"]), _TREES)
    )
)
def test_nothing_that_is_put_into_a_signature_crashes(parts: list[tuple[str, str]]) -> None:
    document = SIGNED["exclusive"].decode()
    for place, tree in parts:
        document = document.replace(place, tree + place, 1)
    changed = document.replace("<Policy ", f'<Policy xmlns:ds="{m.DSIG}" xmlns:x="{m.XADES}" ').encode()
    report = verdict(changed)
    if report is not None and report.outcome is Outcome.PASSED:
        assert [signed_content(changed, seal) for seal in report.seals] == [CONTENT["exclusive"]]


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200))
@example(b"<")
@example(b"<a\xff/>")
@example(b"<a>" * 100)
def test_no_bytes_crash(data: bytes) -> None:
    for document in (b"<" + data, SIGNED["bare"] + data, SIGNED["bare"][: len(data)]):
        verdict(document)


@settings(max_examples=200, deadline=None)
@given(tree=_TREES)
def test_canonical_forms_are_fixed_points(tree: str) -> None:
    """A canonical form is its own canonical form, and a part has the same one wherever it stands (exclusively)."""
    try:
        document = read_document(
            f'<a xmlns:ds="{m.DSIG}" xmlns:x="{m.XADES}" xmlns="urn:a"><b xmlns:y="urn:y">{tree}</b></a>'.encode()
        )
    except Refused:
        return
    for form in FORMS.values():
        octets = document.canonical(document.root, form)
        again = read_document(octets)
        assert again.canonical(again.root, form) == octets
    part = document.root[0]
    try:
        octets = document.canonical(part, FORMS[m.EXCLUSIVE])
        inclusive = document.canonical(part, DEFAULT_FORM)
    except NotCanonical:
        return
    alone = read_document(octets)
    assert alone.canonical(alone.root, FORMS[m.EXCLUSIVE]) == octets
    assert inclusive in document.canonical(document.root, DEFAULT_FORM).replace(b"<b ", b"<b " + _scope(), 1)


def _scope() -> bytes:
    return f'xmlns="urn:a" xmlns:ds="{m.DSIG}" xmlns:x="{m.XADES}" '.encode()


def _filled(filling: str, outside: str = "") -> bytes:
    signature = m.Plan().sign(*[m.Ref(b"", uri="#p", steps=(m.ENVELOPED, form), value="AAAA") for form in FORMS] * 10)
    return f'<Policy {outside} Id="p">{filling}{signature}</Policy>'.encode()


_SCOPE = " ".join(f'xmlns:n{number}="urn:{number}"' for number in range(60))
HEAVY: dict[str, Callable[[], bytes]] = {
    "elements": lambda: _filled("<b/>" * 480_000),
    "identifiers": lambda: _filled("".join(f'<b id="{number}"/>' for number in range(150_000))),
    "attributes": lambda: _filled(("<b " + " ".join(f'a{number}=""' for number in range(127)) + "/>") * 3_000),
    "too many attributes": lambda: _filled("<b " + " ".join(f'a{number}=""' for number in range(200_000)) + "/>"),
    "namespaces": lambda: _filled("<b/>" * 15_000, _SCOPE),
    "too many namespaces": lambda: _filled("<b/>" * 400_000, _SCOPE),
    "nested namespaces": lambda: _filled(
        "".join(f'<b xmlns:m{n}="urn:m{n}">' for n in range(58)) + "<c/>" * 20_000 + "</b>" * 58
    ),
    "long namespace": lambda: _filled("<n:b/>" * 30_000, f'xmlns:n="{"u:" * 900}"'),
    "too long namespace": lambda: _filled("<n:b/>" * 100_000, f'xmlns:n="{"u:" * 9_000}"'),
    "text": lambda: _filled(("x" * 1_000 + "<b/>") * 15_000),
    "escapes": lambda: _filled(("&#13;" * 200 + "<b/>") * 15_000),
    "signatures": lambda: b"<a>" + m.enveloped() * 5_000 + b"</a>",
    "nested signatures": lambda: (
        f'<ds:Signature xmlns:ds="{m.DSIG}"><ds:Object>' * 30 + "</ds:Object></ds:Signature>" * 30
    ).encode(),
    "references": lambda: m.enveloped(
        plan=m.Plan(after={"<ds:Reference": "<ds:Reference/>" * 100_000 + "<ds:Reference"})
    ),
    "certificates": lambda: m.enveloped(
        plan=m.Plan(
            after={
                "<ds:X509Data>": "<ds:X509Data>"
                + "".join(f"<ds:X509Certificate>{m.b64(b'0%d' % n)}</ds:X509Certificate>" for n in range(50_000))
            }
        )
    ),
    "prefixes": lambda: m.enveloped(
        steps=(
            f'<ds:Transform Algorithm="{m.EXCLUSIVE}"><c:InclusiveNamespaces xmlns:c="{m.EXCLUSIVE}" '
            f'PrefixList="{" n" * 500_000}"></c:InclusiveNamespaces></ds:Transform>',
        )
    ),
    "exponent": lambda: m.enveloped(
        plan=m.Plan(
            "rsa",
            key_info=f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{m.b64(bytes([255]) * 1024)}</ds:Modulus>"
            f"<ds:Exponent>{m.b64(bytes([255]) * 1024)}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
        )
    ),
}


@pytest.mark.parametrize("name", HEAVY)
def test_effort_is_bounded(name: str) -> None:
    document = HEAVY[name]()
    began = time.process_time()
    report = verdict(document)
    assert time.process_time() - began < SECONDS
    assert report is None or report.outcome is not Outcome.PASSED


def test_memory_is_bounded() -> None:
    """What Python allocates; the library's tree is bounded by the number of elements."""
    document = HEAVY["escapes"]()
    tracemalloc.start()
    try:
        verdict(document)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 256 * MIB
