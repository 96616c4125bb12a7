"""Records in each of the insurers' own formats (DIALECTS.md): what a demonstration, a test or a measurement sends.

A format carries what it carries: fields for which it has no place are left out, records that it cannot say are a
ValueError.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sandbox.dialects.acord import acord_xml
from sandbox.dialects.bordereau import bordereau
from sandbox.dialects.confirmation import confirmations
from sandbox.dialects.core import core_extract
from sandbox.dialects.coverholder import movements
from sandbox.dialects.groups import groups
from sandbox.dialects.regulator import extract
from sandbox.dialects.soap import soap_xml
from sandbox.invoices import invoice_xml
from sandbox.messages import canonical_json, channel_xml, policy_list
from sandbox.records import Record


@dataclass(frozen=True, slots=True)
class Sending:
    """What a message is besides its records: whose it is, its id, and when it is sent."""

    insurer: str
    message_id: str
    at: datetime


Renderer = Callable[[Sequence[Record], Sending], bytes]

# Media type, and how the records are written.
DIALECTS: Mapping[str, tuple[str, Renderer]] = {
    "DIA-CHANNEL-XML": ("application/xml", lambda sent, by: channel_xml(sent, by.message_id)),
    "DIA-SOAP-XML": ("application/soap+xml", lambda sent, by: soap_xml(sent, by.message_id)),
    "DIA-CSV-LIST": ("text/csv", lambda sent, by: policy_list(sent, by.insurer)),
    "DIA-XLSX-BDX": (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        lambda sent, _: bordereau(sent),
    ),
    "DIA-PRPC-JSON": ("application/vnd.prpc+json", lambda sent, _: core_extract(sent)),
    "DIA-CANON-JSON": (
        "application/json",
        lambda sent, by: canonical_json(sent, by.insurer, by.message_id, by.at),
    ),
    "DIA-ACORD-XML": ("application/vnd.acord+xml", lambda sent, _: acord_xml(sent)),
    "DIA-ACORD-AL3": ("application/vnd.acord.al3", lambda sent, _: groups(sent)),
    "DIA-CRS-CSV": ("text/csv", lambda sent, _: movements(sent)),
    "DIA-RECEIPT-JSON": ("application/vnd.receipt+json", lambda sent, by: confirmations(sent, by.message_id)),
    "DIA-EINV-XML": ("application/xml", lambda sent, _: invoice_xml(sent)),
    "DIA-EAST-TXT": ("text/plain", lambda sent, _: extract(sent)),
}


def render(dialect: str, records: Sequence[Record], by: Sending) -> tuple[str, bytes]:
    """The records as a message of this format: media type and bytes. Raises ValueError for what it cannot say."""
    media_type, write = DIALECTS[dialect]
    return media_type, write(records, by)
