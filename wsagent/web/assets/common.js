// What our pages have in common: a connection that comes back, and small words.

const at = (id) => document.getElementById(id);

/** Where the page comes from, as an address for WebSocket. */
const HERE = location.href.replace(/^http/, "ws").replace(/[?#].*/, "");

/** Show how something is: "open", "wait" or "lost" is its colour. */
function show(id, state, text) {
  at(id).dataset.state = state;
  at(id).textContent = text;
}

const utf8 = new TextEncoder();

/** Write a number of octets. */
function size(octets) {
  if (octets < 1024) {
    return `${octets} octet${octets === 1 ? "" : "s"}`;
  }
  const isBig = octets >= 1024 * 1024;
  return `${(octets / (isBig ? 1048576 : 1024)).toFixed(1)} ${isBig ? "MiB" : "KiB"}`;
}

const LONGEST_PAUSE = 10;  // seconds

/** Connects, and again when that is lost, until it is told to pause. */
class Line {
  /**
   * @param name what its elements are called: NAME-state, and perhaps NAME-pause
   * @param received called with the text of each message
   * @param changed called with whether it is open
   */
  constructor(name, subprotocols, received, changed = () => {}) {
    this.name = name;
    this.subprotocols = subprotocols;
    this.received = received;
    this.changed = changed;
    this.pause = 1;
    at(`${name}-pause`)?.addEventListener("click", () => this.toggle());
    this.connect();
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    const socket = new WebSocket(HERE, this.subprotocols);
    this.socket = socket;
    show(`${this.name}-state`, "wait", "connecting");
    socket.onopen = () => {
      this.pause = 1;
      show(`${this.name}-state`, "open", "open");
      this.changed(true);
    };
    socket.onmessage = (event) => this.received(event.data);
    socket.onclose = () => this.lost();
  }

  lost() {
    show(`${this.name}-state`, "lost", `lost, again in ${this.pause} s`);
    this.changed(false);
    this.retry = setTimeout(() => this.connect(), this.pause * 1000);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }

  send(text) {
    if (this.isOpen) {
      this.socket.send(text);
    }
  }

  toggle() {
    const isPaused = this.socket === null;
    at(`${this.name}-pause`).textContent = isPaused ? "Pause" : "Go on";
    if (isPaused) {
      this.connect();
      return;
    }
    clearTimeout(this.retry);
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
    show(`${this.name}-state`, "", "paused");
    this.changed(false);
  }
}
