// The control page: shows what the daemon says, and sends it what the user does. It keeps no state
// of its own, so it follows changes that were made elsewhere.

import { ApiError, enter, events, leave, pictureAddresses } from "./api.js";
import { Changes } from "./changes.js";
import { Faces } from "./faces.js";

const AGAIN_MS = 1500; // between tries to reach a daemon that does not answer

const find = (id) => document.querySelector(`#${id}`);
const preview = find("preview");

const changes = new Changes(settle, showError);
const faces = new Faces({
  onChoose(id) {
    faces.choose(id);
    changes.change({ reference: id });
  },
  onError: showError,
  onNews: toast,
});
let newest = { revision: 0, settings: null };
let facesRevision = 0;
let isMirrored = true;
let watching = null; // ends the streams of this tab

// ---- what the daemon says -----------------------------------------------------------------------

/** Show the newest settings; the sliders only once no hand moves them, or they would jump back. */
function settle(record) {
  if (record.revision >= newest.revision) {
    newest = record;
  }
  showChoices(newest.settings);
  if (changes.isBusy) {
    setTimeout(settle, 200, newest);
  } else {
    showSliders(newest.settings);
  }
}

function showSliders({ strength, layers: [{ detail, tone }] }) {
  for (const [id, value] of Object.entries({ strength, detail, tone })) {
    find(id).value = Math.round(value * 100);
    paintSlider(id);
  }
}

function showChoices(settings) {
  const layer = settings.layers[0];
  showRegions(layer.mask);
  document.querySelector(`[name=mode][value=${layer.mode}]`).checked = true;
  find("on_trouble").value = settings.on_trouble;
  find("mirror_preview").checked = isMirrored = settings.mirror_preview;
  showSwitch("pause", settings.paused, "Resume", "Pause");
  showSwitch("bypass", settings.bypass, "Style my face", "My own face");
}

function showRegions(regions) {
  for (const chip of document.querySelectorAll("[data-region]")) {
    chip.setAttribute("aria-pressed", String(regions.includes(chip.dataset.region)));
  }
}

function paintSlider(id) {
  const slider = find(id);
  slider.style.setProperty("--filled", `${slider.value}%`);
  find(`${id}-value`).textContent = `${slider.value} %`;
}

function showSwitch(id, isOn, whenOn, whenOff) {
  find(id).setAttribute("aria-pressed", String(isOn));
  find(id).querySelector("span").textContent = isOn ? whenOn : whenOff;
}

function showStatus(status) {
  const { engine, published, error } = status;
  const badge = find("state");
  badge.dataset.state = document.body.dataset.state = status.state;
  setText(badge, status.state);
  setText(find("reason"), status.reason);
  setText(find("hint"), error?.hint ?? "");
  find("hint").hidden = !error?.hint;
  document.title = `${status.state} · vcam`;

  const isRunning = published.frames > 0 && published.shown !== "slate";
  const fresh = engine.fps_out < 1 ? "< 1" : engine.fps_out.toFixed(0);
  setText(find("fps"), isRunning ? `${fresh} of ${status.fps.toFixed(0)} fps` : "–");
  const [p50, p95] = published.delay_ms;
  setText(find("delay"), isRunning && p50 > 0 ? `${p50.toFixed(0)} ms` : "–");
  find("delay").title = `95 of 100 pictures within ${p95.toFixed(0)} ms`;
  setText(find("device"), engine.device || "–");
  setText(find("model"), engine.model || "–");
  setText(find("source"), status.source ?? "–");
  showNotes(status.notes);

  const mirrors = isMirrored && published.shown !== "slate"; // a slate is there to be read
  preview.classList.toggle("mirrored", mirrors);
  find("mirrored").hidden = !mirrors;
  preview.parentElement.style.setProperty("--shape", status.size.join(" / "));

  if (status.faces_revision !== facesRevision) {
    facesRevision = status.faces_revision;
    faces.load().catch(showError);
  }
  faces.choose(status.reference.id);
}

function showNotes(notes) {
  const list = find("notes");
  const shown = [...list.children].map((item) => item.textContent);
  if (shown.join("\n") !== notes.join("\n")) {
    list.replaceChildren(
      ...notes.map((note) => {
        const item = document.createElement("li");
        item.textContent = note;
        return item;
      }),
    );
  }
}

