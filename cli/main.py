"""The `accord` command: find the handler in one table, import it, call it, and turn errors into exit codes."""

import errno
import os
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

# A waiting OpenMP thread must sleep: spinning ones starve each other on shared cores. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@dataclass(frozen=True)
class Command:
    """One command: where its handler is, and one line on what it does."""

    handler: str
    help: str


COMMANDS: dict[str, Command] = {
    "demo": Command("cli.demo:demo", "the whole loop on two cores, from made-up stories to a report"),
    "loop": Command("cli.loop:loop", "the whole loop on real data"),
    "init": Command("cli.data:init", "make the database"),
    "serve": Command("cli.serve:serve", "start the labeling service"),
    "worker": Command("cli.worker:worker", "do the background work on PostgreSQL"),
    "audit verify": Command("cli.worker:audit_verify", "check the chain of the audit trail"),
    "account create": Command("cli.serve:create_account", "make an account that can sign in"),
    "project create": Command("cli.data:project_create", "make a project"),
    "project show": Command("cli.data:project_show", "show a project's counts"),
    "annotator invite": Command("cli.people:annotator_invite", "make a link that invites to a project"),
    "annotator withdraw": Command(
        "cli.data:annotator_withdraw", "exclude an annotator from then on; list what used them"
    ),
    "gold damaged": Command("cli.gold:damaged", "make gold comparisons by spoiling completions"),
    "gold accuracy": Command("cli.gold:accuracy", "how far each annotator agrees with gold"),
    "import comparisons": Command("cli.imports:import_comparisons", "read comparisons.jsonl into a project"),
    "import prompts": Command("cli.imports:import_prompts", "read prompts.jsonl into a project's pools"),
    "import demonstrations": Command(
        "cli.imports:import_demonstrations", "read demonstrations.jsonl into a project"
    ),
    "import pairs": Command("cli.imports:import_pairs", "read preference pairs (prompt, chosen, rejected)"),
    "import hh": Command("cli.imports:import_hh", "read HH transcripts (chosen, rejected)"),
    "import rated": Command(
        "cli.imports:import_rated", "read rated completions (UltraFeedback, HelpSteer, MQM)"
    ),
    "import trees": Command("cli.imports:import_trees", "read conversation trees (OASST)"),
    "import pandalm": Command("cli.imports:import_pandalm", "read PandaLM's comparisons by three annotators"),
    "import wmt": Command("cli.imports:import_wmt", "read WMT's five-way rankings"),
    "import label-studio": Command(
        "cli.label_studio:import_label_studio", "bring annotations back from Label Studio, checked"
    ),
    "export label-studio": Command(
        "cli.label_studio:export_label_studio", "send comparisons to Label Studio, blinded and shuffled"
    ),
    "export trl": Command("cli.exports:export_trl", "write preference pairs for TRL"),
    "export hf": Command("cli.exports:export_hf", "write a datasets folder"),
    "export comparisons": Command("cli.exports:export_comparisons", "write comparisons.jsonl"),
    "export merged": Command("cli.policy:export_merged", "write a model with its adapter merged in"),
    "snapshot create": Command("cli.data:snapshot_create", "freeze a project's labels under their hash"),
    "snapshot show": Command("cli.data:snapshot_show", "show and verify a snapshot"),
    "agreement": Command("cli.agreement:agreement", "how far annotators agree, with intervals"),
    "study simulate": Command("cli.study:simulate", "try a labeling study on simulated annotators"),
    "overlap plan": Command("cli.overlap:plan", "which comparisons get another vote"),
    "pretrain tokenizer": Command("cli.pretrain:tokenizer", "train a byte-level BPE tokenizer"),
    "pretrain pack": Command("cli.pretrain:pack", "tokenise text into packed shards"),
    "pretrain train": Command("cli.pretrain:train", "train a base model"),
    "sft train": Command("cli.sft:train", "fine-tune a base model on demonstrations"),
    "sample": Command("cli.policy:sample", "sample K completions a prompt from a checkpoint"),
    "reward train": Command("cli.reward:train", "train a reward model on whole rankings"),
    "reward score": Command("cli.reward:score", "score completions with a reward model"),
    "reward evaluate": Command("cli.reward:evaluate", "accuracy and calibration on a snapshot"),
    "ppo train": Command("cli.policy:ppo_train", "train a policy against a reward model"),
    "dpo train": Command("cli.dpo:train", "train a policy on rankings directly"),
    "evaluate compare": Command(
        "cli.evaluate:compare", "compare policies: win rates, KL, diversity, perplexity"
    ),
    "evaluate frontier": Command("cli.evaluate:frontier", "reward against KL along a run's checkpoints"),
    "runs list": Command("cli.runs:runs_list", "list runs"),
    "runs show": Command("cli.runs:runs_show", "show one run"),
    "runs index": Command("cli.runs:runs_index", "find run folders that the database misses"),
    "lineage": Command("cli.lineage:lineage", "from a checkpoint back to its labels"),
    "chat": Command("cli.policy:chat", "talk to a checkpoint"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, 1 (it failed) or 2 (wrong use)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
        return 0
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"accord {version('accord')}")
        return 0
    name, rest = split_command(arguments)
    if name not in COMMANDS:
        print(_unknown(arguments), file=sys.stderr)
        return 0 if rest in (["--help"], ["-h"]) else 2
    return _run(name, rest)


def split_command(arguments: list[str]) -> tuple[str, list[str]]:
    """The command's name (two words, or one) and what follows it."""
    two = " ".join(arguments[:2])
    if two in COMMANDS:
        return two, arguments[2:]
    return arguments[0], arguments[1:]


def overview() -> str:
    """The list of commands."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: accord COMMAND [options]     (accord COMMAND --help shows the options and an example)",
            "",
            *lines,
            "",
            "ACCORD_HOME (default ./accord-data) holds the database, runs and snapshots.",
        ]
    )


def _unknown(arguments: list[str]) -> str:
    group = [name for name in COMMANDS if name.split()[0] == arguments[0]]
    if group:
        return f"accord {arguments[0]}: choose one of {', '.join(group)}"
    near = get_close_matches(" ".join(arguments[:2]), COMMANDS, n=1) or get_close_matches(
        arguments[0], COMMANDS, n=1
    )
    hint = f"did you mean 'accord {near[0]}'?" if near else "'accord --help' lists the commands"
    return f"accord: no command '{arguments[0]}'; {hint}"


def _run(name: str, rest: list[str]) -> int:
    from workbench.console import is_first_process
    from workbench.errors import AccordError, UsageError

    # peft 0.21 asks transformers for the old name when it wraps a model; gone when peft follows.
    warnings.filterwarnings("ignore", ".*is_gradient_checkpointing. is deprecated", FutureWarning)
    module, function = COMMANDS[name].handler.split(":")
    try:
        if is_first_process():
            return getattr(import_module(module), function)(rest) or 0
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            return getattr(import_module(module), function)(rest) or 0
    except UsageError as error:
        if str(error):
            print(f"accord {name}: {error}", file=sys.stderr)
        return 2
    except (AccordError, ValueError) as error:
        print(f"accord {name}: {error}", file=sys.stderr)
        if os.environ.get("ACCORD_TRACEBACK"):
            raise
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        # What the code at hand did not expect of the machine: no permission, no space, a file size limit.
        print(f"accord {name}: {_machine_error(error)}", file=sys.stderr)
        if os.environ.get("ACCORD_TRACEBACK"):
            raise
        return 1
    except KeyboardInterrupt:
        goes_on = name in ("demo", "loop") or name.endswith(" train")
        more = "; the same command goes on from the last checkpoint" if goes_on else ""
        print(f"accord {name}: interrupted{more}", file=sys.stderr)
        return 130


def _machine_error(error: OSError) -> str:
    ways_out = {
        errno.ENOSPC: "free some space and run the same command again",
        errno.EDQUOT: "free some space and run the same command again",
        errno.EFBIG: "raise the limit on file sizes (ulimit -f) and run the same command again",
        errno.EACCES: "grant the permission, or set ACCORD_HOME to a folder that you can write to",
        errno.EROFS: "set ACCORD_HOME to a folder that you can write to",
    }
    place = f"{error.filename}: " if error.filename else ""
    fix = ways_out.get(error.errno or 0, "ACCORD_TRACEBACK=1 shows where it happened")
    return f"{place}{error.strerror or error}; {fix}"


if __name__ == "__main__":
    sys.exit(main())
