"""What of a sample is certain, and what a person has to decide.

A field is taken only if the table of names gives it to one field of the standard, no other field of the sample claims
that one, and everything that stands in it reads as what it should be. Units and percentages are stated by the sample
or asked for: nothing follows from how large a number is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from adapters import amounts, kinds
from adapters.amounts import FEN
from adapters.convert import is_null
from adapters.kinds import reader
from adapters.mapping import Kind, Undecided
from adapters.onboarding.known import ListKind, Target, alike, ignorable, lists, meanings, named, targets, value_means
from adapters.onboarding.periods import end_question
from adapters.onboarding.sample import Field, Listed, Place, Sample
from adapters.problems import Unreadable

_NEEDED = {
    "policy": (
        "policy_no",
        "policy.policyholder.name",
        "policy.line",
        "policy.period.start",
        "policy.period.end",
        "policy.premium.gross",
    ),
    "receipt": ("policy_no", "receipt.amount", "receipt.received_on"),
    "invoice": ("invoice.invoice_no", "invoice.issued_on", "invoice.net", "invoice.tax", "invoice.gross"),
}
_CANDIDATES = 6
_SHOWN = 30
_RATE_UNITS = ("%", "‰")
_WHICH = "是哪个字段？ which field is it?"
_UNSTATED = "样例没有写明，约定是什么？ the sample does not state it: what does the contract?"
_NO_VALUE = "样例中无值 no value in the sample"


@dataclass(frozen=True, slots=True)
class Taken:
    """A field that is taken, and why. `is_open` while nobody has said its unit, or what one of its values means."""

    target: Target
    field: Field
    why: str
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a list within the rows could be: its kind, and which of its names are which field."""

    listed: Listed
    kind: ListKind
    fields: dict[str, str]


@dataclass(slots=True)
class Decided:
    """What is known of the rows at one place."""

    place: Place
    records: tuple[str, ...] = ()
    taken: dict[str, Taken] = field(default_factory=dict)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    lists: dict[str, "Proposed"] = field(default_factory=dict)
    questions: list[Undecided] = field(default_factory=list)

    @property
    def may_be_absent(self) -> str:
        """The record whose columns a list need not have: what was paid, beside policies."""
        return "receipt" if "policy" in self.records else ""

    @property
    def open_names(self) -> list[str]:
        """The fields of the sample that are neither taken nor ignored."""
        known = {one.field.name for one in self.taken.values()} | {name for name, _ in self.ignored}
        return [one.name for one in self.place.fields if one.name not in known]


def decide(sample: Sample) -> list[Decided]:
    """The rows of the sample, place by place."""
    return [_Deciding(sample, place).all() for place in sample.places]