/** Set a text only if it is another one, so that screen readers do not repeat themselves. */
function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

function toast(text, hint = "") {
  const box = document.createElement("p");
  box.className = "toast";
  box.textContent = text;
  if (hint) {
    const more = document.createElement("small");
    more.textContent = hint;
    box.append(more);
  }
  find("toasts").append(box);
  setTimeout(() => box.remove(), hint ? 9000 : 4000);
}

function showError(error) {
  if (error instanceof ApiError && error.code === "unauthorised") {
    lock(error.message);
  } else if (error instanceof ApiError) {
    toast(error.message, error.hint);
  } else {
    toast("vcam does not answer.", "Is it still running?");
  }
}

/** Show the way in: this tab has no key, or one of a run of vcam that is over. */
function lock(why = "") {
  leave();
  stopWatching();
  find("locked-why").textContent = why;
  document.body.dataset.view = "locked";
}

// ---- what the user does -------------------------------------------------------------------------

for (const id of ["strength", "detail", "tone"]) {
  find(id).addEventListener("input", () => {
    paintSlider(id);
    changes.change({ [id]: find(id).value / 100 });
  });
}

find("regions").addEventListener("click", ({ target }) => {
  const region = target.closest("[data-region]")?.dataset.region;
  if (!region) {
    return;
  }
  const chips = [...document.querySelectorAll("[data-region][aria-pressed=true]")];
  const on = new Set(chips.map((chip) => chip.dataset.region));
  if (region === "face") {
    on.clear();
    on.add("face");
  } else {
    on.delete("face"); // a part is chosen to have that part alone
    on.has(region) ? on.delete(region) : on.add(region);
  }
  if (on.size === 0) {
    on.add("face");
  }
  showRegions([...on]);
  changes.change({ regions: [...on] });
});

for (const radio of document.querySelectorAll("[name=mode]")) {
  radio.addEventListener("change", () => changes.change({ mode: radio.value }));
}
find("on_trouble").addEventListener("change", ({ target }) => {
  changes.change({ on_trouble: target.value });
});
find("mirror_preview").addEventListener("change", ({ target }) => {
  changes.change({ mirror_preview: target.checked });
});
for (const [id, name] of [["pause", "paused"], ["bypass", "bypass"]]) {
  find(id).addEventListener("click", () => {
    changes.change({ [name]: find(id).getAttribute("aria-pressed") !== "true" });
  });
}

// ---- streams: only while somebody looks ---------------------------------------------------------

async function watch() {
  const control = new AbortController();
  watching = control;
  while (!control.signal.aborted) {
    try {
      await follow(control.signal);
    } catch (error) {
      if (control.signal.aborted) {
        return;
      }
      if (error instanceof ApiError && error.code === "unauthorised") {
        lock("vcam was started anew.");
        return;
      }
      if (error instanceof ApiError) {
        find("reason").textContent = error.message;
      }
    }
    document.body.dataset.view = "lost";
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
}

async function follow(signal) {
  let isFirst = true;
  newest.revision = 0; // another run counts anew
  for await (const { kind, data } of events(signal)) {
    if (kind === "settings") {
      settle(data);
    } else if (kind === "status") {
      showStatus(data);
    }
    if (isFirst) {
      isFirst = false;
      document.body.dataset.view = "live";
      await showPreview();
    }
  }
}

async function showPreview() {
  const [address] = await pictureAddresses(["/api/preview.mjpg"]);
  preview.src = address;
  preview.hidden = false;
}

function stopWatching() {
  watching?.abort();
  watching = null;
  preview.removeAttribute("src");
  preview.hidden = true;
}

preview.addEventListener("error", () => {
  preview.hidden = true;
  setTimeout(() => watching && showPreview().catch(() => {}), AGAIN_MS);
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stopWatching();
  } else if (document.body.dataset.view !== "locked" && watching === null) {
    watch();
  }
});

try {
  if (await enter()) {
    watch();
  } else {
    lock();
  }
} catch (error) {
  lock(error instanceof ApiError ? error.message : "vcam does not answer.");
}
