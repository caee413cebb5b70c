# Each target makes what it needs; `make demo` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH ?= .torch
comma := ,
SOURCES := setup.cfg pyproject.toml gluonkit/_base/version.py

.PHONY: help demo test arm test-avx2 test-tools test-torch upstream fuzz check benchmarks peers zoo notebooks docs build clean

help:
	@echo "make demo        look into LeNet, train it on real digits, time it: a minute, once installed"
	@echo "make test        run all tests"
	@echo "make test-avx2   run those that touch oneDNN as on a processor without AVX-512"
	@echo "make test-tools  run the tests that need MLflow and Optuna (installs them, which is much)"
	@echo "make test-torch  have written models certified by PyTorch (installs its CPU build into .torch)"
	@echo "make upstream    run MXNet's own unit tests (MXNET=DIR, its source tree; [TESTS='test_metric.py ...'])"
	@echo "make arm         run tests on ARM, emulated (ARM=FOLDER [TESTS=...]; root, an hour)"
	@echo "make fuzz        draw networks and check all that is computed of them (SECONDS=600 [SEED=...])"
	@echo "make check       format and lint check (ruff), types (mypy, strict)"
	@echo "make benchmarks  measure the claims of benchmarks/README.md"
	@echo "make peers       predictions against PyTorch, JAX, OpenVINO, ONNX Runtime (long; installs them)"
	@echo "make zoo         try every model of MXNet's, GluonCV's and GluonNLP's zoos (hours)"
	@echo "make notebooks   open the notebooks in JupyterLab, with everything that they need"
	@echo "make docs        build the documentation into site/ (runs the notebooks that \`make test\` has not run)"
	@echo "make build       build the wheel and the source distribution into dist/ (DIST=...)"
	@echo "make clean       remove all that these have made"

# Both outputs together, so that each epoch is shown once, in a pipe too.
demo: .hello $(VENV)/.demo
	@$(call step,1. Is all in order on this machine?,doctor)
	@$(call step,2. What LeNet is made of,summary lenet)
	@$(call step,3. Is it still right when it is compiled?,check lenet)
	@$(call step,4. Train it on real handwritten digits,train lenet --data digits --save lenet.safetensors --plot lenet.png)
	@$(call step,5. How fast is it$(comma) before and after compiling?,bench lenet --seconds 0.5)
	@echo
	@echo "The trained network is in lenet.safetensors, a picture of its epochs in lenet.png."
	@echo "What to do next:"
	@printf '  %-46s %s\n' "$(BIN)/gluonkit evaluate lenet.safetensors" "on digits that it has not seen" \
	  "$(BIN)/gluonkit models" "400 networks by name" \
	  "$(BIN)/gluonkit notebooks learn" "lessons, for JupyterLab" \
	  "$(BIN)/gluonkit help" "all commands" \
	  "docs/tour.md" "the same from Python"

step = printf '\n%s\n$$ gluonkit %s\n\n' "$(1)" "$(2)" && $(BIN)/gluonkit $(2) 2>&1

.PHONY: .hello
.hello:
	@echo "gluonkit looks into LeNet, trains it on real handwritten digits, and times it."

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist worksteal -q

# As on a processor without AVX-512: what oneDNN computes there, and cannot.
test-avx2: $(VENV)/.test
	DNNL_MAX_CPU_ISA=AVX2 $(BIN)/python -m pytest -n auto --dist worksteal -q tests/test_step.py \
	  tests/test_backward.py tests/test_gradients.py tests/test_fit.py tests/test_compile.py \
	  tests/test_export.py tests/test_export_operators.py tests/test_check.py tests/test_battery.py \
	  tests/test_every_model.py tests/test_zoo_mxnet.py -k "not faults_that_are_put_back"

# Others' trackers and studies: skipped by `make test`, as MLflow brings more than all the rest.
test-tools: $(VENV)/.test $(VENV)/.tools
	$(BIN)/python -m pytest -q tests/test_mlflow.py tests/test_optuna.py

# Written models, run by PyTorch in an environment of its own, as `export_torch` does it.
test-torch: $(VENV)/.test $(TORCH)/.installed
	GLUONKIT_TORCH_PYTHON=$(CURDIR)/$(TORCH)/bin/python $(BIN)/python -m pytest -n auto --dist worksteal -q -m torch

