"""Messages as insurers' systems send them: channel XML and policy lists in GB18030, and the standard schema itself."""

import csv
import html
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from sandbox.records import Record
from sandbox.sheets import LINES

_BEIJING = timezone(timedelta(hours=8))
_CHANNEL_LINES = {
    "product_liability": "ZAC00",
    "drug_liability": "ZAC01",
    "device_liability": "ZAC02",
    "clinical_trial_liability": "ZAC03",
}
_METHODS = {"bank_transfer": "1", "cheque": "2", "card": "3", "cash": "4", "online": "5"}
_ENDORSEMENTS = {"increase": "1", "decrease": "2", "amend": "3", "reinstate": "4"}
_CANCELLATIONS = {"from_inception": "5", "mid_term": "6"}


def channel_xml(records: Sequence[Record], message_id: str) -> bytes:
    """DIA-CHANNEL-XML: one packet; the prolog says GBK, the bytes are GB18030, as in life."""
    lists = (
        ("POLICY_LIST", [_channel_policy(one) for one in records if one.type == "policy"]),
        (
            "RECEIPT_LIST",
            [_channel_money(one) for one in records if one.type in ("premium_receipt", "premium_refund")],
        ),
        ("ENDOR_LIST", [_channel_change(one) for one in records if one.type in ("endorsement", "cancellation")]),
    )
    head = "<PASSWORD>******</PASSWORD>" + _tags(
        TRANS_TYPE="ZJND01", USER="sandbox", SYSTEMFLAG="J", SERIALDECIMAL=message_id
    )
    body = "".join(f"<{name}>{''.join(items)}</{name}>\n" for name, items in lists if items)
    text = (
        '<?xml version="1.0" encoding="GBK"?>\n'
        f'<PACKET type="REQUEST" version="1.0">\n<HEAD>{head}</HEAD>\n<BODY>\n{body}</BODY>\n</PACKET>\n'
    )
    return text.encode("gb18030")


def policy_list(records: Sequence[Record], own_code: str) -> bytes:
    """DIA-CSV-LIST: a row for each policy with its receipt beside it, a row for each change with its refund.

    Raises ValueError for what such a list cannot say: a receipt without its policy, two receipts of one policy.
    """
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for one in records:
        key = (one.policy_no, str(one.body.get("endorsement_no", "")))
        row = rows.setdefault(key, {})
        stated = _list_columns(one, own_code)
        if set(stated) & set(row) - {"保单号", "批单号", "投保人"}:
            raise ValueError(f"a policy list has no room for a second {one.type} of {one.policy_no}")
        row.update(stated)
    if any("应收保费（元）" not in row for row in rows.values()):
        raise ValueError("a policy list states money only beside its policy or endorsement")
    columns = [name for name in _COLUMNS if any(row.get(name) for row in rows.values()) or name in _ALWAYS]
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows.values())
    return output.getvalue().encode("gb18030")


