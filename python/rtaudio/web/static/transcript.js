// The transcript as a list: the user's turns, and the agent's replies in three parts: heard, cut, pending.

export class Transcript {
  #list;
  #turns = new Map();
  #replies = new Map();

  /** @param {HTMLOListElement} list */
  constructor(list) {
    this.#list = list;
  }

  clear() {
    this.#list.replaceChildren();
    this.#turns.clear();
    this.#replies.clear();
  }

  /** Shows a message, if it is one to be seen. */
  take(message) {
    const stays = nearEnd();
    switch (message.type) {
      case "user":
        this.#user(message.turn, message.text, message.final);
        break;
      case "backchannel":
        this.#turn(message.turn).item.classList.add("listens");
        break;
      case "reply":
        this.#words(message);
        break;
      case "progress":
        this.#update(message.reply, { heardUntil: message.offset });
        break;
      case "heard":
        this.#update(message.reply, { text: message.text, heardUntil: Infinity });
        break;
      case "cut":
        this.#cut(message);
        break;
      case "notice":
        this.notice(message.level, message.text);
        break;
      default:
        return;
    }
    if (stays) globalThis.scrollTo({ top: document.body.scrollHeight });
  }

  notice(level, text) {
    const item = document.createElement("li");
    item.className = `notice ${level}`;
    item.textContent = text;
    this.#list.append(item);
  }

  #user(turn, text, final) {
    const { item, words } = this.#turn(turn);
    words.textContent = text || (final ? "(nothing understood)" : "…");
    words.classList.toggle("pending", !final);
    item.setAttribute("aria-busy", String(!final));
  }

  #turn(turn) {
    if (!this.#turns.has(turn)) this.#turns.set(turn, this.#append("you", "You"));
    return this.#turns.get(turn);
  }

  #words({ reply, offset, text }) {
    const before = this.#reply(reply).text;
    this.#update(reply, { text: before.slice(0, offset).padEnd(offset) + text });
  }

  #cut({ reply, heard, cut }) {
    if (!heard && !this.#replies.has(reply)) return;
    this.#update(reply, { text: heard, heardUntil: Infinity, cut });
  }

  #reply(reply) {
    if (!this.#replies.has(reply)) {
      this.#replies.set(reply, { ...this.#append("agent", "Agent"), text: "", heardUntil: 0, cut: "" });
    }
    return this.#replies.get(reply);
  }

  #update(number, change) {
    const reply = Object.assign(this.#reply(number), change);
    const parts = [document.createTextNode(reply.text.slice(0, reply.heardUntil))];
    const pending = reply.text.slice(reply.heardUntil);
    if (reply.cut.trim()) parts.push(" ", part("s", "cut", "not heard:", reply.cut.trim()));
    else if (pending) parts.push(part("span", "pending", "", pending));
    reply.words.replaceChildren(...parts);
    reply.item.setAttribute("aria-busy", String(reply.heardUntil !== Infinity)); // read out once, when it is over
  }

  #append(kind, who) {
    const item = document.createElement("li");
    item.className = kind;
    const name = document.createElement("span");
    name.className = "who";
    name.textContent = who;
    const words = document.createElement("span");
    item.append(name, words);
    this.#list.append(item);
    return { item, words };
  }
}

function part(tag, name, spoken, text) {
  const element = document.createElement(tag);
  element.className = name;
  if (spoken) {
    const unseen = document.createElement("span");
    unseen.className = "unseen";
    unseen.textContent = `${spoken} `;
    element.append(unseen);
  }
  element.append(text);
  return element;
}

function nearEnd() {
  return globalThis.innerHeight + globalThis.scrollY > document.body.scrollHeight - 120;
}
