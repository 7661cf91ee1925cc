# Everything a person or CI does with this project. `make run` is all that a stranger needs.

PYTHON_ENVIRONMENT := .venv
PYTHON := $(PYTHON_ENVIRONMENT)/bin/python
MODEL := models/SmolLM2-135M-Instruct
LARGE_MODEL := models/random-3gb
DIVISIBLE_MODEL := models/random-600mb
RELEASE := .build/release
# With no limit (Swift 6.2 knows none) all tests begin at once, and those that compute keep others off the processors until
# their time limits pass.
TEST_WIDTH = $(shell swift test --help-hidden | grep -o -m 1 -e '--experimental-maximum-parallelization-width')
SWIFT_TEST = swift test --skip-build $(addsuffix =8,$(TEST_WIDTH))

.PHONY: run setup build lint test test-fast test-real build-tests bench-cold-start bench-executor large-model \
	clean

## Sets up what is missing, serves worker-controller.yaml, asks the demo model a question, and serves on until Ctrl-C.
run: setup build
	@scripts/run-demo.sh $(RELEASE)/worker-controller

## The Python environment and the demo model.
setup:
	@scripts/system-packages.sh
	@Runtimes/vllm/setup.sh $(PYTHON_ENVIRONMENT)
	@$(PYTHON) -m worker_controller_vllm.demo_model $(MODEL)

## The release binary, .build/release/worker-controller.
build:
	swift build -c release --product worker-controller

lint: setup
	swift format lint --strict --recursive Package.swift Sources Tests Benchmarks
	$(PYTHON) -m ruff check Runtimes
	$(PYTHON) -m ruff format --check Runtimes

## All tests: those without Python first, then those with real vLLM.
test: lint test-fast test-real

build-tests:
	swift build --build-tests

test-fast: setup build-tests
	$(SWIFT_TEST) --skip RealRuntimeTests
	$(PYTHON) -m pytest Runtimes/vllm -q -m "not real"

test-real: setup build-tests
	$(PYTHON) -m pytest Runtimes/vllm -q -m real
	$(SWIFT_TEST) --no-parallel --filter RealRuntimeTests

## Time to the first token of a stock vLLM server and of ours, and what must not be worse; takes about 55 minutes and 3 GB
## of disk for a model with random weights.
bench-cold-start: setup large-model
	swift build -c release
	$(RELEASE)/cold-start-benchmark

## Leased workers against vLLM's own executors, their leases and what is left of them, with the same models; the longest part
## are 20,000 cycles of the simulated runtime.
bench-executor: setup large-model
	@$(PYTHON) -m worker_controller_vllm.random_model $(DIVISIBLE_MODEL) --gigabytes 0.6 --tokenizer $(MODEL)
	swift build -c release
	$(RELEASE)/executor-benchmark

large-model: setup
	@$(PYTHON) -m worker_controller_vllm.random_model $(LARGE_MODEL) --gigabytes 3 --tokenizer $(MODEL)

clean:
	rm -rf .build run
