"""What a package leads to is the same whether the way there was found before or not."""

import pytest
import sealing as s

from signing.containers.ofd_coverage import Reach, _reach, reach
from signing.containers.ofd_package import Package, open_package
from signing.kept import forgetting
from untrusted import open_zip

ROOTS = ("Doc_0/Document.xml",)
PARTS = s.content()
PAGE = "Doc_0/Pages/Page_0/Content.xml"


def package(**changed: bytes) -> Package:
    return open_package(open_zip(s.package({**PARTS, **changed})))


def both(opened: Package, versions: tuple[str, ...] = ()) -> tuple[Reach, Reach]:
    return reach(opened, ROOTS, versions), _reach(opened, ROOTS, versions, [])


CHANGES = {
    "another text": {PAGE: PARTS[PAGE].replace("保险费".encode(), "退保费".encode())},
    "resources of a page": {
        PAGE: s.page("x").replace(b"<ofd:Area>", b"<ofd:PageRes>Res/logo.png</ofd:PageRes><ofd:Area>")
    },
    "a page that is none": {PAGE: b"PageRes"},
    "other resources": {"Doc_0/PublicRes.xml": PARTS["Doc_0/PublicRes.xml"].replace(b"logo.png", b"other.png")},
    "no resources": {"Doc_0/PublicRes.xml": s.xml("Res", "", ' BaseLoc="Res"')},
    "broken resources": {"Doc_0/PublicRes.xml": b"<x"},
    "no attachments": {"Doc_0/Attachs/Attachments.xml": s.xml("Attachments", "")},
    "another document": {
        "Doc_0/Document.xml": PARTS["Doc_0/Document.xml"].replace(b"PublicRes.xml", b"Attachs/policy.xml")
    },
    "one more file": {"Doc_0/Res/other.png": b"x"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_part_leads_where_it_says(name: str) -> None:
    usual = both(package())
    assert usual[0] == usual[1]
    for _ in range(2):
        found, afresh = both(package(**CHANGES[name]))
        assert found == afresh
        with forgetting():
            assert reach(package(**CHANGES[name]), ROOTS, ()) == afresh
        assert reach(package(), ROOTS, ()) == usual[1]


def test_a_way_that_was_found_in_a_changed_package_leads_nobody_else() -> None:
    for changed in CHANGES.values():
        with forgetting():
            expected = reach(package(), ROOTS, ())
        reach(package(**changed), ROOTS, ())
        assert reach(package(), ROOTS, ()) == expected


def test_versions_are_part_of_the_way() -> None:
    versions = {
        f"Doc_0/V{number}.xml": s.xml("DocVersion", f"<ofd:File>/{PAGE}</ofd:File>" * number) for number in (1, 2)
    }
    for names in ((), ("Doc_0/V1.xml",), ("Doc_0/V2.xml",), tuple(versions)):
        found, afresh = both(package(**versions), names)
        assert found == afresh
        assert set(names) <= set(found.parts)
