"""The fields of annex 1 附件1 and annex 2 附件2 (浙经信医药〔2025〕348号): their labels, their units, what they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from unicodedata import normalize

Nature = Literal[
    "name", "credit_code", "approval_no", "policy_no", "day", "period", "money", "rate", "region", "class", "sales",
    "parts", "statement",
]  # fmt: skip
WAN: Final = "万元"
YUAN: Final = "元"

OPEN: Final = "（待填写）"  # what stands in a cell that is left to whoever fills the form in; it states nothing

_UNIT = re.compile(r"(.+)\((万元|元|亿元|千元|%|‰)\)")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name here, its label in the annexes, other labels that are met, the unit that the form says."""

    name: str
    label: str
    nature: Nature
    also: tuple[str, ...] = ()
    unit: str | None = None
    label_2: str | None = None
    """The label in annex 2, where it is another one."""


FIELDS: Final[tuple[Field, ...]] = (
    Field(
        "enterprise", "企业(单位)名称", "name", ("企业名称", "单位名称", "申请企业", "申请单位", "申报企业", "申报单位")
    ),
    Field("credit_code", "统一社会信用代码", "credit_code", ("社会信用代码", "信用代码")),
    Field("region", "注册地", "region", ("所属地区", "地区", "所在地", "所属县(市、区)"), label_2="所属地区"),
    Field("product", "投保产品名称", "name", ("产品名称", "药品名称", "通用名", "药品通用名"), label_2="产品名称"),
    Field(
        "sales",
        "投保产品国内和省内累计销售收入(万元)",
        "sales",
        ("国内和省内累计销售收入", "产品国内和省内累计销售收入", "累计销售收入", "国内/省内累计销售收入"),
        WAN,
        "产品国内和省内累计销售收入(万元)",
    ),
    Field("registration_class", "注册分类", "class", ("药品注册分类", "产品注册分类")),
    Field("holder", "上市许可持有人", "name", ("药品上市许可持有人", "持有人")),
    Field("manufacturer", "生产企业", "name", ("药品生产企业", "生产单位")),
    Field("form_and_specification", "剂型、规格", "parts", ("剂型规格", "剂型及规格", "剂型/规格", "剂型,规格")),
    Field("approval_no", "批准文号", "approval_no", ("药品批准文号", "国药准字号")),
    Field("approval_date", "批准日期", "day", ("批准时间", "获批日期", "获批上市时间")),
    Field("policy_no", "保单号", "policy_no", ("保险单号", "保单号码", "保险单号码")),
    Field("rate", "保险费率(%)", "rate", ("费率", "投保费率", "保险费率"), "%"),
    Field("premium", "保费金额(万元)", "money", ("保费", "保险费", "投保保费金额"), WAN),
    Field("period", "投保时间", "period", ("保险期间", "保险期限", "投保期间")),
    Field("paid", "已缴保费金额(万元)", "money", ("已交保费金额", "已缴保费", "实缴保费金额", "已缴纳保费金额"), WAN),
    Field("applied", "申请保费补偿金额(万元)", "money", ("申请补偿金额", "申请保费补偿", "申请补贴金额"), WAN),
    Field("insurer", "承保机构", "name", ("保险公司", "承保公司", "保险机构", "承保保险公司")),
    Field("statement", "保险公司意见", "statement", ("承保机构意见", "保险公司(盖章)")),
)
BY_NAME: Final[Mapping[str, Field]] = {field.name: field for field in FIELDS}

# What the forms ask for and nobody here compares: personal data, and what no insurer states. Never repeated in answers.
PASSED_OVER: Final = frozenset(
    {
        "序号", "注册资本", "联系人", "联系方式", "联系电话", "电话", "联系人及电话", "联系人/联系方式", "手机", "备注",
        "报送单位", "报送单位(盖章)", "填报日期", "填报单位", "填报人", "申请企业意见", "承诺", "签章", "电子凭据",
    }
)  # fmt: skip

# The official order of columns of annex 2, behind 序号.
ANNEX_2: Final = (
    "enterprise", "region", "product", "sales", "registration_class", "holder", "manufacturer",
    "form_and_specification", "approval_no", "approval_date", "rate", "premium", "paid", "applied",
)  # fmt: skip
# The order of annex 1, without what PASSED_OVER holds and without the insurer's own block.
ANNEX_1: Final = (
    "enterprise", "credit_code", "region", "product", "sales", "registration_class", "holder", "manufacturer",
    "form_and_specification", "approval_no", "approval_date", "policy_no", "rate", "premium", "period", "paid",
    "applied",
)  # fmt: skip


def plain_label(text: str) -> tuple[str, str | None]:
    """A label as labels are compared, and the unit that it says: NFKC, no white space, no colon, no star."""
    label = "".join(normalize("NFKC", text[:200]).split()).strip("*:")
    found = _UNIT.fullmatch(label)
    return (found[1], found[2]) if found else (label, None)


def _labels() -> dict[str, Field]:
    known: dict[str, Field] = {}
    for field in FIELDS:
        for label in (field.name, field.label, field.label_2 or field.label, *field.also):
            known[plain_label(label)[0]] = field
    return known


BY_LABEL: Final[Mapping[str, Field]] = _labels()


def find_field(text: str) -> tuple[Field, str | None] | None:
    """The field that a label names, in Chinese or by its name here, and the unit that the label says."""
    if len(text) > 200:
        return None
    label, unit = plain_label(text)
    field = BY_LABEL.get(label) or BY_NAME.get(label.lower())
    return None if field is None else (field, unit)


def is_passed_over(text: str) -> bool:
    """Whether the label is one that is taken by name and not compared."""
    label = plain_label(text)[0]
    return label in PASSED_OVER or label.startswith(("联系", "报送单位", "填报", "填表"))
