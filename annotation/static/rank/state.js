// State: everything an annotator has said about one task, and how each action changes it. Pure functions only.
//
// A place is a tier from 1, ASIDE (shown, not ranked), or null (not placed yet). Cards are positions as shown.

export const ASIDE = "aside";
const DEPTH = 200; // steps that can be undone

/** The state of a task that nobody has touched. */
export function begin(task) {
  const k = task.completions.length;
  const row = (value) => Array.from({ length: k }, () => value);
  const byName = (parts, value) => Object.fromEntries(parts.map((one) => [one.name, value()]));
  return {
    task,
    k,
    criterion: 0,
    focus: 0,
    veiled: Boolean(task.content_warning),
    seen: row(false),
    said: {
      places: byName(task.form.criteria, () => row(null)),
      strength: byName(task.form.criteria, () => null),
      flags: Array.from({ length: k }, () => []),
      answers: byName(task.form.questions, () => row(null)),
      rules: byName(task.form.rules, () => row(null)),
      note: "",
      demonstration: null,
    },
    past: [],
    step: 0,
  };
}

/** The state after an action; the same object where the action changes nothing. */
export function reduce(state, action) {
  const change = ACTIONS[action.type];
  if (!change) throw new Error(`no action '${action.type}'`);
  return change(state, action);
}

/** The criterion that is being ranked. */
export function current(state) {
  return state.task.form.criteria[state.criterion].name;
}

/** The places under a criterion; under the current one where none is given. */
export function placesOf(state, criterion = current(state)) {
  return state.said.places[criterion];
}

/** The cards without a place under a criterion. */
export function unplaced(state, criterion = current(state)) {
  return placesOf(state, criterion).flatMap((place, card) => (place === null ? [card] : []));
}

/** Whether anything was said that a draft should keep. */
export function isTouched(state) {
  return state.step > 0;
}

const ACTIONS = {
  place: (state, { tier, card = state.focus }) =>
    tier < 1 || tier > state.k ? state : advance(put(state, card, tier), card),
  aside: (state, { card = state.focus }) => advance(put(state, card, ASIDE), card),
  unplace: (state, { card = state.focus }) => ({ ...put(state, card, null), focus: card }),
  focus: (state, { card }) => (card < 0 || card >= state.k || card === state.focus ? state : { ...state, focus: card }),
  criterion: (state, { index }) => {
    const there = { ...state, criterion: index };
    return { ...there, focus: unplaced(there)[0] ?? 0 };
  },
  bothBad: (state) => {
    const flags = state.said.flags.map((flags) => (flags.includes("bad") ? flags : [...flags, "bad"]));
    const places = { ...state.said.places, [current(state)]: state.said.places[current(state)].map(() => 1) };
    const strength = { ...state.said.strength, [current(state)]: null };
    return say(state, { flags, places, strength });
  },
  flag: (state, { card = state.focus, name }) => {
    const flags = state.said.flags.map((row, i) =>
      i !== card ? row : row.includes(name) ? row.filter((one) => one !== name) : [...row, name],
    );
    return { ...say(state, { flags }), focus: card };
  },
  answer: (state, { question, card, value }) =>
    say(state, { answers: withCell(state.said.answers, question, card, value) }),
  rule: (state, { rule, card, value }) => say(state, { rules: withCell(state.said.rules, rule, card, value) }),
  strength: (state, { value }) => say(state, { strength: { ...state.said.strength, [current(state)]: value } }),
  note: (state, { text }) => say(state, { note: text }, "note"),
  demonstration: (state, { text }) => say(state, { demonstration: text }, "demonstration"),
  seen: (state, { card }) =>
    state.seen[card] ? state : { ...state, seen: state.seen.map((seen, i) => seen || i === card) },
  veil: (state, { on }) => ({ ...state, veiled: on }),
  undo: (state) => {
    if (state.past.length === 0) return state;
    const last = state.past[state.past.length - 1];
    return { ...state, ...last.before, past: state.past.slice(0, -1), step: state.step + 1 };
  },
};

function put(state, card, place) {
  const name = current(state);
  const places = withCell(state.said.places, name, card, place);
  const [one, two] = places[name];
  const decided = state.k === 2 && Number.isInteger(one) && Number.isInteger(two) && one !== two;
  const strength = decided ? state.said.strength : { ...state.said.strength, [name]: null };
  return say(state, { places, strength });
}

function advance(state, card) {
  const left = unplaced(state);
  const next = left.find((one) => one > card) ?? left[0] ?? card;
  return { ...state, focus: next };
}

// Typing is one step for undo, however many letters it has.
function say(state, change, typing = null) {
  const last = state.past[state.past.length - 1];
  const before = { said: state.said, focus: state.focus, criterion: state.criterion };
  const past = typing && last?.typing === typing ? state.past : [...state.past, { before, typing }].slice(-DEPTH);
  return { ...state, said: { ...state.said, ...change }, past, step: state.step + 1 };
}

function withCell(table, name, card, value) {
  return { ...table, [name]: table[name].map((old, i) => (i === card ? value : old)) };
}
