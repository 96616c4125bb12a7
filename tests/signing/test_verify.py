"""The entry of the judge: what it recognises, what it says in JSON, and that no input makes it do anything else."""

import ast
import json
import tomllib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sealing as s
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.rules import Rule, load_rules
from schemas.verification import Outcome, Report
from signing.errors import Unreadable
from signing.report_json import as_seal_verify_json, as_unreadable_json
from signing.sm2 import sm3
from signing.trust import Policy, TrustStore
from signing.verify import recognise, verify_document

SIGNING = Path(__file__).parents[2] / "signing"
TRUST = TrustStore(
    signers=(s.ROOT.certificate,),
    seal_makers=(s.MAKER_ROOT.certificate,),
    tsa=(s.TSA_ROOT.certificate,),
    crls=s.LISTS,
)
CATALOGUE = {rule.id: rule for rule in load_rules(SIGNING.glob("rules*.toml"))}
SEALED = s.sealed(s.Signing(), s.Signing(s.PlainSignature(signer=s.OTHER), folder="Sign_1", id="2"))
DOCUMENT = s.package(SEALED)
COVERED = s.content()


def judge(document: bytes, **more: Any) -> Report:
    report = verify_document(document, trust=TRUST, at=s.AT, **more)
    assert_in_catalogue(report)
    return report


def assert_in_catalogue(report: Report) -> None:
    for check in report.all_checks():
        assert check.rule in CATALOGUE, check.rule
        assert check.reason is None or check.reason in CATALOGUE[check.rule].reasons, (check.rule, check.reason)


def test_the_document_is_identified() -> None:
    report = judge(DOCUMENT)
    assert report.outcome is Outcome.PASSED
    assert report.document is not None
    assert report.document.media_type == "application/ofd"
    assert report.document.size == len(DOCUMENT)
    assert report.digest == f"sha256:{report.document.sha256}"
    assert report.basis["trust"] == TRUST.digest
    seal = report.seals[0]
    assert seal.seal is not None
    assert (seal.seal.id, seal.seal.name) == ("33020000000001", "示例财产保险股份有限公司电子保单专用章")
    assert (seal.time_proof, seal.signed_at) == ("claimed", datetime(2026, 3, 1, 2, 3, 4, tzinfo=UTC))


def test_the_json_object_has_the_shape_of_the_contract() -> None:
    found = json.loads(json.dumps(as_seal_verify_json("policy.ofd", judge(DOCUMENT))))
    assert {"file", "document", "at", "outcome", "seals", "checks"} <= set(found)
    assert set(found["document"]) == {"sha256", "sm3", "media_type", "size"}
    assert found["at"] == "2026-06-01T00:00:00Z"
    assert "reason" not in found
    for seal in found["seals"]:
        assert {"id", "container", "format", "algorithm", "integrity", "trust", "coverage"} <= set(seal)
        assert {"signer", "seal", "signed_at", "time_proof", "flags", "checks"} <= set(seal)
        assert {"subject", "credit_code", "issuer", "serial"} <= set(seal["signer"])
    assert set(found["seals"][0]["seal"]) == {"id", "name", "maker", "valid_from", "valid_to"}
    assert found["seals"][1]["seal"] is None
    failed = as_seal_verify_json("x", judge(s.package({**s.content()})))
    assert (failed["outcome"], failed["seals"]) == ("failed", [])


def test_the_json_object_of_an_unreadable_file() -> None:
    found = as_unreadable_json("x", Unreadable("archive.ambiguous", "why"), "2026-06-01T00:00:00Z")
    assert (found["outcome"], found["reason"], found["seals"]) == ("unreadable", "archive-ambiguous", [])


@pytest.mark.parametrize("document", [b"", b"x", b"PK\x05\x06" + bytes(18), b"0", b"\x30\x00", b"\x30\x80\x00\x00"])
def test_nothing_to_judge_is_unreadable(document: bytes) -> None:
    with pytest.raises(Unreadable):
        judge(document)


