"""Drawn images: what `rimforge generate` writes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import read_array
from .contrast import Contrast, Values, from_network, read_contrasts, require_values
from .fields import read_json
from .names import inside
from .problem import Problem
from .projections import MOST_RECORD, RECORD
from .table import Table

_SEED = re.compile(r"^seed(\d+)\.npy$")


@dataclass(frozen=True)
class Drawn:
    """Drawn images, in the order of the table.

    Attributes:
        images: float32 [N, C, H, W], of a network of volumes [N, C, D, H, W]; in physical units or in the network's
            range, as asked for.
        table: `seed` and `class` (`None` without classes) of each.
        contrasts: Of the channels; none where the network did not say.
        record: All of `record.json`.
    """

    images: NDArray[np.float32]
    table: Table
    contrasts: tuple[Contrast, ...]
    record: dict[str, Any]


def read_drawn(folder: str | os.PathLike[str], *, values: Values = "physical", check_hashes: bool = True) -> Drawn:
    """Reads the npy files of a folder of drawn images.

    Args:
        folder: The --out folder of `rimforge generate`, or a study's `synthetic` and the like.
        values: "physical", or "network" for what the network drew, about -1..1.
        check_hashes: Whether each file must have the SHA-256 of the record.

    Raises:
        Problem: No record, no npy among the files (`generate --format npy`), or a file that is missing, damaged or
            changed; physical units are asked for and the record knows none.
        ValueError: `values` is another word.
    """
    require_values(values)
    root = Path(folder)
    path = root / RECORD
    record = read_json(path, MOST_RECORD, "the record of a finished `rimforge generate`")
    files, classes = record.each("images"), record.all("image_classes", str)
    if classes and len(classes) != len(files):
        raise Problem(path, f"{len(classes)} classes of {len(files)} files", "one for each")
    called: list[str] | list[str | None] = classes or [record.maybe("class_name", str)] * len(files)
    contrasts = read_contrasts(record, "contrasts")
    shape: tuple[int, ...] | None = None
    images, rows = [], []
    for file, of_class in zip(files, called):
        text = file.take("path", str)
        if not (seed := _SEED.match(text)):
            continue
        sha256 = file.take("sha256", str) if check_hashes else None
        drawn_file = inside(root, text, path)
        images.append(read_array(drawn_file, shape, np.float32, sha256))
        shape = images[-1].shape
        if len(shape) not in (3, 4):
            raise Problem(drawn_file, f"an array of shape {list(shape)}", "an image [C, H, W] or a volume [C, D, H, W]")
        rows.append({"seed": int(seed[1]), "class": of_class})
    if not images:
        raise Problem(path, "no npy file among the images", "some", "draw them with `rimforge generate --format npy`")
    drawn = from_network(np.stack(images), contrasts, values, path)
    return Drawn(drawn, Table(("seed", "class"), rows), contrasts, record.value)
