import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

const analytics = new RudderAnalytics();
analytics.load("slackwater", `${SINK}/rudderstack`, {
  // What the vendor's own network would answer.
  getSourceConfig: () => ({
    source: { id: "1", name: "site", writeKey: "slackwater", enabled: true, workspaceId: "1", config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } }, connections: [], destinations: [] },
  }),
  configUrl: `${SINK}/rudderstack`,
  lockPluginsVersion: true,
});
analytics.page();
