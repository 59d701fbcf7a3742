// Uploads, a few at a time; each has its panel from the moment its file is handed over.
import { fetchPart } from "./fragment.js";
import { Pending } from "./pending.js";
import { Refused } from "./request.js";
import { say } from "./say.js";
import { send } from "./send.js";
import { watch } from "./watch.js";

const AT_ONCE = 3; // browsers open six connections to a host, and the page needs some itself
const OPEN_PANELS = 3; // of one handful; more are shown as rows

export class Queue {
  constructor(place, maxBytes) {
    this.place = place;
    this.maxBytes = maxBytes;
    this.waiting = [];
    this.running = 0;
  }

  add(files, recipe) {
    const view = files.length > OPEN_PANELS ? "row" : "panel";
    document.querySelector("#empty")?.remove();
    this.place.hidden = false;
    const jobs = files.map((file) => ({ file, recipe, view, pending: new Pending(file) }));
    this.place.prepend(...jobs.map((job) => job.pending.element));
    jobs.forEach((job) => job.pending.waits());
    this.waiting.push(...jobs);
    say(files.length === 1 ? `Uploading ${files[0].name}` : `Uploading ${files.length} files`);
    this.next();
  }

  next() {
    while (this.running < AT_ONCE && this.waiting.length) {
      this.running += 1;
      this.run(this.waiting.shift()).finally(() => {
        this.running -= 1;
        this.next();
      });
    }
  }

  async run({ file, recipe, view, pending }) {
    try {
      const asset = await send(file, recipe, this.maxBytes, {
        progress: (share) => pending.progress(share),
        started: (stop) => pending.onCancel(stop),
      });
      const part = await fetchPart(`/assets/${asset.id}/${view}`);
      if (view === "row") document.querySelector("#rows").prepend(part);
      else pending.element.before(part);
      pending.element.remove();
      pending.free();
      watch(asset.id);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      pending.refused(error.problem);
      say(`${file.name}: ${error.message}`);
    }
  }
}
