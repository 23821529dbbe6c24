/*
 * The demo panel: what left the page, what lies on the device, what Askfirst says about it. It only looks. Its own
 * questions to the sink (/__log) are not in the sink's list, and it stores nothing, not even whether it is folded.
 * `?panel=off` takes it away.
 */
(function () {
  "use strict";

  const sink = document.currentScript.dataset.sink;
  const root = document.documentElement;
  if (new URLSearchParams(location.search).get("panel") === "off") {
    root.classList.add("behind-off");
    return;
  }

  const EVENTS = ["ready", "shown", "change", "withdraw", "recorded", "error", "leak"];
  const POLL_MS = 1000;
  const POLL_DOWN_MS = 10000;
  const NAMES = {
    plausible: "Plausible", posthog: "PostHog", matomo: "Matomo", "google-ads": "Google tag",
    "tidemark-script": "Tidemark script", "tidemark-image": "Tidemark image", video: "Slipway Video",
  };
  const ROLES = { script: "sends its script", frame: "sends the player", settings: "is asked for settings", preflight: "is asked for permission" };

  const started = performance.timeOrigin;
  const events = [];
  let requests = [];
  let earlier = 0;
  let since = 0;
  let config = null;
  let choiceAt = stored() ? 0 : Infinity;
  let lastInput = 0;
  let sinkDown = false;

  const out = (name) => document.querySelectorAll(`[data-out="${name}"]`);
  const say = (name, text) => out(name).forEach((el) => {
    if (el.textContent !== String(text)) el.textContent = text;
  });
  function make(tag, attributes, ...children) {
    const el = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
    el.append(...children);
    return el;
  }
  /** Replaces a list only when it has changed, so that reading and selecting in it is not disturbed. */
  const shown = new Map();
  function draw(name, model, render) {
    const key = JSON.stringify(model);
    if (shown.get(name) === key) return;
    shown.set(name, key);
    out(name).forEach((el) => el.replaceChildren(...model.map(render)));
  }
  const clock = (t) => new Date(t).toLocaleTimeString("en-GB");
  const pretty = (value) => JSON.stringify(value, null, 2);

  // ---- Askfirst

  /** The stored choice: the loader may have opened gates by it before this script ran. */
  function stored() {
    try {
      return Boolean(JSON.parse(localStorage.getItem("askfirst"))?.choice) || /(^|; )askfirst=/.test(document.cookie);
    } catch {
      return /(^|; )askfirst=/.test(document.cookie);
    }
  }
  function call(method, ...args) {
    try {
      return window.askfirst?.[method]?.(...args) ?? null;
    } catch {
      return null;
    }
  }
  function onEvent(name, detail) {
    if (name === "ready" && events.some((event) => event.name === "ready")) return;
    if (name === "change" && choiceAt === Infinity) {
      // Gates open before the event is sent, so a request may be on its way already: the click is the boundary.
      const now = Date.now();
      choiceAt = now - lastInput < 3000 ? lastInput : now - 100;
    }
    // The engine is the authority: it may have found that what is stored no longer counts.
    if (name === "ready" || name === "shown") choiceAt = call("state")?.decided === false ? Infinity : Math.min(choiceAt, started);
    events.push({ t: Date.now(), name, detail: detail ?? null });
    update();
    setTimeout(poll, 150);
    setTimeout(poll, 700);
  }
  for (const type of ["click", "keydown"]) window.addEventListener(type, () => (lastInput = Date.now()), true);
  for (const name of EVENTS) window.addEventListener(`askfirst:${name}`, (event) => onEvent(name, event.detail));

  const SENTENCES = {
    ready: "Askfirst is ready",
    shown: "The notice is shown",
    withdraw: "Withdrawn",
    recorded: "The record has its receipt",
    error: "Askfirst reports an error",
    leak: "A request nobody declared",
  };
  function categories() {
    return Object.keys(config?.categories ?? { functional: 1, analytical: 1, marketing: 1 });
  }
  function allowed() {
    return categories().filter((id) => id !== "functional" && call("has", id));
  }
  function sentence(event) {
    if (event.name !== "change") return SENTENCES[event.name];
    const open = allowed();
    return open.length ? `Allowed: ${open.join(", ")}` : "Refused: nothing is allowed";
  }

  // ---- The sink

  let polling = false;
  async function poll() {
    if (polling || document.hidden) return;
    polling = true;
    try {
      const answer = await fetch(`${sink}/__log?since=${since}`);
      const { next, entries } = await answer.json();
      for (const entry of entries) {
        if (entry.t < started) earlier++;
        else requests.push(entry);
      }
      since = next;
      sinkDown = false;
    } catch {
      sinkDown = true;
    }
    polling = false;
    update();
  }
  (async function loop() {
    await poll();
    setTimeout(loop, sinkDown ? POLL_DOWN_MS : POLL_MS);
  })();
  document.addEventListener("visibilitychange", poll);

  // ---- The device

  function owner(kind, name) {
    if (name === "askfirst" || name.startsWith("askfirst")) return "Askfirst, functional";
    for (const [id, service] of Object.entries(config?.services ?? {})) {
      const declared = service.items.some((item) => item.kind === kind && matches(item.name, name));
      if (declared) return `${service.name}, ${categories().find((c) => config.categories[c].services?.includes(id)) ?? "no category"}`;
    }
    return config ? "not declared" : "";
  }
  function matches(pattern, name) {
    const escaped = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${escaped.join(".*")}$`).test(name);
  }
  function storage(kind) {
    try {
      return Object.keys(window[kind]).sort().map((name) => ({ kind, name, value: window[kind].getItem(name) }));
    } catch {
      return [];
    }
  }
  let databases = [];
  function device() {
    indexedDB?.databases?.().then((all) => (databases = all.map(({ name }) => ({ kind: "indexedDB", name, value: "" }))), () => {});
    const cookies = document.cookie.split("; ").filter(Boolean).sort().map((pair) => {
      const at = pair.indexOf("=");
      return { kind: "cookie", name: pair.slice(0, at), value: pair.slice(at + 1) };
    });
    return [...cookies, ...storage("localStorage"), ...storage("sessionStorage"), ...databases];
  }

  // ---- What is shown

  function line() {
    return [
      { t: started, cls: "", title: "The page starts", text: "" },
      ...events.map((event) => ({
        t: event.t,
        cls: event.name === "change" || event.name === "withdraw" ? "is-choice" : event.name === "error" || event.name === "leak" ? "is-error" : "",
        title: (event.title ??= sentence(event)),
        text: event.name === "error" || event.name === "leak" ? JSON.stringify(event.detail) : `askfirst:${event.name}`,
      })),
      ...requests.map((entry) => ({
        t: entry.t,
        cls: entry.t < choiceAt ? "is-request is-early" : "is-request",
        title: `${NAMES[entry.kind] ?? entry.kind} ${ROLES[entry.what] ?? "gets a report"}`,
        text: `${entry.method} ${entry.path}${entry.query.length ? ` ?${entry.query.join(", ")}` : ""}`,
      })),
    ].sort((a, b) => a.t - b.t);
  }

  function flat(prefix, value) {
    const scalars = Object.entries(value ?? {}).filter(([, part]) => typeof part !== "object");
    return Object.fromEntries(scalars.map(([name, part]) => [`${prefix}.${name}`, part]));
  }
  function record(receipt, decided) {
    const box = out("record")[0];
    const key = JSON.stringify([receipt, decided]);
    if (shown.get("record") === key) return;
    shown.set("record", key);
    if (!receipt?.record) {
      const why = decided
        ? "No receipt. A refusal is only counted, without any number; a grant gets its receipt as soon as the server has stored it."
        : "Nothing is recorded before you choose.";
      return box.replaceChildren(make("p", { class: "behind-empty" }, why));
    }
    const list = make("dl", { class: "behind-record" });
    const { state: _, record: sent, receipt: signed, ...rest } = receipt;
    for (const [name, value] of Object.entries({ ...flat("record", sent), ...rest, ...flat("receipt", signed) })) {
      list.append(make("dt", {}, name), make("dd", {}, value === null ? "none" : String(value)));
    }
    const all = make("details", {}, make("summary", {}, "askfirst.receipt()"), make("pre", { tabindex: "0" }, pretty(receipt)));
    box.replaceChildren(list, all);
  }

  function update() {
    const state = call("state");
    const early = requests.filter((entry) => entry.t < choiceAt).length;
    const keys = device();
    const open = allowed();
    const decided = choiceAt !== Infinity;

    say("requests", requests.length);
    say("before", early);
    say("after", requests.length - early);
    say("keys", keys.length);
    say("earlier", earlier ? `${earlier} more from pages opened earlier.` : "");
    say("status", sinkDown ? "The sink does not answer; is it running?"
      : open.length ? `Open: ${open.join(" and ")}`
      : decided ? "Refused: every gate is shut"
      : "No choice yet: every gate is shut");
    out("dot")[0].dataset.state = open.length ? "open" : "shut";

    draw("line", line(), (row) => make("li", { class: row.cls }, make("span", {}, row.title), make("time", {}, clock(row.t)), make("small", {}, row.text)));
    draw("gates", categories().map((id) => ({ id, open: id === "functional" || Boolean(call("has", id)) })), ({ id, open: isOpen }) =>
      make("li", { "data-open": isOpen }, make("span", {}, id), make("b", {}, id === "functional" ? "always on" : isOpen ? "open" : "shut")));
    draw("device", keys.length ? keys.map((key) => ({ ...key, owner: owner(key.kind, key.name) })) : [null], (key) =>
      key
        ? make("li", { class: key.owner === "not declared" ? "is-undeclared" : "" },
            make("code", {}, key.name), make("span", {}, key.owner), make("small", {}, `${key.kind} · ${short(key.value)}`))
        : make("li", { class: "behind-empty" }, "Nothing. No cookie, no key, no database."));
    const layer = (window.dataLayer ?? []).map((entry) => (typeof entry?.length === "number" ? Array.from(entry) : [entry]));
    draw("layer", layer.length ? layer : [null], (entry) =>
      entry
        ? make("li", {}, make("code", {}, entry.map((part) => (typeof part === "string" ? part : JSON.stringify(part))).join(" ")))
        : make("li", { class: "behind-empty" }, "Empty."));
    say("state", state ? pretty(state) : "not started");
    Promise.resolve(call("receipt")).then((receipt) => record(receipt, decided), () => record(null, decided));
  }
  function short(value) {
    let text = value ?? "";
    try {
      text = decodeURIComponent(text);
    } catch {
      // Not percent-encoded: shown as it is.
    }
    return text.length > 64 ? `${text.slice(0, 64)}…` : text || "empty";
  }

  const behind = document.getElementById("behind");
  const fold = behind.querySelector(".behind-fold");
  fold.addEventListener("click", () => {
    const folded = behind.toggleAttribute("data-folded");
    fold.setAttribute("aria-expanded", String(!folded));
    fold.querySelector(".behind-hidden").textContent = folded ? "Unfold the panel" : "Fold the panel";
  });

  fetch("/askfirst.json").then((answer) => answer.json()).then((value) => {
    config = value;
    update();
  }, () => {});
  // The engine may have been faster than this script.
  if (call("state")) onEvent("ready", null);
  update();
})();
