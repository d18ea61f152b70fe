# Everything a developer does here. `make` lists it.
#
# A fresh machine needs Python >= 3.11 with headers, a C and a C++ compiler, make; the rest comes from PyPI into .venv.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
BUILD  := build

CORE     := $(shell find csrc pyx -name '*.[ch]' -o -name '*.cc' -o -name '*.pyx' -o -name '*.px[di]' -o -name '*.inc') csrc/sources.py
C_STYLED := $(shell find csrc pyx tests -name '*.[ch]' -o -name '*.cc')

# What the special builds run; each also takes PYTEST_ARGS.
ASAN_TESTS ?= tests/core tests/test_c_programs.py
TSAN_TESTS ?= tests/core tests/test_c_programs.py
TRAP_TESTS ?= tests/core tests/trap tests/test_c_programs.py
PYTEST_ARGS ?=
N ?= 10000
SEED ?= 1
# Side by side where they may, then alone: scripts/run_tests.py. JOBS=1 on a machine with little memory.
JOBS ?= $(shell nproc)
IN_PARTS = $(PY) scripts/run_tests.py --jobs $(JOBS)
SERVE_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: kill-runs help setup models lint test demo serve wheel peers peers-test asan tsan trap debug fuzz faults emulate bench clean distclean
.DELETE_ON_ERROR:

help: ## this list
	@echo "make <target>; each does its own set-up first"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

# ---- Set-up. Two stamps: what is installed follows pyproject.toml, what is compiled follows the sources (and is not
# compiled a second time by pip: hence RTAUDIO_ONLY=none).

INSTALLED := $(VENV)/.rtaudio-installed
COMPILED  := $(VENV)/.rtaudio-compiled

$(INSTALLED): pyproject.toml scripts/preflight.py
	@$(PYTHON) scripts/preflight.py
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	RTAUDIO_ONLY=none $(PY) -m pip install --quiet --disable-pip-version-check --editable ".[demo,test,dev]"
	@touch $@

$(COMPILED): $(INSTALLED) setup.py $(CORE)
	$(PY) setup.py --quiet build_ext --inplace
	$(PY) -m compileall -q python/rtaudio
	@touch $@

setup: $(COMPILED) ## .venv with rtaudio (editable), its extras and the tools
	@echo "ready: $(VENV)/bin/rtaudio, $(VENV)/bin/rtaudio-bench"

models: setup ## the models that turn detection needs, by pip, into the store (12 MB, once)
	$(VENV)/bin/rtaudio models install

# ---- Checks.

lint: setup ## ruff, mypy --strict, clang-format
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/clang-format --dry-run -Werror $(C_STYLED)

test: lint models ## lint, then all tests
	$(IN_PARTS) $(PYTEST_ARGS)

# ---- The special builds. Each lies in a folder of its own and is found by PYTHONPATH, so that the normal build stays
# as it is. HYPOTHESIS_PROFILE: fewer examples, because each costs ten times as much.

define build_kind
	RTAUDIO_BUILD=$(1) $(PY) setup.py --quiet build --build-lib $(BUILD)/$(1)/lib --build-temp $(BUILD)/$(1)/objects
endef

runtime = $(abspath $(shell $(or $(CC),cc) -print-file-name=$(1)))

asan: setup models ## tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(call build_kind,asan)
	LD_PRELOAD="$(call runtime,libasan.so) $(call runtime,libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1 \
	UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	PYTHONMALLOC=malloc RTAUDIO_BUILD=asan HYPOTHESIS_PROFILE=few PYTHONPATH=$(BUILD)/asan/lib \
	$(IN_PARTS) -p no:cacheprovider $(ASAN_TESTS) $(PYTEST_ARGS)

# setarch -R: the thread sanitizer of older compilers does not cope with much address randomisation.
tsan: setup models ## the lock-free parts under ThreadSanitizer
	$(call build_kind,tsan)
	LD_PRELOAD="$(call runtime,libtsan.so)" \
	TSAN_OPTIONS=halt_on_error=1:exitcode=66:second_deadlock_stack=1:suppressions=$(abspath tests/tsan.supp) \
	OPENBLAS_NUM_THREADS=1 RTAUDIO_BUILD=tsan HYPOTHESIS_PROFILE=few PYTHONPATH=$(BUILD)/tsan/lib \
	setarch -R $(IN_PARTS) -p no:cacheprovider $(TSAN_TESTS) $(PYTEST_ARGS)

trap: setup models ## tests in which an allocation or a lock on the audio path aborts
	$(call build_kind,trap)
	$(or $(CC),cc) -O1 -g -Wall -Wextra -fno-builtin -shared -fPIC -o $(BUILD)/trap/librtatrap.so csrc/trap/trap.c -ldl
	LD_PRELOAD=$(abspath $(BUILD)/trap/librtatrap.so) \
	RTAUDIO_BUILD=trap HYPOTHESIS_PROFILE=few PYTHONPATH=$(BUILD)/trap/lib \
	$(IN_PARTS) -p no:cacheprovider $(TRAP_TESTS) $(PYTEST_ARGS)

