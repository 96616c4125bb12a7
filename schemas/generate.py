"""Writes the standard that insurers implement, in every form: JSON Schemas, XSD, workbook template, field dictionary.

All are generated from the nouns and `terms.toml`, and committed. Run by `make contract`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.dictionary import dictionary
from schemas.markup import said, xsd
from schemas.structure import has_term, nouns, term
from schemas.submission import RECORDS, Envelope, Receipt
from schemas.template import template
from schemas.verified import VerifiedPremium

ROOT = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "json"
XSD = "schemas/xsd/premium-exchange-1.0.xsd"
TEMPLATE = "schemas/xlsx/premium-exchange-1.0.xlsx"
DICTIONARY = "docs/field-dictionary.md"


def generated() -> dict[str, str]:
    """Each file of `schemas/json` by name: every record type, the envelope, the receipt, the verified premium."""
    models: dict[str, type[BaseModel]] = dict(RECORDS)
    models |= {"envelope": Envelope, "receipt": Receipt, "verified_premium": VerifiedPremium}
    return {f"{name}.schema.json": _schema(name, model) for name, model in sorted(models.items())}


def other_forms() -> dict[str, bytes]:
    """The other generated files, by path below the project's root."""
    return {XSD: xsd().encode(), TEMPLATE: template(), DICTIONARY: dictionary().encode()}


def _schema(name: str, model: type[BaseModel]) -> str:
    body: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:premium-exchange:1.0:{name}",
        **model.model_json_schema(by_alias=True, mode="validation"),
    }
    for noun, stated in {model.__name__: body, **body.get("$defs", {})}.items():
        _name_fields(noun, stated)
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _name_fields(noun: str, stated: dict[str, Any]) -> None:
    """Give each field its term as title and its meaning, unit and data element as description."""
    for element in nouns().get(noun, ()):
        if has_term(noun, element.name):
            known = term(noun, element.name)
            stated["properties"][element.name] |= {
                "title": f"{known.zh} {known.en}",
                "description": f"{said(element, 'zh')} {said(element, 'en')}",
            }


def main() -> int:
    """Write every file; remove what is no longer a schema."""
    FOLDER.mkdir(exist_ok=True)
    files = generated()
    for stale in FOLDER.glob("*.json"):
        if stale.name not in files:
            stale.unlink()
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for name, content in other_forms().items():
        file = ROOT / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
