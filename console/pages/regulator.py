"""Pages for a regulator: who sells on unfiled clauses, what is filed, what is directed."""

from console.acting import Action
from console.page import Page

PAGES: tuple[Page, ...] = ()
ACTIONS: dict[str, Action] = {}
