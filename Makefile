MODEL ?= churn-sklearn
PORT ?= 9000
PYTHON ?= python3

PROJECTS := $(patsubst %/lambda_function.py,%,$(wildcard */lambda_function.py))
ifeq ($(filter $(MODEL),$(PROJECTS)),)
$(error MODEL=$(MODEL) is not a project folder: there are $(PROJECTS))
endif

VENV := .venv
LOCAL_AWS := .venv-local-aws
RUN := $(VENV)/bin/python
BUILD := $(MODEL)/build
TESTED := $(if $(filter file,$(origin MODEL)),$(PROJECTS),$(MODEL))
# `make push deploy` asks once: push for both.
ASKED := $(findstring push deploy,$(filter push deploy,$(MAKECMDGOALS)))
export BASE_IMAGE BUILD_FLAGS DOCKER RUNTIME
# ONNX Runtime would send usage data to Microsoft: docs/cold-starts.md.
export ORT_DISABLE_TELEMETRY ?= 1
.SILENT:
.DELETE_ON_ERROR:
.PHONY: help demo train export build run invoke-local local-aws local-aws-stop push deploy url invoke send logs score promote rollback destroy benchmark cold-starts test test-unit lint format clean FORCE

##@ learn
help: ## print these lines
	awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile
demo: $(BUILD)/model.onnx $(VENV)/run.stamp ## train, export, serve, invoke, stop: one command on a fresh machine
	$(RUN) scripts/demo.py $(MODEL) --port '$(PORT)'

##@ model: MODEL=folder, churn-sklearn if you name none
train: $(BUILD)/card.json ## data -> a model in the framework's own format (DATA=path or URL, ARGS="--seed 1")
export: $(BUILD)/model.onnx ## that model -> build/model.onnx, refused if its predictions differ

##@ image
build: $(BUILD)/model.onnx ## model.onnx -> a container image for Lambda (RUNTIME=python or c)
	$(RUN) scripts/build.py $(MODEL)
run: $(BUILD)/model.onnx $(VENV)/run.stamp ## serve it under the Runtime Interface Emulator until Ctrl-C (PORT=9000)
	$(RUN) scripts/run.py $(MODEL) --port '$(PORT)'
invoke-local: $(VENV)/run.stamp ## invoke with boto3 what `make run` serves (PORT=9000, EVENT=file)
	$(RUN) scripts/invoke.py '$(or $(EVENT),$(MODEL)/event.json)' --port '$(PORT)'

##@ AWS: with AWS_PROFILE and AWS_REGION, or on this machine from local-aws to local-aws-stop
local-aws: $(LOCAL_AWS)/local-aws.stamp ## start an AWS on this machine, to which all of these then go (AWS_PORT=4566)
	$(LOCAL_AWS)/bin/python scripts/local_aws.py start $(if $(AWS_PORT),--port $(AWS_PORT))
local-aws-stop: $(LOCAL_AWS)/local-aws.stamp ## stop it, and go to AWS again (FORGET=1: and delete its data)
	$(LOCAL_AWS)/bin/python scripts/local_aws.py $(if $(FORGET),forget,stop)
push: $(if $(IMAGE),,$(BUILD)/model.onnx) $(VENV)/run.stamp ## build the image and push it to ECR (IMAGE=name:tag: push that one, build nothing)
	$(RUN) scripts/push.py $(MODEL) $(if $(IMAGE),--image='$(IMAGE)') $(if $(ASKED),--deploy) $(if $(YES),--yes)
deploy: $(VENV)/run.stamp ## bring the stack up to function.toml and to the image that was pushed (CANARY=10: for 10% of the calls)
	$(RUN) scripts/deploy.py $(MODEL) $(if $(CANARY),--canary $(CANARY)) $(if $(ASKED),--asked) $(if $(YES),--yes)
url: $(VENV)/run.stamp ## the address of its HTTP API, or else of its function URL
	$(RUN) scripts/outputs.py $(MODEL)
invoke: $(VENV)/run.stamp ## invoke the deployed function with boto3 (EVENT=file)
	$(RUN) scripts/invoke.py '$(or $(EVENT),$(MODEL)/event.json)' --model $(MODEL)
send: $(VENV)/run.stamp ## send an event to a source and show the result (SOURCE=queue, bus, schedule, bucket or http; EVENT=file)
	$(RUN) scripts/send.py $(MODEL) '$(SOURCE)' $(if $(EVENT),--event '$(EVENT)')
