// Times: moments that the service wrote in UTC, shown in the reader's own time; the tooltip keeps what was written.

const PARTS = {
  minute: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

/** A moment as the reader's clock shows it: 2026-11-25 09:30. */
export function local(moment, how = "minute") {
  // Swedish writes dates as ISO 8601 does, and so do all our pages.
  return new Date(moment).toLocaleString("sv-SE", PARTS[how]);
}

/** Turn every moment on the page. */
export function showLocally(root = document) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.title = time.textContent;
    time.textContent = local(time.dateTime, time.dataset.local);
  }
}

showLocally();
