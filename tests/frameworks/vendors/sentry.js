import * as Sentry from "@sentry/browser";

Sentry.init({ dsn: "https://0123456789abcdef0123456789abcdef@sentry.example/1", tunnel: `${SINK}/sentry` });
Sentry.captureMessage("started");
