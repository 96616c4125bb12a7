"""How registries name the columns of their lists, and the words that stand in them, in Chinese and English."""

from collections.abc import Mapping

from adapters import kinds
from adapters.mapping import Kind

STATES: Mapping[str, str] = {
    **dict.fromkeys(("在用", "使用中", "有效", "正常", "启用", "已备案", "已注册", "已审批", "in_use"), "in_use"),
    **dict.fromkeys(("停用", "停止使用", "已停用", "停售", "stopped"), "stopped"),
    **dict.fromkeys(("责令停止使用", "责令停用", "ordered_stop"), "ordered_stop"),
    **dict.fromkeys(("注销", "已注销", "撤回", "已撤回", "withdrawn"), "withdrawn"),
    **dict.fromkeys(("退回", "已退回", "不予备案", "returned"), "returned"),
    **dict.fromkeys(("待备案", "备案中", "待审核", "审核中", "pending"), "pending"),
}
_KINDS = {
    **dict.fromkeys(("主险", "主险条款", "主条款", "主", "main"), "main"),
    **dict.fromkeys(("附加险", "附加险条款", "附加条款", "附加", "附", "rider"), "rider"),
}
_LINES = {
    **dict.fromkeys(("产品责任", "产品责任险", "产品责任保险", "product_liability"), "product_liability"),
    **dict.fromkeys(("药品责任", "药品责任险", "药品责任保险", "drug_liability"), "drug_liability"),
    **dict.fromkeys(("医疗器械责任", "医疗器械责任险", "医疗器械责任保险", "device_liability"), "device_liability"),
    **dict.fromkeys(
        ("临床试验责任", "临床试验责任险", "临床试验责任保险", "clinical_trial_liability"), "clinical_trial_liability"
    ),
    **dict.fromkeys(("其他", "其它", "other"), "other"),
}
_REGIMES = {
    **dict.fromkeys(("备案", "备案类", "备案制", "filed"), "filed"),
    **dict.fromkeys(("审批", "审批类", "批准", "approved"), "approved"),
}

# Field to how it is read and the names of its column; names are compared after NFKC, without white space or unit.
COLUMNS: Mapping[str, tuple[Kind, tuple[str, ...]]] = {
    "registration_no": (
        kinds.clause_no,
        ("条款注册号", "注册号", "注册编号", "产品注册号", "备案号", "备案编号", "registration_no"),
    ),
    "insurer": (kinds.text, ("保险机构简称", "insurer")),
    "company_code": (
        kinds.bank_reference,
        ("公司代码", "机构代码", "保险公司代码", "保险机构代码", "company_code"),
    ),
    "company_name": (kinds.text, ("保险公司", "公司名称", "保险公司名称", "保险机构名称", "company_name")),
    "name": (kinds.text, ("条款名称", "产品名称", "名称", "name")),
    "kind": (kinds.code(_KINDS), ("主附险", "主险附加险", "主险/附加险", "条款类型", "kind")),
    "line": (kinds.code(_LINES), ("险种", "险种名称", "险类", "line")),
    "regime": (kinds.code(_REGIMES), ("备案/审批", "备案审批", "备案或审批", "管理方式", "报送方式", "regime")),
    "registered_on": (kinds.day, ("注册日期", "备案日期", "注册时间", "registered_on")),
    "first_used_on": (kinds.day, ("首次使用日期", "首次使用时间", "first_used_on")),
    "rate_min_percent": (kinds.rate, ("最低费率", "费率下限", "rate_min_percent")),
    "rate_max_percent": (kinds.rate, ("最高费率", "费率上限", "rate_max_percent")),
    "territory": (kinds.text, ("适用地域", "适用区域", "地域范围", "territory")),
    "clause_text_digest": (kinds.text, ("条款文本摘要", "clause_text_digest")),
    "state": (kinds.code(STATES), ("状态", "条款状态", "使用状态", "state")),
    "in_use_from": (kinds.day, ("启用日期", "启用时间", "in_use_from")),
    "ended_on": (kinds.day, ("停用日期", "停止使用日期", "停用时间", "ended_on")),
    "intervals": (kinds.text, ("状态区间", "intervals")),
    "registry": (kinds.text, ("登记机构", "数据来源", "registry")),
    "as_of": (kinds.day, ("截止日期", "数据截止日期", "as_of")),
}
FIELD_OF = {name: field for field, (_, names) in COLUMNS.items() for name in names}
REQUIRED = ("registration_no", "name", "line", "regime", "registered_on")
IGNORED = frozenset({"序号", "备注", "联系人", "联系电话", "经办人", "fetched_at", "remark"})
PERCENT = frozenset({"rate_min_percent", "rate_max_percent"})  # columns whose very name says the unit
