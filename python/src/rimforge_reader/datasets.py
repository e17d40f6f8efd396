"""Prepared data sets: what `rimforge prepare` writes, as patches or as the slices that networks see."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import read_array
from .contrast import Contrast, Values, from_physical, read_contrasts, require_values
from .fields import Fields, read_json
from .names import inside, name
from .problem import Problem
from .table import Table
from .truth import read_truth

MANIFEST = "manifest.json"
SIDES = ("train", "validation", "test")
_SCHEMA = 1
_MOST_MANIFEST = 256 << 20
_LARGEST_SIDE = 1 << 16
_PLANE = re.compile(r"_(axial|coronal|sagittal)-\d+$")
_OF_READERS = ("non-rim", "rim")
_ITEM_COLUMNS = (
    "id",
    "patient",
    "class",
    "condition",
    "label",
    "reader1",
    "reader2",
    "side",
    "voxels",
    "x",
    "y",
    "z",
    "has_mask",
)


@dataclass(frozen=True)
class DataSet:
    """What patches and slices have in common.

    Attributes:
        values: float32, in the order of the table; in physical units (`contrasts` names them) or in the network's
            range -1..1, as asked for.
        masks: uint8, 1 inside the lesion and 0 outside; `None` where no item has a mask.
        table: One row an item. `id`; `patient`, all of whose items are on one `side` ("train", "validation", "test");
            `class`, and its number `condition`, which a conditional network is told (`None`: contested); `label` of
            the source, `reader1` and `reader2` where there are any; `voxels` of the lesion; `x`, `y`, `z`, the
            centre's voxel in the RAS+ volume; `has_mask`; `true_rim` where the truth was asked for.
        contrasts: Of the channels, in their order.
        classes: Names by number.
        contested: What an item is called on which the readers disagree; `None` where that cannot be.
        simulated: Whether all of it is a simulation.
        voxel_mm: Depth, height and width of a voxel in mm; `None` for plain images.
        affines: float64 [N, 3, 4], voxel of the RAS+ volume to mm in the world; the identity for plain images.
    """

    values: NDArray[np.float32]
    masks: NDArray[np.uint8] | None
    table: Table
    contrasts: tuple[Contrast, ...]
    classes: tuple[str, ...]
    contested: str | None
    simulated: bool
    voxel_mm: tuple[float, float, float] | None
    affines: NDArray[np.float64]


@dataclass(frozen=True)
class Patches(DataSet):
    """Patches: values [N, C, D, H, W], masks [N, D, H, W]; a plain image or a slice of a brain has D = 1."""


@dataclass(frozen=True)
class Slices(DataSet):
    """Slices, each an item of training: values [N, C, H, W], masks [N, H, W].

    The table says three things more: `slice`, the index within the patch; `slice_voxels` of the lesion in it; `plane`
    ("axial", "coronal", "sagittal") where the data set is of slices of brains, else `None`.
    """


def read_patches(
    folder: str | os.PathLike[str],
    *,
    values: Values = "physical",
    side: str | None = None,
    classes: Collection[str] | None = None,
    truth: str | os.PathLike[str] | None = None,
    check_hashes: bool = True,
) -> Patches:
    """Reads the patches of a prepared data set: of a cohort's lesions, of images, of brains' slices or volumes.

    Args:
        folder: The --out folder of `rimforge prepare`, or a study's `data`.
        values: "physical" (ppb, grey levels, FA, ...: as stored) or "network" (clipped to -1..1).
        side: Only items of this side of the split: "train", "validation" or "test".
        classes: Only items of these classes (the contested state may be named, too).
        truth: A simulated cohort's folder, or its truth.tsv: adds the column `true_rim`. It is for scoring; nothing
            else of the program reads it.
        check_hashes: Whether each file must have the SHA-256 of the manifest.

    Raises:
        Problem: No data set, one of another version, or a file that is missing, damaged or changed.
        ValueError: `values`, `side` or a class that there is not.
    """
    manifest = _Manifest(Path(folder))
    picked = manifest.pick(side, classes)
    return Patches(**manifest.read(picked, None, values, truth, check_hashes))


def read_slices(
    folder: str | os.PathLike[str],
    *,
    values: Values = "physical",
    side: str | None = None,
    classes: Collection[str] | None = None,
    truth: str | os.PathLike[str] | None = None,
    check_hashes: bool = True,
) -> Slices:
    """Reads the slices of a prepared data set that generators and classifiers learn from: those of a lesion's patch
    that cut enough of it, plain images, slices of brains with their plane.

    Arguments and errors are those of [`read_patches`]; a data set of whole volumes is refused, too.
    """
    manifest = _Manifest(Path(folder))
    if manifest.fields.maybe("items", str) == "volumes":
        raise Problem(manifest.path, "items that are whole volumes", "slices", "use read_patches")
    picked = set(manifest.pick(side, classes))
    found = [one for one in manifest.slices() if one[0] in picked]
    read = manifest.read([item for item, _, _ in found], [at for _, at, _ in found], values, truth, check_hashes)
    rows = [
        {**row, "slice": at, "slice_voxels": voxels, "plane": plane[1] if (plane := _PLANE.search(row["id"])) else None}
        for row, (_, at, voxels) in zip(read["table"], found)
    ]
    read["table"] = Table((*read["table"].columns, "slice", "slice_voxels", "plane"), rows)
    return Slices(**read)


class _Manifest:
    """A manifest, whose words were checked, and the folder that it is of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / MANIFEST
        self.fields = read_json(self.path, _MOST_MANIFEST, "the manifest of a data set that `rimforge prepare` made")
        schema = self.fields.take("schema", int)
        if schema != _SCHEMA:
            raise Problem(self.path, f"schema {schema}", f"schema {_SCHEMA}", "prepare again, or update this reader")
        self.contrasts = read_contrasts(self.fields, "contrasts")
        self.patch = self.fields.all("patch", int, 3)
        if not self.contrasts or not all(0 < side <= _LARGEST_SIDE for side in self.patch):
            raise Problem(
                self.path, f"patches of {len(self.contrasts)} channels and {self.patch} voxels", "some of each"
            )
        classes = self.fields.maybe_nested("classes")
        self.classes = tuple(classes.all("names", str)) if classes else _OF_READERS
        self.contested = classes.maybe("contested", str) if classes else "ambiguous"
        self.items = self.fields.each("lesions")

    def pick(self, side: str | None, classes: Collection[str] | None) -> list[int]:
        """The items of a side and of classes, in order."""
        if side is not None and side not in SIDES:
            raise ValueError(f"side is one of {', '.join(SIDES)}, not {side!r}")
        known = {*self.classes, self.contested}
        if isinstance(classes, str) or not set(classes or ()) <= known:
            raise ValueError(f"classes are a list of {', '.join(sorted(filter(None, known)))}, not {classes!r}")
        return [
            number
            for number, item in enumerate(self.items)
            if (side is None or item.take("split", str) == side)
            and (classes is None or item.take("class", str) in classes)
        ]

    def slices(self) -> list[tuple[int, int, int]]:
        """Item, index within its patch and voxels of each slice."""
        found = []
        for one in self.fields.each("slices"):
            item, at, voxels = one.take("lesion", int), one.take("z", int), one.take("voxels", int)
            if not (0 <= item < len(self.items) and 0 <= at < self.patch[0]):
                raise Problem(self.path, f"{one.place}: slice {at} of item {item}", "one that there is")
            found.append((item, at, voxels))
        return found

    def read(
        self,
        items: Sequence[int],
        at: Sequence[int] | None,
        values: Values,
        truth: str | os.PathLike[str] | None,
        check_hashes: bool,
    ) -> dict[str, Any]:
        """The fields of a [`DataSet`]: of each item the slice `at`, or the whole patch where that is `None`."""
        require_values(values)
        shape = (len(self.contrasts), *self.patch)
        images, masks, rows, affines = [], [], {}, {}
        last: tuple[int, NDArray[Any], NDArray[Any]] | None = None
        for number, one in zip(items, [None] * len(items) if at is None else at):
            item = self.items[number]
            if last is None or last[0] != number:
                rows[number] = self._row(item)
                affines[number] = [[float(x) for x in row] for row in _matrix(item)]
                last = (number, *self._arrays(item, shape, check_hashes))
            _, patch, mask = last
            images.append(patch if one is None else patch[:, one])
            masks.append(mask if one is None else mask[one])
        empty = shape if at is None else (shape[0], *shape[2:])
        stacked = np.stack(images) if images else np.empty((0, *empty), np.float32)
        table_rows = [rows[number] for number in items]
        columns: tuple[str, ...] = _ITEM_COLUMNS
        if truth is not None:
            of_item = read_truth(Path(truth))
            columns = (*columns, "true_rim")
            table_rows = [{**row, "true_rim": of_item(row["id"])} for row in table_rows]
        voxel_mm = self.fields.all("voxel_mm", float, 3) if self.fields.maybe("voxel_mm", list) else None
        return {
            "values": from_physical(stacked, self.contrasts, values),
            "masks": np.stack(masks) if any(row["has_mask"] for row in table_rows) else None,
            "table": Table(columns, table_rows),
            "contrasts": self.contrasts,
            "classes": self.classes,
            "contested": self.contested,
            "simulated": self.fields.take("simulated", bool),
            "voxel_mm": (voxel_mm[0], voxel_mm[1], voxel_mm[2]) if voxel_mm else None,
            "affines": np.array([affines[number] for number in items], np.float64).reshape(-1, 3, 4),
        }

    def _row(self, item: Fields) -> dict[str, Any]:
        called, side = item.take("class", str), item.take("split", str)
        if called not in (*self.classes, self.contested) or side not in SIDES:
            raise Problem(self.path, f'{item.place}: class "{called}" on side "{side}"', "a class and a side there are")
        centre = item.all("centre", int, 3)
        return {
            "id": name(item.take("id", str), self.path),
            "patient": item.take("patient", str),
            "class": called,
            "condition": self.classes.index(called) if called in self.classes else None,
            "label": item.maybe("label", str),
            "reader1": item.maybe("reader1", bool),
            "reader2": item.maybe("reader2", bool),
            "side": side,
            "voxels": item.take("voxels", int),
            **dict(zip("xyz", centre)),
            "has_mask": item.maybe("mask", str) is not None,
        }

    def _arrays(
        self, item: Fields, shape: tuple[int, ...], check_hashes: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        def read(key: str, sha256: str | None, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
            file = inside(self.folder, item.take(key, str), self.path)
            return read_array(file, shape, kind, sha256 if check_hashes else None)

        patch = read("patch", item.take("sha256", str), shape, np.float32)
        if item.maybe("mask", str) is None:
            return patch, np.zeros(shape[1:], np.uint8)
        return patch, read("mask", item.maybe("mask_sha256", str), shape[1:], np.uint8)


def _matrix(item: Fields) -> list[list[float]]:
    """An affine: three rows of four finite numbers."""
    rows = item.all("affine", list, 3)
    return [Fields({"row": row}, item.path, f"{item.place}.affine").all("row", float, 4) for row in rows]
