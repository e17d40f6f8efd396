"""JSON out of a file, taken field by field, so that what is missing or of another kind is named where it is read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from .arrays import read_bytes
from .problem import Problem, shortened

T = TypeVar("T", str, int, float, bool, list[Any], dict[str, Any])

_KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def read_json(path: Path, most_bytes: int, what: str) -> Fields:
    """The JSON object in a file.

    Args:
        path: The file.
        most_bytes: Length from which on it is refused.
        what: What it is, for errors.

    Raises:
        Problem: No such file, a longer one, or no JSON object.
    """
    return parse_json(read_bytes(path, most_bytes, what), path, what)


def parse_json(text: bytes | str, path: Path, what: str) -> Fields:
    """As [`read_json`], of a text that was read from `path`."""
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors.
        raise Problem(path, f"no JSON: {error}", what) from error
    if not isinstance(value, dict):
        raise Problem(path, f"JSON that is {_said(value)}", f"{what}, an object")
    return Fields(value, path, "")


class Fields:
    """An object of a JSON file, and where it stands in it."""

    def __init__(self, value: dict[str, Any], path: Path, place: str) -> None:
        self.value = value
        self.path = path
        self.place = place

    def take(self, key: str, kind: type[T]) -> T:
        """The value of a key.

        Raises:
            Problem: It is not there, or of another kind than `kind`; NaN and infinity are no numbers.
        """
        if key not in self.value:
            raise Problem(self.path, f"no {self._at(key)}", _KINDS[kind])
        return self._as(self.value[key], kind, self._at(key))

    def maybe(self, key: str, kind: type[T]) -> T | None:
        """The same, or `None` where it is not there or null."""
        return None if self.value.get(key) is None else self.take(key, kind)

    def nested(self, key: str) -> Fields:
        """An object within this one."""
        return Fields(self.take(key, dict), self.path, self._at(key))

    def maybe_nested(self, key: str) -> Fields | None:
        """The same, or `None` where it is not there or null."""
        return None if self.value.get(key) is None else self.nested(key)

    def each(self, key: str) -> list[Fields]:
        """The objects of a list; none where it is not there."""
        return [Fields(item, self.path, at) for at, item in self._items(key, dict)]

    def pairs(self, key: str) -> list[tuple[str, Fields]]:
        """The objects of an object, with their keys; none where it is not there."""
        outer = self.maybe_nested(key)
        return [(inner, outer.nested(inner)) for inner in outer.value] if outer else []

    def all(self, key: str, kind: type[T], count: int | None = None) -> list[T]:
        """The values of a list, each of a kind; of exactly `count` where that is given."""
        found: list[T] = [item for _, item in self._items(key, kind)]
        if count is not None and len(found) != count:
            raise Problem(self.path, f"{self._at(key)} of {len(found)}", f"a list of {count}")
        return found

    def _items(self, key: str, kind: type[T]) -> Iterator[tuple[str, T]]:
        for number, item in enumerate(self.maybe(key, list) or []):
            at = f"{self._at(key)}[{number}]"
            yield at, self._as(item, kind, at)

    def _as(self, found: Any, kind: type[T], at: str) -> T:
        if kind is float and isinstance(found, int) and not isinstance(found, bool):
            found = float(found) if abs(found) < 1 << 1000 else math.inf
        fits = isinstance(found, kind) and (kind is bool or not isinstance(found, bool))
        if not fits or (isinstance(found, float) and not math.isfinite(found)):
            raise Problem(self.path, f"{at} is {_said(found)}", _KINDS[kind])
        return found  # type: ignore[no-any-return]

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key


def _said(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return shortened(json.dumps(value, ensure_ascii=False))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shortened(twice)} twice")
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"{word}, which is no number")
