"""Files of the twelve dialects, as many rows as asked for: what `formats` races and `streams` reads through.

A row is a policy with its rate, its clause and its product, where the dialect has those, and with what was paid of it;
the dialects of receipts and invoices have those instead. Policy numbers differ in every row; policyholders, products,
days and amounts repeat as they do in the lists of a market.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import BinaryIO

from adapters.delimited import DelimitedText
from adapters.insurers.dia_east_txt import MAPPING as EAST
from schemas.identifiers import credit_check_character

_HOLDERS = 997
_FIRST = date(2026, 1, 1)
_CLAUSE = "C00009930912025061000011"


@dataclass(frozen=True, slots=True)
class Sold:
    """What one row says. Amounts in fen; the rate in tenths of a percent gives the premium."""

    number: int
    name: str
    latin: str
    code: str
    product: int
    start: date
    end: date
    paid_on: date
    limit: int
    tenths: int
    gross: int
    tax: int

    @property
    def net(self) -> int:
        """Without tax."""
        return self.gross - self.tax


def sold(number: int) -> Sold:
    """Row `number`, the same at every call."""
    holder, start = number * 7 % _HOLDERS, _FIRST + timedelta(days=number * 11 % 365)
    wan, tenths = 500 + number * 37 % 4_999, 5 + number * 13 % 40
    gross = wan * 1000 * tenths
    code = f"9133010{holder % 9 + 1}MA2{holder:06d}"
    return Sold(
        number=number,
        name=f"示例医药{holder:03d}（杭州）有限公司",
        latin=f"DEMO PHARMA {holder:03d} (HANGZHOU) CO. LTD.",
        code=code + credit_check_character(code),
        product=holder % 120,
        start=start,
        end=_year_later(start) - timedelta(days=1),
        paid_on=start - timedelta(days=number % 9),
        limit=wan * 1_000_000,
        tenths=tenths,
        gross=gross,
        tax=(gross * 12 + 106) // 212,  # to the nearest fen
    )


def _year_later(day: date) -> date:
    return day.replace(year=day.year + 1)


def yuan(fen: int) -> str:
    """`12800.00`."""
    return f"{fen // 100}.{fen % 100:02d}"


def _wan(fen: int) -> str:
    whole, part = divmod(fen, 1_000_000)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".")


_LIST_HEAD = (
    "保单号,批单号,投保人,统一社会信用代码,被保险产品,批准文号,批准日期,险种,起保日期,终保日期,"
    "累计责任限额（万元）,费率,应收保费(万元),实收保费(万元),收费日期,发票号码,共保比例,备注"
)


def policy_list(rows: int) -> Iterator[bytes]:
    """DIA-CSV-LIST, a piece at a time."""
    yield _LIST_HEAD.encode("gb18030") + b"\r\n"
    for one in map(sold, range(rows)):
        cells = (
            *(f"PZAC2026{one.number:014d}", "", one.name, one.code, f"示例替尼片{one.product}"),
            *(f"国药准字H2023{one.product:04d}", "2023-06-28", "产品责任保险"),
            *(f"{one.start.year}-{one.start.month}-{one.start.day}", one.end.isoformat(), _wan(one.limit)),
            *(f"{one.tenths / 10:g}%", _wan(one.gross), _wan(one.gross), f"{one.paid_on:%Y/%m/%d}"),
            *(f"26337{one.number:015d}", "100%", ""),
        )
        yield ",".join(cells).encode("gb18030") + b"\r\n"


_CRS_HEAD = (
    "Certificate Reference,Insured Name,Insured Registration Number,Original Currency,Sum Insured Amount,"
    "CR0021 Total Gross Written Premium,CR0022,Risk Inception Date,CR0031 Risk Expiry Date,"
    "CR0056 Premium Transaction Type,CR0057 Effective Date of Transaction,CR0059 Gross Premium Paid This Time,"
    "CR0064 Total Taxes and Levies,Date Premium Received,Payer Name"
)


def movements(rows: int) -> Iterator[bytes]:
    """DIA-CRS-CSV."""
    yield _CRS_HEAD.encode() + b"\r\n"
    for one in map(sold, range(rows)):
        start = f"{one.start.day}/{one.start.month}/{one.start.year}"
        cells = (
            *(f"CNZJ26-LSC-{one.number:07d}", one.latin, one.code, "CNY", f'"{one.limit // 100:,}"', yuan(one.net)),
            *("New Business", start, f"{one.end:%d/%m/%Y}", "Original Premium", start, yuan(one.net), yuan(one.tax)),
            *(f"{one.paid_on:%d/%m/%Y}", one.latin),
        )
        yield ",".join(cells).encode() + b"\r\n"


def extract(rows: int) -> Iterator[bytes]:
    """DIA-EAST-TXT, table CXBDXX."""
    assert isinstance(EAST.format, DelimitedText)
    columns, total = EAST.format.tables["CXBDXX"].columns, 0
    yield b"H|!|CXBDXX|!|20260331|!|UTF-8|!|v1\n" + "|!|".join(columns).encode() + b"\n"
    usual = {
        "保险机构代码": "000099330000",
        "保险机构名称": "甲财产保险股份有限公司浙江分公司",
        "采集日期": "20260331",
        "标的序号": "1",
        "险类": "责任保险",
        "险种名称": "产品责任保险",
        "条款注册号": _CLAUSE,
        "投保人证件类型": "统一社会信用代码",
        "行政区划": "330108",
        "批准日期": "20230628",
        "注册分类": "化学药品1类",
        "币种": "CNY",
        "共保标志": "否",
        "业务员": "***",
    }
    for one in map(sold, range(rows)):
        total += one.gross
        row = usual | {
            "流水号": f"00009933000020260331{one.number:010d}",
            "保单编号": f"PZAC2026{one.number:014d}",
            "投保人名称": one.name,
            "投保人证件号码": one.code,
            "被保险人名称": one.name,
            "被保险人证件号码": one.code,
            "产品通用名": f"示例替尼片{one.product}",
            "批准文号": f"国药准字H2023{one.product:04d}",
            "签单日期": f"{one.paid_on:%Y%m%d}",
            "保险起期": f"{one.start:%Y%m%d}",
            "保险止期": f"{one.end:%Y%m%d}",
            "保险金额": yuan(one.limit),
            "费率": f"{one.tenths / 1000:g}",
            "保费": yuan(one.gross),
            "不含税保费": yuan(one.net),
            "税额": yuan(one.tax),
        }
        yield "|!|".join([row.get(name, "") for name in columns]).encode() + b"\n"
    yield f"T|!|{rows}|!|{yuan(total)}\n".encode()


def groups(rows: int) -> Iterator[bytes]:
    """DIA-ACORD-AL3."""
    yield _columns(172, {1: "1MHG172"})
    for one in map(sold, range(rows)):
        yield _columns(212, {1: "2TRG212", 25: "CGL", 168: "NBS", 197: f"{one.paid_on:%Y%m%d}"})
        yield _columns(150, {1: "5BIS150", 31: one.latin, 91: one.code})
        bpi = {
            31: f"CNZJ26LSC{one.number:07d}",
            61: f"{one.start:%Y%m%d}",
            69: f"{one.end + timedelta(days=1):%Y%m%d}",
            81: f"{one.gross:011d}+",
            93: f"{one.tax:011d}+",
            105: "CNY",
        }
        yield _columns(150, {1: "5BPI150", **bpi})
        cover = {31: "PROD", 46: f"{one.limit // 100:011d}", 79: f"{one.tenths * 1000:06d}"}
        yield _columns(120, {1: "5CVG120", **cover})
    yield _columns(16, {1: "3MTG016", 9: f"{rows:06d}"})


def _columns(length: int, fields: dict[int, str]) -> bytes:
    line = [" "] * length
    for first, text in fields.items():
        line[first - 1 : first - 1 + len(text)] = text
    return "".join(line).encode("ascii")


def packet(rows: int) -> Iterator[bytes]:
    """DIA-CHANNEL-XML."""
    yield b'<?xml version="1.0" encoding="GBK"?>\n<PACKET type="REQUEST" version="1.0"><BODY><POLICY_LIST>\n'
    for one in map(sold, range(rows)):
        text = (
            f"<POLICY_DATA><BASE_PART><C_PROD_NO>ZAC00</C_PROD_NO><C_PLY_NO>PZAC2026{one.number:014d}</C_PLY_NO>"
            f"<T_ISSUE_TM>{one.paid_on} 10:12:33</T_ISSUE_TM><T_INSRNC_BGN_TM>{one.start} 00:00:00</T_INSRNC_BGN_TM>"
            f"<T_INSRNC_END_TM>{one.end} 23:59:59</T_INSRNC_END_TM><N_AMT>{yuan(one.limit)}</N_AMT>"
            f"<N_PRM>{yuan(one.gross)}</N_PRM><N_TAX_PRM>{yuan(one.net)}</N_TAX_PRM>"
            f"<N_ADD_RATE>{yuan(one.tax)}</N_ADD_RATE><N_RATE>{one.tenths / 10:g}</N_RATE><C_CI_MRK>0</C_CI_MRK>"
            f"<C_FIN_TYP>001</C_FIN_TYP></BASE_PART>\n<APPLICANT><C_APP_NME>{one.name}</C_APP_NME>"
            f"<C_CERTF_CLS>14</C_CERTF_CLS><C_CERTF_CDE>{one.code}</C_CERTF_CDE></APPLICANT>"
            f"<CVRG_LIST><CVRG><C_CVRG_NO>ZAC00</C_CVRG_NO><C_REG_NO>{_CLAUSE}</C_REG_NO>"
            "<C_CLAUSE_NME>药品产品责任保险条款</C_CLAUSE_NME></CVRG></CVRG_LIST>"
            f"<OBJ_LIST><OBJ><C_DRUG_NME>示例替尼片{one.product}</C_DRUG_NME>"
            f"<C_APPROVE_NO>国药准字H2023{one.product:04d}</C_APPROVE_NO><T_APPROVE>20230628</T_APPROVE>"
            "<C_REG_CLS>化学药品1类</C_REG_CLS></OBJ></OBJ_LIST>"
            f"<PAY_LIST><PAY><N_TMS>1</N_TMS><T_PAY_TM>{one.paid_on}</T_PAY_TM><N_GET_PRM>{yuan(one.gross)}</N_GET_PRM>"
            f"<N_GOT_PRM>{yuan(one.gross)}</N_GOT_PRM><T_GOT_TM>{one.paid_on} 14:03:59</T_GOT_TM>"
            f"<C_INV_NO>26337{one.number:015d}</C_INV_NO></PAY></PAY_LIST></POLICY_DATA>\n"
        )
        yield text.encode("gb18030")
    yield b"</POLICY_LIST></BODY></PACKET>\n"


def soap(rows: int) -> Iterator[bytes]:
    """DIA-SOAP-XML has one message a file: policy number `rows`."""
    one = sold(rows)
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/'
        'envelope/" xmlns:ser="urn:example:premium"><soapenv:Header/><soapenv:Body><ser:receive><ser:in0><![CDATA['
        '<?xml version="1.0" encoding="GBK"?>\n<Packet type="REQUEST" version="1.0"><Head>\n'
        "<RequestType>10</RequestType><User>u</User><Password>*</Password><RequestTime>20260301090000</RequestTime>"
        "<SerialNo>20260301000001</SerialNo><AmountUnit>YUAN</AmountUnit></Head>\n<Body><Policy>"
        f"<PolicyNo>{6300260828000000000 + one.number}</PolicyNo><ProductCode>DL</ProductCode>"
        f"<SignDate>{one.paid_on:%Y%m%d}101500</SignDate><StartTime>{one.start:%Y%m%d}000000</StartTime>"
        f"<EndTime>{one.end:%Y%m%d}235959</EndTime><SumInsured>{yuan(one.limit)}</SumInsured>"
        f"<Premium>{yuan(one.gross)}</Premium><PremiumNoTax>{yuan(one.net)}</PremiumNoTax><Tax>{yuan(one.tax)}</Tax>"
        f'<Rate unit="‰">{one.tenths}</Rate></Policy>\n<PolicyHolder><Name>{one.name}</Name><IdType>71</IdType>'
        f"<IdNo>{one.code}</IdNo></PolicyHolder>\n<Product><GenericName>示例替尼片{one.product}</GenericName>"
        f"<ApprovalNo>H2023{one.product:04d}</ApprovalNo><ApprovalDate>20230628</ApprovalDate>"
        f"<Class>化学药品１类</Class><Holder>{one.name}</Holder><HolderIdNo>{one.code}</HolderIdNo></Product>\n"
        f"<ClauseList><Clause><RegNo>{_CLAUSE}</RegNo><Name>药品责任保险条款</Name></Clause></ClauseList>"
        f"<PlanList><Plan><No>1</No><DueDate>{one.start}</DueDate><Amount>{yuan(one.gross)}</Amount></Plan></PlanList>"
        "</Body></Packet>]]></ser:in0></ser:receive></soapenv:Body></soapenv:Envelope>\n"
    ).encode()


def requests(rows: int) -> Iterator[bytes]:
    """DIA-ACORD-XML."""
    space = "http://www.ACORD.org/standards/PC_Surety/ACORD1/xml/"
    yield f'<?xml version="1.0"?>\n<ACORD xmlns="{space}"><SignonRq/><InsuranceSvcRq><RqUID>1</RqUID>\n'.encode()
    for one in map(sold, range(rows)):
        yield (
            f"<CommlPkgPolicyAddRq><RqUID>{one.number:032x}</RqUID>"
            "<TransactionRequestDt>2026-03-02</TransactionRequestDt>\n<InsuredOrPrincipal><GeneralPartyInfo><NameInfo>"
            f"<CommlName><CommercialName>{one.latin}</CommercialName></CommlName><TaxIdentity>"
            f"<TaxIdTypeCd>USCC</TaxIdTypeCd><TaxId>{one.code}</TaxId></TaxIdentity></NameInfo></GeneralPartyInfo>"
            "<InsuredOrPrincipalInfo><InsuredOrPrincipalRoleCd>FNI</InsuredOrPrincipalRoleCd></InsuredOrPrincipalInfo>"
            f'</InsuredOrPrincipal>\n<CommlPolicy id="P{one.number}">'
            f"<PolicyNumber>CNZJ26-LSC-{one.number:07d}</PolicyNumber><LOBCd>CGL</LOBCd><ContractTerm>"
            f"<EffectiveDt>{one.start}</EffectiveDt><ExpirationDt>{one.end + timedelta(days=1)}</ExpirationDt>"
            f"</ContractTerm><CurrentTermAmt><Amt>{yuan(one.gross)}</Amt><CurCd>CNY</CurCd></CurrentTermAmt>"
            f"<com.insurerz_VATAmt><Amt>{yuan(one.tax)}</Amt></com.insurerz_VATAmt></CommlPolicy>\n"
            "<GeneralLiabilityLineBusiness><LOBCd>CGL</LOBCd><LiabilityInfo><CommlCoverage>"
            f"<CoverageCd>PRDCO</CoverageCd><Limit><FormatInteger>{one.limit // 100}</FormatInteger>"
            f"<LimitAppliesToCd>Aggregate</LimitAppliesToCd></Limit><Rate>{one.tenths / 1000:g}</Rate>"
            "</CommlCoverage></LiabilityInfo></GeneralLiabilityLineBusiness></CommlPkgPolicyAddRq>\n"
        ).encode()
    yield b"</InsuranceSvcRq></ACORD>\n"


def invoices(rows: int) -> Iterator[bytes]:
    """DIA-EINV-XML, several in one file."""
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<EInvoices>\n'
    for one in map(sold, range(rows)):
        number = f"26337{one.number:015d}"
        yield (
            f"<EInvoice><Header><EIid>{number}</EIid><EInvoiceTag>SWEI3300</EInvoiceTag><Version>0.32</Version>"
            "<InherentLabel><InIssuType><LabelCode>Y</LabelCode><LabelName>是否蓝字发票标志</LabelName></InIssuType>"
            "</InherentLabel></Header>\n<EInvoiceData><SellerInformation><SellerIdNum>91330100843000017M</SellerIdNum>"
            "<SellerName>甲财产保险股份有限公司浙江分公司</SellerName></SellerInformation><BuyerInformation>"
            f"<BuyerIdNum>{one.code}</BuyerIdNum><BuyerName>{one.name}</BuyerName></BuyerInformation>\n"
            f"<BasicInformation><TotalAmWithoutTax>{yuan(one.net)}</TotalAmWithoutTax>"
            f"<TotalTaxAm>{yuan(one.tax)}</TotalTaxAm>"
            f"<TotalTax-includedAmount>{yuan(one.gross)}</TotalTax-includedAmount><Drawer>系统</Drawer>"
            f"<RequestTime>{one.paid_on} 09:30:11</RequestTime></BasicInformation>\n<IssuItemInformation>"
            "<ItemName>*保险服务*产品责任保险</ItemName><MeaUnits>单</MeaUnits><Quantity>1</Quantity>"
            f"<Amount>{yuan(one.net)}</Amount><TaxRate>0.06</TaxRate><ComTaxAm>{yuan(one.tax)}</ComTaxAm>"
            f"<TotaltaxIncludedAmount>{yuan(one.gross)}</TotaltaxIncludedAmount></IssuItemInformation>"
            f"<AdditionalInformation><Remark>保单号:PZAC2026{one.number:014d}</Remark></AdditionalInformation>"
            f"</EInvoiceData><TaxSupervisionInfo><InvoiceNumber>{number}</InvoiceNumber>"
            f"<IssueTime>{one.paid_on}</IssueTime></TaxSupervisionInfo></EInvoice>\n"
        ).encode()
    yield b"</EInvoices>\n"


def messages(rows: int) -> Iterator[bytes]:
    """DIA-CANON-JSON, JSON Lines."""
    for one in map(sold, range(rows)):
        yield (
            _json(
                {
                    "schema": "premium-exchange/1.0",
                    "type": "policy",
                    "message_id": f"M-{one.number}",
                    "insurer": "DIA-CANON-JSON",
                    "sent_at": "2026-03-02T09:00:00+08:00",
                    "record": {
                        "policy_no": f"PZAC2026{one.number:014d}",
                        "policyholder": {"name": one.name, "credit_code": one.code, "region": "330108"},
                        "line": "product_liability",
                        "issued_on": one.paid_on.isoformat(),
                        "period": {"start": one.start.isoformat(), "end": one.end.isoformat()},
                        "limits": {"aggregate": yuan(one.limit)},
                        "rate_percent": f"{one.tenths / 10:g}",
                        "rate_base": {"kind": "aggregate_limit", "amount": yuan(one.limit)},
                        "premium": {
                            "gross": yuan(one.gross),
                            "net": yuan(one.net),
                            "tax": yuan(one.tax),
                            "currency": "CNY",
                        },
                        "clauses": [{"registration_no": _CLAUSE, "name": "药品产品责任保险条款", "kind": "main"}],
                        "product": {
                            "kind": "drug",
                            "generic_name": f"示例替尼片{one.product}",
                            "approval_no": f"国药准字H2023{one.product:04d}",
                            "registration_class": "化学药品1类",
                            "class_group": "chemical",
                            "class_codes": ["1"],
                        },
                    },
                }
            )
            + b"\n"
        )


def tables(rows: int) -> Iterator[bytes]:
    """DIA-PRPC-JSON, an array of policies with their instalment and its receipt."""
    for one in map(sold, range(rows)):
        policy = {
            "prpCmain": {
                "policyNo": f"PZAC2026{one.number:014d}",
                "riskCode": "ZAC",
                "startDate": one.start.isoformat(),
                "startHour": 0,
                "endDate": one.end.isoformat(),
                "endHour": 24,
                "sumAmount": one.limit // 100,
                "sumPremium": one.gross / 100,
                "currency": "CNY",
                "coinsFlag": "0",
                "appliCode": one.code,
                "appliName": one.name,
            },
            "prpCitemKind": [{"kindCode": "ZAC001", "clauseCode": _CLAUSE, "rate": one.tenths / 10, "rateUnit": "%"}],
            "prpCplan": [
                {
                    "payNo": 1,
                    "payReason": "R10",
                    "planDate": one.start.isoformat(),
                    "planFee": one.gross / 100,
                    "delinquentFee": 0,
                    "netPremium": one.net / 100,
                    "taxPremium": one.tax / 100,
                }
            ],
            "prpJpayrefrec": [
                {
                    "payNo": 1,
                    "payRefNo": f"PR{one.number:011d}",
                    "realPayRefFee": one.gross / 100,
                    "realPayRefDate": one.paid_on.isoformat(),
                    "payerName": one.name,
                    "payerCode": one.code,
                    "invoiceNo": f"26337{one.number:015d}",
                }
            ],
        }
        yield (b"[" if one.number == 0 else b",\n") + _json(policy)
    yield b"]\n"


def confirmations(rows: int) -> Iterator[bytes]:
    """DIA-RECEIPT-JSON."""
    yield b'{"head": {"reqNo": "R1", "reqTime": "20260226153000", "orgCode": "33010000"}, "data": ['
    for one in map(sold, range(rows)):
        receipt = {
            "保单号": f"PZAC2026{one.number:014d}",
            "收付流水号": f"SK{one.number:012d}",
            "缴费方名称": one.name,
            "缴费方统一社会信用代码": one.code,
            "缴费账号": "3301****",
            "收款金额": f"人民币{in_words(one.gross)}",
            "收款金额小写": f"¥{one.gross // 100:,}.{one.gross % 100:02d}",
            "到账时间": f"{one.paid_on} 10:15:00",
            "收款原因": "R10",
            "期次": 1,
            "是否全额": "是",
            "付款方式": "银行转账",
            "银行流水号": f"BR{one.number:08d}",
            "发票号码": [f"26337{one.number:015d}"],
        }
        yield (b"" if one.number == 0 else b",\n") + _json(receipt)
    yield b"]}\n"


_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")


def in_words(fen: int) -> str:
    """The amount in words, of whole tens of yuan below 亿."""
    above, below = divmod(fen // 100, 10_000)
    gap = "零" if (above and 0 < below < 1000) or (above and below and above % 10 == 0) else ""
    return (f"{_four(above)}万" if above else "") + gap + _four(below) + "元整"


def _four(number: int) -> str:
    found = ""
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            found += _DIGITS[digit] + _PLACES[place]
        elif found and not found.endswith("零"):
            found += "零"
    return found.rstrip("零")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_WORKBOOK = {
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default '
    'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default '
    'Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.'
    'openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="清单" sheetId="1" '
    'r:id="s1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="st" '
    f'Type="{_OFFICE}/styles" Target="styles.xml"/><Relationship Id="s1" Type="{_OFFICE}/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill>'
    '<patternFill/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2">'
    '<xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
}
_SHEET_COLUMNS = (
    *("序号", "保单号", "投保人", "统一社会信用代码", "起期", "止期", "产品名称", "批准文号", "责任限额"),
    *("费率(‰)", "含税保费", "其中：增值税", "实收金额", "到账日期"),
)
_DAY_ZERO = date(1899, 12, 30)


def bordereau(rows: int) -> Iterator[bytes]:
    """The sheet of DIA-XLSX-BDX, as its part of the workbook."""
    yield f'<?xml version="1.0"?>\n<worksheet xmlns="{_MAIN}"><sheetData>'.encode()
    yield _sheet_row(1, ["", "单位：人民币元"])
    yield _sheet_row(2, ["", "保单信息"])
    yield _sheet_row(3, list(_SHEET_COLUMNS))
    for one in map(sold, range(rows)):
        start, end, paid = ((day - _DAY_ZERO).days for day in (one.start, one.end, one.paid_on))
        cells: list[str | int | float] = [
            *(one.number + 1, f"1055{one.number:015d}", one.name, one.code, start, end, f"示例替尼片{one.product}"),
            *(f"国药准字H2023{one.product:04d}", one.limit // 100, one.tenths, one.gross / 100, one.tax / 100),
            *(f"{one.gross // 100:,}.{one.gross % 100:02d}", paid),
        ]
        yield _sheet_row(one.number + 4, cells)
    yield b'</sheetData><mergeCells count="1"><mergeCell ref="B2:N2"/></mergeCells></worksheet>'


def _sheet_row(number: int, cells: list[str | int | float]) -> bytes:
    found = "".join(
        f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
        if isinstance(cell, str)
        else f'<c r="{chr(65 + at)}{number}"><v>{cell}</v></c>'
        for at, cell in enumerate(cells)
        if cell != ""
    )
    return f'<row r="{number}">{found}</row>'.encode()


def workbook(rows: int) -> Iterator[bytes]:
    """DIA-XLSX-BDX, in one piece."""
    stream = io.BytesIO()
    workbook_into(stream, bordereau(rows))
    yield stream.getvalue()


def workbook_into(file: BinaryIO, sheet: Iterator[bytes]) -> None:
    """A workbook of one sheet, whose part comes a piece at a time."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, text in _WORKBOOK.items():
            archive.writestr(name, text)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for piece in sheet:
                part.write(piece)


FILES: dict[str, Callable[[int], Iterator[bytes]]] = {
    "DIA-CHANNEL-XML": packet,
    "DIA-SOAP-XML": soap,
    "DIA-CSV-LIST": policy_list,
    "DIA-XLSX-BDX": workbook,
    "DIA-PRPC-JSON": tables,
    "DIA-CANON-JSON": messages,
    "DIA-ACORD-XML": requests,
    "DIA-ACORD-AL3": groups,
    "DIA-CRS-CSV": movements,
    "DIA-RECEIPT-JSON": confirmations,
    "DIA-EINV-XML": invoices,
    "DIA-EAST-TXT": extract,
}


def file_of(code: str, rows: int) -> bytes:
    """A file of that many rows."""
    return b"".join(FILES[code](rows))
