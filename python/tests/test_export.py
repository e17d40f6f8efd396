"""Networks as ONNX, run by onnxruntime."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import GOLDEN

from rimforge_reader import Problem, describe_network, export_onnx, latents, load_generator
from rimforge_reader.__main__ import main


@pytest.mark.onnx
@pytest.mark.parametrize("name", [*GOLDEN, "attention", "adain", "transposed", "volume"])
def test_an_exported_network_takes_any_batch(
    imported: dict[str, Path],
    every: dict[str, Path],
    name: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    import onnx
    import onnxruntime

    network = imported[name] if name in imported else every[name]
    out = tmp_path / "network.onnx"
    assert main(["export", "--onnx", str(network), str(out)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network.onnx"]
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    generator = load_generator(network, "numpy")
    said = generator.description
    for batch in (1, 4, 7):
        inputs = {"z": latents(range(batch), said.sizes.z_dim)}
        if said.sizes.c_dim:
            inputs["c"] = said.conditions(np.arange(batch) % said.sizes.c_dim)
        (images,) = session.run(["image"], inputs)
        expected = generator(inputs["z"], inputs.get("c"))
        difference = float(np.abs(images - expected).max() / np.abs(expected).max())
        record_property(f"batch {batch}", difference)
        assert images.shape == expected.shape and difference < 1e-5, (batch, difference)
    model = onnx.load(str(out))
    assert {entry.domain for entry in model.opset_import if entry.domain} == set()
    assert {entry.version for entry in model.opset_import if not entry.domain} == {18}
    (text,) = [entry.value for entry in model.metadata_props if entry.key == "rimforge"]
    assert json.loads(text)["generator"]["resolution"] == said.sizes.resolution
    assert "SYNTHETIC" in model.doc_string


@pytest.mark.onnx
def test_what_is_there_is_not_overwritten(imported: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "mine.onnx"
    out.write_text("mine")
    with pytest.raises(Problem, match="something is there already"):
        export_onnx(imported[GOLDEN[0]], out)
    assert out.read_text() == "mine"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Problem, match="something is there already"):
        export_onnx(imported[GOLDEN[0]], tmp_path / "link")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(Problem, match="no folder to write it into"):
        export_onnx(imported[GOLDEN[0]], tmp_path / "a" / "b.onnx")


def test_the_command_says_what_is_wrong(
    imported: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["export", "--onnx", str(tmp_path), str(tmp_path / "x.onnx")]) == 3
    assert "network-best.safetensors: cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        main(["export", str(tmp_path), "x.onnx"])
    assert caught.value.code == 2 and "--onnx" in capsys.readouterr().err
    # Without the packages: named, and the way to them.
    for package in ("onnx", "onnxscript", "torch"):
        monkeypatch.setitem(sys.modules, package, None)
    assert main(["export", "--onnx", str(imported[GOLDEN[0]]), str(tmp_path / "x.onnx")]) == 4
    assert "rimforge-reader[onnx]" in capsys.readouterr().err
    assert not (tmp_path / "x.onnx").exists()


def test_the_module_can_be_run(imported: dict[str, Path]) -> None:
    path = Path(sys.modules["rimforge_reader"].__file__ or "").parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "rimforge_reader", "--version"], cwd=path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("rimforge-reader ") and describe_network(imported[GOLDEN[0]]).sizes.resolution == 32
