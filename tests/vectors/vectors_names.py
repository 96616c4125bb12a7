"""Attacks on whom a seal and a certificate name."""

from collections.abc import Iterator
from dataclasses import replace

from vector import Vector, failing, ofd, s

IDENTITY, NAME = "certificate.identity", "seal.name"
REAL = s.SIGNER.common


def names() -> Iterator[Vector]:
    """Every vector of A30 and A31."""
    for name, fake, what in (
        ("radical", REAL.replace("示", "\u2f70"), "a Kangxi radical in the place of a Han character"),
        ("cyrillic", "\u0410\u0425\u0410" + REAL, "Cyrillic letters that look like Latin ones"),
        ("kana", s.OTHER.common.replace("一", "\u30fc"), "a kana sign in the place of a Han character"),
        ("invisible", REAL.replace("财", "财\u3164"), "a character that shows nothing"),
    ):
        plan = s.SealPlan(name=fake + "电子保单专用章")
        yield failing(f"name-{name}", "A30", f"The name of the seal holds {what}.", ofd(s.with_seal(plan)), NAME)
    signer = named(common=REAL.replace("财", "财\ufe00"))
    yield failing(
        "signer-name-variation", "A30", "The signer is named with a variation selector.", by(signer), IDENTITY
    )
    signer = named(organisation=REAL.replace("险", "\u0445"))
    yield failing(
        "signer-name-cyrillic", "A30", "The signer's organisation holds a Cyrillic letter.", by(signer), IDENTITY
    )
    for name, changes, where in (
        ("number", {"number": WRONG}, "in the serial number of the subject"),
        ("cfca", {"common": f"CFCA@{REAL}@N{WRONG}@10"}, "in a name as CFCA writes it"),
        ("organisation", {"organisation": f"{WRONG}{REAL}"}, "before the name of the organisation"),
    ):
        what = f"The credit code {where} has a wrong check character."
        yield failing(f"credit-code-{name}", "A31", what, by(named(**changes)), IDENTITY)


WRONG = "91330200MA2AFH4T0N"


def named(**changes: str) -> s.Holder:
    """The signer under another name, certified by the same authority."""
    return replace(s.SIGNER, serial=0x1200, key=REAL, **changes)


def by(signer: s.Holder) -> bytes:
    return ofd(s.with_seal(s.SealPlan(signers=(signer,)), signer=signer))
