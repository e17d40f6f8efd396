"""Networks: the reference implementation's outputs, and what the program itself draws, by either backend."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FIXTURES, GOLDEN
from damage import Damaged, edited
from numpy.typing import NDArray

from rimforge_reader import (
    NetworkDescription,
    Problem,
    describe_network,
    latents,
    load_generator,
    read_drawn,
    read_projections,
)
from rimforge_reader.tensors import open_tensors

BACKENDS = ["numpy", pytest.param("torch", marks=pytest.mark.torch)]


class Backend:
    """A generator of either backend, on numpy's arrays."""

    def __init__(self, network: Path, backend: Any) -> None:
        self.generator: Any = load_generator(network, backend)
        self.description: NetworkDescription = self.generator.description
        self.change: Callable[[Any], Any] = lambda values: values
        if backend == "torch":
            import torch

            self.change = torch.from_numpy

    def __call__(self, part: str, *inputs: NDArray[Any] | None, **settings: Any) -> NDArray[Any]:
        if isinstance(noise := settings.get("noise"), (list, tuple)):
            settings["noise"] = [self.change(one) for one in noise]
        call = self.generator if part == "all" else getattr(self.generator, part)
        found = call(*(None if one is None else self.change(one) for one in inputs), **settings)
        return np.asarray(found.detach() if hasattr(found, "detach") else found)


