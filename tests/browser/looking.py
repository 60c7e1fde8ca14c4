"""What a test looks for on a page: axe's findings, and a focus that can be seen."""

from pathlib import Path

import axe_playwright_python

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}

STOP = """() => {
  const name = (node) => node.outerHTML.slice(0, 120);
  const node = document.activeElement;
  if (!node || node === document.body) return null;
  const found = [];
  const done = () => ({ isNew, wrong: found });
  const isNew = !node.dataset.seen; // a date has a stop for each of its parts
  node.dataset.seen = "1";
  const style = getComputedStyle(node);
  const outline = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) {
    found.push(`no focus: ${name(node)}`);
    return done();
  }
  const box = node.getBoundingClientRect();
  if (node.getClientRects().length > 1) return done(); // a link over two lines has a frame around each
  const cut = (edges, what) => {
    const over = [edges.left - (box.left - outline), edges.top - (box.top - outline),
      box.right + outline - edges.right, box.bottom + outline - edges.bottom];
    if (Math.max(...over) > 0.5) found.push(`focus cut by ${what} (${over.map(Math.round)}): ${name(node)}`);
  };
  for (let up = node.parentElement; up && up !== document.documentElement; up = up.parentElement) {
    const own = getComputedStyle(up);
    if (own.overflowX !== "visible" || own.overflowY !== "visible") {
      const b = up.getBoundingClientRect();
      cut({ left: b.left, top: b.top, right: b.right, bottom: b.bottom }, up.className || up.tagName);
    }
  }
  if (node.tagName === "TEXTAREA") return done(); // may be taller than the window; the line with the caret is shown
  cut({ left: 0, top: 0, right: innerWidth, bottom: innerHeight }, "the window");
  return done();
}"""
"""Whether the focus is here for the first time, and what is wrong with its frame, which must stand whole; null at the end."""

FOCUSABLE = """() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]");
  const shown = [...all].filter((node) => node.tabIndex >= 0 && !node.disabled && node.type !== "hidden"
    && node.checkVisibility());
  const groups = new Set(shown.map((node) => (node.type === "radio" ? node.name : node)));
  return groups.size;
}"""


def violations(page):
    """Axe's findings on the page, one line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
        for one in found
        for node in one["nodes"]
    ]


def tabbed(page):
    """Go over the page by Tab: how many elements had the focus, and what was wrong with their frames."""
    stops, wrong = 0, []
    # From the top, wherever the page has put the focus by itself.
    page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); window.scrollTo(0, 0); }")
    while stops < 500:
        page.keyboard.press("Tab")
        found = page.evaluate(STOP)
        if found is None:
            return stops, wrong
        stops += found["isNew"]
        wrong += found["wrong"]
    raise AssertionError("Tab never comes to the page's end")
