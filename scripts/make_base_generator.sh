#!/usr/bin/env bash
# Makes assets/base-generator.safetensors, a small StyleGAN2-ADA trained on the agreed rims of a simulated cohort of its own
# (seed 90210; no study uses it), and from it assets/base-multi-contrast.safetensors, which draws QSM, rim map and FLAIR
# together. About 30 and 22 images a second on one core; goes on where it was stopped.
# One thread and float32, because the bytes of the result depend on both; batches of 16, because from random weights rims
# come with steps more than with images. The committed files saw the same cohort with slightly lighter cores.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/base-generator}
rimforge=target/release/rimforge
prepare=(--cohort "$out/cohort" --seed 90210 --test-fraction 0.05 --validation-fraction 0.05)
train=(--net small --batch 16 --threads 1 --seed 90210 --set symmetry=dihedral --set precision=float32)
mkdir -p "$out" assets
"$rimforge" simulate --preset demo --seed 90210 --patients 130 --prevalence 0.45 --out "$out/cohort"

"$rimforge" prepare "${prepare[@]}" --out "$out/data"
"$rimforge" train "${train[@]}" --data "$out/data" --out "$out/gan" --kimg "${KIMG:-100}" --base none --set frechet_ticks=12
"${PYTHON:-python3}" scripts/pack_base.py "$out/gan/network-last.safetensors" assets/base-generator.safetensors

"$rimforge" prepare "${prepare[@]}" --out "$out/data-multi-contrast" --contrasts chimap,rim,flair
"$rimforge" train "${train[@]}" --data "$out/data-multi-contrast" --out "$out/gan-multi-contrast" \
  --kimg "${MULTI_KIMG:-60}" --base "$out/gan/network-last.safetensors" --set frechet_ticks=4 --set preview_ticks=4 \
  --set ada.initial_p=0.2
"${PYTHON:-python3}" scripts/pack_base.py "$out/gan-multi-contrast/network-last.safetensors" assets/base-multi-contrast.safetensors
