"""One seed and one moment make one world, on each machine, and everything in it is what it says it is."""

import hashlib
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.filing.read import read_registry
from sandbox.filings import REGISTRY
from sandbox.insurers import credit_code
from sandbox.keys import make_key
from sandbox.sheets import words
from sandbox.world import World
from schemas.filing import Filing
from schemas.identifiers import organisation_digit_holds
from schemas.policy import Policy
from schemas.premium import PremiumReceipt, PremiumRefund
from schemas.submission import RECORDS
from signing import sm2
from signing.containers.ses import read_seal, read_seal_signature
from signing.trust import TrustStore
from untrusted import open_zip, read_der

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)

_PRINT_DIGEST = """
import hashlib, sys, tempfile
from datetime import UTC, datetime
from pathlib import Path
from sandbox.world import World

world = World(int(sys.argv[1]), at=datetime.fromisoformat(sys.argv[2]))
digest = hashlib.sha256()
for case in world.cases():
    for step in case.steps:
        digest.update(step.content)
folder = Path(tempfile.mkdtemp())
world.trust_dir(folder)
for path in sorted(folder.rglob("*")):
    if path.is_file():
        digest.update(path.read_bytes())
for one in (*world.insurers, world.subsidy_system, world.regulator, world.operator):
    digest.update(one.request_key.pem)
digest.update(world.registry_csv() + world.registry_json())
print(digest.hexdigest())
"""


@pytest.fixture(scope="module")
def world() -> World:
    return World(1, at=AT)


def test_the_same_seed_and_moment_give_the_same_bytes_in_another_process() -> None:
    def digest(seed: int, hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", _PRINT_DIGEST, str(seed), AT.isoformat()],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": hash_seed, "PATH": "/usr/bin:/bin", "TZ": f"UTC{hash_seed}"},
            cwd=Path(__file__).parents[2],
        ).stdout

    first = digest(1, "1")
    assert digest(1, "2") == first
    assert digest(2, "1") != first


