"""Attacks on time and on the certificates that were valid then."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from vector import Vector, failing, ofd, s

from signing import sm2


def times() -> Iterator[Vector]:
    def seal(**dates: str) -> bytes:
        return ofd(s.with_seal(s.SealPlan(**dates)))  # type: ignore[arg-type]

    yield failing(
        "seal-expired",
        "A13",
        "The seal had expired when it was used.",
        seal(end="20260201000000Z"),
        "seal.period",
        "seal.current",
    )
    yield failing(
        "seal-not-yet-valid",
        "A13",
        "The seal was not yet valid when it was used.",
        seal(start="20260401000000Z"),
        "seal.period",
    )
    yield failing(
        "seal-expired-since",
        "A13",
        "The seal has expired since; the time of signing is only claimed.",
        seal(end="20260501000000Z"),
        "seal.current",
        outcome="indeterminate",
    )
    yield failing(
        "seal-outlives",
        "A13",
        "A new seal is valid for longer than its signer's certificate.",
        seal(created="20251101000000Z", end="20400101000000Z"),
        "seal.outlives-signer",
    )

    def signer(**changes: object) -> bytes:
        one = replace(s.SIGNER, serial=0x1100, **changes)  # type: ignore[arg-type]
        return ofd(s.with_seal(s.SealPlan(signers=(one,), end="20260801000000Z"), signer=one))

    yield failing(
        "signer-expired",
        "A13",
        "The signer's certificate had expired.",
        signer(end="260201000000Z"),
        "signature.signer-period",
        "certificate.period",
    )
    yield failing(
        "signer-not-yet-valid",
        "A13",
        "The signer's certificate was not yet valid.",
        signer(start="260401000000Z"),
        "signature.signer-period",
        "certificate.period",
    )
    for name, description, revoked, outcome in (
        ("revoked-before", "The certificate was revoked before the signature.", s.REVOKED_BEFORE, "failed"),
        ("revoked-after", "The certificate was revoked after the claimed time.", s.REVOKED_AFTER, "indeterminate"),
    ):
        data = ofd(s.with_seal(s.SealPlan(signers=(revoked,)), signer=revoked))
        yield failing(name, "A14", description, data, "certificate.revocation", outcome=outcome)
    yield failing(
        "encryption-certificate",
        "A15",
        "An encryption certificate was used to sign.",
        signer(usage=s.ENCRYPTION),
        "certificate.key-usage",
    )
    yield failing(
        "authority-certificate",
        "A15",
        "The certificate of an authority was used to sign.",
        signer(usage=s.AUTHORITY),
        "certificate.key-usage",
    )
    yield failing(
        "usage-missing",
        "A15",
        "The signer's certificate does not say what it is for.",
        signer(usage=None),
        "certificate.key-usage",
    )
    yield failing(
        "signed-in-future",
        "A13",
        "The claimed time lies in the future.",
        ofd(s.with_value(time=s.general_time("20260701000000Z"))),
        "signature.time",
    )
    yield failing(
        "time-malformed",
        "A13",
        "The claimed time is no time.",
        ofd(s.with_value(time=s.general_time("20261301000000Z"))),
        "signature.time",
    )
    edge = s.general_time("20250601040000")
    yield failing(
        "time-without-zone",
        "A13",
        "Without a zone, the time lies before or after the start of the seal.",
        ofd(s.with_value(time=edge)),
        "seal.period",
        outcome="indeterminate",
    )

    def stamped(stamp: Callable[[bytes], bytes], **dates: str) -> bytes:
        return ofd(s.with_seal(s.SealPlan(**dates), token=stamp))  # type: ignore[arg-type]

    expired = {"end": "20260501000000Z"}
    yield Vector(
        "timestamp-proves",
        "The seal has expired since; a trusted time-stamp proves that it had not when it was used.",
        stamped(lambda value: s.time_stamp(sm2.sm3(value)), **expired),
        "passed",
    )
    stranger = s.Holder("Unknown Time", serial=0x3009, purposes=("1.3.6.1.5.5.7.3.8",))
    yield failing(
        "timestamp-of-stranger",
        "A21",
        "The seal has expired since, and the time-stamp is of an authority that nobody knows.",
        stamped(lambda value: s.time_stamp(sm2.sm3(value), stranger), **expired),
        "seal.current",
        outcome="indeterminate",
    )
    yield failing(
        "timestamp-of-other",
        "A21",
        "A time-stamp over other data.",
        stamped(lambda value: s.time_stamp(sm2.sm3(value + b"x"))),
        "timestamp.imprint",
    )
    yield failing(
        "timestamp-before-claim",
        "A21",
        "The claimed time is a day after the time-stamp.",
        stamped(lambda value: s.time_stamp(sm2.sm3(value), moment="20260228020305Z")),
        "timestamp.agrees",
    )
    yield failing(
        "timestamp-junk",
        "A21",
        "A time-stamp with three bytes behind it.",
        stamped(lambda value: s.time_stamp(sm2.sm3(value)) + b"abc"),
        "timestamp.imprint",
    )
