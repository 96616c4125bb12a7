"""Inquiries 问询: an authority asks an insurer, the insurer answers, the authority closes; signed, logged, dated."""
