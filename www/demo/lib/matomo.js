// Bundled to /lib/matomo.mjs (npm: @jonkoops/matomo-tracker), a module. The client queues commands and loads
// matomo.js from the Matomo server, which posts the hit and keeps the visitor id.
import MatomoTracker from "@jonkoops/matomo-tracker";

const tracker = new MatomoTracker({ urlBase: SINK, siteId: 14, heartBeat: { active: false } });
tracker.trackPageView();
