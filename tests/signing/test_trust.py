"""The trust folder: what it may hold, what it must not, and what its digest says."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from asn1crypto import pem
from authority import issue, revocation_list, root
from hypothesis import given
from hypothesis import strategies as st

from schemas.verification import SealIdentity, SignerIdentity
from signing.trust import Owner, Policy, Purpose, TrustError, TrustStore

AT = datetime(2026, 6, 1, tzinfo=UTC)
CODE, OTHER_CODE = "91110000100015525K", "91100000100003962T"


def folder(base: Path, **files: bytes | str) -> Path:
    for path, content in files.items():
        place = base / path.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return base


def test_an_empty_folder_trusts_nobody(tmp_path: Path) -> None:
    trust = TrustStore.load(tmp_path)
    assert trust == TrustStore()
    assert all(trust.anchors(purpose) == () for purpose in Purpose)
    assert trust.policy == Policy()


def test_anchors_by_purpose_in_pem_and_der(tmp_path: Path) -> None:
    one, two, three = (root(name).certificate for name in ("One", "Two", "Three"))
    both = pem.armor("CERTIFICATE", one) + pem.armor("CERTIFICATE", two)
    trust = TrustStore.load(
        folder(tmp_path, **{"signers__a.pem": both, "seal-makers__b.cer": three, "tsa__.keep": b""})
    )
    assert set(trust.anchors(Purpose.document_signing)) == {one, two}
    assert trust.anchors(Purpose.seal_making) == (three,)
    assert trust.anchors(Purpose.timestamping) == trust.anchors(Purpose.xml_signing) == ()
    assert set(trust.anchors(Purpose.any)) == {one, two, three}


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("signers__bad.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("signers__bad.der", b"\x30\x03\x02\x01\x01"),
        ("signers__empty.der", b""),
        ("crl__bad.crl", b"\x30\x00"),
        ("ocsp__bad.der", b"no response"),
        ("signer__typo.pem", b""),
        ("polcy.toml", b""),
        ("policy.toml", b"allow_everything = true"),
        ("policy.toml", b"revocation = 'never'"),
        ("policy.toml", b"require_key_usage = 1"),
        ("policy.toml", b"clock_skew_seconds = -1"),
        ("policy.toml", b"accept_extended_key_usages = 'any'"),
        ("policy.toml", b"\xff"),
        ("owners.toml", b"[[owner]]\ninsurer = 'A'\nnames = ['only a name']"),
        ("owners.toml", b"[[owner]]\ninsurer = 'A'\ncredit_code = '1'"),
        ("owners.toml", b"[[owner]]\ninsurer = 'A'\nseal_ids = ['1']\nform = 2020-01-01"),
        ("owners.toml", b"[[owner]]\ninsurer = 'A'\nseal_ids = ['1']\nfrom = 2021-01-01\nto = 2020-01-01"),
        ("owners.toml", b"[[owner]]\ninsurer = 'A'\ncertificates = ['sha256:12']"),
        ("owners.toml", b"owner = 1"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, path: str, content: bytes) -> None:
    with pytest.raises(TrustError, match=path.split("__")[0]):
        TrustStore.load(folder(tmp_path, **{path: content}))


def test_a_private_key_among_the_anchors_is_refused(tmp_path: Path) -> None:
    content = pem.armor("CERTIFICATE", root().certificate) + pem.armor("PRIVATE KEY", b"\x30\x00")
    with pytest.raises(TrustError, match="PRIVATE KEY"):
        TrustStore.load(folder(tmp_path, **{"signers__a.pem": content}))


def test_the_digest_is_of_the_contents_and_not_of_the_names(tmp_path: Path) -> None:
    top = root()
    files = {"signers__a.pem": pem.armor("CERTIFICATE", top.certificate), "crl__1.crl": revocation_list(top)}
    one = TrustStore.load(folder(tmp_path / "one", **files))
    two = TrustStore.load(
        folder(tmp_path / "two", **{"signers__z.der": top.certificate, "crl__9.crl": files["crl__1.crl"]})
    )
    assert one.digest == two.digest
    moved = TrustStore.load(
        folder(tmp_path / "three", **{"tsa__a.der": top.certificate, "crl__1.crl": files["crl__1.crl"]})
    )
    stricter = TrustStore.load(folder(tmp_path / "one", **{"policy.toml": "crl_max_age_hours = 24"}))
    owned = TrustStore.load(folder(tmp_path / "two", **{"owners.toml": "[[owner]]\ninsurer='A'\nseal_ids=['1']"}))
    assert len({one.digest, moved.digest, stricter.digest, owned.digest}) == 4


def test_policy_is_strict_where_it_says_nothing() -> None:
    policy = Policy.read("")
    assert (policy.revocation, policy.require_key_usage) == ("require", True)
    assert not any((policy.allow_v5, policy.allow_test_certificates, policy.allow_unattributed_pdf))
    assert Policy.read("allow_v5 = true").allow_v5


def signer(
    code: str | None = None, digest: str = "a" * 64, subject: str = "O=平安财产保险股份有限公司"
) -> SignerIdentity:
    return SignerIdentity(subject=subject, credit_code=code, issuer="CN=CA", serial="01", certificate_sha256=digest)


def seal(ident: str = "SEAL-1", name: str = "平安财产保险股份有限公司电子保单专用章") -> SealIdentity:
    return SealIdentity(id=ident, name=name, maker="CN=maker")


def owned(*owners: Owner) -> TrustStore:
    return TrustStore(owners=owners)


def test_each_sign_names_an_owner() -> None:
    trust = owned(
        Owner("PINGAN", credit_code=CODE),
        Owner("PINGAN", certificates=frozenset({"b" * 64})),
        Owner("PINGAN", seal_ids=frozenset({"SEAL-1"})),
        Owner("OTHER", credit_code=OTHER_CODE),
    )
    assert trust.owners_of(signer(CODE), None, AT) == ("PINGAN",)
    assert trust.owners_of(signer(digest="b" * 64), None, AT) == ("PINGAN",)
    assert trust.owners_of(signer(), seal(), AT) == ("PINGAN",)
    assert trust.owners_of(signer(CODE, "b" * 64), seal(), AT) == ("PINGAN",)
    assert trust.owners_of(signer(), None, AT) == ()
    assert trust.owners_of(signer(), seal("SEAL-2"), AT) == ()


def test_signs_that_contradict_each_other_name_nobody() -> None:
    trust = owned(
        Owner("A", credit_code=CODE, seal_ids=frozenset({"SEAL-A"}), certificates=frozenset({"a" * 64})),
        Owner("B", credit_code=OTHER_CODE, seal_ids=frozenset({"SEAL-B"}), certificates=frozenset({"b" * 64})),
    )
    assert trust.owners_of(signer(CODE), seal("SEAL-B"), AT) == ()
    assert trust.owners_of(signer(CODE, "b" * 64), None, AT) == ()
    assert trust.owners_of(signer(OTHER_CODE), seal("SEAL-A"), AT) == ()
    assert trust.owners_of(signer("91310000MA1FL3LC5X", "a" * 64), None, AT) == ()
    assert trust.owners_of(signer(CODE), seal("SEAL-A"), AT) == ("A",)


def test_one_company_under_two_codes_is_told_apart_by_its_certificate() -> None:
    trust = owned(
        Owner("A", credit_code=CODE, certificates=frozenset({"a" * 64})),
        Owner("B", credit_code=CODE, certificates=frozenset({"b" * 64})),
    )
    assert trust.owners_of(signer(CODE, "a" * 64), None, AT) == ("A",)
    assert trust.owners_of(signer(CODE, "c" * 64), None, AT) == ("A", "B")


def test_a_homoglyph_is_another_name() -> None:
    trust = owned(Owner("PINGAN", credit_code=CODE, names=("平安财产保险股份有限公司",)))
    assert trust.owners_of(signer(CODE), None, AT) == ("PINGAN",)
    for false in ("O=平安财产保险股份有限公可", "O=平安財产保险股份有限公司", "O=平安财产保险\u200b股份有限公司"):
        assert trust.owners_of(signer(CODE, subject=false), None, AT) == ()
    assert trust.owners_of(signer(None), None, AT) == (), "a name alone makes no owner"


def test_an_owner_has_its_days_in_beijing() -> None:
    trust = owned(Owner("A", credit_code=CODE, first=date(2026, 1, 1), last=date(2026, 6, 30)))
    days = {
        datetime(2025, 12, 31, 15, 59, tzinfo=UTC): (),
        datetime(2025, 12, 31, 16, tzinfo=UTC): ("A",),
        datetime(2026, 6, 30, 15, 59, tzinfo=UTC): ("A",),
        datetime(2026, 6, 30, 16, tzinfo=UTC): (),
    }
    assert {at: trust.owners_of(signer(CODE), None, at) for at in days} == days


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_nobody_registered_is_owned_by_nobody(subject: str, ident: str) -> None:
    trust = owned(Owner("A", credit_code=CODE, seal_ids=frozenset({"SEAL-A"}), names=("名",)))
    if ident != "SEAL-A":
        assert trust.owners_of(signer(subject=subject), seal(ident), AT) == ()


def test_owners_are_read_from_their_file(tmp_path: Path) -> None:
    certificate = issue("Insurer").certificate
    assert certificate
    text = f"""
[[owner]]
insurer = "PINGAN"
credit_code = "{CODE}"
names = ["平安财产保险股份有限公司"]
certificates = ["sha256:{"AB" * 32}"]
from = 2020-01-01
to = 2030-12-31
"""
    trust = TrustStore.load(folder(tmp_path, **{"owners.toml": text}))
    assert trust.owners == (
        Owner(
            "PINGAN",
            CODE,
            ("平安财产保险股份有限公司",),
            frozenset(),
            frozenset({"ab" * 32}),
            date(2020, 1, 1),
            date(2030, 12, 31),
        ),
    )
