"""The documentation is true: links lead somewhere, commands exist, every setting is explained."""

import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import COMMANDS, split_command
from workbench.config import read_settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")])
CONFIG_MODULES = sorted(
    {path.relative_to(ROOT).with_suffix("") for path in ROOT.glob("*/*config.py")}
    - {Path("workbench/config")}
)


def page_id(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_in_code_blocks_exist(page):
    blocks = re.findall(r"```(?:bash|sh|console)\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    used = [
        line.split()[1:3] for line in lines if line.startswith("accord ") and not line.startswith("accord --")
    ]
    assert [" ".join(words) for words in used if split_command(words)[0] not in COMMANDS] == []


def test_the_commands_page_is_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "make_commands.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def config_classes():
    for module in CONFIG_MODULES:
        loaded = importlib.import_module(".".join(module.parts))
        for name, value in vars(loaded).items():
            if (
                name.endswith("Config")
                and dataclasses.is_dataclass(value)
                and value.__module__ == loaded.__name__
            ):
                yield pytest.param(value, id=f"{module}.{name}")


@pytest.mark.parametrize("cls", list(config_classes()))
def test_every_setting_is_explained(cls):
    source = "\n".join(inspect.getsource(one) for one in cls.__mro__ if dataclasses.is_dataclass(one))
    silent = [
        field.name
        for field in dataclasses.fields(cls)
        if not re.search(rf'^    {field.name}: .*?\n    """', source, re.MULTILINE | re.DOTALL)
        or not re.search(rf'^    {field.name}:[^\n]*(\n(?!    \w+:)[^\n]*)*?\n    """', source, re.MULTILINE)
    ]
    assert silent == []


STAGES = {
    "pretrain": ("pretrain.config:PretrainConfig", {"text": ("x",), "tokens": 1000}),
    "sft": ("policy.sft_config:SFTConfig", {"base": "x", "demonstrations": ("x",)}),
    "reward": ("reward.config:RewardConfig", {"base": "x", "comparisons": "x"}),
    "dpo": ("dpo.config:DPOConfig", {"policy": "x", "comparisons": "x"}),
    "ppo": ("policy.config:PPOConfig", {"policy": "x", "reward_models": ("x",), "prompts": Path("x")}),
}
"""The settings class of each folder in configs/, and what a shipped file leaves to flags."""


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/*/*.yaml")), ids=page_id)
def test_configs_load(path):
    """A shipped file names only settings that exist, with values that are accepted."""
    place, flags = STAGES[path.parent.name]
    module, name = place.split(":")
    cls = getattr(importlib.import_module(module), name)
    cls(**{**flags, **read_settings(cls, path)})
