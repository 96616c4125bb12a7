"""An XML document as signatures see it: its identifiers, its canonical form, and how much work that may be.

Canonical XML 1.0, 1.1 and Exclusive XML Canonicalization 1.0 by libxml2. What libxml2 is given is always a tree of its
own: of an element the library knows only the part below, so that what it inherits is written into it first.
"""

from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from untrusted import Limits, Refused
from untrusted.xml import as_utf8, parse_utf8

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
SIGNATURE: Final = f"{{{DSIG}}}Signature"
LIMITS: Final = Limits(file_bytes=16 << 20, xml_markup=500_000)
ENCODINGS: Final = frozenset({"utf-8", "gb18030"})

_XML = "{http://www.w3.org/XML/1998/namespace}"
_WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
# Without a document type nothing says which attributes are identifiers: those that the standards name so are.
_IDENTIFIERS = frozenset({"Id", "ID", "id", f"{_XML}id", f"{_WSU}Id"})
_INHERITED = frozenset({f"{_XML}lang", f"{_XML}space"})  # Canonical XML 1.1 section 2.4

_LONGEST_NAMESPACE = 2_048
_MOST_ATTRIBUTES = 128  # of one element: the library sorts them one by one
_MOST_WORK = 150_000_000  # about two seconds
_PER_ELEMENT, _PER_ATTRIBUTE = 100, 60


@dataclass(frozen=True, slots=True)
class Form:
    """One canonicalization: exclusive or inclusive, of version 1.1 or 1.0, with comments or without."""

    exclusive: bool
    eleven: bool
    comments: bool


FORMS: Final = {
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": Form(exclusive=False, eleven=False, comments=False),
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments": Form(exclusive=False, eleven=False, comments=True),
    "http://www.w3.org/2006/12/xml-c14n11": Form(exclusive=False, eleven=True, comments=False),
    "http://www.w3.org/2006/12/xml-c14n11#WithComments": Form(exclusive=False, eleven=True, comments=True),
    "http://www.w3.org/2001/10/xml-exc-c14n#": Form(exclusive=True, eleven=False, comments=False),
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments": Form(exclusive=True, eleven=False, comments=True),
}
DEFAULT_FORM: Final = Form(exclusive=False, eleven=False, comments=False)
"""XML Signature section 4.4.3.2: a node-set becomes octets by Canonical XML 1.0 without comments."""


class NotCanonical(ValueError):
    """There is no canonical form, or none that is computed here: `args[0]` is a reason of `xml.transforms`."""


