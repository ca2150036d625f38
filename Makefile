# make lab | app | test | run | docs | bench: each sets up the environment in .venv first when that is needed.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := $(VENV)/.peers
SPHINX := $(VENV)/.docs
NOTEBOOK := notebooks/01_sinusoid.ipynb
RUNS := runs
# more arguments for benchmarks.speed, such as --only sinusoid --threads 1
BENCH_ARGS ?=
# for pytest; tests/conftest.py says how many workers there are, which tests share one, and which begin
TEST_ARGS ?= -n auto --durations 10
# more arguments for pip, for example an index with CPU builds of torch
PIP_ARGS ?=
# uv installs faster than pip where it is available; UV= chooses pip
UV ?= $(shell command -v uv 2>/dev/null)
# uv takes a package from the first index that has it; pip, as here, the best version of all indexes
INSTALL = $(if $(UV),$(UV) pip install --python $(BIN)/python --index-strategy unsafe-best-match,$(BIN)/python -m pip install --disable-pip-version-check) $(PIP_ARGS) -c constraints.txt
# JupyterLab refuses to run as root unless told otherwise; containers often do
LAB_ARGS ?= $(if $(filter 0,$(shell id -u)),--allow-root)

# the first Python that is new enough, unless the caller names one
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

export PYTHONUTF8 := 1
# torch's threads sleep while they wait for each other: those that spin take the cores from whoever
# else is at work, such as the browser, or the lab's own curves during training. In a benchmark
# nobody else is
lab app test run notebooks screenshot film: export OMP_WAIT_POLICY ?= PASSIVE

# kernels import what the lab needs before they take a request, not while a reader waits for it
lab: export PYTHONSTARTUP ?= $(CURDIR)/labkit/widgets/kernel_startup.py

# glibc gives large blocks back to the system at once, and the next meta-step waits for pages of zeros:
# a quarter of one with convolutions. Bytes: the largest block that is kept, and how much of all
lab app run bench: export MALLOC_MMAP_THRESHOLD_ ?= 33554432
lab app run bench: export MALLOC_TRIM_THRESHOLD_ ?= 1073741824

.PHONY: install lab app test lint run bench notebooks screenshot film docs docs-links clean js lint-js test-js
.DEFAULT_GOAL := lab

install: $(STAMP)

# recreate a .venv whose Python has gone
ifeq ($(wildcard $(STAMP)),$(STAMP))
ifneq ($(shell $(BIN)/python -c 'print("alive")' 2>/dev/null),alive)
.PHONY: $(STAMP)
endif
endif

$(STAMP): pyproject.toml constraints.txt jupyter/overrides.json jupyter/page_config.json jupyter/maml_lab.json
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "MAML Lab needs Python 3.11 or newer, and $(or $(PYTHON),python3) is not: install one and run make PYTHON=/path/to/python3 again." >&2; exit 1; fi
	@set -e; began=$$(date +%s); \
	say() { printf '\n[%s s] %s\n' $$(($$(date +%s) - began)) "$$1"; }; \
	say "1 of 3: creating $(VENV) with $$($(PYTHON) --version)"; \
	$(PYTHON) -m venv --clear $(VENV); \
	say "2 of 3: installing packages with $(if $(UV),uv,pip), which takes a few minutes the first time"; \
	$(INSTALL) -e '.[lab,app,search,gym,test]'; \
	say "3 of 3: copying the settings of JupyterLab and its server"; \
	mkdir -p $(VENV)/share/jupyter/lab/settings; \
	cp jupyter/overrides.json $(VENV)/share/jupyter/lab/settings/overrides.json; \
	mkdir -p $(VENV)/etc/jupyter/labconfig $(VENV)/etc/jupyter/jupyter_server_config.d; \
	cp jupyter/page_config.json $(VENV)/etc/jupyter/labconfig/page_config.json; \
	cp jupyter/maml_lab.json $(VENV)/etc/jupyter/jupyter_server_config.d/maml_lab.json; \
	say "$(VENV) is ready"
	@touch $@

# what matters is the address, which the server writes at any level: without other messages it stays
# in sight
lab: $(STAMP)
	@echo "JupyterLab opens $(NOTEBOOK); Ctrl-C ends it. If no browser opens, copy the address below into one."
	@$(BIN)/jupyter lab --Application.log_level=WARN --ServerApp.ip=127.0.0.1 --LabApp.default_url=/lab/tree/$(NOTEBOOK) $(LAB_ARGS)

# all settings of the application are in jupyter/voila.json
app: $(STAMP)
	$(BIN)/voila --Voila.ip=127.0.0.1 --Voila.config_file_paths=jupyter $(NOTEBOOK)

run: $(STAMP)
	@mkdir -p $(RUNS)
	$(BIN)/papermill $(NOTEBOOK) $(RUNS)/$(notdir $(NOTEBOOK))
	@$(BIN)/python -c 'import sys, labkit; print(labkit.read_result(sys.argv[1]).table(), "", "The executed notebook with its result: " + sys.argv[1], sep="\n")' $(RUNS)/$(notdir $(NOTEBOOK))

# everything: unit tests, doctests, notebooks, and the browser's where there is a Chromium
# byte-code is kept: the tests start many processes, and each would compile labkit again
test: export PYTHONDONTWRITEBYTECODE :=
test: $(STAMP)
	$(BIN)/python -m pytest $(TEST_ARGS) --nbval labkit tests notebooks

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m scripts.check_words

# Node is needed to change the front end, not to use the lab: where there is none its checks are left
# out, but in CI that is an error
NODE_MODULES := js/node_modules/.installed

ifneq ($(or $(shell command -v npm),$(CI)),)
lint: lint-js
test: test-js
endif

$(NODE_MODULES): js/package.json js/package-lock.json js/.npmrc
	cd js && npm ci
	touch $@

# builds what Python ships in labkit/widgets/static
js: $(NODE_MODULES)
	cd js && npm run build

lint-js: $(NODE_MODULES)
	cd js && npm run check

test-js: $(NODE_MODULES)
	cd js && npm test

# the libraries that speed is compared with are installed by the first make bench, not before
$(PEERS): $(STAMP)
	$(INSTALL) -e '.[bench]'
	touch $@

bench: $(PEERS)
	@mkdir -p $(RUNS)
	$(BIN)/python -m benchmarks.speed --out $(RUNS)/speed.json $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.speed_figure $(RUNS)/speed.json docs/speed.svg

notebooks: $(STAMP)
	$(BIN)/python -m tests.notebooks.refresh notebooks/*.ipynb

# the pictures of the README, in a real browser
screenshot: $(STAMP)
	$(BIN)/python -m tests.browser.screenshot docs/lab.png docs/lab_annotated.png

film: $(STAMP)
	$(BIN)/python -m tests.browser.film docs/lab.webp

$(SPHINX): $(STAMP)
	$(INSTALL) -e '.[docs]'
	touch $@

# the site, in docs/build/html: a link or an anchor inside it that leads nowhere is an error, as every
# warning is. INTERSPHINX=1 also links the names of other projects, which needs a network
docs: $(SPHINX)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/build/html
	@echo "The site: docs/build/html/index.html"

# the links that leave the site, which needs a network
docs-links: $(SPHINX)
	$(BIN)/python -m sphinx --keep-going -b linkcheck docs docs/build/links

clean:
	rm -rf $(VENV) $(RUNS) js/node_modules docs/build
