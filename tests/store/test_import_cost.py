import subprocess
import sys

import pytest

LIGHT = ("paths", "schema", "reader", "index", "filters", "rows", "expressions")
HEAVY = {"torch", "numpy", "pandas", "rich", "hydra", "yaml", "safetensors", "pydantic", "logging"}


@pytest.mark.parametrize("module", LIGHT)
def test_looking_at_runs_imports_nothing_heavy(module):
    code = f"import sys, iterun.store.{module}; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert HEAVY & set(done.stdout.split()) == set()


@pytest.mark.parametrize("module", ["writer", "checkpoint"])
def test_the_writer_comes_without_torch(module):
    code = (
        f"import sys, iterun.store.{module}; print('torch' in sys.modules, 'numpy' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False False\n"
