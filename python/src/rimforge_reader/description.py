"""What a network file says about itself: sizes of the generator, and what its images show."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .contrast import Contrast, read_contrasts
from .fields import Fields, parse_json
from .problem import Problem
from .tensors import TensorFile, open_tensors

_SCHEMA = 1
DESCRIPTION = "rimforge"
_LONGEST = 1 << 20
_MOST_NUMBERS = 1 << 28
_MOST = 1 << 16
_MOST_ATTENDED = 64
_PLACES = (
    "network-best.safetensors",
    "network-last.safetensors",
    "network.safetensors",
    "gan/network-best.safetensors",
    "gan/network-last.safetensors",
)


@dataclass(frozen=True)
class GeneratorSizes:
    """Sizes of a generator; channels at resolution R are min(channel_base / R, channel_max).

    Attributes:
        z_dim: Length of the latent z.
        w_dim: Length of the latent w.
        c_dim: Number of classes; 0 is unconditional.
        resolution: Side of an image, or volume.
        channels: Of an image.
        channel_base: Channels of an activation times its side.
        channel_max: Most channels of an activation.
        mapping_layers: Fully connected layers of the mapping.
        conv_clamp: Bound on activations; `None` for none.
        dimensions: 2 for images, 3 for volumes.
        modulation: "weights" (StyleGAN2) or "adain".
        resampling: "filter" (StyleGAN2) or "transposed".
        attention: Side of the block that self-attention follows; `None` is without.
    """

    z_dim: int = 128
    w_dim: int = 128
    c_dim: int = 0
    resolution: int = 64
    channels: int = 1
    channel_base: int = 1024
    channel_max: int = 64
    mapping_layers: int = 2
    conv_clamp: float | None = 256.0
    dimensions: int = 2
    modulation: str = "weights"
    resampling: str = "filter"
    attention: int | None = None

    @property
    def resolutions(self) -> list[int]:
        """4, 8, ... resolution."""
        return [1 << log2 for log2 in range(2, self.resolution.bit_length())]

    @property
    def num_ws(self) -> int:
        """Number of w vectors that the synthesis takes."""
        return 2 * len(self.resolutions)

    def channels_at(self, resolution: int) -> int:
        """Channels of the activations of a side."""
        return min(self.channel_base // resolution, self.channel_max)

    def convolutions(self) -> list[tuple[str, int]]:
        """Name ("b8.conv0") and side of each styled convolution, in order: each has a noise map."""
        every = [(f"b{side}.{layer}", side) for side in self.resolutions for layer in ("conv0", "conv1")]
        return every[1:]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the tensors by name."""
        return dict(_mapping(self)) | dict(_synthesis(self))


@dataclass(frozen=True)
class NetworkDescription:
    """What a network file says.

    Attributes:
        sizes: Of its generator.
        contrasts: Of the image channels; none where nobody knows, as after an import without windows.
        classes: Names by number; none without classes, and where they have no names.
        padding: Height and width of an image within the network's square, in whose middle it lies.
        provenance: Where it comes from: data set, seed, whether it was trained on simulated data.
        sha256: Of the file.
    """

    sizes: GeneratorSizes
    contrasts: tuple[Contrast, ...]
    classes: tuple[str, ...]
    padding: tuple[int, int]
    provenance: dict[str, Any]
    sha256: str

    def crop(self, images: Any) -> Any:
        """Drawn images [..., H, W] of the network's square without what was padded; an array or a tensor. Volumes are
        not padded."""
        height, width = self.padding
        top, left = (self.sizes.resolution - height) // 2, (self.sizes.resolution - width) // 2
        return images[..., top : top + height, left : left + width]

    def conditions(self, classes: Iterable[str | int]) -> NDArray[np.float32]:
        """One-hot float32 [N, c_dim] of classes [N], given by number or by name.

        Raises:
            ValueError: A network without classes, or one that it does not have.
        """
        asked = [str(one) if isinstance(one, str) else int(one) for one in classes]
        numbers = [self.classes.index(one) if one in self.classes else one for one in asked]
        count = self.sizes.c_dim
        wrong = [one for one in numbers if not isinstance(one, int) or not 0 <= one < count]
        if wrong:
            known = f"0 to {count - 1}, or {', '.join(self.classes)}" if count else "none: the network has no classes"
            raise ValueError(f"class {wrong[0]!r}; there are {known}")
        return np.eye(count, dtype=np.float32)[np.array(numbers, np.int64)]


