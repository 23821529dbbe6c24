/*
 * Plays the script that a Matomo server sends: takes the commands the npm client queued in _paq, keeps a visitor id
 * in a first-party cookie and posts one hit per page view to matomo.php.
 */
(function () {
  "use strict";
  var site = "", endpoint = "", scope = "";

  function cookie(name) {
    var found = document.cookie.split("; ").find(function (pair) { return pair.indexOf(name + "=") === 0; });
    return found ? found.slice(name.length + 1) : null;
  }
  function keep(name, value, seconds) {
    document.cookie = name + "=" + value + "; path=/; max-age=" + seconds + "; samesite=lax";
  }
  function visitor() {
    var name = "_pk_id" + scope, known = cookie(name);
    if (known) return known.split(".")[0];
    var bytes = crypto.getRandomValues(new Uint8Array(8));
    var id = Array.from(bytes, function (b) { return b.toString(16).padStart(2, "0"); }).join("");
    keep(name, id + "." + Math.floor(Date.now() / 1000), 33955200);
    return id;
  }

  var commands = {
    setTrackerUrl: function (url) { endpoint = url; },
    setSiteId: function (id) { site = id; scope = "." + id + ".demo"; },
    trackPageView: function (title) {
      var hit = new URLSearchParams({
        idsite: site, rec: "1", action_name: title || document.title, url: location.href, _id: visitor(),
        res: screen.width + "x" + screen.height, cookie: "1",
      });
      keep("_pk_ses" + scope, "1", 1800);
      fetch(endpoint, { method: "POST", body: hit, mode: "no-cors", keepalive: true });
    },
  };
  function run(command) {
    var handler = commands[command[0]];
    if (handler) handler.apply(null, command.slice(1));
  }

  var queued = window._paq || [];
  window._paq = { push: function () { Array.from(arguments).forEach(run); } };
  Array.from(queued).forEach(run);
})();
