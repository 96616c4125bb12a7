"""Who buys insurance in the sandbox: enterprises in the counties of a province, and their products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sandbox.insurers import credit_code
from sandbox.randomness import drawing

# County-level code, and what a company there calls itself by.
_PLACES = (
    *(("330108", "杭州"), ("330106", "杭州"), ("330110", "余杭"), ("330114", "钱塘"), ("330111", "富阳")),
    *(("330212", "宁波"), ("330206", "北仑"), ("330302", "温州"), ("330402", "嘉兴"), ("330481", "海宁")),
    *(("330502", "湖州"), ("330521", "德清"), ("330602", "绍兴"), ("330604", "上虞"), ("330624", "新昌")),
    *(("330702", "金华"), ("330783", "东阳"), ("330802", "衢州"), ("330902", "舟山"), ("331002", "台州")),
    *(("331082", "临海"), ("331081", "温岭"), ("331023", "天台"), ("331102", "丽水"), ("330103", "杭州")),
    *(("330109", "萧山"), ("330411", "秀洲"), ("330681", "诸暨"), ("330723", "武义"), ("330281", "余姚")),
)
_GONE = {"330103": "330105"}  # a district that was abolished: the code in the credit code is older than the address
_TRADES = ("制药股份有限公司", "生物医药有限公司", "药业有限公司", "生物科技股份有限公司", "医药科技有限公司")
_WORDS = "安济康仁泽瑞华诚远达和信新元启明恒升"
_SYLLABLES = (
    "奥",
    "瑞",
    "泽",
    "安",
    "恩",
    "达",
    "依",
    "帕",
    "维",
    "鲁",
    "卡",
    "伏",
    "索",
    "米",
    "诺",
    "贝",
    "塞",
    "曲",
)
_KINDS: tuple[tuple[str, str, str, str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("替尼片", "H", "化学药品1类", "chemical", ("1",), "片剂", ("20mg", "40mg")),
    ("列净片", "H", "化学药品1类", "chemical", ("1",), "片剂", ("5mg", "10mg")),
    ("沙班胶囊", "H", "化学药品2.1类", "chemical", ("2.1",), "胶囊剂", ("50mg", "100mg")),
    ("缓释片", "H", "化学药品2.2类", "chemical", ("2.2",), "片剂", ("30mg", "60mg")),
    ("他韦注射液", "H", "化学药品2.4类", "chemical", ("2.4",), "注射剂", ("100mg", "200mg")),
    ("单抗注射液", "S", "治疗用生物制品1类", "therapeutic_biologic", ("1",), "注射剂", ("100mg/4ml", "400mg/16ml")),
    ("融合蛋白注射液", "S", "治疗用生物制品2.2类", "therapeutic_biologic", ("2.2",), "注射剂", ("25mg", "50mg")),
    ("重组疫苗", "S", "预防用生物制品1.1类", "preventive_biologic", ("1.1",), "注射剂", ("0.5ml",)),
    ("颗粒", "Z", "中药1.1类", "tcm", ("1.1",), "颗粒剂", ("每袋装5g", "每袋装10g")),
    ("胶囊", "Z", "中药1.2类", "tcm", ("1.2",), "胶囊剂", ("每粒装0.4g",)),
    ("口服液", "Z", "中药2.1类", "tcm", ("2.1",), "合剂", ("10ml",)),
)
_FIRST_NUMBER = 1000  # the demonstration's own products are numbered below


@dataclass(frozen=True, slots=True)
class Enterprise:
    """A holder of approvals 上市许可持有人: name, credit code, the county in which it is, how much it insures."""

    name: str
    credit_code: str
    region: str
    weight: int

    def party(self) -> dict[str, str]:
        """As a policyholder."""
        return {"name": self.name, "credit_code": self.credit_code, "region": self.region}


@dataclass(frozen=True, slots=True)
class Product:
    """A new drug, as its holder's policies state it."""

    holder: Enterprise
    body: Mapping[str, Any]

    @property
    def approval_no(self) -> str:
        """批准文号."""
        return str(self.body["approval_no"])

    @property
    def key(self) -> str:
        """How a scheme names it: name and holder."""
        return f"{self.body['generic_name']}|{self.holder.credit_code}"


def enterprises(seed: int) -> list[Enterprise]:
    """One in each place; some insure five times as much as others."""
    draw = drawing(f"enterprises/{seed}")
    found = []
    for number, (region, place) in enumerate(_PLACES):
        word = "".join(draw.sample(_WORDS, 2))
        code = credit_code(f"MA2DF{number:02d}{'ABCDEFGHJK'[number % 10]}", region=region)
        name = f"示例{place}{word}{_TRADES[number % len(_TRADES)]}"
        weight = draw.choice((1, 2, 2, 3, 5)) if number + 1 < len(_PLACES) else 1
        found.append(Enterprise(name, code, _GONE.get(region, region), weight))
    return found


def products(seed: int, holders: Sequence[Enterprise], today: date, count: int) -> list[Product]:
    """`count` products, each of one holder; approved between four years and twenty-six months before `today`."""
    draw = drawing(f"products/{seed}")
    found, names = [], set()
    weights = [one.weight for one in holders]
    for number in range(count):
        holder = holders[number] if number < len(holders) else draw.choices(holders, weights)[0]
        ending, letter, printed, group, codes, form, sizes = _KINDS[draw.randrange(len(_KINDS))]
        name = ""
        while not name or name in names:
            name = f"示例{''.join(draw.sample(_SYLLABLES, draw.choice((2, 2, 3))))}{ending}"
        names.add(name)
        approved = today - timedelta(days=draw.randrange(790, 1460))
        party = {"name": holder.name, "credit_code": holder.credit_code}
        body = {
            "kind": "drug",
            "generic_name": name,
            "approval_no": f"国药准字{letter}{approved.year}{_FIRST_NUMBER + number:04d}",
            "approval_date": approved.isoformat(),
            "registration_class": printed,
            "class_group": group,
            "class_codes": list(codes),
            "holder": party,
            "manufacturer": party,
            "dosage_form": form,
            "specification": draw.choice(sizes),
        }
        found.append(Product(holder, body))
    return found
