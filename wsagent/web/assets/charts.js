// Small charts of the last two minutes, one line or two each.

const SAMPLES = 120;
const SVG = "http://www.w3.org/2000/svg";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** Write a number that is a rate, or an average. */
function count(value) {
  return (value < 10 ? fine : whole).format(value);
}

/** Write a number of seconds that passed quickly. */
function brief(seconds) {
  const milliseconds = seconds * 1000;
  return milliseconds < 1000 ? `${count(milliseconds)} ms` : `${fine.format(seconds)} s`;
}

/** Write a number of seconds that is an age. */
function age(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = Math.max(0, units.findIndex(([, each]) => seconds >= each));
  if (seconds < 1) {
    return "0 s";
  }
  let left = Math.floor(seconds);
  return units.slice(first, first + 2).map(([name, each]) => {
    const many = Math.floor(left / each);
    left -= many * each;
    return many ? `${many} ${name}` : "";
  }).filter(Boolean).join(" ");
}

/** Round up to 1, 2 or 5 times a power of ten, of some unit. */
function ceiling(value, unit = 1) {
  const power = unit * 10 ** Math.floor(Math.log10(value / unit));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value);
}

/** Write a number of octets, in few characters. */
function brevity(octets) {
  const [unit, name] = prefix(octets);
  return `${count(octets / unit)} ${name}`;
}

/** Find the unit in which a number of octets is written. */
function prefix(octets) {
  const units = [[1, "B"], [1024, "KiB"], [1048576, "MiB"], [1073741824, "GiB"]];
  return units.findLast(([unit]) => octets >= unit) ?? units[0];
}

class Chart {
  /**
   * @param id the card's
   * @param kinds of its lines: the classes of their paths
   * @param write writes a value
   * @param round rounds one up
   */
  constructor(id, kinds, write, round = ceiling) {
    const card = at(id);
    this.write = write;
    this.round = round;
    this.figures = card.querySelectorAll("[data-figure]");
    this.more = card.querySelector("[data-more]");
    this.top = card.querySelector("[data-top]");
    this.lines = kinds.map(() => []);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${SAMPLES - 1} 40`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    this.paths = kinds.map((kind) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", kind);
      svg.append(path);
      return path;
    });
    const plot = document.createElement("div");
    plot.className = "plot";
    plot.append(svg);
    card.append(plot);
  }

  /** Add a value to each line; null is none, and a gap. */
  add(values, more) {
    values.forEach((value, index) => {
      const line = this.lines[index];
      line.push(value);
      line.splice(0, line.length - SAMPLES);
      this.figures[index].textContent = value === null ? "–" : this.write(value);
    });
    this.more.textContent = more;
    this.draw();
  }

  draw() {
    const most = Math.max(...this.lines.flat());
    const top = most > 0 ? this.round(most) : 1;
    this.top.textContent = most > 0 ? this.write(top) : "";
    this.lines.forEach((line, index) => {
      let command = "M";
      let drawn = "";
      line.forEach((value, place) => {
        if (value === null) {
          command = "M";
          return;
        }
        const x = SAMPLES - line.length + place;
        drawn += `${command}${x} ${(39 - 38 * value / top).toFixed(2)}`;
        command = "L";
      });
      this.paths[index].setAttribute("d", drawn);
    });
  }
}
