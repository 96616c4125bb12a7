"""What authorities said during the two years: registries handed over month by month, awards, decisions, directives."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.cases import COUNT
from sandbox.history import clauses
from sandbox.history.closings import SUSPENDED, SUSPENDED_INSURER
from sandbox.history.lives import Life
from sandbox.history.telling import Said, Word, envelope
from sandbox.randomness import drawing
from sandbox.records import yuan

if TYPE_CHECKING:
    from sandbox.history.plan import History

_BEIJING = timezone(timedelta(hours=8))
_EVERY = 35  # days between two statements of a registry; after 45 it would be stale
_SCHEME = "ZJ-NDI"
_SCHEME_FROM = date(2026, 1, 17)
_CAP = Decimal(500_000)
_ROUNDS = (228, 130, 45)  # days ago
_AWARDED = {"honest", "increase", "decrease", "amend", "co-insured", "late", "corrected", "document-later"}
_TURNED = {"red-flushed", "refunded-after-award", "ended-after-award", "revoked-seal"}
_OPEN = {"other-payer": 0.8, "backdated": 0.6, "returned-early": 0.5, "follower-tells": 0.4}
_FAR, _MARKED, _NOW = 0.55, 150, 60  # share of products awarded; days ago


def speak(history: "History") -> list[Word]:
    """Everything that authorities say, in no order."""
    found = [*_registries(history), *_awards(history), *_decisions(history), *_directives(history)]
    found += _inquiries(history)
    return [one for one in found if history.days.first <= one.day <= history.days.last]


# Registries


def _registries(history: "History") -> Iterator[Word]:
    """Every five weeks, and on the day after something changed, what every registry states; the last yesterday."""
    first, last = history.days.first, history.days.last
    days = {first + timedelta(days=place) for place in range(0, (last - first).days + 1, _EVERY)} | {last}
    changed = {history.world.today - timedelta(days=ago) for ago in _changes(history)}
    days |= {history.days.working(day) for day in changed if first < day < last}
    for day in sorted(days):
        as_of = day - timedelta(days=1)
        yield Word(day, "REGULATOR", "PUT", "/v1/filings", clauses.registry_file(history.filings, as_of))
        yield Word(day, "REGULATOR", "PUT", "/v1/filings", clauses.library_file(history.filings, as_of))
        for name, entries in archives(history, as_of).items():
            body = {"source": _SOURCES[name], "as_of": as_of.isoformat(), "entries": entries}
            whole = json.dumps(body, ensure_ascii=False).encode()
            yield Word(day, "OPERATOR", "PUT", f"/v1/registries/{name}", whole)


_SOURCES = {
    "varieties": "示例省药监局品种档案",
    "credit": "示例省信用中心",
    "sister-awards": "示例省兄弟方案核定清单",
    "hospital-list": "示例省推荐医疗机构使用目录",
}


def _changes(history: "History") -> set[int]:
    """How many days ago the registry of filings came to state something new."""
    days = {one["registered_on"] for one in history.filings}
    days |= {at["from"] for one in history.filings for at in one["intervals"]}
    return {_MARKED - 1} | {(history.world.today - date.fromisoformat(day)).days - 1 for day in days}


def archives(history: "History", as_of: date) -> dict[str, list[dict[str, Any]]]:
    """What the registries beside filings state as of a day: the same products, a few of them not as their policies have
    them; a company that was marked, an award elsewhere."""
    varieties = [*_own_products(history), *_varieties(history)]
    marked = history.enterprises[-1]
    since = history.world.today - timedelta(days=_MARKED)
    mark = {
        "credit_code": marked.credit_code,
        "name": marked.name,
        "kind": "serious_dishonesty",
        "since": since.isoformat(),
        "authority": "示例省市场监管局",
        "reference": "示市监信〔2026〕12号",
    }
    other = {
        "credit_code": "91330106999901014C",
        "name": "示例供应链管理有限公司",
        "kind": "quality_accident",
        "since": "2024-05-06",
        "authority": "示例省药监局",
        "reference": "示药监罚〔2024〕3号",
    }
    return {
        "varieties": varieties,
        "credit": [other, *([mark] if since <= as_of else [])],
        "sister-awards": _sister_awards(history, as_of),
        "hospital-list": [
            {
                "approval_no": one.approval_no,
                "generic_name": one.body["generic_name"],
                "list_name": "示例省创新药推荐目录",
                "since": "2024-01-01",
            }
            for one in history.products[::5]
        ],
    }


def _own_products(history: "History") -> list[dict[str, Any]]:
    """The products of the demonstration's own cases, which have to be found too."""
    found = {}
    for number in range(1, 1 + COUNT):
        product = history.world.policy(history.world.insurers[0], number).body["product"]
        found[product["approval_no"]] = _variety(product)
    return list(found.values())