logs: $(VENV)/run.stamp ## the function's log (SINCE=10m, FOLLOW=1)
	$(RUN) scripts/logs.py $(MODEL) $(if $(SINCE),--since $(SINCE)) $(if $(FOLLOW),--follow)
score: $(VENV)/run.stamp ## score a file of any size in S3 (INPUT=s3://…/customers.csv OUTPUT=s3://…/folder)
	$(RUN) scripts/score.py $(MODEL) "$(INPUT)" "$(OUTPUT)" $(ARGS)
promote: $(VENV)/run.stamp ## give the canary all calls
	$(RUN) scripts/live.py promote $(MODEL)
rollback: $(VENV)/run.stamp ## take the canary back, or go back to the version before
	$(RUN) scripts/live.py rollback $(MODEL)
destroy: $(VENV)/run.stamp ## delete all of it: stack, versions, images, logs, bucket (YES=1: do not ask)
	$(RUN) scripts/destroy.py $(MODEL) $(if $(YES),--yes)

##@ measure
benchmark: $(VENV)/run.stamp ## its image beside the framework's own, and the floor (ARGS="--starts 3" for fewer)
	$(MAKE) --no-print-directory -s export DATA= ARGS=
	$(RUN) scripts/benchmark.py $(MODEL) $(ARGS)
cold-starts: $(VENV)/run.stamp ## cold starts of the deployed function, from Lambda's REPORT lines (ARGS="--starts 3")
	$(RUN) scripts/cold_starts.py $(MODEL) $(ARGS)

##@ project
test: $(VENV)/dev.stamp $(VENV)/run.stamp ## all tests, or those of one MODEL
	for model in $(TESTED); do $(MAKE) --no-print-directory export MODEL=$$model || exit 1; done
	$(RUN) -m pytest $(TESTED:%=--model=%)
test-unit: $(VENV)/dev.stamp $(TESTED:%=$(VENV)/%-serving.stamp) ## the tests that need no framework and no Docker
	$(RUN) -m pytest -n 2 --dist worksteal tests/unit $(TESTED:%=--model=%)
lint: $(VENV)/dev.stamp $(VENV)/run.stamp ## ruff, mypy and cfn-lint
	$(RUN) -m ruff check && $(RUN) -m ruff format --check
	$(VENV)/bin/cfn-lint scripts/template.yaml
	$(RUN) -m mypy shared scripts tests
	for model in $(PROJECTS); do $(RUN) -m mypy $$model/*.py || exit 1; done
format: $(VENV)/dev.stamp ## put all files into ruff's format
	$(RUN) -m ruff check --fix --exit-zero --quiet && $(RUN) -m ruff format
clean: ## remove what these commands made: every build folder, .venv, caches, the local AWS
	! [ -e .local-aws/endpoint ] || $(MAKE) --no-print-directory local-aws-stop
	rm -rf $(VENV) $(LOCAL_AWS) .local-aws */build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A model that was trained with DATA or ARGS is trained with them again when its code has changed.
$(BUILD)/card.json: $(MODEL)/train.py $(MODEL)/requirements-train.txt $(if $(DATA)$(ARGS),FORCE) | $(VENV)/$(MODEL)-training.stamp
	mkdir -p $(BUILD)
	arguments="$(if $(DATA)$(ARGS),$(if $(DATA),--data '$(DATA)') $(ARGS),$$(cat $(BUILD)/arguments 2>/dev/null))"; \
	  eval "$(RUN) $(MODEL)/train.py $$arguments" && echo "$$arguments" >$(BUILD)/arguments
# The file named after the folder is missing in a copy of it, whose model must not keep the first folder's name.
$(BUILD)/model.onnx: $(BUILD)/card.json $(MODEL)/export_onnx.py $(BUILD)/$(MODEL).name
	$(RUN) $(MODEL)/export_onnx.py
$(BUILD)/$(MODEL).name:
	mkdir -p $(BUILD) && touch $@

# The virtual environment: one stamp for each set of packages in it.
INSTALL := $(PYTHON) scripts/install.py --venv $(VENV)
$(VENV)/%-training.stamp: %/requirements-train.txt %/requirements.txt scripts/install.py
	$(INSTALL) -r $< && touch $@
$(VENV)/%-serving.stamp: %/requirements.txt scripts/install.py
	$(INSTALL) -r $< && touch $@
$(LOCAL_AWS)/local-aws.stamp: pyproject.toml scripts/install.py
	$(PYTHON) scripts/install.py --venv $(LOCAL_AWS) --group local-aws && touch $@
$(VENV)/%.stamp: pyproject.toml scripts/install.py
	$(INSTALL) --group $* && touch $@
