"""Plots: lines with bands, estimates with intervals and scatters, as SVG for pages and PNG files, in one quiet palette.

An inline SVG takes its ink from the page (`currentColor`) and its series colours from CSS variables (`--series-1` ...),
so one drawing reads well on light and on dark. A PNG stands on white.
"""

import hashlib
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workbench.statistics.estimates import Estimate

# Six of the colours of Okabe and Ito (2008), told apart by all common kinds of colour blindness; the yellow is left out
# (too faint on white) and each is named again in page.py with a lighter twin for dark pages.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# Stand-ins that the SVG writer turns into CSS; no plot draws with these two colours otherwise.
_INK, _FAINT = "#1b1c1d", "#8b8c8d"
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "axes.grid": True,
    "grid.color": _FAINT,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a line plot; `low` and `high` draw a band around it."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@dataclass(frozen=True, kw_only=True)
class Points:
    """One set of points of a scatter plot; `names` writes a word beside each."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    names: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A drawing that is made when asked for: as inline SVG or as a PNG file."""

    title: str
    caption: str
    draw: Callable[[Axes], None]
    size: tuple[float, float] = (7.0, 3.6)
    """Width and height in inches of 96 dots."""

    def to_svg(self) -> str:
        """An `<svg>` element for a page: no fixed size, no outside reference, the same text on every run."""
        with rc_context({**_STYLE, "svg.hashsalt": self.title}):
            figure = self._figure()
            out = io.StringIO()
            figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        return _inline(out.getvalue(), self.title)

    def save_png(self, path: Path, dpi: int = 160) -> None:
        """Write the drawing on white as a PNG file."""
        with rc_context({**_STYLE, "figure.facecolor": "white", "axes.facecolor": "white"}):
            figure = self._figure()
            figure.suptitle(self.title, x=0.01, ha="left", fontsize=11)
            figure.savefig(path, dpi=dpi, format="png")

    def _figure(self) -> Figure:
        figure = Figure(figsize=self.size, layout="constrained")
        self.draw(figure.add_subplot())
        return figure


