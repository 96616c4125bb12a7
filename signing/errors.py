"""What the judge raises: only what leaves nothing to judge. A bad signature is a report, never an exception."""


class SigningError(Exception):
    """Any reason for which `signing` gives no report."""


class Unreadable(SigningError):
    """The bytes hold nothing that can be judged.

    `rule` is the stable id of the refusal (`der.malformed`, `file.too-large`), `detail` an English sentence, `where`
    the place in the document, if there is one.
    """

    def __init__(self, rule: str, detail: str, where: str | None = None) -> None:
        super().__init__(f"{rule}: {detail}" + (f" ({where})" if where else ""))
        self.rule = rule
        self.detail = detail
        self.where = where


class UnusableKey(SigningError):
    """A key cannot be used: `reason` is a stable slug (`malformed`, `too-short`), `detail` an English sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class NoEngine(SigningError):
    """No library on this machine computes SM2 correctly, or the one that does cannot do what was asked."""


class SignerLost(SigningError):
    """A key does not sign any more: its token was removed, locked, or holds another key. Nothing was signed."""
