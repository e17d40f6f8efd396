"""A generator as ONNX, with a batch of any size."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from .description import DESCRIPTION, open_network
from .networks import load_generator
from .problem import Problem

OPSET = 18


def export_onnx(network: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Writes the generator of a network as one ONNX file.

    Its inputs are `z` [batch, z_dim] and, of a network with classes, `c` [batch, c_dim] (one-hot); its output is
    `image` [batch, C, R, R], about -1..1, without truncation and with the network's own noise maps. The operators are
    those of opset 18; the network's description goes with it (metadata `rimforge`), and whether it learnt from
    simulated data.

    Args:
        network: A network file, or a folder with one, as `load_generator` takes it.
        out: The file to write; nothing may be there yet.

    Returns:
        The file.

    Raises:
        Problem: No usable network, something at `out` already, or no folder for it.
        ImportError: torch, onnx or onnxscript is not installed.
    """
    target = Path(out)
    if target.exists() or target.is_symlink():
        raise Problem(target, "something is there already", "a new file", "choose another name, or remove it first")
    if not target.parent.is_dir():
        raise Problem(target, "no folder to write it into", f"a folder {target.parent}")
    import onnx  # noqa: F401  # Asked for now, not after the work.
    import onnxscript  # noqa: F401
    import torch

    generator = load_generator(network)
    said = open_network(network)[1].metadata[DESCRIPTION]
    sizes = generator.description.sizes
    # Two of each: an axis of length 1 would be taken for a fixed one.
    inputs: dict[str, Any] = {"z": torch.zeros(2, sizes.z_dim)}
    if sizes.c_dim:
        inputs["c"] = torch.eye(sizes.c_dim)[[0, sizes.c_dim - 1]]
    batch = torch.export.Dim("batch", min=1, max=1 << 16)
    with torch.no_grad():
        program = torch.onnx.export(
            generator,
            tuple(inputs.values()),
            dynamo=True,
            dynamic_shapes={name: {0: batch} for name in inputs},
            input_names=list(inputs),
            output_names=["image"],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    simulated = " trained on SIMULATED data" if generator.description.provenance.get("simulated") else ""
    program.model.doc_string = f"SYNTHETIC images: a generator of rimforge{simulated}"
    program.model.metadata_props[DESCRIPTION] = said
    # Whole or not at all: a file of its own beside the target, then its name.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name[:100]}.") as folder:
        made = Path(folder) / "network.onnx"
        program.save(str(made), external_data=False)
        try:
            os.link(made, target)
        except FileExistsError as error:
            raise Problem(target, "something is there already", "a new file") from error
        except OSError:
            # A file system without hard links, on which nothing tells of a file that came in between.
            os.replace(made, target)
    return target
