"""`python -m rimforge_reader export --onnx NETWORK OUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from . import Problem, __version__, describe_network, export_onnx


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0 where it is done, 3 where an input cannot be used, 4 where a package is missing (the program's
    own codes), 2 for usage."""
    parser = argparse.ArgumentParser(prog="rimforge-reader", description="Reads what rimforge writes.")
    parser.add_argument("--version", action="version", version=f"rimforge-reader {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="a network in another format, with a batch of any size")
    export.add_argument("--onnx", action="store_true", required=True, help="as ONNX (needs torch, onnx, onnxscript)")
    export.add_argument("network", metavar="NETWORK", help="network file, or the folder of a training run or an import")
    export.add_argument("out", metavar="OUT", help="file to write; nothing may be there yet")
    asked = parser.parse_args(arguments)
    try:
        sizes = describe_network(asked.network).sizes
        written = export_onnx(asked.network, asked.out)
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 3
    except ImportError as error:
        print(f"error: {error}; install rimforge-reader[onnx]", file=sys.stderr)
        return 4
    space = " x ".join([str(sizes.resolution)] * sizes.dimensions)
    print(f"{written}: z [batch, {sizes.z_dim}] -> image [batch, {sizes.channels}, {space}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
