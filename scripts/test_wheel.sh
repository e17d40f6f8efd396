#!/usr/bin/env bash
# Makes the wheel, installs it into fresh environments and runs it there. torch is .libtorch, put where pip would put it; with
# `test_wheel.sh torch` pip installs torch itself with all that it needs (4 GB).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
# Newer systems than Debian 12 build programs that older ones cannot start.
if [ "$(uname -sm)" != "Linux x86_64" ] || [ "$(printf '%s\n2.36\n' "$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)" | sort -V | tail -n 1)" != 2.36 ]; then
  echo "skipped: wheels are made on Linux x86-64 with glibc 2.36 or older (Debian 12), this is $(uname -sm), $(getconf GNU_LIBC_VERSION || true)"
  exit 0
fi
# None of the environment's own, so that the wheel finds its torch by itself.
unset LD_LIBRARY_PATH

wheel=$PWD/$(scripts/make_wheel.sh | tail -n 1)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "wheel: $1" >&2; exit 1; }
pip() { "$python" -m pip --python "$1" install --quiet --disable-pip-version-check --root-user-action=ignore "${@:2}"; }
doctor() { "$1" doctor --json >"$folder/doctor.json" || fail "$1 does not run"; }
# put_torch PACKAGES: libtorch where pip would have put it.
put_torch() { for part in torch torch-2.11.0.dist-info nvidia; do ln -s "$PWD/.libtorch/$part" "$1/$part"; done; }

"$python" -m venv --without-pip "$folder/venv"
packages=$(echo "$folder"/venv/lib/python3.*/site-packages)
if [ "${1:-}" = torch ]; then
  pip "$folder/venv/bin/python" "$wheel"
else
  pip "$folder/venv/bin/python" --no-deps --no-index "$wheel"

  code=0
  "$folder/venv/bin/rimforge" doctor >"$folder/out" 2>&1 || code=$?
  [ "$code" = 127 ] || fail "without torch it ends with $code: $(cat "$folder/out")"
  grep -q 'error while loading shared libraries: lib.*cannot open shared object file' "$folder/out" || fail "without torch it says: $(cat "$folder/out")"
  [ "$(wc -l <"$folder/out")" = 1 ] || fail "without torch it says more than a line: $(cat "$folder/out")"

  put_torch "$packages"
fi
doctor "$folder/venv/bin/rimforge"
grep -q "\"libtorch_folder\": \"$(readlink -f "$packages/torch/lib")\"" "$folder/doctor.json" || fail "libtorch is another than the environment's: $(cat "$folder/doctor.json")"
[ "$("$folder/venv/bin/rimforge" --version)" = "rimforge $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ] || fail "another version"

# By a link from elsewhere, as clusters have them.
mkdir "$folder/bin" && ln -s "$folder/venv/bin/rimforge" "$folder/bin/rimforge"
doctor "$folder/bin/rimforge"

# Where the environment names another libc10 (a module's torch): not looked at.
mkdir "$folder/module" && echo "not a library" >"$folder/module/libc10.so" && cp "$folder/module/libc10.so" "$folder/module/libtorch_cpu.so"
LD_LIBRARY_PATH=$folder/module doctor "$folder/venv/bin/rimforge"

# pip install --target
"$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --no-index --target "$folder/target" "$wheel"
if [ "${1:-}" = torch ]; then ln -s "$packages"/{torch,nvidia} "$folder/target/"; else put_torch "$folder/target"; fi
doctor "$folder/target/bin/rimforge"

# It computes there, too.
"$folder/venv/bin/rimforge" bench train --net small --json >"$folder/bench.json" || fail "it does not train"
echo "the wheel runs in a fresh environment, by a link, from pip install --target, and beside another libc10"
