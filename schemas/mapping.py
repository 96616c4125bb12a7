"""A new version of a mapping: what its replay over stored submissions gave, and the proposal to read by it."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from schemas.base import Noun
from schemas.identifiers import Digest, InsurerCode

FormatCode = Annotated[str, Field(pattern=r"^[0-9A-Z][0-9A-Z-]{1,39}$")]
MappingVersion = Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){1,2}$")]


class Replayed(Noun):
    """What a replay found: how many of the insurer's stored messages the version would read as they were read.

    `digest` is that of the mapping, `result` that of every line that the replay printed. `since` and `until` are the
    first and the last message's moments; both are absent where there was none.
    """

    insurer: InsurerCode
    dialect: FormatCode
    version: MappingVersion
    digest: Digest
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    submissions: int = Field(ge=0)
    equal: int = Field(ge=0)
    differs: int = Field(ge=0)
    newly_refused: int = Field(ge=0)
    newly_accepted: int = Field(ge=0)
    result: Digest

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.equal + self.differs + self.newly_refused + self.newly_accepted != self.submissions:
            raise ValueError("the messages do not add up")
        if (self.since is None) != (self.submissions == 0) or (self.until is None) != (self.submissions == 0):
            raise ValueError("the first and the last message are stated if and only if there is one")
        return self


class MappingProposal(Noun):
    """That messages of the insurer in this format are read by this version from `active_from` on, and why."""

    insurer: InsurerCode
    dialect: FormatCode
    version: MappingVersion
    digest: Digest
    active_from: AwareDatetime
    reason: str = Field(min_length=1, max_length=500)
    replay: Replayed
