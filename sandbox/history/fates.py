"""How policies go: honestly, most of them; and each of the ways in which one does not, as often as it might."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from sandbox.history.lives import Fate, Life, after, live_honestly, part_of
from sandbox.history.telling import HandedIn, Said
from sandbox.records import yuan


@dataclass(frozen=True, slots=True)
class Course:
    """One way to go: how often in a thousand, signed between so many days ago (`None`: whenever), by which insurers
    (by letter; empty: any)."""

    go: Fate
    often: int
    signed: tuple[int, int] | None = None
    insurers: str = ""


def _late(life: Life) -> None:
    life.tell_policy(life.days.working(after(life, 20, 60)))
    life.pay_all()


def _corrected(life: Life) -> None:
    """The first message has a field that nobody knows; it is mended and sent again the next day."""
    told = life.tell_policy(spoil=True, alone=True)
    life.say(life.days.working(told + timedelta(days=1)), life.facts, life.e_policy())
    life.pay_all()


def _short(life: Life) -> None:
    life.tell_policy()
    life.pay(after(life, 1, 9), yuan(Decimal(life.facts.gross) - Decimal("0.01")))


def _instalment_missing(life: Life) -> None:
    life.in_parts(2)
    life.tell_policy()
    first = life.facts.body["instalments"][0]
    life.pay(date.fromisoformat(first["due_on"]), first["amount"], 1, instalment_no=1, in_full=False)


def _written_off(life: Life) -> None:
    _instalment_missing(life)
    second = life.facts.body["instalments"][1]["amount"]
    day = after(life, 100, 130)
    life.endorse("write_off", day, f"-{second}")
    if life.told and isinstance(last := life.told[-1], Said) and last.record.type == "endorsement":
        life.told[-1] = replace(last, plain=True)


def _other_payer(life: Life) -> None:
    life.tell_policy()
    payer = {"name": "示例供应链管理有限公司", "credit_code": "91330106999901014C"}
    life.paid_on = life.pay(after(life, 1, 9), life.facts.gross, payer=payer)


def _unpaid(life: Life) -> None:
    life.tell_policy()


def _no_document(life: Life) -> None:
    life.say(life.soon(life.issued_on), life.facts)
    life.pay_all()


def _document_later(life: Life) -> None:
    """The record comes first, its paper weeks later: held until then."""
    told = life.soon(life.issued_on)
    life.say(told, life.facts)
    later = life.days.working(told + timedelta(days=life.draw.randrange(4, 25)))
    if later <= life.days.last:
        life.told.append(HandedIn(later, life.insurer.code, life.e_policy()))
    life.pay_all()


def _content_changed(life: Life) -> None:
    start = life.issued_on + timedelta(days=5)
    life.make(aggregate="25000000", rate="1.6", start=start)
    sealed = life.facts
    life.make(aggregate="45000000", rate="1.6", start=start)
    paper = life.e_policy(sealed, facts_shown=life.facts, tamper="content-changed")
    life.tell_policy(paper=paper, alone=True)
    life.pay_all()


def _others_seal(life: Life) -> None:
    others = [one for one in life.world.insurers if one.document_format == life.insurer.document_format]
    signer = next(one for one in others if one.code != life.insurer.code)
    life.tell_policy(paper=life.e_policy(signer=signer), alone=True)
    life.pay_all()


def _unsigned(life: Life) -> None:
    life.tell_policy(paper=life.e_policy(tamper="unsigned"), alone=True)
    life.pay_all()


def _premium_differs(life: Life) -> None:
    shown = life.facts.with_({"limits": {"aggregate": part_of(life.facts.body["limits"]["aggregate"], 50)}})
    life.tell_policy(paper=life.e_policy(shown), alone=True)
    life.pay_all()


def _refused_policy(life: Life) -> None:
    """What its clauses, its day or its rate are, the plan has chosen: the record itself is refused."""
    life.tell_policy(alone=True)
    life.pay_all()


def _rate_above(life: Life) -> None:
    life.make(rate=life.draw.choice(("3.2", "3.5", "4")), aggregate="10000000")
    _refused_policy(life)


def _rate_below(life: Life) -> None:
    life.make(rate="0.3", aggregate="30000000")
    _refused_policy(life)


def _late_filed(life: Life) -> None:
    """Sold before its clause was registered, and told afterwards with the number."""
    life.tell_policy(life.days.working(after(life, 45, 55)), alone=True)
    life.pay_all()


def _backdated(life: Life) -> None:
    life.make(start=life.issued_on - timedelta(days=life.draw.randrange(5, 30)))
    life.tell_policy()
    life.pay_all()


def _changed_policy(life: Life) -> None:
    """The same number comes again with another limit, and no endorsement."""
    live_honestly(life)
    changed = life.facts.with_({"limits": {"aggregate": "60000000.00"}, "rate_base.amount": "60000000.00"})
    life.say(life.days.working(after(life, 20, 50)), changed, alone=True, plain=True)


def _increase(life: Life) -> None:
    live_honestly(life)
    gross, day = part_of(life.facts.gross, 10), after(life, 60, 200)
    life.endorse("increase", day, gross)
    life.pay(day + timedelta(days=3), gross, 8)
    if any(isinstance(one, Said) and one.record.type == "invoice" for one in life.told):
        life.bill(gross, 2)


def _decrease(life: Life) -> None:
    live_honestly(life)
    gross, day = part_of(life.facts.gross, 5), after(life, 100, 220)
    life.endorse("decrease", day, f"-{gross}")
    life.refund(day + timedelta(days=4), gross)


def _amend(life: Life) -> None:
    live_honestly(life)
    life.endorse("amend", after(life, 30, 200), None)
    last = life.told[-1]
    if isinstance(last, Said) and last.record.type == "endorsement":
        change = {"field": "insured", "before": "示例甲厂", "after": "示例乙厂"}
        life.told[-1] = replace(last, record=last.record.with_({"changes": [change]}), plain=True)


def _ends_mid_term(life: Life) -> None:
    live_honestly(life)
    gross, day = part_of(life.facts.gross, 40), after(life, 150, 260)
    life.cancel("mid_term", day, gross)
    life.refund(day + timedelta(days=6), gross)


def _never_in_force(life: Life) -> None:
    live_honestly(life)
    day = after(life, 20, 60)
    life.cancel("from_inception", day, life.facts.gross)
    life.refund(day + timedelta(days=5), life.facts.gross)


def _reinstated(life: Life) -> None:
    live_honestly(life)
    day = after(life, 20, 50)
    life.cancel("from_inception", day, "0.00")
    life.endorse("reinstate", day + timedelta(days=20), None)
    last = life.told[-1]
    if isinstance(last, Said) and last.record.type == "endorsement":
        life.told[-1] = replace(last, plain=True)


def _returned_early(life: Life) -> None:
    live_honestly(life)
    gross, day = part_of(life.facts.gross, 60), after(life, 40, 70)
    life.cancel("mid_term", day, gross)
    life.refund(day + timedelta(days=6), gross)


def _red_flushed(life: Life) -> None:
    life.tell_policy()
    life.pay_all()
    life.red_flush(life.bill(), after(life, 225, 290))


def _refunded_after_award(life: Life) -> None:
    life.tell_policy()
    life.pay_all()
    life.refund(after(life, 225, 290), part_of(life.facts.gross, 30))


def _ended_after_award(life: Life) -> None:
    life.tell_policy()
    life.pay_all()
    day = after(life, 225, 280)
    life.cancel("from_inception", day, life.facts.gross)
    life.refund(day + timedelta(days=3), life.facts.gross)


def _co_insured(life: Life) -> None:
    other = next(one for one in life.world.insurers if one.code not in (life.insurer.code, "SANDBOX-H"))
    shares = [
        {"insurer": life.insurer.code, "share_percent": "60", "lead": True},
        {"insurer": other.code, "share_percent": "40", "lead": False},
    ]
    life.make(coinsurance=shares)
    life.tell_policy()
    life.pay_all()


def _follower_tells(life: Life) -> None:
    """The follower reports the policy too: which clauses it may use is for an authority to say."""
    _co_insured(life)
    follower = life.world.insurer(life.facts.body["coinsurance"][1]["insurer"])
    record = replace(life.facts, insurer=follower.code)
    life.say(life.soon(life.issued_on, least=3), record, plain=True)


def _revoked_seal(life: Life) -> None:
    """Sealed under a certificate of which nobody knew yet that it was stolen."""
    life.tell_policy(paper=life.e_policy(certificate="revoked"))
    life.pay_all()


def _another_class(life: Life) -> None:
    """The class is upgraded: other policies of the product say another one, and so does the archive."""
    product = {
        **life.product.body,
        "registration_class": "化学药品1类",
        "class_group": "chemical",
        "class_codes": ["1"],
    }
    if life.product.body["registration_class"] == "化学药品1类":
        product |= {"registration_class": "化学药品2.1类", "class_codes": ["2.1"]}
    life.make(product=product)
    live_honestly_as_made(life)


def live_honestly_as_made(life: Life) -> None:
    """Told and paid at once, as the policy stands."""
    life.tell_policy()
    life.pay_all()


def _kept_back(life: Life) -> None:
    """Counted by its insurer, and never told: nobody but the day's totals knows of it."""
    live_honestly(life)
    life.kept = [one for one in life.told if isinstance(one, Said)]
    life.told = []


