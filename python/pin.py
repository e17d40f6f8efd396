"""Writes requirements-test.txt: what the tests need, at the newest versions, with the hashes of wheels (Linux, x86-64).

python -m pip install uv && python pin.py
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

NEEDED = ["matplotlib", "mypy", "numpy", "pandas", "pytest", "setuptools"]
VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
PLATFORMS = [f"manylinux_2_{level}_x86_64" for level in range(5, 29)] + ["manylinux2014_x86_64", "linux_x86_64"]


def run(*words: str, given: str = "") -> str:
    return subprocess.run(
        [sys.executable, "-m", *words], input=given, capture_output=True, text=True, check=True
    ).stdout


def wheels(version: str) -> dict[str, str]:
    """ "name==version" of each wheel that a version of Python needs, with its hash."""
    platform = ["--python-version", version, "--python-platform", "x86_64-manylinux_2_28"]
    pins = run(
        "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", *platform, "-", given="\n".join(NEEDED)
    )
    tags = [word for tag in PLATFORMS for word in ("--platform", tag)]
    words = [
        "--dry-run",
        "--report",
        "-",
        "--no-deps",
        "--ignore-installed",
        "--ignore-requires-python",
        "--target",
        "unused",
        "--only-binary=:all:",
    ]
    report = run("pip", "install", "--quiet", *words, "--python-version", version, *tags, *pins.split())
    return {
        f"{one['metadata']['name'].lower()}=={one['metadata']['version']}": one["download_info"]["archive_info"][
            "hashes"
        ]["sha256"]
        for one in json.loads(report)["install"]
    }


found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
for version in VERSIONS:
    for pin, sha256 in wheels(version).items():
        found[pin][sha256].add(version)
lines = [f"# Made by python/pin.py: wheels for Python {VERSIONS[0]} to {VERSIONS[-1]} on Linux, x86-64."]
for pin, hashes in sorted(found.items()):
    of = sorted(set().union(*hashes.values()), key=VERSIONS.index)
    marker = "" if of == VERSIONS else " ; " + " or ".join(f'python_version == "{version}"' for version in of)
    lines.append(" \\\n    ".join([pin + marker, *(f"--hash=sha256:{sha256}" for sha256 in sorted(hashes))]))
(Path(__file__).parent / "requirements-test.txt").write_text("\n".join(lines) + "\n")
