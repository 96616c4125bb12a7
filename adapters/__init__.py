"""The translators: an insurer's own format to draft records of the standard schema, every value with its lineage."""

from adapters.drafts import Draft, Lineage, Row
from adapters.problems import Problem
from adapters.streaming import stream, stream_with
from adapters.translate import translate, translate_with

__all__ = ["Draft", "Lineage", "Problem", "Row", "stream", "stream_with", "translate", "translate_with"]
