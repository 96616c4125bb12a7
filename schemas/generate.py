"""Writes the committed JSON Schemas: the standard that insurers implement. Run by `make contract`."""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.submission import RECORDS, Envelope, Receipt
from schemas.verified import VerifiedPremium

FOLDER = Path(__file__).parent / "json"


def generated() -> dict[str, str]:
    """Each file of `schemas/json` by name: every record type, the envelope, the receipt, the verified premium."""
    models: dict[str, type[BaseModel]] = dict(RECORDS)
    models |= {"envelope": Envelope, "receipt": Receipt, "verified_premium": VerifiedPremium}
    return {f"{name}.schema.json": _schema(name, model) for name, model in sorted(models.items())}


def _schema(name: str, model: type[BaseModel]) -> str:
    body: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:premium-exchange:1.0:{name}",
        **model.model_json_schema(by_alias=True, mode="validation"),
    }
    return json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write every schema; remove what is no longer one."""
    FOLDER.mkdir(exist_ok=True)
    files = generated()
    for stale in FOLDER.glob("*.json"):
        if stale.name not in files:
            stale.unlink()
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
