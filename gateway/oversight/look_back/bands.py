"""How far a sum of claims may lie from what is to be expected: a band around it from how many claims there were.

Claims come as a compound Poisson process. Only their number and sum are reported, not each claim, so that how much
single claims differ is assumed: the standard deviation of a claim is its mean (as of exponential claims). The sum is
then approximated by a scaled Poisson variable with the same first two moments (Bohm and Zech, Nucl. Instrum. Meth.
A 748 (2014) 1), which has half as many counts as there are claims; its exact band is Garwood's (Biometrika 28 (1936)
437), of which the ends are quantiles of gamma distributions. Decimal arithmetic throughout: the same everywhere.
"""

from decimal import Decimal, localcontext
from functools import lru_cache

CONFIDENCE_PERCENT = "95"
_TAIL = Decimal("0.025")
_Z = Decimal("1.959963984540054")  # the standard normal quantile of 1 - _TAIL
_DIGITS = 28
_EXACT = 400  # claims; above, Wilson and Hilferty's cube is within a hundredth of a per cent
_STEPS = 70
_ROUND = 3  # from this shape on the first guess is close
_ROUNDS = 6


@lru_cache(4096)
def band(claims: int) -> tuple[Decimal, Decimal] | None:
    """The ends of the band, as multiples of the sum of so many claims; `None` of none: nothing is known of their size.

    With four claims the band is from 0.12 to 3.6 times the sum; with a hundred from 0.74 to 1.32.
    """
    if claims < 0:
        raise ValueError("claims are counted from 0")
    if claims == 0:
        return None
    counts = Decimal(claims) / 2
    return gamma_quantile(counts, upper=False) / counts, gamma_quantile(counts + 1, upper=True) / counts


def gamma_quantile(shape: Decimal, *, upper: bool) -> Decimal:
    """Where the gamma distribution of this shape, a multiple of one half, has reached 2.5 %, or 97.5 % if `upper`."""
    with localcontext() as context:
        context.prec = _DIGITS
        guess = shape * (1 - 1 / (9 * shape) + (_Z if upper else -_Z) / (3 * shape.sqrt())) ** 3
        if shape > _EXACT // 2:
            return guess
        wanted = 1 - _TAIL if upper else _TAIL
        return _newton(shape, guess, wanted) if shape >= _ROUND else _bisected(shape, wanted)


def _newton(shape: Decimal, start: Decimal, wanted: Decimal) -> Decimal:
    """From a start that is close, to all digits; the density is what the distribution grows by."""
    x = start
    for _ in range(_ROUNDS):
        density = _power(x, shape) / x * (-x).exp() / _gamma(shape)
        x -= (_reached(shape, x) - wanted) / density
    return x


def _bisected(shape: Decimal, wanted: Decimal) -> Decimal:
    low, high = Decimal(0), Decimal(40)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _reached(shape, middle) < wanted else (low, middle)
    return (low + high) / 2


def _reached(shape: Decimal, x: Decimal) -> Decimal:
    """The regularised lower incomplete gamma function, by its power series: all terms are positive."""
    if x <= 0:
        return Decimal(0)
    term = _power(x, shape) * (-x).exp() / _gamma(shape + 1)
    total, place = term, shape
    while term > total * Decimal("1e-24"):
        place += 1
        term *= x / place
        total += term
    return total


def _power(x: Decimal, shape: Decimal) -> Decimal:
    whole = int(shape)
    power = x**whole
    return power if shape == whole else power * x.sqrt()


@lru_cache(1024)
def _gamma(of: Decimal) -> Decimal:
    """The gamma function of a multiple of one half."""
    value, place = (Decimal(1), Decimal(1)) if of == int(of) else (_SQRT_PI, Decimal("0.5"))
    while place < of:
        value *= place
        place += 1
    return value


_SQRT_PI = Decimal("1.7724538509055160272981674833411451827975")
