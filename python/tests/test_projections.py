"""Folders of projections and of drawn images."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Program
from damage import Damaged

from rimforge_reader import Problem, arrays, read_drawn, read_patches, read_projections


def record_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return found


def test_projections_are_latents_images_and_their_record(rim: Path) -> None:
    folder = rim / "denoised"
    said = record_of(folder)
    found, network = read_projections(folder), read_projections(folder, values="network")
    count = len(said["lesions"])
    assert count == 7 and found.ws.shape == (count, 10, 8) and found.space == "w-plus"
    assert found.noise is None and found.record == said
    assert np.array_equal(found.ws, np.load(folder / "projected_w.npz")["w"])
    for number, lesion in enumerate(said["lesions"]):
        assert np.array_equal(network.images[number], np.load(folder / lesion["image"]))
        row = found.table[number]
        assert row["id"] == lesion["lesion_id"]
        for key in ("patient", "slice", "role", "distance", "contrast_before", "contrast_after", "rim_erased"):
            assert row[key] == lesion[key]
    # By hand: 0 of the network's range is 20 ppb, half the window of 200 ppb is 1.
    assert np.abs(found.images - (20 + 100 * network.images)).max() < 1e-3
    assert set(found.table.column("role")) == {"ambiguous", "rim", "non-rim"}
    # The ids join with those of the data set.
    assert set(found.table.column("id")) <= set(read_patches(rim / "data").table.column("id"))
    with pytest.raises(ValueError, match="for each layer"):
        _ = found.w


def test_plain_images_that_were_projected(program: Program, rim: Path, tmp_path: Path) -> None:
    images = [rim / "synthetic" / f"seed000{seed}.npy" for seed in (0, 1)]
    words = "--out projected --steps 2 --device cpu --threads 1"
    program(tmp_path, "project", "--network", rim / "gan", "--images", *images, *words.split())
    found = read_projections(tmp_path / "projected", noise=True)
    assert found.table.column("id").tolist() == ["seed0000", "seed0001"] and found.w.shape == (2, 8)
    assert np.array_equal(found.w, found.ws[:, 5]) and found.images.shape == (2, 1, 64, 64)
    assert found.noise is not None and found.noise[-1].shape == (2, 1, 64, 64)


def test_damaged_projections_are_refused(rim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "denoised"
    shutil.copytree(rim / "denoised", folder)
    said = record_of(folder)
    record = Damaged(rim, folder / "record.json", lambda path: read_projections(path.parent))

    def lesion(**changes: Any) -> bytes:
        return json.dumps({**said, "lesions": [{**said["lesions"][0], **changes}, *said["lesions"][1:]]}).encode()

    for content, says in [
        (lesion(image="../synthetic/seed0000.npy"), "stays inside its folder"),
        (lesion(lesion_id="a/b"), "a name that can be"),
        (lesion(distance=None), "lesions[0].distance is null"),
        (lesion(rim_erased=0), "true or false"),
        (json.dumps({**said, "space": "z"}).encode(), 'the space "z"'),
        (json.dumps({**said, "images": [{}]}).encode(), "both lesions and images"),
        (json.dumps(said).encode()[:-3], "no JSON"),
    ]:
        record.refused(content, says)
    # Older records have no windows: what the network drew can be read, and nothing else is made up.
    record.refused(json.dumps({**said, "contrasts": []}).encode(), 'ask for values="network"')
    assert read_projections(folder, values="network").contrasts == ()
    (folder / "record.json").write_bytes(json.dumps(said).encode())
    latents = folder / "projected_w.npz"
    good = latents.read_bytes()
    checked = Damaged(latents, latents, lambda _: read_projections(folder))
    checked.refused(good[:-30], "as the record has it")
    read = Damaged(latents, latents, lambda _: read_projections(folder, check_hashes=False))
    read.refused(good[:-30], "no whole npz file")
    read.refused(b"", "no whole npz file")
    for stored, says in [
        ({"v": np.zeros((7, 10, 8), np.float32)}, "no array w"),
        ({"w": np.zeros((6, 10, 8), np.float32)}, "[7, any, any]"),
        ({"w": np.zeros((7, 10, 8))}, "float64"),
        ({"w": np.full((7, 10, 8), np.nan, np.float32)}, "NaN"),
    ]:
        stream = io.BytesIO()
        np.savez(stream, **stored)  # type: ignore[arg-type]
        read.refused(stream.getvalue(), says)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", bytes(1 << 21))
    # Two kilobytes that unpack to a thousand times as many.
    monkeypatch.setattr(arrays, "_MOST_ARRAY", 1 << 20)
    read.refused(stream.getvalue(), "arrays of more than")
    monkeypatch.undo()
    latents.write_bytes(good)
    (folder / said["lesions"][2]["image"]).write_bytes(b"")
    with pytest.raises(Problem, match="SHA-256"):
        read_projections(folder)


def test_drawn_images_are_those_of_their_seeds(rim: Path, glioma: Path) -> None:
    found = read_drawn(rim / "synthetic", values="network")
    assert found.table.column("seed").tolist() == list(range(6)) and found.images.shape == (6, 1, 64, 64)
    for seed in range(6):
        assert np.array_equal(found.images[seed], np.load(rim / "synthetic" / f"seed{seed:04}.npy"))
    physical = read_drawn(rim / "synthetic")
    assert np.abs(physical.images - (20 + 100 * found.images)).max() < 1e-3
    classes = read_drawn(glioma / "synthetic").table
    assert (
        len(set(classes.column("class"))) == 12
        and classes.column("class")[0] == record_of(glioma / "synthetic")["image_classes"][0]
    )


def test_damaged_drawings_are_refused(rim: Path, tmp_path: Path) -> None:
    folder = tmp_path / "synthetic"
    shutil.copytree(rim / "synthetic", folder)
    said = record_of(folder)
    record = Damaged(rim, folder / "record.json", lambda path: read_drawn(path.parent))
    pictures = [one for one in said["images"] if one["path"].endswith("png")]
    record.refused(json.dumps({**said, "images": pictures}).encode(), "--format npy")
    record.refused(json.dumps({**said, "image_classes": ["rim"]}).encode(), "1 classes of 12 files")
    record.refused(json.dumps({**said, "images": [{"path": "seed0000.npy"}]}).encode(), "no images[0].sha256")
    (folder / "record.json").write_text(json.dumps(said))
    np.save(folder / "seed0001.npy", np.zeros((1, 64, 64), np.float32))
    with pytest.raises(Problem, match="seed0001.npy: SHA-256"):
        read_drawn(folder)
    np.save(folder / "seed0000.npy", np.zeros((64, 64), np.float32))
    with pytest.raises(Problem, match="an image"):
        read_drawn(folder, check_hashes=False)
    with pytest.raises(Problem, match="generate"):
        read_drawn(rim)
