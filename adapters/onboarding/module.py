"""The mapping of a sample as the text of a module: the file of data that documents an insurer's format."""

from collections.abc import Iterator

from adapters.mapping import Undecided
from adapters.onboarding.decide import Decided, Taken, constant, kind_name
from adapters.onboarding.sample import Sample
from adapters.onboarding.shapes import Shapes
from adapters.onboarding.source_text import plain, quoted, tuple_of, wrapped

_MEDIA = {
    "CSV": "text/csv",
    "TXT": "text/plain",
    "FIXED": "text/plain",
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "JSON": "application/json",
    "XML": "application/xml",
}
REQUIRED = frozenset(
    {
        "policy_no",
        "policy.policyholder.name",
        "policy.period.start",
        "policy.period.end",
        "policy.premium.gross",
        "receipt.received_on",
        "invoice.invoice_no",
        "invoice.issued_on",
    }
)


# Everything that a mapping may be made of, in the order of imports; what its text does not use is left out.
_IMPORTS = {
    "adapters": "kinds rates settle",
    "adapters.choices": "clauses insured_by_default kind_by_sign money_in_or_out one_insured policy_or_change",
    "adapters.formats": "JsonMessages",
    "adapters.insurers.dia_canon_json": "invoice",
    "adapters.insurers.dia_csv_list": "change_kind changed",
    "adapters.kinds": "code",
    "adapters.mapping": "Choice Derived Each Mapping Rows Shape Source Takes Undecided always",
    "adapters.plain": "DelimitedList FixedList JsonRows PlainXml",
    "adapters.stored": "formula_notes",
    "adapters.tables": "CsvList",
    "adapters.workbook": "Bordereau",
}
_PERIOD = frozenset({"policy.period.start", "policy.period.end"})


