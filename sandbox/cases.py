"""What a gateway must get right: honest premiums, and the ways to cheat, each as the steps that its insurer takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sandbox.insurers import Insurer
from sandbox.records import PolicyFacts, Record
from schemas.money import Yuan

if TYPE_CHECKING:
    from sandbox.world import World

Expected = Literal["verified", "held", "refused", "withdrawn"]

# The rule that must be among those that do not pass: a case that ends right for the wrong reason is wrong.
_FAILING = {
    "content-changed": "signature.reference-digests",
    "content-changed-pdf": "signature.data-hash",
    "others-seal": "evidence.sealed-by-insurer",
    "seal-transplant": "seal.signer-listed",
    "self-made-certificate": "certificate.chain",
    "unsigned-document": "document.signed",
    "expired-certificate": "signature.signer-period",
    "revoked-certificate": "certificate.revocation",
    "unfiled-clause": "filing.registered",
    "stopped-clause": "filing.in-use-on-issue",
    "one-fen-short": "premium.paid-in-full",
    "receipt-not-yet": "premium.paid-in-full",
    "refunded-afterwards": "premium.paid-in-full",
    "premium-differs": "evidence.agrees",
    "replayed-request": "request.not-replayed",
    "unknown-field": "field.unaccounted",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an insurer sends.

    `document`: the bytes of a sealed document. `submission`: one message, signed with the insurer's request key.
    `raw`: the signed request of the step number `replays` of the same case (from 0) once more, to the byte, headers and
    nonce included. `answer` is what the gateway must say to this step, where it does not follow from the case.
    """

    kind: Literal["document", "submission", "raw"]
    insurer: str
    content: bytes
    content_type: str
    message_id: str = ""
    document_kind: str = ""
    replays: int | None = None
    answer: Literal["refused"] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A story with its right end. `about` says whose status is `expected`: the premium's, or the last request's.

    `failing` are rules that must be among those that do not pass, empty for an honest case.
    """

    name: str
    title_zh: str
    title_en: str
    insurer: str
    policy_no: str
    expected: Expected
    steps: tuple[Step, ...]
    about: Literal["premium", "request"] = "premium"
    failing: tuple[str, ...] = ()


def all_cases(world: "World") -> list[Case]:
    """Every case, in the order in which a demonstration tells them; each has a policy of its own."""
    return [build(_Story(world, number)) for number, build in enumerate(_CASES, 1)]


class _Story:
    """The steps of one case as they are written down."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.number = number
        self.steps: list[Step] = []
        self.facts: PolicyFacts | None = None
        self._messages = 0

    def insurer(self, letter: str) -> Insurer:
        return self.world.insurer(f"SANDBOX-{letter}")

    def policy(self, insurer: Insurer, **overrides: Any) -> PolicyFacts:
        self.facts = self.world.policy(insurer, self.number, **overrides)
        return self.facts

    def document(self, insurer: Insurer, record: Record, kind: str, content: bytes) -> Any:
        """Upload a document; the record that goes with it, naming it."""
        step = Step("document", insurer.code, content, insurer.media_type, document_kind=kind)
        self.steps.append(step)
        return self.world.attach(record, kind, content, insurer.media_type)

    def send(self, insurer: Insurer, *sent: Record) -> None:
        self._messages += 1
        message_id = f"{insurer.prefix}-{self.number:03d}-{self._messages}"
        content_type, content = self.world.render_message(insurer, sent, message_id)
        self.steps.append(Step("submission", insurer.code, content, content_type, message_id))

    def pay(self, insurer: Insurer, facts: Record, receipts: list[Record]) -> None:
        """Statements and messages for a policy and its receipts, in the shape that the insurer's dialect can say."""
        stated = [
            self.document(insurer, one, "statement", self.world.premium_statement(insurer, one)) for one in receipts
        ]
        if insurer.dialect == "DIA-CSV-LIST":
            self.send(insurer, facts, *stated)
            return
        self.send(insurer, facts)
        for one in stated:
            self.send(insurer, one)

    def tell(self, insurer: Insurer, facts: PolicyFacts, **how: Any) -> None:
        """The usual course: the e-policy made `how`, the policy, the whole premium."""
        named = self.document(insurer, facts, "policy", self.world.e_policy(insurer, facts, **how))
        self.pay(insurer, named, [self.world.receipt(facts)])

    def end(
        self,
        name: str,
        title_zh: str,
        title_en: str,
        expected: Expected,
        about: Literal["premium", "request"] = "premium",
    ) -> Case:
        assert self.facts is not None
        failing = (_FAILING[name],) if name in _FAILING else ()
        return Case(
            name,
            title_zh,
            title_en,
            self.facts.insurer,
            self.facts.policy_no,
            expected,
            tuple(self.steps),
            about,
            failing,
        )


