"""Around the trainer: a name in its arguments, its checkpoints on disk, and its progress bar."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from transformers import TrainingArguments
from transformers.trainer_callback import TrainerCallback

from workbench.console import progress_bar

_ARGUMENTS = {field.name for field in dataclasses.fields(TrainingArguments)}
RECOMPUTE = (
    "activation_checkpointing" if "activation_checkpointing" in _ARGUMENTS else "gradient_checkpointing"
)
"""What the library calls recomputing activations: transformers 5.23 has the first name, 5.17 the second alone."""
STATE_FILE = "trainer_state.json"  # The last file that transformers writes into a checkpoint.


def checkpoints(folder: str | Path) -> list[Path]:
    """The whole checkpoints that a trainer left in a folder, oldest first."""
    found = [path for path in Path(folder).glob("checkpoint-*") if (path / STATE_FILE).is_file()]
    return sorted(found, key=checkpoint_step)


def last_checkpoint(folder: str | Path) -> str | None:
    """The newest whole checkpoint, or None."""
    found = checkpoints(folder)
    return str(found[-1]) if found else None


def drop_checkpoints(folder: str | Path) -> None:
    """Remove what a finished run no longer needs to resume from."""
    for path in checkpoints(folder):
        shutil.rmtree(path)


class Progress(TrainerCallback):  # type: ignore[misc]
    """A progress bar on stderr with the last loss."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show it."""
        self.bar = progress_bar()
        if state.is_world_process_zero:
            self.bar.start()
        self.task = self.bar.add_task("train", total=state.max_steps, completed=state.global_step, note="")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move it on; the last steps are logged, however few."""
        self.bar.update(self.task, completed=state.global_step)
        control.should_log |= state.global_step == state.max_steps

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Show the loss."""
        if "loss" in (logs or {}) and hasattr(self, "bar"):
            self.bar.update(self.task, note=f"loss {logs['loss']:.3f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take it away."""
        self.bar.stop()


def checkpoint_step(checkpoint: Path) -> int:
    """The step that a checkpoint was saved at."""
    number: str = checkpoint.name.rsplit("-", 1)[1]
    return int(number)
