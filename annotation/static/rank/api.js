// API: requests to the service, with the page's token, and its refusals as errors that say what they are.

import { known, t } from "./messages.js";

/** The service refused: `code` is its word for why, said in the page's language where there is a message for it. */
export class Refused extends Error {
  constructor(status, { code = "unknown", message = "", field = null } = {}) {
    const key = `error.${code}`;
    super(known(key) ? t(key, { field: field ?? "?" }) : message || t("error.unknown", { status }));
    Object.assign(this, { status, code, field });
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status >= 500 || this.status === 429;
  }

  /** Whether the annotator has to sign in again. */
  get signedOut() {
    return this.status === 401 || this.code === "form-refused";
  }
}

/** Nothing came back: no connection, or none in time. */
export class Unreachable extends Error {}

const PATIENCE_MS = 20000;

/** Calls of one annotator in one project. */
export class Api {
  constructor(project, csrf) {
    this.project = encodeURIComponent(project);
    this.csrf = csrf;
  }

  next(exclude) {
    return this.#send("POST", `projects/${this.project}/tasks/next`, { exclude });
  }

  heartbeat(task) {
    return this.#send("POST", `tasks/${task}/heartbeat`, {});
  }

  saveDraft(task, content, seconds, keepalive = false) {
    return this.#send("PUT", `tasks/${task}/draft`, { content, seconds }, { keepalive });
  }

  /** `kind` is submit or skip; the key makes a repeated request the same one. */
  answer(kind, task, body, key) {
    return this.#send("POST", `tasks/${task}/${kind}`, body, { key });
  }

  ask(task, text) {
    return this.#send("POST", `tasks/${task}/question`, { text });
  }

  revise(submission) {
    return this.#send("POST", `submissions/${submission}/revise`, {});
  }

  history(before, limit = 20) {
    const query = new URLSearchParams({ limit, ...(before ? { before } : {}) });
    return this.#send("GET", `projects/${this.project}/history?${query}`);
  }

  guideline(version) {
    const query = version ? `?${new URLSearchParams({ version })}` : "";
    return this.#send("GET", `projects/${this.project}/guideline${query}`);
  }

  acknowledge(version) {
    return this.#send("POST", `projects/${this.project}/guideline/acknowledge`, { version });
  }

  async #send(method, path, body, { key = null, keepalive = false } = {}) {
    const headers = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (method !== "GET") headers["X-CSRF-Token"] = this.csrf;
    if (key) headers["Idempotency-Key"] = key;
    const content = body === undefined ? undefined : JSON.stringify(body);
    let response, text;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      response = await fetch(`/api/v1/${path}`, { method, headers, body: content, keepalive, signal });
      text = await response.text();
    } catch (error) {
      throw new Unreachable(t("notice.unreachable"), { cause: error });
    }
    if (!response.ok) throw new Refused(response.status, readError(text));
    return text ? JSON.parse(text) : null;
  }
}

function readError(text) {
  try {
    return JSON.parse(text).error ?? {};
  } catch {
    return {}; // A proxy's page, not the service's answer: the status is all there is.
  }
}
