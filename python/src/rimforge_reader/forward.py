"""What the generator computes, written once over a handful of operations that each backend supplies.

Karras et al. 2018 (weights scaled at run time), 2019 (mapping, truncation, adaptive instance normalisation), 2020
(styles that scale kernels, skip generator); Zhang et al. 2019 (self-attention). A kernel that is scaled for each image
is computed as one shared kernel on an input whose channels are scaled: the same sum, and no grouped convolution, so
that the batch size of an exported network stays free.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from .description import GeneratorSizes

Array = Any
"""A backend's array: numpy.ndarray or torch.Tensor."""

Noise = Literal["const", "none"] | Sequence[Array]
"""The network's own maps, none, or one [1 or N, 1, R, R] for each convolution of `GeneratorSizes.convolutions`."""

Parameters = Callable[[str], Array]
"""A tensor of the network by its name."""

GAIN = math.sqrt(2.0)
_EPSILON = 1e-8
_MAPPING_RATE = 0.01
# At 4 x 4 a channel may be constant, and 1 / sqrt(1e-8) of nothing is noise.
_EPSILON_OF_START = 1e-5


class Operations(Protocol):
    """What a backend supplies; x is [N, C, H, W], or [N, C, D, H, W] of volumes."""

    def mean(self, x: Array, axes: tuple[int, ...]) -> Array:
        """Mean over axes, which stay with length 1."""

    def inverse_root(self, x: Array) -> Array:
        """1 / sqrt(x)."""

    def leaky_relu(self, x: Array) -> Array:
        """Slope .2."""

    def clamp(self, x: Array, bound: float) -> Array:
        """-bound..bound."""

    def softmax(self, x: Array) -> Array:
        """Over the last axis."""

    def join(self, parts: Sequence[Array], axis: int) -> Array:
        """Parts one behind the other."""

    def repeat(self, x: Array, like: Array) -> Array:
        """x [C, ...] for each of the first axis of `like`."""

    def convolve(self, x: Array, weight: Array) -> Array:
        """Correlation with weight [O, C, k, ...], k odd, that keeps each side."""

    def convolve_up(self, x: Array, weight: Array) -> Array:
        """Transposed convolution of stride 2 with weight [O, C, 3, ...]: sides become 2 H + 1."""

    def smooth(self, x: Array) -> Array:
        """The filter [1, 3, 3, 1]/4 along each axis of space, padded by 1 on both sides: a side becomes one less."""

    def double(self, x: Array) -> Array:
        """Zeros between the pixels, then the same filter: sides become 2 H."""


def mapped(ops: Operations, get: Parameters, sizes: GeneratorSizes, z: Array, c: Array | None) -> Array:
    """z [N, z_dim], c [N, c_dim] where there are classes, else `None` or [N, 0] -> w [N, w_dim].

    Raises:
        ValueError: Latents or classes of another shape; classes of a network without, or none for one with.
    """
    if z.ndim != 2 or z.shape[1] != sizes.z_dim:
        raise ValueError(f"z of shape {tuple(z.shape)}; this network takes [N, {sizes.z_dim}]")
    if c is None and sizes.c_dim:
        raise ValueError(f"c is missing; this network has {sizes.c_dim} classes")
    if c is not None and (c.ndim != 2 or tuple(c.shape) != (z.shape[0], sizes.c_dim)):
        raise ValueError(f"c of shape {tuple(c.shape)}; expected [{z.shape[0]}, {sizes.c_dim}], one-hot")
    x = _normalised(ops, z)
    if sizes.c_dim:
        x = ops.join([x, _normalised(ops, _linear(get, "embed", c, 1.0))], 1)
    for number in range(sizes.mapping_layers):
        x = ops.leaky_relu(_linear(get, f"fc{number}", x, _MAPPING_RATE)) * GAIN
    return x


def truncated(ops: Operations, w_avg: Array, w: Array, num_ws: int, psi: float, cutoff: int | None) -> Array:
    """w [N, w_dim] for each layer [N, num_ws, w_dim], pulled towards w_avg on the first `cutoff` layers, or on all."""
    near = min(max(num_ws if cutoff is None else cutoff, 0), num_ws)
    pulled = w if psi == 1.0 else w_avg + psi * (w - w_avg)
    return ops.join([pulled[:, None]] * near + [w[:, None]] * (num_ws - near), 1)


def synthesised(ops: Operations, get: Parameters, sizes: GeneratorSizes, ws: Array, noise: Noise) -> Array:
    """ws [N, num_ws, w_dim] -> images [N, C, R, R], or volumes [N, C, R, R, R], about -1..1.

    Raises:
        ValueError: ws of another shape, or another number of noise maps than convolutions.
    """
    if ws.ndim != 3 or tuple(ws.shape[1:]) != (sizes.num_ws, sizes.w_dim):
        raise ValueError(f"ws of shape {tuple(ws.shape)}; this network takes [N, {sizes.num_ws}, {sizes.w_dim}]")
    maps = _noise_maps(get, sizes, noise)
    x, image, layer = ops.repeat(get("b4.const"), ws), None, 0
    for side in sizes.resolutions:
        for name in ("conv0", "conv1") if side > 4 else ("conv1",):
            path = f"b{side}.{name}"
            x = _styled(ops, get, sizes, path, x, ws[:, layer], maps[layer])
            layer += 1
        if sizes.attention == side:
            x = _attended(ops, get, f"b{side}.attention", x)
        # The image layer takes the next block's first w without using it up.
        shown = _shown(ops, get, sizes, f"b{side}.torgb", x, ws[:, layer])
        image = shown if image is None else ops.double(image) + shown
    return image


