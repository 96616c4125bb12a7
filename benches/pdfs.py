"""PDFs with one and with five RSA seals, written and signed by pyHanko, and pyHanko's own validation beside ours.

Its validation of the same files in the same run is what a reader of these numbers can compare with: it answers less
(no coverage by rule, no seals, no policy), and it has no caches to warm.
"""

import asyncio
import hashlib
import io
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from benches.line import Line, of_rates, seconds_of
from benches.verifications import Verifications, made_by
from schemas.verification import Outcome
from signing import TrustStore, verify_document

_SEALS = (1, 5)
_DOCUMENTS_A_SECOND = 6


def run(seconds: float) -> Iterator[Line]:
    """One line for each number of seals. Every document is judged once by us, and once by pyHanko."""
    world = _World(datetime.now(UTC).replace(microsecond=0))
    count = max(3, int(seconds * _DOCUMENTS_A_SECOND))
    for seals in _SEALS:
        documents = [world.document(seals, number) for number in range(count + 3)]
        yield _line(f"seal.pdf-rsa-{seals}", documents, world)


def _line(bench: str, documents: list[bytes], world: "_World") -> Line:
    taken = made_by(world.judge, documents[:3])
    values, floors, theirs = [], [], []
    for document in documents[3:]:
        values.append(1 / seconds_of(partial(world.judge, document)))
        floors.append(1 / seconds_of(partial(_floor, document, taken)))
        theirs.append(seconds_of(partial(world.validate, document)))
    return of_rates(
        bench,
        "documents per second",
        values,
        floors,
        documents=len(values),
        bytes=len(documents[-1]),
        milliseconds=round(1000 * statistics.median(1 / value for value in values), 2),
        pyhanko_milliseconds=round(1000 * statistics.median(theirs), 2),
    )


def _floor(document: bytes, taken: Verifications) -> None:
    hashlib.sha256(document).digest()
    taken.repeat()


@dataclass
class _World:
    """An authority, its list, a signer, and the moment of everything."""

    at: datetime

    def __post_init__(self) -> None:
        root_key, key = generate_private_key(65537, 2048), generate_private_key(65537, 2048)
        root = self._certificate("Root of the Benches", root_key, None, root_key)
        leaf = self._certificate("Signer of the Benches", key, root, root_key)
        revoked = x509.CertificateRevocationListBuilder().issuer_name(root.subject)
        revoked = revoked.last_update(self.at - timedelta(days=1)).next_update(self.at + timedelta(days=9))
        crl = revoked.sign(root_key, hashes.SHA256()).public_bytes(Encoding.DER)
        self.root, self.crl = root.public_bytes(Encoding.DER), crl
        self.trust = TrustStore(signers=(self.root,), crls=(crl,))
        private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self.signer = SimpleSigner(
            signing_cert=asn1_x509.Certificate.load(leaf.public_bytes(Encoding.DER)),
            signing_key=asn1_keys.PrivateKeyInfo.load(private),
            cert_registry=SimpleCertificateStore(),
        )

    def _certificate(
        self, name: str, key: RSAPrivateKey, issuer: x509.Certificate | None, by: RSAPrivateKey
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.at - timedelta(days=9))
            .not_valid_after(self.at + timedelta(days=90))
            .add_extension(x509.BasicConstraints(issuer is None, None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=issuer is not None,
                    key_cert_sign=issuer is None,
                    crl_sign=issuer is None,
                    decipher_only=False,
                    **usage,
                ),
                critical=True,
            )
        )
        return builder.sign(by, hashes.SHA256())

    def document(self, seals: int, number: int) -> bytes:
        """A page of text with so many seals, one after the other."""
        writer = PdfFileWriter()
        text = f"BT /F1 12 Tf 72 720 Td (policy {number}: premium 12,800.00) Tj ET".encode()
        page = PageObject(
            contents=writer.add_object(generic.StreamObject(stream_data=text)),
            media_box=generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
        )
        writer.insert_page(page)
        written = io.BytesIO()
        writer.write(written)
        for place in range(seals):
            output = io.BytesIO()
            metadata = PdfSignatureMetadata(field_name=f"Seal{place}", md_algorithm="sha256")
            signer = PdfSigner(metadata, signer=self.signer)
            asyncio.run(signer.async_sign_pdf(IncrementalPdfFileWriter(written), output=output))
            written = output
        return written.getvalue()

    def judge(self, document: bytes) -> None:
        """Our verdict. Raises if it is not that the document passes."""
        report = verify_document(document, trust=self.trust, at=self.at)
        if report.outcome is not Outcome.PASSED:
            raise ValueError(f"the document should have passed: {report.failing()}")

    def validate(self, document: bytes) -> None:
        """PyHanko's validation of each signature. Raises if one is not valid."""
        reader = PdfFileReader(io.BytesIO(document))
        context = ValidationContext(
            trust_roots=[asn1_x509.Certificate.load(self.root)],
            crls=[self.crl],
            revocation_mode="require",
            moment=self.at,
        )
        for embedded in reader.embedded_signatures:
            if not validate_pdf_signature(embedded, context).intact:
                raise ValueError("a signature should have been valid")
