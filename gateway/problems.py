"""RFC 9457 problem documents: one shape for every refusal, and the one table where errors meet HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway.blobs.evidence import Erased
from gateway.blobs.objects import Damaged, NoBytes
from gateway.catalogue import Catalogue
from gateway.entries import problem_entry
from schemas.verification import Check, Outcome, Severity, failed, unknown

Language = Literal["zh", "en"]


class Problem(Exception):
    """A refusal, as RFC 9457 section 3 describes it. Slugs stand in docs/problems.md."""

    slug = "refused"
    status = 400
    title: Mapping[Language, str] = {"zh": "请求被拒绝", "en": "The request is refused"}

    def __init__(
        self,
        detail: str = "",
        *,
        detail_zh: str = "",
        checks: Sequence[Check] = (),
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail or self.title["en"])
        self.detail = {"en": detail or self.title["en"], "zh": detail_zh or detail or self.title["zh"]}
        self.checks = tuple(checks)
        self.headers = dict(headers or {})
        self.extensions = extensions


class NotAuthenticated(Problem):
    """The request is not signed as RFC 9421 and the contract demand, or by a key that is not registered."""

    slug, status = "not-authenticated", 401
    title = {"zh": "请求签名未通过验证", "en": "The request's signature does not verify"}


class Forbidden(Problem):
    """The caller is known, but its role or its scope does not reach this."""

    slug, status = "forbidden", 403
    title = {"zh": "无权访问", "en": "This is not yours to read or write"}


class NotFound(Problem):
    """There is no such thing, or none that the caller may know of."""

    slug, status = "not-found", 404
    title = {"zh": "未找到", "en": "There is no such thing"}


class Conflict(Problem):
    """The same message id with other content, or a nonce that was used before."""

    slug, status = "conflict", 409
    title = {"zh": "与已受理的内容冲突", "en": "This contradicts what was received before"}


class Gone(Problem):
    """It was here and was erased by order: digest, verdicts and proof stay."""

    slug, status = "gone", 410
    title = {"zh": "已依令删除", "en": "Erased by order"}


class TooLarge(Problem):
    """The body is larger than the gateway takes."""

    slug, status = "too-large", 413
    title = {"zh": "内容过大", "en": "The body is too large"}


class Refused(Problem):
    """What was sent was read, or could not be, and is refused with every reason; the raw bytes are kept."""

    slug, status = "refused", 422
    title = {"zh": "提交内容被拒绝", "en": "What was sent is refused"}


class BadRequest(Problem):
    """A parameter or header is not what the contract says."""

    slug, status = "bad-request", 400
    title = {"zh": "请求参数有误", "en": "A parameter or header is wrong"}


class TooOften(Problem):
    """Too many tries: Retry-After says when the next one is taken."""

    slug, status = "too-often", 429
    title = {"zh": "请求过于频繁", "en": "Too many tries; wait a little"}


class Unavailable(Problem):
    """The gateway cannot do this now; the same request may be sent again."""

    slug, status = "unavailable", 503
    title = {"zh": "暂时不可用", "en": "Not available now; try again"}


PROBLEMS: tuple[type[Problem], ...] = (
    BadRequest,
    NotAuthenticated,
    Forbidden,
    NotFound,
    Conflict,
    Gone,
    TooLarge,
    Refused,
    TooOften,
    Unavailable,
)


def file_refused(checks: Sequence[Check]) -> Refused:
    """Why a file is refused whole: everything that is wrong with it."""
    return Refused(
        "the file is refused, nothing of it was taken", detail_zh="文件被整体拒绝，未采用任何内容", checks=checks
    )


def superseded(error: Exception) -> Conflict:
    """Something later is known: what was sent would undo it."""
    return Conflict(str(error), detail_zh="已有更晚的登记数据，较早的不能取代它")


def without_bytes(error: NoBytes) -> Problem:
    """Why the bytes of a document are not to be had: erased, damaged, or the store is down for now."""
    if isinstance(error, Erased):
        check = failed("evidence.erased", "by-order", document=error.digest)
        return Gone("the document was erased by order", detail_zh="该文件已依令删除", checks=[check])
    if isinstance(error, Damaged):
        zh = "所存文件缺失或已改变，不据此作任何结论，请联系网关运营方"
        check = failed("evidence.store", error.reason, document=error.digest)
        return Unavailable("the stored document is lost or changed", detail_zh=zh, checks=[check])
    check = unknown("evidence.store", "unreachable")
    return Unavailable(
        "the evidence store cannot be reached",
        detail_zh="证据存储暂时不可用，请稍后重试",
        checks=[check],
        headers={"retry-after": "10"},
    )


def language_of(request: Request) -> Language:
    """The first of Chinese and English that Accept-Language names (RFC 9110 section 12.5.4); Chinese if neither."""
    best, best_weight = "zh", -1.0
    for part in request.headers.get("accept-language", "").split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        primary = tag.split("-")[0].lower()
        weight_text = parameter.strip().removeprefix("q=")
        weight = float(weight_text) if weight_text.replace(".", "", 1).isdecimal() and len(weight_text) < 8 else 1.0
        if primary in ("zh", "en") and weight > max(best_weight, 0.0):
            best, best_weight = primary, weight
    return "en" if best == "en" else "zh"


def render(problem: Problem, request: Request, catalogue: Catalogue) -> Response:
    """The problem document in the caller's language, `application/problem+json`."""
    language = language_of(request)
    body: dict[str, Any] = {
        "type": f"/v1/problems/{problem.slug}",
        "title": problem.title[language],
        "status": problem.status,
        "detail": problem.detail[language],
        "instance": request.url.path,
        "problems": [
            problem_entry(check, catalogue, language)
            for check in problem.checks
            if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
        ],
        **problem.extensions,
    }
    return Response(
        orjson.dumps(body),
        status_code=problem.status,
        media_type="application/problem+json",
        headers={"content-language": language, **problem.headers},
    )
