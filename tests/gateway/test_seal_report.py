"""`gateway seal report` says what the verdict says, to people, and nothing that a stranger wrote acts in it."""

import base64
import hashlib
import re
import subprocess
import sys
import zlib
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.catalogue import load_catalogue
from gateway.cli import main
from gateway.seal_report.content import Content, describe
from gateway.seal_report.html import as_html
from gateway.seal_report.pdf import as_pdf
from gateway.seal_report.picture import NotRendered, render
from gateway.seal_report.seals import SealPicture, find_pictures
from sandbox.picture import seal_picture
from sandbox.world import World
from schemas.verification import Report, SealIdentity, SealReport, SignerIdentity, conclude, failed, passed, unknown
from signing import TrustStore, verify_document
from signing.verify import identify_document

FOLDER = Path(__file__).parents[1]
sys.path.insert(0, str(FOLDER / "signing"))

import sealing as s  # noqa: E402

MOMENT = "2026-06-01T00:00:00Z"
CATALOGUE = load_catalogue()
HOSTILE = [
    "<script>alert(1)</script>",
    "</style></title><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" \'',
    "&lt;b&gt;&#60;i&#62;",
    "javascript:alert(1)",
    "\u202egnp.exe\u2066\u2069\u200b\ufeff",
    "a\u0301\u0302\u0303\u0304\u0305",
    "(\\) Tj ET /JS (app.alert) %PDF-",
    "𠮷祥保险",
    "\u05d0\u05d1\u05d2 \u0627\u0628",
    "x" * 10_000,
    "保" * 10_000,
]


def seal_with(picture: bytes, kind: str = "PNG", name: str = "示例财产保险股份有限公司电子保单专用章") -> bytes:
    """A seal of GB/T 38540 as the vectors' maker makes it, with another picture and name."""
    info = s.seq(
        s.seq(s.ia5("ES"), s.integer(4), s.ia5("VECTOR")),
        s.ia5("33020000000001"),
        s.seq(
            s.integer(1),
            s.utf8(name),
            s.integer(1),
            s.seq(s.octets(s.SIGNER.certificate)),
            *(s.general_time(moment) for moment in ("20250601000000Z", "20250601000000Z", "20300601000000Z")),
        ),
        s.seq(s.ia5(kind), s.octets(picture), s.integer(40), s.integer(40)),
    )
    return s.seq(info, s.octets(s.MAKER.certificate), s.oid(s.SM2_SM3), s.bits(s.MAKER.sign(info)))


def sealed(picture: bytes, kind: str = "PNG", name: str = "示例财产保险股份有限公司电子保单专用章") -> bytes:
    return s.package(s.sealed(s.Signing(value=s.SealSignature(seal=seal_with(picture, kind, name)))))


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return s.write_trust(tmp_path_factory.mktemp("trust"))


def written(file: Path, trust: Path, form: str, *arguments: str) -> tuple[int, bytes]:
    out = file.with_name(f"{file.name}.{form}")
    code = main(["seal", "report", str(file), "--trust", str(trust), "--at", MOMENT, "--out", str(out), *arguments])
    return code, out.read_bytes()


