"""PDF documents of one page, and the signature on them (ISO 32000-1 section 12.8, CMS of RFC 5652)."""

import asyncio
import hashlib
import io
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Any

from asn1crypto import cms, x509
from asn1crypto.algos import SignedDigestAlgorithm
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, Signer
from pyhanko_certvalidator.registry import CertificateRegistry
from reportlab.lib.colors import Color
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from sandbox.authority import Certified
from sandbox.sheets import Sheet

_FONT = "STSong-Light"  # one of Adobe's named fonts for Chinese: readers bring it, nothing is embedded
_WIDTH, _HEIGHT = 595.0, 842.0
_LABEL_X, _VALUE_X, _VALUE_WIDTH = 62.0, 215.0, 320.0
_TOP, _STEP, _BODY_SIZE = 690.0, 26.0, 11.0
_RED = Color(0.78, 0.06, 0.06)
_RESERVED = 2 * 8192  # hex digits for the CMS
_SPARE = 400  # characters of room in the metadata, so that two pages can be made of one length


def write_page(sheet: Sheet, *, length: int | None = None) -> bytes:
    """The document without a signature, of `length` bytes if that is given.

    Uncompressed, so that the same text gives the same bytes on each machine.
    """
    page = _page(sheet, _SPARE)
    if length is None or len(page) == length:
        return page
    return _page(sheet, _SPARE + length - len(page))


def sign_pdf(document: bytes, signer: Certified, *, chain: tuple[bytes, ...], at: datetime, pades: bool) -> bytes:
    """The document with a signature of `signer` over all of it, made at `at`: PAdES, or the older PKCS #7 form.

    `chain` are certificates that go along. The same arguments give the same bytes.
    """
    writer = _Reproducible(io.BytesIO(document))
    place = SignatureObject(
        timestamp=at,
        subfilter=SigSeedSubFilter.PADES if pades else SigSeedSubFilter.ADOBE_PKCS7_DETACHED,
        name=signer.subject.organisation,
        reason="电子保单签发",
        bytes_reserved=_RESERVED,
    )
    steps = PdfCMSEmbedder().write_cms("Signature1", writer)
    next(steps)
    steps.send(SigObjSetup(sig_placeholder=place))
    digest, output = steps.send(SigIOSetup(md_algorithm="sha256", in_place=False))
    steps.send(_signed_data(signer, chain, digest.document_digest, at, pades=pades))
    return bytes(output.getvalue())


def replace_page(signed: bytes, original: bytes, changed: bytes) -> bytes:
    """The page `changed` under the signature of `signed`: what a forger makes who has only an editor.

    Raises ValueError unless both pages are of one length: the signature's update names places in the file.
    """
    if len(original) != len(changed) or not signed.startswith(original):
        raise ValueError("the changed page must be as long as the signed one")
    return changed + signed[len(original) :]


class _Reproducible(IncrementalPdfFileWriter):
    """pyHanko's writer without its two sources of difference: a random file identifier and the clock."""

    @classmethod
    def _handle_id(cls, prev: Any) -> generic.ArrayObject:
        prev.stream.seek(0)
        identifier = generic.ByteStringObject(hashlib.sha256(prev.stream.read()).digest()[:16])
        return generic.ArrayObject([prev.trailer["/ID"][0], identifier])

    def _update_meta(self) -> None:
        return


class _DocumentSigner(Signer):
    """pyHanko's signer with a key of the sandbox."""

    def __init__(self, signer: Certified, chain: tuple[bytes, ...]) -> None:
        mechanism = "sha256_ecdsa" if signer.key.algorithm.startswith("ecdsa") else "sha256_rsa"
        super().__init__(
            signing_cert=x509.Certificate.load(signer.certificate),
            cert_registry=CertificateRegistry.build(certs=[x509.Certificate.load(one) for one in chain]),
            signature_mechanism=SignedDigestAlgorithm({"algorithm": mechanism}),
        )
        self._key = signer.key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The signature over the signed attributes."""
        if digest_algorithm != "sha256" or dry_run:
            raise ValueError("the sandbox signs with SHA-256, once")
        return self._key.sign(data)


def _signed_data(
    signer: Certified, chain: tuple[bytes, ...], digest: bytes, at: datetime, *, pades: bool
) -> cms.ContentInfo:
    """The CMS SignedData. PAdES leaves the signing time to the dictionary (ETSI EN 319 142-1 section 6.3)."""
    attributes = PdfCMSSignedAttributes(signing_time=None if pades else at)
    # In a thread of its own, because the caller may already run an event loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(
            lambda: asyncio.run(
                _DocumentSigner(signer, chain).async_sign(
                    digest, "sha256", use_pades=pades, signed_attr_settings=attributes
                )
            )
        ).result()


def _page(sheet: Sheet, spare: int) -> bytes:
    _register_font()
    output = io.BytesIO()
    canvas = Canvas(output, pagesize=(_WIDTH, _HEIGHT), invariant=1, pageCompression=0)
    canvas.setTitle(sheet.title)
    canvas.setAuthor(sheet.heading)
    canvas.setKeywords("." * spare)
    canvas.setFont(_FONT, 14)
    canvas.drawCentredString(_WIDTH / 2, 770, sheet.heading)
    canvas.setFont(_FONT, 20)
    canvas.drawCentredString(_WIDTH / 2, 735, sheet.title)
    canvas.setLineWidth(0.6)
    canvas.line(_LABEL_X, _TOP + 18, _WIDTH - _LABEL_X, _TOP + 18)
    y = _TOP
    for label, value in sheet.rows:
        canvas.setFont(_FONT, _BODY_SIZE)
        canvas.drawString(_LABEL_X, y, f"{label}：")
        value_x = max(_VALUE_X, _LABEL_X + (len(label) + 2) * _BODY_SIZE)  # a long label moves its value on
        canvas.setFont(_FONT, min(_BODY_SIZE, _VALUE_WIDTH / max(len(value), 1)))
        canvas.drawString(value_x, y, value)
        y -= _STEP
    canvas.line(_LABEL_X, y + 14, _WIDTH - _LABEL_X, y + 14)
    canvas.setFont(_FONT, 10)
    for sentence in sheet.sentences:
        canvas.drawString(_LABEL_X, y - 6, sentence)
        y -= 20
    _draw_seal(canvas, 455, max(y - 60, 80))
    canvas.setFillColorRGB(0, 0, 0)
    canvas.drawCentredString(455, max(y - 60, 80) - 66, sheet.seal_name)
    canvas.save()
    return output.getvalue()


def _draw_seal(canvas: Canvas, x: float, y: float) -> None:
    """A red ring with a star: decoration, as on paper. What counts is the signature."""
    canvas.setStrokeColor(_RED)
    canvas.setFillColor(_RED)
    canvas.setLineWidth(2.4)
    canvas.circle(x, y, 52, stroke=1, fill=0)
    star = canvas.beginPath()
    for corner in range(10):
        radius = 18.0 if corner % 2 == 0 else 18.0 * 0.382
        angle = math.pi * corner / 5
        step = star.moveTo if corner == 0 else star.lineTo
        step(x + radius * math.sin(angle), y + radius * math.cos(angle))
    star.close()
    canvas.drawPath(star, stroke=0, fill=1)


@cache
def _register_font() -> None:
    pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
