"""What the channels of images show, and in which range their values are handed out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .fields import Fields
from .names import name
from .problem import Problem

Values = Literal["physical", "network"]
"""In the unit of each contrast, or in the network's range -1 to 1."""


@dataclass(frozen=True)
class Contrast:
    """What one channel shows.

    Attributes:
        name: "chimap", "flair", "t1c", "fa"; "image0" and so on of plain images.
        unit: "ppb", "FA", "grey level".
        low: The value, in that unit, that is -1 in the network's range.
        high: The value that is 1.
    """

    name: str
    unit: str
    low: float
    high: float

    def to_network(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Physical values of any shape in the network's range, clipped to -1..1."""
        scaled = 2.0 * (np.asarray(values, np.float64) - self.low) / (self.high - self.low) - 1.0
        return np.clip(scaled, -1.0, 1.0).astype(np.float32)

    def to_physical(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Values of the network's range in this contrast's unit; the inverse of [`to_network`], without its clipping:
        a network draws a little beyond -1..1."""
        scaled = self.low + (np.asarray(values, np.float64) + 1.0) * (self.high - self.low) / 2.0
        return scaled.astype(np.float32)


def read_contrasts(fields: Fields, key: str) -> tuple[Contrast, ...]:
    """The contrasts of a manifest, a record or a network; none where it does not say.

    Raises:
        Problem: One without name, unit or window, or with a window that is none.
    """
    found = []
    for one in fields.each(key):
        window = one.nested("window")
        low, high = window.take("low", float), window.take("high", float)
        if not low < high:
            raise Problem(fields.path, f"{window.place} from {low} to {high}", "a window whose low is below its high")
        found.append(Contrast(name(one.take("name", str), fields.path), one.take("unit", str), low, high))
    return tuple(found)


def require_values(values: str) -> None:
    """Refuses another word than those of `Values`.

    Raises:
        ValueError: It is another.
    """
    if values not in ("physical", "network"):
        raise ValueError(f'values is "physical" or "network", not {values!r}')


def from_physical(images: NDArray[np.float32], contrasts: Sequence[Contrast], values: Values) -> NDArray[np.float32]:
    """Images [N, C, ...] in physical units as asked for."""
    if values == "physical":
        return images
    return _each(images, [contrast.to_network for contrast in contrasts])


def from_network(
    images: NDArray[np.float32], contrasts: Sequence[Contrast], values: Values, path: Path
) -> NDArray[np.float32]:
    """Images [N, C, ...] of the network's range as asked for.

    Raises:
        Problem: Physical units are asked for and nobody knows the windows of so many channels.
    """
    if values == "network":
        return images
    if len(contrasts) != images.shape[1]:
        found = f"windows of {len(contrasts)} channels for images of {images.shape[1]}"
        raise Problem(path, found, "one for each channel", 'ask for values="network"')
    return _each(images, [contrast.to_physical for contrast in contrasts])


def _each(images: NDArray[np.float32], changes: Sequence[Any]) -> NDArray[np.float32]:
    channels = [change(images[:, number]) for number, change in enumerate(changes)]
    return np.stack(channels, axis=1) if channels else images
