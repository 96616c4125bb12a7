"""Windows 申报窗口: whether what a premium rests on was told while the scheme took it."""

from collections.abc import Iterable
from datetime import date

from gateway.schemes.profile import Scheme
from gateway.schemes.verdict import PASSED, Verdict, fails

RULE = "scheme.told-in-window"


def check_window(scheme: Scheme, told: Iterable[tuple[str, date]]) -> Verdict:
    """Every record (type, day on which it became known) of a type that has windows came in one of them.

    A type without windows is taken on every day. The annual notice sets them (R-ZJ-26).
    """
    for kind, day in told:
        windows = [one for one in scheme.submission if one.type == kind]
        if windows and not any(one.from_ <= day <= one.to for one in windows):
            return fails("outside-window")
    return PASSED
