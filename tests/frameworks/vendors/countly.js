import countly from "countly-sdk-web";

const Countly = countly.default;
Countly.init({ app_key: "slackwater", url: `${SINK}/countly`, interval: 50 });
Countly.track_pageview();
