"""The generator in numpy alone: no other package, slow beside torch, and the same images."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import forward
from .description import NetworkDescription
from .tensors import TensorFile

Images = NDArray[np.float32]
Array = NDArray[Any]

_TAPS = (0.25, 0.75, 0.75, 0.25)


class NumpyGenerator:
    """Latents to images, or to volumes, on float32 arrays.

    Attributes:
        description: What the network's file says.
        parameters: Its tensors by name.
    """

    def __init__(self, description: NetworkDescription, file: TensorFile) -> None:
        self.description = description
        self.parameters = {key: file.read(f"G.{key}") for key in description.sizes.shapes()}

    def __call__(
        self,
        z: ArrayLike,
        c: ArrayLike | None = None,
        *,
        truncation: float = 1.0,
        cutoff: int | None = None,
        noise: forward.Noise = "const",
    ) -> Images:
        """Images [N, C, R, R], about -1..1; volumes [N, C, R, R, R]. Arguments and errors are those of
        [`NumpyGenerator.mapping`] and [`NumpyGenerator.synthesis`]."""
        return self.synthesis(self.mapping(z, c, truncation=truncation, cutoff=cutoff), noise=noise)

    def mapping(
        self, z: ArrayLike, c: ArrayLike | None = None, *, truncation: float = 1.0, cutoff: int | None = None
    ) -> Images:
        """ws [N, num_ws, w_dim].

        Args:
            z: [N, z_dim], standard normal; `latents` has those of seeds.
            c: [N, c_dim], one-hot (`description.conditions`), for a network with classes and for none else.
            truncation: Psi; 1 is full variety, 0 the mean image.
            cutoff: Only so many layers, the coarsest ones, are truncated.

        Raises:
            ValueError: Other shapes, or classes where there are none, or the other way round.
        """
        sizes = self.description.sizes
        get = self._below("mapping")
        labels = None if c is None else np.asarray(c, np.float32)
        w = forward.mapped(_NUMPY, get, sizes, np.asarray(z, np.float32), labels)
        ws: Images = forward.truncated(_NUMPY, get("w_avg"), w, sizes.num_ws, truncation, cutoff)
        return ws

    def synthesis(self, ws: ArrayLike, *, noise: forward.Noise = "const") -> Images:
        """Images [N, C, R, R] of ws [N, num_ws, w_dim], as projections have them.

        Args:
            ws: One w for each layer.
            noise: "const" (the network's own maps), "none", or a map [1 or N, 1, r, r] for each convolution.

        Raises:
            ValueError: Another shape, another word, or another number of maps.
        """
        maps = noise if isinstance(noise, str) else [np.asarray(one, np.float32) for one in noise]
        found = forward.synthesised(
            _NUMPY, self._below("synthesis"), self.description.sizes, np.asarray(ws, np.float32), maps
        )
        images: Images = found.astype(np.float32, copy=False)
        return images

    def _below(self, part: str) -> forward.Parameters:
        return lambda key: self.parameters[f"{part}.{key}"]


class _Numpy:
    """The operations, for any number of axes of space."""

    def mean(self, x: Array, axes: tuple[int, ...]) -> Array:
        found: Array = x.mean(axes, keepdims=True)
        return found

    def inverse_root(self, x: Array) -> Array:
        return np.asarray(np.float32(1.0) / np.sqrt(x))

    def leaky_relu(self, x: Array) -> Array:
        return np.asarray(np.maximum(x, x * np.float32(0.2)))

    def clamp(self, x: Array, bound: float) -> Array:
        return np.clip(x, np.float32(-bound), np.float32(bound))

    def softmax(self, x: Array) -> Array:
        powers = np.exp(x - x.max(-1, keepdims=True))
        return np.asarray(powers / powers.sum(-1, keepdims=True))

    def join(self, parts: Sequence[Array], axis: int) -> Array:
        return np.concatenate(parts, axis)

    def repeat(self, x: Array, like: Any) -> Array:
        return np.broadcast_to(x, (like.shape[0], *x.shape))

    def convolve(self, x: Array, weight: Array) -> Array:
        sides, kernel = x.shape[2:], weight.shape[2]
        pad = kernel // 2
        padded = np.pad(x, [(0, 0), (0, 0)] + [(pad, pad)] * len(sides))
        found = np.zeros((x.shape[0], weight.shape[0], *sides), np.float32)
        for tap in itertools.product(range(kernel), repeat=len(sides)):
            found += _mixed(weight, tap, padded[_at([slice(at, at + side) for at, side in zip(tap, sides)])])
        return found

    def convolve_up(self, x: Array, weight: Array) -> Array:
        sides, kernel = x.shape[2:], weight.shape[2]
        found = np.zeros((x.shape[0], weight.shape[0], *(2 * side + 1 for side in sides)), np.float32)
        for tap in itertools.product(range(kernel), repeat=len(sides)):
            places = _at([slice(at, at + 2 * side, 2) for at, side in zip(tap, sides)])
            found[places] += _mixed(weight, tap, x)
        return found

    def smooth(self, x: Array) -> Array:
        for axis in range(2, x.ndim):
            side = x.shape[axis]
            padded = np.pad(x, [(1, 1) if at == axis else (0, 0) for at in range(x.ndim)])
            shifted = [np.float32(tap) * _part(padded, axis, slice(at, at + side - 1)) for at, tap in enumerate(_TAPS)]
            x = shifted[0] + shifted[1] + shifted[2] + shifted[3]
        return x

    def double(self, x: Array) -> Array:
        for axis in range(2, x.ndim):
            side = x.shape[axis]
            found = np.zeros([2 * side + 2 if at == axis else length for at, length in enumerate(x.shape)], np.float32)
            for at, tap in enumerate(_TAPS):
                _part(found, axis, slice(at, at + 2 * side, 2))[...] += np.float32(tap) * x
            x = _part(found, axis, slice(1, 2 * side + 1))
        return x


_NUMPY = _Numpy()


def _mixed(weight: Array, tap: tuple[int, ...], x: Array) -> Array:
    """One tap of weight [O, C, k, ...] as a 1x1 convolution of x [N, C, ...]."""
    flat: Array = np.matmul(weight[_at(tap)], x.reshape(*x.shape[:2], -1))
    return flat.reshape(flat.shape[0], flat.shape[1], *x.shape[2:])


def _at(places: Sequence[Any]) -> Any:
    """An index into the axes of space."""
    return (slice(None), slice(None), *places)


def _part(x: Array, axis: int, places: slice) -> Array:
    """A view of a part along one axis."""
    index: Any = (slice(None),) * axis + (places,)
    return np.asarray(x[index])
