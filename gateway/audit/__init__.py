"""Audit of the whole database against the log, and of the log against what it was signed for."""
