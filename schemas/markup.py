"""The standard schema in XML: its XSD 1.0, and a message written in it.

A field is an element of its own name in `urn:premium-exchange:1.0`, in the order of the nouns; a list is that element
repeated; the record is the element named for its type. Texts are those of the JSON form.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

from schemas.structure import (
    AMOUNT_PATTERN,
    MONEY_PATTERN,
    PERCENT_PATTERN,
    Element,
    Form,
    nouns,
    record_nouns,
    record_term,
    value_term,
)

NAMESPACE = "urn:premium-exchange:1.0"
UNITS: Mapping[Form, tuple[str, str]] = {
    "money": ("元，两位小数，可为负", "yuan, two places, may be negative"),
    "amount": ("元，两位小数，不带符号", "yuan, two places, no sign"),
    "percent": ("%", "percent"),
    "day": ("日，北京时间", "day in Asia/Shanghai"),
    "moment": ("时刻，带时区", "moment with its offset"),
}
_TYPES: Mapping[Form, str] = {
    "money": "Yuan",
    "amount": "Amount",
    "percent": "Percent",
    "day": "Day",
    "moment": "Moment",
    "truth": "Truth",
}


def xsd() -> str:
    """The schema as text; the same nouns and terms give the same text."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{NAMESPACE}" targetNamespace="{NAMESPACE}"',
        '           elementFormDefault="qualified" version="1.0">',
        *_annotation("新药保险保费交换标准 1.0 的 XML 形式", "premium-exchange/1.0 in XML", "  "),
        *_roots(),
        *_simple_types(),
    ]
    for noun in nouns():
        if noun != "Envelope":
            lines += _complex_type(noun)
    return "\n".join([*lines, "</xs:schema>", ""])


def _roots() -> Iterator[str]:
    yield '  <xs:element name="messages">'
    yield from _annotation("一个文件中的多条报文", "several messages in one file", "    ")
    yield "    <xs:complexType>"
    yield '      <xs:sequence><xs:element ref="message" maxOccurs="unbounded"/></xs:sequence>'
    yield "    </xs:complexType>"
    yield f'    <xs:unique name="message_id_once" xmlns:p="{NAMESPACE}">'
    yield '      <xs:selector xpath="p:message"/>'
    yield '      <xs:field xpath="p:message_id"/>'
    yield "    </xs:unique>"
    yield "  </xs:element>"
    yield '  <xs:element name="message">'
    yield from _annotation("一条报文", "one message", "    ")
    yield "    <xs:complexType>"
    yield "      <xs:sequence>"
    for element in nouns()["Envelope"]:
        if element.name not in ("schema", "type", "record"):
            yield from _element(element)
    yield "        <xs:choice>"
    for name, noun in record_nouns().items():
        term = record_term(name)
        yield f'          <xs:element name="{name}" type="{noun}">'
        yield from _annotation(term.zh, term.en, "            ")
        yield "          </xs:element>"
    yield "        </xs:choice>"
    yield "      </xs:sequence>"
    yield "    </xs:complexType>"
    yield "  </xs:element>"


def _simple_types() -> Iterator[str]:
    yield from _restriction("Yuan", "xs:string", [MONEY_PATTERN])
    yield from _restriction("Amount", "xs:string", [AMOUNT_PATTERN])
    yield from _restriction("Percent", "xs:string", [PERCENT_PATTERN])
    yield from _restriction("Day", "xs:date", ["[0-9]{4}-[0-9]{2}-[0-9]{2}"])
    yield from _restriction("Moment", "xs:dateTime", [".*(Z|[+-][0-9]{2}:[0-9]{2})"])
    yield from _restriction("Truth", "xs:boolean", ["true|false"])


def _restriction(name: str, base: str, patterns: Iterable[str]) -> Iterator[str]:
    yield f'  <xs:simpleType name="{name}">'
    yield f'    <xs:restriction base="{base}">'
    for pattern in patterns:
        yield f"      <xs:pattern value={quoteattr(_anchored(pattern))}/>"
    yield "    </xs:restriction>"
    yield "  </xs:simpleType>"


def _anchored(pattern: str) -> str:
    """A pattern of XSD: it always means the whole text."""
    return pattern.removeprefix("^").removesuffix("$")