@dataclass(slots=True)
class Work:
    """How much canonicalization the signatures of one document may cost, in steps that take about as long as a byte."""

    left: int = _MOST_WORK

    def spend(self, steps: int) -> None:
        """Raises `NotCanonical` once nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise NotCanonical("too-much")


@dataclass(frozen=True, slots=True)
class XmlDocument:
    """A document with comments and processing instructions; `cost` is what one canonicalization of it takes."""

    body: bytes
    root: etree._Element
    identified: dict[str, list[etree._Element]]
    signatures: tuple[etree._Element, ...]
    cost: int
    work: Work = field(default_factory=Work)

    def canonical(
        self,
        apex: etree._Element | None,
        form: Form,
        *,
        prefixes: tuple[str, ...] = (),
        without: etree._Element | None = None,
        comments: bool = False,
    ) -> bytes:
        """The canonical octets of `apex` and all in it, but for the Signature `without`.

        None is the document, with the processing instructions that stand around its element.
        `prefixes` is the InclusiveNamespaces PrefixList. `comments` says that they belong to what is canonicalized: not
        so in references within the document (XML Signature section 4.4.3.3). Raises `NotCanonical`.
        """
        tree, cost = (self.root, self.cost) if apex is None and without is None else self._copy(apex)
        self.work.spend(cost)
        if without is not None:
            top = self.root if apex is None else apex
            place = next(number for number, one in enumerate(top.iter(SIGNATURE)) if one is without)
            _remove(next(one for number, one in enumerate(tree.iter(SIGNATURE)) if number == place))
        if apex is not None and not form.exclusive:
            _inherit(apex, tree, form)
        try:
            return etree.tostring(
                tree.getroottree(),
                method="c14n",
                exclusive=form.exclusive,
                with_comments=form.comments and comments,
                inclusive_ns_prefixes=list(prefixes) if form.exclusive else None,
            )
        except etree.C14NError as error:  # a relative namespace name: Canonical XML section 1.3
            raise NotCanonical("not-canonical") from error

    def _copy(self, apex: etree._Element | None) -> tuple[etree._Element, int]:
        """A tree of its own with the namespaces that `apex` inherits, and its cost; it is parsed again.

        Moving nodes between trees would not do: the library then merges prefixes of the same namespace.
        """
        octets = self.body if apex is None else etree.tostring(apex, encoding="utf-8", with_tail=False)
        whole = apex is None or apex is self.root
        self.work.spend(self.cost if whole else len(octets))
        try:
            tree = parse_utf8(octets, LIMITS, bare=False)
            return tree, self.cost if whole else _survey(tree, len(octets), {})
        except Refused as error:
            raise NotCanonical("not-canonical") from error


def read_document(data: bytes) -> XmlDocument:
    """The document, once it is sure that its canonical forms are not out of proportion. Raises `Refused`."""
    body = as_utf8(data, LIMITS, ENCODINGS)
    root = parse_utf8(body, LIMITS, bare=False)
    identified: dict[str, list[etree._Element]] = {}
    cost = _survey(root, len(body), identified)
    return XmlDocument(body, root, identified, tuple(root.iter(SIGNATURE)), cost)


def _survey(root: etree._Element, size: int, identified: dict[str, list[etree._Element]]) -> int:
    """What one canonicalization of `root` costs; the elements that have an identifier are put into `identified`.

    Raises `Refused` where it would cost too much.
    """
    cost = size
    depth = namespaces = 0
    for event, found in etree.iterwalk(root, events=("start", "end", "start-ns", "end-ns")):
        if event == "start-ns":
            namespaces += 1
            if len(found[1]) > _LONGEST_NAMESPACE:
                raise Refused("file.too-large", "namespace", "A namespace name is too long.")
        elif event == "end-ns":
            namespaces -= 1
        elif event == "end":
            depth -= 1
        else:
            depth += 1
            names = found.keys()
            if len(names) > _MOST_ATTRIBUTES:
                raise Refused("file.too-large", "attributes", "An element has too many attributes.")
            # Each name may be written with its namespace; each namespace in scope is looked for upwards.
            cost += _PER_ELEMENT + len(found.tag) + sum(_PER_ATTRIBUTE + len(name) for name in names)
            cost += namespaces * (namespaces + depth)
            if cost > _MOST_WORK:
                raise Refused("file.too-large", "namespaces", "The document declares too many namespaces.")
            for name in _IDENTIFIERS.intersection(names):
                identified.setdefault(found.attrib[name], []).append(found)
    return cost


def content_form(content: bytes, form: Form, prefixes: tuple[str, ...], work: Work) -> bytes:
    """The canonical form of octets that are XML, comments among them where the form has them.

    Raises `NotCanonical`, also if they are not XML.
    """
    work.spend(len(content))
    try:
        document = read_document(content)
    except Refused as error:
        raise NotCanonical("not-xml") from error
    document.work.left = work.left
    octets = document.canonical(None, form, prefixes=prefixes, comments=True)
    work.left = document.work.left
    return octets


def _remove(signature: etree._Element) -> None:
    """Take it out and leave the text behind it where it stood."""
    parent, before, text = signature.getparent(), signature.getprevious(), signature.tail or ""
    if parent is None:
        raise NotCanonical("nothing-left")
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(signature)


def _inherit(apex: etree._Element, copy: etree._Element, form: Form) -> None:
    """Canonical XML section 2.4: the top element of a part takes the xml: attributes of its nearest ancestors."""
    for ancestor in apex.iterancestors():
        for key, value in ancestor.attrib.items():
            name = str(key)
            if not name.startswith(_XML) or name in copy.attrib:
                continue
            if form.eleven and name == f"{_XML}base":
                raise NotCanonical("base-uri")  # version 1.1 would join the addresses
            if not form.eleven or name in _INHERITED:
                copy.set(name, value)
