"""The shapes and the rows of one place of a sample, as the text of a mapping."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from adapters.onboarding.decide import Decided, Proposed, Taken, constant
from adapters.onboarding.source_text import cut, plain, quoted, tuple_of

if TYPE_CHECKING:
    from adapters.onboarding.module import Writing


_CHANGES = ("endorsement", "cancellation")  # which need not state a premium


class Shapes:
    """The shapes and the rows of one place."""

    def __init__(self, writing: "Writing", decided: Decided, suffix: str) -> None:
        self.writing, self.decided, self.suffix = writing, decided, suffix
        self.taken = writing.takes(decided)
        self.is_sheet = writing.sample.container == "XLSX"

    def lines(self) -> Iterator[str]:
        """Tables of codes, then shapes."""
        codes = {name: table for name, table in self.decided.codes.items() if name in self.taken}
        for name, table in codes.items():
            one = self.taken[name]
            title = f"{constant(one.target)}{self.suffix}"
            if not table:
                yield f"{title} = code({{}})"
                continue
            yield f"{title} = code("
            yield "    {"
            yield from (f"        {quoted(text)}: {_meant(name, meaning)}," for text, meaning in table.items())
            yield "    }"
            yield ")"
        if codes:
            yield ""
        records = self.decided.records
        if not self.writing.draft:
            for proposed in self.decided.lists.values():
                yield from self._proposal(proposed)
        if "policy" in records:
            yield from self._shape("POLICY", "policy", ("policy_no",), self._of("policy"), self._policy_rules())
            if "endorsement_no" in self.taken:
                yield from self._changes()
        if "receipt" in records:
            yield from self._receipts()
        if "invoice" in records:
            yield from self._shape(
                "INVOICE", "invoice", ("invoice_no",), self._of("invoice", "invoice_no"), ["invoice"]
            )

    def _proposal(self, proposed: Proposed) -> Iterator[str]:
        """A list within the rows, which nothing takes yet."""
        kind = proposed.kind
        yield "# 建议，尚未取用 proposed, and taken by nothing yet"
        yield f"{kind.field.upper()}{self.suffix} = Each("
        yield f"    {quoted(proposed.listed.path)},"
        yield "    {"
        for field, name in proposed.fields.items():
            yield f"        {quoted(field)}: Source({quoted(name)}, kinds.{kind.kinds[field]}),"
        yield "    },"
        if kind.rules:
            yield f"    rules=({kind.rules},),"
        yield ")"
        yield ""

    def _of(self, record: str, *but: str) -> dict[str, Taken]:
        return {
            one.target.path: one
            for one in self.taken.values()
            if one.target.record == record and one.target.path not in but
        }

    def _shape(
        self, constant_name: str, record: str, shared: tuple[str, ...], takes: dict[str, Taken], rules: list[str]
    ) -> Iterator[str]:
        name = f"{constant_name}{self.suffix}"
        # Whoever takes a list into it will want the wider type.
        typed = ": Takes" if record == "policy" and self.decided.lists and not self.writing.draft else ""
        yield f"{name}_TAKES{typed} = {{"
        for path, one in takes.items():
            yield cut(f"    # {plain(one.why)}")
            yield f"    {quoted(path)}: {self._source(one, required=None if record not in _CHANGES else False)},"
        yield "}"
        yield f"{name} = Shape("
        yield f"    {quoted(record)},"
        yield f"    shared={tuple_of(shared)},"
        yield f"    takes={name}_TAKES,"
        rules = [f"formula_notes({name}_TAKES)", *rules] if self.is_sheet else rules
        if len(rules) == 1:
            yield f"    rules=({rules[0]},),"
        elif rules:
            yield "    rules=("
            yield from (f"        {rule}," for rule in rules)
            yield "    ),"
        yield ")"
        yield ""

    def _source(self, one: Taken, *, required: bool | None = None) -> str:
        text = self.writing.source(one, required=required)
        return (
            text.replace(constant(one.target), f"{constant(one.target)}{self.suffix}")
            if one.target.kind == "code"
            else text
        )

    def _policy_rules(self) -> list[str]:
        names = {one.target.path for one in self.taken.values()}
        rules = ["settle.period", 'settle.third_amount("premium")', "settle.cny_by_contract"]
        rules.append('settle.signs("premium", "positive")')
        limits = sorted(name for name in names if name.startswith("limits."))
        if limits:
            rules.append(f"settle.not_negative({', '.join(map(quoted, limits))})")
        if "rate_percent" in names:
            rules.append("rates.rate")
        if names & {"product.approval_no", "product.registration_class"}:
            rules.append("settle.product()")
        if "clauses" in names:
            rules.append("clauses")
        if names & {"insured.name", "insured.credit_code"}:
            rules.append("one_insured")
        return rules

    def _changes(self) -> Iterator[str]:
        money = {
            f"{{}}.{part}": one
            for part in ("gross", "net", "tax")
            if (one := self.taken.get(f"policy.premium.{part}")) is not None
        }
        issued = {"issued_on": one} if (one := self.taken.get("policy.issued_on")) else {}
        day = {"effective_on": one} if (one := self.taken.get("effective_on")) else {}
        shared: tuple[str, ...] = ("policy_no", "endorsement_no")
        change = {name.format("premium_change"): one for name, one in money.items()}
        if "change" not in self.taken:
            rules = ["kind_by_sign", 'settle.third_amount("premium_change")', "settle.signs_by_kind"]
            yield from self._shape("ENDORSEMENT", "endorsement", shared, {**day, **issued, **change}, rules)
            return
        shared = (*shared, "change", *day)
        rules = ["change_kind", 'settle.third_amount("premium_change")', "settle.signs_by_kind"]
        yield from self._shape("ENDORSEMENT", "endorsement", shared, {**issued, **change}, rules)
        back = {name.format("return_premium"): one for name, one in money.items()}
        rules = ["change_kind", 'settle.third_amount("return_premium")', 'settle.signs("return_premium", "negative")']
        rules.append(f"settle.magnitudes({', '.join(map(quoted, back))})")
        yield from self._shape("CANCELLATION", "cancellation", shared, back, rules)
        yield from self._change_row()

    def _receipts(self) -> Iterator[str]:
        takes = self._of("receipt", "amount")
        shared: tuple[str, ...] = ("policy_no", "amount")
        yield from self._shape("RECEIPT", "premium_receipt", shared, takes, [])
        renamed = {"received_on": "paid_on", "receipt_no": "refund_no"}
        refund = {
            renamed.get(path, path.replace("payer.", "payee.")): one
            for path, one in takes.items()
            if path in renamed or path.startswith("payer.")
        }
        if "endorsement_no" in self.taken:
            shared = ("policy_no", "endorsement_no", "amount")
        yield from self._shape("REFUND", "premium_refund", shared, refund, ['settle.magnitudes("amount")'])

    def rows(self) -> Iterator[str]:
        """The `Rows` of the place."""
        reads = {
            name: self.taken[field]
            for field, name in (("policy_no",) * 2, ("endorsement_no",) * 2, ("invoice.invoice_no", "invoice_no"))
            if field in self.taken and (name != "invoice_no" or "invoice" in self.decided.records)
        }
        key = dict(reads)
        if self.decided.records == ("receipt",):
            for name in ("receipt_no", "received_on", "amount"):
                if one := self.taken.get(f"receipt.{name}"):
                    key[name] = one
            reads = key
        if not key and self.taken:
            key = dict([next(iter(self.taken.items()))])
            reads = key
        yield "Rows("
        if self.writing.sample.container == "XML":
            yield f"    at={quoted(self.decided.place.at)},"
        yield f"    key={tuple_of(list(key))},"
        yield f"    bucket={tuple_of([one.field.name for one in key.values()])},"
        yield "    reads={"
        yield from (f"        {quoted(name)}: {self._source(one)}," for name, one in reads.items())
        yield "    },"
        choices = list(self._choices())
        if len(choices) == 1:
            yield f"    choices=({choices[0]}),"
        else:
            yield "    choices=("
            yield from (f"        {line}" for line in choices)
            yield "    ),"
        if ignores := list(self._ignores()):
            yield "    ignores=frozenset("
            yield "        {"
            yield from (f"            {line}" for line in ignores)
            yield "        }"
            yield "    ),"
        yield "),"

    def _choices(self) -> Iterator[str]:
        records, end = self.decided.records, self.suffix
        if "policy" in records and "endorsement_no" in self.taken:
            yield "Choice("
            yield "    becomes=policy_or_change,"
            change = "CHANGE_ROW" if "change" in self.taken else "ENDORSEMENT"
            yield f'    shapes={{"policy": POLICY{end}, "change": {change}{end}}},'
            yield "),"
        elif "policy" in records:
            yield f'Choice(becomes=always("policy"), shapes={{"policy": POLICY{end}}}),'
        if "receipt" in records:
            yield "Choice("
            if (one := self.taken.get("receipt.amount")) and records != ("receipt",):
                yield f'    reads={{"amount": {self._source(one)}}},'
            yield "    becomes=money_in_or_out,"
            yield f'    shapes={{"premium_receipt": RECEIPT{end}, "premium_refund": REFUND{end}}},'
            yield "),"
        if "invoice" in records:
            yield f'Choice(becomes=always("invoice"), shapes={{"invoice": INVOICE{end}}}),'

    def _change_row(self) -> Iterator[str]:
        """The choice between endorsement and cancellation, by the code of the change."""
        yield f"CHANGE_ROW{self.suffix} = Choice("
        yield "    reads={"
        read = self._source(self.taken["change"]).removesuffix(")")
        yield f'        "change": {read}, field="kind"),'
        if one := self.taken.get("effective_on"):
            yield f'        "effective_on": {self._source(one)},'
        yield "    },"
        yield "    becomes=changed,"
        shapes = f'"endorsement": ENDORSEMENT{self.suffix}, "cancellation": CANCELLATION{self.suffix}'
        yield f"    shapes={{{shapes}}},"
        yield ")"
        yield ""

    def _ignores(self) -> Iterator[str]:
        notes = {"personal": "  # personal data that we have no ground to keep"}
        for name, why in self.decided.ignored:
            yield f"{quoted(name)},{notes.get(why, '')}"
        if self.writing.draft:
            left = {one.field.name for one in self.decided.taken.values()} - {
                one.field.name for one in self.taken.values()
            }
            lists = [one.path for one in self.decided.place.lists]
            yield from (f"{quoted(name)}," for name in dict.fromkeys([*self.decided.open_names, *sorted(left), *lists]))


def _meant(field: str, meaning: str) -> str:
    """What a value of a code stands for, as Python writes it."""
    if field == "receipt.paid_in_full":
        return "True" if meaning == "true" else "False"
    return tuple_of(meaning.split(":")) if field == "change" else quoted(meaning)
