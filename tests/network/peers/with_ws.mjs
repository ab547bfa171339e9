// A peer with ws, which is looked for in the current folder.  See common.py.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { WebSocket, WebSocketServer } = createRequire(process.cwd() + "/")("ws");
const PLEASE = "please:";
let numbers = 0;

function tell(what) {
    console.log(JSON.stringify(what));
}

function converse(peer) {
    const number = numbers++;
    tell({
        opened: number,
        subprotocol: peer.protocol || null,
        isCompressed: peer.extensions !== "",
    });
    peer.on("message", (data, isBinary) => {
        const text = isBinary ? "" : data.toString();
        if (!text.startsWith(PLEASE)) {
            peer.send(data, { binary: isBinary });
            return;
        }
        const order = JSON.parse(text.slice(PLEASE.length));
        if (order.close) {
            peer.close(...order.close);
        } else if (order.ping) {
            peer.ping(order.ping);
        } else {
            const last = order.pieces.pop();
            order.pieces.forEach((piece) => peer.send(piece, { fin: false }));
            peer.send(last);
        }
    });
    peer.on("pong", (payload) => peer.send(`pong ${payload}`));
    peer.on("close", (code, reason) =>
        tell({ closed: number, code, reason: reason.toString() }),
    );
}

const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    perMessageDeflate: { threshold: 0 },
    handleProtocols: (names) => names.has("echo") && "echo",
});
server.on("connection", converse);
server.on("listening", () =>
    console.log(`listening on 127.0.0.1:${server.address().port}`),
);

const orders = createInterface({ input: process.stdin });
orders.on("line", (line) => {
    const { url, subprotocols, isCompressed } = JSON.parse(line);
    const peer = new WebSocket(url, subprotocols, {
        perMessageDeflate: isCompressed && { threshold: 0 },
    });
    peer.on("open", () => converse(peer));
});
orders.on("close", () => process.exit());
