"""Writers of every structure that is judged: seals, seal signatures, SignedData, time-stamps, sealed OFD documents.

Every writer takes what an attacker would change; what is not given is as it should be.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from authorities import (
    AUTHORITY as AUTHORITY,
)
from authorities import (
    ENCRYPTION as ENCRYPTION,
)
from authorities import (
    LISTS as LISTS,
)
from authorities import (
    MAKER as MAKER,
)
from authorities import (
    MAKER_ROOT as MAKER_ROOT,
)
from authorities import (
    OTHER as OTHER,
)
from authorities import (
    REVOKED_AFTER as REVOKED_AFTER,
)
from authorities import (
    REVOKED_BEFORE as REVOKED_BEFORE,
)
from authorities import (
    ROOT as ROOT,
)
from authorities import (
    RSA_MAKER as RSA_MAKER,
)
from authorities import (
    RSA_ROOT as RSA_ROOT,
)
from authorities import (
    RSA_SHA256 as RSA_SHA256,
)
from authorities import (
    RSA_SIGNER as RSA_SIGNER,
)
from authorities import (
    SHA256 as SHA256,
)
from authorities import (
    SHORT_SIGNER as SHORT_SIGNER,
)
from authorities import (
    SIGNER as SIGNER,
)
from authorities import (
    SIGNING as SIGNING,
)
from authorities import (
    SM2 as SM2,
)
from authorities import (
    SM2_SM3 as SM2_SM3,
)
from authorities import (
    SM3 as SM3,
)
from authorities import (
    TSA as TSA,
)
from authorities import (
    TSA_ROOT as TSA_ROOT,
)
from authorities import (
    Holder as Holder,
)
from authorities import (
    bits as bits,
)
from authorities import (
    general_time as general_time,
)
from authorities import (
    ia5 as ia5,
)
from authorities import (
    integer as integer,
)
from authorities import (
    name_of as name_of,
)
from authorities import (
    octets as octets,
)
from authorities import (
    oid as oid,
)
from authorities import (
    private_key as private_key,
)
from authorities import (
    public_point as public_point,
)
from authorities import (
    revocation_list as revocation_list,
)
from authorities import (
    seq as seq,
)
from authorities import (
    sign as sign,
)
from authorities import (
    spki as spki,
)
from authorities import (
    tlv as tlv,
)
from authorities import (
    utc_time as utc_time,
)
from authorities import (
    utf8 as utf8,
)
from authorities import (
    write_trust as write_trust,
)

from signing import sm2

SIGNED_AT = "20260301020304Z"
AT = datetime(2026, 6, 1, tzinfo=UTC)
PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d49484452")


@dataclass(frozen=True)
class SealPlan:
    """An electronic seal; what is not given is as it should be."""

    version: int = 4
    family: str = "v4"
    header: str = "ES"
    vendor: str = "VECTOR"
    id: str = "33020000000001"
    name: str = "示例财产保险股份有限公司电子保单专用章"
    list_type: int = 1
    signers: tuple[Holder, ...] = (SIGNER,)
    entries: tuple[bytes, ...] | None = None
    created: str = "20250601000000Z"
    start: str = "20250601000000Z"
    end: str = "20300601000000Z"
    extensions: bytes | None = None
    maker: Holder = MAKER
    algorithm: str | None = None
    value: Callable[[bytes], bytes] = bits
    signed: Callable[[bytes], bytes] = lambda content: content
    token: Callable[[bytes], bytes] | None = None

    def build(self) -> bytes:
        if self.entries is not None:
            listed = list(self.entries)
        elif self.list_type == 2:
            listed = [seq(tlv(0x13, b"SM3"), octets(sm2.sm3(signer.certificate))) for signer in self.signers]
        else:
            listed = [octets(signer.certificate) for signer in self.signers]
        moment = utc_time if self.family == "v1" else general_time
        cut = 2 if self.family == "v1" else 0
        info = seq(
            seq(ia5(self.header), integer(self.version), ia5(self.vendor)),
            ia5(self.id),
            seq(
                integer(1),
                utf8(self.name),
                *(() if self.family == "v1" else (integer(self.list_type),)),
                seq(*listed),
                *(moment(text[cut:]) for text in (self.created, self.start, self.end)),
            ),
            seq(ia5("PNG"), octets(PICTURE), integer(40), integer(40)),
            *(() if self.extensions is None else (self.extensions,)),
        )
        certificate, algorithm = octets(self.maker.certificate), oid(self.algorithm or self.maker.algorithm)
        if self.family == "v1":
            value = self.value(self.maker.sign(self.signed(seq(info, certificate, algorithm))))
            return seq(info, seq(certificate, algorithm, value))
        signature = self.maker.sign(self.signed(info))
        stamp = () if self.token is None else (tlv(0xA0, bits(self.token(signature))),)
        return seq(info, certificate, algorithm, self.value(signature), *stamp)


@dataclass(frozen=True)
class SealSignature:
    """A seal signature (SES_Signature) over a content."""

    seal: SealPlan | bytes = SealPlan()
    signer: Holder = SIGNER
    certificate: bytes | None = None
    version: int | None = None
    time: bytes = general_time(SIGNED_AT)
    algorithm: str | None = None
    digest: Callable[[bytes], bytes] = lambda digest: bits(digest)
    value: Callable[[bytes], bytes] = bits
    property_info: str | None = None
    token: Callable[[bytes], bytes] | None = None

    def build(self, content: bytes, path: str) -> bytes:
        plan = self.seal
        seal = plan if isinstance(plan, bytes) else plan.build()
        family = "v4" if isinstance(plan, bytes) else plan.family
        version = self.version or (4 if isinstance(plan, bytes) else plan.version)
        certificate = octets(self.signer.certificate if self.certificate is None else self.certificate)
        info = ia5(f"/{path}" if self.property_info is None else self.property_info)
        digest_octets = self.signer.digest(content)
        digest = self.digest(digest_octets)
        algorithm = oid(self.algorithm or self.signer.algorithm)
        if family == "v1":
            time = bits(SIGNED_AT.encode() if self.token is None else self.token(digest_octets))
            to_sign = seq(integer(version), seal, time, digest, info, certificate, algorithm)
            return seq(to_sign, self.value(self.signer.sign(to_sign)))
        to_sign = seq(integer(version), seal, self.time, digest, info)
        signature = self.signer.sign(to_sign)
        stamp = () if self.token is None else (tlv(0xA0, bits(self.token(signature))),)
        return seq(to_sign, certificate, algorithm, self.value(signature), *stamp)


@dataclass(frozen=True)
class PlainSignature:
    """SignedData over a content: form A with attributes, form B without. By an RSA signer that of RFC 5652."""

    signer: Holder = SIGNER
    attributes: bool = True
    repeat: int = 1
    digests: int = 1
    embedded: Callable[[bytes], bytes | None] | None = None
    content_type: str | None = None
    algorithm: str | None = None
    signed_at: str = "260301020304Z"
    token: Callable[[bytes], bytes] | None = None

    def build(self, content: bytes, path: str = "") -> bytes:
        data = "1.2.840.113549.1.7.1" if self.signer.rsa else "1.2.156.10197.6.1.4.2.1"
        digest = self.signer.digest(content)
        digest_algorithm = seq(oid(SHA256 if self.signer.rsa else SM3))
        attributes = b""
        if self.attributes:
            embedded = None
            attributes = b"".join(
                (
                    seq(oid("1.2.840.113549.1.9.3"), tlv(0x31, oid(self.content_type or data))),
                    *(seq(oid("1.2.840.113549.1.9.4"), tlv(0x31, octets(digest))) for _ in range(self.digests)),
                    seq(oid("1.2.840.113549.1.9.5"), tlv(0x31, utc_time(self.signed_at))),
                )
            )
            message = tlv(0x31, attributes)
        else:
            embedded = digest if self.embedded is None else self.embedded(content)
            message = content if embedded is None else embedded
        signer = seq(
            integer(1),
            seq((self.signer.issuer or self.signer).name, integer(self.signer.serial)),
            digest_algorithm,
            *((tlv(0xA0, attributes),) if self.attributes else ()),
            seq(oid(self.algorithm or (RSA_SHA256 if self.signer.rsa else "1.2.156.10197.1.301.1"))),
            octets(value := self.signer.sign(message)),
            *(() if self.token is None else (unsigned_token(self.token(value)),)),
        )
        inner = () if embedded is None else (tlv(0xA0, octets(embedded)),)
        signed = seq(
            integer(1),
            tlv(0x31, digest_algorithm),
            seq(oid(data), *inner),
            tlv(0xA0, self.signer.certificate),
            tlv(0x31, *([signer] * self.repeat)),
        )
        return seq(oid("1.2.840.113549.1.7.2" if self.signer.rsa else "1.2.156.10197.6.1.4.2.2"), tlv(0xA0, signed))


def unsigned_token(token: bytes) -> bytes:
    """The unsigned attributes of a SignerInfo with a time-stamp on its value."""
    return tlv(0xA1, seq(oid("1.2.840.113549.1.9.16.2.14"), tlv(0x31, token)))


def time_stamp(
    imprint: bytes, authority: Holder = TSA, moment: str = "20260301020305Z", statement: bytes | None = None
) -> bytes:
    """A token of RFC 3161 with SM2 and SM3 over what has this digest, or with another `statement`."""
    kind = oid("1.2.840.113549.1.9.16.1.4")
    imprint = seq(seq(oid(SM3)), octets(imprint))
    info = statement or seq(integer(1), oid("1.2.3.4"), imprint, integer(7), general_time(moment))
    certificate = hashlib.sha256(authority.certificate).digest()
    attributes = b"".join(
        (
            seq(oid("1.2.840.113549.1.9.3"), tlv(0x31, kind)),
            seq(oid("1.2.840.113549.1.9.4"), tlv(0x31, octets(sm2.sm3(info)))),
            seq(oid("1.2.840.113549.1.9.16.2.47"), tlv(0x31, seq(seq(seq(octets(certificate)))))),
        )
    )
    signer = seq(
        integer(1),
        seq((authority.issuer or authority).name, integer(authority.serial)),
        seq(oid(SM3)),
        tlv(0xA0, attributes),
        seq(oid(SM2_SM3)),
        octets(authority.sign(tlv(0x31, attributes))),
    )
    signed = seq(
        integer(3),
        tlv(0x31, seq(oid(SM3))),
        seq(kind, tlv(0xA0, octets(info))),
        tlv(0xA0, authority.certificate),
        tlv(0x31, signer),
    )
    return seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, signed))


NAMESPACE = "http://www.ofdspec.org/2016"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def xml(kind: str, body: str, attributes: str = "") -> bytes:
    return f'{_HEAD}<ofd:{kind} xmlns:ofd="{NAMESPACE}"{attributes}>{body}</ofd:{kind}>'.encode()


def page(text: str) -> bytes:
    return xml(
        "Page",
        '<ofd:Area><ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:Area><ofd:Content><ofd:Layer ID="9">'
        f'<ofd:TextObject ID="10" Boundary="10 10 100 10" Font="3" Size="5"><ofd:TextCode X="0" Y="5">{text}'
        "</ofd:TextCode></ofd:TextObject></ofd:Layer></ofd:Content>",
    )


PREMIUM = "保险费合计：12,800.00 元"
DOCUMENT = (
    "<ofd:CommonData><ofd:MaxUnitID>20</ofd:MaxUnitID><ofd:PageArea><ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox>"
    "</ofd:PageArea><ofd:PublicRes>PublicRes.xml</ofd:PublicRes>"
    '<ofd:TemplatePage ID="2" BaseLoc="Tpls/Tpl_0/Content.xml"/></ofd:CommonData>'
    '<ofd:Pages><ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages>'
    "<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>"
)
RESOURCES = (
    '<ofd:MultiMedias><ofd:MultiMedia ID="5" Type="Image"><ofd:MediaFile>logo.png</ofd:MediaFile></ofd:MultiMedia>'
    "</ofd:MultiMedias>"
)
ATTACHMENTS = '<ofd:Attachment ID="7" Name="policy"><ofd:FileLoc>policy.xml</ofd:FileLoc></ofd:Attachment>'


def ofd_xml(root: str = "Doc_0/Document.xml", extra: str = "", ident: str = "d0c1") -> bytes:
    return xml(
        "OFD",
        f"<ofd:DocBody><ofd:DocInfo><ofd:DocID>{ident}</ofd:DocID></ofd:DocInfo><ofd:DocRoot>{root}</ofd:DocRoot>"
        f"{extra}<ofd:Signatures>Doc_0/Signs/Signatures.xml</ofd:Signatures></ofd:DocBody>",
        ' DocType="OFD" Version="1.1"',
    )


def content() -> dict[str, bytes]:
    """The parts of an unsigned policy, without a signature list."""
    return {
        "OFD.xml": ofd_xml(),
        "Doc_0/Document.xml": xml("Document", DOCUMENT),
        "Doc_0/PublicRes.xml": xml("Res", RESOURCES, ' BaseLoc="Res"'),
        "Doc_0/Res/logo.png": PICTURE,
        "Doc_0/Pages/Page_0/Content.xml": page(PREMIUM),
        "Doc_0/Tpls/Tpl_0/Content.xml": page("电子保险单"),
        "Doc_0/Attachs/Attachments.xml": xml("Attachments", ATTACHMENTS),
        "Doc_0/Attachs/policy.xml": b"<policy><premium>12800.00</premium></policy>",
    }


@dataclass(frozen=True)
class Signing:
    """One signature of an OFD: its folder, what it covers, and how its Signature.xml is written."""

    value: SealSignature | PlainSignature = SealSignature()
    folder: str = "Sign_0"
    id: str = "1"
    kind: str | None = None
    uncovered: frozenset[str] = frozenset()
    covered: tuple[str, ...] | None = None
    method: str | None = SM2_SM3
    check_method: str | None = SM3
    digest: Callable[[str, bytes], bytes] = lambda name, data: sm2.sm3(data)
    location: Callable[[str], str] = lambda name: f"/{name}"
    rewrite: Callable[[bytes], bytes] = lambda declaration: declaration
    copy: bytes | None = None
    with_copy: bool = True
    stamp: str = '<ofd:StampAnnot ID="8" PageRef="1" Boundary="140 220 40 40"/>'

    @property
    def path(self) -> str:
        return f"Doc_0/Signs/{self.folder}/Signature.xml"

    @property
    def type(self) -> str:
        return self.kind or ("Seal" if isinstance(self.value, SealSignature) else "Sign")

    def declare(self, parts: Mapping[str, bytes]) -> bytes:
        names = [name for name in parts if name not in self.uncovered] if self.covered is None else list(self.covered)
        references = "".join(
            f'<ofd:Reference FileRef="{self.location(name)}"><ofd:CheckValue>'
            f"{base64.b64encode(self.digest(name, parts[name])).decode()}</ofd:CheckValue></ofd:Reference>"
            for name in names
        )
        method = "" if self.method is None else f"<ofd:SignatureMethod>{self.method}</ofd:SignatureMethod>"
        check = "" if self.check_method is None else f' CheckMethod="{self.check_method}"'
        seal = "<ofd:Seal><ofd:BaseLoc>Seal.esl</ofd:BaseLoc></ofd:Seal>" if self._has_copy() else ""
        return self.rewrite(
            xml(
                "Signature",
                '<ofd:SignedInfo><ofd:Provider ProviderName="vector" Version="1"/>'
                f"{method}<ofd:SignatureDateTime>{SIGNED_AT}</ofd:SignatureDateTime>"
                f"<ofd:References{check}>{references}</ofd:References>{self.stamp}{seal}</ofd:SignedInfo>"
                "<ofd:SignedValue>SignedValue.dat</ofd:SignedValue>",
            )
        )

    def _has_copy(self) -> bool:
        return self.with_copy and isinstance(self.value, SealSignature)

    def add(self, parts: dict[str, bytes]) -> None:
        """Sign the parts as they are, and put the signature among them."""
        declaration = self.declare(parts)
        folder = self.path.rsplit("/", 1)[0]
        parts[self.path] = declaration
        parts[f"{folder}/SignedValue.dat"] = self.value.build(declaration, self.path)
        if self._has_copy():
            assert isinstance(self.value, SealSignature)
            seal = self.value.seal
            embedded = seal if isinstance(seal, bytes) else seal.build()
            parts[f"{folder}/Seal.esl"] = embedded if self.copy is None else self.copy


def signature_list(signings: Sequence[Signing]) -> bytes:
    entries = "".join(f'<ofd:Signature ID="{one.id}" Type="{one.type}" BaseLoc="/{one.path}"/>' for one in signings)
    return xml("Signatures", f"<ofd:MaxSignId>{len(signings)}</ofd:MaxSignId>{entries}")


def sealed(*signings: Signing, parts: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """The parts of a document with its signatures, each over the parts as they were before."""
    found = content() if parts is None else dict(parts)
    signings = signings or (Signing(),)
    base = dict(found)
    for one in signings:
        signed = dict(base)
        one.add(signed)
        found |= {name: data for name, data in signed.items() if name not in base}
    found["Doc_0/Signs/Signatures.xml"] = signature_list(signings)
    return found


def package(parts: Mapping[str, bytes], extra: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """The ZIP of the parts, the same bytes each time; `extra` may repeat names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (*parts.items(), *extra):
            archive.writestr(zipfile.ZipInfo(name, (2026, 3, 1, 10, 3, 4)), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def with_seal(plan: SealPlan, **changes: object) -> Signing:
    """A signing under another seal."""
    return Signing(value=replace(SealSignature(seal=plan), **changes))  # type: ignore[arg-type]


def with_value(**changes: object) -> Signing:
    """A signing whose seal signature differs."""
    return Signing(value=replace(SealSignature(), **changes))  # type: ignore[arg-type]
