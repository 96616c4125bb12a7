"""Pages for who runs the gateway: participants, keys, adapters, queues, health."""

from console.acting import Action
from console.page import Page

PAGES: tuple[Page, ...] = ()
ACTIONS: dict[str, Action] = {}