class _Deciding:
    def __init__(self, sample: Sample, place: Place) -> None:
        self.sample = sample
        self.found = Decided(place)
        self.claims = {one.name: named(one.name) for one in place.fields}
        self.offered: set[str] = set()
        self.without_unit: list[str] = []

    def all(self) -> Decided:
        """Everything about one place."""
        found = self.found
        found.records = self._records()
        names = [one.name for one in found.place.fields]
        for one in found.place.fields:
            if names.count(one.name) > 1:
                self._ask(
                    one.header, "两列同名，无法按名区分 two fields have this name: which is which cannot be told", ()
                )
            else:
                self._field(one)
        for listed in found.place.lists:
            self._list(listed)
        self._units()
        self._changes()
        if question := end_question(found.taken.get("policy.period.start"), found.taken.get("policy.period.end")):
            found.questions.append(question)
        self._missing()
        return found

    def _records(self) -> tuple[str, ...]:
        """Which records the rows are, by what only such records have."""
        only = [{target.record for target in claim} for claim in self.claims.values() if claim]
        counted = {name: sum(records == {name} for records in only) for name in _NEEDED}
        money = {target.field for claim in self.claims.values() for target in claim}
        if counted["invoice"] >= 2 and counted["policy"] < 2:
            return ("invoice",)
        is_paid = bool(money & {"receipt.amount", "receipt.received_on"})
        found = ("policy",) if counted["policy"] >= 2 or not is_paid else ()
        return (*found, "receipt") if is_paid else found

    def _field(self, one: Field) -> None:
        claimed = [target for target in self.claims[one.name] if self._is_possible(target)]
        rivals = [
            other.header
            for other in self.found.place.fields
            if other.name != one.name and any(target in self.claims[other.name] for target in claimed)
        ]
        if len(claimed) == 1 and not rivals:
            self._claimed(one, claimed[0])
        elif claimed:
            why = f"{rivals[0]} 也是 so is {rivals[0]}" if rivals else "多个字段都这样叫 several are called so"
            self._ask_which(one, f"{_WHICH} {why}", claimed)
        elif (reason := ignorable(one.name)) is not None:
            self.found.ignored.append((one.name, reason))
        else:
            self._ask_which(one, _WHICH, [])

    def _is_possible(self, target: Target) -> bool:
        """Whether these rows are of such a record, and name the party whose code it would be."""
        if target.record and target.record not in self.found.records:
            return False
        party = target.field.removesuffix(".credit_code")
        return party == target.field or any(targets()[f"{party}.name"] in claim for claim in self.claims.values())

    def _claimed(self, one: Field, target: Target) -> None:
        """The name says what it is: so must the values."""
        if target.kind == "code":
            self._code(one, target)
            return
        wrong = unreadable(one, target)
        if wrong:
            self._ask_which(one, f"列名是 its name says {target.field}，但 but {wrong}", [target])
        else:
            self._take(one, target)

    def _take(self, one: Field, target: Target) -> None:
        shown = f"{len(one.values)} 个值 value(s), 如 such as {_short(one.texts[0])}" if one.values else _NO_VALUE
        self.found.taken[target.field] = Taken(target, one, f"同名 named so; {shown}")

    def _code(self, one: Field, target: Target) -> None:
        """A code is taken with the table of what its words say; each word that says nothing known is asked for."""
        table: dict[str, str] = {}
        self._take(one, target)
        for text in dict.fromkeys(text for text in one.texts if not is_null(text.strip())):
            meaning = value_means(target.field, text)
            if meaning is not None:
                table[text.strip()] = meaning
                continue
            self.found.taken[target.field] = replace(self.found.taken[target.field], is_open=True)
            choices = tuple(f'{constant(target)}: "{text.strip()}": "{name}"' for name in meanings(target.field))
            self._ask(f"{one.header} = {_short(text)}", "这个值是什么意思？ what does this value mean?", choices)
        self.found.codes[target.field] = table

    def _list(self, one: Listed) -> None:
        """A list is proposed as what the most of its names are, to be put in place by a person."""
        inner = ", ".join(f"{name or 'value'} ({_short(text)})" for name, text in one.fields.items())
        choices = [f'Choice(each="{one.path}", ...): 各成一条记录 each entry a record of its own']
        if list(one.fields) == [""]:
            choices = [f'Source("{one.path}", ..., many=True)']
        proposals = sorted(((kind, kind.fields_of(one.fields)) for kind in lists()), key=lambda found: -len(found[1]))
        kind, fields = proposals[0]
        if fields and kind.field not in self.found.lists and "policy" in self.found.records:
            self.found.lists[kind.field] = Proposed(one, kind, fields)
            with_it = f", POLICY.rules: {kind.policy}" if kind.policy else ""
            choices.insert(0, f'POLICY: "{kind.field}": {kind.field.upper()}{with_it}')
            for name in one.fields.keys() - set(fields.values()):
                ignored = f'{kind.field.upper()}: ignores=frozenset({{"{name}"}})'
                self._ask(f"{one.path}: {name}", f"{_WHICH} ({_short(one.fields[name])})", (ignored,))
            self._ask_list_unit(one, kind, fields)
        self._ask(one.path, f"列表，是什么？ a list of {inner}: what is it?", (*choices, f'ignores: "{one.path}"'))

    def _ask_list_unit(self, one: Listed, kind: ListKind, fields: dict[str, str]) -> None:
        for part, name in fields.items():
            if kind.kinds[part] == "money" and _own_unit(one.fields[name]) not in amounts.CELL_UNITS:
                about = f"单位 unit: {one.path}: {name}"
                self._ask(about, _UNSTATED, (f'{kind.field.upper()}: unit="元"', f'{kind.field.upper()}: unit="万元"'))

    def _units(self) -> None:
        """Amounts have the unit of their header, of the line above, of their cells, or one that somebody states."""
        open_units = self.without_unit
        for name, taken in self.found.taken.items():
            kind, one = _kind(taken.target), taken.field
            if kind.measured == "money" and not self._says_unit(one):
                self.found.taken[name] = replace(taken, is_open=True)
                open_units.append(one.header)
            elif kind.measured == "rate" and one.unit not in _RATE_UNITS and not self._all_marked(one):
                self.found.taken[name] = replace(taken, is_open=True)
                choices = (
                    'unit="%"',
                    'unit="‰"',
                    'unit="1"，小数 a fraction: 0.016 = 1.6 %',
                    "不写：以得出保费者为准 none: the one that gives the premium",
                )
                self._ask(
                    f"单位 unit: {one.header}",
                    f"{_examples(one)}：百分之、千分之还是小数？ percent, per mille, or a fraction?",
                    choices,
                )
        if open_units:
            units = ('UNIT = "元"', 'UNIT = "万元"', "各不相同则逐个写 unit= of its own where they differ")
            self._ask(
                f"单位 unit: {', '.join(open_units)}",
                _UNSTATED,
                units,
            )

    def _says_unit(self, one: Field) -> bool:
        is_table = self.sample.container in ("CSV", "TXT", "FIXED", "XLSX")
        if is_table and (one.unit in FEN or (one.unit is None and self.sample.unit_line is not None)):
            return True
        return bool(one.values) and all(_own_unit(text) in amounts.CELL_UNITS for text in one.texts)

    def _all_marked(self, one: Field) -> bool:
        if one.values and one.percents == len(one.values):
            return True
        return bool(one.values) and all(_own_unit(text) in _RATE_UNITS for text in one.texts)

    def _changes(self) -> None:
        taken = self.found.taken
        if "policy" in self.found.records and (one := taken.get("endorsement_no")) is not None:
            premium = taken.get("policy.premium.gross")
            states = premium.field.header if premium else "保费 premium"
            asked = f"有它的行是批改，{states}是带符号的变动？ rows with it are changes, that is the signed change?"
            choices = (
                "是，删去本问 yes: remove this question",
                f'否 no: ignores: "{one.field.name}", ENDORSEMENT = None',
            )
            self._ask(f"批改行 rows with: {one.field.header}", asked, choices)

    def _missing(self) -> None:
        for record in self.found.records:
            for name in _NEEDED[record]:
                is_asked = name in self.offered or (name == "policy.premium.gross" and self._is_computed())
                if name in self.found.taken or is_asked:
                    continue
                self._ask(
                    f"缺 missing: {name}",
                    "样例中没有确定的字段 no field of the sample is it for certain",
                    tuple(self._for_missing(name)),
                )

    def _is_computed(self) -> bool:
        return {"policy.premium.net", "policy.premium.tax"} <= self.found.taken.keys()

    def _for_missing(self, name: str) -> Iterator[str]:
        target = targets()[name]
        if name == "policy.line":
            yield from (f'POLICY.rules: adapters.choices.stated("line", "{value}")' for value in meanings(name))
        for one in self.found.place.fields:
            is_free = one.name in self.found.open_names and bool(one.values)
            if is_free and not unreadable(one, target) and (target.kind != "code" or target in alike(one.name)):
                yield self._line(target, one)

    def _line(self, target: Target, one: Field) -> str:
        """A candidate as the line that takes it, with where it goes."""
        holder = {"policy": "POLICY", "receipt": "RECEIPT", "invoice": "INVOICE"}.get(target.record, "reads")
        kind = constant(target) if target.kind == "code" else f"kinds.{kind_name(self.sample, target)}"
        unit = ", unit=UNIT" if target.kind == "money" and not self._says_unit(one) else ""
        return f'{holder}: "{target.path}": Source("{one.name}", {kind}{unit})'

    def _ask_which(self, one: Field, question: str, first: list[Target]) -> None:
        self.offered.update(target.field for target in first)
        if any(target.kind == "money" for target in first) and not self._says_unit(one):
            self.without_unit.append(one.header)
        likely = list(dict.fromkeys((*first, *alike(one.name), *_by_value(one))))
        fitting = [
            target
            for target in likely
            if target in first
            or ((not target.record or target.record in self.found.records) and not unreadable(one, target))
        ]
        choices = [self._line(target, one) for target in fitting if target.field not in self.found.taken]
        about = _examples(one) if one.values else _NO_VALUE
        self._ask(one.header, f"{question} ({about})", (*choices[:_CANDIDATES], f'ignores: "{one.name}"'))

    def _ask(self, about: str, question: str, candidates: tuple[str, ...]) -> None:
        self.found.questions.append(Undecided(about, question, candidates))


