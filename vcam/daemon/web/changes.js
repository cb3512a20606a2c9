// Changes on their way to the daemon: the newest value of each setting, one request at a time.

import { send } from "./api.js";

/**
 * Sends changes as fast as the daemon takes them and no faster: while one request is under way the
 * newest value of each setting waits, so a slider that is dragged never lags behind the hand.
 */
export class Changes {
  #waiting = {};
  #busy = false;
  #quietSince = 0;

  constructor(onSettings, onError) {
    this.onSettings = onSettings;
    this.onError = onError;
  }

  /** Whether a hand is at work, so that what the daemon reports is older than what is shown. */
  get isBusy() {
    return this.#busy || performance.now() - this.#quietSince < 300;
  }

  async change(changes) {
    Object.assign(this.#waiting, changes);
    if (this.#busy) {
      return;
    }
    this.#busy = true;
    while (Object.keys(this.#waiting).length > 0) {
      const body = JSON.stringify(this.#waiting);
      this.#waiting = {};
      try {
        this.onSettings(await send("PATCH", "/api/settings", body));
      } catch (error) {
        this.onError(error);
      }
    }
    this.#busy = false;
    this.#quietSince = performance.now();
  }
}
