"""OFD documents (GB/T 33190-2016) of one page, and the seal on them (GB/T 38540-2020)."""

import base64
import hashlib
import html
from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.archive import write_archive
from sandbox.authority import Certified
from sandbox.seals import Seal, apply_seal
from sandbox.sheets import Sheet
from signing import sm2

Parts = Mapping[str, bytes]

_NAMESPACE = "http://www.ofdspec.org/2016"
_SM3 = "1.2.156.10197.1.401"
_SM2_WITH_SM3 = "1.2.156.10197.1.501"
_PAGE_ID, _LAYER_ID, _FONT_ID = 3, 4, 2
_SIGNATURE = "Doc_0/Signs/Sign_0/Signature.xml"
_LABEL_X, _VALUE_X, _VALUE_WIDTH = 22.0, 68.0, 122.0
_STEP, _TOP, _BODY_SIZE = 9.5, 62.0, 4.2


def unsealed_parts(sheet: Sheet, *, created: datetime, attachments: Parts | None = None) -> dict[str, bytes]:
    """The files of a document without a seal, in the order in which they are stored.

    `attachments` are XML files by name; they are listed in Attachments.xml (GB/T 33190 section 20).
    """
    content = _page(sheet)
    attached = dict(attachments or {})
    digest = hashlib.sha256(content + b"".join(attached.values())).hexdigest()
    parts = {
        "OFD.xml": _entry(document_id=digest[:32], title=sheet.title, author=sheet.heading, created=created),
        "Doc_0/Document.xml": _document(with_attachments=bool(attached)),
        "Doc_0/PublicRes.xml": _resources(),
        "Doc_0/Pages/Page_0/Content.xml": content,
    }
    if attached:
        parts["Doc_0/Attachs/Attachments.xml"] = _attachments(attached, created)
        parts.update({f"Doc_0/Attachs/{name}": data for name, data in attached.items()})
    return parts


def sealed_parts(parts: Parts, seal: Seal, signer: Certified, *, at: datetime) -> dict[str, bytes]:
    """The files with a seal of `signer` that covers every one of them, OFD.xml included."""
    sealed = dict(parts)
    sealed["OFD.xml"] = parts["OFD.xml"].replace(
        b"</ofd:DocBody>", b"<ofd:Signatures>Doc_0/Signs/Signatures.xml</ofd:Signatures></ofd:DocBody>"
    )
    signature = _signature(sealed, at)
    sealed["Doc_0/Signs/Signatures.xml"] = _xml(
        "Signatures",
        "<ofd:MaxSignId>1</ofd:MaxSignId>"
        '<ofd:Signature ID="1" Type="Seal" BaseLoc="/Doc_0/Signs/Sign_0/Signature.xml"/>',
    )
    sealed[_SIGNATURE] = signature
    sealed["Doc_0/Signs/Sign_0/Seal.esl"] = seal.content
    sealed["Doc_0/Signs/Sign_0/SignedValue.dat"] = apply_seal(
        seal, signer, digested=signature, property_info=f"/{_SIGNATURE}", at=at
    )
    return sealed


def transplanted_parts(sealed: Parts, changed: Parts) -> dict[str, bytes]:
    """The files `changed` under the signature of `sealed`: what a forger makes who has only an editor."""
    return {
        name: changed[name] if name in changed and name != "OFD.xml" else content for name, content in sealed.items()
    }


def write_ofd(parts: Parts) -> bytes:
    """The package."""
    return write_archive(parts)


def _entry(*, document_id: str, title: str, author: str, created: datetime) -> bytes:
    return _xml(
        "OFD",
        f"<ofd:DocBody><ofd:DocInfo><ofd:DocID>{document_id}</ofd:DocID><ofd:Title>{_text(title)}</ofd:Title>"
        f"<ofd:Author>{_text(author)}</ofd:Author>"
        f"<ofd:CreationDate>{created.date().isoformat()}</ofd:CreationDate></ofd:DocInfo>"
        "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody>",
        ' DocType="OFD" Version="1.1"',
    )


def _document(*, with_attachments: bool) -> bytes:
    attachments = "<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>" if with_attachments else ""
    return _xml(
        "Document",
        "<ofd:CommonData><ofd:MaxUnitID>200</ofd:MaxUnitID>"
        "<ofd:PageArea><ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea>"
        "<ofd:PublicRes>PublicRes.xml</ofd:PublicRes></ofd:CommonData>"
        f'<ofd:Pages><ofd:Page ID="{_PAGE_ID}" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages>{attachments}',
    )


def _resources() -> bytes:
    return _xml(
        "Res",
        f'<ofd:Fonts><ofd:Font ID="{_FONT_ID}" FontName="宋体" FamilyName="宋体" Charset="unicode"/></ofd:Fonts>',
        ' BaseLoc="Res"',
    )