def test_a_detached_value_that_is_no_signature_is_unreadable() -> None:
    with pytest.raises(Unreadable) as raised:
        judge(b"policy", detached=b"no signature")
    assert raised.value.rule == "document.unknown"


def test_a_detached_signature_names_the_document_that_it_signs() -> None:
    content = b"policy"
    report = judge(content, detached=s.PlainSignature().build(content), media_type="text/plain")
    assert report.outcome is Outcome.PASSED
    assert report.document is not None
    assert (report.document.media_type, report.document.size) == ("text/plain", 6)


def test_signature_and_document_are_not_exchanged() -> None:
    """A signature file with its content as `detached` must not pass as a sealed document."""
    content = b"policy"
    with pytest.raises(Unreadable):
        judge(s.PlainSignature().build(content), detached=content)


def test_signed_data_with_its_content_inside() -> None:
    content = b"<policy/>"
    plain = s.PlainSignature(attributes=False, embedded=lambda content: content)
    report = judge(plain.build(content))
    assert report.outcome is Outcome.PASSED
    assert recognise(plain.build(content)) == "application/pkcs7-signature"


def test_signatures_without_their_content_are_indeterminate() -> None:
    for value in (s.PlainSignature().build(b"x"), s.SealSignature().build(b"x", "x")):
        report = judge(value)
        assert (report.outcome, report.reason) == (Outcome.INDETERMINATE, "content-absent")
        assert report.seals[0].coverage == "unsafe"


def test_a_lone_seal_is_on_nothing() -> None:
    report = judge(s.SealPlan().build())
    assert (report.outcome, report.reason) == (Outcome.FAILED, "seal-only")
    assert (report.seals[0].integrity, report.seals[0].trust) == ("passed", "trusted")


def test_nobody_is_trusted_without_anchors() -> None:
    report = verify_document(DOCUMENT, trust=TrustStore(), at=s.AT)
    assert report.outcome is Outcome.INDETERMINATE
    assert {seal.trust for seal in report.seals} == {"indeterminate"}


def test_xml_signatures_are_judged() -> None:
    signed = b'<policy><s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#" Id="a"/></policy>'
    report = judge(signed)
    assert (report.outcome, report.reason) == (Outcome.FAILED, "element-missing")
    assert [(seal.id, seal.container, seal.integrity) for seal in report.seals] == [("a", "xml", "failed")]
    assert judge(b"<policy/>").reason == "not-signed"


def test_a_document_that_is_also_a_pdf_is_unreadable() -> None:
    """The archive is whole and sealed, but a PDF reader would show what stands in its comment."""
    end = DOCUMENT[:-2] + len(comment := b"1 0 obj <</Type/Catalog>> endobj %%EOF").to_bytes(2, "little") + comment
    assert judge(end).outcome is Outcome.PASSED
    twin = s.package({"Doc_0/%PDF-1.7": b"x", **SEALED})
    with pytest.raises(Unreadable):
        judge(twin)