def _varieties(history: "History") -> list[dict[str, Any]]:
    """Every product but one; of the last ones, one is suspended, one no new drug, of one nobody has said it yet."""
    found = [_variety(one.body) for one in history.products]
    *_, suspended, old, silent, _absent = found
    suspended["state"] = "suspended"
    old["is_new_drug"] = False
    del silent["is_new_drug"]
    return found[:-1]


def _variety(product: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "approval_no": product["approval_no"],
        "generic_name": product["generic_name"],
        "approval_date": product["approval_date"],
        "registration_class": product["registration_class"],
        "holder": product["holder"]["name"],
        "holder_code": product["holder"]["credit_code"],
        "manufacturer": product["manufacturer"]["name"],
        "is_new_drug": True,
    }


def _sister_awards(history: "History", as_of: date) -> list[dict[str, Any]]:
    """Awards of a national scheme for single policies, and of a county's, which stands in nobody's way."""
    sold = [one for one in history.lives if one.fate == "honest" and one.issued_on < as_of - timedelta(days=60)]
    found = []
    for number, life in enumerate(sold[7::211][:8]):
        level = ("provincial", "county")[number % 2]
        found.append(
            {
                "scheme": "GJ-XYBC",
                "reference": f"兄弟〔{life.issued_on.year}〕{number + 1}号",
                "level": level,
                "year": life.issued_on.year,
                "amount": "100000.00",
                "awarded_on": (life.issued_on + timedelta(days=50)).isoformat(),
                "insurer": life.insurer.code,
                "policy_no": life.facts.policy_no,
            }
        )
    return found


# Awards


def _awards(history: "History") -> Iterator[Word]:
    """In three rounds the subsidy office awards what was verified and in force, up to each product's yearly cap."""
    draw = drawing(f"awards/{history.world.seed}")
    products = {one.key for one in history.products if draw.random() < _FAR}
    left: dict[tuple[str, int], Decimal] = defaultdict(lambda: _CAP)
    done: set[str] = set()
    for ago in _ROUNDS:
        day = history.days.working(history.world.today - timedelta(days=ago))
        due: dict[tuple[str, int], list[Life]] = defaultdict(list)
        for life in history.lives:
            start = date.fromisoformat(life.facts.body["period"]["start"])
            known = life.paid_on is not None and life.paid_on < day - timedelta(days=15)
            wanted = life.fate in _TURNED or (life.fate in _AWARDED and life.product.key in products)
            if known and wanted and start >= _SCHEME_FROM and life.facts.policy_no not in done:
                due[life.product.key, start.year].append(life)
        for number, ((product, year), lives) in enumerate(sorted(due.items())):
            amount = min(left[product, year], sum((_worth(one) for one in lives), Decimal(0)))
            if amount <= 0:
                continue
            left[product, year] -= amount
            done |= {one.facts.policy_no for one in lives}
            body = {
                "scheme": _SCHEME,
                "level": "provincial",
                "product_key": product,
                "policy_nos": sorted(one.facts.policy_no for one in lives),
                "year": year,
                "amount": yuan(amount),
                "awarded_on": day.isoformat(),
            }
            yield _message("SUBSIDY", "award", f"AWARD-{day:%Y%m%d}-{number:04d}", day, body)


def _worth(life: Life) -> Decimal:
    """Half the premium, as far as it is below two percent of what is insured."""
    base = Decimal(life.facts.body["limits"]["aggregate"]) * 2 / 100
    return (min(Decimal(life.facts.gross), base) / 2).quantize(Decimal("0.01"))


# Decisions and directives


def _decisions(history: "History") -> Iterator[Word]:
    """Most of what is held for an authority is decided in two to four weeks; the latest still waits."""
    for life in history.lives:
        draw = drawing(f"decision/{history.world.seed}/{life.number}")
        told = max((one.day for one in life.told if isinstance(one, Said)), default=None)
        chance = 0.5 if life.clauses_untold else _OPEN.get(life.fate, 0.0)
        if told is None or draw.random() >= chance:
            continue
        day = history.days.working(told + timedelta(days=draw.randrange(10, 28)))
        accepted = draw.random() < 0.82
        body = {
            "subject": f"premium:{life.insurer.code}/{life.facts.policy_no}",
            "outcome": "accepted" if accepted else "rejected",
            "reason": "经核实相关材料，情况属实" if accepted else "所附材料不足以证明",
            "decided_on": day.isoformat(),
            "authority": "示例省经信厅",
        }
        yield _message("REGULATOR", "decision", f"DECISION-{life.number}", day, body)


