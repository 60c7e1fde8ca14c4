"""Settings of the loop on real data."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.errors import DataError


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """The whole loop on real data: agreement as published, then base, SFT, reward model, DPO, PPO, report."""

    shared: Path | None = None
    """The folder that holds data/; by default what ACCORD_SHARED names."""
    size: Literal["small", "full"] = "full"
    """full trains for longer; small shows in a few minutes that everything works."""

    def data(self) -> Path:
        """The folder of the data; DataError where it is not."""
        root = self.shared or (Path(os.environ["ACCORD_SHARED"]) if os.environ.get("ACCORD_SHARED") else None)
        if root is None:
            raise DataError(
                "the loop needs the real data: set ACCORD_SHARED, or --shared, to the folder that holds data/"
            )
        if not (root / "data").is_dir():
            raise DataError(f"{root} has no data/ in it; ACCORD_SHARED names the folder that holds data/")
        return root / "data"