def test_another_moment_is_another_world(world: World) -> None:
    later = World(1, at=AT + timedelta(days=1))
    facts, others = world.policy(world.insurers[0], 1), later.policy(later.insurers[0], 1)
    assert facts.body["issued_on"] != others.body["issued_on"]
    assert world.insurers[0].request_key.pem == later.insurers[0].request_key.pem


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        World(1, at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_trust_directory_loads_and_names_the_owners(world: World, tmp_path: Path) -> None:
    world.trust_dir(tmp_path)
    store = TrustStore.load(tmp_path)
    assert (len(store.signers), len(store.seal_makers), len(store.intermediates), len(store.crls)) == (2, 1, 3, 6)
    assert [owner.insurer for owner in store.owners] == [*(one.code for one in world.insurers), "STATE-TAX"]


def test_certificates_read_as_others_read_them(world: World) -> None:
    for insurer in world.insurers:
        for papers in insurer.papers.values():
            certificate = x509.load_der_x509_certificate(papers.holder.certificate)
            names = {one.oid.dotted_string: one.value for one in certificate.subject}
            assert names["2.5.4.10"] == insurer.name
            assert f"@N{insurer.credit_code}@" in str(names["2.5.4.3"])
            usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
            assert usage.critical
            assert usage.value.digital_signature
            assert not usage.value.key_cert_sign


def test_revocation_lists_are_fresh_and_name_the_revoked(world: World) -> None:
    revoked = 0
    for content in world.revocation_lists.values():
        listed = x509.load_der_x509_crl(content)
        assert listed.last_update_utc < AT < listed.next_update_utc
        revoked += len(listed)
    assert revoked == len(world.insurers) + 1  # and the tax authority


def test_sm2_signatures_hold(world: World) -> None:
    """The issuing authority's key verifies each SM2 certificate over its raw tbsCertificate."""
    authority = read_der(world._pki.sm2_ca.holder.certificate)
    point = authority.children[0].children[6].children[1].bit_string()
    for insurer in world.insurers:
        certificate = insurer.papers["current"].holder
        if certificate.key.algorithm == "sm2-sm3":
            body, _, signature = read_der(certificate.certificate).children
            assert sm2.verify(point, body.raw, signature.bit_string())


def test_seals_and_seal_signatures_parse(world: World) -> None:
    insurer = world.insurer("SANDBOX-A")
    assert insurer.papers["current"].seal is not None
    seal = read_seal(insurer.papers["current"].seal.content)
    assert seal is not None
    archive = open_zip(world.e_policy(insurer, world.policy(insurer, 1)))
    assert archive.read("Doc_0/Signs/Sign_0/Seal.esl") == insurer.papers["current"].seal.content
    assert read_seal_signature(archive.read("Doc_0/Signs/Sign_0/SignedValue.dat")) is not None


@pytest.mark.parametrize("code", ["SANDBOX-A", "SANDBOX-B", "SANDBOX-C", "SANDBOX-D"])
def test_records_are_records_of_the_schema(world: World, code: str) -> None:
    insurer = world.insurer(code)
    facts = world.policy(insurer, 3, instalments=2)
    policy = Policy.model_validate(facts.body)
    assert sum((one.amount.fen for one in policy.instalments if one.amount), 0) == policy.premium.gross.fen
    assert policy.premium.net is not None
    assert policy.premium.tax is not None
    assert policy.premium.net + policy.premium.tax == policy.premium.gross
    assert policy.limits is not None
    assert policy.limits.aggregate is not None
    rate = Decimal(facts.body["rate_percent"])
    assert Decimal(str(policy.limits.aggregate)) * rate / 100 == Decimal(facts.gross)
    PremiumReceipt.model_validate(world.receipt(facts).body)
    PremiumRefund.model_validate(world.refund(facts).body)
    for record in (world.cancellation(facts), world.endorsement(facts)):
        RECORDS[record.type].model_validate(record.body)


def test_overrides_can_contradict(world: World) -> None:
    facts = world.policy(world.insurers[0], 1, **{"premium.gross": "1.00"})
    assert facts.gross == "1.00"
    assert facts.get("premium.net") != "1.00"


def test_filings_are_records_of_the_schema(world: World) -> None:
    filings = [Filing.model_validate(one) for one in world.filings()]
    assert {one.kind for one in filings} == {"main", "rider"}
    stopped = [one for one in filings if len(one.intervals) == 2]
    assert len(stopped) == len(world.insurers)
    assert world.clause(world.insurers[0], "unfiled")["registration_no"] not in {one.registration_no for one in filings}
    assert world.registry_json().startswith(b"{")
    assert world.registry_csv().startswith("\ufeffregistration_no,".encode())


def test_invented_credit_codes_have_both_check_characters(world: World) -> None:
    for insurer in world.insurers:
        assert credit_code(insurer.credit_code[8:16]) == insurer.credit_code
        assert organisation_digit_holds(insurer.credit_code)


def test_cases_are_told_once_each(world: World) -> None:
    cases = world.cases()
    assert len({case.name for case in cases}) == len(cases) == 22
    assert len({(case.insurer, case.policy_no) for case in cases}) == len(cases)
    assert {case.expected for case in cases} == {"verified", "held", "refused", "withdrawn"}
    for case in cases:
        assert bool(case.failing) == (case.expected != "verified")
        assert case.title_zh
        assert case.title_en
        for step in case.steps:
            assert (step.kind == "raw") == (step.replays is not None)
            if step.replays is not None:
                assert case.steps[step.replays].content == step.content
        sent = [step.message_id for step in case.steps if step.kind == "submission"]
        assert len(set(sent)) == len(sent)


def test_a_policy_list_says_what_it_cannot_say(world: World) -> None:
    insurer = world.insurer("SANDBOX-B")
    facts = world.policy(insurer, 1)
    with pytest.raises(ValueError, match="beside its policy"):
        world.render_message(insurer, [world.receipt(facts)], "M-1")
    with pytest.raises(ValueError, match="no room"):
        world.render_message(insurer, [facts, world.receipt(facts), world.receipt(facts)], "M-1")


@given(st.integers(0, 2**63 - 1), st.sampled_from(["ed25519", "sm2-sm3", "ecdsa-p256-sha256"]))
@settings(max_examples=25, deadline=None)
def test_keys_sign_the_same_each_time(seed: int, algorithm: str) -> None:
    key = make_key(seed, "test", algorithm)
    assert key.sign(b"message") == key.sign(b"message")
    assert hashlib.sha256(key.spki).hexdigest().startswith(key.keyid)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("800000.00", "人民币捌拾万元整"),
        ("100200.50", "人民币壹拾万零贰佰元伍角整"),
        ("12345678.91", "人民币壹仟贰佰叁拾肆万伍仟陆佰柒拾捌元玖角壹分"),
        ("100000001.00", "人民币壹亿零壹元整"),
        ("20010.03", "人民币贰万零壹拾元零叁分"),
    ],
)
def test_amounts_in_words(amount: str, text: str) -> None:
    assert words(amount) == text


def test_the_registry_files_load(world: World) -> None:
    insurers = {one.company_code: one.code for one in world.insurers} | {one.code: one.code for one in world.insurers}
    for data in (world.registry_json(), world.registry_csv()):
        read = read_registry(
            data, file_name="registry", fetched_at=AT, insurers=insurers, registry=REGISTRY, as_of=world.as_of
        )
        assert not read.problems
        assert [one.model_dump(exclude={"source"}) for one in read.filings] == [
            Filing.model_validate(one).model_dump(exclude={"source"}) for one in world.filings()
        ]
