"""DIA-CHANNEL-XML: the core-channel packet `PACKET/HEAD/BODY` of property insurers, GB18030 though its prolog says GBK.

Policies, receipts and endorsements in any order, money in yuan. The names' prefixes lie: `N_TAX_PRM` is the premium
without tax, `N_ADD_RATE` is the tax, an amount. Specification: DIALECTS section 1.
"""

from adapters import kinds, rates, settle
from adapters.choices import change_kind, changed, in_or_out, insured_by_default
from adapters.facts import Facts
from adapters.formats import XmlPackets
from adapters.kinds import code, truth
from adapters.mapping import Choice, Derived, Each, Mapping, Rows, Shape, Source, always

CREDIT_CODE_PAPER = "14"  # C_CERTF_CLS: other papers are personal, or of no use; their numbers are not read

LINE = code(
    {
        "ZAC00": "product_liability",
        "ZAC01": "drug_liability",
        "ZAC02": "device_liability",
        "ZAC03": "clinical_trial_liability",
    }
)
COINSURED = code({"0": False, "1": True, "2": True, "3": True, "4": True, "5": True})
ROLE = code({"1": "insured", "2": "additional"})
MARK = truth("1", "0")
METHOD = code({"1": "bank_transfer", "2": "cheque", "3": "card", "4": "cash", "5": "online"})
CHANGE = code(
    {
        "1": ("endorsement", "increase"),
        "2": ("endorsement", "decrease"),
        "3": ("endorsement", "amend"),
        "4": ("endorsement", "reinstate"),
        "5": ("cancellation", "from_inception"),
        "6": ("cancellation", "mid_term"),
    }
)


def yuan(name: str, *, required: bool = False) -> Source:
    """An amount in 元."""
    return Source(name, kinds.money, unit="元", required=required)


def paid(facts: Facts) -> str | None:
    """An instalment is a receipt only if money came in."""
    amount = facts.find("amount")
    if amount is not None and amount.fen < 0:
        facts.blame("sign.contradiction", "below-zero", "amount", amount=str(amount))
    return "premium_receipt" if amount is not None and amount.fen > 0 else None


POLICY = Shape(
    "policy",
    shared=("policy_no",),
    takes={
        "line": Source("BASE_PART/C_PROD_NO", LINE, required=True),
        "issued_on": Source("BASE_PART/T_ISSUE_TM", kinds.day),
        "period.start": Source("BASE_PART/T_INSRNC_BGN_TM", kinds.moment, required=True),
        "period.end": Source("BASE_PART/T_INSRNC_END_TM", kinds.moment, required=True),
        "limits.aggregate": yuan("BASE_PART/N_AMT"),
        "limits.per_occurrence": yuan("BASE_PART/N_PER_AMT"),
        "limits.deductible": yuan("BASE_PART/N_DDUCT"),
        "premium.gross": yuan("BASE_PART/N_PRM", required=True),
        "premium.net": yuan("BASE_PART/N_TAX_PRM"),  # without tax, despite its name
        "premium.tax": yuan("BASE_PART/N_ADD_RATE"),  # an amount, despite its name
        "premium.currency": Source("BASE_PART/C_CURR_CDE", kinds.currency),
        "rate_percent": Source("BASE_PART/N_RATE", kinds.rate, unit="%"),
        "policyholder.name": Source("APPLICANT/C_APP_NME", kinds.text, required=True),
        "policyholder.credit_code": Source(
            "APPLICANT/C_CERTF_CDE", kinds.credit_code, when=("APPLICANT/C_CERTF_CLS", CREDIT_CODE_PAPER)
        ),
        "policyholder.region": Source("APPLICANT/C_REGION", kinds.region),
        "insured": Each(
            "INSURED_LIST/INSURED",
            {
                "name": Source("C_INSURED_NME", kinds.text),
                "credit_code": Source("C_CERTF_CDE", kinds.credit_code, when=("C_CERTF_CLS", CREDIT_CODE_PAPER)),
                "role": Source("C_ROLE", ROLE),
            },
            rules=(insured_by_default,),
            ignores=frozenset({"C_TEL", "C_ADDR"}),
        ),
        "clauses": Each(
            "CVRG_LIST/CVRG",
            {"registration_no": Source("C_REG_NO", kinds.clause_no), "name": Source("C_CLAUSE_NME", kinds.text)},
            rules=(settle.clause_kind,),
            ignores=frozenset({"C_CVRG_NO"}),
        ),
        "product": Each(
            "OBJ_LIST/OBJ",
            {
                "generic_name": Source("C_DRUG_NME", kinds.text),
                "trade_name": Source("C_TRADE_NME", kinds.text),
                "approval_no": Source("C_APPROVE_NO", kinds.approval_no),
                "approval_date": Source("T_APPROVE", kinds.day),
                "registration_class": Source("C_REG_CLS", kinds.text),
                "dosage_form": Source("C_FORM", kinds.text),
                "specification": Source("C_SPEC", kinds.text),
                "drug_code": Source("C_DRUG_CDE", kinds.drug_code),
                "holder.name": Source("C_HOLDER_NME", kinds.text),
                "holder.credit_code": Source("C_HOLDER_CDE", kinds.credit_code),
                "manufacturer.name": Source("C_MAKER_NME", kinds.text),
                "manufacturer.credit_code": Source("C_MAKER_CDE", kinds.credit_code),
            },
            rules=(settle.product(""),),
            several="product.several",
        ),
        "instalments": Each(
            "PAY_LIST/PAY",
            {
                "no": Source("N_TMS", kinds.integer),
                "due_on": Source("T_PAY_TM", kinds.day),
                "amount": yuan("N_GET_PRM"),
            },
            rules=(settle.not_negative("amount"),),
            if_stated=("T_PAY_TM", "N_GET_PRM"),
        ),
        "coinsurance": Each(
            "CI_LIST/CI",
            {
                "insurer": Source("C_CI_COM", kinds.text),
                "share_percent": Source("N_CI_SHARE", kinds.share),
                "lead": Source("C_LEAD_MRK", MARK),
            },
        ),
    },
    asks={"coinsured": Source("BASE_PART/C_CI_MRK", COINSURED, field="coinsurance")},
    rules=(
        settle.period,
        settle.third_amount("premium"),
        settle.cny_by_contract,
        settle.signs("premium", "positive"),
        settle.not_negative("limits.aggregate", "limits.per_occurrence", "limits.deductible"),
        rates.rate,
        settle.instalments_total,
        settle.shares(flag="coinsured"),
    ),
)

