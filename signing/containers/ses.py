"""Electronic seals 电子印章 and seal signatures 电子签章: GM/T 0031-2014, GB/T 38540-2020 and GM/T 0031-2025.

The family is told from the structure and then compared with the version numbers, never the other way round. What is
signed is always a slice of the original bytes: nothing is encoded again.
"""

import unicodedata
from typing import Any

from signing.containers.der import NotAsExpected, bit_string, boolean, expect, integer, object_id, octets, text
from signing.kept import Kept
from signing.moments import read_moment
from signing.seal import Defect, ElectronicSeal, Extension, Moment, Seal, all_flags
from signing.sm2 import sm3
from untrusted import Node, Refused, read_der

_SEQUENCE, _INTEGER, _BITS, _OCTETS, _OID, _IA5 = 0x30, 0x02, 0x03, 0x04, 0x06, 0x16
_UTF8, _PRINTABLE, _UTC_TIME, _GENERAL_TIME, _BOOLEAN = 0x0C, 0x13, 0x17, 0x18, 0x01
_EXPLICIT_0 = 0xA0
_RSA_SHA256 = frozenset({"1.2.840.113549.1.1.11", "1.2.156.10197.1.506"})
_SM3_NAMES = frozenset({"SM3", "1.2.156.10197.1.401"})

FORMATS = {"v1": "GM/T 0031-2014", "v4": "GB/T 38540-2020", "v5": "GM/T 0031-2025"}


def read_seal_signature(data: bytes, root: Node | None = None) -> Seal:
    """The seal signature (SES_Signature) that `data` is, with the seal inside.

    `root` is `data` as it was read before, within the same bounds. Raises `NotAsExpected` if the structure is none of
    the three families; lesser faults are among its `defects`.
    """
    root = _read(data) if root is None else root
    items = expect(root, _SEQUENCE, "SES_Signature").children
    if len(items) == 2 and items[1].tag == _BITS:
        return _read_v1(items)
    if len(items) in (4, 5) and items[1].tag == _OCTETS:
        return _read_v4(items)
    raise NotAsExpected(f"a seal signature of {len(items)} elements is of no known version")


def read_seal(data: bytes) -> ElectronicSeal:
    """The stand-alone seal (SESeal) that `data` is. Raises `NotAsExpected`."""
    return _Reader().seal(_read(data))


def looks_like_seal(root: Node) -> bool:
    """Whether a DER value is shaped like a stand-alone seal: its first element starts with the header of a seal.

    A seal signature starts with a version number, a CMS with an object identifier.
    """
    first = root.children[0] if root.tag == _SEQUENCE and root.children else None
    return first is not None and bool(first.tag == _SEQUENCE and first.children) and first.children[0].tag == _SEQUENCE


def looks_like_seal_signature(root: Node) -> bool:
    """Whether a DER value is shaped like a seal signature: its first element starts with a version number."""
    first = root.children[0] if root.tag == _SEQUENCE and root.children else None
    return first is not None and bool(first.tag == _SEQUENCE and first.children) and first.children[0].tag == _INTEGER


def _read(data: bytes) -> Node:
    try:
        return read_der(data)
    except Refused as refused:
        raise NotAsExpected(f"{refused.rule}: {refused.detail}") from refused


def _read_v1(items: tuple[Node, ...]) -> Seal:
    """GM/T 0031-2014 section 6: everything, also certificate and algorithm, is under the signature."""
    to_sign, value = items
    parts = expect(to_sign, _SEQUENCE, "TBS_Sign").children
    if len(parts) != 7:
        raise NotAsExpected(f"TBS_Sign of {len(parts)} elements instead of 7")
    reader = _Reader()
    version = integer(parts[0])
    seal = reader.seal(parts[1])
    if seal.family != "v1":
        reader.defect("signature.version", "version-mismatch", signature="v1", seal=seal.family)
    if version != seal.version:
        reader.defect("signature.version", "version-mismatch", signature=version, seal=seal.version)
    time_text, token = _v1_time(parts[2])
    return Seal(
        container="ses",
        format=FORMATS["v1"],
        algorithm=object_id(parts[6]),
        digest_algorithm=_digest_of(object_id(parts[6])),
        certificate=octets(parts[5]),
        signed=to_sign.raw,
        digest=bit_string(parts[3]),
        value=bit_string(value),
        signed_at=reader.moment(time_text, "signature.time") if time_text is not None else None,
        property_info=reader.ia5(parts[4], "propertyInfo"),
        seal=seal,
        token=token,
        defects=(*reader.defects, *seal.defects),
        flags=all_flags(reader.flags, seal.flags),
    )


