/* ws on node, with its optional addon: node ws.js MODULES ROLE CERTIFICATE */

"use strict";

const { createRequire } = require("module");
const fs = require("fs");
const http = require("http");
const https = require("https");

const [modules, role, certificate] = process.argv.slice(2);
const { WebSocket, WebSocketServer } = createRequire(`${modules}/`)("ws");
const HOST = "127.0.0.1";
const BACKLOG = 1024;
const MESSAGE_LIMIT = 2 * 1024 * 1024;

function listenable() {
  if (role !== "tls") return http.createServer();
  const pem = fs.readFileSync(certificate);
  return https.createServer({ cert: pem, key: pem });
}

const server = listenable();
const sockets = new WebSocketServer({
  server,
  perMessageDeflate: role === "deflate",
  maxPayload: MESSAGE_LIMIT,
});
sockets.on("connection", (socket) => {
  socket.on("message", (data, isBinary) => {
    if (role !== "broadcast") {
      socket.send(data, { binary: isBinary });
      return;
    }
    for (const each of sockets.clients) {
      if (each.readyState === WebSocket.OPEN) each.send(data, { binary: isBinary });
    }
  });
});
server.listen(0, HOST, BACKLOG, () => {
  console.log(`listening on ${HOST}:${server.address().port}`);
});
