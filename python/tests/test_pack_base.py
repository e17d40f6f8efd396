"""scripts/pack_base.py, by hand."""

import importlib.util
import json
import struct
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "pack_base.py"
spec = importlib.util.spec_from_file_location("pack_base", SCRIPT)
assert spec is not None and spec.loader is not None
pack_base = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack_base)


def test_rounding_goes_to_the_nearest_and_ties_to_the_even_one() -> None:
    """bfloat16 has 8 figures of the mantissa with the leading one: beside 1 its numbers lie 2^-7 apart."""
    numbers = [1.0, -2.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-16, 2 - 2**-9]
    high, low = pack_base.packed(struct.pack("<6f", *numbers))
    halves = [(a << 8 | b) << 16 for a, b in zip(high, low)]
    found = [struct.unpack("<f", struct.pack("<I", bits))[0] for bits in halves]
    assert found == [1.0, -2.0, 1.0, 1 + 2**-6, 1 + 2**-7, 2.0]


def written(path: Path, dtype: str, data: bytes) -> None:
    header: dict[str, dict[str, object]] = {"__metadata__": {"rimforge": "text"}}
    header["a"] = {"dtype": dtype, "shape": [2, 1], "data_offsets": [0, 8]}
    header["b"] = {"dtype": dtype, "shape": [1], "data_offsets": [8, 12]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_high_bytes_come_first_and_the_metadata_stay(tmp_path: Path) -> None:
    source, target = tmp_path / "network.safetensors", tmp_path / "packed.safetensors"
    written(source, "F32", struct.pack("<3f", 1.0, -2.0, 1.5))
    pack_base.main(str(source), str(target))
    data = target.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    assert header.pop("__metadata__") == {"rimforge": "text"}
    assert [(name, part["dtype"], part["shape"], part["data_offsets"]) for name, part in header.items()] == [
        ("a/high", "U8", [2, 1], [0, 2]),
        ("b/high", "U8", [1], [2, 3]),
        ("a/low", "U8", [2, 1], [3, 5]),
        ("b/low", "U8", [1], [5, 6]),
    ]
    assert data[end:] == bytes([0x3F, 0xC0, 0x3F, 0x80, 0x00, 0xC0])


def test_what_is_not_float32_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "network.safetensors"
    written(source, "I32", bytes(12))
    with pytest.raises(SystemExit, match="a is I32, not F32"):
        pack_base.main(str(source), str(tmp_path / "packed.safetensors"))
    assert not (tmp_path / "packed.safetensors").exists()
