MODEL ?= churn-sklearn
PORT ?= 9000
PYTHON ?= python3

override MODEL := $(patsubst %/,%,$(MODEL))
PROJECTS := $(patsubst %/lambda_function.py,%,$(wildcard */lambda_function.py))
ifeq ($(filter $(MODEL),$(PROJECTS)),)
$(error MODEL=$(MODEL) is not a project folder; choose one of $(PROJECTS))
endif

# The variables that the command line may set. Any other is a mistake, such as model= for MODEL=.
SETTINGS := MODEL PORT PYTHON ONNX_API DOCKER BASE_IMAGE BUILD_FLAGS DATA ARGS NAME FROM DIR EVENT SOURCE INPUT OUTPUT SINCE CANARY IMAGE AWS_PORT REQUESTS TRAFFIC LATENCY
SWITCHES := FORCE RESET YES FORGET FOLLOW ALL
GIVEN := $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name)))
UNKNOWN := $(filter-out $(SETTINGS) $(SWITCHES) AWS_% LOCAL_AWS_% ORT_% MAKE% -%,$(GIVEN))
$(if $(UNKNOWN),$(error $(UNKNOWN) is not a variable of this Makefile; use $(SETTINGS) or, with the value 1, $(SWITCHES)))

# $(call option,EVENT,--event) gives --event='…' if EVENT is set, $(call switch,YES,--yes) gives --yes if YES=1.
quoted = '$(subst ','\'',$($1))'
option = $(if $($1),$2=$(quoted))
YESES := 1 y yes on true
NOES := 0 n no off false
switch = $(if $(filter-out $(YESES) $(NOES),$($1)),$(error $1=$($1) is neither 1 nor 0; write $1=1 or leave it out),$(if $(filter $(YESES),$($1)),$2))

INSTALL := $(PYTHON) scripts/install.py
RUN := .venv/$(MODEL)/bin/python
LINT := .venv/lint/bin/python
LOCAL_AWS := .venv/local-aws/bin/python scripts/aws/local_aws.py
# `make push deploy` and `make push publish` ask for consent once: push asks for both.
ASKED := $(or $(findstring push deploy,$(filter push deploy,$(MAKECMDGOALS))),$(findstring push publish,$(filter push publish,$(MAKECMDGOALS))))
REQUEST = $(if $(EVENT),$(call quoted,EVENT),$(MODEL)/event.json)
ORIGINAL = $(or $(FROM),$(MODEL))
AGAIN = $(call switch,FORCE,--force) $(call switch,RESET,--reset)
export BASE_IMAGE BUILD_FLAGS DOCKER ONNX_API
# With it, each command compiles all packages that it imports: 7 s instead of 2 s for Keras.
unexport PYTHONDONTWRITEBYTECODE
# Without it, ONNX Runtime sends usage data to Microsoft: docs/cold-starts.md.
export ORT_DISABLE_TELEMETRY ?= 1
.SILENT:
.PHONY: help demo new eject train export build run invoke-local local-aws local-aws-stop push deploy publish url invoke send logs score promote rollback destroy benchmark cold-starts cost prices test test-all test-recipes test-unit lint format lock clean

##@ learn
help: ## print this list
	awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile
demo: model ## train, export, serve and invoke a model, then stop: one command on a fresh machine
	$(RUN) scripts/local/demo.py $(MODEL) $(call option,PORT,--port)

##@ model: MODEL=folder, by default churn-sklearn
new: packages ## copy a project folder as the start of a new project (NAME=folder, FROM=folder)
	$(RUN) scripts/new.py $(call quoted,ORIGINAL) $(call quoted,NAME)
eject: packages ## write a project into a folder of its own, as a repository without the others (DIR=folder)
	$(RUN) scripts/eject.py $(MODEL) $(call quoted,DIR)
train: packages ## train a model in its framework (DATA=path or URL, ARGS="--seed 1", FORCE=1, RESET=1)
	$(RUN) scripts/model.py train $(MODEL) $(call option,DATA,--data) $(call option,ARGS,--arguments) $(AGAIN)
export: packages $(filter train,$(MAKECMDGOALS)) ## export the model to build/model.onnx; fails if its predictions differ (ARGS=--int8, FORCE=1, RESET=1)
	$(RUN) scripts/model.py export $(MODEL) $(if $(filter train,$^),,$(call option,DATA,--data) $(call option,ARGS,--arguments)) $(AGAIN)

##@ image
build: model ## build the container image for Lambda (ONNX_API=python or c)
	$(RUN) scripts/local/build.py $(MODEL)
run: model ## serve the function under the Runtime Interface Emulator until Ctrl-C (PORT=9000)
	$(RUN) scripts/local/run.py $(MODEL) $(call option,PORT,--port)
invoke-local: packages ## invoke the function that `make run` serves, with boto3 (PORT=9000, EVENT=file)
	$(RUN) scripts/local/invoke.py $(REQUEST) $(call option,PORT,--port)

##@ AWS: of AWS_PROFILE and AWS_REGION, or the local AWS while it runs
local-aws: ## start a local AWS, which the targets below then use (AWS_PORT=4566)
	$(INSTALL) local-aws
	$(LOCAL_AWS) start $(call option,AWS_PORT,--port)
local-aws-stop: ## stop the local AWS, and use AWS again (FORGET=1: also delete its data)
	$(INSTALL) local-aws
	$(LOCAL_AWS) $(or $(call switch,FORGET,forget),stop)
