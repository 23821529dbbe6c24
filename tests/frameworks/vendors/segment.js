import { AnalyticsBrowser } from "@segment/analytics-next";

const { host, protocol } = new URL(SINK);
AnalyticsBrowser.load({
  writeKey: "slackwater",
  // What the vendor's own network would answer.
  cdnSettings: { integrations: { "Segment.io": { apiKey: "slackwater", apiHost: `${host}/segment`, protocol: protocol.slice(0, -1) } } },
}).page();
