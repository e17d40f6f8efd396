"""What the tests read: folders that the program itself makes, so that a format that changes is noticed here.

The program is `target/release/rimforge`, or what `RIMFORGE` names. Studies run on one thread, with networks that learn
nothing, in seconds.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import volumes
from damage import stirred

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
GOLDEN = ("uncond_r32_c1", "cond_r16_c3")

Program = Callable[..., str]

_NET = """
[engine]
device = "cpu"
threads = 1
[train.net]
z_dim = 8
w_dim = 8
channel_base = 128
channel_max = 8
"""

RIM = (
    """
name = "tiny"
out = "study"
[cohort.simulate]
preset = "tiny"
patients = 12
[train]
kimg = 0.024
batch = 4
tick_kimg = 0.008
frechet_ticks = 2
[generate]
seeds = "0-5"
[project]
space = "w-plus"
steps = 5
limit = 5
controls = 1
batch = 2
w_samples = 100
candidates = 20
[perturb]
lesions = 1
[evaluate]
images = 40
pairs = 4
arms = ["affine"]
yardsticks = false
paths = 0
truncations = [1.0]
draws = 100
[classify]
arms = ["none", "ada-gan+ld"]
seeds = 2
epochs = 1
extra = 4
"""
    + _NET
)

GLIOMA = (
    """
kind = "glioma"
name = "tiny"
out = "study"
[brains]
brats = "brats"
[prepare]
side = 16
brats = { step = 3 }
[train]
kimg = 0.032
batch = 16
[generate]
seeds = "0-23"
formats = ["npy"]
[tumours]
arms = ["frequent", "frequent+synthetic"]
seeds = 1
steps = 2
batch = 4
width = "tiny"
shown = 1
[variants]
names = ["normal", "adain", "attention", "transposed"]
seeds = 1
kimg = 0.032
points = 1
drawn = 24
"""
    + _NET
)

ANISOTROPY = (
    """
kind = "projection-accuracy"
name = "tiny"
out = "study"
[maps]
fa = "maps"
[prepare]
side = 32
fa = { slices = 7 }
test_fraction = 0.4
validation_fraction = 0.2
[train]
kimg = 0.032
batch = 16
[generate]
seeds = "0-3"
[project]
steps = 3
candidates = 8
w_samples = 64
batch = 4
[residuals]
accuracy = 2
spoiled = 1
calibration = 5
validation = 3
test = 4
draws = 100
shown = 2
"""
    + _NET
)

SKIN = (
    """
kind = "dermatoscopy"
name = "tiny"
out = "study"
[images.simulate]
lesions = 56
least = 8
[external.simulate]
lesions = 28
least = 4
seed = 6
[prepare]
side = 32
[train]
kimg = 0.032
batch = 16
[generate]
seeds = "0-13"
[invert]
embed = "encoder"
refine = "none"
encoder_steps = 2
compared = 4
w_samples = 100
[directions]
samples = 100
codes = 2
random = 20
count = 1
layers = ["all"]
methods = ["closed-form"]
shown = 1
threshold = "none"
[edit]
images = 14
accept = ["closed-form_all_01"]
[classify]
arms = ["none", "oversample"]
seeds = 1
epochs = 1
maps = 0
"""
    + _NET
)


# Of each mark the packages, or programs, without which its tests cannot be.
NEEDS = {
    "torch": ["torch"],
    "onnx": ["torch", "onnx", "onnxscript", "onnxruntime"],
    "monai": ["torch", "monai", "nibabel"],
    "nnunet": ["torch", "nnunetv2"],
    "bids": ["bids-validator-deno"],
    "croissant": ["mlcroissant"],
    "hub": ["huggingface_hub", "safetensors"],
}


def found_program(name: str) -> str | None:
    """A program of this Python's environment, or of the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)


