"""The judge: bytes, trust and a moment in, a report out. No network, no database, no clock."""

from signing.algorithms import verify_signature as verify_signature
from signing.checks.certificate import verify_certificate as verify_certificate
from signing.checks.token import verify_timestamp as verify_timestamp
from signing.containers.xmldsig import signed_content as signed_content
from signing.errors import NoEngine as NoEngine
from signing.errors import Unreadable as Unreadable
from signing.errors import UnusableKey as UnusableKey
from signing.request import verify_request as verify_request
from signing.trust import Purpose as Purpose
from signing.trust import TrustStore as TrustStore
from signing.verify import verify_document as verify_document