def _complex_type(noun: str) -> Iterator[str]:
    yield f'  <xs:complexType name="{noun}">'
    yield "    <xs:sequence>"
    for element in nouns()[noun]:
        yield from _element(element)
    yield "    </xs:sequence>"
    yield "  </xs:complexType>"


def _element(element: Element) -> Iterator[str]:
    least = max(element.fewest, int(element.required and not element.many))
    occurs = f' minOccurs="{least}"' if least != 1 else ""
    occurs += ' maxOccurs="unbounded"' if element.many else ""
    named = element.of or _TYPES.get(element.form, "")
    typed = f' type="{named}"' if named else ""
    yield f'        <xs:element name="{element.name}"{typed}{occurs}>'
    yield from _annotation(said(element, "zh"), said(element, "en"), "          ")
    if not named:
        yield from _inline_type(element)
    yield "        </xs:element>"


def said(element: Element, language: Literal["zh", "en"]) -> str:
    """What an element is, in one language: its term, a note, its unit, its data element."""
    term, zh = element.term, language == "zh"
    parts = [f"{term.zh}。" if zh else f"{term.en}.", term.note_zh if zh else term.note_en]
    if element.form in UNITS:
        unit = UNITS[element.form]
        parts.append(f"单位：{unit[0]}。" if zh else f"Unit: {unit[1]}.")
    if term.code:
        parts.append(f"JR/T 0033 {term.code}{'。' if zh else '.'}")
    return ("" if zh else " ").join(part for part in parts if part)


def _inline_type(element: Element) -> Iterator[str]:
    base = "xs:integer" if element.form == "integer" else "xs:string"
    yield "          <xs:simpleType>"
    yield f'            <xs:restriction base="{base}">'
    for value in element.values:
        term = value_term(value)
        yield f"              <xs:enumeration value={quoteattr(value)}>"
        yield from _annotation(term.zh, term.en, "                ")
        yield "              </xs:enumeration>"
    if element.pattern:
        yield f"              <xs:pattern value={quoteattr(_anchored(element.pattern))}/>"
    facets = (
        ("minLength", element.shortest),
        ("maxLength", element.longest),
        ("minInclusive", element.least),
        ("maxInclusive", element.most),
    )
    for name, limit in facets:
        if limit is not None:
            yield f'              <xs:{name} value="{limit}"/>'
    yield "            </xs:restriction>"
    yield "          </xs:simpleType>"


def _annotation(zh: str, en: str, indent: str) -> list[str]:
    return [
        f"{indent}<xs:annotation>",
        f'{indent}  <xs:documentation xml:lang="zh">{escape(zh)}</xs:documentation>',
        f'{indent}  <xs:documentation xml:lang="en">{escape(en)}</xs:documentation>',
        f"{indent}</xs:annotation>",
    ]


def as_xml(envelopes: Iterable[Mapping[str, Any]]) -> bytes:
    """Messages, given as the JSON form has them, as one XML document. Raises `KeyError` for an unknown type."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<messages xmlns="{NAMESPACE}">']
    for envelope in envelopes:
        lines.append(" <message>")
        lines += [f"  <{name}>{escape(envelope[name])}</{name}>" for name in _SAID if envelope.get(name) is not None]
        kind = envelope["type"]
        lines += [f"  <{kind}>", *_written(record_nouns()[kind], envelope["record"], "   "), f"  </{kind}>"]
        lines.append(" </message>")
    return "\n".join([*lines, "</messages>", ""]).encode()


_SAID = ("message_id", "insurer", "sent_at")


def _written(noun: str, values: Mapping[str, Any], indent: str) -> Iterator[str]:
    """The fields of one object, in the order of its noun. A field that the noun lacks is a `KeyError`."""
    fields = {element.name: element for element in nouns()[noun]}
    for name in values:
        fields[name]
    for name, element in fields.items():
        value = values.get(name)
        if value is None:
            continue
        for one in value if element.many else [value]:
            if element.form == "object":
                yield f"{indent}<{name}>"
                yield from _written(element.of, one, f"{indent} ")
                yield f"{indent}</{name}>"
            else:
                yield f"{indent}<{name}>{escape(_text(one))}</{name}>"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
