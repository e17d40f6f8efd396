#!/usr/bin/env bash
# Tests the Python reader: test_python.sh [torch|sharing]. With "torch" what needs torch and ONNX must run, too
# (python/requirements-torch.txt), with "sharing" what reads exports back (python/requirements-sharing.txt), and PYTHON (python3
# unless told) has to have them; nothing of theirs is fetched here, as they take gigabytes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() { echo "$1" >&2; exit 4; }
command -v "$python" >/dev/null 2>&1 || fail "missing: $python (runs the tests of the Python reader: apt-get install python3)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  fail "too old: $("$python" --version) (the Python reader is for 3.10 and later; name another: make test PYTHON=python3.12)"
"$python" -m pip --version >/dev/null 2>&1 ||
  fail "missing: pip for $python (fetches what the tests of the Python reader need: apt-get install python3-pip)"

# Beside each other for each Python, as compiled packages are of one.
. scripts/pinned.sh
pins=python/requirements-test.txt
packages=target/python/$("$python" -c 'import sys; print("%s-%d.%d" % (sys.implementation.name, *sys.version_info[:2]))')
fetch_pinned "$python" "$pins" "$packages" || fail "pip could not fetch $pins; the Python reader was not tested"

export PYTHONPATH=$PWD/$packages PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1
# Of many small products threads make a queue.
export OPENBLAS_NUM_THREADS=1
if [ "${1:-}" = torch ]; then
  export RIMFORGE_NEEDS="torch onnx"
elif [ "${1:-}" = sharing ]; then
  export RIMFORGE_NEEDS="monai nnunet bids croissant hub"
fi

# As a user installs it, beside numpy and nothing else. From a copy, as setuptools builds where the sources are, and with the
# setuptools that is here instead of one that pip would fetch.
(
  made=$(mktemp -d)
  trap 'rm -rf "$made"' EXIT
  cp -r python "$made/source"
  "$python" -m venv --without-pip "$made/venv"
  site=$(echo "$made"/venv/lib/python3.*/site-packages)
  ln -s "$PWD/$packages"/numpy* "$site/"
  "$python" -m pip --python "$made/venv/bin/python" install --quiet --disable-pip-version-check --root-user-action=ignore \
    --no-index --no-build-isolation "$made/source"
  for file in py.typed $(cd python/src/rimforge_reader && echo *.py); do
    [ -f "$site/rimforge_reader/$file" ] || { echo "pip install ./python leaves out $file" >&2; exit 1; }
  done
  cd "$made"
  unset PYTHONPATH
  venv/bin/rimforge-reader --version
  venv/bin/python -c 'import sys, rimforge_reader as reader
assert reader.__file__.startswith(sys.prefix), reader.__file__
assert reader.latents([0], 8).shape == (1, 8) and "torch" not in sys.modules'
)

cd python
"$python" -m mypy --cache-dir ../target/python/mypy
exec "$python" -m pytest -p no:cacheprovider
