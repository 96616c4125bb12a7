"""Which digests and signature verifications a judgement makes: the part of its work that no other program could spare.

They are seen by watching the calls of one judgement, not by reading its code, so that they stay right as it changes.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType

from signing import sm2
from signing.algorithms import ALGORITHMS, judge_signature, load_public_key


@dataclass(slots=True)
class Verifications:
    """What was hashed with SM3, and what was verified: SM2 as (point, digest, signature in DER), the rest as
    (algorithm, SPKI in DER, message, signature)."""

    sm3: list[bytes] = field(default_factory=list)
    sm2: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    others: list[tuple[str, bytes, bytes, bytes]] = field(default_factory=list)

    def repeat(self) -> None:
        """All of it once more, and nothing else. Raises if a signature does not hold."""
        for data in self.sm3:
            sm2.sm3(data)
        for point, digest, signature in self.sm2:
            if not sm2.verify_digest(point, digest, signature):
                raise ValueError("an SM2 signature does not hold")
        for name, spki, message, signature in self.others:
            if not ALGORITHMS[name].holds(load_public_key(spki), message, signature):
                raise ValueError("a signature does not hold")


def made_by(call: Callable[[], object]) -> Verifications:
    """What `call` computes when it has run before: what it keeps from one call to the next is not counted."""
    call()
    found = Verifications()

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        code, values = frame.f_code, frame.f_locals
        if code in _SM3:
            found.sm3.append(bytes(values[_SM3[code]]))
        elif code is sm2.verify_digest.__code__:
            found.sm2.append((values["point"], values["digest"], values["signature"]))
        elif code is judge_signature.__code__ and ALGORITHMS[values["algorithm"]].kind != "sm2":
            found.others.append((values["algorithm"], values["public_key"], values["message"], values["signature"]))

    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


_SM3: dict[CodeType, str] = {
    sm2.sm3.__code__: "data",
    sm2.SM3.__init__.__code__: "start",
    sm2.SM3.update.__code__: "data",
}
