"""Who sends what: the mapping of each insurer, by code. The codes of the dialects themselves stand here too."""

from types import ModuleType

from adapters.insurers import (
    dia_acord_al3,
    dia_acord_xml,
    dia_canon_json,
    dia_canon_xlsx,
    dia_canon_xml,
    dia_channel_xml,
    dia_crs_csv,
    dia_csv_list,
    dia_east_txt,
    dia_einv_xml,
    dia_prpc_json,
    dia_receipt_json,
    dia_soap_xml,
    dia_xlsx_bdx,
)
from adapters.mapping import Mapping

MAPPINGS: dict[str, Mapping] = {
    "DIA-CHANNEL-XML": dia_channel_xml.MAPPING,
    "DIA-CSV-LIST": dia_csv_list.MAPPING,
    "DIA-CANON-JSON": dia_canon_json.MAPPING,
    "DIA-EINV-XML": dia_einv_xml.MAPPING,
    "DIA-PRPC-JSON": dia_prpc_json.MAPPING,
    "DIA-RECEIPT-JSON": dia_receipt_json.MAPPING,
    "DIA-SOAP-XML": dia_soap_xml.MAPPING,
    "DIA-XLSX-BDX": dia_xlsx_bdx.MAPPING,
    "DIA-ACORD-XML": dia_acord_xml.MAPPING,
    "DIA-EAST-TXT": dia_east_txt.MAPPING,
    "DIA-CRS-CSV": dia_crs_csv.MAPPING,
    "DIA-ACORD-AL3": dia_acord_al3.MAPPING,
    "DIA-CANON-XML": dia_canon_xml.MAPPING,
    "DIA-CANON-XLSX": dia_canon_xlsx.MAPPING,
}

LATER: tuple[ModuleType, ...] = ()
"""Modules of further versions of these: read with only once they are activated (adapters/versions.py)."""
