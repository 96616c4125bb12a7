"""Erasing a document by order: its bytes go; its digest, the verdicts on it and the proof of both stay."""
