"""Rounds of judging everything again: what they consist of, who is at what, and how far they are."""
