# Everything below `setup` needs no environment variable.

.PHONY: setup demo test lint clean
.DEFAULT_GOAL := setup

STUDY ?= studies/demo.toml

setup:
	@scripts/setup.sh

demo: setup
	target/release/rimforge run $(STUDY)

# Cheapest checks first.
test: setup lint
	cargo test --release --locked

lint:
	@if cargo fmt --version >/dev/null 2>&1; then cargo fmt --check; else echo "skipped: rustfmt is not installed"; fi
	@if cargo clippy --version >/dev/null 2>&1; then cargo clippy --release --locked --all-targets -- --deny warnings; \
	  else echo "skipped: clippy is not installed"; fi

clean:
	rm -rf target out
