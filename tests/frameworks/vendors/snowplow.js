import { newTracker, trackPageView } from "@snowplow/browser-tracker";

newTracker("sp", SINK, { appId: "slackwater", postPath: "/snowplow/i" });
trackPageView();