def latents(seeds: ArrayLike, z_dim: int) -> NDArray[np.float32]:
    """The latents of seeds [N], as `rimforge generate --seeds` takes them: float32 [N, z_dim], each the first numbers
    of NumPy's `RandomState(seed)`."""
    rows = [np.random.RandomState(int(seed)).randn(z_dim) for seed in np.asarray(seeds).reshape(-1)]
    return np.array(rows, np.float32).reshape(-1, z_dim)


def open_network(network: str | os.PathLike[str]) -> tuple[NetworkDescription, TensorFile]:
    """Reads a network file, or the one in the folder of a training run (its best, else its last), of an import or of a
    study, and holds its header to its description.

    Raises:
        Problem: No network, no or another description, sizes beyond every machine, tensors that are not those of the
            description.
    """
    path = Path(network)
    if path.is_dir():
        path = next((path / place for place in _PLACES if (path / place).exists()), path / _PLACES[0])
    file = open_tensors(path)
    text = file.metadata.get(DESCRIPTION, "")
    if not 0 < len(text) <= _LONGEST:
        raise Problem(path, f"a description of {len(text)} bytes", "a network file of `rimforge train` or `import`")
    said = parse_json(text, path, "the description of a network")
    schema = said.take("schema", int)
    if schema != _SCHEMA:
        raise Problem(path, f"network schema {schema}", f"schema {_SCHEMA}", "this reader is of another version")
    sizes = _sizes(said.nested("generator"))
    _require_shapes(file, sizes)
    provenance = said.maybe_nested("provenance") or Fields({}, path, "provenance")
    contrasts, classes = read_contrasts(said, "channels"), tuple(provenance.all("classes", str))
    if contrasts and len(contrasts) != sizes.channels or classes and len(classes) != sizes.c_dim:
        found = f"{len(contrasts)} channels and {len(classes)} classes"
        raise Problem(path, found, f"{sizes.channels} channels and {sizes.c_dim} classes")
    padding = provenance.maybe_nested("padding")
    inner = (padding.take("height", int), padding.take("width", int)) if padding else (sizes.resolution,) * 2
    if not all(0 < side <= sizes.resolution for side in inner):
        raise Problem(path, f"images of {inner[0]} x {inner[1]}", f"images within a square of {sizes.resolution}")
    return NetworkDescription(sizes, contrasts, classes, inner, provenance.value, file.sha256), file


def _sizes(said: Fields) -> GeneratorSizes:
    """Sizes that a network can be built from; what is missing has its default, what is unknown is refused by name."""
    known = GeneratorSizes.__dataclass_fields__
    if unknown := [key for key in said.value if key not in known]:
        advice = "this reader is older than the program that wrote it"
        raise Problem(said.path, f"a generator with {unknown[0]}", ", ".join(known), advice)
    given: dict[str, Any] = {}
    for key in said.value:
        if key == "conv_clamp":
            given[key] = said.maybe(key, float)
        elif key == "attention":
            given[key] = said.maybe(key, int)
        else:
            given[key] = said.take(key, str) if key in ("modulation", "resampling") else said.take(key, int)
    sizes = GeneratorSizes(**given)
    if fault := next(_faults(sizes), None):
        raise Problem(said.path, f"a generator with {fault[0]}", fault[1])
    return sizes


