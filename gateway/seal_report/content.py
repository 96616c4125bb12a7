"""What the report says, in order, before anybody has decided how it looks: the same for HTML and PDF.

Everything that a stranger wrote passes through `visible` here, once; the renderers only escape.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal

from gateway.catalogue import Catalogue
from gateway.seal_report.picture import NotRendered, Rendered, render
from gateway.seal_report.seals import SealPicture
from gateway.seal_report.words import word
from gateway.shown import Language, visible
from schemas.canonical import NotCanonical, canonical
from schemas.verification import Check, Outcome, Report, SealReport, Severity, worst
from signing.errors import Unreadable
from signing.seal import rfc3339

Tone = Literal["good", "bad", "open", "notice", "plain"]
_BEIJING = timezone(timedelta(hours=8))
_TONES: dict[str, Tone] = {
    "passed": "good",
    "failed": "bad",
    "indeterminate": "open",
    "unsupported": "open",
    "trusted": "good",
    "untrusted": "bad",
    "whole": "good",
    "signed-again": "good",
    "partial": "open",
    "unsafe": "bad",
}
_LONGEST_TEXT, _LONGEST_FACT, _MOST_FACTS = 300, 160, 12


@dataclass(frozen=True, slots=True)
class Line:
    """A label and its value; `code` for digests and numbers, `tone` where the value is an answer."""

    label: str
    value: str
    code: bool = False
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class CheckText:
    """One check in words: its answer, its rule, what it means in both languages, why it may ask, and the cure."""

    answer: str
    tone: Tone
    rule: str
    said: str
    also: str
    basis: str | None
    cure: str | None
    also_cure: str | None
    facts: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with lines, perhaps a picture (or why there is none), and checks; on paper also a code to scan."""

    heading: str
    lines: tuple[Line, ...] = ()
    picture: Rendered | None = None
    picture_text: str | None = None
    checks: tuple[CheckText, ...] = ()
    tone: Tone = "plain"
    scan: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The whole report: the verdict first."""

    language: Language
    title: str
    verdict: str
    tone: Tone
    sentences: tuple[str, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    foot: str


def describe(
    file_name: str,
    report: Report,
    pictures: Sequence[SealPicture | None],
    *,
    catalogue: Catalogue,
    language: Language,
    detached: bytes | None = None,
) -> Content:
    """The report on a document that could be judged; `pictures` one for each of its seals."""
    say = _Words(language, catalogue)
    assert report.document is not None, "a verdict on a document says which"
    identity = report.document
    sentences = [word(f"{report.outcome.value}.text", language)]
    leading = _leading(report.all_checks(), report.reason)
    if leading is not None:
        sentences += [say.meaning(leading), say.other_meaning(leading)]
    sections = [
        _document(file_name, identity.media_type, identity.size, identity.sha256, identity.sm3, language),
        _basis(report, catalogue, detached, language),
    ]
    if not report.seals:
        sections.append(Section(word("seals", language), (Line("", word("no-seals", language)),)))
    for number, (seal, picture) in enumerate(zip(report.seals, pictures, strict=True), 1):
        sections.append(_seal(number, seal, picture, say))
    sections.append(Section(word("document-checks", language), checks=say.checks(report.checks)))
    return Content(
        language=language,
        title=word("title", language),
        verdict=word(report.outcome.value, language),
        tone=_TONES[report.outcome.value],
        sentences=tuple(sentences),
        sections=tuple(sections),
        notes=tuple(word(f"note.{name}", language) for name in ("moment", "scope", "text")),
        foot=f"SHA-256 {identity.sha256[:16]}… · {rfc3339(report.at)}",
    )


def describe_unreadable(
    file_name: str,
    document: bytes,
    sm3: str,
    error: Unreadable,
    at: datetime,
    trust_digest: str,
    *,
    catalogue: Catalogue,
    language: Language,
) -> Content:
    """The report on a file in which there was nothing to judge."""
    say = _Words(language, catalogue)
    sha256 = hashlib.sha256(document).hexdigest()
    refusal = Check(rule=error.rule, outcome=Outcome.FAILED, reason="unreadable", facts={"detail": error.detail})
    basis = (
        Line(word("at", language), _moment(at, language)),
        Line(word("trust", language), trust_digest, code=True),
        Line(word("catalogue", language), catalogue.digest, code=True),
    )
    return Content(
        language=language,
        title=word("title", language),
        verdict=word("unreadable", language),
        tone="bad",
        sentences=(word("unreadable.text", language), visible(error.detail, _LONGEST_TEXT)),
        sections=(
            _document(file_name, "—", len(document), sha256, sm3, language),
            Section(word("basis", language), basis),
            Section(word("document-checks", language), checks=say.checks((refusal,))),
        ),
        notes=tuple(word(f"note.{name}", language) for name in ("moment", "scope", "text")),
        foot=f"SHA-256 {sha256[:16]}… · {rfc3339(at)}",
    )


def checks_in_words(checks: Iterable[Check], catalogue: Catalogue, language: Language) -> tuple[CheckText, ...]:
    """Checks in the catalogue's words, the gravest first."""
    return _Words(language, catalogue).checks(checks)


