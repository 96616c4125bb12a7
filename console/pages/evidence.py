"""Evidence for people at a browser: a bundle dropped, every step of its verification shown."""

from starlette.responses import Response

from client import Problem
from console.page import Page
from console.view import View


def verification(view: View) -> Response:
    """The form, and once a bundle came, each step with what it found."""
    sent = view.form_file("file") if view.request.method == "POST" else None
    if sent is None:
        return view.render("verification.html", found=None, name="", problem=None)
    with view.gateway() as gateway:
        try:
            answer = gateway.call(
                "POST", "/v1/evidence/verification", body=sent.content, content_type="application/zip"
            )
        except Problem as problem:
            if problem.status == 401:
                raise
            return view.render("verification.html", 422, found=None, name=sent.name, problem=problem)
    return view.render("verification.html", found=answer.value, name=sent.name, problem=None)


PAGES: tuple[Page, ...] = (
    Page("/verification", verification, nav="nav.verification"),
    Page("/verification", verification, methods=("POST",)),
)
