"""A page of the console: its address, who may see it, and the function that answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.requests import Request

from console.view import Handler, Role, Sent

LARGEST_FORM = 64 * 1024 * 1024
_MOST_FIELDS = 60


@dataclass(frozen=True, slots=True)
class Page:
    """`roles` None: everybody, signed in or not; empty: everybody who is signed in; else these.

    `nav` is the word under which the page stands in the menu of its roles; None for a page that others lead to.
    """

    path: str
    handler: Handler
    roles: tuple[Role, ...] | None = ()
    nav: str | None = None
    methods: tuple[str, ...] = ("GET",)

    @property
    def takes_form(self) -> bool:
        """Whether the page is sent a form."""
        return "POST" in self.methods

    async def read_form(self, request: Request) -> Mapping[str, str | Sent]:
        """The form's fields, bounded in number and size. Raises `starlette.exceptions.HTTPException` (400) on more."""
        found: dict[str, str | Sent] = {}
        if request.method != "POST":
            return found
        async with request.form(max_files=5, max_fields=_MOST_FIELDS, max_part_size=LARGEST_FORM) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    content = await value.read(LARGEST_FORM)
                    found[name] = Sent(value.filename or "", value.content_type or "", content)
                else:
                    found[name] = value
        return found
