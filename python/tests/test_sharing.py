"""What `rimforge export FORM` writes, read back by the programs that it is for.

Values and places are held to the source's own files; the packages are those of `requirements-sharing.txt`, and what one
that is missing would read is skipped by its name.
"""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Program, found_program
from numpy.typing import NDArray

from rimforge_reader import latents, load_generator, read_patches, read_slices

NET = (
    "--kimg 0.008 --batch 4 --device cpu --threads 1 "
    "--set net.z_dim=8 --set net.w_dim=8 --set net.channel_base=128 --set net.channel_max=8"
)


LICENSE = "https://creativecommons.org/licenses/by/4.0/"


@dataclass(frozen=True)
class Shared:
    """A cohort, the data set of its susceptibility and traced rims, drawn images, and what was made of them."""

    root: Path
    cohort: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    def json(self, name: str) -> Any:
        return json.loads((self.root / name).read_text())


@pytest.fixture(scope="session")
def shared(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    root = tmp_path_factory.mktemp("shared")

    def run(words: str) -> None:
        program(root, *words.split())

    # In this cohort every patient with an agreed rim has a tracing.
    run("simulate --preset tiny --patients 12 --seed 2 --out cohort")
    run("prepare --cohort cohort --contrasts chimap,rim --rim-softness 0 --out data")
    run(f"train --data data --out gan {NET}")
    run("generate --network gan --seeds 0-3 --format npy --out drawn --device cpu --threads 1")
    run("export monai --data data --synthetic drawn --out monai")
    run("export monai --data data --folds 3 --whole --out monai-folds")
    run("export monai --data data --target classes --out monai-classes")
    run("export nnunet --data data --synthetic drawn --out Dataset501_Rims")
    run("export nnunet --data data --target lesions --whole --folds 3 --out Dataset502_Lesions")
    run("export bids --synthetic drawn --out bids")
    words = "--limit 2 --steps 2 --controls 0 --features pixels --device cpu --threads 1"
    run(f"project --network gan --data data --out projected {words}")
    run("export bids --denoised projected --data data --out bids-denoised")
    run(f"export croissant --data data --license {LICENSE} --out croissant")
    run(f"export croissant --synthetic drawn --license {LICENSE} --out croissant-drawn")
    run("export card --network gan --data data --license cc-by-4.0 --out card")
    (root / "alone").mkdir()
    shutil.copy(root / "gan" / "network-best.safetensors", root / "alone" / "a.safetensors")
    run("export card --network alone/a.safetensors --license mit --out card-alone")
    return Shared(root, root / "cohort")


@pytest.fixture(scope="session")
def gliomas(program: Program, glioma: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gliomas")

    def run(words: str) -> None:
        program(root, *words.split())

    brats = glioma.parent / "brats"
    run(f"prepare --brats {brats} --contrasts t1c,t2f,seg --side 16 --out data")
    run("export nnunet --data data --folds 2 --out Dataset503_Gliomas")
    run(f"prepare --brats {brats} --volumes --contrasts t1c,seg --side 16 --out volumes")
    run("export nnunet --data volumes --folds 2 --out Dataset504_Volumes")
    run(f"export monai --data {glioma}/data --synthetic {glioma}/synthetic --out drawn")
    return root


def volume(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Voxels [x, y, z], the sform and the description of a NIfTI-1 file; no package is asked."""
    data = gzip.decompress(path.read_bytes())
    shape = struct.unpack_from("<8h", data, 40)[1:4]
    kind = {2: "<u1", 4: "<i2", 16: "<f4", 512: "<u2"}[struct.unpack_from("<h", data, 70)[0]]
    first = int(struct.unpack_from("<f", data, 108)[0])
    affine = np.eye(4)
    affine[:3] = np.array(struct.unpack_from("<12f", data, 280)).reshape(3, 4)
    voxels = np.frombuffer(data, kind, int(np.prod(shape)), first).reshape(shape, order="F")
    return voxels.astype(np.float64), affine, data[148:228].split(b"\0")[0].decode()


def at_same_places(
    own: tuple[NDArray[np.float64], NDArray[np.float64], str],
    other: tuple[NDArray[np.float64], NDArray[np.float64], str],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of the voxels of `own` that lie in `other`, and the values that `other` has at those places in the world."""
    places = np.indices(own[0].shape).reshape(3, -1)
    world = own[1] @ np.vstack([places, np.ones(places.shape[1])])
    found = (np.linalg.inv(other[1]) @ world)[:3]
    nearest = np.rint(found).astype(int)
    assert np.abs(found - nearest).max() < 1e-3, "not the same grid"
    inside = ((nearest >= 0) & (nearest < np.array(other[0].shape)[:, None])).all(axis=0)
    return own[0].reshape(-1)[inside], other[0][tuple(nearest[:, inside])]


def patients_of(items: list[dict[str, Any]]) -> set[str]:
    return {item["patient"] for item in items if item["patient"] is not None}


def test_a_slice_has_the_values_of_the_scan_at_its_place_in_the_world(shared: Shared) -> None:
    listed = shared.json("monai/datalist.json")
    assert listed["rimforge"]["channels"] == [{"name": "chimap", "unit": "ppm"}]
    compared = 0
    for item in listed["test"][:5] + shared.json("monai-folds/datalist.json")["training"][:3]:
        folder = "monai" if item in listed["test"] else "monai-folds"
        chimap = shared.cohort / item["patient"] / "anat" / f"{item['patient']}_Chimap.nii.gz"
        own, source = at_same_places(volume(shared.root / folder / item["image"]), volume(chimap))
        # Beside drawn images real ones are clipped to the window, and else they are as they were.
        clipped = np.clip(source, *(_window(shared) if folder == "monai" else (-np.inf, np.inf)))
        np.testing.assert_allclose(own, clipped, atol=2e-7)
        assert volume(shared.root / folder / item["image"])[2].startswith("SIMULATED chimap in ppm")
        compared += own.size
    assert compared > 10_000


def _window(shared: Shared) -> tuple[float, float]:
    window = shared.json("data/manifest.json")["contrasts"][0]["window"]
    return window["low"] * 1e-3, window["high"] * 1e-3


def test_a_label_is_where_a_rim_was_traced(shared: Shared) -> None:
    seen = 0
    for item in shared.json("monai-folds/datalist.json")["training"]:
        label = volume(shared.root / "monai-folds" / item["label"])
        traced = shared.cohort / "derivatives" / "lesions" / item["patient"] / "anat"
        traced = traced / f"{item['patient']}_desc-rim_probseg.nii.gz"
        if not traced.is_file():
            assert not label[0].any() and item["class"] != "rim", item
            continue
        own, source = at_same_places(label, volume(traced))
        np.testing.assert_array_equal(own, source >= 0.5)
        seen += bool(own.any())
    assert seen > 3


def test_no_patient_of_the_test_side_is_learnt_from_and_drawn_images_are_never_scored(shared: Shared) -> None:
    sides = {row["patient"]: row["side"] for row in read_patches(shared.data).table}
    for name in ("monai", "monai-folds", "monai-classes"):
        listed = shared.json(f"{name}/datalist.json")
        train, validation, test = (patients_of(listed[key]) for key in ("training", "validation", "test"))
        assert {sides[patient] for patient in test} == {"test"} and not test & (train | validation)
        assert not train & validation
        assert not any(item["synthetic"] for item in listed["validation"] + listed["test"])
    drawn = [item for item in shared.json("monai/datalist.json")["training"] if item["synthetic"]]
    assert all("fold" not in item and item["patient"] is None for item in drawn)
    folds: dict[int, set[str]] = {}
    for item in shared.json("monai-folds/datalist.json")["training"]:
        folds.setdefault(item["fold"], set()).add(item["patient"])
    assert sorted(folds) == [0, 1, 2]
    assert sum(map(len, folds.values())) == len(set().union(*folds.values())), "a patient in two folds"


def test_the_folds_of_nnunet_are_by_patient(shared: Shared) -> None:
    for name, count in (("Dataset501_Rims", 1), ("Dataset502_Lesions", 3)):
        splits = shared.json(f"{name}/splits_final.json")
        rows = [line.split("\t") for line in (shared.root / name / "cases.tsv").read_text().splitlines()[1:]]
        patient = {row[0]: row[1] for row in rows}
        held = {row[0] for row in rows if row[3] == "test"}
        assert len(splits) == count and held
        for split in splits:
            train, val = set(split["train"]), set(split["val"])
            real = {patient[case] for case in train if not case.startswith("synthetic")}
            assert not real & {patient[case] for case in val} and not (train | val) & held
            assert not any(case.startswith("synthetic") for case in val) and val and train
        stems = {file.name[:-7] for file in (shared.root / name / "labelsTr").iterdir()}
        assert stems == set().union(*(set(split["train"]) | set(split["val"]) for split in splits))
        assert held == {file.name[:-7] for file in (shared.root / name / "labelsTs").iterdir()}


@pytest.mark.monai
def test_monai_reads_the_list_and_its_images(shared: Shared) -> None:
    from monai.auto3dseg import datafold_read
    from monai.data import load_decathlon_datalist
    from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged

    path = shared.root / "monai" / "datalist.json"
    own = read_slices(shared.data, values="physical")
    for key in ("training", "validation", "test"):
        items = load_decathlon_datalist(path, True, key)
        assert items and all(Path(item["image"]).is_file() and Path(item["label"]).is_file() for item in items)
    load = Compose([LoadImaged(keys=["image", "label"]), EnsureChannelFirstd(keys=["image", "label"])])
    item = next(item for item in load_decathlon_datalist(path, True, "test"))
    loaded = load(item)
    side = own.values.shape[-1]
    assert tuple(loaded["image"].shape) == tuple(loaded["label"].shape) == (1, side, side, 1)
    lesion, z = item["id"].rsplit("_z", 1)
    row = own.table.mask(id=lesion, slice=int(z))
    expected = np.clip(own.values[row][0][0] * 1e-3, *_window(shared)).T[None, :, :, None]
    np.testing.assert_allclose(np.asarray(loaded["image"]), expected, atol=2e-7)
    assert own.voxel_mm and abs(float(loaded["image"].affine[2, 2]) - own.voxel_mm[0]) < 1e-6

    folds = shared.root / "monai-folds" / "datalist.json"
    for fold in range(3):
        train, validation = datafold_read(str(folds), str(folds.parent), fold)
        assert validation and not patients_of(train) & patients_of(validation)
        assert load(train[0])["image"].shape[-1] > 1, "whole patches"
    train, validation = datafold_read(str(path), str(path.parent), 0)
    assert any(item["synthetic"] for item in train) and not any(item["synthetic"] for item in validation)

    classes = load_decathlon_datalist(shared.root / "monai-classes" / "datalist.json", False, "training")
    numbers = {item["label"] for item in classes}
    assert numbers == {0, 1}
    assert LoadImaged(keys=["image"])(classes[0])["image"].shape == (side, side, 1)


@pytest.mark.nnunet
@pytest.mark.parametrize("name", ["Dataset501_Rims", "Dataset502_Lesions", "Dataset503_Gliomas", "Dataset504_Volumes"])
def test_nnunet_finds_the_data_set_whole(
    name: str, shared: Shared, gliomas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = (shared.root if name[7:10] < "503" else gliomas) / name
    for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.setenv(variable, str(folder.parent))
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
    from nnunetv2.utilities.utils import get_identifiers_from_splitted_dataset_folder

    verify_dataset_integrity(str(folder), num_processes=1)
    cases = set(get_identifiers_from_splitted_dataset_folder(str(folder / "imagesTr"), ".nii.gz"))
    splits = json.loads((folder / "splits_final.json").read_text())
    assert cases == set().union(*(set(split["train"]) | set(split["val"]) for split in splits))
    held = set(get_identifiers_from_splitted_dataset_folder(str(folder / "imagesTs"), ".nii.gz"))
    assert held and not held & cases


@pytest.mark.nnunet
@pytest.mark.parametrize(("name", "configuration"), [("Dataset501_Rims", "2d"), ("Dataset502_Lesions", "3d_fullres")])
def test_nnunet_trains_on_our_folds(
    name: str, configuration: str, shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned and preprocessed as the page says, its trainer has each fold by patient; without the file it has not."""
    raw, preprocessed = shared.root / name, tmp_path / "preprocessed" / name
    monkeypatch.setenv("nnUNet_raw", str(shared.root))
    monkeypatch.setenv("nnUNet_preprocessed", str(preprocessed.parent))
    monkeypatch.setenv("nnUNet_results", str(tmp_path / "results"))
    words = ["-d", name[7:10], "-c", configuration, "-npfp", "1", "-np", "1", "--verify_dataset_integrity"]
    planning = [str(found_program("nnUNetv2_plan_and_preprocess")), *words]
    planned = subprocess.run(planning, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr[-3000:]

    import torch
    from nnunetv2.run.run_training import get_trainer_from_args

    def dealt(fold: int) -> tuple[set[str], set[str]]:
        trainer = get_trainer_from_args(name, configuration, fold, device=torch.device("cpu"))
        train, val = trainer.do_split()
        return set(train), set(val)

    rows = [line.split("\t") for line in (raw / "cases.tsv").read_text().splitlines()[1:]]
    patient = {row[0]: row[1] for row in rows if row[4] != "synthetic"}

    def on_both_sides(train: set[str], val: set[str]) -> set[str]:
        return {patient[case] for case in train & set(patient)} & {patient[case] for case in val & set(patient)}

    splits = shared.json(f"{name}/splits_final.json")
    for fold, split in enumerate(splits):
        assert dealt(fold) == (set(split["train"]), set(split["val"])) and not on_both_sides(*dealt(fold))
    assert on_both_sides(*dealt(len(splits))), "a fold that the file lacks was not dealt at random"
    (preprocessed / "splits_final.json").unlink()
    assert on_both_sides(*dealt(0)), "without the file patients were not split either"


@pytest.mark.parametrize("name", ["Dataset503_Gliomas", "Dataset504_Volumes"])
def test_averaged_slices_and_volumes_lie_where_the_brain_does(name: str, gliomas: Path, glioma: Path) -> None:
    """The tumour's middle in the world, by the labels that went out, is that of the labels that came in."""
    seen = 0
    for path in sorted((gliomas / name / "labelsTr").iterdir()):
        label, affine, _ = volume(path)
        case = path.name[: len("BraTS-SSA-00030-000")]
        if not (label > 0).sum() > 8:
            continue
        source, world, _ = volume(next((glioma.parent / "brats").rglob(f"{case}-seg.nii.gz")))
        middle = affine @ [*np.argwhere(label > 0).mean(axis=0), 1.0]
        if label.shape[2] == 1:
            # Of a slice, in its own plane through the volume.
            across = int(np.argmax(np.abs(affine[:3, 2])))
            at = round(float((np.linalg.inv(world) @ affine[:, 3])[across]))
            keep = np.zeros_like(source)
            index: list[Any] = [slice(None)] * 3
            index[across] = at
            keep[tuple(index)] = source[tuple(index)]
            source = keep
        expected = world @ [*np.argwhere(source > 0).mean(axis=0), 1.0]
        pixel = np.abs(affine[:3, :3]).max()
        assert np.abs(middle - expected).max() < 0.75 * pixel, (path.name, middle, expected)
        seen += 1
    assert seen >= 4


def test_drawn_slices_of_brains_are_as_large_as_real_ones_and_have_the_labels_that_were_drawn(
    gliomas: Path, glioma: Path
) -> None:
    listed = json.loads((gliomas / "drawn" / "datalist.json").read_text())["training"]
    real = next(item for item in listed if not item["synthetic"])
    drawn = [item for item in listed if item["synthetic"]]
    assert len(drawn) == 24
    for item in drawn[:6]:
        label, affine, said = volume(gliomas / "drawn" / item["label"])
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
        as_real = np.linalg.norm(volume(gliomas / "drawn" / real["label"])[1][:3, :3], axis=0)
        np.testing.assert_allclose(sizes, as_real, rtol=1e-6)
        npy = np.load(glioma / "synthetic" / f"{item['id'].removeprefix('synthetic-')}.npy")
        np.testing.assert_array_equal(label[:, :, 0].T, np.rint((npy[-1] + 1) * 1.5).clip(0, 3))
        assert "SYNTHETIC" in said and item["class"] is not None


def test_a_synthetic_data_set_of_bids_says_so_everywhere(shared: Shared) -> None:
    described = shared.json("bids/dataset_description.json")
    assert described["DatasetType"] == "derivative" and described["GeneratedBy"][0]["Name"] == "rimforge"
    assert described["SourceDatasets"][0]["Version"].endswith(shared.json("drawn/record.json")["data_sha256"])
    subjects = sorted(path.name for path in (shared.root / "bids").glob("sub-*"))
    assert subjects == [f"sub-synth{seed:04}" for seed in range(4)]
    for subject in subjects:
        anat = shared.root / "bids" / subject / "anat"
        stem = f"{subject}_desc-synthetic_Chimap"
        sidecar = json.loads((anat / f"{stem}.json").read_text())
        assert (sidecar["Synthetic"], sidecar["Simulated"], sidecar["Units"]) == (True, True, "ppm")
        assert sidecar["Seed"] == int(subject[-4:]) and len(sidecar["NetworkSHA256"]) == 64
        values, affine, said = volume(anat / f"{stem}.nii.gz")
        drawn = np.load(shared.root / "drawn" / f"seed{subject[-4:]}.npy")
        low, high = _window(shared)
        np.testing.assert_allclose(values[:, :, 0].T, low + (drawn[0] + 1) / 2 * (high - low), atol=1e-6)
        assert said.startswith("SIMULATED SYNTHETIC") and affine[2, 2] == 1.0
        assert (anat / f"{subject}_label-rim_desc-synthetic_probseg.nii.gz").is_file()


@pytest.mark.bids
@pytest.mark.parametrize("name", ["bids", "bids-denoised"])
def test_the_validator_of_bids_finds_no_error(name: str, shared: Shared) -> None:
    words = [str(found_program("bids-validator-deno")), "--json", str(shared.root / name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    errors = [issue for issue in issues if issue["severity"] == "error"]
    assert not errors and done.returncode == 0, errors


def test_projections_lie_where_their_lesions_do_and_say_what_they_are(shared: Shared) -> None:
    described = shared.json("bids-denoised/dataset_description.json")
    assert "SIMULATED" in described["Name"]
    projected = shared.json("projected/record.json")["lesions"]
    scans = sorted((shared.root / "bids-denoised").rglob("*_Chimap.nii.gz"))
    assert len(scans) == len(projected) > 0
    for path in scans:
        patient = path.name.split("_")[0]
        sidecar = json.loads((path.parent / path.name.replace(".nii.gz", ".json")).read_text())
        assert sidecar["Denoised"] and sidecar["Simulated"] and not sidecar["PatientData"]
        own, source = at_same_places(
            volume(path), volume(shared.cohort / patient / "anat" / f"{patient}_Chimap.nii.gz")
        )
        # Patches may reach beyond the volume.
        assert own.size == source.size > 1000 and volume(path)[2].startswith("SIMULATED DENOISED")


@pytest.mark.croissant
@pytest.mark.parametrize(("name", "folder"), [("croissant", "data"), ("croissant-drawn", "drawn")])
def test_croissant_is_valid_and_gives_the_items(name: str, folder: str, shared: Shared, tmp_path: Path) -> None:
    import mlcroissant

    described = shared.json(f"{name}/croissant.json")
    assert described["license"] == LICENSE
    assert described["rai:hasSyntheticData"] is True and described["rai:dataCollectionType"]
    shutil.copytree(shared.root / folder, tmp_path / "copy")
    shutil.copy(shared.root / name / "croissant.json", tmp_path / "copy")
    data = mlcroissant.Dataset(tmp_path / "copy" / "croissant.json")
    assert not data.metadata.issues.errors
    rows = list(data.records("items"))
    if folder == "data":
        expected = [lesion["id"] for lesion in shared.json("data/manifest.json")["lesions"]]
        assert [row["items/id"].decode() for row in rows] == expected
    else:
        expected = [image["path"] for image in shared.json("drawn/record.json")["images"]]
        assert [row["items/path"].decode() for row in rows] == expected


def test_a_card_says_what_records_have_and_nothing_else(shared: Shared) -> None:
    text = (shared.root / "card" / "README.md").read_text()
    trained = shared.json("gan/record.json")
    assert text.startswith("---\nlicense: cc-by-4.0\nlibrary_name: rimforge\n") and "SIMULATED" in text
    patients = {row["patient"] for row in read_patches(shared.data).table.where(side="train") if row["class"] == "rim"}
    assert f"- {len(patients)} patients;" in text
    assert trained["network_sha256"] == shared.json("card/config.json")["sha256"]
    if trained["best_frechet"] is None:
        assert "None was recorded" in text
    else:
        assert f"{trained['best_frechet']:.4f}" in text
    alone = (shared.root / "card-alone" / "README.md").read_text()
    assert "None was recorded" in alone and " patients; those" not in alone
    network = load_generator(shared.root / "card" / "model.safetensors", backend="numpy")
    assert network(latents([0], network.description.sizes.z_dim)).shape[:2] == (1, 2)


@pytest.mark.hub
def test_a_hub_reads_the_card_and_the_weights(shared: Shared) -> None:
    from huggingface_hub import ModelCard
    from safetensors import safe_open

    card = ModelCard.load(shared.root / "card" / "README.md")
    head = card.data.to_dict()
    assert (head["license"], head["library_name"]) == ("cc-by-4.0", "rimforge")
    assert head["pipeline_tag"] == "unconditional-image-generation" and "simulated-data" in head["tags"]
    with safe_open(shared.root / "card" / "model.safetensors", "np") as weights:
        assert any(name.startswith("G.synthesis") for name in weights.keys())  # noqa: SIM118