def line_plot(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    caption: str = "",
    references: Mapping[str, float] | None = None,
    log_x: bool = False,
) -> Plot:
    """Lines with bands; `references` draws a named level across the plot."""

    def draw(axes: Axes) -> None:
        for i, line in enumerate(lines):
            colour = PALETTE[i % len(PALETTE)]
            axes.plot(
                line.x, line.y, color=colour, label=line.label, linestyle=_DASHES[i // len(PALETTE) % 3]
            )
            if line.low is not None and line.high is not None:
                axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
        if log_x:
            axes.set_xscale("log")
        _references(axes, references, horizontal=True)
        _finish(axes, x_label, y_label, legend=len(lines) > 1)

    return Plot(title=title, caption=caption, draw=draw)


def estimate_plot(
    labels: Sequence[str],
    estimates: Sequence[Estimate],
    *,
    title: str,
    x_label: str,
    caption: str = "",
    references: Mapping[str, float] | None = None,
    bars: bool = False,
    x_limits: tuple[float, float] | None = None,
) -> Plot:
    """One row an estimate, a dot (or a bar from zero) with its interval; missing values say so in their row."""
    if len(labels) != len(estimates):
        raise ValueError(f"{len(labels)} labels for {len(estimates)} estimates")

    def draw(axes: Axes) -> None:
        for row, estimate in enumerate(estimates):
            if estimate.value is None:
                axes.text(
                    0.01, row, "no value", transform=axes.get_yaxis_transform(), va="center", fontsize=8
                )
                continue
            if bars:
                axes.barh(row, estimate.value, height=0.62, color=PALETTE[0], alpha=0.75)
            else:
                axes.plot([estimate.value], [row], "o", color=PALETTE[0], markersize=5)
            if estimate.low is not None and estimate.high is not None:
                ink = _INK if bars else PALETTE[0]
                axes.plot([estimate.low, estimate.high], [row, row], color=ink, linewidth=1.4)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        if x_limits is not None:
            axes.set_xlim(*x_limits)
        _references(axes, references, horizontal=False)
        _finish(axes, x_label, "", legend=False)

    return Plot(title=title, caption=caption, draw=draw, size=(7.0, 0.9 + 0.3 * max(len(labels), 1)))


def bar_plot(
    labels: Sequence[str],
    estimates: Sequence[Estimate],
    *,
    title: str,
    x_label: str,
    caption: str = "",
    references: Mapping[str, float] | None = None,
) -> Plot:
    """Bars from zero with their intervals, one row a label."""
    return estimate_plot(
        labels, estimates, title=title, x_label=x_label, caption=caption, references=references, bars=True
    )


def scatter_plot(
    sets: Sequence[Points],
    *,
    title: str,
    x_label: str,
    y_label: str,
    caption: str = "",
    references: Mapping[str, float] | None = None,
    diagonal: bool = False,
) -> Plot:
    """Sets of points in their own colour and shape; `diagonal` draws the line of equal values."""

    def draw(axes: Axes) -> None:
        for i, points in enumerate(sets):
            axes.scatter(
                points.x,
                points.y,
                s=22,
                color=PALETTE[i % len(PALETTE)],
                marker=_SHAPES[i % len(_SHAPES)],
                alpha=0.8,
                linewidths=0,
                label=points.label,
            )
            for x, y, name in zip(points.x, points.y, points.names or (), strict=False):
                axes.annotate(name, (x, y), xytext=(4, 3), textcoords="offset points", fontsize=8)
        if diagonal:
            axes.axline((0, 0), slope=1, color=_FAINT, linewidth=1, linestyle=":")
        _references(axes, references, horizontal=True)
        _finish(axes, x_label, y_label, legend=len(sets) > 1)

    return Plot(title=title, caption=caption, draw=draw)


_DASHES = ("-", "--", ":")
_SHAPES = ("o", "s", "^", "D", "v", "P")


def _references(axes: Axes, references: Mapping[str, float] | None, *, horizontal: bool) -> None:
    for name, level in (references or {}).items():
        if horizontal:
            axes.axhline(level, color=_FAINT, linewidth=1, linestyle="--")
            place, transform, anchor = (0.995, level), axes.get_yaxis_transform(), ("right", "bottom")
        else:
            axes.axvline(level, color=_FAINT, linewidth=1, linestyle="--")
            place, transform, anchor = (level, 1.0), axes.get_xaxis_transform(), ("center", "bottom")
        axes.text(*place, name, transform=transform, ha=anchor[0], va=anchor[1], fontsize=8, color=_INK)


def _finish(axes: Axes, x_label: str, y_label: str, *, legend: bool) -> None:
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.tick_params(length=3)
    if legend:
        axes.legend(fontsize=9)


def _inline(svg: str, title: str) -> str:
    """The `<svg>` element alone, its colours as CSS, its ids unique to this drawing, its size left to the page."""
    svg = svg[svg.index("<svg") :]
    svg = svg.replace(_INK, "currentColor").replace(_FAINT, "var(--faint, #8b8c8d)")
    for i, colour in enumerate(PALETTE, start=1):
        svg = svg.replace(colour, f"var(--series-{i}, {colour})")
    mark = "p" + hashlib.sha256((title + svg).encode()).hexdigest()[:8]
    svg = re.sub(r'\bid="', f'id="{mark}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\g<1>#{mark}-", svg)
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font(-family)?: ([^;\"]*?)'[^;\"]*", r"font\1: \2sans-serif", svg)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert size is not None, "matplotlib writes a viewBox"
    label = html.escape(title, quote=True)
    # Line ends: what matplotlib says in a style element, which a page's content policy may forbid.
    opening = (
        f'<svg viewBox="0 0 {size[1]} {size[2]}" role="img" aria-label="{label}" stroke-linejoin="round" '
        'stroke-linecap="butt" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return opening + svg[svg.index(">") + 1 :].strip()
