"""The loop's page: what every stage came to, and each published agreement figure beside ours."""

from collections.abc import Sequence
from typing import Any

from evaluation.config import START
from workbench.page import KeyFigure, KeyFigures, Page, Section
from workbench.statistics.estimates import Estimate
from workbench.tables import Cell, Column, Table
from workflow.loop_agreement import Check


def loop_page(report: dict[str, Any], checks: Sequence[Check]) -> Page:
    """The page of `accord loop`; comparison.html and pandalm.html beside it say more."""
    published, compared = report["published"], report["policy"]["comparison"]
    wins = {
        name: Estimate.from_json(found["reward_model_win_rate"])
        for name, found in compared["policies"].items()
        if name != START
    }
    return Page(
        title="The loop on real data",
        summary=[
            KeyFigures(
                [
                    KeyFigure(
                        label="published agreement figures that come out",
                        value=f"{published['equal']} of {published['checked']}",
                    ),
                    KeyFigure(
                        label="reward model's accuracy on held-out pairs",
                        value=Estimate.from_json(compared["reward_model"]["accuracy"]),
                        percent=True,
                    ),
                    *(
                        KeyFigure(label=f"{name.upper()} against SFT", value=wins[name], percent=True)
                        for name in wins
                    ),
                ]
            ),
            "No person has ranked these samples: both win rates are the reward model's opinion. comparison.html, "
            "beside this page, shows what each policy wrote; pandalm.html is the whole agreement report.",
        ],
        sections=[
            Section(title="From text to aligned policies", blocks=[_stages(report["policy"]["stages"])]),
            Section(title="DPO and PPO", blocks=[_win_rates(wins, compared)]),
            Section(title="Agreement of PandaLM's annotators", blocks=[_figures(checks)]),
            Section(title="Agreement at WMT16", blocks=[_rows(checks)]),
        ],
    )


def _stages(stages: dict[str, Any]) -> Table:
    base, sft, reward, dpo, ppo = (stages[name] for name in ("base", "sft", "reward", "dpo", "ppo"))
    accuracy = Estimate.from_json(reward["reward_model"]["accuracy"])
    return Table(
        columns=[Column(title="stage"), Column(title="learned from"), Column(title="came to")],
        rows=[
            [
                "base",
                f"{base['tokens']:,} tokens ({base['epochs']:.1f} epochs) of simple_english",
                f"{base['bits_per_byte']:.3f} bits per byte on held-out text; {base['parameters']:,} parameters",
            ],
            [
                "SFT",
                f"{sft['demonstrations']:,} demonstrations, epochs: {sft['epochs']:.0f}",
                f"held-out loss {sft['validation_loss']:.3f}",
            ],
            [
                "reward model",
                f"{reward['data']['rankings']:,} rankings, {reward['steps']:,} steps",
                f"accuracy {accuracy.format(3)} on the validation split",
            ],
            [
                "DPO",
                f"{dpo['data']['rankings']:,} rankings, {dpo['steps']:,} steps",
                f"accuracy of implicit rewards {dpo['dpo']['accuracy']:.3f} on the validation split",
            ],
            [
                "PPO",
                f"{ppo['episodes']:,} samples for {ppo['prompts']:,} prompts, {ppo['iterations']} iterations",
                f"score {ppo['first']['scores']:.2f} before, {ppo['last']['scores']:.2f} after, KL "
                f"{ppo['last']['kl']:.2f}",
            ],
        ],
    )


def _win_rates(wins: dict[str, Estimate], compared: dict[str, Any]) -> Table:
    floor = Estimate.from_json(compared["reward_model_noise_floor"])
    return Table(
        columns=[
            Column(title="policy"),
            Column(title="win rate by the reward model", kind="estimate_percent"),
        ],
        rows=[*_upper(wins), ["SFT against itself", floor]],
    )


def _upper(wins: dict[str, Estimate]) -> list[list[Cell]]:
    return [[name.upper(), rate] for name, rate in wins.items()]


def _figures(checks: Sequence[Check]) -> Table:
    return Table(
        columns=[
            Column(title="figure"),
            Column(title="published", kind="number", digits=4),
            Column(title="ours", kind="number", digits=4),
            Column(title="equal as published"),
        ],
        rows=[
            [c.name, c.published, c.measured, "yes" if c.agrees else "NO"]
            for c in checks
            if c.source == "PandaLM"
        ],
        note="Cohen's kappa here counts each pair in both directions; the published one takes it as stored. "
        "They are equal in three decimals.",
    )


def _rows(checks: Sequence[Check]) -> Table:
    """The three figures of each of WMT's rows, published and ours side by side."""
    rows: dict[str, list[Check]] = {}
    for check in checks:
        if check.source != "PandaLM":
            rows.setdefault(check.source.removeprefix("WMT16 "), []).append(check)
    names = [check.name for check in next(iter(rows.values()), [])]
    return Table(
        columns=[
            Column(title="row"),
            *(
                Column(title=f"{name}, {whose}", kind="number", digits=3)
                for name in names
                for whose in ("published", "ours")
            ),
            Column(title="equal"),
        ],
        rows=[_row(name, found) for name, found in rows.items()],
        note="pA: observed agreement; pE: expected by chance. inter and intra as WMT16 defines them; order-free: the "
        "same whichever completion is stored first, between different judges.",
    )


def _row(name: str, found: Sequence[Check]) -> list[Cell]:
    figures = [value for check in found for value in (check.published, check.measured)]
    return [name, *figures, "yes" if all(check.agrees for check in found) else "NO"]
