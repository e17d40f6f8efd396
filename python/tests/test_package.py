"""The package itself: what it needs, and the examples of its documentation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import rimforge_reader
from rimforge_reader import Problem
from rimforge_reader.names import inside, name

PAGE = ROOT / "docs" / "python.md"


def test_numpy_is_all_that_is_imported() -> None:
    words = (
        "import sys, rimforge_reader\n"
        "others = {'torch', 'pandas', 'onnx', 'safetensors', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not others, others"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", words], env=environment, check=True)


def test_versions_are_those_of_the_program() -> None:
    said = re.findall(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[0]
    packaged = re.findall(r'^version = "(.*)"', (ROOT / "python" / "pyproject.toml").read_text(), re.M)
    assert [said] == packaged and said == rimforge_reader.__version__


def test_names_and_paths_are_those_that_the_program_allows(tmp_path: Path) -> None:
    """The cases of `src/name.rs`."""
    for good in ("sub-001_lesion-003", "läsion 3", ".hidden", "a..b", "QSM (ppb)", "x" * 200):
        assert name(good, tmp_path) == good
    for bad, says in [
        ("", "is empty"),
        ("..", "means a folder"),
        ("../../../evil", "has a path separator"),
        ("a\\b", "has a path separator"),
        ("a\0b", "control character"),
        ("a\u202eb", "control character"),
        ("a\ud800b", "control character"),
        ("x" * 201, "has 201 bytes"),
        ("ä" * 101, "has 202 bytes"),
    ]:
        with pytest.raises(Problem) as caught:
            name(bad, tmp_path)
        assert says in str(caught.value) and len(caught.value.found) < 150
    assert inside(tmp_path, "fits/none_seed-1/cam.png", tmp_path) == tmp_path / "fits" / "none_seed-1" / "cam.png"
    for bad in (
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        "./a",
        "a\\..\\b",
        "1/2/3/4/5/6/7/8/9",
        "x" * 256,
    ):
        with pytest.raises(Problem):
            inside(tmp_path, bad, tmp_path)


def test_a_problem_says_what_was_found_and_what_to_do() -> None:
    problem = Problem("a\x1b[2J.json", "schema 2", "schema 1", "prepare again")
    assert str(problem) == "a\\u{1b}[2J.json: schema 2; expected schema 1 (prepare again)"
    assert str(Problem("a", "cut off")) == "a: cut off"
    assert isinstance(problem, ValueError)
    import pickle

    assert str(pickle.loads(pickle.dumps(problem))) == str(problem)


def test_every_public_name_is_explained_and_on_the_page() -> None:
    page = PAGE.read_text()
    for public in rimforge_reader.__all__:
        assert public in ("Values",) or (getattr(rimforge_reader, public).__doc__ or "").strip(), public
        assert f"`{public}" in page, public


def example() -> str:
    """The one block of the page that saves a figure."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    (found,) = [block for block in blocks if "savefig" in block]
    return str(found)


def test_the_example_goes_from_a_study_to_a_figure(rim: Path, tmp_path: Path) -> None:
    """As it stands in the documentation, run where a study lies in out/demo."""
    (tmp_path / "out").mkdir()
    shutil.copytree(rim, tmp_path / "out" / "demo")
    pytest.importorskip("matplotlib", reason="not installed: matplotlib")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", example()], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    figure = (tmp_path / "projections.png").read_bytes()
    width, height = (int.from_bytes(figure[at : at + 4], "big") for at in (16, 20))
    assert figure[:4] == b"\x89PNG" and width > 600 and height > 300 and len(figure) > 20_000
