// An HTTP/1.1 or HTTP/2 server over TLS: `tls_server.js KIND FOLDER`, on port 8080 of all addresses, until stdin ends.
//
// KIND is the module: `https`, or `http2`, which also speaks HTTP/1.1. Paths, folder and log are those of `tls_server.py`.

const fs = require("fs");
const path = require("path");
const { marked } = require("./tls_bodies.js");

const [kind, folder] = process.argv.slice(2);
const file = (name) => path.join(folder, name);
const log = fs.openSync(file("log"), "w");

// A socket of both families calls 127.0.0.1 ::ffff:127.0.0.1.
const plain = (address) => address.replace(/^::ffff:/, "");

function answer(request, response) {
    const target = request.url;
    const status = Number(target.slice(2, 5));
    const { remoteAddress, remotePort } = request.socket;
    const host = request.headers[":authority"] ?? request.headers.host;
    const entry = { pid: process.pid, client: plain(remoteAddress), client_port: remotePort, method: request.method, path: target, status, host };
    request.resume();
    request.on("end", () => {
        fs.writeSync(log, JSON.stringify(entry) + "\n");
        response.writeHead(status, headersOf(target, status));
        response.end(request.method === "HEAD" || [204, 304].includes(status) ? undefined : bodyOf(target));
    });
}

function bodyOf(target) {
    const [, , form, length] = target.split("/");
    if (form === "marked") return marked(Number(length), "response");
    return ["len", "chunked"].includes(form) ? "b".repeat(Number(length)) : `answer to ${target}\n`;
}

function headersOf(target, status) {
    const lengthless = target.includes("/chunked/") || [204, 304].includes(status);
    return lengthless ? { "content-type": "text/plain" } : { "content-type": "text/plain", "content-length": bodyOf(target).length };
}

const keys = { cert: fs.readFileSync(file("certificate.pem")), key: fs.readFileSync(file("key.pem")), allowHTTP1: true };
const server = kind === "http2" ? require("http2").createSecureServer(keys, answer) : require("https").createServer(keys, answer);
server.listen(8080);
process.stdin.resume().on("end", () => process.exit(0));
