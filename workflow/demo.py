"""The demo: every stage of the loop on little stories, from an empty folder to a report, on two cores.

Its annotators are simulated, and so is the truth that they are judged by; everything else is what real labels would
go through. Two stages that need nothing of each other run as two processes of one thread each.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from annotation.agreement import Agreement, measure_agreement
from annotation.report import agreement_page
from evaluation.compare import Compared, compare
from policy.sample import sample
from policy.sft import train as train_sft
from storage.comparisons import read_comparisons as read_project
from storage.database import init_database
from storage.importing import import_comparisons_file, import_demonstrations_file, import_prompts_file
from storage.projects import create_project, find_project
from storage.snapshots import create_snapshot
from workbench.artifacts import write_file_aside
from workbench.console import say
from workbench.home import runs_folder
from workbench.jsonl import read_comparisons, write_comparisons
from workbench.metrics import read_metrics
from workbench.runs import Run, RunResult, open_run
from workbench.snapshots import Snapshot, open_snapshot
from workbench.statistics.simulated import rank_all
from workflow.demo_config import PROJECT, SIZES, DemoConfig, DemoSize
from workflow.demo_processes import Command, run_commands
from workflow.demo_report import demo_page
from workflow.demo_stages import REWARD_MODELS, DemoStages, cores
from workflow.demo_world import GUIDELINE_VERSION, PANEL, story_utility, write_world
from workflow.registration import register


def demo(config: DemoConfig, *, name: str = "demo", fresh: bool = False) -> RunResult:
    """Run the demo, or what is left of it; the result's folder holds report.html and report.json."""
    with open_run("demo", config, name=name, fresh=fresh) as run:
        if run.finished:
            return run.result()
        return _Demo(config, run).play()


@dataclass
class _Facts:
    """What the report tells beside the comparison."""

    agreement: Agreement
    snapshot: Snapshot
    checks: dict[str, float]
    ppo_metrics: list[dict[str, Any]]


