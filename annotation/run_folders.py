"""Run folders, read for their pages: settings, figures and curves of a run."""

from dataclasses import dataclass
from pathlib import Path

from workbench.metrics import read_metrics
from workbench.plots import Line, line_plot

CURVES = 6
POINTS = 400


@dataclass(frozen=True)
class RunFolder:
    """A run folder that may have been moved or removed since it was indexed."""

    path: Path

    @property
    def exists(self) -> bool:
        """Whether the folder is where the registry says."""
        return self.path.is_dir()

    @property
    def report(self) -> Path:
        """The page that the run wrote at its end."""
        return self.path / "report.html"

    @property
    def settings(self) -> str:
        """config.yaml as it was resolved."""
        file = self.path / "config.yaml"
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    def curves(self) -> list[str]:
        """Up to six of the run's metrics as SVG, those with most points first."""
        file = self.path / "metrics.jsonl"
        rows = read_metrics(file) if file.is_file() else []
        series: dict[str, tuple[list[float], list[float]]] = {}
        for row in rows:
            for name, value in row.items():
                if name != "step" and isinstance(value, int | float):
                    steps, values = series.setdefault(name, ([], []))
                    steps.append(row["step"])
                    values.append(value)
        longest = sorted(series, key=lambda name: -len(series[name][0]))[:CURVES]
        return [_curve(name, *series[name]) for name in longest if len(series[name][0]) > 1]


def _curve(name: str, steps: list[float], values: list[float]) -> str:
    stride = max(1, len(steps) // POINTS)
    line = Line(label=name, x=steps[::stride], y=values[::stride])
    return line_plot([line], title=name, x_label="step", y_label=name).to_svg()
