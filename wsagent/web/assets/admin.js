// The admin page: what the server shows once a second, and what is asked of it.

const ORDERS = [
  // How it is called, what it goes by, whether the largest is first at first.
  ["Address", "address", false],
  ["Class", "agent", false],
  ["Peer", "peer", false],
  ["Path", "path", false],
  ["Age", "seconds", true],
  ["Received", "octetsReceived", true],
  ["Sent", "octetsSent", true],
  ["Waiting", "buffered", true],
  ["Round trip", "roundTripTime", true],
];
const TYPING = 200;  // milliseconds until what is typed counts

/** Write what a peer has chosen so that it shows, and turns no other text round. */
function plain(text) {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (each) => `\\u{${each.codePointAt(0).toString(16)}}`,
  );
}

/** Set a text, unless it is so: what is selected stays selected. */
function put(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Fill a list of terms, from pairs. */
function fill(list, pairs) {
  pairs.forEach(([term, text], index) => {
    let [dt, dd] = [list.children[2 * index], list.children[2 * index + 1]];
    if (!dd) {
      [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      list.append(dt, dd);
    }
    put(dt, term);
    put(dd, text);
  });
  while (list.childElementCount > 2 * pairs.length) {
    list.lastElementChild.remove();
  }
}

class Board {
  constructor() {
    const full = (octets) => ceiling(octets, prefix(octets)[0]);
    this.charts = {
      agents: new Chart("agents-chart", ["in"], (value) => whole.format(value)),
      messages: new Chart("messages-chart", ["in", "out"], count),
      octets: new Chart("octets-chart", ["in", "out"], brevity, full),
      buffered: new Chart("buffered-chart", ["in"], brevity, full),
      trips: new Chart("trips-chart", ["in"], brief),
    };
    this.before = null;
    this.number = 0;
    this.asked = new Map();
    this.table = new Table(this);
    this.sheet = new Sheet(this);
    this.line = new Line(
      "board", [], (text) => this.received(JSON.parse(text)), (isOpen) => this.changed(isOpen),
    );
  }

  changed(isOpen) {
    this.before = null;
    for (const tell of this.asked.values()) {
      tell({ ok: false, error: "the connection to the server is lost" });
    }
    this.asked.clear();
    if (isOpen) {
      this.show(this.table.view);
      this.ask(["info"]).then(({ ok, result }) => ok && this.about(result));
    }
  }

  /** Ask to see some agents. */
  show(view) {
    this.line.send(JSON.stringify({ view }));
  }

  /** Have a command done; give what is answered. */
  ask(command) {
    this.number += 1;
    const { number } = this;
    return new Promise((resolve) => {
      if (!this.line.isOpen) {
        resolve({ ok: false, error: "there is no connection to the server" });
        return;
      }
      this.asked.set(number, resolve);
      this.line.send(JSON.stringify({ command, number }));
    });
  }

  received(told) {
    if (told.counted) {
      this.counted(told.counted);
    } else if (told.listed) {
      this.table.listed(told.listed);
      this.sheet.listed(this.table.reports);
    } else {
      this.asked.get(told.number)(told.answer);
      this.asked.delete(told.number);
    }
  }

  about(told) {
    const { version, build, python, twisted, reactor, pid, ports } = told;
    at("about").textContent = [
      `version ${version}, ${build}`,
      `Python ${python}, Twisted ${twisted}, ${reactor}`,
      `process ${pid}`,
      `listening on ${ports.join(", ") || "no port"}`,
    ].join(" · ");
  }

  counted(now) {
    const before = this.before ?? now;
    const seconds = now.seconds - before.seconds;
    const rate = (name) => (seconds ? (now.passed[name] - before.passed[name]) / seconds : 0);
    const { passed, connections, agents } = now;
    const { charts } = this;
    const opening = connections - agents;
    charts.agents.add([agents], opening ? `and ${opening} opening or closing` : "");
    charts.messages.add(
      [rate("messagesReceived"), rate("messagesSent")], "received, sent",
    );
    charts.octets.add([rate("octetsReceived"), rate("octetsSent")], "received, sent");
    charts.buffered.add(
      [now.buffered], `peers slow now ${now.slow}, given up ${now.slowEver}`,
    );
    this.trips(now.roundTrips, before.roundTrips);
    this.sums(now, passed);
    at("draining").hidden = !now.isDraining;
    this.before = now;
  }

  trips(now, before) {
    const pings = (trips) => trips.counts.reduce((sum, each) => sum + each);
    const many = pings(now);
    const lately = many - pings(before);
    const mean = lately ? (now.sum - before.sum) / lately : null;
    // The bound below which so many are.
    const below = (part) => {
      let sum = 0;
      const index = now.counts.findIndex((each) => (sum += each) >= part * many);
      return index < now.bounds.length ? `≤ ${brief(now.bounds[index])}` : `> ${brief(now.bounds.at(-1))}`;
    };
    const { trips } = this.charts;
    trips.add(
      [mean ?? trips.lines[0].at(-1) ?? (many ? now.sum / many : null)],
      many ? `half ${below(.5)}, 99 % ${below(.99)}` : "no ping is answered yet",
    );
  }

  sums(now, passed) {
    const counted = (found) => Object.entries(found).map(([key, many]) => [key, whole.format(many)]);
    fill(at("handshakes"), counted(now.handshakes));
    fill(at("closes"), counted(now.closes));
    const ratio = (encoded, of) => (of ? `${fine.format(100 * encoded / of)} % of ${size(of)}` : "–");
    fill(at("passed"), [
      ["messages received", whole.format(passed.messagesReceived)],
      ["messages sent", whole.format(passed.messagesSent)],
      ["octets received", size(passed.octetsReceived)],
      ["octets sent", size(passed.octetsSent)],
      ["pings answered", whole.format(now.roundTrips.counts.reduce((sum, each) => sum + each))],
      ["compressed, received", ratio(now.encodedReceived, now.plainReceived)],
      ["compressed, sent", ratio(now.encodedSent, now.plainSent)],
    ]);
  }
}

class Table {
  constructor(board) {
    this.board = board;
    this.view = { text: "", order: "address", isDescending: false };
    this.reports = new Map();
    this.rows = new Map();
    this.body = at("rows");
    this.heads();
    at("filter").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.choose({ text: at("filter").value.trim() }), TYPING);
    });
    document.addEventListener("keydown", (event) => {
      const isTyping = event.target.matches("input, select, textarea") || at("agent").open;
      if (event.key === "/" && !isTyping) {
        event.preventDefault();
        at("filter").focus();
      }
    });
  }

  heads() {
    for (const [name, order] of ORDERS) {
      const head = document.createElement("th");
      head.scope = "col";
      head.role = "columnheader";
      head.dataset.order = order;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => this.orderBy(order));
      head.append(button);
      at("heads").append(head);
      // For narrow windows, where there are no heads.
      at("order").append(new Option(name, order));
    }
    at("order").addEventListener("change", () => this.orderBy(at("order").value));
    this.showOrder();
  }

  orderBy(order) {
    const isSame = this.view.order === order;
    const first = ORDERS.find((each) => each[1] === order)[2];
    this.choose({ order, isDescending: isSame ? !this.view.isDescending : first });
    this.showOrder();
  }

  showOrder() {
    const { order, isDescending } = this.view;
    for (const head of at("heads").children) {
      const isIt = head.dataset.order === order;
      head.ariaSort = isIt ? (isDescending ? "descending" : "ascending") : "none";
    }
    at("order").value = order;
  }

  choose(change) {
    this.view = { ...this.view, ...change };
    this.isChosen = true;
    this.board.show(this.view);
  }

  /** Ask whether somebody is about to press something: then it stays where it is. */
  get isHeld() {
    return !this.isChosen && (this.body.matches(":hover") || this.body.contains(document.activeElement));
  }

  listed({ matching, columns, rows }) {
    const reports = rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])));
    this.reports = new Map(reports.map((report) => [report.address, report]));
    const { isHeld } = this;
    this.isChosen = false;
    for (const [address, row] of this.rows) {
      row.classList.toggle("gone", !this.reports.has(address));
      if (!isHeld && !this.reports.has(address)) {
        row.remove();
        this.rows.delete(address);
      }
    }
    let place = null;
    for (const report of reports) {
      let row = this.rows.get(report.address);
      if (!row && !isHeld) {
        row = this.makeRow(report.address);
      }
      if (row) {
        this.fill(row, report);
        const next = place ? place.nextElementSibling : this.body.firstElementChild;
        if (!isHeld && next !== row) {
          this.body.insertBefore(row, next);
        }
        place = row;
      }
    }
    const shown = rows.length < matching ? `the first ${rows.length} of ${whole.format(matching)}` : whole.format(matching);
    put(at("matching"), `${shown}${this.view.text ? " that match" : ""}${isHeld ? ", in place while pointed at" : ""}`);
    at("nobody").hidden = matching > 0;
    put(at("nobody"), this.view.text ? "Nobody matches." : "Nobody is here.");
  }

  makeRow(address) {
    const row = document.createElement("tr");
    row.role = "row";  // in narrow windows it is laid out as none
    for (const [name, order] of ORDERS) {
      const isHead = order === "address";
      const cell = document.createElement(isHead ? "th" : "td");
      cell.role = isHead ? "rowheader" : "cell";
      cell.className = order;
      cell.dataset.name = name;
      row.append(cell);
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = address;
    button.ariaHasPopup = "dialog";
    // Kept with the row, which may stay in place longer than its agent.
    button.addEventListener("click", () => this.board.sheet.open(row.report));
    row.firstElementChild.scope = "row";
    row.firstElementChild.append(button);
    this.rows.set(address, row);
    return row;
  }

  fill(row, report) {
    row.report = report;
    const both = (messages, octets) => `${whole.format(messages)} · ${brevity(octets)}`;
    const texts = {
      agent: report.agent,
      peer: plain(report.peer),
      path: plain(report.path) + (report.subprotocol ? ` (${plain(report.subprotocol)})` : ""),
      seconds: age(report.seconds),
      octetsReceived: both(report.messagesReceived, report.octetsReceived),
      octetsSent: both(report.messagesSent, report.octetsSent),
      buffered: brevity(report.buffered),
      roundTripTime: report.roundTripTime === null ? "–" : brief(report.roundTripTime),
    };
    for (const [name, text] of Object.entries(texts)) {
      put(row.getElementsByClassName(name)[0], text);
    }
    row.classList.toggle("slow", report.isSlow);
  }
}

