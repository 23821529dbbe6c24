import * as amplitude from "@amplitude/analytics-browser";

amplitude.init("slackwater", undefined, {
  serverUrl: `${SINK}/amplitude`, autocapture: false, logLevel: amplitude.Types.LogLevel.None, flushIntervalMillis: 50, remoteConfig: { fetchRemoteConfig: false },
});
amplitude.track("Page");