def off(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest difference, as a share of the largest value."""
    assert found.shape == expected.shape and found.dtype == np.float32
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GOLDEN)
def test_outputs_are_those_of_the_reference(
    imported: dict[str, Path], name: str, backend: str, record_property: Callable[[str, object], None]
) -> None:
    file = open_tensors(FIXTURES / f"{name}.expected.safetensors")
    z, c = file.read("z"), file.read("c")
    network = Backend(imported[name], backend)
    found = {
        "ws": network("mapping", z, c),
        "ws_psi0.7": network("mapping", z, c, truncation=0.7),
        "ws_psi0.5_cutoff4": network("mapping", z, c, truncation=0.5, cutoff=4),
        "img_const": network("all", z, c),
        "img_none": network("all", z, c, noise="none"),
        "img_const_psi0.7": network("all", z, c, truncation=0.7),
    }
    differences = {key: off(values, file.read(key)) for key, values in found.items()}
    for key, difference in differences.items():
        record_property(key, difference)
    assert max(differences.values()) < 1e-4, differences
    # Noise that is given: the network's own maps, handed in, are its own maps; others draw another image.
    layers = network.description.sizes.convolutions()
    weights = open_tensors(imported[name])
    own = [weights.read(f"G.synthesis.{layer}.noise_const")[None, None] for layer, _ in layers]
    ws = file.read("ws")
    assert off(network("synthesis", ws, noise=own), file.read("img_const")) < 1e-4
    assert off(network("synthesis", ws, noise=[-one for one in own]), file.read("img_const")) > 1e-2
    # A network without classes takes none, or [N, 0] as the reference does.
    if c.shape[1] == 0:
        assert np.array_equal(network("all", z), found["img_const"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["normal", "adain", "attention", "transposed", "volume"])
def test_images_are_those_that_the_program_draws(
    every: dict[str, Path], name: str, backend: str, record_property: Callable[[str, object], None]
) -> None:
    drawn = read_drawn(every[name] / "drawn", values="network")
    network = Backend(every[name], backend)
    sizes = network.description.sizes
    assert {
        "volume": sizes.dimensions == 3,
        "adain": sizes.modulation == "adain",
        "attention": sizes.attention == 8,
        "transposed": sizes.resampling == "transposed",
        "normal": sizes.dimensions == 2,
    }[name]
    z = latents(drawn.table.column("seed"), sizes.z_dim)
    c = network.description.conditions(drawn.table.column("class")) if sizes.c_dim else None
    images = network("all", z, c, truncation=0.8)
    assert images.shape[1:] == (sizes.channels, *(sizes.resolution,) * sizes.dimensions)
    difference = off(network.description.crop(images), drawn.images)
    record_property("images", difference)
    assert difference < 1e-4
    # What is compared is no flat image, and each seed draws its own.
    assert drawn.images.std() > 0.05 and np.abs(drawn.images[0] - drawn.images[1]).max() > 0.05


def test_projections_are_what_their_latents_and_noise_draw(rim: Path) -> None:
    found = read_projections(rim / "denoised", values="network", noise=True)
    network = load_generator(rim, "numpy")
    assert found.noise is not None and [maps.shape[-1] for maps in found.noise] == [4, 8, 8, 16, 16, 32, 32, 64, 64]
    images = network.description.crop(network.synthesis(found.ws, noise=found.noise))
    assert off(images, found.images) < 1e-4
    assert off(network.synthesis(found.ws), found.images) > 1e-2


def test_a_description_says_what_the_images_are(rim: Path, glioma: Path) -> None:
    said = describe_network(rim)
    assert [(one.name, one.unit, one.low, one.high) for one in said.contrasts] == [("chimap", "ppb", -80.0, 120.0)]
    assert said.provenance["simulated"] is True and said.classes == () and said.padding == (64, 64)
    of_classes = describe_network(glioma / "gan" / "network-best.safetensors")
    assert len(of_classes.classes) == of_classes.sizes.c_dim == 12
    name = of_classes.classes[3]
    assert np.array_equal(of_classes.conditions([name, 0]), np.eye(12, dtype=np.float32)[[3, 0]])
    for wrong in ("rim", 12, -1):
        with pytest.raises(ValueError, match="there are 0 to 11"):
            of_classes.conditions([wrong])
    with pytest.raises(ValueError, match="has no classes"):
        said.conditions([0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_that_do_not_fit_are_refused(imported: dict[str, Path], backend: str) -> None:
    plain, classes = (Backend(imported[name], backend) for name in GOLDEN)
    z, w = np.zeros((2, 64), np.float32), np.zeros((2, 8, 64), np.float32)
    for call, says in [
        (lambda: plain("all", z[:, 1:]), r"z of shape \(2, 63\)"),
        (lambda: plain("all", z, z[:, :2]), r"c of shape \(2, 2\)"),
        (lambda: classes("all", np.zeros((2, 32), np.float32)), "c is missing"),
        (lambda: plain("synthesis", w[:, 1:]), r"ws of shape \(2, 7, 64\)"),
        (lambda: plain("synthesis", w, noise="random"), "noise is"),
        (lambda: plain("synthesis", w, noise=[z]), "1 noise maps; expected 7"),
        (lambda: plain("synthesis", w, noise=[np.zeros((1, 1, 4, 4), np.float32)] * 7), "noise of b8.conv0"),
    ]:
        with pytest.raises(ValueError, match=says):
            call()
    with pytest.raises(ValueError, match="backend is"):
        load_generator(imported[GOLDEN[0]], "jax")  # type: ignore[call-overload]


@pytest.mark.torch
def test_a_module_has_the_names_of_the_file_and_can_be_trained(imported: dict[str, Path]) -> None:
    import torch

    path = imported[GOLDEN[1]]
    network = load_generator(path)
    stored = {key[2:] for key in open_tensors(path).shapes() if key.startswith("G.")}
    assert set(network.state_dict()) == stored and not network.training
    buffers = {key for key, _ in network.named_buffers()}
    assert "mapping.w_avg" in buffers and all(key.endswith(("noise_const", "w_avg")) for key in buffers)
    z = torch.randn(2, 32, dtype=torch.float64)
    doubled = network.double()
    doubled(z, torch.eye(2, dtype=torch.float64)).square().mean().backward()
    gradients = {key: value.grad for key, value in doubled.named_parameters()}
    assert all(grad is not None and grad.abs().max() > 0 for grad in gradients.values()), gradients.keys()


def test_damaged_networks_are_refused_by_name(imported: dict[str, Path], tmp_path: Path) -> None:
    good = imported[GOLDEN[0]]
    damaged = Damaged(good, tmp_path / "network.safetensors", lambda path: load_generator(path, "numpy"))
    content = good.read_bytes()
    length = int.from_bytes(content[:8], "little")
    for cut in (0, 7, 8, 100, 8 + length, len(content) - 1):
        damaged.refused(content[:cut])
    damaged.refused(content + b"\0", "as the header says")
    damaged.refused((FIXTURES / f"{GOLDEN[0]}.network.pkl").read_bytes(), "no safetensors file")
    damaged.refused(b"\xff" * 8 + content[8:], "a header of")
    damaged.refused(content[:-4] + b"\0\0\xc0\x7f", "NaN or infinite")
    for old, new, says in [
        ('"schema":1', '"schema":2', "network schema 2"),
        ('"z_dim":64', '"z_dim":65', "as its description says"),
        ('"z_dim":64', '"z_dim":-1', "z_dim = -1"),
        ('"z_dim":64', '"z_dim":6e', "no JSON"),
        ('"z_dim":64', '"z_dam":64', "a generator with z_dam"),
        ('"z_dim":64', '"modulation":"film","z_dim":64', 'modulation = "film"'),
        ('"z_dim":64', '"resampling":"sinc","z_dim":64', 'resampling = "sinc"'),
        ('"z_dim":64', '"attention":7,"z_dim":64', "attention = 7"),
        ('"z_dim":64', '"dimensions":4,"z_dim":64', "dimensions = 4"),
        ('"resolution":32', '"resolution":33', "resolution = 33"),
        ('"channel_max":', '"channel_max":1e5,"channel_mix":', "channel_mix"),
        ('"generator":', '"generator":1,"generator":', "the key generator twice"),
    ]:
        damaged.refused(edited(content, functools.partial(replaced, old=old, new=new)), says)
    with pytest.raises(Problem, match="network-best.safetensors: cannot be read"):
        load_generator(imported[GOLDEN[0]].parent.parent, "numpy")


def test_a_header_whose_tensors_are_no_tensors_is_refused(imported: dict[str, Path], tmp_path: Path) -> None:
    import json

    content = imported[GOLDEN[0]].read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, tensors = json.loads(content[8 : 8 + length]), content[8 + length :]
    damaged = Damaged(tmp_path / "good", tmp_path / "network.safetensors", lambda path: load_generator(path, "numpy"))
    key = "G.mapping.w_avg"
    entries: list[tuple[dict[str, Any], str]] = [
        ({"shape": [65]}, "G.mapping.w_avg of 256 bytes"),
        ({"shape": [8, 8]}, "G.mapping.w_avg of shape"),
        ({"shape": [-64]}, "of shape"),
        ({"shape": [1 << 40, 1 << 40]}, "of 256 bytes"),
        ({"shape": 64}, "a list"),
        ({"dtype": "F16", "shape": [128]}, "G.mapping.w_avg of shape"),
        ({"dtype": "BF16", "shape": [128]}, "G.mapping.w_avg of shape"),
        ({"data_offsets": [4, 260]}, "begins at byte"),
        ({"data_offsets": [256, 0]}, "at bytes"),
        ({"data_offsets": [0, 1 << 60]}, "bytes"),
    ]
    for entry, says in entries:
        changed = json.dumps({**header, key: {**header[key], **entry}}).encode()
        damaged.refused(len(changed).to_bytes(8, "little") + changed + tensors, says)
    deep = b'{"a":' + b"[" * 200_000
    damaged.refused(len(deep).to_bytes(8, "little") + deep + tensors, "no JSON")


def replaced(text: str, old: str, new: str) -> str:
    assert old in text, text
    return text.replace(old, new, 1)
