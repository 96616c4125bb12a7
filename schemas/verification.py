"""Verdicts: a check, a report, and the one way in which an outcome follows from checks."""

import re
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
    WrapSerializer,
    WrapValidator,
    model_validator,
)

from schemas.base import Noun
from schemas.canonical import Written

_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def _writable(value: Any) -> Any:
    """A stranger's text as a report can hold it: NUL and lone surrogates, which no store takes, become U+FFFD."""
    if isinstance(value, str):
        return value if value.isprintable() else _UNWRITABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_writable(key): _writable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(item) for item in value]
    return value


class _Uncommon(Exception):
    """A value that the general validator has to look at."""


def _common(value: Any) -> Any:
    """What `_writable` gives of a JSON value without fractions. Raises `_Uncommon` for everything else."""
    kind = type(value)
    if kind is str:
        return value if value.isprintable() else _UNWRITABLE.sub("\ufffd", value)
    if kind is int or kind is bool or value is None:
        return value
    if kind is list or kind is tuple:
        return [_common(item) for item in value]
    if kind is dict and all(type(key) is str for key in value):
        return {_common(key): _common(item) for key, item in value.items()}
    raise _Uncommon


def _read_facts(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Facts are built by the dozen for each message: the usual ones go past the union that JSON is to the validator."""
    if type(value) is dict:
        with suppress(_Uncommon):
            return _common(value)
    return validate(_writable(value))


def _write_facts(value: Any, serialize: SerializerFunctionWrapHandler) -> Any:
    """What was read as JSON is JSON already."""
    return value if type(value) is dict else serialize(value)


Words = Annotated[str, BeforeValidator(_writable)]
Facts = Annotated[dict[str, JsonValue], WrapValidator(_read_facts), WrapSerializer(_write_facts)]


class Outcome(StrEnum):
    """ETSI EN 319 102-1 section 5.1.2: passed, failed, or indeterminate. Unknown is never a pass."""

    PASSED = "passed"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"


class Severity(StrEnum):
    """Whether a check decides: `error` does, `notice` is told and decides nothing."""

    ERROR = "error"
    NOTICE = "notice"


class Check(Written):
    """One question, its answer and the facts that the answer rests on.

    `rule` and `reason` are stable, public names; what they mean, in both languages and with the legal basis, stands in
    the rule catalogue. `facts` are JSON values; amounts in yuan as text, moments RFC 3339.
    """

    rule: str = Field(pattern=r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$", max_length=80)
    outcome: Outcome
    reason: str | None = Field(default=None, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=80)
    severity: Severity = Severity.ERROR
    facts: Facts = Field(default_factory=dict)
    field: Words | None = None
    fix: list[dict[str, JsonValue]] | None = None
    legal_basis: str | None = None

    @model_validator(mode="after")
    def _explained(self) -> Self:
        if self.outcome is not Outcome.PASSED and self.reason is None:
            raise ValueError(f"{self.rule}: a check that does not pass says why")
        return self

    def __bool__(self) -> NoReturn:
        raise TypeError("a check has no truth value: ask for its outcome")


def passed(rule: str, *, severity: Severity = Severity.ERROR, field: str | None = None, **facts: Any) -> Check:
    """The check `rule` passed, resting on `facts`."""
    return Check(rule=rule, outcome=Outcome.PASSED, severity=severity, field=field, facts=facts)


def failed(
    rule: str,
    reason: str,
    *,
    severity: Severity = Severity.ERROR,
    field: str | None = None,
    fix: list[dict[str, JsonValue]] | None = None,
    **facts: Any,
) -> Check:
    """The check `rule` failed for `reason`."""
    return Check(rule=rule, outcome=Outcome.FAILED, reason=reason, severity=severity, field=field, fix=fix, facts=facts)


def unknown(
    rule: str, reason: str, *, severity: Severity = Severity.ERROR, field: str | None = None, **facts: Any
) -> Check:
    """The check `rule` could not be decided for `reason`; this is never a pass."""
    return Check(rule=rule, outcome=Outcome.INDETERMINATE, reason=reason, severity=severity, field=field, facts=facts)


def worst(checks: Iterable[Check]) -> Outcome:
    """Failed if a deciding check failed, else indeterminate if one is, else passed. Raises on no deciding check."""
    decides, open_ones = Severity.ERROR, Outcome.INDETERMINATE
    found = None
    for check in checks:
        if (check.reason is None and found is not None) or check.severity is not decides:
            continue  # a check that does not pass says why: one that says nothing passed
        outcome = check.outcome
        if outcome is Outcome.FAILED:
            return outcome
        if found is not open_ones:
            found = outcome
    if found is None:
        raise ValueError("nothing was checked: there is no outcome")
    return found


class DocumentIdentity(Noun):
    """Which bytes were judged: both digests in hex, the media type as recognised, the size in bytes."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    sm3: str = Field(pattern=r"^[0-9a-f]{64}$")
    media_type: str
    size: int = Field(ge=0)


class SignerIdentity(Noun):
    """Who signed, as the certificate states it; `credit_code` 统一社会信用代码 only if its check character holds."""

    subject: Words
    credit_code: str | None = None
    issuer: Words
    serial: Words
    certificate_sha256: str | None = None


class SealIdentity(Noun):
    """The electronic seal 电子印章 that was applied: its id, name, maker 制章人 and validity."""

    id: Words
    name: Words
    maker: Words
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None


class SealReport(Noun):
    """What was found about one seal or signature: three answers, never collapsed, and the checks behind them.

    `time_proof` is what says that it existed at `signed_at`: nothing, its signer, a trusted time-stamp, or evidence for
    which the caller vouches.
    """

    id: Words
    container: Literal["ofd", "pdf", "cms", "ses", "xml"]
    format: Words
    algorithm: Words
    integrity: Literal["passed", "failed", "unsupported"]
    trust: Literal["trusted", "untrusted", "indeterminate"]
    coverage: Literal["whole", "partial", "unsafe"]
    signer: SignerIdentity | None = None
    seal: SealIdentity | None = None
    signed_at: AwareDatetime | None = None
    time_proof: Literal["none", "claimed", "timestamp", "evidence"] = "none"
    flags: tuple[str, ...] = ()
    checks: tuple[Check, ...]


class Report(Written):
    """A verdict that can be replayed: what was judged, as of when, on which basis, every check, and what follows.

    The outcome follows from the checks; a report without checks cannot be built, and a report has no truth value.
    `basis` names what the verdict rests on besides the subject: digests of trust store, rules, revocation data.
    """

    APART = ("checks",)

    subject: str
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    at: AwareDatetime
    outcome: Outcome
    reason: str | None = None
    basis: dict[str, str] = Field(default_factory=dict)
    document: DocumentIdentity | None = None
    seals: tuple[SealReport, ...] = ()
    checks: tuple[Check, ...]

    @model_validator(mode="after")
    def _follows(self) -> Self:
        checks = self.all_checks()
        if worst(checks) is not self.outcome:
            raise ValueError(f"the outcome {self.outcome} does not follow from the checks")
        return self

    def all_checks(self) -> tuple[Check, ...]:
        """The report's own checks and those of its seals."""
        return self.checks + tuple(check for seal in self.seals for check in seal.checks)

    def failing(self) -> tuple[str, ...]:
        """The rules that did not pass and decide, in order, each once."""
        return tuple(
            dict.fromkeys(
                check.rule
                for check in self.all_checks()
                if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
            )
        )

    def __bool__(self) -> NoReturn:
        raise TypeError("a report has no truth value: ask for its outcome")


def conclude(subject: str, *, checks: Iterable[Check], seals: Iterable[SealReport] = (), **fields: Any) -> Report:
    """A report whose outcome is the worst of its checks and of its seals' checks."""
    own, sealed = tuple(checks), tuple(seals)
    outcome = worst((*own, *(check for seal in sealed for check in seal.checks)))
    return Report(subject=subject, checks=own, seals=sealed, outcome=outcome, **fields)
