# vcam: `make run` shows it, `make test` proves it. Each target sets up what it needs in .venv.
#
#   make run ARGS="--source clip.mp4 --sink file:out.mp4"
#   make test ARGS="-k pacer"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench clean

run: $(VENV)/ready
	@$(BIN)/vcam run $(ARGS)

test: $(VENV)/ready
	$(BIN)/python -m pytest tests $(ARGS)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(VENV)/ready
	@$(BIN)/vcam bench $(ARGS)

clean:
	rm -rf $(VENV)

# torch first and by its exact version: where only a range is asked for, pip may prefer a build
# for another kind of machine.
$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		"$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable ".[dev]"
	@touch $@