def _honest(letter: str, name: str, title_zh: str, title_en: str) -> Callable[[_Story], Case]:
    def build(story: _Story) -> Case:
        insurer = story.insurer(letter)
        story.tell(insurer, story.policy(insurer))
        return story.end(name, title_zh, title_en, "verified")

    return build


def _two_instalments(story: _Story) -> Case:
    insurer = story.insurer("C")
    facts = story.policy(insurer, instalments=2)
    named = story.document(insurer, facts, "policy", story.world.e_policy(insurer, facts))
    first, second = facts.body["instalments"]
    story.pay(
        insurer,
        named,
        [
            story.world.receipt(facts, amount=first["amount"], instalment_no=1, in_full=False),
            story.world.receipt(facts, amount=second["amount"], instalment_no=2),
        ],
    )
    return story.end("two-instalments", "两期缴清", "Paid in two instalments", "verified")


def _co_insured(story: _Story) -> Case:
    insurer = story.insurer("A")
    shares = [
        {"insurer": insurer.code, "share_percent": "60", "lead": True},
        {"insurer": story.insurer("B").code, "share_percent": "40", "lead": False},
    ]
    story.tell(insurer, story.policy(insurer, coinsurance=shares))
    return story.end("co-insured", "共保，主承保人报送", "Co-insured, told by the leader", "verified")


def _content_changed(letter: str, name: str) -> Callable[[_Story], Case]:
    def build(story: _Story) -> Case:
        """The record agrees with the changed page: only the seal tells."""
        insurer = story.insurer(letter)
        facts = story.policy(insurer, aggregate="45000000", rate="1.6")
        sealed = story.world.policy(insurer, story.number, aggregate="25000000", rate="1.6")
        document = story.world.e_policy(insurer, sealed, facts_shown=facts, tamper="content-changed")
        story.pay(insurer, story.document(insurer, facts, "policy", document), [story.world.receipt(facts)])
        return story.end(name, "盖章后改动保费", "Premium changed after sealing", "refused")

    return build


def _others_seal(story: _Story) -> Case:
    insurer = story.insurer("C")
    story.tell(insurer, story.policy(insurer), signer=story.insurer("A"))
    return story.end("others-seal", "盖了另一家公司的真印章", "Genuine seal of another insurer", "refused")


def _transplant(story: _Story) -> Case:
    insurer = story.insurer("A")
    story.tell(insurer, story.policy(insurer), tamper="seal-transplant")
    return story.end("seal-transplant", "真印章配他人密钥", "Genuine seal under a stranger's key", "refused")


def _self_made(story: _Story) -> Case:
    insurer = story.insurer("D")
    story.tell(insurer, story.policy(insurer), tamper="seal-transplant")
    # An unknown issuer is unknown, not wrong (ETSI EN 319 102-1): held until an authority decides, never verified.
    title_en = "The insurer's name in a self-made certificate"
    return story.end("self-made-certificate", "自制证书冒名（签发者不明）", title_en, "held")


def _unsigned(story: _Story) -> Case:
    insurer = story.insurer("B")
    story.tell(insurer, story.policy(insurer), tamper="unsigned")
    return story.end("unsigned-document", "保单只有印章图片", "Only the picture of a seal", "refused")


def _expired(story: _Story) -> Case:
    insurer = story.insurer("C")
    story.tell(insurer, story.policy(insurer), certificate="expired")
    return story.end("expired-certificate", "签章证书已过期", "Seal certificate expired before sealing", "refused")


def _revoked(story: _Story) -> Case:
    insurer = story.insurer("D")
    story.tell(insurer, story.policy(insurer), certificate="revoked")
    return story.end("revoked-certificate", "签名证书已吊销", "Certificate revoked before signing", "refused")


