"""Which digests and signature verifications a judgement makes: the part of its work that no other program could spare.

They are seen by watching the calls of one judgement, not by reading its code, so that they stay right as it changes.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from signing import sm2
from signing.checks import paths


@dataclass(slots=True)
class Verifications:
    """What was hashed with SM3, and what was verified: SM2 as (point, digest, signature in DER), the rest as
    a key and the arguments of its `verify`."""

    sm3: list[bytes] = field(default_factory=list)
    sm2: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    others: list[tuple[Any, tuple[Any, ...]]] = field(default_factory=list)

    def repeat(self) -> None:
        """All of it once more, and nothing else. Raises if a signature does not hold."""
        for data in self.sm3:
            sm2.sm3(data)
        for point, digest, signature in self.sm2:
            if not sm2.verify_digest(point, digest, signature):
                raise ValueError("an SM2 signature does not hold")
        for key, arguments in self.others:
            key.verify(*arguments)


def made_by(judge: Callable[[bytes], object], documents: Sequence[bytes]) -> Verifications:
    """What `judge` computes for the last of these documents, after the others: what it has kept from them is not
    counted, such as the chain of a certificate."""
    for document in documents[:-1]:
        judge(document)
    found = Verifications()

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        code, values = frame.f_code, frame.f_locals
        if code in _SM3:
            found.sm3.append(bytes(values[_SM3[code]]))
        elif code is sm2.verify_digest.__code__:
            found.sm2.append((values["point"], values["digest"], values["signature"]))
        elif code is _VERIFIES:
            found.others.append((values["key"], values["arguments"]))

    sys.setprofile(watch)
    try:
        judge(documents[-1])
    finally:
        sys.setprofile(None)
    return found


_VERIFIES = paths._verifies.__code__
_SM3: dict[CodeType, str] = {
    sm2.sm3.__code__: "data",
    sm2.SM3.__init__.__code__: "start",
    sm2.SM3.update.__code__: "data",
}
