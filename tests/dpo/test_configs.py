from pathlib import Path

import pytest
import yaml

from dpo.config import DPOConfig
from workbench.config import config_from_dict

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "dpo").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_settings_are_settings(path):
    settings = yaml.safe_load(path.read_text())
    config = config_from_dict(DPOConfig, {"policy": "b", "comparisons": "c", **settings}, str(path))
    assert config.learning_rate > 0
