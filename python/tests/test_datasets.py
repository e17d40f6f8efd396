"""Prepared data sets of all sources, held to the files themselves."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import Damaged

from rimforge_reader import Problem, read_patches, read_slices


def manifest(study: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((study / "data" / "manifest.json").read_text())
    return found


def test_patches_are_the_files_in_the_order_of_the_table(rim: Path) -> None:
    said = manifest(rim)
    found = read_patches(rim / "data")
    assert found.values.shape == (len(said["lesions"]), 1, 24, 64, 64) and found.values.dtype == np.float32
    assert found.masks is not None and found.masks.shape == (len(found.table), 24, 64, 64)
    for number, lesion in enumerate(said["lesions"]):
        assert np.array_equal(found.values[number], np.load(rim / "data" / lesion["patch"]))
        assert np.array_equal(found.masks[number], np.load(rim / "data" / lesion["mask"]))
        row = found.table[number]
        assert [row[key] for key in ("id", "patient", "class", "side", "voxels")] == [
            lesion[key] for key in ("id", "patient", "class", "split", "voxels")
        ]
        votes = (lesion["reader1"], lesion["reader2"])
        assert (row["reader1"], row["reader2"]) == votes
        expected = {(True, True): "rim", (False, False): "non-rim"}.get(votes, "ambiguous")
        assert row["class"] == expected
        assert row["condition"] == {"non-rim": 0, "rim": 1, "ambiguous": None}[expected]
        assert np.array_equal(found.affines[number], lesion["affine"])
    assert (found.classes, found.contested, found.simulated) == (("non-rim", "rim"), "ambiguous", True)
    assert found.contrasts[0].unit == "ppb" and found.voxel_mm is not None and found.voxel_mm[0] == 1.0
    # A patient is on one side alone.
    sides = {(row["patient"], row["side"]) for row in found.table}
    assert len(sides) == len({patient for patient, _ in sides})


def test_values_are_in_physical_units_or_in_the_network_s_range(rim: Path) -> None:
    physical, network = (read_patches(rim / "data", values=values).values for values in ("physical", "network"))
    # By hand: the window of -80 to 120 ppb, so that 20 ppb are 0 and 95 ppb three quarters.
    assert np.abs(np.clip((physical - 20) / 100, -1, 1) - network).max() < 1e-6
    contrast = read_patches(rim / "data").contrasts[0]
    assert contrast.to_network(np.array([20.0, 95.0, 500.0])).tolist() == [0.0, 0.75, 1.0]
    assert contrast.to_physical(np.array([0.0, 0.75, 1.0])).tolist() == [20.0, 95.0, 120.0]
    assert network.min() == -1 and network.max() == 1 and physical.max() > 120
    with pytest.raises(ValueError, match="physical"):
        read_patches(rim / "data", values="ppb")  # type: ignore[arg-type]


def test_the_truth_is_there_where_it_is_asked_for(rim: Path) -> None:
    assert "true_rim" not in read_patches(rim / "data").table.columns
    table = read_patches(rim / "data", truth=rim / "cohort").table
    with open(rim / "cohort" / "derivatives" / "truth" / "truth.tsv") as file:
        rows = {
            f"{row['participant_id']}_lesion-{int(row['lesion_id']):03}": row
            for row in csv.DictReader(file, delimiter="\t")
        }
    assert [row["true_rim"] for row in table] == [rows[row["id"]]["true_rim"] == "1" for row in table]
    assert 0 < table.column("true_rim").sum() < len(table)
    slices = read_slices(rim / "data", truth=rim / "cohort" / "derivatives" / "truth" / "truth.tsv").table
    assert set(zip(slices.column("id"), slices.column("true_rim"))) <= set(
        zip(table.column("id"), table.column("true_rim"))
    )
    with pytest.raises(Problem, match="truth.tsv"):
        read_patches(rim / "data", truth=rim)


def test_wrong_truths_are_refused(rim: Path, tmp_path: Path) -> None:
    good = (rim / "cohort" / "derivatives" / "truth" / "truth.tsv").read_text()
    damaged = Damaged(rim, tmp_path / "truth.tsv", lambda path: read_patches(rim / "data", truth=path))
    lines = good.splitlines()
    damaged.refused(good.replace("true_rim", "is_rim", 1).encode(), "expected participant_id, lesion_id, true_rim")
    damaged.refused("\n".join(lines[:-1]).encode(), "no lesion")
    damaged.refused("\n".join([*lines, lines[1]]).encode(), "twice")
    damaged.refused(good.replace("sub-001\t1\t0", "sub-001\t1\tyes", 1).encode(), "line 2")
    damaged.refused(b"\xff\xfe\x00", "no text")
    damaged.refused(b"")


def test_slices_are_those_of_the_patches_that_cut_the_lesion(rim: Path) -> None:
    said = manifest(rim)
    patches, found = read_patches(rim / "data"), read_slices(rim / "data")
    assert found.values.shape == (len(said["slices"]), 1, 64, 64) and found.masks is not None
    for number, one in enumerate(said["slices"]):
        assert np.array_equal(found.values[number], patches.values[one["lesion"], :, one["z"]])
        assert found.table[number]["id"] == patches.table[one["lesion"]]["id"]
        assert found.table[number]["slice"] == one["z"]
    assert np.array_equal(found.masks.sum((1, 2)), found.table.column("slice_voxels"))
    assert set(found.table.column("plane")) == {None}


def test_a_side_and_classes_can_be_picked(rim: Path) -> None:
    whole = read_slices(rim / "data")
    some = read_slices(rim / "data", side="train", classes=["rim", "ambiguous"])
    picked = whole.table.mask(side="train", **{"class": ["rim", "ambiguous"]})
    assert 0 < picked.sum() < len(picked)
    assert np.array_equal(some.values, whole.values[picked])
    assert list(some.table) == list(whole.table.where(side="train", **{"class": ["rim", "ambiguous"]}))
    none = read_patches(rim / "data", side="validation", classes=[])
    assert none.values.shape == (0, 1, 24, 64, 64) and len(none.table) == 0 and none.affines.shape == (0, 3, 4)
    assert read_slices(rim / "data", classes=[]).values.shape == (0, 1, 64, 64)
    wrong: list[dict[str, Any]] = [{"side": "tests"}, {"classes": "rim"}, {"classes": ["rims"]}]
    for settings in wrong:
        with pytest.raises(ValueError, match="is one of|are a list of"):
            read_patches(rim / "data", **settings)


def test_slices_of_brains_have_plane_and_condition(glioma: Path) -> None:
    found = read_slices(glioma / "data")
    assert [one.name for one in found.contrasts] == ["t1c", "t2f", "seg"]
    assert set(found.table.column("plane")) == {"axial", "coronal", "sagittal"}
    for row, mask in zip(found.table, found.masks if found.masks is not None else []):
        words = row["class"].split("-")
        assert row["plane"] == words[0] and row["patient"].split("-")[1] == words[-1]
        assert found.classes[row["condition"]] == row["class"]
        assert (mask.sum() > 0) == ("tumour" in words)
    # Labels are regions 0 to 3; where there is a tumour the mask is of them all.
    assert set(np.unique(found.values[:, 2])) == {0.0, 1.0, 2.0, 3.0}
    assert found.masks is not None and np.array_equal(found.masks > 0, found.values[:, 2] > 0)
    assert read_patches(glioma / "data").values.shape == (len(found.table), 3, 1, 16, 16)


def test_slices_of_maps_have_persons_and_groups(anisotropy: Path) -> None:
    found = read_slices(anisotropy / "data")
    # 38 voxels of 2 mm in 32 pixels.
    assert (found.contrasts[0].unit, found.voxel_mm, found.classes) == ("FA", (2.0, 2.375, 2.375), ("ms", "healthy"))
    assert found.table.column("plane").tolist() == ["axial"] * 70 and found.values.shape == (70, 1, 32, 32)
    assert found.values.min() == 0 and 0.5 < found.values.max() < 1
    assert found.masks is not None
    of_class = {name: found.masks[found.table.mask(**{"class": name})].sum() for name in found.classes}
    assert of_class["healthy"] == 0 and of_class["ms"] > 0


def test_photographs_have_classes_and_no_masks(skin: Path) -> None:
    found = read_slices(skin / "data", values="network")
    assert found.values.shape[1:] == (3, 32, 32) and found.masks is None and found.voxel_mm is None
    assert found.classes == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc") and found.contested is None
    assert set(found.table.column("condition")) == set(range(7)) and set(found.table.column("has_mask")) == {False}
    levels = read_slices(skin / "data").values
    assert levels.min() >= 0 and 20 < levels.max() <= 255 and np.abs(levels / 127.5 - 1 - found.values).max() < 1e-6


def test_whole_volumes_are_patches(program: Callable[..., str], glioma: Path, tmp_path: Path) -> None:
    program(tmp_path, "prepare", "--brats", glioma.parent / "brats", "--volumes", "--side", "16", "--out", "volumes")
    found = read_patches(tmp_path / "volumes")
    assert found.values.shape == (8, 1, 16, 16, 16) and found.masks is not None and found.masks.any((1, 2, 3)).all()
    with pytest.raises(Problem, match="whole volumes; expected slices"):
        read_slices(tmp_path / "volumes")


def copied(rim: Path, tmp_path: Path) -> Path:
    shutil.copytree(rim / "data", tmp_path / "data")
    return tmp_path / "data"


def test_a_manifest_that_leads_elsewhere_or_is_damaged_is_refused(rim: Path, tmp_path: Path) -> None:
    folder = copied(rim, tmp_path)
    text = (folder / "manifest.json").read_text()
    said = json.loads(text)
    damaged = Damaged(rim, folder / "manifest.json", lambda path: read_slices(path.parent))

    def lesion(**changes: Any) -> bytes:
        return json.dumps({**said, "lesions": [{**said["lesions"][0], **changes}, *said["lesions"][1:]]}).encode()

    for path in (
        "../x.npy",
        "/etc/passwd",
        "a/../../x",
        "a//b",
        "",
        ".",
        "patches\\x",
        "a/" * 8 + "b",
        "x\u202e",
        "x" * 256,
    ):
        damaged.refused(lesion(patch=path), "a path that stays inside its folder")
        damaged.refused(lesion(mask=path), "a path that stays inside its folder")
    for name in ("../x", "a/b", "..", "", "x" * 201, "a\x1b[2J"):
        damaged.refused(lesion(id=name), "a name that can be a file's")
    changed: list[tuple[dict[str, Any], str]] = [
        ({"class": "perhaps"}, 'class "perhaps"'),
        ({"split": "tests"}, 'side "tests"'),
        ({"voxels": "many"}, "lesions[0].voxels is"),
        ({"voxels": True}, "a whole number"),
        ({"affine": [[1, 2, 3, 4]]}, "lesions[0].affine of 1"),
        ({"centre": [1, 2]}, "lesions[0].centre of 2"),
        ({"sha256": None}, "lesions[0].sha256 is null"),
        ({"reader1": 1}, "true or false"),
    ]
    for changes, says in changed:
        damaged.refused(lesion(**changes), says)
    for key, value, says in [
        ("schema", 2, "schema 2; expected schema 1"),
        ("patch", [24, 64], "patch of 2"),
        ("patch", [24, 64, 1 << 40], "expected some of each"),
        ("contrasts", [], "0 channels"),
        ("contrasts", [{**said["contrasts"][0], "window": {"low": 1, "high": 1}}], "a window whose low is below"),
        ("slices", [{"lesion": 10_000, "z": 0, "voxels": 1}], "slice 0 of item 10000"),
        ("slices", [{"lesion": 0, "z": 24, "voxels": 1}], "slice 24 of item 0"),
        ("lesions", {}, "lesions is an object; expected a list"),
    ]:
        damaged.refused(json.dumps({**said, key: value}).encode(), says)
    for content, says in [
        (text.encode()[:-20], "no JSON"),
        (b"", "no JSON"),
        (b"[]", "JSON that is a list"),
        (b'{"schema": NaN}', "NaN, which is no number"),
        (b'{"schema": 1, "schema": 1}', "the key schema twice"),
        (b'{"a":' * 100_000, "no JSON"),
        (text.encode("utf-16"), ""),
        (b'{"schema": ' + b"9" * 5000 + b"}", ""),
    ]:
        damaged.refused(content, says)
    with pytest.raises(Problem, match="prepare"):
        read_patches(rim)


def test_patches_that_are_damaged_or_changed_are_refused(rim: Path, tmp_path: Path) -> None:
    folder = copied(rim, tmp_path)
    place = folder / manifest(rim)["lesions"][3]["patch"]
    good = place.read_bytes()
    checked = Damaged(place, place, lambda _: read_patches(folder))
    checked.refused(good[:-1], "as the record has it")
    checked.refused(good[:-4] + b"\0\0\0\0", "SHA-256")
    read = Damaged(place, place, lambda _: read_patches(folder, check_hashes=False))
    for content, says in [
        (good[:-1], "bytes of values"),
        (good + b"\0", "bytes of values"),
        (good + b"\0" * (1 << 17), "of at most"),
        (good[:50], "no npy file"),
        (b"", "no npy file"),
        (good.replace(b"(1, 24, 64, 64, )", b"(1, 24, 64, 65, )"), "shape [1, 24, 64, 65]"),
        (good.replace(b"(1, 24, 64, 64, )", b"(1, 24, 64, -1, )"), "an array of shape"),
        (good.replace(b"(1, 24, 64, 64, )", b"(True, 24, 64,64)"), "an array of shape"),
        (good.replace(b"'<f4'", b"'>f4'"), "type >f4"),
        (good.replace(b"'<f4'", b"'|O' "), "type object"),
        (good.replace(b"False", b"True "), "in Fortran order"),
        (good.replace(b"(1, 24,", b"(((((((")[:200], "no npy file"),
        (good[:-4] + b"\0\0\xc0\x7f", "NaN or infinite"),
        (b"\x93NUMPY\x07\x00" + good[8:], "no npy file"),
    ]:
        read.refused(content, says)
    place.unlink()
    with pytest.raises(Problem, match="cannot be read: No such file"):
        read_patches(folder)
    place.mkdir()
    with pytest.raises(Problem, match="cannot be read: Is a directory"):
        read_patches(folder)
    place.rmdir()
    os.mkfifo(place)
    with pytest.raises(Problem, match="no plain file"):
        read_patches(folder)