def _is_there(package: str) -> bool:
    name = package.replace("-", "_")
    return importlib.util.find_spec(name) is not None or found_program(package) is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs a package that is not installed is skipped by its name; with `RIMFORGE_NEEDS` in the environment
    ("torch onnx") it is an error instead."""
    missing = {mark: [one for one in packages if not _is_there(one)] for mark, packages in NEEDS.items()}
    if wanted := [package for mark in os.environ.get("RIMFORGE_NEEDS", "").split() for package in missing[mark]]:
        raise pytest.UsageError(f"not installed: {', '.join(dict.fromkeys(wanted))}")
    for item in items:
        for mark, packages in missing.items():
            if packages and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(packages)}"))


@pytest.fixture(scope="session")
def program() -> Program:
    """Runs the program in a folder with words; what it printed. It must succeed."""
    binary = Path(os.environ.get("RIMFORGE", ROOT / "target" / "release" / "rimforge"))
    if not binary.is_file():
        pytest.fail(f"{binary} is missing: `make setup` builds it")

    def run(folder: Path, *words: str | Path) -> str:
        done = subprocess.run([binary, *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr[-3000:]}"
        return done.stdout

    return run


def _study(program: Program, folder: Path, text: str) -> Path:
    (folder / "study.toml").write_text(text)
    program(folder, "run", "study.toml")
    return folder / "study"


@pytest.fixture(scope="session")
def rim(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of simulated rim lesions."""
    return _study(program, tmp_path_factory.mktemp("rim"), RIM)


@pytest.fixture(scope="session")
def glioma(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of gliomas, from volumes in BraTS' layout; beside it, `brats` and the networks of variants."""
    folder = tmp_path_factory.mktemp("glioma")
    volumes.write_brats(folder / "brats", {"SSA": 4, "GLI": 4})
    return _study(program, folder, GLIOMA)


@pytest.fixture(scope="session")
def anisotropy(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of projection accuracy, from maps as BIDS has them."""
    folder = tmp_path_factory.mktemp("anisotropy")
    volumes.write_anisotropy(folder / "maps", 5, 5)
    return _study(program, folder, ANISOTROPY)


@pytest.fixture(scope="session")
def skin(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of simulated photographs of skin."""
    return _study(program, tmp_path_factory.mktemp("skin"), SKIN)


@pytest.fixture(scope="session")
def imported(program: Program, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Network files of the two networks whose outputs by the reference implementation are known."""
    folder = tmp_path_factory.mktemp("imported")
    for name in GOLDEN:
        program(folder, "import", FIXTURES / f"{name}.network.pkl", "--out", name)
    return {name: folder / name / "network.safetensors" for name in GOLDEN}


@pytest.fixture(scope="session")
def every(program: Program, glioma: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A network of each variant and one of volumes, none of whose tensors is trivial, in a folder with its images."""
    folder = tmp_path_factory.mktemp("every")
    words = "--volumes --side 16 --out volumes --contrasts t1c,t2f"
    program(folder, "prepare", "--brats", glioma.parent / "brats", *words.split())
    words = (
        "--data volumes --out volume --kimg 0.008 --batch 4 --device cpu --threads 1 "
        "--set net.z_dim=8 --set net.w_dim=8 --set net.channel_base=64 --set net.channel_max=8"
    )
    program(folder, "train", *words.split())
    networks = {name: glioma / "variants" / f"{name}-0" for name in ("normal", "adain", "attention", "transposed")}
    networks["volume"] = folder / "volume"
    found = {}
    for number, (name, network) in enumerate(networks.items()):
        found[name] = folder / f"of-{name}"
        found[name].mkdir()
        stirred(network / "network-last.safetensors", found[name] / "network.safetensors", number)
        words = (
            "--network network.safetensors --seeds 0-2 --format npy --out drawn --device cpu --threads 1 --trunc 0.8"
        )
        of_class = ["--class", "each"] if name != "volume" else []
        program(found[name], "generate", *words.split(), *of_class)
    return found
