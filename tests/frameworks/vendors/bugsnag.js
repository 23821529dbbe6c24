import Bugsnag from "@bugsnag/browser";

Bugsnag.start({ apiKey: "0123456789abcdef0123456789abcdef", endpoints: { notify: `${SINK}/bugsnag/notify`, sessions: `${SINK}/bugsnag/sessions` }, logger: null });
