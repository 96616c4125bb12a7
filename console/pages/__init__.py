"""The pages, one module a role. A page reads; what is changed is changed through `console.acting`."""

from console.acting import Action
from console.page import Page
from console.pages import insurer, operator, premium, regulator, subsidy

PAGES: tuple[Page, ...] = (*premium.PAGES, *insurer.PAGES, *subsidy.PAGES, *regulator.PAGES, *operator.PAGES)
ACTIONS: dict[str, Action] = {**insurer.ACTIONS, **subsidy.ACTIONS, **regulator.ACTIONS, **operator.ACTIONS}