def _digest_of(algorithm: str) -> str:
    """GM/T 0031-2014 section 6.1: the digest of the document is that of the signature algorithm."""
    return "sha256" if algorithm in _RSA_SHA256 else "sm3"


def _v1_time(node: Node) -> tuple[str | None, bytes | None]:
    """The time of a v1 signature: text, or a time-stamp token, in a BIT STRING or, with some vendors, OCTET STRING."""
    content = bit_string(node).octets if node.tag == _BITS else octets(node)
    if content[:1] == b"\x30" and len(content) > 64:
        return None, content
    return content.decode("ascii", errors="replace"), None


def _read_v4(items: tuple[Node, ...]) -> Seal:
    """GB/T 38540-2020 section 7: certificate and algorithm stand beside what is signed, not under it."""
    to_sign, certificate, algorithm, value, *rest = items
    parts = expect(to_sign, _SEQUENCE, "TBS_Sign").children
    if len(parts) not in (5, 6):
        raise NotAsExpected(f"TBS_Sign of {len(parts)} elements instead of 5 or 6")
    reader = _Reader()
    version = integer(parts[0])
    seal = reader.seal(parts[1])
    if seal.family == "v1":
        reader.defect("signature.version", "version-mismatch", signature="v4", seal=seal.family)
    if version != seal.version:
        reader.defect("signature.version", "version-mismatch", signature=version, seal=seal.version)
    if len(parts) == 6:
        wrapped = expect(parts[5], _EXPLICIT_0, "extDatas").children
        if len(wrapped) != 1:
            raise NotAsExpected("extDatas wraps other than one value")
        for extension in reader.extensions(wrapped[0]):
            if extension.critical:
                reader.defect("signature.extensions", "critical-extension", extension=extension.name)
    name = object_id(algorithm)
    return Seal(
        container="ses",
        format=FORMATS["v4" if seal.family == "v1" else seal.family],
        algorithm=name,
        digest_algorithm=_digest_of(name),
        certificate=octets(certificate),
        signed=to_sign.raw,
        digest=bit_string(parts[3]),
        value=bit_string(value),
        signed_at=reader.time(parts[2], "signature.time", (_GENERAL_TIME,)),
        property_info=reader.ia5(parts[4], "propertyInfo"),
        seal=seal,
        token=_token(rest[0]) if rest else None,
        defects=(*reader.defects, *seal.defects),
        flags=all_flags(reader.flags, seal.flags),
    )


def _token(node: Node) -> bytes:
    """The time-stamp token of a `[0] EXPLICIT BIT STRING`."""
    wrapped = expect(node, _EXPLICIT_0, "timeStamp").children
    if len(wrapped) != 1:
        raise NotAsExpected("timeStamp wraps other than one value")
    return bit_string(wrapped[0]).octets


_SEALS: Kept[bytes, ElectronicSeal] = Kept(1024, 32 << 20)


