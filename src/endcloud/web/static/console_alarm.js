// Calls an agent: the number of waiting customers in the page's title, and, if wanted, a sound and a notification.

import { keep, kept } from "./i18n.js";

const KEPT = "endcloud:alarm";

export class Alarm {
  #t;
  #title = document.title;
  #known = null;
  #audio = null;

  constructor(t, button) {
    this.#t = t;
    this.on = kept(KEPT) === "on";
    button.addEventListener("click", () => this.#switch(button));
    this.#label(button);
  }

  /** Hears who waits now; new names ring. The first list is what was there already, and rings nothing. */
  hear(waiting) {
    const names = new Set(waiting);
    document.title = names.size ? `(${names.size}) ${this.#title}` : this.#title;
    const fresh = this.#known !== null && waiting.some((name) => !this.#known.has(name));
    this.#known = names;
    if (fresh && this.on) this.#ring();
  }

  async #switch(button) {
    this.on = !this.on;
    keep(KEPT, this.on ? "on" : null);
    this.#label(button);
    if (!this.on) return;
    this.#beep();
    if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
  }

  #label(button) {
    button.textContent = this.#t(this.on ? "alertOn" : "alertOff");
    button.classList.toggle("on", this.on);
    button.setAttribute("aria-pressed", String(this.on));
  }

  #ring() {
    this.#beep();
    // No customer's words: a notification is seen by whoever passes the screen.
    if ("Notification" in window && Notification.permission === "granted" && document.hidden) {
      new Notification(this.#t("alertTitle"), { tag: "endcloud-waiting" });
    }
  }

  #beep() {
    try {
      this.#audio ??= new AudioContext();
      const [tone, volume] = [this.#audio.createOscillator(), this.#audio.createGain()];
      const now = this.#audio.currentTime;
      tone.frequency.setValueAtTime(660, now);
      tone.frequency.setValueAtTime(880, now + 0.12);
      volume.gain.setValueAtTime(0.08, now);
      volume.gain.exponentialRampToValueAtTime(0.0001, now + 0.4);
      tone.connect(volume).connect(this.#audio.destination);
      tone.start(now);
      tone.stop(now + 0.4);
    } catch {
      /* a browser without sound: the title and the list say it as well */
    }
  }
}
