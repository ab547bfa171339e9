// The two demonstrations, and the chart of round trips.

// The sheet is 480 by 300 for everybody, however large it is shown.
const WIDTH = 480;
const HEIGHT = 300;
const STEP = 8;  // of the pen, by keyboard
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Sheet {
  constructor() {
    this.canvas = at("canvas");
    this.ink = this.canvas.getContext("2d");
    this.ink.scale(this.canvas.width / WIDTH, this.canvas.height / HEIGHT);
    this.ink.lineWidth = 2;
    this.ink.lineCap = "round";
    this.unsent = "";
    this.last = null;  // where the pointer was, while it draws
    this.pen = { x: WIDTH / 2, y: HEIGHT / 2, isDown: false };
    this.line = new Line("draw", ["lws-mirror-protocol"], (text) => this.received(text));
    this.canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    this.canvas.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(name, () => { this.last = null; });
    }
    this.canvas.addEventListener("keydown", (event) => this.typed(event));
    this.canvas.addEventListener("blur", () => { at("pen").hidden = true; });
    at("clear-sheet").addEventListener("click", () => this.ink.clearRect(0, 0, WIDTH, HEIGHT));
  }

  /** Draw what somebody has drawn, perhaps we. */
  received(text) {
    for (const part of text.split(";")) {
      const [kind, colour, ...words] = part.trim().split(/\s+/);
      const numbers = words.map(Number);
      if (!/^#([0-9a-f]{3}){1,2}$/i.test(colour) || !numbers.every(Number.isFinite)) {
        continue;
      }
      this.ink.strokeStyle = colour;
      this.ink.beginPath();
      if (kind === "d" && numbers.length === 4) {
        const [fromX, fromY, toX, toY] = numbers;
        this.ink.moveTo(fromX, fromY);
        this.ink.lineTo(toX, toY);
      } else if (kind === "c" && numbers.length === 3 && numbers[2] >= 0) {
        this.ink.arc(...numbers, 0, 2 * Math.PI);
      }
      this.ink.stroke();
    }
  }

  /** Have a line drawn: it is sent with all of this frame's, and drawn when it comes back. */
  draw(from, to) {
    const colour = document.querySelector("[name=colour]:checked").value;
    if (this.unsent === "") {
      requestAnimationFrame(() => {
        this.line.send(this.unsent);
        this.unsent = "";
      });
    }
    this.unsent += `d ${colour} ${from.x} ${from.y} ${to.x} ${to.y};`;
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const onto = (offset, length, range) => Math.round((offset / length) * range * 10) / 10;
    return {
      x: onto(event.clientX - box.left, box.width, WIDTH),
      y: onto(event.clientY - box.top, box.height, HEIGHT),
    };
  }

  pressed(event) {
    if (event.button === 0 && event.isPrimary) {
      this.canvas.setPointerCapture(event.pointerId);
      this.last = this.place(event);
      this.draw(this.last, this.last);
    }
  }

  moved(event) {
    if (this.last !== null && event.isPrimary) {
      const here = this.place(event);
      this.draw(this.last, here);
      this.last = here;
    }
  }

  typed(event) {
    const { pen } = this;
    if (event.key === " ") {
      pen.isDown = !pen.isDown;
      if (pen.isDown) {
        this.draw(pen, pen);
      }
    } else if (event.key in ARROWS) {
      const [right, down] = ARROWS[event.key];
      const from = { ...pen };
      pen.x = Math.min(Math.max(pen.x + right * STEP, 0), WIDTH);
      pen.y = Math.min(Math.max(pen.y + down * STEP, 0), HEIGHT);
      if (pen.isDown) {
        this.draw(from, pen);
      }
    } else {
      return;
    }
    event.preventDefault();
    this.showPen();
  }

  showPen() {
    const { pen } = this;
    const shown = at("pen");
    shown.hidden = false;
    shown.classList.toggle("down", pen.isDown);
    shown.style.left = `${(pen.x / WIDTH) * 100}%`;
    shown.style.top = `${(pen.y / HEIGHT) * 100}%`;
  }
}

function count() {
  const show = (text) => { at("number").textContent = text; };
  const enable = (isOpen) => { at("reset").disabled = !isOpen; };
  const line = new Line("count", ["dumb-increment-protocol"], show, enable);
  at("reset").addEventListener("click", () => line.send("reset\n"));
}

const TRIPS = 60;  // as many as the chart is wide
const EVERY = 500;  // milliseconds

class Trips {
  constructor() {
    this.times = [];  // milliseconds
    this.started = null;
    this.line = new Line("trips", [], () => this.arrived(), () => { this.started = null; });
    setInterval(() => this.start(), EVERY);
  }

  start() {
    if (this.line.isOpen && this.started === null && !document.hidden) {
      this.started = performance.now();
      this.line.send("round trip");
    }
  }

  arrived() {
    this.times.push(performance.now() - this.started);
    this.started = null;
    this.times.splice(0, this.times.length - TRIPS);
    this.show();
  }

  show() {
    const { times } = this;
    const sorted = [...times].sort((one, other) => one - other);
    const [median, slowest] = [sorted[sorted.length >> 1], sorted[sorted.length - 1]];
    const scale = 19 / Math.max(slowest, 1);
    const bar = (time, index) => {
      const x = TRIPS - times.length + index + 0.5;
      return `M${x} 20v-${Math.max(time * scale, 0.5).toFixed(2)}`;
    };
    at("bars").setAttribute("d", times.map(bar).join(""));
    at("latest").textContent = `${times[times.length - 1].toFixed(1)} ms`;
    at("spread").textContent = `Median ${median.toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms`;
  }
}

new Sheet();
count();
new Trips();