class _Reader:
    """Reads seals and notes what was wrong without being in the way."""

    def __init__(self) -> None:
        self.defects: list[Defect] = []
        self.flags: list[str] = []

    def defect(self, rule: str, reason: str, **facts: Any) -> None:
        self.defects.append(Defect(rule, reason, tuple(sorted(facts.items()))))

    def seal(self, node: Node) -> ElectronicSeal:
        """The seal that `node` is; the same one stands in thousands of signatures."""
        raw = node.raw
        return _SEALS.get(raw, lambda: self._read_seal(node), len(raw))

    def _read_seal(self, node: Node) -> ElectronicSeal:
        items = expect(node, _SEQUENCE, "SESeal").children
        if len(items) == 2:
            parts = expect(items[1], _SEQUENCE, "SES_SignInfo").children
            if len(parts) != 3:
                raise NotAsExpected(f"SES_SignInfo of {len(parts)} elements instead of 3")
            certificate, algorithm, value = parts
            signed = _sequence(items[0].raw + certificate.raw + algorithm.raw)
            return self._seal(node, items[0], "v1", signed, certificate, algorithm, value)
        if len(items) in (4, 5):
            token = _token(items[4]) if len(items) == 5 else None
            return self._seal(node, items[0], "v4", items[0].raw, items[1], items[2], items[3], token)
        raise NotAsExpected(f"a seal of {len(items)} elements is of no known version")

    def _seal(
        self,
        node: Node,
        info: Node,
        family: str,
        signed: bytes,
        certificate: Node,
        algorithm: Node,
        value: Node,
        token: bytes | None = None,
    ) -> ElectronicSeal:
        # One reader reads the signature and its seal: only what the seal itself adds belongs to the seal.
        inner = _Reader()
        parts = expect(info, _SEQUENCE, "SES_SealInfo").children
        if len(parts) not in (4, 5):
            raise NotAsExpected(f"SES_SealInfo of {len(parts)} elements instead of 4 or 5")
        header = _of(parts[0], 3, "SES_Header")
        version = integer(header[1])
        if family == "v4" and version == 5:
            family = "v5"
        if family == "v4" and version != 4:
            inner.defect("signature.version", "version-unknown", version=version)
        if family == "v4" and token is not None:
            inner.defect("signature.version", "version-mismatch", seal=version, elements=5)
        fields = inner.property(parts[2], family)
        picture = _of(parts[3], 4, "SES_ESPictrueInfo")
        extensions = inner.extensions(_unwrapped(parts[4])) if len(parts) == 5 else ()
        return ElectronicSeal(
            raw=node.raw,
            family=family,
            signed=signed,
            header=inner.ia5(header[0], "header"),
            version=version,
            vendor=inner.ia5(header[2], "Vid"),
            id=inner.ia5(parts[1], "esID"),
            picture_type=inner.ia5(picture[0], "picture type"),
            picture_size=len(octets(picture[1])),
            width=integer(picture[2]),
            height=integer(picture[3]),
            extensions=extensions,
            maker_certificate=octets(certificate),
            algorithm=object_id(algorithm),
            value=bit_string(value),
            token=token,
            defects=tuple(inner.defects),
            flags=all_flags(inner.flags),
            **fields,
        )

    def property(self, node: Node, family: str) -> dict[str, Any]:
        """SES_ESPropertyInfo: what the seal is called, whom it permits to sign, and when."""
        parts = list(expect(node, _SEQUENCE, "SES_ESPropertyInfo").children)
        if len(parts) != (6 if family == "v1" else 7):
            raise NotAsExpected(f"SES_ESPropertyInfo of {len(parts)} elements")
        list_type = None if family == "v1" else integer(parts.pop(2))
        kinds = (_UTC_TIME, _GENERAL_TIME) if family == "v1" else (_GENERAL_TIME,)
        certificates, digests = self._permitted(parts[2], list_type)
        return {
            "type": integer(parts[0]),
            "name": self.name(parts[1]),
            "list_type": list_type,
            "certificates": certificates,
            "digests": digests,
            "created": self.time(parts[3], "seal.created", kinds),
            "valid_from": self.time(parts[4], "seal.period", kinds),
            "valid_to": self.time(parts[5], "seal.period", kinds),
        }

    def _permitted(self, node: Node, list_type: int | None) -> tuple[tuple[bytes, ...], tuple[tuple[str, bytes], ...]]:
        """The permitted signers: certificates (v1, list type 1) or typed digests (list type 2)."""
        rule = "seal.certificate-list"
        if list_type not in (None, 1, 2):
            self.defect(rule, "list-type-unknown", list_type=list_type)
        if node.tag != _SEQUENCE:
            self.defect(rule, "list-malformed", tag=node.tag)
            return (), ()
        certificates: list[bytes] = []
        digests: list[tuple[str, bytes]] = []
        for item in node.children:
            if list_type == 2:
                pair = item.children if item.tag == _SEQUENCE else ()
                if len(pair) == 2 and pair[0].tag in (_PRINTABLE, _UTF8, _IA5) and pair[1].tag == _OCTETS:
                    digests.append((text(pair[0]), pair[1].content))
                    continue
            elif item.tag == _OCTETS:
                certificates.append(item.content)
                continue
            self.defect(rule, "list-malformed", tag=item.tag)
        if not node.children:
            self.defect(rule, "list-empty")
        return tuple(certificates), tuple(digests)

    def extensions(self, node: Node) -> tuple[Extension, ...]:
        """ExtensionDatas; identifiers that are no object identifiers are kept in hex."""
        found = []
        for item in expect(node, _SEQUENCE, "ExtensionDatas").children:
            parts = expect(item, _SEQUENCE, "ExtData").children
            if len(parts) not in (2, 3) or parts[0].tag != _OID or parts[-1].tag != _OCTETS:
                raise NotAsExpected("an ExtData is not an identifier, a criticality and a value")
            try:
                name = object_id(parts[0])
            except NotAsExpected:
                name = "hex:" + parts[0].content[:32].hex()
                self.flags.append("extension-identifier-malformed")
            found.append(Extension(name, boolean(parts[1]) if len(parts) == 3 else False))
        return tuple(found)

    def ia5(self, node: Node, what: str) -> str:
        """A text that should be an IA5String; other text types are flagged."""
        if node.tag != _IA5:
            self.flags.append("text-type-unexpected")
            if node.tag not in (_UTF8, _PRINTABLE):
                raise NotAsExpected(f"{what} is not text")
        return text(node)

    def name(self, node: Node) -> str:
        """The name of a seal, with what would make it read as another name noted."""
        expect(node, _UTF8, "name")
        name = text(node)
        if "\x00" in name:
            self.flags.append("seal-name-nul")
        if not name.strip() or any(unicodedata.category(letter)[0] == "C" for letter in name):
            self.defect("seal.name", "name-unprintable")
        return name

    def time(self, node: Node, rule: str, kinds: tuple[int, ...]) -> Moment | None:
        if node.tag not in (_UTC_TIME, _GENERAL_TIME):
            raise NotAsExpected("a time is neither UTCTime nor GeneralizedTime")
        if node.tag not in kinds:
            self.flags.append("time-type-unexpected")
        return self.moment(node.content.decode("ascii", errors="replace"), rule, utc_time=node.tag == _UTC_TIME)

    def moment(self, written: str, rule: str, *, utc_time: bool = False) -> Moment | None:
        """The moment, or None with a defect: an unknown time must not stop the other checks."""
        try:
            moment = read_moment(written, two_digit_year=utc_time)
        except ValueError as error:
            self.defect(rule, "time-malformed", written=written[:40], detail=str(error))
            return None
        self.flags.extend(moment.flags)
        return moment


