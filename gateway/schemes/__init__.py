"""Subsidy schemes as dated data, and the one calculation: what a premium is worth under a scheme, and why.

Pure: no database, no clock. `assess` takes messages of the standard schema, a scheme's terms and a day.
"""

from gateway.schemes.answer import AssessedLine, AssessedPolicy, worst
from gateway.schemes.assess import assess
from gateway.schemes.messages import Malformed, read_message
from gateway.schemes.profile import Key, Scheme, UnknownScheme, find_scheme, load_keys, load_schemes
from gateway.schemes.records import Told
from gateway.schemes.shown import as_json
from gateway.schemes.terms import Terms, UnknownAnswer
from gateway.schemes.texts import SchemeRule, explain, load_texts, said
from gateway.schemes.verdict import Finding

__all__ = [
    "AssessedLine",
    "AssessedPolicy",
    "Finding",
    "Key",
    "Malformed",
    "Scheme",
    "SchemeRule",
    "Terms",
    "Told",
    "UnknownAnswer",
    "UnknownScheme",
    "as_json",
    "assess",
    "explain",
    "find_scheme",
    "load_keys",
    "load_schemes",
    "load_texts",
    "read_message",
    "said",
    "worst",
]
