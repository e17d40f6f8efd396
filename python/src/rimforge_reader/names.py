"""Names and paths out of files: none leads outside of the folder that it was read in.

The rule is the program's own (`src/name.rs`): a name has 1 to 200 bytes, is neither "." nor "..", and has no path
separator and no control character; a path has at most 8 such parts, each of up to 255 bytes, joined by "/".
"""

from __future__ import annotations

from pathlib import Path

from .problem import Problem, is_control, shortened

LONGEST_NAME = 200
_LONGEST_PART = 255
_DEEPEST = 8


def name(text: str, path: Path) -> str:
    """`text`, which `path` gives as a name.

    Raises:
        Problem: It cannot be the name of a file.
    """
    if fault := _fault(text, LONGEST_NAME):
        raise Problem(path, f'the name "{shortened(text)}" {fault}', "a name that can be a file's")
    return text


def inside(folder: Path, text: str, path: Path) -> Path:
    """The file in `folder` that `path` calls `text`.

    Raises:
        Problem: It would not lie in the folder.
    """
    parts = text.split("/")
    fault = f"has more than {_DEEPEST} parts" if len(parts) > _DEEPEST else None
    fault = fault or next((fault for part in parts if (fault := _fault(part, _LONGEST_PART))), None)
    if fault:
        raise Problem(path, f'the path "{shortened(text)}" {fault}', "a path that stays inside its folder")
    return folder.joinpath(*parts)


def _fault(text: str, longest: int) -> str | None:
    length = len(text.encode("utf-8", "surrogatepass"))
    if text == "":
        return "is empty"
    if text in (".", ".."):
        return "means a folder"
    if "/" in text or "\\" in text:
        return "has a path separator in it"
    if length > longest:
        return f"has {length} bytes; at most {longest} are possible"
    if any(is_control(letter) for letter in text):
        return "has a control character in it"
    return None
