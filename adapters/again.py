"""What is read anew each time that it is gone through, so that none of it has to be kept."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class Again(Iterable[Item]):
    """The items that `read` gives, from the first one, at each iteration."""

    __slots__ = ("__weakref__", "_read")

    def __init__(self, read: Callable[[], Iterator[Item]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Item]:
        return self._read()
