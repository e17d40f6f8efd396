#!/usr/bin/env bash
# Makes assets/base-fa.safetensors, a small StyleGAN2-ADA of axial maps of fractional anisotropy of healthy persons, trained on
# simulated persons of its own (seed 90210; no study uses it). Forty minutes on one core. Goes on where it was stopped.
# The bytes depend on device, threads and precision.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/base-fa}
rimforge=${RIMFORGE:-target/release/rimforge}
mkdir -p "$out" assets
"$rimforge" simulate diffusion --seed 90210 --healthy 48 --ms 2 --out "$out/maps"
"$rimforge" prepare --fa "$out/maps" --seed 90210 --test-fraction 0.04 --validation-fraction 0.04 --out "$out/data"
"$rimforge" train --net small --batch 32 --data "$out/data" --out "$out/gan" --base none --seed 90210 --kimg "${KIMG:-224}" \
  --threads 1 --set tick_kimg=4 --set frechet_ticks=3 --set checkpoint_ticks=3 --set preview_ticks=6
"${PYTHON:-python3}" scripts/pack_base.py "$out/gan/network-last.safetensors" assets/base-fa.safetensors
