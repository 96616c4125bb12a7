"""ZIP archives as the sandbox's documents need them: the same bytes on every machine."""

from schemas.archive import write_archive

__all__ = ["write_archive"]
