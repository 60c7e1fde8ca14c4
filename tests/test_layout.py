"""The packages are ours: no other distribution's `policy` stands before them, no test folder hides them."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_every_package_is_found_where_it_stands(tmp_path):
    code = (
        "import importlib.util, json, sys;"
        "print(json.dumps({n: importlib.util.find_spec(n).origin for n in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *PACKAGES], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    found = {name: Path(origin) for name, origin in json.loads(done.stdout).items()}
    assert found == {name: ROOT / name / "__init__.py" for name in PACKAGES}


def test_every_top_level_package_is_listed():
    on_disk = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert on_disk == set(PACKAGES)
    assert set(PROJECT["tool"]["mypy"]["packages"]) == set(PACKAGES)
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)


def test_tests_are_no_packages():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_named_after_the_standard_library(package):
    names = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__", "__main__"}
    assert not {name for name in names if f"{package}.{name}" in sys.stdlib_module_names}
    assert package not in sys.stdlib_module_names
