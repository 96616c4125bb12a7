"""What two people sign for when a document is erased."""

import hashlib
from typing import Literal

from schemas.canonical import canonical

Ground = Literal["order", "retention"]


def statement_id(document: str, ground: str, order_no: str, ordered_by: str, ordered_on: str) -> str:
    """The digest of the statement: which document, on what ground, by which order of whom, of which day."""
    stated = {
        "document": document,
        "ground": ground,
        "order_no": order_no,
        "ordered_by": ordered_by,
        "ordered_on": ordered_on,
    }
    return f"sha256:{hashlib.sha256(canonical(stated)).hexdigest()}"
