"""`gateway trust import`: what is taken, what is refused, and that a refusal leaves the folder as it was."""

import json
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import cms, crl, pem, x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.catalogue import load_catalogue
from gateway.cli import main
from gateway.trust.items import NotAnItem, read_items
from signing.trust import TrustStore
from tests.shared import vectors
from tests.signing.authority import AT, issue, middle, ocsp_response, revocation_list, root

TOP = root("Root of Trust", kind="p256")
BELOW = middle("Issuing Authority", TOP, kind="p256")
LEAF = issue("Insurer", BELOW, kind="p256")
RULE = load_catalogue().rules["trust.import"]


def bundle(*certificates: bytes, lists: tuple[bytes, ...] = ()) -> bytes:
    """A PKCS #7 bundle as authorities hand it out: SignedData without a signer."""
    chosen = [cms.CertificateChoices("certificate", x509.Certificate.load(one)) for one in certificates]
    signed = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": "data"},
            "certificates": chosen,
            "signer_infos": [],
        }
    )
    if lists:
        signed["crls"] = [cms.RevocationInfoChoice("crl", crl.CertificateList.load(one)) for one in lists]
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


class Importer:
    """The command on one folder; each call gives the exit code and what is said of each item."""

    def __init__(self, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.trust, self.base, self.capfd = base / "trust", base, capfd
        self.trust.mkdir()

    def __call__(self, *contents: bytes, wanted: str | None, dry_run: bool = False) -> tuple[int, list[dict[str, str]]]:
        files = []
        for number, content in enumerate(contents):
            file = self.base / f"in-{number}"
            file.write_bytes(content)
            files.append(str(file))
        arguments = ["trust", "import", *files, "--trust", str(self.trust), "--at", AT.isoformat(), "--json"]
        arguments += ["--as", wanted] if wanted else []
        arguments += ["--dry-run"] if dry_run else []
        self.capfd.readouterr()
        code = main(arguments)
        items = json.loads(self.capfd.readouterr().out)["items"]
        for item in items:
            assert all(slug in RULE.reasons for slug in (*item["notes"], *filter(None, [item.get("reason")])))
        return code, items

    def files(self) -> dict[str, bytes]:
        return {
            str(file.relative_to(self.trust)): file.read_bytes() for file in self.trust.rglob("*") if file.is_file()
        }


@pytest.fixture
def importer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Importer:
    return Importer(tmp_path, capfd)


def test_a_hierarchy_from_nothing(importer: Importer) -> None:
    for content, wanted in (
        (TOP.certificate, "signers"),
        (pem.armor("CERTIFICATE", BELOW.certificate), "intermediates"),
        (revocation_list(TOP), "crl"),
        (pem.armor("X509 CRL", revocation_list(BELOW)), "crl"),
        (ocsp_response(BELOW, LEAF), "ocsp"),
    ):
        assert importer(content, wanted=wanted)[0] == 0
    store = TrustStore.load(importer.trust)
    assert (store.signers, store.intermediates) == ((TOP.certificate,), (BELOW.certificate,))
    assert (len(store.crls), len(store.ocsps)) == (2, 1)
    assert main(["trust", "check", "--trust", str(importer.trust), "--at", AT.isoformat()]) == 0
    assert all(stat.S_IMODE((importer.trust / name).stat().st_mode) == 0o644 for name in importer.files())
    assert {name.split("-")[0] for name in importer.files()} == {
        "signers/root",
        "intermediates/issuing",
        "crl/root",
        "crl/issuing",
        "ocsp/answer",
    }


def test_names_are_stable_and_the_same_again_is_nothing(importer: Importer) -> None:
    assert importer(TOP.certificate, wanted="signers")[1][0]["outcome"] == "new"
    before = importer.files()
    code, items = importer(pem.armor("CERTIFICATE", TOP.certificate), TOP.certificate, wanted="signers")
    assert (code, [one["outcome"] for one in items]) == (0, ["already-there", "already-there"])
    assert importer.files() == before
    importer(TOP.certificate, wanted="seal-makers")
    assert {name.split("/")[1] for name in importer.files()} == {next(iter(before)).split("/")[1]}


@pytest.mark.parametrize("form", ["pkcs7", "pem-pkcs7", "pem"])
def test_a_bundle_puts_roots_among_anchors_and_the_rest_below(importer: Importer, form: str) -> None:
    content = bundle(BELOW.certificate, TOP.certificate)
    if form == "pem-pkcs7":
        content = pem.armor("PKCS7", content)
    elif form == "pem":
        content = pem.armor("CERTIFICATE", BELOW.certificate) + b"text\n" + pem.armor("CERTIFICATE", TOP.certificate)
    code, items = importer(content, wanted="signers")
    assert code == 0
    assert {one["target"].split("/")[0]: one["notes"] for one in items} == {
        "intermediates": ["with-intermediates"],
        "signers": [],
    }
    store = TrustStore.load(importer.trust)
    assert (store.signers, store.intermediates) == ((TOP.certificate,), (BELOW.certificate,))


def test_a_dry_run_writes_nothing_and_suggests(importer: Importer) -> None:
    content = bundle(TOP.certificate, BELOW.certificate, lists=(revocation_list(TOP),))
    code, items = importer(content, wanted=None, dry_run=True)
    assert [(one["kind"], (one["target"] or "").split("/")[0], one.get("reason")) for one in items] == [
        ("authority", "", None),
        ("authority", "intermediates", None),
        ("list", "", "issuer-unknown"),
    ]
    assert (code, items[0]["notes"]) == (1, ["say-as"])
    assert importer(TOP.certificate, wanted="signers", dry_run=True)[0] == 0
    assert importer.files() == {}


def test_without_as_there_is_only_a_dry_run(importer: Importer, tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(TOP.certificate)
    assert main(["trust", "import", str(tmp_path / "root"), "--trust", str(importer.trust)]) == 64
    with pytest.raises(SystemExit) as stopped:
        main(["trust", "import", "x", "--trust", str(importer.trust), "--as", "friends"])
    assert stopped.value.code == 64
    assert main(["trust", "import", str(tmp_path / "none"), "--trust", str(importer.trust), "--as", "crl"]) == 64


STRANGER = root("Strange Root", kind="p256")


def as_leaf(**arguments: object) -> bytes:
    return issue("Pinned", TOP, kind="p256", **arguments).certificate  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "wanted", "reason"),
    [
        (b"", "signers", "empty"),
        (b"<html>", "signers", "unknown"),
        (b"\x30\x03\x02\x01\x01", "signers", "unknown"),
        (pem.armor("PRIVATE KEY", b"\x30\x00"), "signers", "private-key"),
        (
            pem.armor("EC PRIVATE KEY", b"\x30\x00") + pem.armor("CERTIFICATE", STRANGER.certificate),
            "signers",
            "private-key",
        ),
        (pem.armor("CERTIFICATE REQUEST", b"\x30\x00"), "signers", "label"),
        (pem.armor("CERTIFICATE", revocation_list(STRANGER)), "signers", "certificate"),
        (pem.armor("X509 CRL", STRANGER.certificate), "crl", "list"),
        (pem.armor("CERTIFICATE", STRANGER.certificate)[:-9], "signers", "pem"),
        (STRANGER.certificate + b"\x00", "signers", "unknown"),
        (STRANGER.certificate[:-1], "signers", "unknown"),
        (bundle(), "signers", "bundle"),
        (STRANGER.certificate, "crl", "wrong-kind"),
        (STRANGER.certificate, "intermediates", "self-issued"),
        (middle("Orphan", STRANGER, kind="p256").certificate, "intermediates", "chains-nowhere"),
        (as_leaf(), "intermediates", "not-an-authority"),
        (as_leaf(usage=("key_encipherment",)), "signers", "encryption-certificate"),
        (as_leaf(), "tsa", "not-for-timestamps"),
        (as_leaf(extended=["time_stamping"], extended_critical=True), "signers", "not-for-signing"),
        (root("Etest CA", kind="p256").certificate, "signers", "test-name"),
        (
            issue(
                "Forged Root", kind="p256", authority=True, usage=("key_cert_sign",), signer=STRANGER.key
            ).certificate,
            "signers",
            "bad-signature",
        ),
        (revocation_list(TOP), "signers", "wrong-kind"),
        (revocation_list(STRANGER), "crl", "issuer-unknown"),
        (revocation_list(TOP, signer=STRANGER.key), "crl", "bad-signature"),
        (revocation_list(TOP, this=AT + timedelta(days=1), following=AT + timedelta(days=9)), "crl", "not-yet"),
        (ocsp_response(STRANGER, LEAF), "ocsp", "issuer-unknown"),
        (ocsp_response(TOP, BELOW, responder=STRANGER), "ocsp", "bad-signature"),
    ],
)
def test_what_is_not_what_it_says_is_refused(importer: Importer, content: bytes, wanted: str, reason: str) -> None:
    assert importer(TOP.certificate, wanted="signers")[0] == 0
    before = importer.files()
    code, items = importer(content, wanted=wanted)
    assert (code, {one.get("reason") for one in items if one["outcome"] == "refused"}) == (1, {reason})
    assert importer.files() == before


