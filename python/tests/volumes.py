"""Small volumes in the layouts that users have, for the program to read: NIfTI-1, written byte by byte."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SHAPE = (36, 40, 32)


def write_nifti(path: Path, values: NDArray[np.float32], side_mm: float) -> None:
    """Float32 voxels [x, y, z] in RAS+ order."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *values.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 16, 32)
    struct.pack_into("<8f", header, 76, 1.0, side_mm, side_mm, side_mm, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, 352.0, 1.0, 0.0)
    header[123] = 2
    struct.pack_into("<2h", header, 252, 0, 1)
    rows = [side_mm, 0, 0, 0, 0, side_mm, 0, 0, 0, 0, side_mm, 0]
    struct.pack_into("<12f", header, 280, *rows)
    header[344:348] = b"n+1\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(bytes(header) + values.astype("<f4").tobytes(order="F"), 1))


def _grid() -> list[NDArray[np.float32]]:
    axes = (np.arange(side, dtype=np.float32) - (side - 1) / 2 for side in SHAPE)
    return list(np.meshgrid(*axes, indexing="ij"))


def _head() -> NDArray[np.bool_]:
    x, y, z = _grid()
    return np.asarray((x / 15) ** 2 + (y / 17) ** 2 + (z / 14) ** 2 <= 1)


def _ball(centre: tuple[float, float, float], radius: float) -> NDArray[np.bool_]:
    x, y, z = _grid()
    return np.asarray((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 <= radius**2)


def write_brats(root: Path, populations: dict[str, int]) -> None:
    """So many cases of each population ("SSA", "GLI"), each with a tumour of three regions, as BraTS 2023 has them."""
    draws = np.random.RandomState(7)
    cases = 0
    for population, count in populations.items():
        for number in range(count):
            case = f"BraTS-{population}-{10 * len(population) + number:05}-000"
            centre = (4.0 + number % 3, -3.0, 1.0)
            labels = np.zeros(SHAPE, np.float32)
            for label, radius in ((2, 7.0), (3, 5.0), (1, 3.0)):
                labels[_ball(centre, radius)] = label
            # No two cases have the same tumour: one voxel of the core swells.
            labels.flat[np.flatnonzero(labels == 1)[cases]] = 2
            cases += 1
            for kind in ("t1c", "t1n", "t2f", "t2w"):
                noise = draws.normal(0, 8, SHAPE)
                image = np.where(_head(), 100 + 3 * _grid()[1] + 40 * (labels == 3) + noise, 0)
                write_nifti(root / case / f"{case}-{kind}.nii.gz", image.astype(np.float32), 1.0)
            write_nifti(root / case / f"{case}-seg.nii.gz", labels, 1.0)


def write_anisotropy(root: Path, healthy: int, patients: int) -> None:
    """Maps of fractional anisotropy of healthy persons and of patients with a dark lesion each, as BIDS has them."""
    draws = np.random.RandomState(8)
    lines = ["participant_id\tgroup"]
    for number in range(healthy + patients):
        is_patient = number >= healthy
        person = f"sub-{number + 1:03}"
        lines.append(f"{person}\t{'ms' if is_patient else 'healthy'}")
        values = 0.35 + 0.2 * np.cos(_grid()[0] / 3) + draws.normal(0, 0.03, SHAPE)
        lesion = _ball((5, 4 - number % 3, 0), 4.0) & is_patient
        if is_patient:
            # No two persons have the same lesion.
            lesion.flat[np.flatnonzero(lesion)[number]] = False
        values = np.where(_head(), np.clip(np.where(lesion, values - 0.25, values), 0.02, 0.95), 0)
        stem = f"{person}/dwi/{person}_space-MNI152NLin6Asym"
        write_nifti(root / f"{stem}_model-tensor_param-FA_dwimap.nii.gz", values.astype(np.float32), 2.0)
        if is_patient:
            mask = root / f"{person}/anat/{person}_space-MNI152NLin6Asym_label-lesion_mask.nii.gz"
            write_nifti(mask, lesion.astype(np.float32), 2.0)
    (root / "participants.tsv").write_text("\n".join(lines) + "\n")
