#!/usr/bin/env bash
# Puts libtorch into .libtorch/ (pinned versions and hashes) and builds target/release/rimforge.
# A second run does nothing. CUDA=1 asks for the CUDA build of libtorch, CUDA=0 for the CPU build;
# without either, an NVIDIA GPU that answers decides.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=0
need() {  # need COMMAND WHY
  if ! command -v "$1" >/dev/null 2>&1; then
    echo "missing: $1 ($2)" >&2
    missing=1
  fi
}
need cargo "the Rust toolchain 1.95 or newer, by rustup"
need rustc "the Rust toolchain 1.95 or newer, by rustup"
need g++ "compiles the bridge to libtorch: apt-get install g++"
need make "runs these targets: apt-get install make"
need python3 "fetches libtorch with pip: apt-get install python3"
if command -v python3 >/dev/null 2>&1 && ! python3 -m pip --version >/dev/null 2>&1; then
  echo "missing: pip for python3 (fetches libtorch: apt-get install python3-pip)" >&2
  missing=1
fi
# "not run": libtorch is pinned for it, but nobody has built or run rimforge there yet.
case "$(uname -sm)" in
  "Linux x86_64") system= ;;
  "Linux aarch64") system=-linux-aarch64 ;;
  "Darwin arm64") system=-macos-arm64 ;;
  *)
    echo "unsupported: $(uname -sm) (libtorch is pinned for Linux x86_64, Linux aarch64 and macOS arm64)" >&2
    exit 4
    ;;
esac
if command -v rustc >/dev/null 2>&1; then
  version=$(rustc --version | awk '{print $2}')
  if [ "$(printf '%s\n1.95.0\n' "$version" | sort -V | head -n 1)" != "1.95.0" ]; then
    echo "too old: rustc $version (1.95 or newer: rustup update)" >&2
    missing=1
  fi
fi
[ "$missing" = 0 ] || exit 4

if [ -n "$system" ]; then
  echo "note: rimforge was not run on $(uname -sm) yet; tell how it went (CONTRIBUTING.md)" >&2
  if [ "${CUDA:-0}" = 1 ]; then
    echo "unsupported: the CUDA build of libtorch is pinned for Linux x86_64 only" >&2
    exit 4
  fi
  CUDA=0
fi
case "${CUDA:-auto}" in
  1) flavour=cuda ;;
  0) flavour=cpu ;;
  auto) if nvidia-smi -L 2>/dev/null | grep -q GPU; then flavour=cuda; else flavour=cpu; fi ;;
  *) echo "CUDA is 0, 1 or unset, not '${CUDA}'" >&2; exit 2 ;;
esac

pins="scripts/libtorch-$flavour$system.txt"
# Of macOS, shasum.
sha256=$(command -v sha256sum || echo "shasum -a 256")
stamp="$flavour $($sha256 <"$pins" | cut -d' ' -f1)"
if [ "$(cat .libtorch/stamp 2>/dev/null || true)" != "$stamp" ]; then
  echo "fetching libtorch ($flavour) into .libtorch/"
  rm -rf .libtorch.part
  # pip matches a wheel's platform tag exactly, so every glibc level that a wheel may be tagged with is named.
  platforms=()
  machine=$(uname -m | sed s/arm64/x86_64/)  # macOS: of NVIDIA's wheels only headers are used
  for level in $(seq 5 28); do platforms+=(--platform "manylinux_2_${level}_$machine"); done
  for name in manylinux1 manylinux2010 manylinux2014; do platforms+=(--platform "${name}_$machine"); done
  [ "$(uname -s)" = Linux ] || platforms+=(--platform macosx_11_0_arm64)
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 "${platforms[@]}" \
    --target .libtorch.part --requirement "$pins"
  if [ "$flavour" = cpu ]; then
    # 0.5 GB of CUDA kernels that nothing here can run; torch-sys would link against them.
    rm -f .libtorch.part/torch/lib/lib{torch_cuda,c10_cuda,torch_nvshmem,caffe2_nvrtc}*
  fi
  rm -f .libtorch.part/torch/lib/libtorch_python.so
  rm -rf .libtorch
  mv .libtorch.part .libtorch
  echo "$stamp" >.libtorch/stamp
fi

cargo build --release --locked