PAID_INSTALMENT = Shape(
    "premium_receipt",
    shared=("policy_no", "amount"),
    takes={
        "instalment_no": Source("N_TMS", kinds.integer),
        "received_on": Source("T_GOT_TM", kinds.day, required=True),
        "invoice_nos": Source("C_INV_NO", kinds.invoice_nos),
    },
)

RECEIPT = Shape(
    "premium_receipt",
    shared=("policy_no", "amount"),
    takes={
        "receipt_no": Source("C_RCPT_NO", kinds.receipt_no, required=True),
        "instalment_no": Source("N_TMS", kinds.integer),
        "received_on": Source("T_GOT_TM", kinds.day, required=True),
        "payer.name": Source("C_PAYER_NME", kinds.text, required=True),
        "payer.credit_code": Source("C_PAYER_CDE", kinds.credit_code),
        "method": Source("C_PAY_MODE", METHOD),
        "bank_reference": Source("C_BANK_REF", kinds.bank_reference),
        "invoice_nos": Source("C_INV_NO", kinds.invoice_nos),
        "paid_in_full": Source("C_FULL_MRK", MARK),
    },
)

REFUND = Shape(
    "premium_refund",
    shared=("policy_no", "amount"),
    takes={
        "refund_no": Source("C_RCPT_NO", kinds.receipt_no, required=True),
        "paid_on": Source("T_GOT_TM", kinds.day, required=True),
        "payee.name": Source("C_PAYER_NME", kinds.text, required=True),
        "payee.credit_code": Source("C_PAYER_CDE", kinds.credit_code),
        "endorsement_no": Source("C_EDR_NO", kinds.policy_no),
        "reason": Source("C_REASON", kinds.text),
    },
    rules=(settle.magnitudes("amount"),),
)

ENDORSEMENT = Shape(
    "endorsement",
    shared=("policy_no", "endorsement_no", "change", "effective_on"),
    takes={
        "issued_on": Source("T_ISSUE_TM", kinds.day),
        "premium_change.gross": yuan("N_PRM_VAR"),
        "premium_change.net": yuan("N_TAX_PRM_VAR"),
        "premium_change.tax": yuan("N_ADD_RATE_VAR"),
        "changes": Each(
            "CHG_LIST/CHG",
            {
                "field": Source("C_FLD", kinds.text),
                "before": Source("C_BEF", kinds.text),
                "after": Source("C_AFT", kinds.text),
            },
        ),
    },
    rules=(change_kind, settle.third_amount("premium_change"), settle.signs_by_kind),
)

