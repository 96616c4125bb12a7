"""Where a person begins, and where they bring their key."""

from starlette.responses import PlainTextResponse, Response

from console.page import Page
from console.view import View


def start(view: View) -> Response:
    """On to the first page of the role's menu."""
    pages = view.house.menu(view.role)
    return view.go(pages[0].path if pages else "/key")


def key(view: View) -> Response:
    """The key that this browser signs with."""
    with view.gateway() as gateway:
        keyids = gateway.who().value.get("keyids", [])
    demo = _demo_key(view)
    return view.render("key.html", keyid=keyids[0] if keyids else "", demo=demo[0] if demo else None)


def demo_key(view: View) -> Response:
    """In a sandbox only: this person's private key, so that one can try without carrying files about."""
    found = _demo_key(view)
    return PlainTextResponse(found[1] if found else "", status_code=200 if found else 404)


def _demo_key(view: View) -> tuple[str, str] | None:
    """The key id and PEM of the signed-in person, `KEYID.pem` in the sandbox's folder named after the user."""
    folder = view.house.settings.demo_keys
    if folder is None:
        return None
    files = sorted((folder / view.here.person.user).glob("*.pem"))
    return (files[0].stem, files[0].read_text(encoding="ascii")) if files else None


PAGES = (Page("/", start), Page("/key", key), Page("/key/demo", demo_key))
