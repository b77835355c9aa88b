# senet_lab: the table of contents. `make help` prints it.
#   PROTOCOL=  cifar10-short, cifar10, imagenet, ...; without it the paper's tables take synthetic images, and
#              gate-start, light, peak-rate and a table of your own their own recipe (hours)   SEEDS= how many, from 0
#   RESOLVE=   of plan-NAME: points to settle              HOURS=   of resolve-NAME: at most so long
#   PILOT=     of plan-NAME with RESOLVE: the table whose spread over seeds it plans with
#   ROW=       only this row and its baseline       RESULTS= another folder for records, beside the committed ones
#   DATA=      photos of your own: a folder with train/<class>/ and val/<class>/; those that figure5 and histograms show
#   DEVICE=    cpu, cuda or cuda:N; without it a GPU if there is one
#   DEVICES=   of a table: how many GPUs train each run together, for ImageNet
#   MINUTES=   of verify and verify-NAME: only a record that takes so long at most
#   SOURCE=    of figure5 and histograms: best (default), table7:r=16, timm:NAME, a .safetensors file

PYTHON ?= python3
VENV ?= .venv
# Only make's own words set these. A variable of the shell with such a name may be another program's.
$(foreach name,PROTOCOL SEEDS RESULTS ROW DATA DEVICE DEVICES SOURCE RESOLVE PILOT HOURS MINUTES,$(if $(filter environment,$(origin $(name))),\
  $(warning $(name)= of the shell does not count here: say make $(MAKECMDGOALS) $(name)=...)))
PROTOCOL =
SEEDS =
RESULTS =
ROW =
DATA =
DEVICE = auto
DEVICES =
SOURCE = best
RESOLVE =
PILOT =
HOURS =
MINUTES =

OLD := "make: $(PYTHON) is no Python from 3.11 on; name another with PYTHON="
# The list of tables needs no package: the environment's Python where there is one, else the system's.
HELPER = $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PLACE := $(if $(RESULTS),--results "$(RESULTS)")
SHOWN := $(if $(DATA),--data "$(DATA)")
UNDER := $(if $(PROTOCOL),--protocol "$(PROTOCOL)")
CHOICE := $(UNDER) $(if $(SEEDS),--seeds "$(SEEDS)") $(if $(ROW),--row "$(ROW)") $(SHOWN) $(PLACE)

# Words that belong to other commands are refused, not dropped.
ALONE = $(if $(DEVICES),$(error DEVICES= is for a table itself (make NAME DEVICES=8): $(1) trains each run on one device))
AGAIN = $(call ALONE,verify)$(if $(PROTOCOL),$(error verify draws among the records of all protocols; leave PROTOCOL= out, or name a key))$(if $(MINUTES),--minutes "$(MINUTES)") --device $(DEVICE) $(SHOWN) $(PLACE)

# An environment knows which checkout it was made for: another one's code would run here without a word.
SERVES := $(if $(wildcard $(STAMP)),$(shell cat "$(STAMP)"))
ifneq ($(SERVES),$(if $(SERVES),$(CURDIR)))
$(error $(VENV) serves the checkout $(SERVES), not this one; name another with VENV=, or remove it)
endif

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help install test test-all check lint list conform tables report html claims verify docs lock bench simulate figure5 histograms figures

help: ## print this
	@sed -n 's/^# *//p;/^PYTHON/q' Makefile
	@echo
	@awk -F ':.*## ' '/^[a-zA-Z0-9%-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile
	@echo
	@$(HELPER) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo $(OLD) >&2; exit 2; }
	@$(HELPER) -m senet_lab.cli.catalogue

install: $(STAMP) ## make the virtual environment

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo $(OLD) >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@echo '$(CURDIR)' > $(STAMP)

test: check ## lint, types, fast tests: what CI runs

lint: $(STAMP) ## lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint ## the same as test
	$(BIN)/pytest -q -n 2 --dist worksteal

test-all: $(STAMP) ## every test that this machine can run, the slow ones too
	$(BIN)/pytest -q -n 2 --dist worksteal -m ''

list: $(STAMP) ## every table and protocol by name
	@$(BIN)/senet-lab list

conform: $(STAMP) ## computed parameter and multiply-add counts against the published ones
	@$(BIN)/senet-lab conform

figure5: $(STAMP) ## class activations of the best recorded SE network here, or of a demonstration
	@$(BIN)/senet-lab excitations "$(SOURCE)" --figure activations --figure images --figure depth $(UNDER) $(SHOWN) $(PLACE) --device $(DEVICE)

histograms: $(STAMP) ## how the gates of that network are spread, by block and class
	@$(BIN)/senet-lab excitations "$(SOURCE)" --figure histograms $(UNDER) $(SHOWN) $(PLACE) --device $(DEVICE)

figures: $(STAMP) ## every figure of excitations, curves and cost, and the statements about depth, from files alone
	@$(BIN)/senet-lab figures $(PLACE)

tables: report figures ## every committed table and figure again, from records and files alone
report: $(STAMP) ## every committed table, its figures and the indexes again, from records alone
	@$(BIN)/senet-lab report-all $(PLACE)

html: $(STAMP) ## one page with everything, results/report.html: opens in a browser, without a network
	@$(BIN)/senet-lab html $(PLACE)

claims: $(STAMP) ## every claim of the paper, and this project's own question, with verdicts, from records alone
	@$(BIN)/senet-lab claims $(PLACE)

verify: $(STAMP) ## a recorded run again, drawn at random, and every bit compared
	@$(BIN)/senet-lab verify $(AGAIN)

docs: $(STAMP) ## the pages of docs/ and results/ as a site in site/; a warning is an error
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -c docs . site

lock: $(STAMP) ## requirements.lock again: what constraints.txt pins, and all that it needs, with hashes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --extra test --constraints constraints.txt --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --no-config --custom-compile-command "make lock" -o requirements.lock pyproject.toml

bench: $(STAMP) ## what training costs on this machine, in ratios from interleaved runs
	@$(BIN)/python -m benchmarks

simulate: $(STAMP) ## a thousand studies with a known truth: are intervals and verdicts right?
	@$(BIN)/python -m benchmarks.simulate_inference

plan-%: FORCE $(STAMP) ## what make NAME would train, and its cost
	@$(BIN)/senet-lab plan $* $(CHOICE) $(if $(RESOLVE),--resolve "$(RESOLVE)") $(if $(PILOT),--pilot "$(PILOT)")

resolve-%: FORCE $(STAMP) ## a table, seed by seed until its comparisons are settled, then printed
	@$(call ALONE,resolve)$(BIN)/senet-lab train $* $(CHOICE) --until-resolved $(if $(HOURS),--max-hours "$(HOURS)") --device $(DEVICE)
	@$(BIN)/senet-lab report $* $(PLACE)

verify-%: FORCE $(STAMP) ## the same for a table's record, or for that of a key
	@$(BIN)/senet-lab verify $* $(AGAIN)

Makefile pyproject.toml constraints.txt: ;

FORCE: ;

%: FORCE $(STAMP) ## a table by name or topic: train what is missing, then print it beside the published numbers
	@$(BIN)/senet-lab reproduce $@ $(CHOICE) --device $(DEVICE) $(if $(DEVICES),--devices "$(DEVICES)")
