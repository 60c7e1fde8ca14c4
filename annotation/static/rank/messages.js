// Messages: the table of the page's language, which the server put on the page.

let table = {};

/** Use these messages from now on. */
export function useMessages(messages) {
  table = messages;
}

/** Whether there is a message of that key. */
export function known(key) {
  return key in table;
}

/** The message of a key, with `{name}` replaced by the value, and `{name:one|many}` by the words that go with it. */
export function t(key, values = {}) {
  const message = table[key];
  if (message === undefined) throw new Error(`no message '${key}'`);
  return message.replace(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, (_, name, one, many) =>
    one === undefined ? String(values[name]) : values[name] === 1 ? one : many,
  );
}

/** The letter that a card goes by. */
export function letter(card) {
  return "ABCDEFGHI"[card];
}

/** Letters as a list: "A, C". */
export function letters(cards) {
  return cards.map(letter).join(t("rank.comma"));
}
