"""Tables: rows of plain Python values under named columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas


class Table(Sequence[dict[str, Any]]):
    """Rows, each a dict with the same keys in the same order; what is unknown is `None`.

    `table[0]` is a row, `table[2:5]` a table; `table.column("id")` an array; `table.where(side="test")` the rows of
    which that holds; `table.to_pandas()` a DataFrame.
    """

    def __init__(self, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
        self._columns = tuple(columns)
        self._rows = [{column: row[column] for column in self._columns} for row in rows]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._columns

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Table: ...

    def __getitem__(self, at: int | slice) -> dict[str, Any] | Table:
        if isinstance(at, slice):
            return Table(self._columns, self._rows[at])
        return dict(self._rows[at])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(row) for row in self._rows)

    def __repr__(self) -> str:
        return f"Table of {len(self)} rows: {', '.join(self._columns)}"

    def column(self, name: str) -> NDArray[Any]:
        """One column [rows]: float64, int64, bool or text where all values are of that kind, else objects; where
        numbers are missing among others, they are NaN.

        Raises:
            KeyError: There is no such column.
        """
        self._require(name)
        values = [row[name] for row in self._rows]
        kinds = {type(value) for value in values}
        if kinds in ({float}, {float, int}, {float, type(None)}, {float, int, type(None)}, {int, type(None)}):
            return np.array([np.nan if value is None else value for value in values], np.float64)
        if kinds in ({int}, {bool}, {str}):
            return np.array(values)
        found = np.empty(len(values), object)
        found[:] = values
        return found

    def mask(self, **wanted: Any) -> NDArray[np.bool_]:
        """Which rows have these values [rows]; of a list, tuple or set any of its values: it picks the rows of the
        arrays beside the table, too.

        Raises:
            KeyError: There is no such column.
        """
        for name in wanted:
            self._require(name)
        choices = {name: value if isinstance(value, (list, tuple, set)) else [value] for name, value in wanted.items()}
        fits = [all(row[name] in values for name, values in choices.items()) for row in self._rows]
        return np.array(fits, bool)

    def where(self, **wanted: Any) -> Table:
        """The rows of [`mask`]."""
        return Table(self._columns, (row for row, fits in zip(self._rows, self.mask(**wanted)) if fits))

    def to_pandas(self) -> pandas.DataFrame:
        """The same as a DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas

        return pandas.DataFrame({name: self.column(name) for name in self._columns}, columns=list(self._columns))

    def _require(self, name: str) -> None:
        if name not in self._columns:
            raise KeyError(f"no column {name!r}; there are {', '.join(self._columns)}")