def unreadable(one: Field, target: Target) -> str | None:
    """The first value that does not read as the field; `None` if all do. Of codes every text may be one."""
    if target.kind == "code":
        return None
    kind = _kind(target)
    read = reader(kind, "元" if kind.measured == "money" else None)
    for text, where, _ in one.values:
        try:
            read(text)
        except Unreadable as error:
            return f"{_short(text)} ({where}) 读不出 is no {kind.name} ({error.rule})"
    return None


def kind_name(sample: Sample, target: Target) -> str:
    """The kind of `adapters.kinds` that reads a field here: only lists of spreadsheets have days as serial numbers."""
    return target.kind if sample.container in ("CSV", "TXT") else target.kind.removeprefix("listed_")


def _kind(target: Target) -> Kind:
    found: Kind = kinds.text if target.kind == "code" else getattr(kinds, target.kind)
    return found


def constant(target: Target) -> str:
    """The name that the table of a code has in the module."""
    return {"policy.line": "LINE", "change": "CHANGE", "receipt.method": "METHOD"}.get(target.field, "PAID_IN_FULL")


_TELLING = ("credit_code", "approval_no", "clause_nos", "drug_code", "invoice_nos", "invoice_no")


def _by_value(one: Field) -> Iterator[Target]:
    """What the values alone could be: identifiers by their form and check digits, and days."""
    if not one.values:
        return
    for kind in (*_TELLING, "listed_day", "listed_moment"):
        for target in targets().values():
            if target.kind == kind and not unreadable(one, target):
                yield target


def _own_unit(text: str) -> str | None:
    try:
        read = amounts.measure(text)
    except Unreadable:
        return None
    return read.unit if read is not None else None


def _examples(one: Field) -> str:
    return "、".join(_short(text) for text in list(dict.fromkeys(one.texts))[:3])


def _short(text: str) -> str:
    shown = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