CANCELLATION = Shape(
    "cancellation",
    shared=("policy_no", "endorsement_no", "change", "effective_on"),
    takes={
        "return_premium.gross": yuan("N_PRM_VAR"),
        "return_premium.net": yuan("N_TAX_PRM_VAR"),
        "return_premium.tax": yuan("N_ADD_RATE_VAR"),
        "reason": Source("C_REASON", kinds.text),
    },
    rules=(
        change_kind,
        settle.third_amount("return_premium"),
        settle.signs("return_premium", "negative"),
        settle.magnitudes("return_premium.gross", "return_premium.net", "return_premium.tax"),
    ),
)

MAPPING = Mapping(
    dialect="DIA-CHANNEL-XML",
    title="核心渠道报文 core-channel XML, PACKET/HEAD/BODY, GB18030",
    media_types=("application/xml", "text/xml"),
    format=XmlPackets(
        root="PACKET",
        needs=("BODY",),
        encodings=frozenset({"utf-8", "gb18030"}),
        ignores=frozenset(
            {
                "@type",
                "@version",
                "HEAD/TRANS_TYPE",
                "HEAD/USER",
                "HEAD/PASSWORD",
                "HEAD/SYSTEMFLAG",
                "HEAD/SERIALDECIMAL",
            }
        ),
    ),
    rows=(
        Rows(
            at="BODY/POLICY_LIST/POLICY_DATA",
            key=("policy_no",),
            bucket=("BASE_PART/C_PLY_NO",),
            reads={"policy_no": Source("BASE_PART/C_PLY_NO", kinds.policy_no, required=True)},
            choices=(
                Choice(becomes=always("policy"), shapes={"policy": POLICY}),
                Choice(
                    each="PAY_LIST/PAY",
                    reads={"amount": yuan("N_GOT_PRM")},
                    becomes=paid,
                    shapes={"premium_receipt": PAID_INSTALMENT},
                ),
            ),
            ignores=frozenset(
                {
                    "BASE_PART/C_DPT_CDE",
                    "BASE_PART/C_ORIG_PLY_NO",
                    "BASE_PART/C_FIN_TYP",
                    "BASE_PART/N_INPUT_VAT",
                    "BASE_PART/N_PROV_SUBSIDY_RATE",
                    "BASE_PART/C_OPER_NME",  # staff
                    "BASE_PART/C_SLS_NME",
                    "APPLICANT/C_TEL",  # personal data that we have no ground to keep
                    "APPLICANT/C_MOBILE",
                    "APPLICANT/C_EMAIL",
                    "APPLICANT/C_ADDR",
                    "APPLICANT/C_CNTCT_NME",
                }
            ),
        ),
        Rows(
            at="BODY/RECEIPT_LIST/RECEIPT_DATA",
            key=("receipt_no", "refund_no"),  # a receipt and a refund with one number are two
            bucket=("C_RCPT_NO",),
            reads={
                "policy_no": Source("C_PLY_NO", kinds.policy_no, required=True),
                "amount": yuan("N_AMT", required=True),
            },
            choices=(Choice(becomes=in_or_out, shapes={"premium_receipt": RECEIPT, "premium_refund": REFUND}),),
            ignores=frozenset({"C_ACCT", "C_ACCT_NME", "C_OPER_NME"}),
        ),
        Rows(
            at="BODY/ENDOR_LIST/ENDOR_DATA",
            key=("policy_no", "endorsement_no"),
            bucket=("C_PLY_NO", "C_EDR_NO"),
            reads={
                "policy_no": Source("C_PLY_NO", kinds.policy_no, required=True),
                "endorsement_no": Source("C_EDR_NO", kinds.policy_no, required=True),
                "change": Source("C_EDR_TYP", CHANGE, required=True, field="kind"),
                "effective_on": Source("T_EDR_BGN_TM", kinds.day, required=True),
            },
            choices=(Choice(becomes=changed, shapes={"endorsement": ENDORSEMENT, "cancellation": CANCELLATION}),),
        ),
    ),
    derives={
        # A paid instalment has no number of its own: what the packet states of it names it.
        "premium_receipt": Derived("receipt_no", "RD-", ("policy_no", "instalment_no", "received_on", "amount")),
    },
)