def _document(name: str, media_type: str, size: int, sha256: str, sm3: str, language: Language) -> Section:
    return Section(
        word("document", language),
        (
            Line(word("file", language), visible(name, _LONGEST_TEXT)),
            Line(word("media_type", language), visible(media_type)),
            Line(word("size", language), f"{size:,} {word('bytes', language)}"),
            Line(word("sha256", language), sha256, code=True),
            Line(word("sm3", language), sm3, code=True),
        ),
    )


def _basis(report: Report, catalogue: Catalogue, detached: bytes | None, language: Language) -> Section:
    """On what the verdict rests; the digest of the report's data ties this document to the machine's answer."""
    lines = [
        Line(word("at", language), _moment(report.at, language)),
        *(
            Line(word(name, language), value, code=name == "trust")
            for name, value in report.basis.items()
            if name in ("trust", "existed_at")
        ),
        Line(word("catalogue", language), catalogue.digest, code=True),
    ]
    # A fact may be a number without a canonical form; the digests above identify the verdict all the same.
    with suppress(NotCanonical):
        digest = hashlib.sha256(canonical(report)).hexdigest()
        lines.append(Line(word("report", language), f"sha256:{digest}", code=True))
    if detached is not None:
        digest = hashlib.sha256(detached).hexdigest()
        lines.append(Line(word("detached", language), f"sha256:{digest}", code=True))
    return Section(word("basis", language), tuple(lines))


def _is_signed_again(seal: SealReport) -> bool:
    """Whether all that this signature does not cover is under a later one of the same holder."""
    return any(check.outcome is Outcome.PASSED and check.facts.get("signed_again") is True for check in seal.checks)


def _seal(number: int, seal: SealReport, picture: SealPicture | None, say: "_Words") -> Section:
    language = say.language
    outcome = worst(seal.checks)
    covered = "signed-again" if _is_signed_again(seal) else seal.coverage
    lines = [
        Line(word("integrity", language), word(f"integrity.{seal.integrity}", language), tone=_TONES[seal.integrity]),
        Line(word("trusted", language), word(f"trust.{seal.trust}", language), tone=_TONES[seal.trust]),
        Line(word("coverage", language), word(f"coverage.{covered}", language), tone=_TONES[covered]),
    ]
    if seal.signer is None:
        lines.append(Line(word("signer", language), word("unknown-signer", language)))
    else:
        who = seal.signer
        lines += [
            Line(word("signer", language), visible(who.subject, _LONGEST_TEXT)),
            Line(word("credit_code", language), who.credit_code or "—", code=who.credit_code is not None),
            Line(word("issuer", language), visible(who.issuer, _LONGEST_TEXT)),
            Line(word("serial", language), visible(who.serial, 80), code=True),
            Line(word("certificate_sha256", language), who.certificate_sha256 or "—", code=True),
        ]
    if seal.seal is None:
        lines.append(Line(word("seal", language), word("no-electronic-seal", language)))
    else:
        lines += [
            Line(word("seal.name", language), visible(seal.seal.name, _LONGEST_TEXT)),
            Line(word("seal.id", language), visible(seal.seal.id, _LONGEST_TEXT)),
            Line(word("seal.maker", language), visible(seal.seal.maker, _LONGEST_TEXT)),
            Line(word("seal.validity", language), _validity(seal, language)),
        ]
    when = _moment(seal.signed_at, language) + "，" if seal.signed_at else ""
    lines += [
        Line(word("signed_at", language), when + word(f"proof.{seal.time_proof}", language)),
        Line(
            word("format", language), f"{seal.container.upper()} · {visible(seal.format)} · {visible(seal.algorithm)}"
        ),
    ]
    if seal.flags:
        lines.append(Line(word("flags", language), visible(", ".join(seal.flags), _LONGEST_TEXT), code=True))
    drawn, told = (None, None) if seal.seal is None else _drawn(picture, outcome, language)
    name = visible(seal.seal.name if seal.seal else seal.signer.subject if seal.signer else seal.id, 60)
    return Section(
        # The answer stands before anything that a stranger may call himself.
        f"{word('seal', language)} {number} · {word(outcome.value, language)} · [{visible(seal.id, 40)}] {name}",
        tuple(lines),
        picture=drawn,
        picture_text=told,
        checks=say.checks(seal.checks),
        tone=_TONES[outcome.value],
    )


