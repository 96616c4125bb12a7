"""Receipts to be filed: one small text, signed, that anybody can verify later without asking anybody."""
