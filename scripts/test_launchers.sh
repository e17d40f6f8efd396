#!/usr/bin/env bash
# mpiexec, Snakemake and, where it is installed, torchrun, GNU parallel too, start the program for real
# (python/requirements-launchers.txt, in an environment of their own: 170 MB).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
place=target/launchers
[ -x "$place/bin/python" ] || "$python" -m venv "$place"
"$place/bin/python" -m pip install --quiet --disable-pip-version-check --requirement python/requirements-launchers.txt
export PATH=$PWD/$place/bin:$PATH
cargo test --release --locked --test it -- --nocapture --test-threads 1 launchers:: the_template_for
