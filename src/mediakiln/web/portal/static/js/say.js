// What is said to people who cannot see it happen, and to everybody when the line is cut.

const said = document.querySelector("#said");
const lost = document.querySelector("#lost");

export function say(text) {
  said.textContent = text;
}

export function lostLine(text) {
  lost.textContent = text;
  lost.hidden = !text;
}
