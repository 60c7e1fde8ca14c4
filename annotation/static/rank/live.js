// Live: the lead's figures brought up to date while the page is looked at.

const EVERY_MS = 5000;

const page = document.getElementById("live-page");
const state = document.getElementById("live-state");

const number = (value) => Math.round(value).toLocaleString("en-US");
const percent = (value) => `${(100 * value).toFixed(0)} %`;

// The same words as the service writes (annotation/live_words.py).
const WORDS = {
  number,
  percent,
  decimal: (value) => value.toFixed(2),
  text: String,
  share: ({ value, low, high, n }) =>
    value === null ? "–" : `${percent(value)} (${percent(low)} to ${percent(high)}, n=${number(n)})`,
  age: (moment) => {
    const seconds = Math.max((Date.now() - new Date(moment)) / 1000, 0);
    for (const [size, unit] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
      const count = Math.floor(seconds / size);
      if (count) return `${count} ${unit}${count > 1 ? "s" : ""} ago`;
    }
    return "just now";
  },
};

function at(figures, path) {
  return path.split(".").reduce((value, key) => value?.[key] ?? null, figures);
}

function show(figures) {
  const names = [...page.querySelectorAll("[data-annotator]")].map((row) => row.dataset.annotator);
  const now = figures.annotators.map((each) => each.annotator);
  // Rows come, go and change places seldom: the service then draws the page.
  if (names.join("\n") !== now.join("\n")) return window.location.reload();
  for (const place of page.querySelectorAll("[data-figure]")) {
    const value = at(figures, place.dataset.figure);
    const words = value === null ? "–" : WORDS[place.dataset.as](value);
    if (place.textContent !== words) place.textContent = words;
  }
  state.textContent = `As of ${figures.at.slice(11, 19)} UTC.`;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch(page.dataset.source, { headers: { Accept: "application/json" } });
    if (response.status === 401) return void (state.textContent = "You are signed out: reload the page.");
    if (!response.ok) throw new Error(`the service answered ${response.status}`);
    show(await response.json());
  } catch (error) {
    state.textContent = `Not up to date: ${error.message}`;
  }
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
