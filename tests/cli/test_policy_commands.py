"""Frontier, chat and export as commands on tiny checkpoints."""

import io
import json
import shutil

import pytest
import torch

from cli.main import main
from workbench.modeling.loading import load_causal_lm


@pytest.fixture
def ppo(world, home):
    """A PPO run named ppo."""
    assert main([*world.commands()["ppo"], "--run", "ppo", "--keep", "last"]) == 0
    return home / "runs" / "ppo"


def test_frontier_has_a_point_for_each_checkpoint_and_each_n(world, ppo, capsys):
    capsys.readouterr()
    command = [
        "evaluate", "frontier", "--start", str(world.policy), "--runs", "ppo", "--prompts", str(world.prompts),
        "--reward-models", str(world.reward), "--best-of", "1", "2", "4", "--max-new-tokens", "6",
        "--bootstrap-draws", "100", "--device", "cpu", "--run", "front",
    ]  # fmt: skip
    assert main([*command, "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    assert {p["checkpoint"] for p in points["ppo"]} == {p.name for p in (ppo / "checkpoints").iterdir()}
    rewards = [p["reward"]["value"] for p in points["best of n"]]
    assert [p["checkpoint"] for p in points["best of n"]] == ["n = 1", "n = 2", "n = 4"]
    assert rewards == sorted(rewards) and rewards[0] < rewards[-1]
    assert "Reward against KL" in (ppo.parent / "front" / "report.html").read_text(encoding="utf-8")
    assert main(command) == 0  # finished
    assert "front" in capsys.readouterr().out
    assert main([*command[:5], "ppo2", *command[6:-1], "other"]) == 1
    assert "no checkpoint in" in capsys.readouterr().err


def test_chat_answers_and_ends(world, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("Tell of a fox\n/new\nAnd of a tree\n\n"))
    assert main(["chat", str(world.policy), "--max-new-tokens", "5", "--device", "cpu"]) == 0
    assert capsys.readouterr().out.count("\n") == 2


def test_export_merged_writes_the_adapters_model_once(world, home, tmp_path, capsys):
    assert (
        main([*world.commands()["dpo"], "--lora-rank", "2", "--learning-rate", "1e-2", "--run", "lora"]) == 0
    )
    target = tmp_path / "merged"
    assert main(["export", "merged", "lora", "--output", str(target)]) == 0
    adapted = load_causal_lm(home / "runs/lora/checkpoints/final", device="cpu")
    tokens = torch.arange(20)[None]
    with torch.no_grad():
        torch.testing.assert_close(
            load_causal_lm(target, device="cpu")(tokens).logits, adapted(tokens).logits, rtol=1e-4, atol=1e-4
        )
    capsys.readouterr()
    assert main(["export", "merged", "lora", "--output", str(target)]) == 1
    assert "exists" in capsys.readouterr().err
    assert main(["export", "merged", str(world.policy), "--output", str(tmp_path / "other")]) == 1
    assert "no adapter" in capsys.readouterr().err and not (tmp_path / "other").exists()


def test_compare_samples_by_the_weights_and_shows_only_the_judges_there_were(world, home, tmp_path, capsys):
    """A copy of the start elsewhere writes what the start wrote, so every pair of the two is a tie or both ways."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(world.policy, copy)
    command = [
        "evaluate", "compare", "--start", str(world.policy), "--policies", f"copy={copy}", "--prompts",
        str(world.prompts), "--reward-models", str(world.reward), "--max-new-tokens", "6", "--samples-per-prompt", "2",
        "--bootstrap-draws", "100", "--device", "cpu", "--run", "compared", "--json",
    ]  # fmt: skip
    assert main(command) == 0
    report = json.loads(capsys.readouterr().out)
    start, copied = (report["policies"][name] for name in ("start", "copy"))
    assert copied["reward_model_score"]["value"] == start["reward_model_score"]["value"]
    assert copied["reward_model_win_rate"]["value"] == 0.5
    assert report["noise_floor"]["value"] is None and 0 < report["reward_model_noise_floor"]["value"] < 1
    page = (home / "runs" / "compared" / "report.html").read_text(encoding="utf-8")
    assert "start against itself, by the reward model" in page and "by the ground truth" not in page
