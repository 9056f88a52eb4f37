.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo up test test-long test-google test-compose test-faults test-live test-stack bench format lock openapi reference clean
.PHONY: check check-style check-prose check-types check-contracts check-dependencies check-terraform check-hcl check-template-docs
.PHONY: providers provider-schema examples template-docs audit sbom release screenshot

BIN := .venv/bin
FUNCTIONS := $(patsubst %/,%,$(wildcard terraform/*/functions/*/))
# As in scripts/: no request to the vendor's server, no terraform settings of the user.
TERRAFORM := CHECKPOINT_DISABLE=1 TF_CLI_CONFIG_FILE=/dev/null $(or $(ANAVA_TERRAFORM__BINARY),terraform)

# Where no terraform that fits is on the PATH, setup puts one into .venv/bin.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Python keeps the compiled tests, also where the environment forbids it: each process compiles them for 6 s otherwise.
export PYTHONDONTWRITEBYTECODE :=

# Most tests wait for a server: more of them than cores run at once. A file's tests share its servers. tests/conftest.py has
# the order of the files.
PYTEST := $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F '|' '{ printf "%-24s%s\n", $$1, $$2 }'

setup: ## Install the locked packages into .venv (PYTHON=... names another Python)
	@PYTHON="$(PYTHON)" scripts/setup

setup-tests: setup ## Bring what only tests need: Chromium, Node, Java, the Firestore emulator
	@scripts/setup-tests

demo: setup ## Deploy the sandbox on this machine and follow the deployment (ONCE=1 ends with it)
	$(BIN)/anava demo $(if $(ONCE),--once)

up: setup ## Run the whole service on this machine
	$(BIN)/anava up

test: setup-tests ## Run the tests (ARGS="-k cancel" goes to pytest; COVERAGE=1 measures, and holds the floor)
	$(PYTEST) $(if $(COVERAGE),--cov) $(ARGS)

test-long: setup-tests ## Run what takes longer: promises at many instants, tests of more than 20 s (CI does too)
	$(PYTEST) --dist load -m long $(ARGS)

test-compose: setup-tests ## Test docker-compose.yml: minutes, needs a container engine or root on Debian
	scripts/test-compose

bench: setup-tests ## Run the benchmarks beside their baselines (ARGS="--quick", "--only NAME", "--heavy"); .cache/bench.json
	$(BIN)/python -m tests.bench $(ARGS)

test-faults: setup-tests ## Run the fault tests, the long ones too: a store down for ten minutes, 100,000 lines, paused workers
	$(BIN)/python -m pytest tests/faults -m "heavy or not heavy" $(ARGS)
	$(BIN)/python -m pytest tests/scenarios/test_recovers_a_state.py -m heavy --numprocesses 9 $(ARGS)
	$(BIN)/python -m pytest tests/scenarios/test_exit_statuses.py tests/scenarios/test_retention.py -m heavy $(ARGS)

test-google: setup ## Run Google's real provider on the stand-in, lose a state and import the stack (needs ANAVA_TERRAFORM__MIRROR; 7 minutes)
	$(BIN)/python -m pytest tests/google_stand_in/proof_provider.py tests/google_stand_in/import_the_stack.py --timeout 600 $(ARGS)

test-stack: setup ## Deploy the Anava stack on the stand-in, by terraform and by the service: 33 minutes, needs the provider
	$(BIN)/python -m pytest tests/terraform/stack tests/scenarios/test_deploys_the_anava_stack.py tests/scenarios/test_deploys_on_a_new_project.py tests/live -m heavy $(ARGS)

# Variables of make's command line are in the environment of a recipe: no shell reads the project's name.
test-live: setup ## Deploy, redeploy and destroy in a real project to throw away (PROJECT=ID, needs the provider); docs/users.md
	@$(BIN)/python -m tests.live $(ARGS)

check: check-style check-prose check-types check-contracts check-dependencies check-terraform check-hcl check-template-docs ## Run every static check (make -k continues after a failure)

check-style: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

check-prose: setup ## Count words that plain technical English does without
	$(BIN)/python scripts/prose-metrics

check-types: setup
	$(BIN)/mypy
	for function in $(FUNCTIONS); do $(BIN)/mypy $$function/main.py || exit 1; done

check-contracts: setup
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter

check-dependencies: setup
	$(BIN)/deptry .

check-terraform: setup
	$(TERRAFORM) fmt -check -recursive terraform
	scripts/validate-terraform

check-hcl: setup
	$(BIN)/python scripts/check-hcl

check-template-docs: setup
	$(BIN)/python scripts/template-docs --check

format: setup ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(TERRAFORM) fmt -recursive terraform

# Without ARGS=--upgrade the locked versions stay. A lock contains no address of a package index.
COMPILE = UV_CACHE_DIR=.cache/uv $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(ARGS)

FUNCTION_NEEDS = terraform/anava/functions/requirements.in

lock: ## Update the locks after a change in pyproject.toml (ARGS=--upgrade for newer versions)
	$(COMPILE) pyproject.toml --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra dev --constraints requirements.lock --output-file requirements-dev.lock
	for function in $(FUNCTIONS); do \
		$(COMPILE) $(FUNCTION_NEEDS) --constraints requirements-dev.lock \
			--output-file $$function/requirements.txt || exit 1; \
	done

providers: setup ## Download Google's provider into container/providers/ (needs the network)
	$(BIN)/python scripts/mirror-providers

provider-schema: setup ## Regenerate the schema that check-hcl uses, from the provider
	$(BIN)/python scripts/provider-schema

examples: setup ## Regenerate examples/ with the provider
	$(BIN)/python scripts/examples

openapi: setup ## Regenerate docs/openapi.json from the routes
	$(BIN)/python scripts/openapi > docs/openapi.json

reference: setup ## Regenerate docs/reference.md from the code
	$(BIN)/python scripts/reference > docs/reference.md

template-docs: setup ## Regenerate the READMEs of the templates, docs/costs.md and docs/first-deployment.md
	$(BIN)/python scripts/template-docs

screenshot: setup ## Regenerate docs/images/ from a deployment of the sandbox (needs Chromium)
	$(BIN)/python scripts/screenshot

audit: setup ## Report known vulnerabilities of the locked packages (ARGS=--strict fails without advisory data)
	$(BIN)/python scripts/audit $(ARGS)

sbom: setup ## Write the SBOM (CycloneDX) of what an operator installs to dist/anava_deploy.cdx.json
	scripts/sbom dist/anava_deploy.cdx.json

release: setup ## Build wheel, SBOM, image and checksums of the tagged commit into dist/ (ARGS=--draft: of any commit)
	scripts/release $(ARGS)

clean: ## Remove tool output; data/ stays, since it holds deployments and their state
	rm -rf .venv .cache .hypothesis build dist
	find . -path ./data -prune -o -name __pycache__ -type d -exec rm -rf {} +
