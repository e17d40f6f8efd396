"""safetensors files, read with numpy alone: eight bytes of length, a JSON header, then the tensors side by side."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import read_bytes
from .fields import Fields, parse_json
from .problem import Problem, shortened

_LONGEST_HEADER = 16 << 20
_LARGEST_FILE = 4 << 30
_MOST_AXES = 8
# Of the format's types those that the program writes and numpy has.
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "|u1"}
_WHAT = "a network file of rimforge (safetensors)"


@dataclass(frozen=True)
class TensorFile:
    """A file whose header was read and found whole.

    Attributes:
        path: The file.
        metadata: Its words about itself.
        sha256: Of all its bytes, lower-case hexadecimal.
    """

    path: Path
    metadata: dict[str, str]
    sha256: str
    _places: dict[str, tuple[str, tuple[int, ...], int, int]]
    _content: memoryview

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name."""
        return {key: shape for key, (_, shape, _, _) in self._places.items()}

    def read(self, key: str) -> NDArray[Any]:
        """A copy of one tensor.

        Raises:
            Problem: It is not there, of a type that is not read (BF16 among them), or has values that are not finite.
        """
        if key not in self._places:
            raise Problem(self.path, f"no tensor {shortened(key)}")
        dtype, shape, start, end = self._places[key]
        if dtype not in _TYPES:
            raise Problem(self.path, f"{shortened(key)} of type {shortened(dtype)}", ", ".join(_TYPES))
        found = np.frombuffer(self._content[start:end], _TYPES[dtype]).reshape(shape).copy()
        if not np.isfinite(found).all():
            raise Problem(self.path, f"{shortened(key)} has values that are NaN or infinite", "finite ones")
        return found


def open_tensors(path: Path) -> TensorFile:
    """Reads a safetensors file of at most 4 GiB.

    Raises:
        Problem: No such file, no safetensors file, one that is cut off, a header longer than 16 MiB, a name twice, or
            tensors that overlap, leave holes or do not end with the file.
    """
    content = read_bytes(path, _LARGEST_FILE, _WHAT)
    advice = "the file may be cut off; copy or write it again"
    if content[:2] == b"\x80\x02" or content[:4] == b"PK\x03\x04" or content[8:9] != b"{":
        raise Problem(path, "no safetensors file", _WHAT, "published pickles become one by `rimforge import`")
    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= _LONGEST_HEADER or 8 + length > len(content):
        raise Problem(path, f"a header of {length} bytes in a file of {len(content)}", "a whole file", advice)
    header = parse_json(content[8 : 8 + length], path, "the header of a safetensors file")
    size = len(content) - 8 - length
    metadata: dict[str, str] = {}
    places: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
    for key in header.value:
        entry = header.nested(key)
        if key == "__metadata__":
            metadata = {word: entry.take(word, str) for word in entry.value}
        else:
            places[key] = _place(key, entry)
    at = 0
    for key, (_, _, start, end) in sorted(places.items(), key=lambda place: place[1][2:]):
        if start != at:
            raise Problem(
                path, f"{shortened(key)} begins at byte {start}", f"byte {at}, where the one before ends", advice
            )
        at = end
    if at != size:
        raise Problem(path, f"{size} bytes of tensors", f"{at}, as the header says", advice)
    return TensorFile(path, metadata, hashlib.sha256(content).hexdigest(), places, memoryview(content)[8 + length :])


def _place(key: str, entry: Fields) -> tuple[str, tuple[int, ...], int, int]:
    dtype, shape = entry.take("dtype", str), entry.all("shape", int)
    start, end = entry.all("data_offsets", int, 2)
    if len(shape) > _MOST_AXES or any(side < 0 for side in shape) or not 0 <= start <= end:
        raise Problem(
            entry.path, f"{shortened(key)} of shape {shape[:_MOST_AXES]} at bytes {start} to {end}", "a tensor"
        )
    if dtype in _TYPES and math.prod(shape) * np.dtype(_TYPES[dtype]).itemsize != end - start:
        raise Problem(entry.path, f"{shortened(key)} of {end - start} bytes", f"{dtype} of shape {shape}")
    return dtype, tuple(shape), start, end