def _unfiled(story: _Story) -> Case:
    insurer = story.insurer("B")
    story.tell(insurer, story.policy(insurer, clauses=[story.world.clause(insurer, "unfiled")]))
    return story.end("unfiled-clause", "条款未备案", "Clause was never filed", "refused")


def _stopped(story: _Story) -> Case:
    insurer = story.insurer("A")
    story.tell(insurer, story.policy(insurer, clauses=[story.world.clause(insurer, "stopped")]))
    return story.end("stopped-clause", "签单时条款已停用", "Clause stopped before signing", "refused")


def _one_fen_short(story: _Story) -> Case:
    insurer = story.insurer("C")
    facts = story.policy(insurer)
    named = story.document(insurer, facts, "policy", story.world.e_policy(insurer, facts))
    short = str(Yuan.of(facts.gross) - Yuan(1))
    story.pay(insurer, named, [story.world.receipt(facts, amount=short)])
    return story.end("one-fen-short", "少缴一分却称已缴清", "One fen short, yet said to be paid in full", "refused")


def _not_yet_paid(story: _Story) -> Case:
    insurer = story.insurer("B")
    facts = story.policy(insurer)
    story.pay(insurer, story.document(insurer, facts, "policy", story.world.e_policy(insurer, facts)), [])
    return story.end("receipt-not-yet", "保费尚未到账", "Premium has not arrived yet", "held")


def _refunded(story: _Story) -> Case:
    insurer = story.insurer("D")
    facts = story.policy(insurer)
    story.tell(insurer, facts)
    story.send(insurer, story.world.cancellation(facts))
    story.send(insurer, story.world.refund(facts))
    return story.end("refunded-afterwards", "核验后退保退费", "Cancelled and refunded afterwards", "withdrawn")


def _premium_differs(story: _Story) -> Case:
    insurer = story.insurer("B")
    facts = story.policy(insurer)
    shown = story.world.policy(insurer, story.number, rate="0.6")
    story.tell(insurer, facts, facts_shown=shown)
    return story.end("premium-differs", "保单所载保费与报送不符", "Sealed policy states another premium", "refused")


def _replayed(story: _Story) -> Case:
    insurer = story.insurer("D")
    story.tell(insurer, story.policy(insurer))
    place = len(story.steps) - 1
    last = story.steps[place]
    story.steps.append(
        Step(
            "raw",
            last.insurer,
            last.content,
            last.content_type,
            last.message_id,
            replays=place,
            answer="refused",
        )
    )
    return story.end("replayed-request", "重放已签名的请求", "A signed request sent again", "refused", "request")


def _unknown_field(story: _Story) -> Case:
    insurer = story.insurer("A")
    facts = story.policy(insurer)
    story.document(insurer, facts, "policy", story.world.e_policy(insurer, facts))
    story.send(insurer, facts)
    last = story.steps.pop()
    changed = last.content.replace(b"</BASE_PART>", b"<N_REBATE>80000.00</N_REBATE></BASE_PART>")
    story.steps.append(Step("submission", insurer.code, changed, last.content_type, last.message_id, answer="refused"))
    return story.end(
        "unknown-field", "报文多出未知字段（返还金额）", "An unknown field: a rebate", "refused", "request"
    )


def _builders() -> Iterator[Callable[[_Story], Case]]:
    yield _honest("A", "honest-xml-ofd", "诚实：渠道XML＋OFD电子保单", "Honest: channel XML and OFD with attachment")
    yield _honest("B", "honest-csv-pdf", "诚实：保单清单CSV＋PDF电子保单", "Honest: policy list and PDF (RSA)")
    yield _honest("C", "honest-json-ofd", "诚实：标准JSON＋OFD电子保单", "Honest: standard JSON and OFD")
    yield _honest("D", "honest-json-pdf", "诚实：标准JSON＋PDF电子保单", "Honest: standard JSON and PDF (ECDSA)")
    yield from (_two_instalments, _co_insured)
    yield _content_changed("A", "content-changed")
    yield _content_changed("D", "content-changed-pdf")
    yield from (_others_seal, _transplant, _self_made, _unsigned, _expired, _revoked)
    yield from (_unfiled, _stopped, _one_fen_short, _not_yet_paid, _refunded, _premium_differs, _replayed)
    yield _unknown_field


_CASES = tuple(_builders())
COUNT = len(_CASES)
"""How many there are; case number n is about policy number n."""
