// Bundled to /lib/plausible.js (npm: plausible-tracker). Page counts without cookies; one report per page view.
import Plausible from "plausible-tracker";

Plausible({ domain: "slackwater.example", apiHost: SINK, trackLocalhost: true }).trackPageview();
