// The card with messages: what one sends, and a log of what came of it.

function toHex(data) {
  return Array.from(data, (octet) => octet.toString(16).padStart(2, "0")).join(" ");
}

/** Give the octets that hex digits stand for, or null. */
function fromHex(text) {
  const digits = text.replace(/\s+/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) {
    return null;
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Give the text that octets stand for, or null. */
function fromUtf8(data) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return null;
  }
}

const ROWS = 200;
const SHOWN = 1000;  // characters of a message
const TALKATIVE = 3;  // messages a second: more are not read aloud

class Log {
  constructor() {
    this.list = at("rows");
    this.lately = 0;
    at("clear-log").addEventListener("click", () => this.clear());
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.sums = { sent: [0, 0], received: [0, 0] };
    this.showSums();
  }

  /** Note a message, which is a string or a Uint8Array. */
  message(way, data) {
    const isText = typeof data === "string";
    const octets = isText ? utf8.encode(data).length : data.length;
    let shown = isText ? data.slice(0, SHOWN) : toHex(data.subarray(0, SHOWN / 4));
    if (shown.length < (isText ? data.length : data.length * 3 - 1)) {
      shown += " …";
    }
    const row = this.row(way, way === "sent" ? "→" : "←");
    this.put(row, "unseen", way);
    this.put(row, "kind", isText ? "text" : "bytes");
    this.put(row, "size", size(octets));
    this.put(row, "what", shown);
    this.add(row);
    this.sums[way][0] += 1;
    this.sums[way][1] += octets;
    this.showSums();
  }

  /** Note what happened to the connection. */
  event(text) {
    const row = this.row("event", "·");
    this.put(row, "what", text);
    this.add(row);
  }

  row(kind, sign) {
    const row = document.createElement("li");
    row.className = kind;
    const now = new Date();
    const time = now.toTimeString().slice(0, 8);
    const fraction = String(now.getMilliseconds()).padStart(3, "0");
    this.put(row, "", `${time}.${fraction}`, "time");
    this.put(row, "way", sign).ariaHidden = "true";
    return row;
  }

  put(row, kind, text, tag = "span") {
    const element = document.createElement(tag);
    element.className = kind;
    element.textContent = text;
    row.append(element);
    return element;
  }

  add(row) {
    const { list } = this;
    const box = at("log");
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 8;
    this.lately += 1;
    setTimeout(() => { this.lately -= 1; }, 1000);
    box.ariaLive = this.lately > TALKATIVE ? "off" : "polite";
    list.append(row);
    while (list.childElementCount > ROWS) {
      list.firstElementChild.remove();
    }
    if (isAtEnd) {
      box.scrollTop = box.scrollHeight;
    }
  }

  showSums() {
    const [sent, received] = [this.sums.sent, this.sums.received].map(
      ([messages, octets]) => `${messages} (${size(octets)})`,
    );
    at("sums").textContent = `Sent ${sent}, received ${received}`;
  }
}

const MEANINGS = {
  1000: "normal",
  1001: "going away",
  1002: "protocol error",
  1003: "kind of data not taken",
  1005: "without a code",
  1006: "lost: no Close frame came",
  1007: "invalid payload",
  1008: "policy",
  1009: "message too big",
  1011: "error in the server",
  1012: "restart",
  1013: "try again later",
};

class Talk {
  constructor() {
    this.log = new Log();
    this.socket = null;
    this.movesFocus = false;  // from what was pressed, to what comes next
    for (const id of ["connect", "send", "close"]) {
      at(id).addEventListener("submit", (event) => {
        event.preventDefault();
        this.movesFocus = id !== "send";
        this[id]();
      });
    }
    at("subprotocol").addEventListener("change", () => this.chosen());
    at("message").addEventListener("keydown", (event) => this.typed(event));
    for (const id of ["message", "code", "reason", "other"]) {
      at(id).addEventListener("input", () => at(id).setCustomValidity(""));
    }
    for (const radio of document.getElementsByName("kind")) {
      radio.addEventListener("change", () => this.kindChanged());
    }
    this.connect();
  }

