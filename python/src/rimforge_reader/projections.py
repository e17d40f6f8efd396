"""Projections: what `rimforge project` writes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import read_array, read_npz, read_npz_array
from .contrast import Contrast, Values, from_network, read_contrasts, require_values
from .fields import Fields, read_json
from .names import inside, name
from .problem import Problem
from .table import Table

RECORD = "record.json"
MOST_RECORD = 256 << 20
LATENTS = "projected_w.npz"
_CONVOLUTION = re.compile(r"^b\d+\.conv[01]$")
LESION_COLUMNS = (
    "id",
    "patient",
    "slice",
    "role",
    "class",
    "distance",
    "w_distance",
    "contrast_before",
    "contrast_after",
    "rim_erased",
    "rim_invented",
    "lesion_rms",
    "slice_rms",
    "true_rim",
)
_IMAGE_COLUMNS = ("id", "class", "distance", "w_distance", "rms")


@dataclass(frozen=True)
class Projections:
    """Projected images, in the order of the table. Those of real lesions are patient data: each is the nearest image that
    a generator draws to the lesion of a person.

    Attributes:
        ws: float32 [N, num_ws, w_dim]: what a network's synthesis takes. In the space "w" the vectors of an image are
            the same.
        images: float32 [N, C, H, W], in physical units or in the network's range, as asked for.
        table: One row an image. Of lesions: `id` of the lesion as in the manifest, `patient`, `slice` within its patch,
            `role` ("ambiguous", "rim", "non-rim"), `class` that it was projected into, `distance` in feature space,
            `w_distance` (1 is the median nearest distance within the cloud), `contrast_before` and `contrast_after` of
            the rim and `lesion_rms`, `slice_rms` (in the record's unit, ppb for QSM), `rim_erased`, `rim_invented`, and
            `true_rim` where a study has scored it. Of plain images: `id`, `class`, `distance`, `w_distance`, `rms`.
        noise: The noise maps that were fitted with the latents, one float32 [N, 1, r, r] for each convolution, as
            `synthesis(ws, noise=...)` takes them; `None` where they were not asked for.
        contrasts: Of the channels; none where the record does not say.
        space: "w" or "w-plus".
        record: All of `record.json`.
    """

    ws: NDArray[np.float32]
    images: NDArray[np.float32]
    table: Table
    noise: tuple[NDArray[np.float32], ...] | None
    contrasts: tuple[Contrast, ...]
    space: str
    record: dict[str, Any]

    @property
    def w(self) -> NDArray[np.float32]:
        """One w an image, float32 [N, w_dim].

        Raises:
            ValueError: The space is "w-plus": each layer has its own, in `ws`.
        """
        if self.space != "w":
            raise ValueError(f'in the space "{self.space}" an image has a w for each layer: use ws')
        return self.ws[:, 0]


def read_projections(
    folder: str | os.PathLike[str], *, values: Values = "physical", noise: bool = False, check_hashes: bool = True
) -> Projections:
    """Reads a folder of projections.

    Args:
        folder: The --out folder of `rimforge project`, or a study's `denoised`, `contested-as-rim` and the like.
        values: "physical", or "network" for what the network drew, about -1..1.
        noise: Whether to read the noise maps, too: with them and `ws` a network draws the same images again.
        check_hashes: Whether each file must have the SHA-256 that the record has of it; of noise maps, and of
            the images of plain files, it has none.

    Raises:
        Problem: No record (the run was not finished), or a file that is missing, damaged or changed; physical units are
            asked for and the record knows none.
        ValueError: `values` is another word.
    """
    require_values(values)
    root = Path(folder)
    path = root / RECORD
    record = read_json(path, MOST_RECORD, "the record of a finished `rimforge project`")
    lesions, pictures = record.each("lesions"), record.each("images")
    if lesions and pictures:
        raise Problem(path, "both lesions and images", "one of them")
    space = record.maybe("space", str) or "w"
    if space not in ("w", "w-plus"):
        raise Problem(path, f'the space "{space}"', '"w" or "w-plus"')
    items = lesions or pictures
    table = lesion_table(lesions) if lesions else Table(_IMAGE_COLUMNS, [_image_row(one) for one in pictures])
    sha256 = record.maybe("latents_sha256", str) if check_hashes else None
    ws = read_npz_array(root / LATENTS, "w", (len(items), None, None), np.float32, sha256)
    contrasts = read_contrasts(record, "contrasts")
    shape: tuple[int | None, ...] = (None, None, None)
    images, maps = [], []
    for item in items:
        sha256 = item.maybe("image_sha256", str) if check_hashes else None
        image = inside(root, item.take("image", str), path)
        images.append(read_array(image, shape, np.float32, sha256))
        shape = images[-1].shape
        if noise:
            maps.append(_noise_maps(root / "noise" / f"{image.stem}.npz"))
    stacked = np.stack(images) if images else np.empty((0, len(contrasts), 0, 0), np.float32)
    return Projections(
        ws=ws,
        images=from_network(stacked, contrasts, values, path),
        table=table,
        noise=_joined(maps, root) if noise else None,
        contrasts=contrasts,
        space=space,
        record=record.value,
    )


def _noise_maps(path: Path) -> dict[str, NDArray[np.float32]]:
    """The maps [1, r, r] of an image by their convolution, in order."""
    found = read_npz(path, (None, None), np.float32)
    if wrong := [key for key, values in found.items() if not _CONVOLUTION.match(key) or len(set(values.shape)) != 1]:
        raise Problem(path, f"an array {wrong[0][:60]} of shape {list(found[wrong[0]].shape)}", "square maps of noise")
    return {key: values[None] for key, values in found.items()}


def _joined(maps: list[dict[str, NDArray[np.float32]]], root: Path) -> tuple[NDArray[np.float32], ...]:
    """Of all images together, convolution by convolution."""
    layers = [[(key, values.shape) for key, values in one.items()] for one in maps]
    if any(one != layers[0] for one in layers):
        raise Problem(root / "noise", "noise maps of several networks", "those of one")
    return tuple(np.stack([one[key] for one in maps]) for key, _ in layers[0]) if layers else ()


def lesion_table(lesions: list[Fields]) -> Table:
    """The table of a record's `lesions`."""
    return Table(LESION_COLUMNS, [_lesion_row(one) for one in lesions])


def _lesion_row(one: Fields) -> dict[str, Any]:
    numbers = ("distance", "w_distance", "contrast_before", "contrast_after", "lesion_rms", "slice_rms")
    return {
        "id": name(one.take("lesion_id", str), one.path),
        "patient": one.take("patient", str),
        "slice": one.take("slice", int),
        "role": one.take("role", str),
        "class": one.maybe("class", str),
        **{key: one.take(key, float) for key in numbers},
        **{key: one.take(key, bool) for key in ("rim_erased", "rim_invented")},
        "true_rim": one.maybe("true_rim", bool),
    }


def _image_row(one: Fields) -> dict[str, Any]:
    numbers = {key: one.take(key, float) for key in ("distance", "w_distance", "rms")}
    return {"id": name(one.take("id", str), one.path), "class": one.maybe("class", str), **numbers}
