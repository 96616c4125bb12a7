"""Revocation lists and OCSP answers, kept ahead of need, so that no verdict ever waits for, or calls, anybody.

Addresses come from the operator's file alone: those inside of documents and certificates are their signers' choice.
"""