class Page(HTMLParser):
    """What a browser would find: tags with attributes, and the text outside of the style."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in_style = False
        self.feed(data.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._in_style else data


TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "div", "strong", "p", "section", "figure"}
TAGS |= {"img", "figcaption", "table", "thead", "tbody", "tr", "th", "td", "span", "bdi", "ul", "li", "footer"}
ATTRIBUTES = {
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "role",
    "scope",
    "alt",
    "width",
    "height",
    "src",
}


def assert_inert(data: bytes) -> Page:
    """Nothing in it acts or asks, whatever the texts say."""
    page = Page(data)
    assert {tag for tag, _ in page.tags} <= TAGS
    for tag, attributes in page.tags:
        assert set(attributes) <= ATTRIBUTES, (tag, attributes)
        assert "src" not in attributes or str(attributes["src"]).startswith("data:image/jpeg;base64,")
    style = data.decode().split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(str(found["content"]) for tag, found in page.tags if "http-equiv" in found)
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"url\(|@import|expression", style)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff\x00-\x09\x0b-\x1f\x7f-\x9f]", data.decode())
    return page


def text_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = []
        for number in range(len(document)):
            page = document[number]
            text = page.get_textpage()
            pages.append(text.get_text_range())
            text.close()
            page.close()
        return pages
    finally:
        document.close()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_valid_document(tmp_path: Path, trust: Path, language: str) -> None:
    file = tmp_path / "policy.ofd"
    file.write_bytes(sealed(seal_picture()))
    store = TrustStore.load(trust)
    code, html = written(file, trust, "html", "--lang", language)
    page = assert_inert(html)
    assert code == 0
    verdict, also = ("有效", "电子签章核验报告") if language == "zh" else ("Valid", "Seal verification report")
    needed = [
        verdict,
        also,
        "policy.ofd",
        store.digest,
        CATALOGUE.digest,
        hashlib.sha256(file.read_bytes()).hexdigest(),
    ]
    needed += ["示例财产保险股份有限公司电子保单专用章", "2026-03-01 10:03:04", "GB/T 38540-2020", MOMENT]
    needed += ["signature.value", "certificate.chain"]
    assert all(text in page.text for text in needed)
    assert sum(tag == "img" for tag, _ in page.tags) == 1
    code, pdf = written(file, trust, "pdf", "--lang", language)
    pages = text_of(pdf)
    assert code == 0
    assert all(text in pages[0].replace("\r\n", "") for text in (verdict, store.digest, CATALOGUE.digest))
    for number, text in enumerate(pages, 1):
        foot = f"第 {number} 页，共 {len(pages)} 页" if language == "zh" else f"Page {number} of {len(pages)}"
        assert foot in text


def test_every_check_stands_in_both_forms_and_both_languages(tmp_path: Path, trust: Path) -> None:
    document = sealed(seal_picture())
    report = verify_document(document, trust=TrustStore.load(trust), at=datetime(2026, 6, 1, tzinfo=UTC))
    file = tmp_path / "policy.ofd"
    file.write_bytes(document)
    html, pdf = (written(file, trust, form)[1] for form in ("html", "pdf"))
    shown, printed = Page(html).text, "".join(text_of(pdf)).replace("\r\n", "").replace(" ", "")
    for check in report.all_checks():
        rule = CATALOGUE.rules[check.rule]
        for text in (rule.title.zh, rule.title.en, check.rule, rule.basis or ""):
            assert text in shown
            assert text.replace(" ", "") in printed, text


@pytest.mark.parametrize("form", ["html", "pdf"])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("sealed-v4.ofd", 0),
        ("sealed-twice.ofd", 0),
        ("pdf-sealed.pdf", 0),
        ("pdf-signed-twice.pdf", 0),
        ("page-edited.ofd", 1),
        ("not-signed.ofd", 1),
        ("seal-expired-since.ofd", 2),
        ("bomb.ofd", 3),
    ],
)
def test_the_exit_code_is_that_of_the_verdict(tmp_path: Path, form: str, name: str, code: int) -> None:
    source = FOLDER / "vectors/seals" / name
    file = tmp_path / source.name
    file.write_bytes(source.read_bytes())
    found, data = written(file, FOLDER / "vectors/trust", form)
    assert found == code
    again = tmp_path / "elsewhere" / source.name
    again.parent.mkdir()
    again.write_bytes(source.read_bytes())
    assert written(again, FOLDER / "vectors/trust", form) == (code, data)


def test_what_failed_comes_first_with_its_cure(tmp_path: Path) -> None:
    source = FOLDER / "vectors/seals/page-edited.ofd"
    file = tmp_path / "page-edited.ofd"
    file.write_bytes(source.read_bytes())
    page = assert_inert(written(file, FOLDER / "vectors/trust", "html")[1])
    rule = CATALOGUE.rules["signature.reference-digests"]
    assert rule.cure is not None
    assert rule.cure.zh in page.text
    assert rule.cure.en in page.text
    assert page.text.index("signature.reference-digests") < page.text.index("signature.references")
    assert page.text.index("无效") < page.text.index("page-edited.ofd")


def test_a_file_that_is_nothing_has_its_report(tmp_path: Path, trust: Path) -> None:
    file = tmp_path / "<b>.bin"
    file.write_bytes(b"nothing")
    code, html = written(file, trust, "html")
    assert code == 3
    assert "无法读取" in assert_inert(html).text
    assert written(file, trust, "pdf")[0] == 3


def test_wrong_usage(tmp_path: Path, trust: Path) -> None:
    file = tmp_path / "policy.ofd"
    file.write_bytes(b"x")
    ask = ["seal", "report", str(file), "--at", MOMENT]
    assert main([*ask, "--trust", str(trust), "--out", str(tmp_path / "report.txt")]) == 64
    assert main([*ask, "--trust", str(tmp_path / "none"), "--out", str(tmp_path / "report.pdf")]) == 64
    none = ["seal", "report", str(tmp_path / "none"), "--trust", str(trust), "--out", str(tmp_path / "report.pdf")]
    assert main(none) == 3
    assert not (tmp_path / "report.pdf").exists()


def test_the_same_bytes_in_another_process(tmp_path: Path, trust: Path) -> None:
    file = tmp_path / "policy.ofd"
    file.write_bytes(sealed(seal_picture()))
    for form in ("html", "pdf"):
        first = written(file, trust, form)[1]
        other = tmp_path / f"other.{form}"
        command = [sys.executable, "-m", "gateway.cli", "seal", "report", str(file), "--trust", str(trust)]
        command += ["--at", MOMENT, "--out", str(other)]
        subprocess.run(command, check=True, capture_output=True, cwd=FOLDER.parent)
        assert other.read_bytes() == first


def test_sealed_pdf_and_detached_signatures(tmp_path: Path) -> None:
    world = World(1, at=datetime(2026, 6, 1, tzinfo=UTC))
    world.trust_dir(tmp_path / "trust")
    insurer = next(one for one in world.insurers if one.document_format == "pdf")
    file = tmp_path / "policy.pdf"
    file.write_bytes(world.e_policy(insurer, world.policy(insurer, 1)))
    code, html = written(file, tmp_path / "trust", "html")
    assert (code, "无电子印章" in assert_inert(html).text) == (0, True)
    vectors = FOLDER / "vectors/seals"
    content = tmp_path / "detached.bin"
    content.write_bytes((vectors / "detached-ses.bin").read_bytes())
    signature = vectors / "detached-ses.sig"
    code, html = written(content, FOLDER / "vectors/trust", "html", "--detached", str(signature))
    assert code == 0
    assert f"sha256:{hashlib.sha256(signature.read_bytes()).hexdigest()}" in assert_inert(html).text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_of_a_seal(tmp_path: Path, trust: Path, text: str) -> None:
    file = tmp_path / "policy.ofd"
    file.write_bytes(sealed(seal_picture(), name=text))
    html = written(file, trust, "html")[1]
    page = assert_inert(html)
    assert len(html) < 200_000
    if text.isascii() and len(text) < 100:
        assert text in page.text
    pdf = written(file, trust, "pdf")[1]
    assert b"/JavaScript" not in pdf
    assert b"/OpenAction" not in pdf
    assert len(text_of(pdf)) < 12


def made(text: str, **changes: Any) -> Content:
    """A report in which every text that a stranger may write is `text`."""
    signer = SignerIdentity(subject=text, issuer=text, serial=text)
    seal = SealReport(
        id=text,
        container="pdf",
        format=text,
        algorithm=text,
        integrity="failed",
        trust="indeterminate",
        coverage="partial",
        signer=signer,
        seal=SealIdentity(id=text, name=text, maker=text),
        checks=(failed("seal.name", "name-unprintable", field=text, **{"fact": text, "list": [text, {text: 1}]}),),
    )
    report = conclude(
        "document",
        checks=(unknown("certificate.chain", "chain-unknown", detail=text), passed("document.signed")),
        seals=(seal,),
        at=datetime(2026, 6, 1, tzinfo=UTC),
        document=identify_document(b"", text),
        reason="name-unprintable",
    )
    picture = SealPicture(text, seal_picture(), 40, 40)
    return describe(text, report, [picture], catalogue=CATALOGUE, language="zh", **changes)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_everywhere(text: str) -> None:
    content = made(text)
    assert_inert(as_html(content))
    assert text_of(as_pdf(content))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_any_text_anywhere(text: str) -> None:
    content = made(text)
    assert_inert(as_html(content))
    pdf = as_pdf(content)
    assert as_pdf(made(text)) == pdf
    assert text_of(pdf)


def test_no_name_can_speak_before_the_verdict() -> None:
    """A name that says `valid` stands behind the answer, in the heading and in the title of the window."""
    content = made("— 有效")
    assert content.sections[2].heading.startswith("签章 1 · 无效 · ")
    assert as_html(content).decode().split("</title>")[0].endswith("无效")


def test_a_long_report_is_quick_and_whole() -> None:
    base = made("示例")
    sections = base.sections[:2] + base.sections[2:3] * 64
    content = Content(
        base.language, base.title, base.verdict, base.tone, base.sentences, sections, base.notes, base.foot
    )
    pages = text_of(as_pdf(content))
    assert f"共 {len(pages)} 页" in pages[-1]
    assert sum(text.count("三项结论") + text.count("完整性") for text in pages) == 64


# Pictures


def image(form: str, size: tuple[int, int] = (60, 40), mode: str = "RGB") -> bytes:
    buffer = BytesIO()
    Image.new(mode, size, 1).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        *(("PNG", mode) for mode in ("RGB", "RGBA", "P", "1", "I;16", "LA")),
        *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
        *(("GIF", "P"), ("BMP", "RGB"), ("BMP", "1")),
    ],
)
def test_pictures_are_encoded_anew(form: str, mode: str) -> None:
    content = image(form, mode=mode)
    drawn = render(content, crossed_out=False)
    assert (drawn.width, drawn.height) == (60, 40)
    assert drawn.jpeg.startswith(b"\xff\xd8\xff")
    assert drawn.jpeg != content
    assert render(content, crossed_out=False) == drawn
    assert render(content, crossed_out=True) != drawn


def test_what_a_picture_carries_along_is_left_behind() -> None:
    buffer = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "SECRET-EXIF"
    Image.new("RGB", (50, 50), "red").save(buffer, "JPEG", exif=exif, comment=b"SECRET-COMMENT")
    content = buffer.getvalue() + b"<script>SECRET-TAIL</script>"
    assert content.count(b"SECRET") == 3
    assert b"SECRET" not in render(content, crossed_out=False).jpeg


def test_a_large_picture_is_made_small() -> None:
    drawn = render(image("PNG", (2000, 1000)), crossed_out=False)
    assert (drawn.width, drawn.height) == (480, 240)


def chunked(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def declared(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and has almost nothing inside."""
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunked(b"IHDR", head) + chunked(b"IDAT", b"x\x9c\x03\x00\x00\x00\x00\x01")


