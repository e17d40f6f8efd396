#!/usr/bin/env bash
# Makes the wheel of the program in target/wheels/ and looks at what it holds. Whose glibc is newer than 2.34 may need a
# symbol that older systems lack: then this says which, and nothing is left. `make_wheel.sh as-built` packs the program that
# `make setup` built, larger and in a minute, in target/wheels/as-built/: to try it, not to give it away.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() { echo "$1" >&2; exit 4; }
for tool in objdump readelf; do
  command -v "$tool" >/dev/null 2>&1 || fail "missing: $tool (looks into the program: apt-get install binutils)"
done

. scripts/pinned.sh
packages=target/python/maturin
fetch_pinned "$python" scripts/maturin.txt "$packages" || fail "pip could not fetch scripts/maturin.txt; no wheel was made"

wheels=target/wheels${1:+/$1}
made=target/wheels.part
rm -rf "$made" && mkdir -p "$made" "$wheels"
# In the environment of any other build, or all that was built is built again. Small code: what counts for speed is in
# libtorch and in C++, simulations apart. Only this crate, and what is never waited for, is compiled anew.
small=()
if [ "${1:-}" != as-built ]; then
  small=(--compression-level 9 --config 'profile.release.package.rimforge.codegen-units=1')
  for crate in rimforge libsqlite3-sys clap_builder clap_complete toml serde_json axum hyper tokio; do
    small+=(--config "profile.release.package.$crate.opt-level=\"s\"")
  done
fi
"$packages/bin/maturin" build --quiet --release --locked --out "$made" "${small[@]}"
wheel=$(echo "$made"/*.whl)
"$python" -m zipfile -e "$wheel" "$made/in"
program=$(echo "$made"/in/*.data/scripts/rimforge)

# 4.7 MB of it are the base networks of assets/.
[ "${1:-}" = as-built ] || [ "$(stat -c %s "$wheel")" -lt 15000000 ] || fail "$wheel has $(stat -c %s "$wheel") bytes: 15 MB at most"
case "$wheel" in
  *-py3-none-manylinux_2_34_x86_64.whl) ;;
  *) fail "$(basename "$wheel") is not tagged for any Python 3 and manylinux_2_34" ;;
esac
grep -qx 'Requires-Dist: torch *== *2\.11\..*' "$made"/in/*.dist-info/METADATA || fail "the wheel does not ask for torch 2.11: $(grep Requires-Dist "$made"/in/*.dist-info/METADATA)"
if readelf -S "$program" | grep -q '\.debug_info\|\.symtab'; then fail "the program was not stripped"; fi
found=$(find "$made/in" -name '*.so*')
[ -z "$found" ] || fail "the wheel holds libraries of its environment: $found"
[ -n "$(find "$made/in" -path '*.dist-info/sboms/*.json')" ] || fail "the wheel holds no list of what it is made of (SBOM)"
while read -r place; do
  case "$place" in
    "\$ORIGIN/"*) ;;
    *) fail "the program looks for libtorch in $place, which other machines do not have: build with libtorch in .libtorch (make setup)" ;;
  esac
done < <(readelf -d "$program" | sed -n 's/.*(RPATH).*\[\(.*\)\]/\1/p' | tr : '\n')
readelf -d "$program" | grep -q '(RPATH)' || fail "the program has no RPATH"
for limit in GLIBC_2.34 GLIBCXX_3.4.29; do
  most=$(objdump -T "$program" | grep -o "${limit%%_*}_[0-9.]*" | sort -uV | tail -n 1)
  [ "$(printf '%s\n%s\n' "$most" "$limit" | sort -V | tail -n 1)" = "$limit" ] ||
    fail "the program needs $most, manylinux_2_34 has $limit: $(objdump -T "$program" | grep -w "$most" | awk '{print $NF}' | tr '\n' ' ')(build on Debian 12 or older)"
done

rm -f "$wheels"/rimforge-*.whl
mv "$wheel" "$wheels/"
rm -rf "$made"
echo "$wheels/$(basename "$wheel")"
