// Bundled to /lib/tidemark.js (npm: js-cookie). The script of a made-up advertising network: an id in a cookie,
// an interest profile in localStorage, one pixel per page view, and an advertisement picked by that profile.
import Cookies from "js-cookie";

const id = Cookies.get("_mkt_id") ?? crypto.randomUUID();
Cookies.set("_mkt_id", id, { expires: 90, sameSite: "lax" });

const topic = document.querySelector('meta[name="topic"]')?.content ?? "general";
const DAYS_90 = 90 * 24 * 60 * 60 * 1000;
let profile = { since: Date.now(), topics: {} };
try {
  const kept = JSON.parse(localStorage.getItem("_mkt_topics"));
  // localStorage never expires by itself; the 90 days that the notice promises are kept here.
  if (kept && Date.now() - kept.since < DAYS_90) profile = kept;
} catch {
  // A damaged profile starts again from nothing.
}
profile.topics[topic] = (profile.topics[topic] ?? 0) + 1;
localStorage.setItem("_mkt_topics", JSON.stringify(profile));

new Image().src = `${SINK}/px/script.gif?${new URLSearchParams({ id, topic })}`;

const slot = document.querySelector("[data-ad]");
if (slot) {
  const favourite = Object.entries(profile.topics).sort((a, b) => b[1] - a[1])[0][0];
  slot.dataset.ad = "targeted";
  slot.querySelector("[data-ad-label]").textContent = slot.dataset.labelTargeted;
  slot.querySelector("[data-ad-title]").textContent = "Harrow & Lune barometers";
  slot.querySelector("[data-ad-text]").textContent = slot.dataset.textTargeted.replace("{topic}", favourite);
}