def _kept_receipt(life: Life) -> None:
    """The policy is told; that it was paid is told only to the day's totals, until somebody asks."""
    life.tell_policy()
    life.pay_all()
    paid = [one for one in life.told if isinstance(one, Said) and one.record.type == "premium_receipt"]
    life.told = [one for one in life.told if one not in paid]
    for one in paid:
        later = life.days.working(one.day + timedelta(days=life.draw.randrange(15, 40)))
        if later <= life.days.last:
            life.told.append(replace(one, day=later))
        else:
            life.kept.append(one)


COURSES: Mapping[str, Course] = {
    "late": Course(_late, 25),
    "corrected": Course(_corrected, 22),
    "short": Course(_short, 6),
    "instalment-missing": Course(_instalment_missing, 8),
    "written-off": Course(_written_off, 3, (680, 160)),
    "other-payer": Course(_other_payer, 12),
    "unpaid": Course(_unpaid, 5),
    "no-document": Course(_no_document, 5),
    "document-later": Course(_document_later, 15),
    "content-changed": Course(_content_changed, 3),
    "others-seal": Course(_others_seal, 2),
    "unsigned": Course(_unsigned, 4),
    "premium-differs": Course(_premium_differs, 4),
    "unfiled": Course(_refused_policy, 8),
    "stopped": Course(_refused_policy, 10, (118, 5), "ABDEG"),
    "ordered-stop": Course(_refused_policy, 4, (195, 20), "D"),
    "late-filed": Course(_late_filed, 5, (258, 232), "F"),
    "rate-above": Course(_rate_above, 8),
    "rate-below": Course(_rate_below, 3),
    "backdated": Course(_backdated, 5),
    "changed-policy": Course(_changed_policy, 4, (680, 60)),
    "increase": Course(_increase, 50, (690, 210)),
    "decrease": Course(_decrease, 20, (690, 230)),
    "amend": Course(_amend, 20, (690, 210)),
    "mid-term": Course(_ends_mid_term, 28, (690, 270)),
    "never-in-force": Course(_never_in_force, 8, (690, 70)),
    "reinstated": Course(_reinstated, 2, (690, 80)),
    "returned-early": Course(_returned_early, 5, (690, 85)),
    "red-flushed": Course(_red_flushed, 6, (300, 296), "ABCDEFG"),
    "refunded-after-award": Course(_refunded_after_award, 6, (300, 296), "ABCDEFG"),
    "ended-after-award": Course(_ended_after_award, 4, (300, 296), "ABCDEFG"),
    "co-insured": Course(_co_insured, 12, None, "BCDEFG"),
    "follower-tells": Course(_follower_tells, 4, None, "BCDEFG"),
    "revoked-seal": Course(_revoked_seal, 4, (88, 60), "G"),
    "another-class": Course(_another_class, 3),
    "kept-back": Course(_kept_back, 5),
    "kept-receipt": Course(_kept_receipt, 10),
}
"""The others, all but a few hundred in a thousand, are honest."""
