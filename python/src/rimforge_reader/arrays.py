"""npy and npz files as the program writes them: read in the shape and type that a record promises, or refused."""

from __future__ import annotations

import hashlib
import io
import math
import os
import stat
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .problem import Problem, shortened

_MOST_HEADER = 1 << 16
_MOST_ARRAY = 1 << 30


def read_bytes(path: Path, most: int, what: str) -> bytes:
    """The bytes of a file of at most `most`.

    Raises:
        Problem: No such file, a folder or a device, one that may not be read, or a longer one.
    """
    try:
        found = os.stat(path)
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise Problem(path, "no plain file", what)
        if found.st_size > most:
            raise Problem(path, f"{found.st_size} bytes", f"{what} of at most {most}")
        with open(path, "rb") as file:
            # Never more than was promised, so that nobody's memory is asked for more.
            content = file.read(found.st_size + 1)
    except OSError as error:
        raise Problem(path, f"cannot be read: {error.strerror or error}", what) from error
    if len(content) > found.st_size:
        raise Problem(path, "a file that grows while it is read", what)
    return content


def read_array(
    path: Path, shape: Sequence[int | None] | None, dtype: type[np.generic], sha256: str | None = None
) -> NDArray[Any]:
    """The array in an npy file.

    Args:
        path: The file.
        shape: What it must be; `None` for an axis of any length, or for any shape.
        dtype: What its elements must be, little-endian.
        sha256: What the file's hash must be, where it is known.

    Raises:
        Problem: No such file, another hash, no npy file, another shape or type, or a value that is not finite.
    """
    known = [side for side in shape or () if side is not None]
    exact = shape is not None and len(known) == len(shape)
    most = math.prod(known) * np.dtype(dtype).itemsize if exact else _MOST_ARRAY
    content = read_bytes(path, most + _MOST_HEADER, "an npy file as the record describes it")
    require_hash(content, sha256, path)
    return _parse(content, shape, dtype, path)


def read_npz_array(
    path: Path, key: str, shape: Sequence[int | None], dtype: type[np.generic], sha256: str | None = None
) -> NDArray[Any]:
    """The array of a key in an npz file; otherwise as [`read_array`]."""
    found = _unpacked(path, key, sha256)
    if key not in found:
        raise Problem(path, f"no array {key}", f"an npz file with the key {key}")
    return _parse(found[key], shape, dtype, path)


def read_npz(path: Path, shape: Sequence[int | None], dtype: type[np.generic]) -> dict[str, NDArray[Any]]:
    """All arrays of an npz file by their keys, in the file's order; otherwise as [`read_array`]."""
    return {key: _parse(content, shape, dtype, path) for key, content in _unpacked(path, None, None).items()}


def _unpacked(path: Path, key: str | None, sha256: str | None) -> dict[str, bytes]:
    """The npy files in an npz file by their keys: that of `key`, or all; together at most 1 GiB."""
    content = read_bytes(path, _MOST_ARRAY, "an npz file")
    require_hash(content, sha256, path)
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [one for one in archive.infolist() if key is None or one.filename == f"{key}.npy"]
            if sum(one.file_size for one in entries) > _MOST_ARRAY:
                raise Problem(path, f"arrays of more than {_MOST_ARRAY} bytes", "at most so many")
            for one in entries:
                found[one.filename.removesuffix(".npy")] = archive.read(one)
    except Problem:
        raise
    except Exception as error:  # Of a damaged archive zipfile and zlib raise half a dozen kinds, ValueErrors among them.
        raise Problem(path, f"no whole npz file: {shortened(str(error))}", "one as `rimforge` writes it") from error
    return found


def require_hash(content: bytes, sha256: str | None, path: Path) -> None:
    """Refuses bytes whose hash is not the one that a record has.

    Raises:
        Problem: It is not.
    """
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256.lower():
        advice = "it was changed or cut off since it was written; make it again"
        raise Problem(path, f"SHA-256 {found}", f"{shortened(sha256)}, as the record has it", advice)


def _parse(content: bytes, shape: Sequence[int | None] | None, dtype: type[np.generic], path: Path) -> NDArray[Any]:
    stream = io.BytesIO(content)
    kind = np.dtype(dtype).newbyteorder("<")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(stream)]
            found, fortran, written = read(stream)
    except Exception as error:  # numpy reads the header as a Python literal, and what it raises is anybody's guess.
        raise Problem(path, f"no npy file: {shortened(str(error))}", "an array as `rimforge` writes it") from error
    if not all(type(side) is int and side >= 0 for side in found):
        raise Problem(path, f"an array of shape {shortened(str(found))}", "sides of 0 or more")
    shape = [None] * len(found) if shape is None else shape
    fits = len(found) == len(shape) and all(want is None or side == want for side, want in zip(found, shape))
    if not fits or written != kind or fortran:
        order = " in Fortran order" if fortran else ""
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise Problem(path, f"an array of shape {list(found)} and type {written}{order}", f"[{wanted}] of type {kind}")
    start, bytes_of_all = stream.tell(), math.prod(found) * kind.itemsize
    if len(content) - start != bytes_of_all:
        raise Problem(path, f"{len(content) - start} bytes of values", f"{bytes_of_all} for the shape {list(found)}")
    values = np.frombuffer(content, kind, offset=start).reshape(found).astype(dtype)
    if not np.isfinite(values).all():
        raise Problem(path, "values that are NaN or infinite", "finite ones")
    return values
