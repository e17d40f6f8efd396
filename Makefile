# Everything below `setup` needs no environment variable.

.PHONY: setup demo test test-python test-python-torch test-python-sharing test-launchers test-wheel test-gpu wheel attack lint clean
.DEFAULT_GOAL := setup

STUDY ?= studies/demo.toml
PYTHON ?= python3
export PYTHON

setup:
	@scripts/setup.sh

demo: setup
	target/release/rimforge run $(STUDY)

# Cheapest checks first.
test: setup lint test-python test-wheel
	cargo test --release --locked

# The Python reader, on folders that the program makes.
test-python: setup
	@scripts/test_python.sh

# The same where PYTHON has torch, onnx, onnxscript and onnxruntime: fails if it has not.
test-python-torch: setup
	@scripts/test_python.sh torch

# The same where PYTHON has torch and python/requirements-sharing.txt: what `export` writes, read by whom it is for.
test-python-sharing: setup
	@scripts/test_python.sh sharing

# mpiexec, Snakemake, torchrun: what starts several processes elsewhere, for real.
test-launchers: setup
	@scripts/test_launchers.sh

# The program as a Python wheel, in target/wheels/ (docs/installing.md).
wheel: setup
	@scripts/make_wheel.sh

# The wheel in fresh environments; with torch fetched by pip: scripts/test_wheel.sh torch.
test-wheel: setup
	@scripts/test_wheel.sh

# On a machine with an NVIDIA GPU: the reference values there, by recorded steps too.
test-gpu: setup
	cargo test --release --locked --test it -- --ignored gpu

# Damaged inputs, kills, full disks: half an hour and more; figures in target/attack/figures.md.
attack: setup
	@scripts/attack.sh

lint:
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --check; else echo "skipped: rustfmt is not installed"; fi
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --release --locked --all-targets -- --deny warnings; \
	  else echo "skipped: clippy is not installed"; fi

clean:
	rm -rf target out
