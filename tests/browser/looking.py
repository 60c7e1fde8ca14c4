"""What a test looks for on a page: axe's findings, and a focus that can be seen."""

from pathlib import Path

import axe_playwright_python

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

UNSEEN = """() => {
  const name = (node) => node.outerHTML.slice(0, 120);
  const node = document.activeElement;
  if (!node || node === document.body) return [];
  const style = getComputedStyle(node);
  const outline = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return [`no focus: ${name(node)}`];
  const box = node.getBoundingClientRect();
  if (node.getClientRects().length > 1) return []; // a link over two lines has a frame around each
  const found = [];
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
  if (node.tagName === "TEXTAREA") return found; // may be taller than the window; the line with the caret is shown
  cut({ left: 0, top: 0, right: innerWidth, bottom: innerHeight }, "the window");
  return found;
}"""
"""What is wrong with the frame of the element that has the focus; it must stand whole within all that could cut it."""

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
        if page.evaluate("document.activeElement === document.body"):
            return stops, wrong
        # A date has a stop for each of its parts.
        stops += page.evaluate(
            "() => { const node = document.activeElement; const is_new = !node.dataset.seen;"
            " node.dataset.seen = '1'; return is_new; }"
        )
        wrong += page.evaluate(UNSEEN)
    raise AssertionError("Tab never comes to the page's end")