class Writing:
    """One module: `text` writes it. `draft` leaves out everything that is open, to see what the rest gives."""

    def __init__(self, code: str, name: str, sample: Sample, decided: list[Decided], *, draft: bool = False) -> None:
        self.code, self.name, self.sample, self.draft = code, name, sample, draft
        self.decided = decided if sample.container == "XML" else decided[:1]

    def text(self) -> str:
        """The module."""
        body: list[str] = []
        rows: list[str] = []
        for at, one in enumerate(self.decided):
            suffix = f"_{at + 1}" if len(self.decided) > 1 else ""
            shapes = Shapes(self, one, suffix)
            body += shapes.lines()
            rows += shapes.rows()
        mapping = list(self._mapping(rows))
        if "unit=UNIT" in "\n".join([*body, *mapping]):
            body = [
                "UNIT: str | None = None  # 样例未写明单位的金额 of amounts whose unit the sample does not state",
                "",
                *body,
            ]
        text = "\n".join([*body, *mapping])
        return "\n".join([*self._head(), *self._imports(text), "", text, ""])

    def takes(self, decided: Decided) -> dict[str, Taken]:
        """What is taken; of a draft only what needs no answer, and no period of which one end is open."""
        if not self.draft:
            return decided.taken
        found = {name: one for name, one in decided.taken.items() if not one.is_open}
        if not found.keys() >= _PERIOD:
            found = {name: one for name, one in found.items() if name not in _PERIOD}
        return found

    def source(self, one: Taken, *, required: bool | None = None) -> str:
        """The `Source` of a field."""
        kind = one.target.kind
        read = constant(one.target) if kind == "code" else f"kinds.{kind_name(self.sample, one.target)}"
        parts = [quoted(one.field.name), read]
        if one.is_open and kind == "money":
            parts.append("unit=UNIT")
        if one.target.field == "policy.clauses":
            parts.append('field="clauses.registration_no"')
        if one.target.field in REQUIRED if required is None else required:
            parts.append("required=True")
        return f"Source({', '.join(parts)})"

    def _head(self) -> Iterator[str]:
        said = "; ".join(self.sample.said)
        yield f'"""{self.code}: {plain(self.name)}, {self.sample.container}.'
        yield ""
        yield from wrapped(
            f"由 `gateway adapter new` 依样例生成 made from {plain(self.sample.path.name)}: {plain(said)}. "
            "未决问题在 `undecided` 中，答完之前什么也不读 nothing is read before it is empty.",
            "",
        )
        yield '"""'
        yield ""

    def _imports(self, text: str) -> Iterator[str]:
        for module, names in _IMPORTS.items():
            used = [name for name in names.split() if _calls(name, text)]
            if used:
                yield f"from {module} import {', '.join(used)}"

    def questions(self) -> list[Undecided]:
        """Everything that is open."""
        framing = [Undecided(about, why) for about, why in self.sample.open_questions]
        if self.sample.outside and self.sample.container in ("JSON", "XML"):
            listed = ", ".join(self.sample.outside)
            asked = "在行以外，按名忽略；确与记录无关？ ignored by name: does none of them say anything of a record?"
            framing.append(
                Undecided(f"行外 outside of rows: {listed}", asked, ("无关，删去本问 none does: remove this question",))
            )
        if len(self.decided) < len(self.sample.places):
            framing.append(
                Undecided("行 rows", "样例有几种行，只映射了第一种 rows of several kinds: only the first is mapped")
            )
        return [*framing, *(one for decided in self.decided for one in decided.questions)]

    def _mapping(self, rows: list[str]) -> Iterator[str]:
        yield "MAPPING = Mapping("
        yield f"    dialect={quoted(self.code)},"
        yield '    version="1.0",'
        yield f"    title={quoted(f'{self.name} {self.sample.container}')},"
        yield f"    media_types=({quoted(_MEDIA[self.sample.container])},),"
        yield from (f"    {line}" for line in self._format())
        yield "    rows=("
        yield from (f"        {line}" for line in rows)
        yield "    ),"
        yield from self._derives()
        if not self.draft and (questions := self.questions()):
            yield "    undecided=("
            for one in questions:
                yield from (f"        {line}" for line in _question(one))
            yield "    ),"
        yield ")"

    def _format(self) -> Iterator[str]:
        sample, first = self.sample, self.decided[0]
        taken = self.takes(first)
        numbers = ("policy_no", "invoice.invoice_no")
        key = next((taken[name] for name in (*numbers, *taken) if name in taken), None)
        key_name = key.field.name if key is not None else first.place.fields[0].name
        needed = [name for name in taken if name in REQUIRED and name.partition(".")[0] != first.may_be_absent]
        needs = [taken[name].field.name for name in needed] or [key_name]
        encodings = f"frozenset({{{', '.join(map(quoted, sorted(sample.encodings)))}}})"
        if sample.container in ("CSV", "TXT"):
            yield f"format={'CsvList' if sample.container == 'CSV' else 'DelimitedList'}("
            yield f"    header={tuple_of(list(dict.fromkeys([key_name, *needs]))[:2])},"
            yield f"    needs={tuple_of(needs)},"
            yield f"    key_column={quoted(key_name)},"
            yield f"    encodings={encodings},"
            if sample.container == "TXT":
                yield f"    delimiter={quoted(sample.delimiter)},"
            yield "),"
        elif sample.container == "FIXED":
            yield "format=FixedList("
            yield "    columns=("
            yield from (f"        ({start}, {end}, {quoted(name)})," for start, end, name in sample.columns)
            yield "    ),"
            yield f"    needs={tuple_of(needs)},"
            yield f"    key_column={quoted(key_name)},"
            yield f"    encodings={encodings},"
            yield f"    skip={sample.skip},"
            if sample.width:
                yield f"    width={sample.width},"
            yield "),"
        elif sample.container == "XLSX":
            yield "format=Bordereau("
            yield f"    group={quoted(sample.group)},"
            yield f"    needs={tuple_of(needs)},"
            yield f"    key_column={quoted(key_name)},"
            yield "    pairs={},"
            yield f"    aside=frozenset({{{', '.join(map(quoted, sample.outside))}}}),"
            yield f"    levels={sample.levels},"
            yield "),"
        elif sample.container == "JSON":
            at = first.place.at
            ignores = ", ".join(map(quoted, sample.outside))
            yield f"format=JsonRows({quoted(at)}, frozenset({{{ignores}}}))," if at else "format=JsonMessages(),"
        else:
            yield "format=PlainXml("
            yield f"    root={quoted(sample.root)},"
            if sample.namespace:
                yield f"    namespace={quoted(sample.namespace)},"
            if sample.outside:
                yield f"    ignores=frozenset({{{', '.join(map(quoted, sample.outside))}}}),"
            yield f"    encodings={encodings},"
            yield "),"

    def _derives(self) -> Iterator[str]:
        if not any("receipt" in one.records and "receipt.receipt_no" not in one.taken for one in self.decided):
            return
        keys = ["policy_no"]
        if any("endorsement_no" in one.taken for one in self.decided):
            keys.append("endorsement_no")
        yield "    derives={"
        yield "        # 格式没有收据号 the format has no receipt numbers: what a row states of the money names it."
        for record, number, prefix, day in (
            ("premium_receipt", "receipt_no", "RD-", "received_on"),
            ("premium_refund", "refund_no", "FD-", "paid_on"),
        ):
            yield f'        "{record}": Derived("{number}", "{prefix}", {tuple_of([*keys, day, "amount"])}),'
        yield "    },"


def _question(one: Undecided) -> Iterator[str]:
    yield "Undecided("
    yield f"    {quoted(one.about)},"
    yield f"    {quoted(one.question)},"
    if len(one.candidates) == 1:
        yield f"    ({quoted(one.candidates[0])},),"
    elif one.candidates:
        yield "    ("
        yield from (f"        {quoted(candidate)}," for candidate in one.candidates)
        yield "    ),"
    yield "),"


def _calls(name: str, text: str) -> bool:
    """Whether the text uses a name of a module, not only within a longer one."""
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
        if not (before.isalnum() or before in ("_", ".", '"')) and not (after.isalnum() or after in ("_", '"')):
            return True
        at = text.find(name, at + 1)
    return False
