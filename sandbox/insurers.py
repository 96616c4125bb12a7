"""The insurers of the sandbox, as data, and the papers that each of them holds."""

from dataclasses import dataclass, field

from sandbox.authority import Certified
from sandbox.keys import Key
from sandbox.seals import Seal
from schemas.identifiers import credit_check_character, organisation_digit_holds

_CHECKS = "0123456789X"
MEDIA_TYPES = {"ofd": "application/ofd", "pdf": "application/pdf"}


WITHOUT_LINE = ("DIA-XLSX-BDX", "DIA-CRS-CSV")
"""Formats that have no column for the line of cover: it is registered for their insurers."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What makes one insurer different from the next; the sandbox has no `if` on an insurer's code."""

    code: str
    name: str
    organisation: str
    company_code: str
    prefix: str
    dialect: str
    document_profile: str
    document_format: str
    request_algorithm: str
    document_algorithm: str
    line: str


PROFILES = (
    Profile(
        code="SANDBOX-A",
        name="示例甲财产保险有限公司",
        organisation="MA2DEMA1",
        company_code="000901",
        prefix="PJIA",
        dialect="DIA-CHANNEL-XML",
        document_profile="DOC-OFD-XML",
        document_format="ofd",
        request_algorithm="sm2-sm3",
        document_algorithm="sm2-sm3",
        line="product_liability",
    ),
    Profile(
        code="SANDBOX-B",
        name="示例乙财产保险有限公司",
        organisation="MA2DEMB2",
        company_code="000902",
        prefix="PYI",
        dialect="DIA-CSV-LIST",
        document_profile="DOC-PDF-FIRST",
        document_format="pdf",
        request_algorithm="ecdsa-p256-sha256",
        document_algorithm="rsa-v1_5-sha256",
        line="product_liability",
    ),
    Profile(
        code="SANDBOX-C",
        name="示例丙财产保险有限公司",
        organisation="MA2DEMC3",
        company_code="000903",
        prefix="PBING",
        dialect="DIA-CANON-JSON",
        document_profile="DOC-OFD-TEXT",
        document_format="ofd",
        request_algorithm="ed25519",
        document_algorithm="sm2-sm3",
        line="product_liability",
    ),
    Profile(
        code="SANDBOX-D",
        name="示例丁保险股份有限公司",
        organisation="MA2DEMD4",
        company_code="000904",
        prefix="PDING",
        dialect="DIA-CANON-JSON",
        document_profile="DOC-PDF-SECOND",
        document_format="pdf",
        request_algorithm="rsa-pss-sha512",
        document_algorithm="ecdsa-p256-sha256",
        line="product_liability",
    ),
    Profile(
        code="SANDBOX-E",
        name="示例戊财产保险有限公司",
        organisation="MA2DEME5",
        company_code="000905",
        prefix="PWU",
        dialect="DIA-PRPC-JSON",
        document_profile="DOC-OFD-XML",
        document_format="ofd",
        request_algorithm="ecdsa-p256-sha256",
        document_algorithm="sm2-sm3",
        line="product_liability",
    ),
    Profile(
        code="SANDBOX-F",
        name="示例己财产保险有限公司",
        organisation="MA2DEMF6",
        company_code="000906",
        prefix="PJI",
        dialect="DIA-SOAP-XML",
        document_profile="DOC-PDF-SECOND",
        document_format="pdf",
        request_algorithm="sm2-sm3",
        document_algorithm="ecdsa-p256-sha256",
        line="product_liability",
    ),
    Profile(
        code="SANDBOX-G",
        name="示例庚财产保险有限公司",
        organisation="MA2DEMG8",
        company_code="000907",
        prefix="PGENG",
        dialect="DIA-EAST-TXT",
        document_profile="DOC-OFD-TEXT",
        document_format="ofd",
        request_algorithm="ed25519",
        document_algorithm="sm2-sm3",
        line="product_liability",
    ),
    Profile(
        code="SANDBOX-H",
        name="示例辛财产保险有限公司",
        organisation="MA2DEMH9",
        company_code="000908",
        prefix="PXIN",
        dialect="DIA-XLSX-BDX",
        document_profile="DOC-PDF-SECOND",
        document_format="pdf",
        request_algorithm="ed25519",
        document_algorithm="ecdsa-p256-sha256",
        line="product_liability",
    ),
)


# Who seals invoices 发票监制章: an owner of seals like an insurer, and of nothing else.
TAX_AUTHORITY = Profile(
    code="STATE-TAX",
    name="示例省税务局",
    organisation="MA2DEMT7",
    company_code="000999",
    prefix="TAX",
    dialect="DIA-EINV-XML",
    document_profile="DOC-OFD-TEXT",
    document_format="ofd",
    request_algorithm="sm2-sm3",
    document_algorithm="sm2-sm3",
    line="product_liability",
)


@dataclass(frozen=True, slots=True)
class Papers:
    """A document-signing certificate and, for OFD, the seal that it may apply."""

    holder: Certified
    seal: Seal | None


@dataclass(frozen=True, slots=True)
class Insurer:
    """An insurer as the gateway registers it, with its private keys, because the sandbox plays the insurer too."""

    code: str
    name: str
    credit_code: str
    company_code: str
    prefix: str
    dialect: str
    document_profile: str
    document_format: str
    line: str
    seal_name: str
    seal_id: str | None
    request_key: Key
    papers: dict[str, Papers] = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type of its sealed documents."""
        return MEDIA_TYPES[self.document_format]


@dataclass(frozen=True, slots=True)
class Participant:
    """Another caller of the gateway: its role, name and request key."""

    role: str
    name: str
    request_key: Key


def credit_code(organisation: str, *, region: str = "330000", kind: str = "91") -> str:
    """A 统一社会信用代码 registered in `region`, `kind` 91 of an enterprise; both check characters right, of nobody."""
    for check in _CHECKS:
        first = f"{kind}{region}{organisation}{check}"
        code = first + credit_check_character(first)
        if organisation_digit_holds(code):
            return code
    raise AssertionError("one of eleven check characters always holds")
