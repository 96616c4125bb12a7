"""SM2 signature values and digests as producers write them, and the one form that is verified.

GM/T 0009 wants DER in an untrimmed BIT STRING. Measured on real documents, vendors also write r and s without DER,
drop the leading 00 of an INTEGER, and let a library trim trailing zero bits of a BIT STRING. Each of these says which
numbers are meant, without a choice; it is repaired, and always flagged. What is verified afterwards is the signature
itself, so that a repair can never make a wrong value right.
"""

from collections.abc import Sequence

from signing.kept import few
from signing.pairs import raw_to_der, read_pair, write_pair
from signing.seal import Bits

_MOST_TRIMMED = 4  # whole octets of zeros: beyond that it is no longer an accident
TRIMMED, RAW, NEGATIVE = "bitstring-trimmed", "signature-raw64", "signature-negative-integer"
DIGEST_AS_TEXT = "cms-digest-base64"


@few(1024)
def read_sm2_value(value: Bits) -> tuple[bytes, tuple[str, ...]]:
    """The DER form of an SM2 signature value, and a flag for each deviation that was repaired.

    Raises ValueError if the octets do not say which r and s are meant.
    """
    octets, flags = value.octets, [TRIMMED] if value.unused else []
    if _is_pair(octets):
        return octets, tuple(flags)
    if len(octets) == 64 and not _spans(octets):
        return raw_to_der(octets), (*flags, RAW)
    if value.trimmable and (padded := _untrimmed(octets)) is not None:
        flags, octets = [TRIMMED], padded
        if _is_pair(octets):
            return octets, tuple(flags)
        if len(octets) == 64 and not _spans(octets):
            return raw_to_der(octets), (*flags, RAW)
    return _unsigned(octets), (*flags, NEGATIVE)


def read_digest(value: Bits, size: int = 32) -> tuple[bytes, tuple[str, ...]]:
    """The digest of `size` octets in a BIT STRING, and a flag if trailing zeros had been trimmed. Raises ValueError."""
    missing = size - len(value.octets)
    if missing == 0:
        return value.octets, (TRIMMED,) if value.unused else ()
    if value.trimmable and 0 < missing <= _MOST_TRIMMED:
        return value.octets + bytes(missing), (TRIMMED,)
    raise ValueError(f"a digest of {len(value.octets)} octets instead of {size}")


def repaired(flags: Sequence[str]) -> tuple[str, ...]:
    """Those of `flags` that say that an encoding had to be repaired."""
    return tuple(flag for flag in flags if flag in _REPAIRS)


_REPAIRS = frozenset(
    {
        TRIMMED,
        RAW,
        NEGATIVE,
        f"maker-{TRIMMED}",
        f"maker-{RAW}",
        f"maker-{NEGATIVE}",
        "ber-transcoded",
        DIGEST_AS_TEXT,
        "cms-content-type-mismatch",
    }
)


def _is_pair(octets: bytes) -> bool:
    try:
        read_pair(octets)
    except ValueError:
        return False
    return True


def _spans(octets: bytes) -> bool:
    """Whether the octets are a SEQUENCE, by tag and length, from first to last."""
    return len(octets) > 2 and octets[0] == 0x30 and octets[1] == len(octets) - 2


def _untrimmed(octets: bytes) -> bytes | None:
    """The octets with the zeros that a BIT STRING lost, if their number is known: from the length, or 64 in all."""
    if len(octets) > 2 and octets[0] == 0x30 and 0 < octets[1] + 2 - len(octets) <= _MOST_TRIMMED:
        return octets + bytes(octets[1] + 2 - len(octets))
    if 0 < 64 - len(octets) <= _MOST_TRIMMED and not _spans(octets):
        return octets + bytes(64 - len(octets))
    return None


def _unsigned(octets: bytes) -> bytes:
    """The DER of a SEQUENCE of two INTEGERs that are meant without sign. Raises ValueError if it is not even that."""
    if not _spans(octets):
        raise ValueError("neither a DER signature nor 64 octets")
    numbers, start = [], 2
    while start < len(octets):
        if octets[start] != 2 or start + 2 > len(octets):
            raise ValueError("not a sequence of integers")
        size = octets[start + 1]
        content = octets[start + 2 : start + 2 + size]
        if not 0 < size <= 33 or len(content) != size or (size == 33 and content[0]):
            raise ValueError("an integer that is empty, cut off or over 32 octets")
        if size > 1 and content[0] == 0 and not content[1] & 0x80:
            raise ValueError("a padded integer")
        numbers.append(int.from_bytes(content, "big"))
        start += 2 + size
    if len(numbers) != 2:
        raise ValueError(f"a sequence of {len(numbers)} integers")
    return write_pair(numbers[0], numbers[1])
