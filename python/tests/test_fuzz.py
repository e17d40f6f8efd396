"""Files with random damage: whatever is wrong with them, it is a `Problem`, or does not matter."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rimforge_reader import (
    Problem,
    load_generator,
    read_drawn,
    read_patches,
    read_projections,
    read_results,
    read_slices,
)

# For each file and seed; 4,200 in all were tried once.
CASES = 10
# What may stand in place of a piece of a file: what parsers trip over.
PIECES = [
    b"",
    b"\0",
    b"\xff",
    b'"',
    b"{",
    b"[",
    b"]}",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"9" * 40,
    b"true",
    b"../",
    b"\\ud800",
]


def spoiled(content: bytes, draws: np.random.RandomState) -> bytes:
    """One place of a file cut off, replaced or taken out; often in its head, where all depends on it."""
    reach = len(content) if draws.rand() < 0.5 else min(len(content), 400)
    at, length = draws.randint(reach), draws.randint(1, 12)
    kind = draws.randint(3)
    if kind == 0:
        return content[:at]
    if kind == 1:
        flipped = bytes(byte ^ (1 << draws.randint(8)) for byte in content[at : at + length])
        return content[:at] + flipped + content[at + length :]
    return content[:at] + PIECES[draws.randint(len(PIECES))] + content[at + length :]


@pytest.mark.parametrize("seed", range(6))
def test_random_damage_is_a_problem(rim: Path, imported: dict[str, Path], tmp_path: Path, seed: int) -> None:
    study = tmp_path / "study"
    for part in ("data", "denoised", "synthetic"):
        shutil.copytree(rim / part, study / part)
    shutil.copy(rim / "results.json", study)
    shutil.copy(imported["cond_r16_c3"], study / "network.safetensors")
    patch = next((study / "data" / "patches").glob("*_lesion-001.npy"))
    targets: list[tuple[Path, Callable[[], object]]] = [
        (study / "data" / "manifest.json", lambda: read_slices(study / "data", side="test")),
        (patch, lambda: read_patches(study / "data", check_hashes=False)),
        (study / "denoised" / "record.json", lambda: read_projections(study / "denoised", noise=True)),
        (study / "denoised" / "projected_w.npz", lambda: read_projections(study / "denoised", check_hashes=False)),
        (study / "synthetic" / "record.json", lambda: read_drawn(study / "synthetic")),
        (study / "results.json", lambda: read_results(study)),
        (study / "network.safetensors", lambda: load_generator(study, "numpy")),
    ]
    refused = 0
    for target, read in targets:
        good = target.read_bytes()
        for case in range(CASES):
            draws = np.random.RandomState(1000 * seed + case)
            target.write_bytes(spoiled(good, draws))
            try:
                read()
            except Problem as problem:
                refused += 1
                assert str(problem).isprintable() and len(str(problem)) < 800
        target.write_bytes(good)
        read()
    assert refused > 3 * CASES
