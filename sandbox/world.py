"""A whole outside world from one number and one moment: authorities, seal maker, insurers, registry, e-policies.

The same seed and moment give the same bytes on each machine, so that a demonstration and a test need nothing from
outside, and a report about them can be compared. All names are invented, all keys are public: nothing made here may
ever be trusted by a gateway that serves anybody.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from sandbox import cases, filings, invoices, ofd, pdf, records, sheets
from sandbox.dialects import Sending, render
from sandbox.insurers import PROFILES, TAX_AUTHORITY, Insurer, Papers, Participant
from sandbox.pki import Pki
from sandbox.records import PolicyFacts, Record

Paper = Literal["current", "expired", "revoked"]
Tamper = Literal["content-changed", "unsigned", "seal-transplant"]

_BEIJING = timezone(timedelta(hours=8))
_HOLDERS = (
    ("示例医药（杭州）有限公司", "91330108MA2XX9T186", "330108"),
    ("示例制药（临海）股份有限公司", "91331082MA28GHJ45X", "331082"),
    ("𠮷祥药业有限公司", "91330100843000017M", "330110"),
    ("示例生物科技（杭州）有限公司", "91330100MA2DTR557F", "330114"),
)
_PRODUCTS = (
    ("示例替尼片", "H", "化学药品1类", "chemical", ["1"], "片剂", "20mg"),
    ("示例单抗注射液", "S", "治疗用生物制品1类", "therapeutic_biologic", ["1"], "注射剂", "100mg/4ml"),
    ("示例颗粒", "Z", "中药1.1类", "tcm", ["1.1"], "颗粒剂", "每袋装5g"),
    ("示例缓释胶囊", "H", "化学药品2.2类", "chemical", ["2.2"], "胶囊剂", "50mg"),
)
_LIMITS = (("50000000", "1.6"), ("40000000", "2"), ("30000000", "1.2"), ("20000000", "0.85"))


class World:
    """The outside world of one `seed` as it stands at the moment `at` (aware; microseconds are dropped)."""

    def __init__(self, seed: int = 1, *, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a moment without a time zone is no moment")
        self.seed = seed
        self.at = at.astimezone(UTC).replace(microsecond=0)
        self.today = self.at.astimezone(_BEIJING).date()
        self._pki = Pki(seed, self.at)

    # Who is there

    @cached_property
    def tax_authority(self) -> Insurer:
        """Who seals invoices: known in the trust directory by the owner `STATE-TAX`; it calls no gateway."""
        return self._pki.insurer(TAX_AUTHORITY, "发票监制章")

    @cached_property
    def insurers(self) -> tuple[Insurer, ...]:
        """SANDBOX-A to SANDBOX-H: seven dialects, OFD and PDF, four algorithms for requests, three for documents."""
        return tuple(self._pki.insurer(profile) for profile in PROFILES)

    def insurer(self, code: str) -> Insurer:
        """The insurer of that code. Raises KeyError."""
        return {one.code: one for one in self.insurers}[code]

    @cached_property
    def subsidy_system(self) -> Participant:
        """The system that pulls verified premiums."""
        return self._pki.participant("subsidy-system", "示例省新药保险补偿系统", "ed25519")

    @cached_property
    def regulator(self) -> Participant:
        """The authority that watches, and pushes filings and decisions."""
        return self._pki.participant("regulator", "示例省金融监管局", "ecdsa-p256-sha256")

    @cached_property
    def operator(self) -> Participant:
        """Who runs the gateway."""
        return self._pki.participant("operator", "示例网关运营中心", "ed25519")

    @cached_property
    def second_operator(self) -> Participant:
        """Who has to agree where one operator alone may not decide."""
        return self._pki.participant("second-operator", "示例网关运营中心", "ecdsa-p256-sha256")

    # Whom to trust

    def trust_dir(self, path: Path, *, since: datetime | None = None) -> None:
        """Write the trust directory of CONTRACTS.md: anchors, intermediates, fresh lists, policy, owners; or, for a
        history, the lists that had stood there since that moment."""
        self._pki.write_trust(path, (*self.insurers, self.tax_authority), since=since)

    @cached_property
    def revocation_lists(self) -> dict[str, bytes]:
        """The revocation list of each authority by name, DER, an hour old and good for thirty days."""
        return self._pki.revocation_lists((*self.insurers, self.tax_authority))

    # What is filed

    @cached_property
    def _filings(self) -> tuple[dict[str, Any], ...]:
        at = self.at.astimezone(_BEIJING)
        return tuple(filing for one in PROFILES for filing in filings.clauses_of(one.code, one.company_code, at))

    def filings(self) -> list[dict[str, Any]]:
        """Every registered clause, as `filing` records."""
        return [dict(filing) for filing in self._filings]

    @property
    def as_of(self) -> date:
        """The day as of which the registry speaks: yesterday."""
        return self.today - timedelta(days=1)

    def registry_json(self) -> bytes:
        """The registry file as JSON."""
        return filings.registry_json(self._filings)

    def registry_csv(self) -> bytes:
        """The registry file as CSV."""
        return filings.registry_csv(self._filings)

    def clause(self, insurer: Insurer, which: Literal["main", "rider", "stopped", "unfiled"]) -> dict[str, str]:
        """A clause of the insurer as a policy names it; `unfiled` is in no registry."""
        own = [one for one in self._filings if one["insurer"] == insurer.code]
        chosen = own[{"main": 0, "rider": 1, "stopped": 2, "unfiled": 0}[which]]
        number, name = chosen["registration_no"], chosen["name"]
        if which == "unfiled":
            number, name = f"{number[:-5]}00099", "药品产品责任保险条款（特别版）"
        return {"registration_no": number, "name": name, "kind": chosen["kind"]}

    # What is insured

    def policy(self, insurer: Insurer, n: int, **overrides: Any) -> PolicyFacts:
        """The insurer's policy number `n`: complete, arithmetic right, issued five to six weeks before the moment.

        Overrides from which the rest follows: `aggregate`, `rate`, `years`, `instalments`, `coinsurance`, `clauses`,
        `policyholder`, `product`, `line`, `issued_on`, `start`, `policy_no`. Others are dotted paths, set at the end,
        whatever they contradict: `**{"premium.gross": "1.00"}`.
        """
        limit, rate = _LIMITS[n % len(_LIMITS)]
        issued_on = overrides.pop("issued_on", self.today - timedelta(days=42 - n % 7))
        name, code, region = _HOLDERS[n % len(_HOLDERS)]
        holder = overrides.pop("policyholder", {"name": name, "credit_code": code, "region": region})
        arguments: dict[str, Any] = {
            "policy_no": f"{insurer.prefix}{issued_on.year}330100{n:08d}",
            "policyholder": holder,
            "product": self._product(n, holder),
            "line": insurer.line,
            "clauses": [self.clause(insurer, "main"), self.clause(insurer, "rider")],
            "issued_on": issued_on,
            "start": issued_on + timedelta(days=5),
            "years": 1,
            "aggregate": limit,
            "rate": rate,
        }
        arguments |= {name: overrides.pop(name) for name in tuple(overrides) if name in arguments}
        arguments |= {name: overrides.pop(name) for name in ("instalments", "coinsurance") if name in overrides}
        facts = records.policy(insurer.code, **arguments)
        return facts.with_(overrides) if overrides else facts

    def receipt(
        self, facts: Record, *, amount: str | None = None, instalment_no: int | None = None, in_full: bool = True
    ) -> Record:
        """The premium, or the given part of it, arrived two days after issue, or on the day of its instalment."""
        number = instalment_no or 1
        day = _day(facts, "issued_on") + timedelta(days=2)
        if instalment_no is not None:
            day = max(day, date.fromisoformat(facts.body["instalments"][number - 1]["due_on"]))
        return records.receipt(
            facts,
            receipt_no=f"SK{day:%Y%m%d}{facts.policy_no[-8:]}{number:02d}",
            amount=amount or str(facts.get("premium.gross")),
            received_on=day,
            instalment_no=instalment_no,
            in_full=in_full,
        )

    def invoice(self, facts: Record, *, gross: str | None = None, red_of: str | None = None, number: int = 1) -> Record:
        """The invoice 发票 of the premium, or of `gross`, a day after issue; or the red letter of `red_of`."""
        insurer = self.insurer(facts.insurer)
        day = _day(facts, "issued_on") + timedelta(days=1)
        return invoices.invoice(
            facts,
            invoice_no=f"{day:%y}33{facts.policy_no[-8:]}{number:02d}{'1' if red_of else '0'}00000",
            issued_on=day,
            seller={"name": insurer.name, "credit_code": insurer.credit_code},
            gross=gross or str(facts.get("premium.gross")),
            red_of=red_of,
        )

    def cancellation(self, facts: Record, *, gross: str | None = None) -> Record:
        """The policy ended ten days before the moment; the whole premium, or `gross`, is to be returned."""
        return records.cancellation(
            facts,
            endorsement_no=self._endorsement_no(facts, 1),
            effective_on=self.today - timedelta(days=10),
            gross=gross or str(facts.get("premium.gross")),
            reason="投保人申请退保",
        )

    def refund(self, facts: Record, *, amount: str | None = None) -> Record:
        """The whole premium, or `amount`, went back three days before the moment."""
        day = self.today - timedelta(days=3)
        return records.refund(
            facts,
            refund_no=f"TF{day:%Y%m%d}{facts.policy_no[-8:]}01",
            endorsement_no=self._endorsement_no(facts, 1),
            amount=amount or str(facts.get("premium.gross")),
            paid_on=day,
            reason="投保人申请退保",
        )

    def endorsement(self, facts: Record, *, kind: str = "increase", gross: str | None = "10000.00") -> Record:
        """A change of the policy two weeks before the moment; `gross` is the signed change of premium."""
        day = self.today - timedelta(days=14)
        return records.endorsement(
            facts,
            endorsement_no=self._endorsement_no(facts, 2),
            kind=kind,
            issued_on=day,
            effective_on=day,
            gross=gross,
        )

    # What is sent

    def render_message(
        self, insurer: Insurer, sent: Sequence[Record], message_id: str, sent_at: datetime | None = None
    ) -> tuple[str, bytes]:
        """The records in the insurer's own dialect: media type and bytes. Raises ValueError for what it cannot say."""
        by = Sending(insurer.code, message_id, sent_at or self.at)
        return render(insurer.dialect, sent, by)

    def e_policy(
        self,
        insurer: Insurer,
        facts: Record,
        *,
        facts_shown: Record | None = None,
        signer: Insurer | None = None,
        tamper: Tamper | None = None,
        certificate: Paper = "current",
    ) -> bytes:
        """The sealed e-policy of `facts`, in the insurer's format.

        `facts_shown` is what the page says where it differs: before sealing, or after it with `content-changed`.
        `signer` is whose seal is on it; `certificate` which of their papers. `unsigned` has no seal; `seal-transplant`
        has a genuine seal under a stranger's key (OFD), or the insurer's name in a stranger's certificate (PDF).
        """
        owner = signer or insurer
        sealed, shown = facts, facts_shown or facts
        if tamper != "content-changed":
            sealed = shown
        at = datetime.combine(_day(facts, "issued_on"), time(10), _BEIJING)
        sheet = [
            sheets.policy_sheet(insurer.document_profile, one, insurer.name, owner.seal_name) for one in (sealed, shown)
        ]
        attached = [
            {"policy.xml": sheets.policy_attachment(one)} if insurer.document_profile == "DOC-OFD-XML" else {}
            for one in (sealed, shown)
        ]
        return self._document(insurer, owner, sheet, attached, at, tamper, certificate)

    def premium_statement(
        self,
        insurer: Insurer,
        receipt: Record,
        *,
        signer: Insurer | None = None,
        tamper: Tamper | None = None,
        certificate: Paper = "current",
    ) -> bytes:
        """The sealed statement that a premium arrived 保费收讫证明, in the insurer's format."""
        owner = signer or insurer
        at = datetime.combine(_day(receipt, "received_on"), time(16), _BEIJING)
        sheet = sheets.statement_sheet(insurer.document_profile, receipt, insurer.name, owner.seal_name)
        return self._document(insurer, owner, [sheet, sheet], [{}, {}], at, tamper, certificate)

    def e_invoice(self, record: Record, *, shown: Record | None = None, signer: Insurer | None = None) -> bytes:
        """The invoice as OFD under the tax authority's seal, or `signer`'s; `shown` is what it says instead."""
        says = shown or record
        at = datetime.combine(_day(record, "issued_on"), time(12), _BEIJING)
        sheet, attached = invoices.invoice_sheet(says), {"invoice.xml": invoices.invoice_xml([says])}
        owner = signer or self.tax_authority
        return self._document(owner, owner, [sheet, sheet], [attached, attached], at, None, "current")

    def attach(self, record: Record, kind: str, document: bytes, media_type: str) -> Any:
        """The record with the document named by its digest, as SCHEMA.md `documents`."""
        entry = {"kind": kind, "digest": f"sha256:{sha256(document).hexdigest()}", "media_type": media_type}
        return record.with_({"documents": [*record.body.get("documents", ()), entry]})

    def cases(self) -> "list[cases.Case]":
        """What a gateway must get right: honest premiums, and one way to cheat each."""
        return cases.all_cases(self)

    # How it is made

    def _document(
        self,
        insurer: Insurer,
        owner: Insurer,
        sheet: Sequence[sheets.Sheet],
        attached: Sequence[Mapping[str, bytes]],
        at: datetime,
        tamper: Tamper | None,
        certificate: Paper,
    ) -> bytes:
        """`sheet` and `attached` as sealed and as shown."""
        papers = self._pki.stranger(owner) if tamper == "seal-transplant" else owner.papers[certificate]
        if insurer.document_format == "ofd":
            return self._ofd(papers, sheet, attached, at, tamper)
        page = pdf.write_page(sheet[0])
        if tamper == "unsigned":
            return page
        if owner.document_format != "pdf":
            raise ValueError("an SM2 seal does not fit into the sandbox's PDF")
        signed = pdf.sign_pdf(
            page,
            papers.holder,
            chain=() if tamper == "seal-transplant" else (self._pki.rsa_ca.holder.certificate,),
            at=at,
            pades=owner.papers["current"].holder.key.algorithm.startswith("ecdsa"),
        )
        if tamper == "content-changed":
            return pdf.replace_page(signed, page, pdf.write_page(sheet[1], length=len(page)))
        return signed

    def _ofd(
        self,
        papers: Papers,
        sheet: Sequence[sheets.Sheet],
        attached: Sequence[Mapping[str, bytes]],
        at: datetime,
        tamper: Tamper | None,
    ) -> bytes:
        parts, changed = (
            ofd.unsealed_parts(one, created=at, attachments=files) for one, files in zip(sheet, attached, strict=True)
        )
        if tamper == "unsigned":
            return ofd.write_ofd(parts)
        if papers.seal is None:
            raise ValueError("the owner of this certificate has no seal")
        sealed = ofd.sealed_parts(parts, papers.seal, papers.holder, at=at)
        if tamper == "content-changed":
            sealed = ofd.transplanted_parts(sealed, changed)
        return ofd.write_ofd(sealed)

    def _product(self, n: int, holder: Mapping[str, str]) -> dict[str, Any]:
        name, letter, printed, group, codes, form, specification = _PRODUCTS[n % len(_PRODUCTS)]
        year = self.today.year - 2
        party = {"name": holder["name"], "credit_code": holder["credit_code"]}
        return {
            "kind": "drug",
            "generic_name": name,
            "approval_no": f"国药准字{letter}{year}{n % 10000:04d}",
            "approval_date": f"{year}-06-28",
            "registration_class": printed,
            "class_group": group,
            "class_codes": codes,
            "holder": party,
            "manufacturer": party,
            "dosage_form": form,
            "specification": specification,
        }

    def _endorsement_no(self, facts: Record, number: int) -> str:
        return f"E{facts.policy_no[1:]}{number:02d}"


def _day(record: Record, field: str) -> date:
    return date.fromisoformat(str(record.body[field]))
