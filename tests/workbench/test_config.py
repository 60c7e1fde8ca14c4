"""Settings from YAML: what is converted, and what each error names."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from workbench.config import config_differences, config_hash, config_to_dict, dump_config, load_config
from workbench.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Lora:
    rank: int = 8
    targets: tuple[str, ...] = ("q", "v")


@dataclass(frozen=True, kw_only=True)
class Settings:
    base: Path
    learning_rate: float = 1e-4
    steps: int = 10
    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    lora: Lora | None = None
    note: str | None = None
    shares: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")


def load(tmp_path, text):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    return load_config(Settings, path)


def test_values_take_the_types_of_the_dataclass(tmp_path):
    config = load(tmp_path, "base: x\nlearning_rate: 3e-4\nlora: {rank: 4, targets: [k]}\nshares: {a: 1}\n")
    assert config == Settings(
        base=Path("x"), learning_rate=3e-4, lora=Lora(rank=4, targets=("k",)), shares={"a": 1.0}
    )


def test_round_trip_and_hash(tmp_path):
    config = Settings(base=Path("x"), lora=Lora(), learning_rate=2.5e-7)
    dump_config(config, tmp_path / "out.yaml")
    again = load_config(Settings, tmp_path / "out.yaml")
    assert again == config
    assert config_hash(again) == config_hash(config) != config_hash(Settings(base=Path("y")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base: x\nlerning_rate: 1", "unknown setting 'lerning_rate'; did you mean 'learning_rate'?"),
        ("base: x\nzzz: 1", "unknown setting 'zzz'; Settings has base, learning_rate"),
        ("base: x\nlora: {rnk: 3}", "lora: unknown setting 'rnk'; did you mean 'rank'?"),
        ("base: x\nsteps: many", "steps must be int, got 'many'"),
        ("base: x\nsteps: true", "steps must be int, got True"),
        ("base: x\nsteps: 1.5", "steps must be int, got 1.5"),
        ("base: x\nlearning_rate: fast", "learning_rate must be float, got 'fast'"),
        ("base: x\nlearning_rate: -1", "learning_rate must be positive, got -1.0"),
        ("base: x\nloss: dpo", "loss must be one of 'sigmoid', 'ipo', got 'dpo'"),
        ("steps: 1", "missing 1 required keyword-only argument: 'base'"),
        ("[1, 2]", "Settings needs settings by name"),
        ("base: [", "is not YAML"),
    ],
)
def test_errors_name_file_and_key(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "s.yaml"))
    assert words in str(caught.value)


def test_differences_are_dotted():
    a = config_to_dict(Settings(base=Path("x"), lora=Lora(rank=4)))
    b = config_to_dict(Settings(base=Path("x"), lora=Lora(rank=8), steps=11))
    assert config_differences(a, b) == ["steps (10 became 11)", "lora.rank (4 became 8)"]
