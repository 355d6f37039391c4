"""The limits of the house style, measured on the source."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import LIBRARY, REPOSITORY

FUNCTION_LINES, FILE_LINES = 60, 300
FILES = sorted(
    file
    for folder in (LIBRARY, REPOSITORY / "hydra_plugins")
    for file in folder.rglob("*.py")
    if "conf" not in file.relative_to(REPOSITORY).parts
)
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPOSITORY)))
Function = ast.FunctionDef | ast.AsyncFunctionDef

NUMPY_WITHOUT_STATE = {"get_state", "default_rng", "Generator", "SeedSequence", "PCG64", "Philox", "RandomState"}
TORCH_DRAWS = {
    "bernoulli", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "randperm", "manual_seed", "seed", "dropout",
}  # fmt: skip
TENSOR_DRAWS = {"bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_"}


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def functions(file: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(file)) if isinstance(node, Function))


def public(node: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Public classes and functions of a module, and public methods, without what is nested in functions."""
    for child in node.body:
        if isinstance(child, (Function, ast.ClassDef)) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


def global_draws(node: ast.AST) -> Iterator[str]:
    """Calls that draw from, or move, a global random generator."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        owner, name = ast.unparse(call.func.value), call.func.attr
        explicit = any(keyword.arg == "generator" for keyword in call.keywords)
        draws = {
            "np.random": name not in NUMPY_WITHOUT_STATE,
            "numpy.random": name not in NUMPY_WITHOUT_STATE,
            "random": name not in ("Random", "SystemRandom", "getstate"),
            "torch": name in TORCH_DRAWS and not explicit,
            "torch.random": name in TORCH_DRAWS and not explicit,
            "functional": name in TORCH_DRAWS and not explicit,
        }
        if draws.get(owner, name in TENSOR_DRAWS and not explicit):
            yield f"{owner}.{name}"


@every_file
def test_no_file_is_over_300_lines(file):
    assert len(file.read_text().splitlines()) <= FILE_LINES


@every_file
def test_no_function_is_over_60_lines(file):
    long = {node.name: node.end_lineno - node.lineno + 1 for node in functions(file)}
    assert {name: lines for name, lines in long.items() if lines > FUNCTION_LINES} == {}


def test_most_functions_are_short():
    lengths = sorted(node.end_lineno - node.lineno + 1 for file in FILES for node in functions(file))
    assert statistics.median(lengths) <= 15
    assert lengths[int(0.9 * len(lengths))] <= 40


@every_file
def test_every_public_thing_says_what_it_is(file):
    module = tree(file)
    silent = [node.name for node in public(module) if not ast.get_docstring(node)]
    assert ast.get_docstring(module)
    assert silent == []


@every_file
def test_every_argument_and_result_is_typed(file):
    untyped = []
    for node in functions(file):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        untyped += [
            f"{node.name}({argument.arg})"
            for argument in arguments
            if argument is not None and argument.annotation is None and argument.arg not in ("self", "cls")
        ]
        if node.returns is None:
            untyped.append(f"{node.name} ->")
    assert untyped == []


@every_file
def test_nothing_draws_from_a_global_generator(file):
    allowed = {"torch.manual_seed"} if file.name == "seeding.py" else set()  # inside fork_rng
    assert set(global_draws(tree(file))) == allowed


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("torch.rand(3)", True),
        ("torch.rand(3, generator=g)", False),
        ("np.random.shuffle(x)", True),
        ("np.random.default_rng(3)", False),
        ("random.random()", True),
        ("x.normal_()", True),
        ("x.normal_(generator=g)", False),
        ("functional.dropout(x)", True),
        ("torch.randperm(3)", True),
    ],
)
def test_global_draws_are_seen(line, seen):
    assert bool(list(global_draws(ast.parse(line)))) == seen


@every_file
def test_a_generator_has_no_default(file):
    for node in functions(file):
        arguments = [*node.args.posonlyargs, *node.args.args]
        with_default = arguments[len(arguments) - len(node.args.defaults) :]
        named = [a.arg for a in with_default] + [
            a.arg for a, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if default is not None
        ]
        assert not {"generator", "streams", "seed"} & set(named), node.name


@every_file
def test_nothing_runs_at_import(file):
    """Only definitions, constants and Hydra's registrations stand at the top of a module."""
    for node in tree(file).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            assert "ConfigStore" in ast.unparse(node), ast.unparse(node)
        assert not isinstance(node, (ast.For, ast.While, ast.With, ast.Try)), ast.unparse(node)
