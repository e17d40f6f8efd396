"""Networks that `rimforge train` and `rimforge import` write, for drawing images without the program."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, overload

from .description import NetworkDescription, open_network
from .numpy_generator import NumpyGenerator

if TYPE_CHECKING:
    from .torch_generator import TorchGenerator


def describe_network(network: str | os.PathLike[str]) -> NetworkDescription:
    """What a network file says about itself: sizes, contrasts, classes, where it comes from.

    Args:
        network: The file, or the folder of a training run (its best network, else its last), of an import or a study.

    Raises:
        Problem: No network, a damaged file, or one whose tensors are not those of its description.
    """
    return open_network(network)[0]


@overload
def load_generator(network: str | os.PathLike[str], backend: Literal["torch"] = "torch") -> TorchGenerator: ...
@overload
def load_generator(network: str | os.PathLike[str], backend: Literal["numpy"]) -> NumpyGenerator: ...


def load_generator(
    network: str | os.PathLike[str], backend: Literal["torch", "numpy"] = "torch"
) -> TorchGenerator | NumpyGenerator:
    """The generator of a network file, to be called with latents: of images or volumes, with or without classes, in
    every variant that the program has (adaptive instance normalisation, transposed convolutions, self-attention).

    Args:
        network: As in [`describe_network`].
        backend: "torch" gives a `torch.nn.Module` on the CPU, in evaluation mode; "numpy" the same with numpy alone.

    Raises:
        Problem: As [`describe_network`]; values that are not finite.
        ImportError: torch is asked for and not installed.
        ValueError: Another backend.
    """
    if backend not in ("torch", "numpy"):
        raise ValueError(f'backend is "torch" or "numpy", not {backend!r}')
    description, file = open_network(network)
    if backend == "numpy":
        return NumpyGenerator(description, file)
    try:
        from .torch_generator import TorchGenerator
    except ImportError as error:
        raise ImportError(f'torch cannot be imported ({error}): install it, or ask for backend="numpy"') from error
    return TorchGenerator(description, file).eval()