# MXNet's source tree is the user's to bring; scipy is what some of its tests compare with.
upstream: $(VENV)/.test
	$(BIN)/python -m tests.upstream $(or $(MXNET),$(error name the unpacked source tree of MXNet 1.9.1: make upstream MXNET=DIR)) $(TESTS)

# Debian for arm64, run by QEMU; what was seen goes into FOLDER.md. docs/arm.md tells more.
arm:
	tools/arm.sh $(or $(ARM),$(error name a folder for the system: make arm ARM=DIR)) $(TESTS)

# Ends at the first find; GO_ON=1 lists all that are found.
SECONDS ?= 600
fuzz: $(VENV)/.test
	OMP_WAIT_POLICY=passive $(BIN)/python -m tests.battery.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) $(if $(GO_ON),--go-on)

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

benchmarks: $(VENV)/.test
	$(BIN)/python benchmarks/import_cost.py
	$(BIN)/python benchmarks/command.py
	$(BIN)/python benchmarks/threads.py
	$(BIN)/python benchmarks/busy.py
	$(BIN)/python benchmarks/inspection_cost.py
	$(BIN)/python benchmarks/loader.py
	$(BIN)/python benchmarks/records.py
	$(BIN)/python benchmarks/training.py --environments .peers
	$(BIN)/python benchmarks/epoch.py
	$(BIN)/python benchmarks/checkpoint.py
	$(BIN)/python benchmarks/compiled.py
	$(BIN)/python benchmarks/distributed.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/report.py

# BERT is GluonNLP's, SSD GluonCV's. It goes on where a run was ended.
peers: $(VENV)/.test $(VENV)/.zoos
	$(BIN)/python benchmarks/peers/run.py --environments .peers
	$(BIN)/python benchmarks/report.py

zoo: $(VENV)/.test $(VENV)/.zoos $(TORCH)/.installed
	$(BIN)/python benchmarks/zoo.py
	$(BIN)/python benchmarks/zoo_cost.py
	$(BIN)/python benchmarks/zoo_onnx.py
	GLUONKIT_TORCH_PYTHON=$(CURDIR)/$(TORCH)/bin/python $(BIN)/python benchmarks/zoo_torch.py
	$(BIN)/python -m pytest -q tests/test_zoo_mxnet.py tests/test_zoo_gluoncv.py tests/test_zoo_gluonnlp.py

notebooks: $(VENV)/.notebooks $(VENV)/.zoos
	$(BIN)/jupyter lab notebooks/01_first_network.ipynb

docs: $(VENV)/.docs $(VENV)/.zoos
	$(BIN)/mkdocs build --strict

DIST ?= dist
build: $(VENV)/.test
	$(BIN)/python -m build --outdir $(DIST) .

# What each target needs beyond gluonkit. Notebook 6 is about the zoos; GluonNLP is compiled when it is
# installed, which needs a C compiler.
$(VENV)/.demo: EXTRAS := data,plot
$(VENV)/.test: EXTRAS := test
$(VENV)/.notebooks: EXTRAS := notebooks
$(VENV)/.docs: EXTRAS := docs
$(VENV)/.zoos: EXTRAS := vision,nlp
$(VENV)/.tools: EXTRAS := mlflow,optuna

$(addprefix $(VENV)/,.demo .test .notebooks .docs .tools .zoos): $(VENV)/.python $(SOURCES)
	@echo "Installing gluonkit with its extras $(EXTRAS) into $(VENV); this takes a few minutes, once ..."
	@$(BIN)/python -m pip install -q -e ".[$(EXTRAS)]"
	@touch $@

# MXNet's metadata refuses NumPy 2, the only NumPy for Python 3.13 and later, so there pip must not look.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit("gluonkit needs Python 3.10 to 3.15; name one: make PYTHON=python3.12 ..." if not (3, 10) <= sys.version_info[:2] <= (3, 15) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || $(BIN)/python -m pip install -q --no-deps mxnet==1.9.1
	@touch $@

# The release that benchmarks/peers takes: later ones may bring gigabytes for GPUs along.
$(TORCH)/.installed: $(VENV)/.python
	$(BIN)/python -m venv $(TORCH)
	$(TORCH)/bin/python -m pip install -q torch==2.13.0 numpy safetensors
	touch $@

clean:
	rm -rf $(VENV) $(TORCH) .peers build dist site .notebooks *.egg-info