def _drawn(picture: SealPicture | None, outcome: Outcome, language: Language) -> tuple[Rendered | None, str]:
    if picture is None:
        return None, word("picture.none", language)
    size = f"{picture.width} × {picture.height} mm"
    declared = f"（{word('picture.declared', language)} {visible(picture.kind, 20)}，{size}）"
    try:
        drawn = render(picture.content, crossed_out=outcome is not Outcome.PASSED)
    except NotRendered as error:
        return None, word(f"picture.{error.reason}", language) + declared
    return drawn, word("picture.shown" if outcome is Outcome.PASSED else "picture.crossed", language) + declared


def _validity(seal: SealReport, language: Language) -> str:
    assert seal.seal is not None
    start, end = seal.seal.valid_from, seal.seal.valid_to
    return f"{_moment(start, language) if start else '—'} – {_moment(end, language) if end else '—'}"


def _moment(moment: datetime, language: Language) -> str:
    """In UTC, and as people in China write it."""
    local = moment.astimezone(_BEIJING)
    return f"{rfc3339(moment)}（{word('beijing', language)} {local:%Y-%m-%d %H:%M:%S}）"


def _leading(checks: Iterable[Check], reason: str | None) -> Check | None:
    """The check that the report's reason is that of."""
    for outcome in (Outcome.FAILED, Outcome.INDETERMINATE):
        for check in checks:
            if check.outcome is outcome and check.severity is Severity.ERROR and reason in (None, check.reason):
                return check
    return None


class _Words:
    """Checks in words."""

    def __init__(self, language: Language, catalogue: Catalogue) -> None:
        self.language = language
        self._other: Language = "en" if language == "zh" else "zh"
        self._catalogue = catalogue

    def meaning(self, check: Check) -> str:
        return visible(self._catalogue.explain(check, self.language), _LONGEST_TEXT)

    def other_meaning(self, check: Check) -> str:
        return visible(self._catalogue.explain(check, self._other), _LONGEST_TEXT)

    def checks(self, checks: Iterable[Check]) -> tuple[CheckText, ...]:
        """What did not pass first, then notices, then the rest; each group in the order in which it was made."""
        return tuple(self._check(check) for check in sorted(checks, key=_gravity))

    def _check(self, check: Check) -> CheckText:
        rule = self._catalogue.rules.get(check.rule)
        notice = check.severity is Severity.NOTICE and check.outcome is not Outcome.PASSED
        cure = rule.cure if rule is not None and check.outcome is not Outcome.PASSED else None
        texts = None if cure is None else (cure.zh, cure.en) if self.language == "zh" else (cure.en, cure.zh)
        answer = word("check.notice" if notice else f"check.{check.outcome.value}", self.language)
        return CheckText(
            answer=answer,
            tone="notice" if notice else _TONES[check.outcome.value],
            rule=check.rule + (f" ({self._role(check.field)})" if check.field else ""),
            said=self.meaning(check),
            also=self.other_meaning(check),
            basis=check.legal_basis or (rule.basis if rule is not None else None),
            cure=texts[0] if texts else None,
            also_cure=texts[1] if texts else None,
            facts=self._facts(check),
        )

    def _role(self, field: str) -> str:
        return word(f"{field}.role", self.language) if field in ("signer", "maker") else visible(field, 60)

    def _facts(self, check: Check) -> str:
        given = [(name, value) for name, value in check.facts.items() if value not in (None, "", [], {})]
        shown = [f"{visible(name, 40)} = {visible(_text(value), _LONGEST_FACT)}" for name, value in given[:_MOST_FACTS]]
        if len(given) > _MOST_FACTS:
            shown.append(f"… {len(given) - _MOST_FACTS} {word('more', self.language)}")
        if check.reason is not None and check.outcome is not Outcome.PASSED:
            shown.insert(0, check.reason)
        return " · ".join(shown)


def _gravity(check: Check) -> int:
    if check.outcome is Outcome.PASSED:
        return 3
    if check.severity is Severity.NOTICE:
        return 2
    return 0 if check.outcome is Outcome.FAILED else 1


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
