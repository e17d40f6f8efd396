"""What is wrong with a file, in words for the person who has it."""

from __future__ import annotations

import os
import unicodedata

# What turns the reading direction or breaks a line, beside the control characters.
_TURNING = {0x200E, 0x200F, 0xFEFF, *range(0x2028, 0x202F), *range(0x2066, 0x206A)}


class Problem(ValueError):
    """A file that cannot be used as asked.

    Attributes:
        path: The file or folder.
        found: What was found in it.
        expected: What was expected instead; empty where that is plain.
        advice: What to do; empty where nothing is known.
    """

    def __init__(self, path: str | os.PathLike[str], found: str, expected: str = "", advice: str = "") -> None:
        super().__init__(str(path), found, expected, advice)
        self.path = str(path)
        self.found = found
        self.expected = expected
        self.advice = advice

    def __str__(self) -> str:
        expected = f"; expected {self.expected}" if self.expected else ""
        advice = f" ({self.advice})" if self.advice else ""
        return shown(f"{self.path}: {self.found}{expected}{advice}")


def is_control(letter: str) -> bool:
    """Whether a letter could move a terminal's cursor, colour it, or turn the reading direction, or is half of one."""
    return unicodedata.category(letter) in ("Cc", "Cs") or ord(letter) in _TURNING


def shown(text: str) -> str:
    """`text` with its control characters written out, as `\\u{1b}`."""
    return "".join(f"\\u{{{ord(letter):x}}}" if is_control(letter) else letter for letter in text)


def shortened(text: str) -> str:
    """The first 60 letters of a text, and dots where there are more."""
    return text if len(text) <= 60 else text[:60] + "..."
