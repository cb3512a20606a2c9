// The daemon's HTTP API as the page uses it: a session key for this tab, requests, events.

const KEY = "vcam-key";

export class ApiError extends Error {
  constructor({ code, message, hint }) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** Trade the one-time code in the address for a session key. False if this tab has no key. */
export async function enter() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code) {
    history.replaceState(null, "", location.pathname); // the code leaves address and history
    const answer = await send("POST", "/api/session", JSON.stringify({ code }));
    sessionStorage.setItem(KEY, answer.key);
  }
  return sessionStorage.getItem(KEY) !== null;
}

/** Forget the key: it belongs to a run of vcam that is over. */
export function leave() {
  sessionStorage.removeItem(KEY);
}

/** Send a request and read its JSON. Throws ApiError, or TypeError if nobody answers. */
export async function send(method, address, body, signal) {
  const response = await request(method, address, body, signal);
  return response.json();
}

async function request(method, address, body, signal) {
  const key = sessionStorage.getItem(KEY);
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const response = await fetch(address, { method, body, headers, signal, cache: "no-store" });
  if (response.ok) {
    return response;
  }
  let error = { code: "internal", message: `vcam answered ${response.status}.`, hint: "" };
  try {
    error = (await response.json()).error;
  } catch {
    // no JSON: the status says all there is
  }
  throw new ApiError(error);
}

/** The address of a picture with a short right to it. */
export async function pictureAddresses(paths) {
  const { ticket } = await send("POST", "/api/ticket");
  return paths.map((path) => `${path}?ticket=${encodeURIComponent(ticket)}`);
}

/** Server-sent events, one object a time, until the stream or `signal` ends them. */
export async function* events(signal) {
  const response = await request("GET", "/api/events", undefined, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const [, kind, data] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
      if (kind) {
        yield { kind, data: JSON.parse(data) };
      }
    }
  }
}
