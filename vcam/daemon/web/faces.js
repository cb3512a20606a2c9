// The gallery of reference faces: choose, add, remove.

import { pictureAddresses, send } from "./api.js";

const TYPES = /^image\//;

export class Faces {
  #box = document.querySelector("#faces");
  #template = document.querySelector("#face");
  #chosen = "";

  constructor({ onChoose, onError, onNews }) {
    this.onChoose = onChoose;
    this.onError = onError;
    this.onNews = onNews;
    this.#box.addEventListener("click", (event) => this.#clicked(event));
    this.#box.addEventListener("keydown", (event) => this.#moved(event));
    document.querySelector("#picture").addEventListener("change", (event) => {
      this.add([...event.target.files]);
      event.target.value = "";
    });
    this.#takeDrops();
  }

  /** Show the faces there are. */
  async load() {
    const { references } = await send("GET", "/api/references");
    const paths = references.map((face) => `/api/references/${face.id}/thumbnail`);
    const addresses = await pictureAddresses(paths);
    this.#box.replaceChildren(...references.map((face, i) => this.#card(face, addresses[i])));
    this.choose(this.#chosen);
  }

  /** Mark the face in use. */
  choose(id) {
    this.#chosen = id;
    const picks = this.#picks();
    for (const pick of picks) {
      const isChosen = pick.dataset.id === id;
      pick.setAttribute("aria-checked", String(isChosen));
      pick.tabIndex = isChosen ? 0 : -1;
    }
    if (picks.length > 0 && !picks.some((pick) => pick.tabIndex === 0)) {
      picks[0].tabIndex = 0;
    }
  }

  /** Make reference faces of files; the last good one is put to use. */
  async add(files) {
    for (const file of files) {
      if (file.type && !TYPES.test(file.type)) {
        this.onNews(`${file.name} is no picture.`);
        continue;
      }
      const waiting = this.#placeholder(file.name);
      try {
        const address = `/api/references?name=${encodeURIComponent(file.name)}`;
        const { reference } = await send("POST", address, file);
        await this.load();
        this.#pickOf(reference.id)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
        this.onChoose(reference.id);
        this.onNews(`${reference.title} is in use now.`);
      } catch (error) {
        waiting.remove();
        this.onError(error);
      }
    }
  }

  #picks() {
    return [...this.#box.querySelectorAll(".face-pick")];
  }

  #pickOf(id) {
    return this.#picks().find((pick) => pick.dataset.id === id);
  }

  #card(face, address) {
    const card = this.#template.content.firstElementChild.cloneNode(true);
    const [pick, remove] = card.children;
    pick.dataset.id = face.id;
    pick.querySelector("img").src = address;
    pick.querySelector(".face-title").textContent = face.title;
    pick.title = face.title;
    remove.hidden = face.built_in;
    remove.dataset.remove = face.id;
    remove.setAttribute("aria-label", `Remove ${face.title}`);
    return card;
  }

  #placeholder(name) {
    const card = this.#template.content.firstElementChild.cloneNode(true);
    card.classList.add("waiting");
    card.querySelector("img").remove();
    card.querySelector(".face-pick").disabled = true;
    card.querySelector(".face-title").textContent = `Looking for the face in ${name}`;
    this.#box.append(card);
    card.scrollIntoView({ block: "nearest", behavior: "smooth" });
    return card;
  }

  async #clicked(event) {
    const pick = event.target.closest(".face-pick");
    const remove = event.target.closest(".face-remove");
    if (pick && !pick.disabled) {
      this.onChoose(pick.dataset.id);
    } else if (remove && confirm(`${remove.getAttribute("aria-label")}?`)) {
      try {
        await send("DELETE", `/api/references/${remove.dataset.remove}`);
      } catch (error) {
        this.onError(error);
      }
    }
  }

  #moved(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const picks = this.#picks();
    const now = picks.indexOf(document.activeElement);
    if (step && now >= 0) {
      event.preventDefault();
      const next = picks[(now + step + picks.length) % picks.length];
      next.focus();
      this.onChoose(next.dataset.id);
    }
  }

  #takeDrops() {
    const drop = document.querySelector("#drop");
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    let depth = 0;
    addEventListener("dragenter", (event) => {
      depth += holdsFiles(event) ? 1 : 0;
      drop.classList.toggle("shown", depth > 0);
    });
    addEventListener("dragleave", (event) => {
      depth -= holdsFiles(event) ? 1 : 0;
      drop.classList.toggle("shown", depth > 0);
    });
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      depth = 0;
      drop.classList.remove("shown");
      this.add([...event.dataTransfer.files]);
    });
  }
}
