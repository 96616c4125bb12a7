"""The electronic seals inside of a document, in the order of its report: for their pictures, which no check needs."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.verification import Report, SealReport
from signing.containers.der import NotAsExpected
from signing.containers.ofd import open_archive
from signing.containers.ofd_package import BadPart, open_package
from signing.containers.ofd_signatures import read_declaration, read_listing
from signing.containers.pdf_dictionary import BadDictionary, read_dictionary, read_hole
from signing.containers.pdf_file import BadPdf, PdfFile
from signing.containers.ses import looks_like_seal, looks_like_seal_signature, read_seal, read_seal_signature
from signing.errors import Unreadable
from signing.seal import ElectronicSeal
from untrusted import Refused, read_der

_TIME_STAMP = "ETSI.RFC3161"  # a field that is no seal and has no report


@dataclass(frozen=True, slots=True)
class SealPicture:
    """The picture as it stands in a seal: what the seal calls its kind, its octets, and its size in millimetres."""

    kind: str
    content: bytes = field(repr=False)
    width: int
    height: int


def find_pictures(document: bytes, report: Report, *, detached: bytes | None, repair: bool) -> list[SealPicture | None]:
    """One for each seal of `report`; None where there is no electronic seal, or it is not the one that was judged."""
    found = list(_seals(document if detached is None else detached, report, repair=repair))
    if len(found) != len(report.seals):
        return [None] * len(report.seals)
    return [_picture(seal, judged) for seal, judged in zip(found, report.seals, strict=True)]


def _picture(seal: ElectronicSeal | None, judged: SealReport) -> SealPicture | None:
    if seal is None or judged.seal is None or seal.id != judged.seal.id:
        return None
    try:
        picture = read_der(seal.raw)[0][3]
        return SealPicture(seal.picture_type, picture[1].octet_string(), seal.width, seal.height)
    except Refused:
        return None


def _seals(data: bytes, report: Report, *, repair: bool) -> Iterator[ElectronicSeal | None]:
    container = report.seals[0].container if report.seals else None
    if container == "ofd":
        yield from _in_ofd(data, repair=repair)
    elif container == "pdf":
        yield from _in_pdf(data)
    elif container == "ses":
        yield _alone(data)
    else:
        yield from (None for _ in report.seals)


def _in_ofd(data: bytes, *, repair: bool) -> Iterator[ElectronicSeal | None]:
    try:
        package = open_package(open_archive(data, repair=repair))
        listing = read_listing(package)
    except (BadPart, Refused, Unreadable):
        return
    for listed in listing.signatures:
        try:
            declaration = read_declaration(package, listed.path)
            yield _alone(package.read(declaration.value)) if declaration.value is not None else None
        except (BadPart, Refused, KeyError):
            yield None


def _in_pdf(data: bytes) -> Iterator[ElectronicSeal | None]:
    try:
        file = PdfFile(data)
        fields = file.fields()
    except BadPdf:
        return
    for one in fields:
        try:
            if one.offset is None:
                raise BadDictionary("in-object-stream")
            dictionary = read_dictionary(file.data, one.offset, one.number)
            if dictionary.name("SubFilter") == _TIME_STAMP:
                continue
            yield _alone(read_hole(file.data, dictionary).value)
        except BadDictionary:
            yield None


def _alone(value: bytes) -> ElectronicSeal | None:
    """The seal that a seal signature stands under, or that the value itself is."""
    try:
        root = read_der(value)
        if looks_like_seal(root):
            return read_seal(value)
        return read_seal_signature(value).seal if looks_like_seal_signature(root) else None
    except (Refused, NotAsExpected):
        return None
