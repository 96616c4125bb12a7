"""Pages for the subsidy office: what is true of an application, a premium, a product."""

from console.acting import Action
from console.page import Page

PAGES: tuple[Page, ...] = ()
ACTIONS: dict[str, Action] = {}
