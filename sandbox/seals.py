"""Electronic seals 电子印章 and what they leave on a document 电子签章, by GB/T 38540-2020."""

from dataclasses import dataclass
from datetime import datetime

from sandbox import der
from sandbox.authority import Certified
from sandbox.picture import seal_picture
from signing import sm2

_SM2_WITH_SM3 = "1.2.156.10197.1.501"
_VERSION = 4
_MILLIMETRES = 40


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as its maker delivers it: `content` is the SESeal, DER."""

    seal_id: str
    name: str
    content: bytes


def make_seal(
    maker: Certified,
    *,
    seal_id: str,
    name: str,
    holders: tuple[bytes, ...],
    created: datetime,
    valid_from: datetime,
    valid_to: datetime,
) -> Seal:
    """A seal that the certificates `holders` may apply, signed by its maker over eSealInfo (GB/T 38540 section 6)."""
    properties = der.sequence(
        der.integer(1),
        der.utf8(name),
        der.integer(1),  # certListType 1: the certificates themselves
        der.sequence(*(der.octets(holder) for holder in holders)),
        der.generalized_time(created),
        der.generalized_time(valid_from),
        der.generalized_time(valid_to),
    )
    picture = der.sequence(
        der.ia5("png"), der.octets(seal_picture()), der.integer(_MILLIMETRES), der.integer(_MILLIMETRES)
    )
    header = der.sequence(der.ia5("ES"), der.integer(_VERSION), der.ia5("SANDBOX"))
    info = der.sequence(header, der.ia5(seal_id), properties, picture)
    content = der.sequence(info, der.octets(maker.certificate), der.oid(_SM2_WITH_SM3), der.bits(maker.key.sign(info)))
    return Seal(seal_id, name, content)


def apply_seal(seal: Seal, signer: Certified, *, digested: bytes, property_info: str, at: datetime) -> bytes:
    """The SES_Signature over the bytes `digested` at the claimed moment `at` (GB/T 38540 section 7), DER.

    Nothing here asks whether `signer` may use the seal: that is what verifiers are for.
    """
    body = der.sequence(
        der.integer(_VERSION),
        seal.content,
        der.generalized_time(at),
        der.bits(sm2.sm3(digested)),
        der.ia5(property_info),
    )
    return der.sequence(body, der.octets(signer.certificate), der.oid(_SM2_WITH_SM3), der.bits(signer.key.sign(body)))