def _attachments(attached: Parts, created: datetime) -> bytes:
    items = "".join(
        f'<ofd:Attachment ID="{number}" Name="{_text(name)}" Format="xml"'
        f' CreationDate="{created.strftime("%Y-%m-%dT%H:%M:%S")}" Visible="false">'
        f"<ofd:FileLoc>{_text(name)}</ofd:FileLoc></ofd:Attachment>"
        for number, name in enumerate(attached, 1)
    )
    return _xml("Attachments", items)


def _page(sheet: Sheet) -> bytes:
    objects = []
    number = iter(range(10, 200))

    def line(text: str, x: float, y: float, size: float) -> None:
        objects.append(_text_object(next(number), text, x, y, size))

    def rule(y: float) -> None:
        objects.append(
            f'<ofd:PathObject ID="{next(number)}" Boundary="20 {y:g} 170 1" LineWidth="0.25">'
            "<ofd:AbbreviatedData>M 0 0 L 170 0</ofd:AbbreviatedData></ofd:PathObject>"
        )

    line(sheet.heading, _centred(sheet.heading, 5.0), 24, 5.0)
    line(sheet.title, _centred(sheet.title, 7.0), 36, 7.0)
    rule(_TOP - 5)
    y = _TOP
    for label, value in sheet.rows:
        size = min(_BODY_SIZE, _VALUE_WIDTH / max(_width(value, 1.0), 1.0))
        line(f"{label}：", _LABEL_X, y, _BODY_SIZE)
        value_x = max(_VALUE_X, _LABEL_X + _width(f"{label}：", _BODY_SIZE) + 2)  # a long label moves its value on
        line(value, value_x, y + _BODY_SIZE - size, size)  # on one baseline
        y += _STEP
    rule(y - 2)
    for sentence in sheet.sentences:
        line(sentence, _LABEL_X, y + 3, 3.8)
        y += 8
    line(sheet.seal_name, 135, y + 24, 3.8)
    return _xml(
        "Page",
        f'<ofd:Content><ofd:Layer ID="{_LAYER_ID}" Type="Body">{"".join(objects)}</ofd:Layer></ofd:Content>',
    )


def _text_object(number: int, text: str, x: float, y: float, size: float) -> str:
    deltas = " ".join(f"{_width(character, size):g}" for character in text[:-1])
    spacing = f' DeltaX="{deltas}"' if deltas else ""
    return (
        f'<ofd:TextObject ID="{number}" Boundary="{x:g} {y:g} {_width(text, size) + 1:g} {size * 1.3:g}"'
        f' Font="{_FONT_ID}" Size="{size:g}">'
        f'<ofd:TextCode X="0" Y="{size:g}"{spacing}>{_text(text)}</ofd:TextCode></ofd:TextObject>'
    )


def _width(text: str, size: float) -> float:
    """The width of text in a font in which ASCII is half as wide as the rest."""
    return sum(size / 2 if character.isascii() else size for character in text)


def _centred(text: str, size: float) -> float:
    return (210 - _width(text, size)) / 2


def _signature(parts: Parts, at: datetime) -> bytes:
    references = "".join(
        f'<ofd:Reference FileRef="/{name}">'
        f"<ofd:CheckValue>{base64.b64encode(sm2.sm3(content)).decode()}</ofd:CheckValue></ofd:Reference>"
        for name, content in parts.items()
    )
    return _xml(
        "Signature",
        '<ofd:SignedInfo><ofd:Provider ProviderName="sandbox" Version="1.0" Company="示例"/>'
        f"<ofd:SignatureMethod>{_SM2_WITH_SM3}</ofd:SignatureMethod>"
        f"<ofd:SignatureDateTime>{at.astimezone(UTC).strftime('%Y%m%d%H%M%SZ')}</ofd:SignatureDateTime>"
        f'<ofd:References CheckMethod="{_SM3}">{references}</ofd:References>'
        f'<ofd:StampAnnot ID="1" PageRef="{_PAGE_ID}" Boundary="140 228 40 40"/>'
        "<ofd:Seal><ofd:BaseLoc>/Doc_0/Signs/Sign_0/Seal.esl</ofd:BaseLoc></ofd:Seal></ofd:SignedInfo>"
        "<ofd:SignedValue>/Doc_0/Signs/Sign_0/SignedValue.dat</ofd:SignedValue>",
    )


def _xml(root: str, content: str, attributes: str = "") -> bytes:
    start = f'<?xml version="1.0" encoding="UTF-8"?>\n<ofd:{root} xmlns:ofd="{_NAMESPACE}"{attributes}>'
    return f"{start}{content}</ofd:{root}>".encode()


def _text(value: str) -> str:
    return html.escape(value)
