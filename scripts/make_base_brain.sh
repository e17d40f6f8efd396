#!/usr/bin/env bash
# Makes assets/base-brain.safetensors, a small StyleGAN2-ADA of slices of three planes (T1 after contrast, FLAIR, labels)
# that is told plane, tumour and population, trained on simulated cases of its own (seed 90210; no study uses it): first
# with StyleGAN2's loss, in which each class with tumour came to show one tumour, then with the relativistic one, in which
# they came apart again. The first part of what is kept took three minutes on a GPU in bfloat16, the second twenty minutes on
# one core. Goes on where it was stopped. The bytes depend on device, threads and precision.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/base-brain}
rimforge=${RIMFORGE:-target/release/rimforge}
mkdir -p "$out" assets
"$rimforge" simulate brain --seed 90210 --africa 24 --others 36 --out "$out/brains"
"$rimforge" prepare --brats "$out/brains" --contrasts t1c,t2f,seg --side 32 --slice-step 2 --seed 90210 \
  --slice-classes plane-tumour-population --test-fraction 0.02 --validation-fraction 0.05 --out "$out/data"
train() { "$rimforge" train --net small --batch 32 --data "$out/data" --condition labels --set symmetry=none "$@"; }
train --out "$out/gan" --base none --seed 90210 --kimg 496 --set tick_kimg=8 --set frechet_ticks=5 --set checkpoint_ticks=10 \
  --set preview_ticks=20
train --out "$out/gan-relativistic" --base "$out/gan/network-last.safetensors" --seed 5 --kimg "${KIMG:-150}" --threads 1 \
  --set tick_kimg=2 --set frechet_ticks=5 --set preview_ticks=0 --set objective.loss=relativistic --set objective.r2=true \
  --set r1_gamma=0.1
"${PYTHON:-python3}" scripts/pack_base.py "$out/gan-relativistic/network-last.safetensors" assets/base-brain.safetensors
