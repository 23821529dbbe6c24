/*
 * Plays Google's tag: replays the dataLayer in order, folds the consent commands into one state, and for the first
 * "config" sends one ping that carries this state (gcs=G1<ads><analytics>), as the real tag does. Like the real one
 * it keeps an advertising cookie only where ad_storage is granted.
 */
(function () {
  "use strict";
  var base = new URL(document.currentScript.src).origin;
  var consent = {}, sent = false;

  function configured(id) {
    if (sent) return;
    sent = true;
    var granted = function (key) { return consent[key] === "granted" ? "1" : "0"; };
    if (consent.ad_storage === "granted" && !/(^|; )_gcl_au=/.test(document.cookie)) {
      var random = crypto.getRandomValues(new Uint32Array(1))[0];
      document.cookie = "_gcl_au=1.1." + random + "." + Math.floor(Date.now() / 1000) + "; path=/; max-age=7776000; samesite=lax";
    }
    var ping = new URLSearchParams({
      v: "2", tid: id, en: "page_view", dl: location.href,
      gcs: "G1" + granted("ad_storage") + granted("analytics_storage"),
    });
    fetch(base + "/g/collect?" + ping, { method: "POST", mode: "no-cors", keepalive: true });
  }
  function read(entry) {
    var args = Array.from(entry);
    if (args[0] === "consent" && args[2]) Object.assign(consent, args[2]);
    if (args[0] === "config") configured(args[1]);
  }

  var layer = (window.dataLayer = window.dataLayer || []);
  var push = layer.push;
  layer.forEach(function (entry) { if (entry && typeof entry.length === "number") read(entry); });
  layer.push = function () {
    var length = push.apply(layer, arguments);
    Array.from(arguments).forEach(function (entry) { if (entry && typeof entry.length === "number") read(entry); });
    return length;
  };
})();
