"""Packs a network file for assets/: its float32 tensors are rounded to bfloat16 (to nearest, ties to even) and stored
byte by byte, NAME/high and NAME/low, all high bytes first, since those pack well and the others do not.
`src/train/packed.rs` reads it.

    python3 scripts/pack_base.py NETWORK.safetensors OUT.safetensors
"""

import array
import json
import os
import sys


def packed(data: bytes) -> tuple[bytes, bytes]:
    """High and low bytes of the bfloat16 of finite float32 (little-endian)."""
    numbers = array.array("I", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    halves = [(bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 for bits in numbers]
    return bytes(half >> 8 for half in halves), bytes(half & 0xFF for half in halves)


def main(source: str, target: str) -> None:
    with open(source, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    planes = []
    for name, tensor in sorted(header.items(), key=lambda entry: entry[1]["data_offsets"]):
        if tensor["dtype"] != "F32":
            sys.exit(f"{source}: {name} is {tensor['dtype']}, not F32")
        high, low = packed(data[slice(*tensor["data_offsets"])])
        planes += [(0, f"{name}/high", tensor["shape"], high), (1, f"{name}/low", tensor["shape"], low)]
    planes.sort(key=lambda plane: plane[0])
    said, at = {"__metadata__": metadata}, 0
    for _, name, shape, part in planes:
        said[name] = {"dtype": "U8", "shape": shape, "data_offsets": [at, at + len(part)]}
        at += len(part)
    text = json.dumps(said, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    unfinished = f"{target}.part"
    with open(unfinished, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(part for *_, part in planes))
    os.replace(unfinished, target)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
