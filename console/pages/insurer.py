"""Pages for an insurer's clerk: what was handed in, what is wrong with it, and what is missing."""

from console.acting import Action
from console.page import Page

PAGES: tuple[Page, ...] = ()
ACTIONS: dict[str, Action] = {}