def test_version_5_by_policy() -> None:
    document = s.package(s.sealed(s.with_seal(s.SealPlan(version=5))))
    allowed = TrustStore(
        signers=TRUST.signers, seal_makers=TRUST.seal_makers, crls=TRUST.crls, policy=Policy(allow_v5=True)
    )
    assert judge(document).seals[0].integrity == "unsupported"
    assert verify_document(document, trust=allowed, at=s.AT).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("token", "failing", "reason"),
    [
        (lambda value: s.time_stamp(sm3(value), moment="20250601000001Z"), (), None),
        (lambda value: s.time_stamp(sm3(value + b"x")), ("timestamp.imprint",), "imprint-mismatch"),
        (lambda value: s.time_stamp(sm3(value)) + b"abc", ("timestamp.imprint",), "token-malformed"),
        (lambda value: b"junk", ("timestamp.imprint",), "token-malformed"),
        (lambda value: s.time_stamp(sm3(value), moment="20250101000000Z"), ("timestamp.agrees",), "claimed-later"),
        (lambda value: s.time_stamp(sm3(value), s.Holder("Unknown Time")), (), "authority-not-trusted"),
    ],
)
def test_the_time_stamp_of_a_seal_itself(
    token: Callable[[bytes], bytes], failing: tuple[str, ...], reason: str | None
) -> None:
    """GM/T 0031-2025: it is over the maker's signature, and says no more than when the seal was made."""
    plan = s.SealPlan(version=5, token=token)
    allowed = replace(TRUST, policy=Policy(allow_v5=True))
    for document in (s.package(s.sealed(s.with_seal(plan))), plan.build()):
        report = verify_document(document, trust=allowed, at=s.AT)
        assert_in_catalogue(report)
        found = tuple(rule for rule in report.failing() if rule != "document.signed")
        stamps = [check for check in report.all_checks() if check.rule.startswith("timestamp.")]
        assert found == failing
        assert {check.field for check in stamps} == {"seal"}
        assert reason in {check.reason for check in stamps}
        assert report.seals[0].time_proof != "timestamp", "it says nothing about when the seal was used"
    mixed = s.package(s.sealed(s.with_seal(replace(plan, version=4))))
    assert "signature.version" in verify_document(mixed, trust=allowed, at=s.AT).failing()


@pytest.mark.parametrize(
    ("name", "failing"),
    [("value-raw", ("signature.encoding",)), ("digest-base64", ("signature.data-hash", "signature.encoding"))],
)
def test_repairs_by_policy(name: str, failing: tuple[str, ...]) -> None:
    document = (Path(__file__).parents[1] / f"vectors/seals/{name}.ofd").read_bytes()
    strict = replace(TRUST, policy=Policy(interop_repair=False))
    report = verify_document(document, trust=strict, at=s.AT)
    assert (report.outcome, report.failing()) == (Outcome.FAILED, failing)


@pytest.mark.parametrize(
    "embedded",
    [
        lambda digest: b64encode(digest) + b"\n",
        lambda digest: b64encode(digest).rstrip(b"="),
        lambda digest: b64encode(digest).lower(),
        lambda digest: b64encode(digest[:31]),
        lambda digest: digest.hex().encode(),
    ],
)
def test_only_the_canonical_text_of_a_digest_is_taken(embedded: Callable[[bytes], bytes]) -> None:
    plain = s.PlainSignature(attributes=False, embedded=lambda content: embedded(sm3(content)))
    assert judge(s.package(s.sealed(s.Signing(plain)))).failing() == ("signature.data-hash",)


def assert_never_passes_changed(document: bytes) -> None:
    """It passes only if everything that it shows is what was sealed, by those who sealed it, at that time."""
    try:
        report = judge(document)
    except Unreadable:
        return
    if report.outcome is not Outcome.PASSED:
        return
    from signing.containers.ofd import open_archive

    archive = open_archive(document)
    assert {name: archive.read(name) for name in COVERED} == COVERED
    before = {seal.id: seal for seal in judge(DOCUMENT).seals}
    for seal in report.seals:
        assert any((seal.signer, seal.seal, seal.signed_at) == (b.signer, b.seal, b.signed_at) for b in before.values())


@settings(deadline=None, max_examples=400)
@given(st.integers(0, len(DOCUMENT) - 1), st.integers(1, 255))
def test_one_changed_byte_of_a_document(at: int, change: int) -> None:
    changed = bytearray(DOCUMENT)
    changed[at] ^= change
    assert_never_passes_changed(bytes(changed))


