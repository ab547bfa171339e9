const at = id => document.getElementById(id);
let socket = null;

function enter() {
    const name = encodeURIComponent(at("name").value);
    socket?.close();
    socket = new WebSocket(`ws://localhost:8001/${at("room").value}?name=${name}`);
    socket.onopen = () => { at("text").disabled = false; at("text").focus(); };
    socket.onmessage = event => show(JSON.parse(event.data));
    socket.onclose = left;
}

function show(event) {
    if (event.present) {
        at("presence").textContent = "Here: " + event.present.join(", ");
        return;
    }
    const name = document.createElement("b");
    const line = document.createElement("li");
    name.textContent = event.name;
    // As text, never as HTML: others have written it.
    line.append(name, " ", event.text);
    at("said").append(line);
}

function left(event) {
    if (event.target !== socket) return;
    at("text").disabled = true;
    if (event.code === 4409) {
        at("presence").textContent = "Not here: " + event.reason;
    } else {
        at("presence").textContent = "The line is cut; trying again.";
        setTimeout(enter, 1000 + 2000 * Math.random());
    }
}

at("door").onsubmit = event => { event.preventDefault(); enter(); };
at("say").onsubmit = event => {
    event.preventDefault();
    socket.send(at("text").value);
    at("text").value = "";
};
