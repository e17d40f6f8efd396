"""The true labels of a simulated cohort: for scoring, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .arrays import read_bytes
from .problem import Problem, shortened

_PLACE = Path("derivatives") / "truth" / "truth.tsv"
_MOST_BYTES = 64 << 20


def read_truth(path: Path) -> Callable[[str], bool]:
    """Reads `derivatives/truth/truth.tsv` of a cohort's folder, or such a table itself.

    Returns:
        Whether the lesion of a name ("sub-001_lesion-003") truly has a rim; a `Problem` for one that is not there.

    Raises:
        Problem: No such table, no such columns, another value than 0 or 1, or a lesion twice.
    """
    table = path / _PLACE if path.is_dir() else path
    what = "the truth of a simulated cohort"
    try:
        text = read_bytes(table, _MOST_BYTES, what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(table, f"no text: {error}", what) from error
    header, *lines = [line.split("\t") for line in text.splitlines() if line] or [[]]
    try:
        person, lesion, truth = (header.index(column) for column in ("participant_id", "lesion_id", "true_rim"))
    except ValueError as error:
        raise Problem(
            table, f"columns {shortened(', '.join(header))}", "participant_id, lesion_id, true_rim"
        ) from error
    found: dict[str, bool] = {}
    for number, row in enumerate(lines, start=2):
        if len(row) != len(header) or row[truth] not in ("0", "1") or not row[lesion].isdecimal():
            raise Problem(table, f"line {number}: {shortened(' '.join(row))}", "a lesion's number, and 0 or 1")
        patient = row[person] if row[person].startswith("sub-") else f"sub-{row[person]}"
        key = f"{patient}_lesion-{int(row[lesion]):03}"
        if key in found:
            raise Problem(table, f"line {number}: the lesion {key} twice")
        found[key] = row[truth] == "1"

    def of(item: str) -> bool:
        if item not in found:
            raise Problem(table, f"no lesion {item}", "every lesion of the data", "give the truth of the same cohort")
        return found[item]

    return of
