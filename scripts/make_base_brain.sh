#!/usr/bin/env bash
# Makes assets/base-brain.safetensors, a small StyleGAN2-ADA of slices of three planes (T1 after contrast, FLAIR, labels)
# that is told plane, tumour and population, trained on simulated cases of its own (seed 90210; no study uses it). The one
# that is kept was trained on a GPU in bfloat16; on two cores it takes hours. Goes on where it was stopped. The bytes
# depend on device, threads and precision.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/base-brain}
rimforge=${RIMFORGE:-target/release/rimforge}
mkdir -p "$out" assets
"$rimforge" simulate brain --seed 90210 --africa 24 --others 36 --out "$out/brains"
"$rimforge" prepare --brats "$out/brains" --contrasts t1c,t2f,seg --side 32 --slice-step 2 --seed 90210 \
  --slice-classes plane-tumour-population --test-fraction 0.02 --validation-fraction 0.05 --out "$out/data"
"$rimforge" train --net small --batch 32 --seed 90210 --set symmetry=none --data "$out/data" --out "$out/gan" \
  --condition labels --kimg "${KIMG:-800}" --base none --set tick_kimg=8 --set frechet_ticks=5 --set checkpoint_ticks=10 \
  --set preview_ticks=10
cp "$out/gan/network-last.safetensors" assets/base-brain.safetensors
