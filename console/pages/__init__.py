"""The pages, one module a role. A page reads; what is changed is changed through `console.acting`."""

from collections.abc import Mapping

from console.acting import Action
from console.page import Page
from console.pages import evidence, insurer, operator, premium, regulator, subsidy
from console.view import Role

PAGES: tuple[Page, ...] = (
    *premium.PAGES,
    *evidence.PAGES,
    *insurer.PAGES,
    *subsidy.PAGES,
    *regulator.PAGES,
    *operator.PAGES,
)
ACTIONS: dict[str, Action] = {**insurer.ACTIONS, **subsidy.ACTIONS, **regulator.ACTIONS, **operator.ACTIONS}

# What stands in the menu of a role, in this order; the first is where a person begins.
MENUS: Mapping[Role, tuple[str, ...]] = {
    "insurer": (
        "/today",
        "/upload",
        "/search",
        "/completeness",
        "/cards",
        "/inquiries",
        "/directives",
        "/keys",
        "/accesses",
        "/verification",
    ),
    "subsidy_system": ("/search", "/match", "/caps", "/impacts", "/annexes", "/inquiries", "/verification"),
    "regulator": (
        "/board",
        "/findings",
        "/look-back",
        "/duties",
        "/filings",
        "/held",
        "/directives",
        "/inquiries",
        "/insurers",
        "/search",
        "/impacts",
        "/match",
        "/completeness",
        "/log",
        "/verification",
    ),
    "operator": ("/operation", "/participants", "/mappings", "/log", "/board", "/insurers", "/accesses", "/search"),
}


def menu(role: str) -> list[Page]:
    """The pages of this role's menu."""
    by_path = {page.path: page for page in PAGES if page.nav and "GET" in page.methods}
    for known, paths in MENUS.items():
        if known == role:
            return [by_path[path] for path in paths]
    return []
