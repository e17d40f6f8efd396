"""Results of studies: what `rimforge run` writes into `results.json`, as tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import tables
from .fields import Fields, read_json
from .problem import Problem
from .table import Table

RESULTS = "results.json"
_MOST_BYTES = 256 << 20
_RIM_LESIONS = "rim-lesions"

# Where each kind of study has what the tables are made of; the home kind does not name itself in its results.
_OF_ALL: dict[str, Callable[[Fields], Table]] = {
    "stages": tables.stages,
    "counts": tables.counts,
    "training": tables.training,
}
_OF_KIND: dict[str, dict[str, Callable[[Fields], Table]]] = {
    _RIM_LESIONS: {
        "arms": tables.arms,
        "seeds": tables.seeds,
        "differences": tables.differences,
        "contrasts": tables.contrasts,
        "projections": tables.projections,
        "flags": tables.flags,
        "perturbed": tables.perturbed,
        "evaluation": tables.evaluation,
        "segmentation": tables.segmentation,
        "two_sided": tables.two_sided,
    },
    "dermatoscopy": {
        "arms": tables.arms,
        "seeds": tables.seeds,
        "differences": tables.differences,
        "inversion": tables.inversion,
        "edits": tables.edits,
    },
    "glioma": {"arms": tables.tumours, "variants": tables.variants, "variant_curves": tables.variant_curves},
    "projection-accuracy": {
        "arms": tables.detectors,
        "accuracy": tables.accuracy,
        "skill": tables.skill,
        "found": tables.found,
    },
}


@dataclass(frozen=True)
class Results:
    """What a study found.

    Attributes:
        kind: "rim-lesions", "dermatoscopy", "glioma" or "projection-accuracy".
        name: As its settings say.
        seed: Of the study.
        simulated: Whether everything in it is simulated.
        version: Of the program.
        tables: By name; every kind has "arms" (what was compared, with scores and intervals), "stages", "counts" (items
            by side and class) and "training" (the generator, tick by tick). A table of what a study left out is empty.
            docs/python.md lists them with their columns.
        record: All of `results.json`.
    """

    kind: str
    name: str
    seed: int
    simulated: bool
    version: str
    tables: Mapping[str, Table]
    record: dict[str, Any]


def read_results(study: str | os.PathLike[str]) -> Results:
    """Reads the results of a finished study of any kind.

    Args:
        study: Its folder, or its `results.json`.

    Raises:
        Problem: No results (the study was not finished), an unknown kind, or numbers that are missing or none.
    """
    path = Path(study)
    path = path / RESULTS if path.is_dir() else path
    record = read_json(path, _MOST_BYTES, "the results of a finished `rimforge run`")
    kind = record.maybe("kind", str) or _RIM_LESIONS
    if kind not in _OF_KIND:
        advice = "this reader is older than the program that wrote it"
        raise Problem(path, f'a study of the kind "{kind}"', ", ".join(_OF_KIND), advice)
    made = {name: make(record) for name, make in {**_OF_KIND[kind], **_OF_ALL}.items()}
    return Results(
        kind=kind,
        name=record.take("name", str),
        seed=record.take("seed", int),
        simulated=record.take("simulated", bool),
        version=record.take("rimforge_version", str),
        tables=made,
        record=record.value,
    )
