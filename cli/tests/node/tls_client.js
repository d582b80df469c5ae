// An HTTP client over TLS: `tls_client.js KIND HOST FOLDER`, speaks to port 8080 of HOST until stdin ends.
//
// KIND is the module: `https` or `http2`. Lines of JSON in and out are those of `tls_client.py`.

const fs = require("fs");
const https = require("https");
const http2 = require("http2");
const path = require("path");
const readline = require("readline");
const { marked } = require("./tls_bodies.js");

const [kind, host, folder] = process.argv.slice(2);
const ca = fs.readFileSync(path.join(folder, "authority.pem"));
// An address cannot be the name of a server in TLS.
const servername = "localhost";
const authority = host.includes(":") ? `[${host}]:8080` : `${host}:8080`;
const kept = new Map();

const bodyOf = (request) => (request.body > 0 ? marked(request.body, "request") : undefined);
const answerOf = (status, socket) => ({ status, client: socket.localAddress, client_port: socket.localPort });

class Https {
    constructor() {
        this.agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    }

    ask(request) {
        const headers = request.last ? { connection: "close" } : {};
        const options = { host, port: 8080, ca, servername, agent: this.agent, method: request.method, path: request.path, headers };
        return new Promise((resolve, reject) => {
            const asked = https.request(options, (response) => {
                const answer = answerOf(response.statusCode, response.socket);
                response.resume().on("end", () => resolve(answer));
            });
            asked.on("error", reject).end(bodyOf(request));
        });
    }

    close() {
        this.agent.destroy();
    }
}

class Http2 {
    constructor() {
        this.session = http2.connect(`https://${authority}`, { ca, servername });
    }

    ask(request) {
        return new Promise((resolve, reject) => {
            const head = { ":authority": authority, ":method": request.method, ":path": request.path };
            const stream = this.session.request(head, { endStream: !request.body });
            if (request.body) stream.end(bodyOf(request));
            let answer;
            stream.on("response", (headers) => (answer = answerOf(headers[":status"], this.session.socket)));
            stream.on("error", reject).on("end", () => resolve(answer)).resume();
        });
    }

    close() {
        this.session.close();
    }
}

async function askAll(index, requests) {
    const answers = [];
    for (const request of requests) {
        if (!kept.has(index)) kept.set(index, kind === "http2" ? new Http2() : new Https());
        answers.push(await kept.get(index).ask(request));
        if (request.last) {
            kept.get(index).close();
            kept.delete(index);
        }
    }
    return answers;
}

async function main() {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const lists = JSON.parse(line);
        const answers = await Promise.all(lists.map((requests, index) => askAll(index, requests)));
        console.log(JSON.stringify(answers.flat()));
    }
    process.exit(0);
}

main();
