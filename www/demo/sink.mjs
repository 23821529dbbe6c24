/**
 * The sink plays every third party of the demo site on one other origin: it answers what the tracking libraries
 * ask and keeps a list of what reached it. That list is the evidence the panel and the end-to-end tests look at:
 * what a page claims about itself proves nothing, what arrived elsewhere does (G1).
 *
 *   node www/demo/sink.mjs --port 4401
 *   GET  /__log?since=N   entries with seq >= N, as JSON
 *   POST /__reset         empties the list
 *   GET  /__dead          accepts the connection and never answers (a dead third party)
 */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const HOST = "127.0.0.1";
const LOG_LIMIT = 5000;

const file = (name) => readFileSync(new URL(`./sink/${name}`, import.meta.url));
const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

/**
 * What each path belongs to: `kind` is the library, `service` its id in askfirst.json, `what` the role of the
 * request. Only `report` carries data about the visit; a test counts those, one per library and page view.
 */
const ROUTES = [
  { path: /^\/api\/event$/, kind: "plausible", service: "plausible", what: "report", answer: text(202, "ok") },
  { path: /^\/(e|i\/v0\/e|batch|capture)\/?$/, kind: "posthog", service: "posthog", what: "report", answer: json({ status: 1 }) },
  { path: /^\/(flags|decide|array|static|s|ses)\b/, kind: "posthog", service: "posthog", what: "settings", answer: json({}) },
  { path: /^\/matomo\.js$/, kind: "matomo", service: "matomo", what: "script", answer: asset("text/javascript", "matomo.js") },
  { path: /^\/matomo\.php$/, kind: "matomo", service: "matomo", what: "report", answer: empty(204) },
  { path: /^\/gtag\/js$/, kind: "google-ads", service: "google-ads", what: "script", answer: asset("text/javascript", "gtag.js") },
  { path: /^\/g\/collect$/, kind: "google-ads", service: "google-ads", what: "report", answer: empty(204) },
  { path: /^\/px\/script\.gif$/, kind: "tidemark-script", service: "tidemark-pixel", what: "report", answer: gif },
  { path: /^\/px\/page\.gif$/, kind: "tidemark-image", service: "tidemark-pixel", what: "report", answer: gif },
  { path: /^\/embed\/video$/, kind: "video", service: "video", what: "frame", answer: asset("text/html", "video.html") },
];

function empty(status) {
  return (res) => res.writeHead(status).end();
}
function text(status, body) {
  return (res) => res.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(body);
}
function json(value) {
  return (res) => res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}
function gif(res) {
  res.writeHead(200, { "content-type": "image/gif" }).end(GIF);
}
function asset(type, name) {
  const body = file(name);
  return (res) => res.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
}

/** The visitor's origin is reflected because libraries send credentials, which CORS refuses with a star. */
function allow(req, res) {
  res.setHeader("access-control-allow-origin", req.headers.origin ?? "*");
  if (req.headers.origin) res.setHeader("access-control-allow-credentials", "true");
  res.setHeader("access-control-allow-methods", "GET, POST, OPTIONS");
  res.setHeader("access-control-allow-headers", req.headers["access-control-request-headers"] ?? "content-type");
  res.setHeader("cross-origin-resource-policy", "cross-origin");
  res.setHeader("vary", "origin");
  res.setHeader("cache-control", "no-store");
}

/** Only the site's origin: the log says that a page told somebody something, not which page or what. */
function origin(req) {
  const from = req.headers.origin ?? req.headers.referer;
  try {
    return new URL(from).origin;
  } catch {
    return null;
  }
}

/**
 * Starts the sink. Port 0 takes any free one. Resolves once it listens.
 * @param {{ port?: number }} options
 * @returns {Promise<{ url: string, log: object[], close: () => Promise<void> }>}
 */
export function startSink({ port = 4401 } = {}) {
  const log = [];
  let seq = 0;

  const server = createServer((req, res) => {
    const url = new URL(req.url, `http://${HOST}`);
    allow(req, res);
    req.resume();

    if (url.pathname === "/__log") {
      const since = Number(url.searchParams.get("since") ?? 0) || 0;
      return json({ now: Date.now(), next: seq, entries: log.filter((entry) => entry.seq >= since) })(res);
    }
    if (url.pathname === "/__reset") {
      log.length = 0;
      return empty(204)(res);
    }

    const route = ROUTES.find((candidate) => candidate.path.test(url.pathname));
    const dead = url.pathname === "/__dead";
    log.push({
      seq: seq++,
      t: Date.now(),
      method: req.method,
      host: req.headers.host,
      path: url.pathname,
      query: [...new Set(url.searchParams.keys())],
      kind: route?.kind ?? (dead ? "dead" : "unknown"),
      service: route?.service ?? null,
      what: req.method === "OPTIONS" ? "preflight" : route?.what ?? (dead ? "dead" : "unknown"),
      origin: origin(req),
    });
    if (log.length > LOG_LIMIT) log.shift();

    if (dead) return;
    // The answer waits for the end of the body: a library that streams must not see a reset connection.
    req.once("end", () => (req.method === "OPTIONS" || !route ? empty(204) : route.answer)(res));
  });

  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => {
      resolve({
        url: `http://${HOST}:${server.address().port}`,
        log,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      });
    });
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const at = process.argv.indexOf("--port");
  const sink = await startSink({ port: at > 0 ? Number(process.argv[at + 1]) : 4401 });
  console.log(`sink: ${sink.url}`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => sink.close().then(() => process.exit(0)));
}
