"""Pages for who runs the gateway: health, queues, the log and its witnesses, participants, keys, adapters."""

from urllib.parse import quote

from starlette.responses import Response

from console.acting import Act, Action
from console.page import Page
from console.view import Role, View, items_of

_OPERATOR: tuple[Role, ...] = ("operator",)
_KEEPERS: tuple[Role, ...] = ("regulator", "operator")


def operation(view: View) -> Response:
    """How the gateway is: degraded modes, queue, batches, rechecks, deliveries, log, registries, trust."""
    with view.gateway() as gateway:
        found = gateway.call("GET", "/v1/operation").value
    return view.render("operation.html", found=found)


def log(view: View) -> Response:
    """The log: its checkpoint as anybody may fetch it, and how to audit it without us."""
    with view.gateway() as gateway:
        checkpoint = gateway.call("GET", "/v1/log/checkpoint").body.decode("utf-8", "replace")
        key = gateway.call("GET", "/v1/log/key").body.decode("utf-8", "replace")
    origin, size, root, *_ = [*checkpoint.splitlines(), "", "", ""]
    signatures = [line for line in checkpoint.splitlines() if line.startswith("— ")]
    return view.render(
        "log.html", checkpoint=checkpoint, key=key, origin=origin, size=size, root=root, signatures=signatures
    )


def participants(view: View) -> Response:
    """Who takes part, under which keys, and which of them end soon; requests for new ones."""
    asked = view.asked("after")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/participants", **asked)).value
        requests = items_of(gateway.call("GET", "/v1/key-requests").value)
    return view.render("participants.html", items=items_of(found), next=found.get("next"), requests=requests)


def mappings(view: View) -> Response:
    """Which version reads which insurer's format, what is proposed, and what shadow replay found."""
    with view.gateway() as gateway:
        found = gateway.call("GET", "/v1/mappings").value
    return view.render("mappings.html", found=found)


def mapping_proposal(view: View) -> Response:
    """A proposed mapping: the differences that shadow replay found over stored messages."""
    digest = quote(str(view.request.path_params["proposal"]), safe="")
    with view.gateway() as gateway:
        found = gateway.call("GET", f"/v1/mappings/proposals/{digest}").value
    return view.render("mapping_proposal.html", found=found, digest=digest)


# What an operator does, each signed by the person's key


def approve_mapping(view: View) -> Act:
    """Approve another operator's proposal."""
    digest = quote(view.form_text("proposal"), safe="")
    return Act("POST", f"/v1/mappings/proposals/{digest}/approval", None, None, "/mappings")


def approve_key(view: View) -> Act:
    """Approve a request for a key."""
    identity = quote(view.form_text("request"), safe="")
    return Act("POST", f"/v1/key-requests/{identity}/approval", None, None, "/participants")


PAGES: tuple[Page, ...] = (
    Page("/operation", operation, roles=_OPERATOR, nav="nav.operation"),
    Page("/log", log, roles=_KEEPERS, nav="nav.log"),
    Page("/participants", participants, roles=_KEEPERS, nav="nav.participants"),
    Page("/mappings", mappings, roles=_OPERATOR, nav="nav.mappings"),
    Page("/mappings/{proposal}", mapping_proposal, roles=_OPERATOR),
)
ACTIONS: dict[str, Action] = {
    "mapping.approve": Action(_OPERATOR, approve_mapping),
    "key.approve": Action(_OPERATOR, approve_key),
}
