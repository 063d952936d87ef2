"""Imports point one way: each package may use only the layers named (docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE = {"errors", "types"}
ABOVE = BASE | {"config", "launch", "core", "store", "analysis", "trackers"}
MAY_IMPORT = {
    "errors": set(),
    "types": {"errors"},
    "ops": BASE,
    "store": BASE,
    "config": BASE,
    "core": BASE | {"store", "ops"},
    "data": BASE | {"ops"},
    "models": BASE | {"ops", "data"},
    "judges": BASE | {"ops", "data"},
    "tasks": BASE | {"ops", "models", "data", "judges", "core"},
    "analysis": BASE | {"store", "ops"},
    "trackers": BASE | {"store"},
    "launch": BASE | {"config", "core", "store", "trackers", "analysis"},
    "cli": ABOVE,
    "api": ABOVE,
}
#: finer grains: of these layers only the modules named may be used from there
ONLY = {
    ("core", "ops"): {"rng", "learning_curve", "forecast", "lr_schedule"},
    ("tasks", "core"): {"procedure", "run"},
    ("launch", "analysis"): {"replay"},
    ("analysis", "ops"): {
        *("stats", "lr_schedule", "lr_refinement", "lr_refinement_figures"),
        *("learning_curve", "forecast"),
    },
}
ROOT = Path(__file__).parents[1] / "iterun"
FILES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Every iterun module that the file names, as parts after `iterun`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (
                tuple(a.name.split("."))[1:] for a in node.names if a.name.startswith("iterun.")
            )
        elif isinstance(node, ast.ImportFrom) and node.module == "iterun":
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("iterun."):
            parts = tuple((node.module or "").split("."))[1:]
            yield from (
                ((*parts, alias.name) if len(parts) == 1 else parts) for alias in node.names
            )


def layer_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_the_walk_finds_the_package() -> None:
    assert {layer_of(path) for path in FILES} >= {"ops", "store", "core", "tasks", "cli"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    layer = layer_of(path)
    if layer in {"__init__", "__main__"}:
        return

    for target, *rest in imported(path):
        if target in {layer, "__version__"}:
            continue
        assert target in MAY_IMPORT[layer], f"{layer} imports iterun.{target}"
        allowed = ONLY.get((layer, target))
        assert allowed is None or rest[0] in allowed, f"{layer} imports iterun.{target}.{rest[0]}"


@pytest.mark.parametrize("path", sorted((ROOT / "tasks").rglob("*.py")), ids=lambda path: path.stem)
def test_no_task_imports_a_task(path: Path) -> None:
    assert not [parts for parts in imported(path) if parts[0] == "tasks"]


@pytest.mark.parametrize(
    "layer", ["cli", "store", "analysis", "config", "launch", "core", "trackers"]
)
def test_no_torch_at_the_top_of_a_module(layer: str) -> None:
    heavy = {"torch", "transformers", "sklearn", "diffusers", "peft"}
    for path in (ROOT / layer).rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not heavy & {name.split(".")[0] for name in names}, path
