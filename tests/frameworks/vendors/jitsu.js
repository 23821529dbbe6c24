import { jitsuAnalytics } from "@jitsu/js";

jitsuAnalytics({ host: `${SINK}/jitsu`, writeKey: "slackwater:0123" }).page();
