// The page's programs, each put to work where its part is present.
import { AddressPanel } from "./address/panel.js";
import { copying } from "./copy.js";
import { dropping } from "./drop.js";
import { minding } from "./pictures.js";
import { Queue } from "./queue.js";
import { RecipeChooser } from "./recipe.js";
import { localTimes } from "./times.js";
import { watchPage } from "./watch.js";

copying(document);
minding(document);
localTimes(document);
watchPage();

const drop = document.querySelector("#drop");
if (drop) {
  const recipe = new RecipeChooser(drop.querySelector("[data-recipe]"));
  const queue = new Queue(document.querySelector("#fresh"), Number(drop.dataset.max));
  dropping(drop, async (files) => {
    const chosen = await recipe.value();
    if (chosen !== null) queue.add(files, chosen);
  });
}

const again = document.querySelector("[data-again]");
if (again) {
  const recipe = new RecipeChooser(again.querySelector("[data-recipe]"));
  recipe.guard(again);
}

const address = document.querySelector("[data-address]");
if (address) new AddressPanel(address);
