// The recipe chooser: a preset, or one's own as JSON, checked by the service while it is typed.
import { sentence } from "./words.js";

const OWN = "own";
const TYPING_MS = 350;

export class RecipeChooser {
  constructor(root) {
    this.select = root.querySelector("select");
    this.own = root.querySelector("[data-own]");
    this.text = this.own.querySelector("textarea");
    this.said = this.own.querySelector("[data-own-said]");
    this.select.append(new Option("Your own…", OWN));
    this.select.addEventListener("change", () => this.show());
    let typing = 0;
    this.text.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.check(), TYPING_MS);
    });
    this.show();
  }

  // What to send as `recipe`; null when one's own is not valid, which is then said.
  async value() {
    if (this.select.value !== OWN) return this.select.value;
    if (await this.check()) return this.text.value;
    this.text.focus();
    return null;
  }

  // Send `form` only with a valid recipe.
  guard(form) {
    form.addEventListener("submit", async (event) => {
      if (this.select.value !== OWN) return;
      event.preventDefault();
      const recipe = await this.value();
      if (recipe === null) return;
      const carrier = Object.assign(document.createElement("input"), { type: "hidden" });
      carrier.name = this.select.name;
      carrier.value = recipe;
      this.select.removeAttribute("name");
      form.append(carrier);
      form.submit();
    });
  }

  show() {
    this.own.hidden = this.select.value !== OWN;
    if (!this.own.hidden) this.check();
  }

  async check() {
    const given = this.text.value;
    const problem = await problemOf(given);
    if (given !== this.text.value) return false; // overtaken by more typing
    this.text.setAttribute("aria-invalid", String(problem !== null));
    this.said.replaceChildren(...(problem ? explained(problem) : [line("Valid.", "good")]));
    return problem === null;
  }
}

async function problemOf(text) {
  try {
    const answer = await fetch("/recipes/check", {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      body: text || "{}",
    });
    return answer.ok ? null : await answer.json();
  } catch {
    return { detail: "mediakiln cannot be reached to check the recipe." };
  }
}

function explained({ detail, hint, step, field, allowed }) {
  const lines = [line(sentence(detail), "wrong")];
  if (hint) lines.push(line(sentence(hint)));
  if (step) lines.push(line(`Step: ${step}`));
  if (field) lines.push(line(`Field: ${field}`));
  if (allowed) lines.push(line(`Allowed: ${listed(allowed)}`));
  return lines;
}

function listed(allowed) {
  if (Array.isArray(allowed)) return allowed.join(", ");
  return typeof allowed === "object" ? JSON.stringify(allowed) : String(allowed);
}

function line(text, className = "") {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  paragraph.className = className;
  return paragraph;
}
