"""DIA-CANON-XML: the standard schema in XML, `schemas/xsd/premium-exchange-1.0.xsd`; the same records as in JSON."""

from adapters.insurers.dia_canon_json import MAPPING as STANDARD
from adapters.mapping import Mapping
from adapters.standard_xml import StandardXml

MAPPING = Mapping(
    dialect="DIA-CANON-XML",
    title="标准报文 premium-exchange/1.0, XML",
    media_types=("application/xml",),
    format=StandardXml(),
    rows=STANDARD.rows,
)
