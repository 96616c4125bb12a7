"""Answers to questions that have only one, kept by all that they depend on: bounded, and never part of a verdict.

Whatever is asked twice is the same twice: a seal stands on thousands of documents, a chain under thousands of seals.
`forget` and `forgetting` are there for those who want to see that nothing else follows from what is kept.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any, Generic, ParamSpec, TypeVar, cast
from weakref import WeakSet

from schemas.verification import Check, passed

Asked = ParamSpec("Asked")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
_FORGETTING: ContextVar[bool] = ContextVar("forgetting", default=False)


class Kept(Generic[Key, Value]):
    """At most `most` answers, which together weigh at most `heaviest` bytes; the oldest goes first.

    Two threads may compute the same answer: it is the same. What alone is too heavy is not kept.
    """

    __slots__ = ("__weakref__", "_heaviest", "_lock", "_most", "_values", "_weights", "weight")

    def __init__(self, most: int, heaviest: int = 0) -> None:
        self._most, self._heaviest = most, heaviest
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._weights: dict[Key, int] = {}
        self._lock = Lock()
        self.weight = 0
        _KEPT.add(self)

    def get(self, key: Key, make: Callable[[], Value], weight: int = 0) -> Value:
        """The answer kept under `key`, which says all that `make` depends on; made if there is none.

        `weight` is what keeping it costs, in bytes of strangers.
        """
        if _FORGETTING.get():
            return make()
        try:
            return self._values[key]
        except KeyError:
            value = make()
        if weight > self._heaviest:
            return value
        with self._lock:
            if self._values.setdefault(key, value) is value and weight:
                self._weights[key] = weight
                self.weight += weight
            while len(self._values) > self._most or self.weight > self._heaviest:
                oldest, _ = self._values.popitem(last=False)
                self.weight -= self._weights.pop(oldest, 0)
        return value

    def forget(self) -> None:
        """Nothing of what was kept is kept any longer."""
        with self._lock:
            self._values.clear()
            self._weights.clear()
            self.weight = 0

    def __len__(self) -> int:
        return len(self._values)


_KEPT: "WeakSet[Kept[Any, Any]]" = WeakSet()


def kept(most: int, heaviest: int) -> Callable[[Callable[[bytes], Value]], Callable[[bytes], Value]]:
    """A function of octets that keeps its answers, at most so many, of octets that weigh at most so much together."""

    def of(function: Callable[[bytes], Value]) -> Callable[[bytes], Value]:
        answers: Kept[bytes, Value] = Kept(most, heaviest)

        @functools.wraps(function)
        def answer(octets: bytes) -> Value:
            return answers.get(octets, lambda: function(octets), len(octets))

        return answer

    return of


def few(most: int) -> Callable[[Callable[Asked, Value]], Callable[Asked, Value]]:
    """A function that keeps its last answers, at most so many, of arguments that are small: numbers, names, keys."""

    def of(function: Callable[Asked, Value]) -> Callable[Asked, Value]:
        answer = functools.lru_cache(most, typed=True)(function)
        _FEW.append(answer)
        return cast(Callable[Asked, Value], answer)

    return of


_FEW: "list[functools._lru_cache_wrapper[Any]]" = []


@few(2048)
def passed_again(rule: str, **facts: Any) -> Check:
    """`passed`, for what says the same of most documents: a check is a value, and one of each will do.

    The facts are short, and lists among them are tuples.
    """
    return passed(rule, **facts)


def forget() -> None:
    """Everything that is kept is forgotten; from then on answers are kept again."""
    for kept_ones in tuple(_KEPT):
        kept_ones.forget()
    _forget_few()


@contextmanager
def forgetting() -> Iterator[None]:
    """Nothing that was kept before is used as long as this lasts, and nothing of this is kept."""
    token = _FORGETTING.set(True)
    _forget_few()
    try:
        yield
    finally:
        _FORGETTING.reset(token)
        _forget_few()


def _forget_few() -> None:
    for answer in _FEW:
        answer.cache_clear()
