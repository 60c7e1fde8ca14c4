// Seen: a card counts as read when its first and its last line were on screen, beside what covers the screen's edges.

/** Watches the cards of one task; `seen(card)` is told once for each. */
export class Watch {
  #observer;

  constructor(cards, { already, top, bottom, seen }) {
    const ends = new Map();
    const left = cards.map(() => new Set(["first", "last"]));
    const margin = `-${Math.ceil(top)}px 0px -${Math.ceil(bottom)}px 0px`;
    this.#observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries.filter((one) => one.isIntersecting)) {
          const { card, end } = ends.get(entry.target);
          this.#observer.unobserve(entry.target);
          if (left[card].delete(end) && left[card].size === 0) seen(card);
        }
      },
      { rootMargin: margin },
    );
    cards.forEach((card, i) => {
      if (already[i]) return;
      for (const end of ["first", "last"]) {
        const mark = card.querySelector(`[data-end=${end}]`);
        ends.set(mark, { card: i, end });
        this.#observer.observe(mark);
      }
    });
  }

  stop() {
    this.#observer.disconnect();
  }
}