def _noise_maps(get: Parameters, sizes: GeneratorSizes, noise: Noise) -> list[Array | None]:
    names = sizes.convolutions()
    if isinstance(noise, str):
        if noise not in ("const", "none"):
            raise ValueError(f'noise is "const", "none" or maps, not {noise!r}')
        return [get(f"{name}.noise_const")[None, None] if noise == "const" else None for name, _ in names]
    if len(noise) != len(names):
        raise ValueError(f"{len(noise)} noise maps; expected {len(names)}, one for each convolution")
    for found, (name, side) in zip(noise, names):
        if tuple(found.shape[1:]) != (1, *(side,) * sizes.dimensions):
            raise ValueError(f"noise of {name} of shape {tuple(found.shape)}; its side is {side}")
    return list(noise)


def _styled(
    ops: Operations, get: Parameters, sizes: GeneratorSizes, path: str, x: Array, w: Array, noise: Array | None
) -> Array:
    """A styled convolution: noise, bias, leaky ReLU, and the style before or after."""
    weight, style = get(f"{path}.weight"), _linear(get, f"{path}.affine", w, 1.0)
    adain = sizes.modulation == "adain"
    if adain:
        y = _convolved(ops, sizes, x, weight * (1.0 / math.sqrt(math.prod(weight.shape[1:]))), path)
    else:
        space = tuple(range(2, weight.ndim))
        energy = (weight * weight).sum(space)
        y = _convolved(ops, sizes, x * _of_places(style, x), weight, path)
        y = y * _of_places(ops.inverse_root((style * style) @ energy.T + _EPSILON), y)
    if noise is not None:
        y = y + noise * get(f"{path}.noise_strength")
    y = ops.leaky_relu(y + _of_places(get(f"{path}.bias")[None], y)) * GAIN
    if adain:
        half = style.shape[1] // 2
        y = _restyled(ops, y, style[:, :half], style[:, half:])
    return _bounded(ops, sizes, y)


def _convolved(ops: Operations, sizes: GeneratorSizes, x: Array, weight: Array, path: str) -> Array:
    """The kernel at its side, or doubling it, where gains keep the second moment."""
    if not path.endswith("conv0"):
        return ops.convolve(x, weight)
    if sizes.resampling == "filter":
        return ops.smooth(ops.convolve_up(x, weight))
    gain = math.sqrt(2.0**sizes.dimensions)
    return ops.convolve_up(x, weight * gain)[:, :, 1:, 1:]


def _restyled(ops: Operations, y: Array, scale: Array, shift: Array) -> Array:
    """Each map at mean 0 and variance 1, scaled and shifted by the style."""
    epsilon = _EPSILON_OF_START if y.shape[-1] == 4 else _EPSILON
    centred = y - ops.mean(y, (2, 3))
    deviation = ops.mean(centred * centred, (2, 3)) + epsilon
    return centred * (ops.inverse_root(deviation) * _of_places(scale + 1.0, y)) + _of_places(shift, y)


def _attended(ops: Operations, get: Parameters, path: str, x: Array) -> Array:
    """x, and at each place a mean over all places, weighted by how well their keys fit its query."""
    count, _, height, width = x.shape

    def passed(layer: str, x: Array) -> Array:
        weight = get(f"{path}.{layer}.weight")[:, :, 0, 0]
        return (weight * (1.0 / math.sqrt(weight.shape[1]))) @ x

    flat = x.reshape(count, -1, height * width)
    query, key, value = (passed(layer, flat) for layer in ("query", "key", "value"))
    weights = ops.softmax(query.swapaxes(1, 2) @ key)
    found = passed("out", value @ weights.swapaxes(1, 2)) * get(f"{path}.gamma")
    return x + found.reshape(count, -1, height, width)


def _shown(ops: Operations, get: Parameters, sizes: GeneratorSizes, path: str, x: Array, w: Array) -> Array:
    """The 1x1 layer to the image: linear, with a style where styles scale kernels."""
    weight = get(f"{path}.weight")
    gain = 1.0 / math.sqrt(x.shape[1])
    if sizes.modulation == "adain":
        y = ops.convolve(x, weight * gain)
    else:
        y = ops.convolve(x * _of_places(_linear(get, f"{path}.affine", w, 1.0) * gain, x), weight)
    return _bounded(ops, sizes, y + _of_places(get(f"{path}.bias")[None], y))


def _linear(get: Parameters, path: str, x: Array, rate: float) -> Array:
    """A fully connected layer, whose values are stored divided by their learning rate."""
    weight = get(f"{path}.weight")
    return x @ (weight * (rate / math.sqrt(weight.shape[1]))).T + get(f"{path}.bias") * rate


def _normalised(ops: Operations, x: Array) -> Array:
    return x * ops.inverse_root(ops.mean(x * x, (1,)) + _EPSILON)


def _of_places(values: Array, like: Array) -> Array:
    """[N, C] as it meets `like`."""
    return values.reshape(*values.shape, *(1,) * (like.ndim - 2))


def _bounded(ops: Operations, sizes: GeneratorSizes, x: Array) -> Array:
    return x if sizes.conv_clamp is None else ops.clamp(x, sizes.conv_clamp)