def test_one_refusal_stops_all(importer: Importer) -> None:
    code, items = importer(TOP.certificate, b"rubbish", wanted="signers")
    assert (code, sorted(one["outcome"] for one in items)) == (1, ["new", "refused"])
    assert importer.files() == {}


def test_a_later_list_takes_the_place_of_the_earlier_one(importer: Importer) -> None:
    importer(TOP.certificate, wanted="signers")
    first = revocation_list(TOP, this=AT - timedelta(days=3), following=AT + timedelta(days=3))
    second = revocation_list(TOP, this=AT - timedelta(days=1), following=AT + timedelta(days=5))
    (importer.trust / "crl").mkdir()
    (importer.trust / "crl/our-own-name.crl").write_bytes(first)
    code, items = importer(second, wanted="crl")
    assert (code, items[0]["outcome"], items[0]["target"]) == (0, "replaces", "crl/our-own-name.crl")
    assert TrustStore.load(importer.trust).crls == (second,)
    code, items = importer(first, wanted="crl")
    assert (code, items[0]["reason"]) == (1, "not-newer")
    other = revocation_list(
        TOP, (LEAF, AT, "superseded"), this=AT - timedelta(days=1), following=AT + timedelta(days=9)
    )
    assert importer(other, wanted="crl")[1][0]["reason"] == "not-newer"
    assert TrustStore.load(importer.trust).crls == (second,)