def _unwrapped(node: Node) -> Node:
    """extDatas as every producer writes it, or under the tag `[0]` that the text of the standard allows."""
    if node.tag == _EXPLICIT_0 and len(node.children) == 1:
        return node.children[0]
    return node


def _of(node: Node, count: int, what: str) -> tuple[Node, ...]:
    parts = tuple(expect(node, _SEQUENCE, what).children)
    if len(parts) != count:
        raise NotAsExpected(f"{what} of {len(parts)} elements instead of {count}")
    return parts


def _sequence(content: bytes) -> bytes:
    """The DER SEQUENCE around `content`: the to-be-signed form of GM/T 0031-2014 is nowhere stored as such."""
    size = len(content)
    if size < 0x80:
        return bytes((_SEQUENCE, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((_SEQUENCE, 0x80 | len(length))) + length + content


def permits(seal: ElectronicSeal, certificate: bytes) -> bool | None:
    """Whether the seal lists `certificate` among its permitted signers; None if it lists digests of an unknown kind.

    GB/T 38540-2020 section 7.3: by the certificate itself, byte for byte, or by its SM3 digest.
    """
    if certificate in seal.certificates:
        return True
    actual = sm3(certificate) if seal.digests else b""
    if any(kind.upper() in _SM3_NAMES and value == actual for kind, value in seal.digests):
        return True
    if any(kind.upper() not in _SM3_NAMES for kind, _ in seal.digests):
        return None
    return False
