"""Sealed PDFs, honest and forged, written byte by byte: nothing between the test and what stands in the file."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, cms, core, tsp, x509
from authority import Holder

from signing.sm2 import sm3

SIGNED_AT = datetime(2026, 5, 1, 8, tzinfo=UTC)
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sm3": sm3,
    "sha1": lambda content: hashlib.sha1(content).digest(),
    "sha256": lambda content: hashlib.sha256(content).digest(),
    "sha512": lambda content: hashlib.sha512(content).digest(),
}


def make_cms(
    content: bytes,
    holder: Holder,
    *,
    digest: str | None = None,
    attributes: bool = True,
    inside: bytes | None = None,
    kind: str = "data",
    signed_at: datetime | None = SIGNED_AT,
    leave_out: str | None = None,
    signers: int = 1,
    ess: bool = True,
    others: tuple[Holder, ...] = (),
    unsigned: list[dict[str, Any]] | None = None,
    arc: str = "signed_data",
) -> bytes:
    """SignedData over `content`, or around `inside`, as RFC 5652 says but for what the arguments change."""
    digest = digest or ("sm3" if holder.key.algorithm.startswith("1.2.156") else "sha256")
    certificate = x509.Certificate.load(holder.certificate)
    algorithm = algos.DigestAlgorithm({"algorithm": digest})
    items: list[dict[str, Any]] = [
        {"type": "content_type", "values": [kind]},
        {"type": "message_digest", "values": [_DIGESTS[digest](content)]},
    ]
    if signed_at is not None:
        items.append({"type": "signing_time", "values": [cms.Time(name="utc_time", value=signed_at)]})
    if ess:
        named = {"hash_algorithm": {"algorithm": "sha256"}, "cert_hash": hashlib.sha256(holder.certificate).digest()}
        items.append({"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [named]})]})
    signed = cms.CMSAttributes([item for item in items if item["type"] != leave_out])
    signer: dict[str, Any] = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            "issuer_and_serial_number", {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        ),
        "digest_algorithm": algorithm,
        "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": holder.key.algorithm}),
        "signature": holder.key.sign(signed.dump() if attributes else content),
    }
    if attributes:
        signer["signed_attrs"] = signed
    if unsigned:
        signer["unsigned_attrs"] = unsigned
    encapsulated: dict[str, Any] = {"content_type": kind}
    if inside is not None:
        encapsulated["content"] = (core.OctetString if kind == "data" else core.ParsableOctetString)(inside)
    data = cms.SignedData(
        {
            "version": "v1" if kind == "data" else "v3",
            "digest_algorithms": [algorithm],
            "encap_content_info": encapsulated,
            "certificates": [certificate, *(x509.Certificate.load(other.certificate) for other in others)],
            "signer_infos": [signer] * signers,
        }
    )
    if arc == "signed_data":
        return bytes(cms.ContentInfo({"content_type": arc, "content": data}).dump())
    return _wrapped(0x30, cms.ContentType(arc).dump() + _wrapped(0xA0, data.dump()))


def _wrapped(tag: int, content: bytes) -> bytes:
    size = len(content).to_bytes(2, "big")
    return bytes((tag, 0x82)) + size + content


def make_token(octets: bytes, authority: Holder, moment: datetime, digest: str = "sha256") -> bytes:
    """An RFC 3161 token of `authority` over `octets`."""
    statement = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3.4.1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": digest},
                "hashed_message": _DIGESTS[digest](octets),
            },
            "serial_number": 42,
            "gen_time": moment,
        }
    ).dump()
    return make_cms(statement, authority, inside=statement, kind="tst_info", signed_at=moment, digest=digest)


class Pdf:
    """A growing PDF. `objects` of the first revision may be replaced before it is written."""

    def __init__(self, catalog: bytes = b"", more: Mapping[int, bytes] | None = None) -> None:
        self.fields: list[int] = []
        self.catalog = catalog
        self.data = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
        self.room = 8000  # hex digits of /Contents
        text = b"BT /F1 12 Tf 72 720 Td (premium 12,800.00) Tj ET"
        self._first = {
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> >>",
            4: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
            **(more or {}),
        }
        self._last_xref: int | None = None
        self._size = 5

    def root(self) -> bytes:
        fields = b" ".join(b"%d 0 R" % field for field in self.fields)
        form = b"/AcroForm << /Fields [%s] /SigFlags 3 >>" % fields if self.fields else b""
        return b"<< /Type /Catalog /Pages 2 0 R %s %s >>" % (form, self.catalog)

    def revise(self, objects: Mapping[int, bytes], *, root: bool = True) -> None:
        """Append a revision with these objects, and the catalogue if `root`."""
        if self._last_xref is None:
            objects = {**self._first, **objects}
        if root:
            objects = {1: self.root(), **objects}
        places = {}
        for number, body in sorted(objects.items()):
            places[number] = len(self.data)
            self.data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        self.point(places)

    def point(self, places: Mapping[int, int]) -> None:
        """Append a cross-reference table alone: the objects are at these places of the file."""
        self._size = max(self._size, max(places) + 1)
        xref = len(self.data)
        self.data += b"xref\n0 1\n0000000000 65535 f \n"
        for number, place in places.items():
            self.data += b"%d 1\n%010d 00000 n \n" % (number, place)
        before = b"/Prev %d " % self._last_xref if self._last_xref is not None else b""
        self.data += b"trailer\n<< /Size %d /Root 1 0 R %s>>\nstartxref\n%d\n%%%%EOF\n" % (self._size, before, xref)
        self._last_xref = xref

    def revised(self) -> bytes:
        """The file with its first revision written."""
        self.revise({})
        return self.data

    def sign(
        self,
        make: Callable[[bytes], bytes],
        *,
        sub_filter: str = "adbe.pkcs7.detached",
        more: bytes = b"/M (D:20260501160000+08'00')",
        kind: str = "Sig",
        name: str | None = None,
        objects: Mapping[int, bytes] | None = None,
        padding: bytes = b"0",
        range_of: Callable[[list[int]], list[int]] = lambda numbers: numbers,
    ) -> None:
        """Append a revision with one signature over all of the file so far, and itself."""
        field, value = self._size + 1, self._size + 2
        self.fields.append(field)
        title = (name or f"Sig{len(self.fields)}").encode()
        place, hole = b"[0000000000 0000000000 0000000000 0000000000]", b"<" + b"0" * self.room + b">"
        dictionary = b"<< /Type /%s /Filter /Adobe.PPKLite /SubFilter /%s %s /ByteRange %s /Contents %s >>" % (
            kind.encode(),
            sub_filter.encode(),
            more,
            place,
            hole,
        )
        widget = b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (%s) /V %d 0 R /Rect [0 0 0 0] /F 132 /P 3 0 R >>"
        start = len(self.data)
        self.revise({field: widget % (title, value), value: dictionary, **(objects or {})})
        first = self.data.index(hole, start)
        second = first + len(hole)
        numbers = range_of([0, first, second, len(self.data) - second])
        written = b"[" + b" ".join(b"%010d" % number for number in numbers) + b"]"
        self.data = self.data.replace(place, written)
        signature = make(self.data[:first] + self.data[second:]).hex().encode()
        assert len(signature) <= self.room
        filled = b"<" + signature + padding * ((self.room - len(signature)) // len(padding)) + b">"
        self.data = self.data[:first] + filled + self.data[second:]
