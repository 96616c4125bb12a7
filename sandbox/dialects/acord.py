"""DIA-ACORD-XML: ACORD P&C requests; expiry is the day after, amounts in yuan with the tax in them."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sandbox.dialects.common import Tree, code_of, money_of, refuse, shifted, xml
from sandbox.records import Record

_NAMESPACE = "http://www.ACORD.org/standards/PC_Surety/ACORD1/xml/"
_LINES = {
    "product_liability": "PRDCO",
    "drug_liability": "DRUGL",
    "device_liability": "MEDDV",
    "clinical_trial_liability": "CLTRL",
}
_KINDS = {"increase": "INC", "decrease": "DEC", "amend": "AMD", "reinstate": "REI"}
_CANCELLATIONS = {"from_inception": "FLAT", "mid_term": "PRORATA"}


def acord_xml(records: Sequence[Record]) -> bytes:
    """The requests. Raises ValueError for money that moved: they have no place for it."""
    requests = "".join(xml(_request(one)) for one in records)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ACORD xmlns="{_NAMESPACE}">'
        f"<InsuranceSvcRq>{requests}</InsuranceSvcRq></ACORD>"
    ).encode()


def _request(one: Record) -> Tree:
    body, change = one.body, money_of(one)
    if one.type == "policy":
        return {"GeneralLiabilityPolicyAddRq": _policy(body)}
    if one.type == "endorsement":
        info = {
            "ChangeNumber": body["endorsement_no"],
            "ChangeTypeCd": _KINDS[body["kind"]],
            "ChangeEffectiveDt": body["effective_on"],
            "ChangeIssueDt": body.get("issued_on"),
        }
        amount = {"NetChangeAmt": {"Amt": change["gross"], "CurCd": "CNY"}} if change else {}
        return {
            "CommlPkgPolicyModRq": {"CommlPolicy": {"PolicyNumber": one.policy_no}, "ModInfo": info, **amount},
        }
    if one.type == "cancellation":
        return {
            "PolicyCancelRq": {
                "PolicyNumber": one.policy_no,
                "ChangeNumber": body["endorsement_no"],
                "CancelEffectiveDt": body["effective_on"],
                "CancelTypeCd": _CANCELLATIONS[body["kind"]],
                "ReturnPremiumAmt": {"Amt": change["gross"].removeprefix("-")} if change else None,
                "CancelReasonDesc": body.get("reason"),
            }
        }
    raise refuse("an ACORD request", one)


def _policy(body: dict[str, Any]) -> Tree:
    expiry = date.fromisoformat(body["period"]["end"]) + timedelta(days=1)
    limits, premium = body.get("limits", {}), body["premium"]
    codes = {"insured": "NI", "additional": "AI"}
    return {
        "InsuredOrPrincipal": [
            _party(body["policyholder"], "FNI"),
            *(_party(one, codes[one["role"]]) for one in body.get("insured", ())),
        ],
        "CommlPolicy": {
            "PolicyNumber": body["policy_no"],
            "IssueDt": body.get("issued_on"),
            "ContractTerm": {"EffectiveDt": body["period"]["start"], "ExpirationDt": expiry.isoformat()},
            "CurrentTermAmt": {"Amt": premium["gross"], "CurCd": premium["currency"]},
            "com.insurerz_VATAmt": {"Amt": premium["tax"]} if "tax" in premium else None,
            "PaymentOption": {
                "InstallmentInfo": [
                    {
                        "InstallmentNumber": one["no"],
                        "InstallmentDueDt": one["due_on"],
                        "InstallmentAmt": {"Amt": one["amount"]},
                    }
                    for one in body.get("instalments", ())
                ]
            },
        },
        "GeneralLiabilityLineBusiness": {
            "LiabilityInfo": {
                "CommlCoverage": {
                    "CoverageCd": code_of(body["line"], _LINES),
                    "Limit": [
                        {"FormatCurrencyAmt": {"Amt": limits[name]}, "LimitAppliesToCd": code}
                        for name, code in (("aggregate", "Aggregate"), ("per_occurrence", "PerOcc"))
                        if name in limits
                    ],
                    "Rate": shifted(body["rate_percent"], -2) if "rate_percent" in body else None,
                }
            }
        },
    }


def _party(party: dict[str, Any], role: str) -> Tree:
    code = party.get("credit_code")
    name = {
        "CommlName": {"CommercialName": party["name"]},
        "TaxIdentity": {"TaxIdTypeCd": "USCC", "TaxId": code} if code else None,
    }
    return {
        "GeneralPartyInfo": {"NameInfo": name},
        "InsuredOrPrincipalInfo": {"InsuredOrPrincipalRoleCd": role},
    }
