#!/usr/bin/env bash
# Makes a wheel of the program as it is built, installs it into fresh environments and runs it there. torch is .libtorch, put where
# pip would put it; with `test_wheel.sh torch` pip installs torch itself with all that it needs (4 GB). WHEEL=FILE takes one that is
# made already: `make attack` tries the one that is given away.
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

wheel=${WHEEL:-$PWD/$(scripts/make_wheel.sh as-built | tail -n 1)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "wheel: $1" >&2; exit 1; }
pip() { "$python" -m pip --python "$1" install --quiet --disable-pip-version-check --root-user-action=ignore "${@:2}"; }
doctor() { "$1" doctor --json >"$folder/doctor.json" || fail "$1 does not run"; }
# put_torch PACKAGES: libtorch where pip would have put it.
source=$PWD/.libtorch
put_torch() { for part in torch torch-2.11.0.dist-info nvidia; do ln -s "$source/$part" "$1/$part"; done; }
# ends CODE PROGRAM: what it says is in $folder/out.
ends() {
  local code=0
  "$2" doctor >"$folder/out" 2>&1 || code=$?
  [ "$code" = "$1" ] || fail "$2 ends with $code, not $1: $(cat "$folder/out")"
}
# says WORDS: in its first line.
says() { head -n 1 "$folder/out" | grep -q "$1" || fail "instead of \"$1\" it says: $(cat "$folder/out")"; }

"$python" -m venv --without-pip "$folder/venv"
packages=$(echo "$folder"/venv/lib/python3.*/site-packages)
if [ "${1:-}" = torch ]; then
  pip "$folder/venv/bin/python" "$wheel"
  source=$packages
else
  pip "$folder/venv/bin/python" --no-deps --no-index "$wheel"

  ends 127 "$folder/venv/bin/rimforge"
  says 'error while loading shared libraries: lib.*cannot open shared object file'
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
put_torch "$folder/target"
doctor "$folder/target/bin/rimforge"

# prefix NAME PACKAGES: what pip put there, laid out as a system has it, without torch.
prefix() { mkdir -p "$folder/$1/bin" "$folder/$1/$2" && cp "$folder/target/bin/rimforge" "$folder/$1/bin/"; }
# venv and pip --user; Red Hat's; Debian's own.
for place in lib/python3.12/site-packages lib64/python3.12/site-packages lib/python3.11/dist-packages lib64/python3.11/dist-packages; do
  prefix "$place" "$place"
  put_torch "$folder/$place/$place"
  doctor "$folder/$place/bin/rimforge"
done

# With another torch that has all it calls: libtorch itself, made to say 2.10 (mov rax, 2.11; ret).
libraries=lib/python3.11/site-packages/torch/lib
prefix another "$libraries"
cp -s "$source"/torch/lib/*.so* "$folder/another/$libraries/"
cp --remove-destination -L "$source/torch/lib/libtorch_cpu.so" "$folder/another/$libraries/"
ln -s "$source/nvidia" "$folder/another/$libraries/../../"
"$python" - "$folder/another/$libraries/libtorch_cpu.so" <<'END' || fail "libtorch does not say 2.11 as it did"
import mmap, sys
said = b"\x48\xb8\0\0\0\0\0\0\x0b\x02\xc3"
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
    at = data.find(said)
    assert at >= 0 and data.find(said, at + 1) < 0
    data[at + 8] = 10
END
ends 4 "$folder/another/bin/rimforge"
says "libtorch 2.10.0 is loaded; expected 2.11.0"

# With one that lacks what the program needs to begin, as 2.15 does: the system's loader speaks before the program can.
prefix lacking "$libraries"
for name in torch_cpu c10; do
  "${CXX:-g++}" -shared -x c++ /dev/null -o "$folder/lacking/$libraries/lib$name.so" -Wl,-soname,"lib$name.so"
done
ends 127 "$folder/lacking/bin/rimforge"
says "symbol lookup error: .*undefined symbol: "
[ "$(wc -l <"$folder/out")" = 1 ] || fail "with a torch that lacks something it says more than a line: $(cat "$folder/out")"

# It computes there, too.
"$folder/venv/bin/rimforge" bench train --net small --json >"$folder/bench.json" || fail "it does not train"
echo "the wheel runs in a fresh environment, by a link, from pip install --target and where systems put it; another torch is refused"