def progressive(scans: int) -> bytes:
    content = image("JPEG", (900, 900))
    start = content.index(b"\xff\xda")
    return content[:start] + (b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00") * scans + content[start:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "kind"),
        (b"PK\x03\x04", "kind"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "kind"),
        (image("TIFF"), "kind"),
        (image("WEBP"), "kind"),
        (image("ICO", (32, 32)), "kind"),
        (image("PNG")[:60], "broken"),
        (image("JPEG")[:-200], "broken"),
        (s.PICTURE, "broken"),
        (declared(100_000, 100_000), "too-large"),
        (declared(20_000, 1_000), "too-large"),
        (declared(2_000_000_000, 2_000_000_000), "too-large"),
        (declared(1_000, 1_000), "broken"),
        (image("PNG") + bytes(1 << 20), "too-large"),
        (progressive(100), "too-large"),
    ],
    ids=range(16),
)
def test_what_is_no_picture_is_not_drawn(content: bytes, reason: str) -> None:
    with pytest.raises(NotRendered) as refused:
        render(content, crossed_out=False)
    assert refused.value.reason in ({reason, "broken"} if len(content) < 100 else {reason})


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([image(form) for form in ("PNG", "JPEG", "GIF", "BMP")]),
    st.lists(st.tuples(st.integers(0, 5000), st.binary(min_size=1, max_size=4)), max_size=5),
)
def test_no_picture_is_unforeseen(content: bytes, edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(content)
    for place, new in edits:
        place %= len(data)
        data[place : place + len(new)] = new
    try:
        drawn = render(bytes(data), crossed_out=True)
    except NotRendered:
        return
    assert max(drawn.width, drawn.height) <= 480


@pytest.mark.parametrize(
    ("picture", "kind", "shown", "told"),
    [
        (seal_picture(), "png", True, "仅为外观"),
        (image("JPEG"), "PNG", True, "仅为外观"),
        (b"PK\x03\x04 an OFD", "ofd", False, "未绘制"),
        (b"<svg onload='alert(1)'/>", "svg", False, "未绘制"),
        (image("PNG")[:50], "PNG", False, "已损坏"),
        (b"", "PNG", False, "未绘制"),
    ],
)
def test_the_picture_of_a_seal(tmp_path: Path, trust: Path, picture: bytes, kind: str, shown: bool, told: str) -> None:
    file = tmp_path / "policy.ofd"
    file.write_bytes(sealed(picture, kind))
    code, html = written(file, trust, "html")
    page = assert_inert(html)
    assert (code, any(tag == "img" for tag, _ in page.tags), told in page.text) == (0, shown, True)
    assert base64.b64encode(picture[:30]) not in html or not picture
    pdf = written(file, trust, "pdf")[1]
    assert (b"/Subtype /Image" in pdf) is shown


@pytest.mark.parametrize("name", ["sealed-v4.ofd", "sealed-v1.ofd", "sealed-twice.ofd", "pdf-sealed.pdf"])
def test_each_seal_has_its_picture(name: str) -> None:
    document = (FOLDER / "vectors/seals" / name).read_bytes()
    store = TrustStore.load(FOLDER / "vectors/trust")
    report = verify_document(document, trust=store, at=datetime(2026, 6, 1, tzinfo=UTC))
    found = find_pictures(document, report, detached=None, repair=True)
    assert any(found)
    for seal, picture in zip(report.seals, found, strict=True):
        assert (picture is None) is (seal.seal is None)
        assert picture is None or (picture.kind, picture.content) == ("PNG", s.PICTURE)


def test_the_picture_belongs_to_the_seal_that_was_judged(trust: Path) -> None:
    document = sealed(seal_picture())
    report = verify_document(document, trust=TrustStore.load(trust), at=datetime(2026, 6, 1, tzinfo=UTC))
    found = find_pictures(document, report, detached=None, repair=True)
    assert [one.content if one else None for one in found] == [seal_picture()]
    seal = report.seals[0]
    assert seal.seal is not None
    other = seal.model_copy(update={"seal": seal.seal.model_copy(update={"id": "another"})})
    changed: Report = report.model_copy(update={"seals": (other,)})
    assert find_pictures(document, changed, detached=None, repair=True) == [None]
    assert find_pictures(b"PK rubbish", report, detached=None, repair=True) == [None]
    assert find_pictures(document, report, detached=b"0\x00", repair=True) == [None]


def test_whoever_asks_may_vouch_that_the_file_existed(
    tmp_path: Path, trust: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seal = s.SealSignature(s.SealPlan(signers=(s.REVOKED_AFTER,)), signer=s.REVOKED_AFTER)
    file = tmp_path / "policy.ofd"
    file.write_bytes(s.package(s.sealed(s.Signing(seal))))
    given = [str(file), "--trust", str(trust), "--at", MOMENT]
    vouched = [*given, "--existed-at", "2026-03-04T00:00:00Z"]
    assert main(["seal", "verify", *given]) == 2
    capsys.readouterr()
    assert main(["seal", "verify", *vouched, "--json"]) == 0
    assert '"time_proof":"evidence"' in capsys.readouterr().out
    out = tmp_path / "report.html"
    assert main(["seal", "report", *vouched, "--out", str(out)]) == 0
    assert "由核验人提供的存在证明" in out.read_text(encoding="utf-8")
    late = [*given, "--existed-at", "2026-07-04T00:00:00Z"]
    assert main(["seal", "verify", *late]) == main(["seal", "report", *late, "--out", str(out)]) == 64


def test_a_seal_that_its_holder_sealed_over_is_told_so(tmp_path: Path, trust: Path) -> None:
    out, file = tmp_path / "report.html", FOLDER / "vectors" / "seals" / "pdf-dual-seal.pdf"
    assert main(["seal", "report", str(file), "--trust", str(trust), "--at", MOMENT, "--out", str(out)]) == 0
    told = out.read_text(encoding="utf-8")
    assert "其后增加的内容由同一签章人再次签署" in told
    assert "有内容不在签章之下" not in told
