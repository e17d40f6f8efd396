"""Files made from good ones: damaged, or with other numbers in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rimforge_reader import Problem


class Damaged:
    """A place at which spoiled copies of a good file are put, and what reads them."""

    def __init__(self, good: Path, place: Path, read: Callable[[Path], object]) -> None:
        self.good = good
        self.place = place
        self.read = read

    def refused(self, content: bytes, says: str = "") -> None:
        """The content must be refused by a `Problem` that names the file."""
        self.place.write_bytes(content)
        with pytest.raises(Problem) as caught:
            self.read(self.place)
        problem = caught.value
        assert isinstance(problem, ValueError) and says in str(problem), str(problem)
        assert Path(problem.path) == self.place and len(str(problem)) < 600, str(problem)
        assert not any(letter < " " for letter in str(problem))


def edited(content: bytes, change: Callable[[str], str]) -> bytes:
    """A network file with another description."""
    length = int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    header["__metadata__"]["rimforge"] = change(header["__metadata__"]["rimforge"])
    made = json.dumps(header).encode()
    return len(made).to_bytes(8, "little") + made + content[8 + length :]


def stirred(source: Path, target: Path, seed: int) -> None:
    """A copy of a network file with something random added to each tensor of the generator: what training has hardly
    moved from 0 (strength of noise, attention) counts then."""
    content = bytearray(source.read_bytes())
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    draws = np.random.RandomState(seed)
    for key, entry in header.items():
        if key.startswith("G."):
            start, end = (8 + length + at for at in entry["data_offsets"])
            values = np.frombuffer(bytes(content[start:end]), "<f4")
            content[start:end] = (values + 0.3 * draws.randn(*values.shape)).astype("<f4").tobytes()
    target.write_bytes(content)
