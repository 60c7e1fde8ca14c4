// Keys: from what was pressed to a command, and when a key counts at all.
//
// Keys are read by position, so that digits work on a French keyboard and letters on a Russian or Chinese one.
// Where a position means nothing, the letter printed on the key does: `a` and `m` on AZERTY.

const LETTERS = {
  m: "flags",
  n: "note",
  s: "skip",
  u: "undo",
  x: "bothBad",
  j: "older",
  k: "newer",
  l: "ask",
  p: "prompt",
  r: "guideline",
  t: "nextCriterion",
  v: "veil",
  y: "strength",
};
const NAMED = {
  Enter: "submit",
  NumpadEnter: "submit",
  Escape: "leave",
  Backspace: "unplace",
  ArrowLeft: "previousCard",
  ArrowRight: "nextCard",
};
const QUIET_MS = 200;

/** The command of a key event: { name, tier?, card? }, or null. */
export function commandOf(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return null;
  if (event.key === "?") return { name: "keyMap" };
  if (event.code in NAMED) return { name: NAMED[event.code] };
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
  // Shift makes the digit on AZERTY, and another sign elsewhere.
  if (digit && (!event.shiftKey || event.key === digit[1])) return ofDigit(Number(digit[1]));
  if (event.shiftKey) return null;
  const position = /^Key([A-Z])$/.exec(event.code);
  return (position && ofLetter(position[1].toLowerCase())) ?? ofLetter(event.key);
}

/** Whether the command is a single letter, digit or sign, which WCAG 2.1.4 lets people turn off. */
export function isCharacter(event) {
  return !(event.code in NAMED);
}

/** Whether the event belongs to a field in which people write or choose. */
export function isWriting(target) {
  return target.matches?.("textarea, select, input:not([type=radio]):not([type=checkbox])") ?? false;
}

/** Keys are dead after the task changes until all are up, and for 200 ms: a held or doubled key hits one task only. */
export class Guard {
  #down = new Set();
  #held = new Set();
  #changed = -Infinity;

  constructor(now = () => performance.now()) {
    this.now = now;
  }

  /** The task has changed. */
  changed() {
    this.#held = new Set(this.#down);
    this.#changed = this.now();
  }

  /** A key went down; whether it counts. */
  down(event) {
    const counts = !event.repeat && this.#held.size === 0 && this.now() - this.#changed >= QUIET_MS;
    this.#down.add(event.code);
    return counts;
  }

  /** A key went up. */
  up(event) {
    this.#down.delete(event.code);
    this.#held.delete(event.code);
  }

  /** The window lost the keyboard: no key-up will come. */
  forget() {
    this.#down.clear();
    this.#held.clear();
  }
}

function ofDigit(digit) {
  return digit === 0 ? { name: "aside" } : { name: "tier", tier: digit };
}

function ofLetter(key) {
  if (/^[a-i]$/.test(key)) return { name: "card", card: key.charCodeAt(0) - 97 };
  return LETTERS[key] ? { name: LETTERS[key] } : null;
}