class Sheet {
  constructor(board) {
    this.board = board;
    this.dialog = at("agent");
    at("agent-leave").addEventListener("click", () => this.dialog.close());
    at("message").addEventListener("submit", (event) => {
      event.preventDefault();
      this.do(["message", this.address, at("text").value], "sent").then(() => at("text").select());
    });
    at("close").addEventListener("submit", (event) => {
      event.preventDefault();
      this.do(["kill", this.address, at("code").value, at("reason").value], "closing");
    });
  }

  open(report) {
    const { address } = report;
    this.address = address;
    this.report = report;
    this.dialog.classList.toggle("gone", !this.board.table.reports.has(address));
    at("agent-title").textContent = address;
    at("outcome").textContent = "";
    this.facts();
    this.dialog.showModal();
    at("text").focus();
  }

  listed(reports) {
    if (this.dialog.open) {
      const report = reports.get(this.address);
      this.dialog.classList.toggle("gone", !report);
      this.report = report ?? this.report;
      this.facts();
    }
  }

  facts() {
    const { report } = this;
    fill(at("agent-facts"), [
      ["Class", report.agent],
      ["Peer", plain(report.peer)],
      ["Path", plain(report.path)],
      ["Subprotocol", report.subprotocol ? plain(report.subprotocol) : "none"],
      ["Open for", age(report.seconds)],
      ["Received", `${whole.format(report.messagesReceived)} messages, ${size(report.octetsReceived)}`],
      ["Sent", `${whole.format(report.messagesSent)} messages, ${size(report.octetsSent)}`],
      ["Waiting", size(report.buffered) + (report.isSlow ? ", slow" : "")],
      ["Round trip", report.roundTripTime === null ? "not known yet" : brief(report.roundTripTime)],
    ]);
  }

  async do(command, done) {
    const { ok, error } = await this.board.ask(command);
    at("outcome").textContent = ok ? done : error;
    at("outcome").dataset.state = ok ? "" : "wrong";
  }
}

new Board();
