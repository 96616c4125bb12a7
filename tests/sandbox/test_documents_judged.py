"""The sandbox's honest documents pass the strictest policy, and each dishonest one fails for its own reason."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.insurers import Insurer
from sandbox.world import World
from schemas.verification import Outcome, Report
from signing.trust import TrustStore
from signing.verify import verify_document

WORLD = World(1, at=datetime(2026, 11, 21, 8, tzinfo=UTC))
CODES = [insurer.code for insurer in WORLD.insurers]


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> TrustStore:
    folder = tmp_path_factory.mktemp("trust")
    WORLD.trust_dir(folder)
    return TrustStore.load(Path(folder))


def judged(document: bytes, trust: TrustStore, *, later: timedelta = timedelta()) -> Report:
    return verify_document(document, trust=trust, at=WORLD.at + later)


def owners(report: Report, trust: TrustStore) -> tuple[str, ...]:
    (seal,) = report.seals
    assert seal.signer is not None
    return trust.owners_of(seal.signer, seal.seal, WORLD.at)


def assert_good(report: Report, insurer: Insurer, trust: TrustStore) -> None:
    assert report.outcome is Outcome.PASSED, report.failing()
    (seal,) = report.seals
    assert (seal.integrity, seal.trust, seal.coverage, seal.flags) == ("passed", "trusted", "whole", ())
    assert seal.signer is not None
    assert seal.signer.credit_code == insurer.credit_code
    assert owners(report, trust) == (insurer.code,)


@pytest.mark.parametrize("code", CODES)
def test_honest_documents_are_passed_and_trusted(code: str, trust: TrustStore) -> None:
    insurer = WORLD.insurer(code)
    facts = WORLD.policy(insurer, 2)
    assert_good(judged(WORLD.e_policy(insurer, facts), trust), insurer, trust)
    assert_good(judged(WORLD.premium_statement(insurer, WORLD.receipt(facts)), trust), insurer, trust)


def test_honest_documents_of_other_seeds_and_moments(tmp_path: Path) -> None:
    for seed, moment in ((7, datetime(2031, 3, 1, 23, 59, tzinfo=UTC)), (-1, datetime(2027, 12, 31, 16, tzinfo=UTC))):
        world = World(seed, at=moment)
        world.trust_dir(tmp_path / str(seed))
        store = TrustStore.load(tmp_path / str(seed))
        for insurer in world.insurers:
            report = verify_document(world.e_policy(insurer, world.policy(insurer, 1)), trust=store, at=world.at)
            assert report.outcome is Outcome.PASSED, report.failing()


def test_another_world_is_not_trusted(trust: TrustStore) -> None:
    other = World(2, at=WORLD.at)
    for insurer in other.insurers:
        report = judged(other.e_policy(insurer, other.policy(insurer, 1)), trust)
        assert report.outcome is not Outcome.PASSED
        assert report.seals[0].trust != "trusted"


def test_stale_revocation_lists_are_not_trusted(trust: TrustStore) -> None:
    insurer = WORLD.insurer("SANDBOX-A")
    document = WORLD.e_policy(insurer, WORLD.policy(insurer, 1))
    assert judged(document, trust, later=timedelta(days=31)).outcome is Outcome.INDETERMINATE


# Rule and reason that must be among those that do not pass.
DISHONEST = [
    ("content-changed", "SANDBOX-A", "signature.reference-digests", "content-changed"),
    ("content-changed", "SANDBOX-C", "signature.reference-digests", "content-changed"),
    ("seal-transplant", "SANDBOX-A", "seal.signer-listed", "signer-not-listed"),
    ("unsigned", "SANDBOX-A", "document.signed", "not-signed"),
    ("expired", "SANDBOX-C", "signature.signer-period", "signed-after-expiry"),
    ("revoked", "SANDBOX-A", "certificate.revocation", "revoked"),
    ("content-changed", "SANDBOX-B", "signature.data-hash", "content-changed"),
    ("content-changed", "SANDBOX-D", "signature.data-hash", "content-changed"),
    ("seal-transplant", "SANDBOX-B", "certificate.chain", "chain-unknown"),
    ("seal-transplant", "SANDBOX-D", "certificate.chain", "chain-unknown"),
    ("unsigned", "SANDBOX-D", "document.signed", "not-signed"),
    ("expired", "SANDBOX-B", "certificate.period", "signed-after-expiry"),
    ("revoked", "SANDBOX-B", "certificate.revocation", "revoked"),
]


@pytest.mark.parametrize(("how", "code", "rule", "reason"), DISHONEST)
def test_dishonest_documents_fail_for_their_reason(
    how: str, code: str, rule: str, reason: str, trust: TrustStore
) -> None:
    insurer = WORLD.insurer(code)
    facts = WORLD.policy(insurer, 1)
    if how in ("expired", "revoked"):
        document = WORLD.e_policy(insurer, facts, certificate=how)
    else:
        shown = WORLD.policy(insurer, 1, rate="2.5")
        document = WORLD.e_policy(insurer, facts, facts_shown=shown, tamper=how)
    report = judged(document, trust)
    # A stranger's authority is unknown, not wrong: nobody can say more about it (ETSI EN 319 102-1 section 5.1.4).
    assert report.outcome is (Outcome.INDETERMINATE if reason == "chain-unknown" else Outcome.FAILED)
    found = {(check.rule, check.reason) for check in report.all_checks() if check.outcome is not Outcome.PASSED}
    assert (rule, reason) in found


@pytest.mark.parametrize("signer", ["SANDBOX-A", "SANDBOX-C"])
def test_a_genuine_seal_of_another_names_the_other(signer: str, trust: TrustStore) -> None:
    insurer = WORLD.insurer("SANDBOX-A" if signer == "SANDBOX-C" else "SANDBOX-C")
    report = judged(WORLD.e_policy(insurer, WORLD.policy(insurer, 1), signer=WORLD.insurer(signer)), trust)
    assert report.outcome is Outcome.PASSED
    assert owners(report, trust) == (signer,)