def test_two_lists_for_one_place(importer: Importer) -> None:
    importer(TOP.certificate, wanted="signers")
    lists = [revocation_list(TOP, this=AT - timedelta(days=days)) for days in (1, 2)]
    code, items = importer(*lists, wanted="crl")
    assert (code, [one.get("reason") for one in items]) == (1, [None, "two-for-one-place"])


def test_a_broken_folder_is_mended_first(importer: Importer, tmp_path: Path) -> None:
    (importer.trust / "signers").mkdir()
    (importer.trust / "signers/bad").write_bytes(b"x")
    (tmp_path / "root").write_bytes(TOP.certificate)
    assert main(["trust", "import", str(tmp_path / "root"), "--trust", str(importer.trust), "--as", "signers"]) == 64


def test_what_a_name_says_never_leaves_the_folder(importer: Importer) -> None:
    for number, common in enumerate(("../../etc/passwd", "机构", "a" * 64, ".hidden", "A/B\\C")):
        code, items = importer(root(common, kind="p256").certificate, wanted="signers")
        assert code == 0, common
        name = items[0]["target"].removeprefix("signers/")
        assert "/" not in name
        assert not name.startswith(".")
        assert len(TrustStore.load(importer.trust).signers) == number + 1


def test_the_national_roots(importer: Importer) -> None:
    source = vectors("ca")
    roots = [file.read_bytes() for file in sorted(source.glob("rootca/*.pem"))]
    middles = [file.read_bytes() for file in sorted(source.glob("ca/*.pem"))]
    lists = [file.read_bytes() for file in sorted(source.glob("crl/*.crl"))]
    assert importer(*roots, wanted="signers")[0] == 0
    assert importer(*middles, wanted="intermediates")[0] == 0
    code, items = importer(*lists, wanted="crl")
    assert (code, {tuple(one["notes"]) for one in items}) == (0, {("stale",)})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([TOP.certificate, revocation_list(TOP), ocsp_response(TOP, BELOW), bundle(TOP.certificate)]),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=0, max_size=3)), max_size=4),
    st.booleans(),
)
def test_no_bytes_are_unforeseen(content: bytes, edits: list[tuple[int, bytes]], armour: bool) -> None:
    data = bytearray(content)
    for place, new in edits:
        place %= len(data)
        data[place : place + len(new)] = new
    try:
        found = bool(read_items(pem.armor("CERTIFICATE", bytes(data)) if armour else bytes(data)))
    except NotAnItem as error:
        found = error.reason in RULE.reasons
    assert found


def test_what_gives_no_trust_needs_no_word_of_whom_to_trust(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vectors = Path(__file__).parents[1] / "vectors" / "trust"
    folder = tmp_path / "trust"
    folder.mkdir()
    root, lists = str(vectors / "signers" / "0.der"), str(vectors / "crl" / "0.der")
    given = ["--trust", str(folder), "--at", "2026-06-01T00:00:00Z"]
    assert main(["trust", "import", root, *given]) == 64
    assert "signers, seal-makers, tsa, xml" in capsys.readouterr().err
    assert not list(folder.rglob("*.pem"))
    assert main(["trust", "import", root, "--as", "signers", *given]) == 0
    assert main(["trust", "import", lists, *given]) == 0
    assert len(list((folder / "crl").iterdir())) == 1


def test_a_group_alone_says_what_there_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trust"]) == 64
    told = capsys.readouterr()
    assert (told.out, "import" in told.err, "gateway trust" in told.err) == ("", True, True)