def _inquiries(history: "History") -> Iterator[Word]:
    """About some of what looks odd the insurer is asked; most answer in a week, and most answers do."""
    for life in history.lives:
        draw = drawing(f"inquiry/{history.world.seed}/{life.number}")
        told = max((one.day for one in life.told if isinstance(one, Said)), default=None)
        if life.fate not in _ASKED or told is None or draw.random() > _ASKED[life.fate]:
            continue
        who = "SUBSIDY" if life.fate == "short" else "REGULATOR"
        name = f"inquiry-{life.number}"
        subject = f"premium:{life.insurer.code}/{life.facts.policy_no}"
        asked = history.days.working(told + timedelta(days=draw.randrange(5, 16)))
        answered = history.days.working(asked + timedelta(days=draw.randrange(2, 9)))
        closed = history.days.working(answered + timedelta(days=draw.randrange(2, 9)))
        question = {"subject": subject, "question": _QUESTIONS.get(life.fate, "请说明该笔保费的收取情况，并补充材料。")}
        steps = [(asked, who, "/v1/inquiries", question)]
        if draw.random() < 0.85:
            reply = {"text": "经核实，情况属实；相关凭证已补充报送。"}
            steps.append((answered, life.insurer.code, "/v1/inquiries/{inquiry}/answer", reply))
            if draw.random() < 0.85:
                outcome = draw.choices(("satisfied", "not-satisfied"), (4, 1))[0]
                closing = {"outcome": outcome, "reason": "已核对" if outcome == "satisfied" else "答复未说明原因"}
                steps.append((closed, who, "/v1/inquiries/{inquiry}/close", closing))
        for day, sender, path, body in steps:
            yield Word(day, sender, "POST", path, json.dumps(body, ensure_ascii=False).encode(), inquiry=name)


_ASKED = {
    "other-payer": 0.6,
    "backdated": 0.6,
    "returned-early": 0.7,
    "kept-receipt": 0.5,
    "short": 0.5,
    "unpaid": 0.5,
    "changed-policy": 0.7,
}
_QUESTIONS = {
    "other-payer": "缴费人与投保人不一致，请说明双方关系并提供代缴说明。",
    "backdated": "签单日期晚于保险起期，请说明原因。",
    "returned-early": "起保后短期内退还大部分保费，请说明原因。",
    "changed-policy": "同一保单号先后报送内容不一致，且无批单，请说明。",
}


def _directives(history: "History") -> Iterator[Word]:
    """A clause is suspended when its stop is ordered; a record type of one insurer for a month; another clause now."""
    ordered = next(one for one in history.filings if any(at["state"] == "ordered_stop" for at in one["intervals"]))
    withdrawn = next(one for one in history.filings if any(at["state"] == "withdrawn" for at in one["intervals"]))
    claims = f"insurer:{SUSPENDED_INSURER}/type:claim_summary"
    suspended, resumed = SUSPENDED
    for number, (ago, action, subject, reason) in enumerate(
        (
            (clauses.ORDERED_STOP, "suspend", f"clause:{ordered['registration_no']}", "条款约定显失公平，责令停止使用"),
            (suspended, "suspend", claims, "赔付统计口径不一致，整改后恢复"),
            (resumed, "resume", claims, "整改完成"),
            (_NOW, "suspend", f"clause:{withdrawn['registration_no']}", "条款已撤回，停止报送"),
        )
    ):
        day = history.days.working(history.world.today - timedelta(days=ago))
        body = {
            "subject": subject,
            "action": action,
            "effective_from": _at(day, 8).isoformat(timespec="seconds"),
            "reason": reason,
            "authority": "示例省金融监管局",
        }
        yield _message("REGULATOR", "directive", f"DIRECTIVE-{number}", day, body)


def _message(who: str, kind: str, message_id: str, day: date, body: Mapping[str, Any]) -> Word:
    content = json.dumps(envelope(kind, message_id, _at(day, 9), body), ensure_ascii=False).encode()
    return Word(day, who, "POST", f"/v1/{kind}s", content)


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), _BEIJING)