def canonical_json(records: Sequence[Record], insurer: str, message_id: str, sent_at: datetime) -> bytes:
    """DIA-CANON-JSON: one envelope, or an array of them, whose ids then end in -1, -2, …"""
    envelopes = [
        {
            "schema": "premium-exchange/1.0",
            "type": one.type,
            "message_id": message_id if len(records) == 1 else f"{message_id}-{number}",
            "insurer": insurer,
            "sent_at": sent_at.astimezone(_BEIJING).isoformat(timespec="seconds"),
            "record": one.body,
        }
        for number, one in enumerate(records, 1)
    ]
    whole: Any = envelopes[0] if len(envelopes) == 1 else envelopes
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _channel_policy(record: Record) -> str:
    body = record.body
    shares = body.get("coinsurance", ())
    holder = body["policyholder"]
    base = _tags(
        C_PROD_NO=_CHANNEL_LINES[body["line"]],
        C_PLY_NO=record.policy_no,
        T_ISSUE_TM=f"{body['issued_on']} 10:00:00",
        T_INSRNC_BGN_TM=f"{body['period']['start']} 00:00:00",
        T_INSRNC_END_TM=f"{body['period']['end']} 23:59:59",
        N_AMT=_grouped(body["limits"]["aggregate"]),
        N_PRM=body["premium"]["gross"],
        N_TAX_PRM=body["premium"]["net"],
        N_ADD_RATE=body["premium"]["tax"],
        N_RATE=body["rate_percent"],
        C_CI_MRK="3" if shares else "0",
    )
    coinsurance = "".join(
        f"<CI>{_tags(C_CI_COM=s['insurer'], N_CI_SHARE=s['share_percent'], C_LEAD_MRK='1' if s['lead'] else '0')}</CI>"
        for s in shares
    )
    applicant = _tags(C_APP_NME=holder["name"], C_REGION=holder.get("region")) + _tags(
        C_CERTF_CLS="14", C_CERTF_CDE=holder["credit_code"]
    )
    insured = "".join(
        "<INSURED>"
        + _tags(C_INSURED_NME=one["name"], C_CERTF_CLS="14", C_CERTF_CDE=one["credit_code"], C_ROLE="1")
        + "</INSURED>"
        for one in body["insured"]
    )
    clauses = "".join(
        f"<CVRG>{_tags(C_REG_NO=c['registration_no'], C_CLAUSE_NME=c['name'])}</CVRG>" for c in body["clauses"]
    )
    plan = "".join(
        f"<PAY>{_tags(N_TMS=p['no'], T_PAY_TM=p['due_on'], N_GET_PRM=p['amount'])}</PAY>" for p in body["instalments"]
    )
    return (
        f"<POLICY_DATA>\n<BASE_PART>{base}</BASE_PART>\n"
        + (f"<CI_LIST>{coinsurance}</CI_LIST>\n" if coinsurance else "")
        + f"<APPLICANT>{applicant}</APPLICANT>\n<INSURED_LIST>{insured}</INSURED_LIST>\n"
        f"<CVRG_LIST>{clauses}</CVRG_LIST>\n<OBJ_LIST><OBJ>{_channel_product(body['product'])}</OBJ></OBJ_LIST>\n"
        f"<PAY_LIST>{plan}</PAY_LIST>\n</POLICY_DATA>"
    )


def _channel_product(product: dict[str, Any]) -> str:
    return _tags(
        C_DRUG_NME=product["generic_name"],
        C_APPROVE_NO=product["approval_no"],
        T_APPROVE=product["approval_date"].replace("-", ""),
        C_REG_CLS=product["registration_class"],
        C_FORM=product["dosage_form"],
        C_SPEC=product["specification"],
        C_HOLDER_NME=product["holder"]["name"],
        C_HOLDER_CDE=product["holder"]["credit_code"],
        C_MAKER_NME=product["manufacturer"]["name"],
        C_MAKER_CDE=product["manufacturer"]["credit_code"],
    )


def _channel_money(one: Record) -> str:
    body = one.body
    if one.type == "premium_refund":
        return "<RECEIPT_DATA>{}</RECEIPT_DATA>\n".format(
            _tags(
                C_PLY_NO=one.policy_no,
                C_RCPT_NO=body["refund_no"],
                N_AMT=f"-{body['amount']}",
                T_GOT_TM=body["paid_on"],
                C_PAYER_NME=body["payee"]["name"],
                C_PAYER_CDE=body["payee"]["credit_code"],
                C_EDR_NO=body["endorsement_no"],
                C_REASON=body["reason"],
            )
        )
    return "<RECEIPT_DATA>{}</RECEIPT_DATA>\n".format(
        _tags(
            C_PLY_NO=one.policy_no,
            C_RCPT_NO=body["receipt_no"],
            N_TMS=body.get("instalment_no"),
            N_AMT=_grouped(body["amount"]),
            T_GOT_TM=f"{body['received_on'].replace('-', '')}153000",
            C_PAYER_NME=body["payer"]["name"],
            C_PAYER_CDE=body["payer"]["credit_code"],
            C_PAY_MODE=_METHODS[body["method"]],
            C_BANK_REF=body["bank_reference"],
            C_FULL_MRK="1" if body["paid_in_full"] else "0",
        )
    )


def _channel_change(one: Record) -> str:
    body = one.body
    cancels = one.type == "cancellation"
    money = body.get("return_premium" if cancels else "premium_change", {})
    sign = "-" if cancels else ""
    return "<ENDOR_DATA>{}</ENDOR_DATA>\n".format(
        _tags(
            C_PLY_NO=one.policy_no,
            C_EDR_NO=body["endorsement_no"],
            C_EDR_TYP=(_CANCELLATIONS if cancels else _ENDORSEMENTS)[body["kind"]],
            T_ISSUE_TM=None if cancels else body["issued_on"],
            T_EDR_BGN_TM=body["effective_on"],
            N_PRM_VAR=money and sign + money["gross"],
            N_TAX_PRM_VAR=money and sign + money["net"],
            N_ADD_RATE_VAR=money and sign + money["tax"],
            C_REASON=body.get("reason"),
        )
    )


