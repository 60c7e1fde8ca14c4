// Store: what this browser keeps for one annotator in one project, so that a lost connection or a reload loses nothing.

/** Values by name in localStorage, as JSON. */
export class Store {
  constructor(account, project, storage = window.localStorage) {
    this.prefix = `accord:${account}:${project}:`;
    this.storage = storage;
  }

  get(name, otherwise = null) {
    const text = this.storage.getItem(this.prefix + name);
    return text === null ? otherwise : JSON.parse(text);
  }

  set(name, value) {
    this.storage.setItem(this.prefix + name, JSON.stringify(value));
  }

  remove(name) {
    this.storage.removeItem(this.prefix + name);
  }
}

/** 32 random hexadecimal digits; crypto.randomUUID is missing where a page comes over plain HTTP. */
export function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
