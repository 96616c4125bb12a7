"""Builders of small files of the five tree formats: each the usual one, with some of its leaves changed."""

import io
import json
import zipfile
from typing import Any
from xml.sax.saxutils import escape

from translated import everything, records, told

from adapters import Row

POLICY_NO = "PZAC202633010000000012"
NAME = "示例医药（杭州）有限公司"
CODE = "91330108MA2XX9T186"
INVOICE_NO = "26337000000012345678"
CLAUSE = "C00009930912025061000011"
RIDER = "C00009930922025061000022"


def xml(tree: Any) -> str:
    """Elements of a mapping of names to texts, mappings or lists of them; names that start with `@` are attributes."""
    if not isinstance(tree, dict):
        return escape(str(tree))
    found = []
    for name, value in tree.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None or name.startswith("@"):
                continue
            inner = item if isinstance(item, dict) else {"": item}
            marks = "".join(f' {key[1:]}="{escape(text)}"' for key, text in inner.items() if key.startswith("@"))
            body = xml({key: text for key, text in inner.items() if key}) + escape(str(inner.get("", "")))
            found.append(f"<{name}{marks}>{body}</{name}>")
    return "".join(found)


def changed(tree: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of the tree with the leaves at these paths changed, made, or (`None`) left out."""
    copy: dict[str, Any] = json.loads(json.dumps(tree))
    for path, value in changes.items():
        at: Any = copy
        *groups, leaf = path.split("/")
        for name in groups:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        if value is None:
            at.pop(leaf, None)
        else:
            at[leaf] = value
    return copy


INVOICE: dict[str, Any] = {
    "Header": {"EIid": INVOICE_NO, "InherentLabel": {"InIssuType": {"LabelCode": "Y"}}},
    "EInvoiceData": {
        "SellerInformation": {"SellerIdNum": "91330100843000017M", "SellerName": "甲财险"},
        "BuyerInformation": {"BuyerIdNum": CODE, "BuyerName": NAME},
        "BasicInformation": {
            "TotalAmWithoutTax": "754716.98",
            "TotalTaxAm": "45283.02",
            "TotalTax-includedAmount": "800000.00",
            "TotalTax-includedAmountInChinese": "捌拾万圆整",
        },
        "IssuItemInformation": [
            {"Amount": "754716.98", "TaxRate": "0.06", "ComTaxAm": "45283.02", "TotaltaxIncludedAmount": "800000.00"}
        ],
        "AdditionalInformation": {"Remark": f"保单号：{POLICY_NO}"},
    },
    "TaxSupervisionInfo": {"InvoiceNumber": INVOICE_NO, "IssueTime": "2026-02-27"},
}
RED = {
    "Header/InherentLabel/InIssuType/LabelCode": "N",
    "EInvoiceData/BasicInformation/TotalAmWithoutTax": "-754716.98",
    "EInvoiceData/BasicInformation/TotalTaxAm": "-45283.02",
    "EInvoiceData/BasicInformation/TotalTax-includedAmount": "-800000.00",
    "EInvoiceData/BasicInformation/TotalTax-includedAmountInChinese": "（负数）捌拾万圆整",
    "EInvoiceData/IssuItemInformation": [{"Amount": "-754716.98", "TaxRate": "6%", "ComTaxAm": "-45283.02"}],
    "EInvoiceData/SpecificInformation/RedEInvoice/OriginalInvoiceCode": "26337000000012345679",
    "EInvoiceData/AdditionalInformation/Remark": "冲红",
}


def invoice(changes: dict[str, Any] | None = None) -> str:
    """One EInvoice, as text without a prolog."""
    return xml({"EInvoice": changed(INVOICE, changes or {})})


def archive(entries: dict[str, bytes]) -> bytes:
    """A zip of these."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return out.getvalue()


EXTRACT: dict[str, Any] = {
    "prpCmain": {
        "policyNo": POLICY_NO,
        "riskCode": "ZAC",
        "startDate": "2026-04-01",
        "endDate": "2027-03-31",
        "sumAmount": 60000000,
        "sumPremium": 1200000.0,
        "appliName": NAME,
    },
    "prpCitemKind": [{"clauseCode": CLAUSE, "rate": 2, "rateUnit": "%"}],
}


def extract(changes: dict[str, Any] | None = None) -> bytes:
    """One object of the core extract."""
    return json.dumps(changed(EXTRACT, changes or {}), ensure_ascii=False).encode()


CONFIRMATION: dict[str, Any] = {
    "保单号": POLICY_NO,
    "收付流水号": "SK2026022600001",
    "缴费方名称": NAME,
    "收款金额": "人民币捌拾万元整",
    "收款金额小写": "¥800,000.00",
    "到账时间": "2026-02-26 14:03:59",
    "收款原因": "R10",
}


def confirmation(*rows: dict[str, Any]) -> bytes:
    """A message of confirmations, each the usual one with these keys changed."""
    data = [changed(CONFIRMATION, one) for one in rows]
    return json.dumps({"head": {"reqNo": "1"}, "data": data}, ensure_ascii=False).encode()


PACKET: dict[str, Any] = {
    "Head": {"RequestType": "10", "AmountUnit": "YUAN", "User": "u", "Password": "p"},
    "Body": {
        "Policy": {
            "PolicyNo": POLICY_NO,
            "ProductCode": "DL",
            "StartTime": "20260828000000",
            "EndTime": "20270827240000",
            "SumInsured": "30000000",
            "Premium": "450000.00",
        },
        "PolicyHolder": {"Name": NAME},
    },
}
SOAP_RECEIPT: dict[str, Any] = {
    "Head": {"RequestType": "20", "AmountUnit": "FEN"},
    "Body": {
        "Receipt": {
            "PolicyNo": POLICY_NO,
            "ReceiptNo": "R0009001",
            "Amount": "45000000",
            "ArriveTime": "2026-08-29",
            "PayerName": NAME,
        }
    },
}
SOAP_CHANGE: dict[str, Any] = {
    "Head": {"RequestType": "30", "AmountUnit": "WAN"},
    "Body": {
        "Endorsement": {
            "PolicyNo": POLICY_NO,
            "EndorNo": "E630026110000001",
            "EndorType": "D",
            "EffectTime": "20261101000000",
            "PremiumChange": "-37.5",
        }
    },
}
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"


def soap(packet: dict[str, Any], changes: dict[str, Any] | None = None, *, namespace: str = SOAP_11) -> bytes:
    """The packet as text in an envelope."""
    return envelope(xml({"Packet": changed(packet, changes or {})}), namespace=namespace)


def envelope(text: str, *, namespace: str = SOAP_11) -> bytes:
    """Any text as the message of an envelope."""
    body = f"<e:Body><receive><in0>{escape(text)}</in0></receive></e:Body>"
    return f'<e:Envelope xmlns:e="{namespace}"><e:Header><x/></e:Header>{body}</e:Envelope>'.encode()


ACORD = "http://www.ACORD.org/standards/PC_Surety/ACORD1/xml/"
ADD: dict[str, Any] = {
    "RqUID": "1",
    "InsuredOrPrincipal": [
        {
            "GeneralPartyInfo": {
                "NameInfo": {
                    "CommlName": {"CommercialName": "Demo Pharma"},
                    "TaxIdentity": {"TaxIdTypeCd": "USCC", "TaxId": CODE},
                }
            },
            "InsuredOrPrincipalInfo": {"InsuredOrPrincipalRoleCd": "FNI"},
        }
    ],
    "CommlPolicy": {
        "PolicyNumber": "CNZJ26-LSC-000417",
        "ContractTerm": {"EffectiveDt": "2026-03-01", "ExpirationDt": "2027-03-01"},
        "CurrentTermAmt": {"Amt": "800000.00"},
    },
    "GeneralLiabilityLineBusiness": {
        "LiabilityInfo": {
            "CommlCoverage": [
                {
                    "CoverageCd": "PRDCO",
                    "Limit": [{"FormatInteger": "40000000", "LimitAppliesToCd": "Aggregate"}],
                    "Rate": "0.02",
                }
            ]
        }
    },
}
MOD: dict[str, Any] = {
    "CommlPolicy": {"PolicyNumber": "CNZJ26-LSC-000417"},
    "ModInfo": {"ChangeNumber": "END-0000001", "ChangeTypeCd": "INC", "ChangeEffectiveDt": "2026-06-01"},
    "NetChangeAmt": {"Amt": "60000.00"},
}
CANCEL: dict[str, Any] = {
    "PolicyNumber": "CNZJ26-LSC-000417",
    "ChangeNumber": "CAN-0000001",
    "CancelEffectiveDt": "2026-09-01",
    "CancelTypeCd": "PRORATA",
    "ReturnPremiumAmt": {"Amt": "600000.00"},
}
_USUAL = {
    "CommlPkgPolicyAddRq": ADD,
    "GeneralLiabilityPolicyAddRq": ADD,
    "CommlPkgPolicyModRq": MOD,
    "PolicyCancelRq": CANCEL,
}


def acord(*requests: tuple[str, dict[str, Any]]) -> bytes:
    """Requests by name, each the usual one with these leaves changed."""
    inner = "".join(xml({name: changed(_USUAL[name], changes)}) for name, changes in requests)
    return (
        f'<ACORD xmlns="{ACORD}"><SignonRq/><InsuranceSvcRq><RqUID>1</RqUID>{inner}</InsuranceSvcRq></ACORD>'.encode()
    )


def add(changes: dict[str, Any] | None = None) -> bytes:
    """One policy request."""
    return acord(("CommlPkgPolicyAddRq", changes or {}))


def found(rows: list[Row]) -> set[str]:
    """Rule and field of every problem, without its row."""
    return {f"{rule} {field}" for _, rule, field in told(rows)}


def listed(text: str) -> set[str]:
    """Problems in one text, separated by commas."""
    return set(text.split(", ")) if text else set()


def problems(code: str, data: bytes) -> set[str]:
    """What is wrong with a file."""
    return found(everything(code, data))


def only(code: str, data: bytes) -> dict[str, Any]:
    """The one record of a file that nothing is wrong with."""
    rows = everything(code, data)
    assert told(rows) == set()
    (one,) = records(rows)
    record: dict[str, Any] = one["record"]
    return record


def refused(code: str, data: bytes) -> tuple[str, str | None]:
    """Rule and field of the refusal of a whole file."""
    (row,) = everything(code, data)
    (problem,) = row.problems
    assert (row.row, row.records, problem.effect) == (0, (), "F")
    return problem.rule, problem.field