class _Demo:
    """One demo with its run folder; every step is skipped where its result is there."""

    def __init__(self, config: DemoConfig, run: Run) -> None:
        self.config, self.run, self.folder = config, run, run.folder
        self.size: DemoSize = SIZES[config.size]
        self.stages = DemoStages(self.size, config.seed, self.folder, self._name)
        self.seconds: dict[str, float] = self._read("seconds.json")
        self.began = time.perf_counter()

    def play(self) -> RunResult:
        """All stages in order."""
        threads = torch.get_num_threads()
        torch.set_num_threads(cores())
        try:
            with self._stage("prepare", "stories, prompts and demonstrations"):
                self._prepare()
            with self._stage("pretrain", f"base model on {self.size.pretrain_tokens:,} tokens"):
                self._run_commands(self.stages.base())
            with self._stage("sft", "fine-tuning on demonstrations of mixed quality"):
                self._register(train_sft(self.stages.sft(), name=self._name("sft")))
            with self._stage("sample", f"{self.size.ranked_prompts:,} prompts x 4 completions"):
                self._sample()
            with self._stage("rank", f"{len(PANEL)} SIMULATED annotators rank them; agreement; snapshot"):
                agreement, snapshot = self._rank()
            with self._stage("reward", f"{REWARD_MODELS} reward models, side by side"):
                self._run_commands(self.stages.reward(snapshot.path))
            with self._stage("dpo", "DPO on the rankings"):
                self._run_commands(self.stages.dpo(snapshot.path))
            with self._stage(
                "ppo", f"PPO, {self.size.ppo_iterations} iterations of {self.size.ppo_batch_size} stories"
            ):
                self._run_commands(self.stages.ppo())
            with self._stage(
                "evaluate", f"SFT, DPO and PPO on {self.size.evaluation_prompts} held-out prompts"
            ):
                compared = self._compare(snapshot)
            facts = _Facts(
                agreement, snapshot, self._checks(), read_metrics(self._run("ppo") / "metrics.jsonl")
            )
            return self._report(compared, facts)
        finally:
            torch.set_num_threads(threads)

    def _prepare(self) -> None:
        if not (self.folder / "guideline.md").exists():  # written last
            write_world(self.folder, self.size, self.config.seed)
        database = init_database()
        with database.writing() as session:
            project = find_project(session, self.project) or create_project(
                session,
                self.project,
                description="Little stories, ranked by simulated annotators",
                salt=PROJECT,
            )
            import_prompts_file(session, project.id, self.folder / "prompts.jsonl", actor="demo")
            import_demonstrations_file(
                session, project.id, self.folder / "demonstrations.jsonl", actor="demo"
            )
        database.dispose()

    def _sample(self) -> None:
        if not (self.folder / "samples.jsonl").exists():
            sample(self.stages.samples())

    def _rank(self) -> tuple[Agreement, Snapshot]:
        """Simulated rankings into the project, the agreement report, and the snapshot that training reads."""
        ranked = self.folder / "comparisons.jsonl"
        if not ranked.exists():
            self._simulate(ranked)
        database = init_database()
        with database.writing() as session:
            project = find_project(session, self.project)
            assert project is not None
            import_comparisons_file(session, project.id, ranked, actor="demo")
            snapshot = create_snapshot(session, project, actor="demo")
            agreement = measure_agreement(
                read_project(session, project.id), source=f"project {project.name}", draws=400
            )
        database.dispose()
        with write_file_aside(self.folder / "agreement.html") as file:
            file.write(agreement_page(agreement).to_html().encode())
        return agreement, open_snapshot(snapshot.path)

    def _simulate(self, target: Path) -> None:
        comparisons = list(read_comparisons(self.folder / "samples.jsonl"))
        utilities = [story_utility(c.prompt, [one.text for one in c.completions]) for c in comparisons]
        values = np.array(utilities)
        spread = float(values.std())
        self._write("world.json", world_checks(values))
        ranked = rank_all(
            comparisons,
            (values / spread).tolist(),
            PANEL,
            seed=self.config.seed,
            overlap=3,
            overlap_share=0.15,
            guideline=GUIDELINE_VERSION,
        )
        write_comparisons(target, ranked)

    def _run_commands(self, commands: Mapping[str, Command]) -> None:
        run_commands(commands, self.folder)
        for name in commands:
            register(runs_folder() / name)

    def _compare(self, snapshot: Snapshot) -> Compared:
        return compare(
            self.stages.compare(),
            truth=story_utility,
            labelled=list(snapshot.comparisons("test")),
        )

    def _checks(self) -> dict[str, float]:
        return self._read("world.json")

    def _report(self, compared: Compared, facts: _Facts) -> RunResult:
        """Write report.html, then report.json, which ends the run."""
        self.seconds["total"] = sum(seconds for stage, seconds in self.seconds.items() if stage != "total")
        report = {
            **compared.report,
            "simulated": True,
            "world": facts.checks,
            "agreement": facts.agreement.to_json()["alpha"],
            "snapshot": facts.snapshot.content_hash,
            "seconds": {stage: round(seconds, 1) for stage, seconds in self.seconds.items()},
            "installation_seconds": installation_seconds(),
        }
        page = demo_page(
            compared,
            report,
            agreement=facts.agreement,
            snapshot=facts.snapshot,
            ppo_metrics=facts.ppo_metrics,
            policy_run=self._name("ppo"),
        )
        with write_file_aside(self.folder / "report.html") as file:
            file.write(page.to_html().encode())
        return self.run.finish(report)

    @contextmanager
    def _stage(self, name: str, what: str) -> Iterator[None]:
        """Announce a stage and add up the time it took, over interruptions too."""
        say(f"[{time.perf_counter() - self.began:5.0f} s] {name}: {what}")
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin
            self._write("seconds.json", self.seconds)

    @property
    def project(self) -> str:
        return PROJECT if self.run.name == "demo" else self.run.name

    def _name(self, stage: str) -> str:
        return f"{self.run.name}-{stage}"

    def _run(self, stage: str) -> Path:
        return runs_folder() / self._name(stage)

    def _register(self, result: RunResult) -> None:
        register(result.folder)

    def _read(self, name: str) -> dict[str, float]:
        path = self.folder / name
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def _write(self, name: str, value: Mapping[str, float]) -> None:
        with write_file_aside(self.folder / name) as file:
            file.write((json.dumps(value, indent=2) + "\n").encode())


def world_checks(utilities: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, float]:
    """What makes the hidden utility fit for its job, from SFT samples (P, 4).

    `spread`: standard deviation; `exact_ties`: share of pairs of one prompt with equal utility; `near_ties`: share of
    pairs closer than a tenth of the spread.
    """
    a, b = np.triu_indices(utilities.shape[1], 1)
    gap = np.abs(utilities[:, a] - utilities[:, b])
    return {
        "spread": float(utilities.std()),
        "exact_ties": float((gap == 0).mean()),
        "near_ties": float((gap < 0.1 * utilities.std()).mean()),
    }


def installation_seconds() -> float | None:
    """Seconds from `make demo` to this process, where ACCORD_DEMO_STARTED_AT (seconds since 1970) was passed."""
    started = os.environ.get("ACCORD_DEMO_STARTED_AT")
    return None if not started else round(PROCESS_STARTED - float(started), 1)


PROCESS_STARTED = time.time()
