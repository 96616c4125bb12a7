"""DIA-CANON-XLSX: the workbook template of the standard schema, filled in; the same records as in JSON."""

from adapters.insurers.dia_canon_json import MAPPING as STANDARD
from adapters.mapping import Mapping
from adapters.standard_workbook import StandardWorkbook

MAPPING = Mapping(
    dialect="DIA-CANON-XLSX",
    title="标准填报模板 premium-exchange/1.0, workbook template",
    media_types=("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    format=StandardWorkbook(),
    rows=STANDARD.rows,
)