  get isBytes() {
    return document.querySelector("[name=kind]:checked").value === "bytes";
  }

  chosen() {
    const isOther = at("subprotocol").value === "other";
    at("other-label").hidden = !isOther;
    at("other").setCustomValidity("");
    if (isOther) {
      at("other").focus();
    }
  }

  connect() {
    const chosen = at("subprotocol").value;
    const wanted = (chosen === "other" ? at("other").value : chosen).trim();
    const names = wanted ? wanted.split(/[\s,]+/) : [];
    let socket;
    try {
      socket = new WebSocket(HERE, names);
    } catch {
      this.complain("other", "Names of subprotocols are tokens, each once, such as v1.example");
      return;
    }
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.opened();
    socket.onmessage = ({ data }) => {
      this.log.message("received", typeof data === "string" ? data : new Uint8Array(data));
    };
    socket.onclose = (event) => this.closed(event);
    this.socket = socket;
    this.hasOpened = false;
    this.become("wait", "connecting");
  }

  opened() {
    const { protocol } = this.socket;
    this.hasOpened = true;
    this.become("open", "open");
    this.log.event(`open, ${protocol ? `subprotocol ${protocol}` : "no subprotocol"}`);
    if (this.movesFocus) {
      at("message").focus();
      this.movesFocus = false;
    }
  }

  closed({ code, reason, wasClean }) {
    if (this.hasOpened) {
      const meaning = MEANINGS[code] ?? (code < 3000 ? "reserved" : "of its own meaning");
      this.log.event(`closed ${code} (${meaning})${reason ? `, “${reason}”` : ""}`);
    } else {
      this.log.event("not opened: the server's log, and the browser's console, say why");
    }
    const isLost = document.activeElement.matches("#send *, #close *");
    this.socket = null;
    this.become(this.hasOpened && wasClean ? "" : "lost", `closed ${code}`);
    if (this.movesFocus || isLost) {
      at("connect-button").focus();
      this.movesFocus = false;
    }
  }

  /** Show a state; what cannot be done in it, cannot be pressed. */
  become(state, text) {
    show("talk-state", state, text);
    const isOpen = state === "open";
    at("connect-button").disabled = this.socket !== null;
    at("connect-button").className = isOpen ? "" : "main";
    at("send-fields").disabled = at("close-fields").disabled = !isOpen;
  }

  complain(id, text) {
    at(id).setCustomValidity(text);
    at(id).reportValidity();
  }

  kindChanged() {
    const message = at("message");
    message.setCustomValidity("");
    at("message-label").textContent = this.isBytes
      ? "Bytes as hex digits, sent with Enter"
      : "Text, sent with Enter";
    message.classList.toggle("hex", this.isBytes);
    if (this.isBytes) {
      message.value = toHex(utf8.encode(message.value));
    } else {
      const data = fromHex(message.value);
      message.value = (data && fromUtf8(data)) ?? message.value;
    }
  }

  typed(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      at("send").requestSubmit();
    }
  }

  send() {
    const text = at("message").value;
    const data = this.isBytes ? fromHex(text) : text;
    if (data === null) {
      this.complain("message", "Pairs of hex digits, such as 68 69 ff");
      return;
    }
    this.socket.send(data);
    this.log.message("sent", data);
    at("message").select();
  }

  close() {
    const [code, reason] = [Number(at("code").value), at("reason").value];
    if (code !== 1000 && !(Number.isInteger(code) && code >= 3000 && code <= 4999)) {
      this.complain("code", "1000, or 3000 to 4999: browsers let a page say no other");
      return;
    }
    if (utf8.encode(reason).length > 123) {
      this.complain("reason", "At most 123 octets fit into a Close frame");
      return;
    }
    this.socket.close(code, reason);
    this.log.event(`closing ${code}${reason ? `, “${reason}”` : ""}`);
    this.become("wait", "closing");
  }
}

at("url").textContent = HERE;
new Talk();
