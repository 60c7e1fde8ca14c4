"""The loop on real input: published agreement measured again, then a policy aligned on real pairs, and one report."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.database import init_database
from workbench.artifacts import write_file_aside
from workbench.console import say
from workbench.home import runs_folder
from workflow.loop_agreement import check_pandalm, check_wmt
from workflow.loop_config import LoopConfig
from workflow.loop_policy import SIZES, align
from workflow.loop_report import loop_page

REWARD_ACCURACY = 0.80
"""What the reward model must reach on held-out pairs; a linear model on word counts reaches 0.85 on another split."""


@dataclass(frozen=True, kw_only=True)
class LoopResult:
    """Where the report is, and what it says."""

    folder: Path
    report: dict[str, Any]

    @property
    def shortfalls(self) -> list[str]:
        """What did not come out as it must; empty when all did."""
        found = [
            f"{check['source']}, {check['name']}: {check['measured']:.4f}, published {check['published']:.4f}"
            for check in self.report["checks"]
            if not check["agrees"]
        ]
        accuracy = self.report["policy"]["comparison"]["reward_model"]["accuracy"]["value"]
        if accuracy is None or accuracy < REWARD_ACCURACY:
            found.append(f"reward model's held-out accuracy: {accuracy}, not {REWARD_ACCURACY} or more")
        return found


def loop(config: LoopConfig) -> LoopResult:
    """Run everything; stages that a former call finished are not run again."""
    data, folder = config.data(), runs_folder() / f"loop-{config.size}"
    folder.mkdir(parents=True, exist_ok=True)
    database = init_database()
    seconds: dict[str, float] = {}
    try:
        say("PandaLM: 999 comparisons by three annotators")
        pandalm, pandalm_facts = _timed(seconds, "PandaLM", lambda: check_pandalm(database, data, folder))
        say("WMT16: 31,758 rankings in 12 language pairs")
        wmt, wmt_facts = _timed(seconds, "WMT16", lambda: check_wmt(database, data))
        policy = _timed(
            seconds,
            "policy",
            lambda: align(database, data, folder, SIZES[config.size], name=f"loop-{config.size}"),
        )
    finally:
        database.dispose()
    checks = [*pandalm, *wmt]
    report = {
        "size": config.size,
        "published": {"checked": len(checks), "equal": sum(check.agrees for check in checks)},
        "checks": [check.to_json() for check in checks],
        "pandalm": pandalm_facts,
        "wmt16": wmt_facts,
        "policy": policy,
        "seconds": seconds,
    }
    for name, text in (
        ("report.json", json.dumps(report, indent=2)),
        ("report.html", loop_page(report, checks).to_html()),
    ):
        with write_file_aside(folder / name) as file:
            file.write(text.encode())
    return LoopResult(folder=folder, report=report)


def _timed(seconds: dict[str, float], name: str, work: Any) -> Any:
    started = time.monotonic()
    result = work()
    seconds[name] = round(time.monotonic() - started, 1)
    return result