@settings(deadline=None, max_examples=600)
@given(st.sampled_from(sorted(SEALED)), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
@example("Doc_0/Signs/Sign_0/SignedValue.dat", 0.999999, 1)
def test_one_changed_byte_of_a_part(name: str, where: float, change: int) -> None:
    """The archive is written anew, so that its checksum does not hide what the signatures must find."""
    part = bytearray(SEALED[name])
    part[int(where * len(part))] ^= change
    document = s.package({**SEALED, name: bytes(part)})
    assert_never_passes_changed(document)
    if name in COVERED:
        report = judge(document) if name != "OFD.xml" else None
        assert report is None or report.outcome is Outcome.FAILED


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(SEALED)), st.binary(max_size=80), st.floats(0, 1), st.integers(0, 60))
def test_a_part_with_a_piece_exchanged(name: str, piece: bytes, where: float, removed: int) -> None:
    part = SEALED[name]
    start = int(where * len(part))
    document = s.package({**SEALED, name: part[:start] + piece + part[start + removed :]})
    assert_never_passes_changed(document)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes(document: bytes) -> None:
    for found in (document, b"PK\x03\x04" + document, b"\x30" + document, b"%PDF-1.7\n" + document):
        try:
            assert judge(found).outcome is not Outcome.PASSED
        except Unreadable:
            continue


VALUES = (
    s.SealSignature().build(b"x", "x"),
    s.SealSignature(s.SealPlan(family="v1", version=1)).build(b"x", "x"),
    s.SealSignature(token=lambda value: s.time_stamp(bytes(32))).build(b"x", "x"),
    s.PlainSignature().build(b"x"),
    s.PlainSignature(attributes=False).build(b"x"),
    s.SealPlan(list_type=2).build(),
)


@settings(deadline=None, max_examples=600)
@given(st.sampled_from(VALUES), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=3), st.integers(0, 3))
def test_a_changed_value(value: bytes, where: float, piece: bytes, removed: int) -> None:
    start = int(where * len(value))
    changed = value[:start] + piece + value[start + removed :]
    for more in ({}, {"detached": changed}):
        try:
            report = judge(b"x" if more else changed, **more)
        except Unreadable:
            continue
        if report.outcome is Outcome.PASSED:
            assert report.seals[0].signed_at in (None, datetime(2026, 3, 1, 2, 3, 4, tzinfo=UTC))
            assert changed[:-80] == value[:-80] or changed == value or "attributes" not in report.subject


def test_every_rule_and_reason_is_in_the_catalogue() -> None:
    """In Chinese and English, whatever the code can say in so many words."""
    said = {found for path in sorted(SIGNING.rglob("*.py")) for found in _said(ast.parse(path.read_text("utf-8")))}
    assert len(said) > 100
    unknown = {(rule, reason) for rule, reason in said if not _known(CATALOGUE.get(rule), reason)}
    assert unknown == set()


def _known(rule: Rule | None, reason: str | None) -> bool:
    return rule is not None and (reason is None or reason in rule.reasons)


def _said(tree: ast.AST) -> set[tuple[str, str | None]]:
    found: set[tuple[str, str | None]] = set()
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for scope in scopes:
        rules = {
            one.value.value
            for one in ast.walk(scope)
            if isinstance(one, ast.Assign)
            and isinstance(one.targets[0], ast.Name)
            and one.targets[0].id == "rule"
            and isinstance(one.value, ast.Constant)
            and isinstance(one.value.value, str)
        }
        for call in ast.walk(scope):
            if isinstance(call, ast.Call) and _called(call.func) in ("failed", "unknown", "passed", "defect"):
                found |= _arguments(call, rules)
    return found


def _called(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _arguments(call: ast.Call, rules: set[str]) -> set[tuple[str, str | None]]:
    texts = [arg.value if isinstance(arg, ast.Constant) and isinstance(arg.value, str) else None for arg in call.args]
    if not texts:
        return set()
    first = [texts[0]] if texts[0] is not None else sorted(rules) if len(rules) == 1 else []
    reason = texts[1] if len(texts) > 1 and _called(call.func) != "passed" else None
    return {(rule, reason) for rule in first}


def test_every_rule_of_the_catalogue_has_reasons_in_both_languages() -> None:
    for name, body in tomllib.loads((SIGNING / "rules.toml").read_text("utf-8")).items():
        assert body.get("reasons") or name in ("document.unknown", "ofd.malformed"), name