push: packages ## build the image and push it to ECR (IMAGE=name:tag: push this image, without a build; YES=1)
	$(RUN) scripts/aws/push.py $(MODEL) $(call option,IMAGE,--image) $(call option,DATA,--data) $(if $(ASKED),--deploy) $(call switch,YES,--yes)
deploy: packages ## create or update the stack (CANARY=10: send 10% of the invocations to the new version; YES=1)
	$(RUN) scripts/aws/deploy.py $(MODEL) $(call option,CANARY,--canary) $(if $(ASKED),--asked) $(call switch,YES,--yes)
publish: packages ## publish a new model without an image build, if function.toml has model = "s3://…" (CANARY=10, YES=1)
	$(RUN) scripts/aws/publish.py $(MODEL) $(call option,CANARY,--canary) $(call option,DATA,--data) $(if $(ASKED),--pushed) $(call switch,YES,--yes)
url: packages ## print the URL of the HTTP API, or else of the function URL
	$(RUN) scripts/aws/endpoints.py $(MODEL)
invoke: packages ## invoke the deployed function with boto3 (EVENT=file)
	$(RUN) scripts/local/invoke.py $(REQUEST) --model $(MODEL)
send: packages ## send an event through an event source and print the result (SOURCE=queue, bus, schedule, bucket or http; EVENT=file)
	$(RUN) scripts/aws/send.py $(MODEL) $(call quoted,SOURCE) $(call option,EVENT,--event)
logs: packages ## print the function's logs (SINCE=10m, FOLLOW=1)
	$(RUN) scripts/aws/logs.py $(MODEL) $(call option,SINCE,--since) $(call switch,FOLLOW,--follow)
score: packages ## score a file of any size in S3 (INPUT=s3://…/customers.csv OUTPUT=s3://…/folder)
	$(RUN) scripts/aws/score.py $(MODEL) $(call quoted,INPUT) $(call quoted,OUTPUT) $(ARGS)
promote: packages ## send all invocations to the canary's version
	$(RUN) scripts/aws/alias.py promote $(MODEL)
rollback: packages ## stop the canary, or return to the previous version
	$(RUN) scripts/aws/alias.py rollback $(MODEL)
destroy: packages ## delete the stack, its versions, images, logs and bucket (YES=1: without a question)
	$(RUN) scripts/aws/destroy.py $(MODEL) $(call switch,YES,--yes)

##@ measure
benchmark: model ## compare the image with the framework's own and with an empty function (ARGS="--starts 3" for fewer)
	$(INSTALL) $(MODEL) benchmark
	$(RUN) scripts/benchmark/compare.py $(MODEL) $(ARGS)
cold-starts: packages ## measure cold starts of the deployed function, from Lambda's REPORT lines (ARGS="--starts 3")
	$(RUN) scripts/benchmark/cold_starts.py $(MODEL) $(ARGS)
cost: packages ## compare a month's cost on Lambda, SageMaker and Fargate (REQUESTS=2e6, TRAFFIC=office, LATENCY=300, ARGS=--help)
	$(INSTALL) $(MODEL) benchmark
	$(RUN) scripts/cost/month.py $(MODEL) $(call option,REQUESTS,--requests) $(call option,TRAFFIC,--traffic) $(call option,LATENCY,--latency) $(ARGS)
prices: packages ## update scripts/prices.toml from the AWS Price List API
	$(RUN) scripts/aws/price_list.py

##@ project
test: model ## run the tests of one project (ARGS="-k name" for some)
	$(INSTALL) $(MODEL) train dev
	$(RUN) -m pytest -n 4 --dist loadscope -m "not aws and not commands" --model=$(MODEL) $(ARGS)
test-all: ## run the tests of all projects, and those of the commands
	once=; for model in $(PROJECTS); do \
	  $(MAKE) --no-print-directory test MODEL=$$model ARGS="-m 'not aws and not recipes' $$once" || exit 1; once=--once; done
test-recipes: ## run all tests of a project for the project of each page of docs/recipes
	$(MAKE) --no-print-directory test ARGS="-m recipes tests/recipes"
test-unit: ## run the tests that need no framework and no Docker
	$(INSTALL) $(MODEL) dev
	$(RUN) -m pytest -n 2 --dist worksteal tests/unit --model=$(MODEL) $(ARGS)
lint: ## check the code with ruff, mypy and cfn-lint
	$(INSTALL) lint
	$(LINT) -m ruff check && $(LINT) -m ruff format --check
	.venv/lint/bin/cfn-lint scripts/aws/template.yaml
	$(LINT) -m mypy shared scripts tests
	for model in $(PROJECTS); do $(LINT) -m mypy $$model/*.py || exit 1; done
format: ## format the code with ruff
	$(INSTALL) lint
	$(LINT) -m ruff check --fix --exit-zero --quiet && $(LINT) -m ruff format
lock: ## compile requirements*.in to requirements*.txt, with hashes (ARGS=--upgrade: newer versions of what they depend on)
	$(INSTALL) uv
	.venv/uv/bin/python scripts/packages/lock.py $(ARGS)
clean: ## remove .venv, caches and the local AWS, and keep the models (ALL=1: also every build folder)
	! [ -e .local-aws/endpoint ] || $(MAKE) --no-print-directory local-aws-stop
	rm -rf .venv .local-aws .mypy_cache .ruff_cache $(call switch,ALL,*/build)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Prerequisites of the targets above: the project's environment, and its model.
.PHONY: packages model
packages:
	$(INSTALL) $(MODEL) run
model: packages
	$(RUN) scripts/model.py ensure $(MODEL) $(call option,DATA,--data)
