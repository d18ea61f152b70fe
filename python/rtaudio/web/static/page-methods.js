// What an agent may do with this page (docs/client-tools.md): ask the user to choose, and change the page's colour.

import { RpcCode, RpcError } from "./client.js";

const MOST_CHOICES = 12;

/** @param {RtAudioClient} client @param {HTMLElement} place where a question is shown */
export function serveHere(client, place) {
  client.serve("choose", (params, { signal }) => choose(params, signal, place));
  client.serve("set_colour", ({ colour }) => {
    if (!CSS.supports("color", colour)) throw new RpcError(RpcCode.INVALID_PARAMS, `“${colour}” is no colour that a page knows`);
    document.documentElement.style.setProperty("--accent", colour);
  });
}

/** Shows a question with buttons, one at a time; gives the text of the one that is pressed. */
function choose({ question, choices }, signal, place) {
  if (!Array.isArray(choices) || choices.length === 0 || choices.length > MOST_CHOICES) {
    throw new RpcError(RpcCode.INVALID_PARAMS, `give 1 to ${MOST_CHOICES} choices`);
  }
  if (!place.hidden) throw new RpcError(RpcCode.TOO_MANY_CALLS, "the user is being asked something else");
  return new Promise((resolve, reject) => {
    const done = () => {
      place.hidden = true;
      place.replaceChildren();
    };
    const asked = document.createElement("p");
    asked.textContent = question;
    const buttons = choices.map((choice) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = choice;
      button.addEventListener("click", () => {
        done();
        resolve(choice);
      });
      return button;
    });
    place.replaceChildren(asked, ...buttons);
    place.hidden = false;
    signal.addEventListener("abort", () => {
      done();
      reject(signal.reason);
    });
  });
}