_COLUMNS = (
    *("保单号", "批单号", "投保人", "统一社会信用代码", "被保险产品", "规格", "批准文号", "批准日期", "注册分类"),
    *("上市许可持有人", "生产企业", "险种", "条款注册号", "签单日期", "起保日期", "终保日期"),
    *("累计责任限额（万元）", "费率（%）", "应收保费（元）", "不含税保费（元）", "增值税（元）"),
    *("实收保费（元）", "收费日期", "缴费人", "是否缴清", "共保比例", "批改类型", "批改生效日期", "备注"),
)
_ALWAYS = frozenset({"起保日期", "终保日期", "实收保费（元）", "收费日期", "备注"})


def _list_columns(one: Record, own_code: str) -> dict[str, str]:
    """The columns that one record fills."""
    body = one.body
    shared = {"保单号": one.policy_no}
    if one.type == "policy":
        return shared | _list_policy(body, own_code)
    if one.type == "premium_receipt":
        return shared | {
            "实收保费（元）": body["amount"],
            "收费日期": body["received_on"],
            "缴费人": body["payer"]["name"],
            "是否缴清": "是" if body["paid_in_full"] else "否",
        }
    shared["批单号"] = body["endorsement_no"]
    if one.type == "premium_refund":
        return shared | {
            "投保人": body["payee"]["name"],
            "实收保费（元）": f"-{body['amount']}",
            "收费日期": body["paid_on"],
            "缴费人": body["payee"]["name"],
        }
    cancels = one.type == "cancellation"
    money = body["return_premium" if cancels else "premium_change"]
    sign = "-" if cancels else ""
    names = {"increase": "批增", "decrease": "批减", "amend": "一般批改", "reinstate": "恢复效力"}
    names |= {"mid_term": "退保", "from_inception": "注销"}
    return shared | {
        "应收保费（元）": sign + money["gross"],
        "不含税保费（元）": sign + money["net"],
        "增值税（元）": sign + money["tax"],
        "批改类型": names[body["kind"]],
        "批改生效日期": body["effective_on"],
        "签单日期": body.get("issued_on", ""),
        "备注": body.get("reason", ""),
    }


def _list_policy(body: dict[str, Any], own_code: str) -> dict[str, str]:
    product, premium = body["product"], body["premium"]
    shares = body.get("coinsurance", ())
    own = next((share for share in shares if share["insurer"] == own_code), None)
    note = ""
    if own is not None:
        others = "、".join(f"{s['insurer']}{s['share_percent']}%" for s in shares if s is not own)
        note = f"主承保；从共：{others}" if own["lead"] else f"从承保；主共：{others}"
    return {
        "投保人": body["policyholder"]["name"],
        "统一社会信用代码": body["policyholder"]["credit_code"],
        "被保险产品": product["generic_name"],
        "规格": product["specification"],
        "批准文号": product["approval_no"],
        "批准日期": product["approval_date"],
        "注册分类": product["registration_class"],
        "上市许可持有人": product["holder"]["name"],
        "生产企业": product["manufacturer"]["name"],
        "险种": LINES[body["line"]],
        "条款注册号": ";".join(clause["registration_no"] for clause in body["clauses"]),
        "签单日期": body["issued_on"].replace("-", "/"),
        "起保日期": body["period"]["start"].replace("-", ""),
        "终保日期": body["period"]["end"].replace("-", ""),
        "累计责任限额（万元）": _wan(body["limits"]["aggregate"]),
        "费率（%）": body["rate_percent"],
        "应收保费（元）": _grouped(premium["gross"]),
        "不含税保费（元）": premium["net"],
        "增值税（元）": premium["tax"],
        "共保比例": f"{own['share_percent']}%" if own else "100%",
        "备注": note,
    }


def _tags(**values: Any) -> str:
    """Elements by name; absent values are left out."""
    return "".join(
        f"<{name}>{html.escape(str(value), quote=False)}</{name}>" for name, value in _stated(values.items())
    )


def _stated(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Any]]:
    return ((name, value) for name, value in items if value not in (None, "", {}))


def _grouped(amount: str) -> str:
    return f"{Decimal(amount):,.2f}"


def _wan(amount: str) -> str:
    return f"{(Decimal(amount) / 10_000).normalize():,f}"
