"""The coverage benchmark in small: 95 % intervals hold a truth drawn from the prior about as often as they say."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

RUN = Path(__file__).parents[4] / "benchmarks/preference_coverage/run.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("preference_coverage", RUN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("model", "replicates"), [("davidson", 40), ("crowd_bt", 10), ("dawid_skene", 15)])
def test_intervals_cover(benchmark, model, replicates):
    for kind, pulls in benchmark.coverage(model, replicates, seed=3, fixed=False).items():
        assert np.isfinite(pulls).all()
        if len(pulls) >= 80:
            # 80 intervals or more, some of them of one fit: 88 to 99.5 % is what chance leaves of 95 %.
            assert 0.88 <= (np.abs(pulls) <= 1.959964).mean() <= 0.995, kind
