#!/usr/bin/env bash
# Makes assets/base-skin.safetensors, a small StyleGAN2-ADA of dermoscopy that is told the seven classes of HAM10000, trained
# on simulated photographs of its own (seed 90210; no study uses it). Some 50 images a second on one core; goes on where it
# was stopped. One thread and float32, because the bytes of the result depend on both.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-out/base-skin}
rimforge=target/release/rimforge
mkdir -p "$out" assets
"$rimforge" simulate skin --seed 90210 --lesions 5000 --least 300 --out "$out/images"
"$rimforge" prepare --ham10000 "$out/images" --seed 90210 --test-fraction 0.02 --validation-fraction 0.02 --out "$out/data"
"$rimforge" train --net small --batch 16 --threads 1 --seed 90210 --set symmetry=dihedral --set precision=float32 \
  --data "$out/data" --out "$out/gan" --condition labels --kimg "${KIMG:-162}" --base none --set frechet_ticks=12
"${PYTHON:-python3}" scripts/pack_base.py "$out/gan/network-last.safetensors" assets/base-skin.safetensors
