import mixpanel from "mixpanel-browser";

mixpanel.init("slackwater", { api_host: `${SINK}/mixpanel`, batch_requests: false, autocapture: false, record_sessions_percent: 0, flags: false });
mixpanel.track("Page");