debug: setup ## an -O0 -g build beside the normal one; prints how to use it
	$(call build_kind,debug)
	@echo "use it: PYTHONPATH=$(abspath $(BUILD)/debug/lib) gdb --args $(PY) ..."

# Each tests/c/*_fuzz.c for FUZZ_S seconds (hours: FUZZ_S=7200) under address and undefined-behaviour sanitizers, then each
# target of tests/fuzz/targets.py; says how many inputs it tried. Another FUZZ_SEED tries others.
FUZZ_S    ?= 60
FUZZ_SEED ?= 1
FUZZERS   := $(wildcard tests/c/*_fuzz.c)

$(BUILD)/fuzz/%: tests/c/%.c tests/c/fuzz.h tests/c/check.h $(CORE)
	@mkdir -p $(@D)
	$(or $(CC),cc) -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -ffp-contract=off \
		-Icsrc -Itests/c $< $$($(PYTHON) csrc/sources.py $<) -o $@ -lm

fuzz: setup $(FUZZERS:tests/c/%.c=$(BUILD)/fuzz/%) ## what comes from a network or a file, damaged in every way: a minute each
	for program in $(FUZZERS:tests/c/%.c=$(BUILD)/fuzz/%); do $$program $(FUZZ_S) $(FUZZ_SEED) || exit 1; done
	$(PY) -m tests.fuzz --seconds $(FUZZ_S) --seed $(FUZZ_SEED)

faults: setup ## N random schedules of a session with faults from seed SEED, on virtual time: the laws, and nothing left
	$(PY) -m tests.faults --schedules $(N) --seed $(SEED)

kill-runs: setup ## N conversations (500), killed at random moments and taken up again: nothing lost, nothing done twice
	KILL_RUNS=$(or $(N),500) KILL_SEED=$(or $(SEED),1) $(PY) -m pytest tests/voice/test_checkpoints.py -q -k random --timeout 0

emulate: ## the VAD kernel's AVX-512 on a machine without: in an emulator, 3 to 10 minutes (scripts/avx512_in_bochs.py)
	$(PYTHON) scripts/avx512_in_bochs.py

# ---- Things to run and to hand out.

demo: setup ## a whole conversation in real time: no sound card, key or network
	$(VENV)/bin/rtaudio demo

serve: setup ## the agent in your browser, at http://127.0.0.1:8080/, offline; Ctrl-C ends it
	$(VENV)/bin/rtaudio serve $(SERVE_ARGS)

bench: setup models ## the figures of docs/benchmarks.md
	$(PY) -m pytest bench --benchmark-only --benchmark-columns=min,median,iqr $(PYTEST_ARGS)
	$(VENV)/bin/rtaudio-bench core --json

wheel: setup ## dist/*.whl, installed into an empty environment and tried there
	rm -rf dist $(BUILD)/wheel
	$(PY) -m build --wheel
	$(PYTHON) -m venv $(BUILD)/wheel/venv
	$(BUILD)/wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	cd $(BUILD)/wheel && venv/bin/python -I $(abspath tests/smoke/smoke_wheel.py)

# ---- Other people's frameworks, each in an environment of its own, with this working copy of rtaudio beside it.

PEERS := livekit pipecat

$(BUILD)/peers/%/.ready: bench/peers/%.txt scripts/peers.py | $(COMPILED)
	$(PY) scripts/peers.py $*
	@touch $@

peers: $(PEERS:%=$(BUILD)/peers/%/.ready) ## LiveKit Agents and Pipecat in build/peers: about 1 GB
	@echo "ready: $(PEERS:%=$(BUILD)/peers/%/bin/python)"

peers-test: peers ## our plug-ins inside them: a few minutes, on the wall clock
	for peer in $(PEERS); do \
		RTAUDIO_MODELS=$(abspath $(BUILD)/peers/models) $(BUILD)/peers/$$peer/bin/python -m pytest -p no:cacheprovider tests/peers/test_$${peer}_*.py \
			"tests/test_docs.py::test_a_python_block_runs" -k "not test_docs or plugins" $(PYTEST_ARGS) \
		&& $(PY) scripts/peers.py --types $$peer || exit 1; \
	done

clean: ## what was built, but not .venv
	rm -rf $(BUILD) dist demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find python -name '*.so' -delete
	find python tests bench -name __pycache__ -type d -exec rm -rf {} +
	rm -f $(COMPILED)

distclean: clean ## .venv too
	rm -rf $(VENV) python/*.egg-info
