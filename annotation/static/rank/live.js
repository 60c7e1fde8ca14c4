// Live: the lead's figures brought up to date while the page is looked at.

import { part } from "./dom.js";
import { t, useMessages } from "./messages.js";
import { local } from "./times.js";

const EVERY_MS = 5000;

useMessages(JSON.parse(part("page-data").textContent).messages);
const page = part("live-page");
const state = part("live-state");

const number = (value) => Math.round(value).toLocaleString("en-US");
const percent = (value) => `${(100 * value).toFixed(0)} %`;

// The same words as the service writes (annotation/live_words.py).
const WORDS = {
  number,
  percent,
  decimal: (value) => value.toFixed(2),
  text: String,
  status: (value) => t(`status.${value}`),
  share: ({ value, low, high, n }) => {
    if (value === null) return "–";
    return `${percent(value)} (${t("live.span", { low: percent(low), high: percent(high) })}, n=${number(n)})`;
  },
  age: (moment) => {
    const seconds = Math.max((Date.now() - new Date(moment)) / 1000, 0);
    for (const [size, unit] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
      const count = Math.floor(seconds / size);
      if (count) return t(`age.${unit}`, { count });
    }
    return t("age.now");
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
  for (const place of page.querySelectorAll("[data-when]")) place.hidden = at(figures, place.dataset.when) === null;
  for (const place of page.querySelectorAll("[data-unless]")) place.hidden = at(figures, place.dataset.unless) !== null;
  state.textContent = t("live.as_of", { time: local(figures.at, "clock") });
}

async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch(page.dataset.source, { headers: { Accept: "application/json" } });
    if (response.status === 401) return void (state.textContent = t("live.signed_out"));
    if (!response.ok) throw new Error(`the service answered ${response.status}`);
    show(await response.json());
  } catch (error) {
    state.textContent = t("live.stale", { message: error.message });
  }
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
