"""The cover sheet: the same in both forms and each time, made of a bundle, and never of one that is not whole."""

from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from house import world
from service import Service, serve
from test_bundle import bundle_of, life, opened

from gateway.app import publish_now
from gateway.bundle.cover import describe, sheet_of, write_cover_pdf
from gateway.bundle.layout import digest_of
from gateway.bundle.read import read_bundle
from gateway.cli import main


def _text(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(BytesIO(pdf))
    pages = [document[number].get_textpage() for number in range(len(document))]
    text = "".join(page.get_text_range() for page in pages)
    for page in pages:
        page.close()
    document.close()
    return "".join(text.split())


def test_a_bundle_has_a_sheet_that_names_it(dsn: str, tmp_path: Path) -> None:
    bundle = bundle_of(dsn)
    file, out = tmp_path / "bundle.zip", tmp_path / "cover.pdf"
    file.write_bytes(bundle)
    assert main(["evidence", "cover", str(file), "--out", str(out)]) == 0
    first = out.read_bytes()
    assert main(["evidence", "cover", str(file), "--out", str(out)]) == 0
    assert out.read_bytes() == first
    premium, sheet, catalogue = sheet_of(read_bundle(bundle), bundle)
    shown = _text(first)
    for told in (premium["policy_no"], digest_of(bundle), digest_of(sheet.revision), premium["money"]["net_paid"]):
        assert "".join(str(told).split()) in shown, told
    for word in ("保费证据包", "净实收netpaid", "核验项checks"):
        assert word in shown
    inside = opened(bundle)["cover.html"].decode()
    content = describe(premium, sheet, catalogue)
    for section in content.sections:
        for line in section.lines:
            if line.value != digest_of(bundle):  # what is in a bundle cannot name it
                assert line.value in inside
    for check in content.sections[-1].checks:
        assert "".join(check.rule.split()) in shown
    changed = bytearray(bundle)
    changed[len(changed) // 2] ^= 1
    file.write_bytes(bytes(changed))
    assert main(["evidence", "cover", str(file), "--out", str(out)]) == 3
    assert main(["evidence", "cover", str(file), "--out", str(tmp_path / "cover.txt")]) == 64


def test_the_sheet_of_the_latest_revision_is_served(dsn: str) -> None:
    async def work(service: Service) -> None:
        insurer = world().insurer("SANDBOX-C")
        policy_no = await life(service, insurer)
        path = f"/v1/insurers/{insurer.code}/policies/{policy_no}/evidence?cover=pdf"
        await publish_now(service.gateway)
        got = await service.call("SUBSIDY", "GET", path)
        assert got.status == 200, got.body
        assert got.headers["content-type"] == "application/pdf"
        assert policy_no in _text(got.body)
        assert (await service.call("SUBSIDY", "GET", path)).body == got.body
        assert (await service.call("SANDBOX-D", "GET", path)).status == 403
        assert (await service.call("SUBSIDY", "GET", path.replace("pdf", "doc"))).status == 400
        unknown = path.replace(policy_no, "PNOBODY2026000001")
        assert (await service.call("SUBSIDY", "GET", unknown)).status == 404

    serve(dsn, work)


@pytest.mark.parametrize("status", ["held", "refused", "withdrawn"])
def test_the_sheet_says_how_it_stands(dsn: str, status: str) -> None:
    bundle = bundle_of(dsn)
    premium, sheet, catalogue = sheet_of(read_bundle(bundle), bundle)
    without = {name: value for name, value in premium.items() if name not in ("money", "policy", "schemes", "impact")}
    for told in (premium | {"status": status}, without | {"status": status}):
        content = describe(told, sheet, catalogue)
        assert status in content.verdict
        assert content.tone != "good"
        assert status in _text(write_cover_pdf(told, sheet, catalogue))
