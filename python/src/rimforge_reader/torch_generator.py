"""The generator as a `torch.nn.Module`, of any version of torch from 1.11 on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import forward
from .description import GeneratorSizes, NetworkDescription
from .tensors import TensorFile

_TAPS = (0.25, 0.75, 0.75, 0.25)
# Not learnt: the network's own noise, and the running mean of w.
_BUFFERS = ("noise_const", "w_avg")


class TorchGenerator(nn.Module):
    """Latents to images, or to volumes.

    Its parameters have the names of the network's file (`synthesis.b8.conv0.weight`); what is there is what was stored,
    and gains are applied as it runs. It can be moved, differentiated and trained as any module.

    Attributes:
        description: What the network's file says.
        mapping: z [N, z_dim] (and c [N, c_dim]) to ws [N, num_ws, w_dim].
        synthesis: ws to images [N, C, R, R], about -1..1.
    """

    def __init__(self, description: NetworkDescription, file: TensorFile) -> None:
        super().__init__()
        self.description = description
        tensors = {key: torch.from_numpy(file.read(f"G.{key}")) for key in description.sizes.shapes()}
        self.mapping = Mapping(description.sizes, _below("mapping.", tensors))
        self.synthesis = Synthesis(description.sizes, _below("synthesis.", tensors))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        *,
        truncation: float = 1.0,
        cutoff: int | None = None,
        noise: forward.Noise = "const",
    ) -> Tensor:
        """Images [N, C, R, R], about -1..1; volumes [N, C, R, R, R].

        Args:
            z: [N, z_dim], standard normal; `latents` has those of seeds.
            c: [N, c_dim], one-hot (`description.conditions`), for a network with classes and for none else.
            truncation: Psi; 1 is full variety, 0 the mean image.
            cutoff: Only so many layers, the coarsest ones, are truncated.
            noise: "const" (the network's own maps), "none", or a map [1 or N, 1, r, r] for each convolution.

        Raises:
            ValueError: Other shapes, or classes where there are none, or the other way round.
        """
        images: Tensor = self.synthesis(self.mapping(z, c, truncation=truncation, cutoff=cutoff), noise=noise)
        return images


class Mapping(nn.Module):
    """z, and the class, to w for each layer; truncation."""

    def __init__(self, sizes: GeneratorSizes, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.sizes = sizes
        _hold(self, tensors)

    def forward(
        self, z: Tensor, c: Tensor | None = None, *, truncation: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """ws [N, num_ws, w_dim]; arguments as in [`TorchGenerator.forward`]."""
        get = _getter(self)
        w = forward.mapped(_TORCH, get, self.sizes, z, c)
        ws: Tensor = forward.truncated(_TORCH, get("w_avg"), w, self.sizes.num_ws, truncation, cutoff)
        return ws


class Synthesis(nn.Module):
    """w for each layer to images."""

    def __init__(self, sizes: GeneratorSizes, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.sizes = sizes
        _hold(self, tensors)

    def forward(self, ws: Tensor, *, noise: forward.Noise = "const") -> Tensor:
        """Images of ws [N, num_ws, w_dim], as projections have them; `noise` as in [`TorchGenerator.forward`]."""
        images: Tensor = forward.synthesised(_TORCH, _getter(self), self.sizes, ws, noise)
        return images


class _Torch:
    """The operations, for two and three axes of space."""

    def mean(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        return x.mean(axes, keepdim=True)

    def inverse_root(self, x: Tensor) -> Tensor:
        return torch.rsqrt(x)

    def leaky_relu(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(x, 0.2)

    def clamp(self, x: Tensor, bound: float) -> Tensor:
        return x.clamp(-bound, bound)

    def softmax(self, x: Tensor) -> Tensor:
        return torch.softmax(x, -1)

    def join(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        return torch.cat(list(parts), axis)

    def repeat(self, x: Tensor, like: Tensor) -> Tensor:
        return x[None].expand(like.shape[0], *x.shape)

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        plain = functional.conv2d if x.ndim == 4 else functional.conv3d
        return plain(x, weight, padding=weight.shape[2] // 2)

    def convolve_up(self, x: Tensor, weight: Tensor) -> Tensor:
        transposed = functional.conv_transpose2d if x.ndim == 4 else functional.conv_transpose3d
        return transposed(x, weight.transpose(0, 1), stride=2)

    def smooth(self, x: Tensor) -> Tensor:
        plain = functional.conv2d if x.ndim == 4 else functional.conv3d
        return plain(x, _filter(x), padding=1, groups=x.shape[1])

    def double(self, x: Tensor) -> Tensor:
        transposed = functional.conv_transpose2d if x.ndim == 4 else functional.conv_transpose3d
        return transposed(x, _filter(x), stride=2, padding=1, groups=x.shape[1])


_TORCH = _Torch()


def _filter(x: Tensor) -> Tensor:
    """[1, 3, 3, 1]/4 along each axis of space, for each channel: [C, 1, 4, ...]."""
    taps = torch.tensor(_TAPS, dtype=x.dtype, device=x.device)
    found = taps
    for _ in range(x.ndim - 3):
        found = found[..., None] * taps
    return found.expand(x.shape[1], 1, *found.shape)


def _below(start: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key[len(start) :]: tensor for key, tensor in tensors.items() if key.startswith(start)}


def _hold(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Registers tensors under their names, which have dots, in modules within `module`."""
    for key, tensor in tensors.items():
        *parts, last = key.split(".")
        inner = module
        for part in parts:
            if part not in dict(inner.named_children()):
                inner.add_module(part, nn.Module())
            inner = getattr(inner, part)
        if last in _BUFFERS:
            inner.register_buffer(last, tensor)
        else:
            inner.register_parameter(last, nn.Parameter(tensor))


def _getter(module: nn.Module) -> forward.Parameters:
    def get(key: str) -> Tensor:
        found: object = module
        for part in key.split("."):
            found = getattr(found, part)
        assert isinstance(found, Tensor)
        return found

    return get