def _faults(sizes: GeneratorSizes) -> Iterator[tuple[str, str]]:
    """What is wrong with sizes, and what is right."""
    largest = {2: 1024, 3: 256}.get(sizes.dimensions)
    if largest is None:
        yield f"dimensions = {sizes.dimensions}", "2 or 3"
        return
    for key, words in (("modulation", ("weights", "adain")), ("resampling", ("filter", "transposed"))):
        if (word := getattr(sizes, key)) not in words:
            yield f'{key} = "{word}"', " or ".join(words)
    side = sizes.resolution
    if not 8 <= side <= largest or side & (side - 1):
        yield f"resolution = {side}", f"a power of two from 8 to {largest}"
        return
    bounds = {
        "z_dim": (1, _MOST),
        "w_dim": (1, _MOST),
        "c_dim": (0, _MOST),
        "channels": (1, _MOST),
        "channel_max": (1, _MOST),
        "channel_base": (side, _MOST << 8),
        "mapping_layers": (1, 64),
    }
    for key, (low, high) in bounds.items():
        if not low <= getattr(sizes, key) <= high:
            yield f"{key} = {getattr(sizes, key)}", f"{low} to {high}"
            return
    if sizes.conv_clamp is not None and not sizes.conv_clamp > 0:
        yield f"conv_clamp = {sizes.conv_clamp}", "a number above 0"
    at = sizes.attention
    if at is not None and (at not in sizes.resolutions or at > _MOST_ATTENDED):
        yield f"attention = {at}", f"the side of a block, at most {_MOST_ATTENDED}"
    if sizes.dimensions == 3 and (sizes.modulation, sizes.resampling, at) != ("weights", "filter", None):
        yield "modulation, resampling or attention in three dimensions", "them in images only"
    numbers = sum(int(np.prod([float(n) for n in shape])) for shape in sizes.shapes().values())
    if numbers > _MOST_NUMBERS:
        yield f"{numbers} numbers", f"at most {_MOST_NUMBERS}"


def _require_shapes(file: TensorFile, sizes: GeneratorSizes) -> None:
    found, expected = file.shapes(), {f"G.{key}": shape for key, shape in sizes.shapes().items()}
    for key, shape in expected.items():
        if found.get(key) != shape:
            what = f"{key} of shape {list(found[key])}" if key in found else f"no {key}"
            raise Problem(file.path, what, f"shape {list(shape)}, as its description says")
    for key in found:
        # A discriminator is not read here.
        if key not in expected and not key.startswith("D."):
            raise Problem(file.path, f"a tensor {key[:60]}", "those of its description alone")


def _mapping(sizes: GeneratorSizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    width, first = sizes.w_dim, sizes.z_dim
    if sizes.c_dim:
        yield from _linear("mapping.embed", sizes.c_dim, width)
        first += width
    for number in range(sizes.mapping_layers):
        yield from _linear(f"mapping.fc{number}", width if number else first, width)
    yield "mapping.w_avg", (width,)


def _synthesis(sizes: GeneratorSizes) -> Iterator[tuple[str, tuple[int, ...]]]:
    space = sizes.dimensions
    adain = sizes.modulation == "adain"
    yield "synthesis.b4.const", (sizes.channels_at(4), *(4,) * space)
    inputs = sizes.channels_at(4)
    for side in sizes.resolutions:
        block, outputs = f"synthesis.b{side}", sizes.channels_at(side)
        for layer in ("conv0", "conv1") if side > 4 else ("conv1",):
            into = inputs if layer == "conv0" else outputs
            yield f"{block}.{layer}.weight", (outputs, into, *(3,) * space)
            yield f"{block}.{layer}.bias", (outputs,)
            yield f"{block}.{layer}.noise_strength", ()
            yield f"{block}.{layer}.noise_const", (side,) * space
            yield from _linear(f"{block}.{layer}.affine", sizes.w_dim, 2 * outputs if adain else into)
        if sizes.attention == side:
            compared, passed = max(outputs // 8, 1), max(outputs // 2, 1)
            layers = {
                "query": (compared, outputs),
                "key": (compared, outputs),
                "value": (passed, outputs),
                "out": (outputs, passed),
            }
            for layer, (to, into) in layers.items():
                yield f"{block}.attention.{layer}.weight", (to, into, 1, 1)
            yield f"{block}.attention.gamma", ()
        yield f"{block}.torgb.weight", (sizes.channels, outputs, *(1,) * space)
        yield f"{block}.torgb.bias", (sizes.channels,)
        if not adain:
            yield from _linear(f"{block}.torgb.affine", sizes.w_dim, outputs)
        inputs = outputs


def _linear(path: str, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{path}.weight", (outputs, inputs)
    yield f"{path}.bias", (outputs,)
