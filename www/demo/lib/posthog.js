// Bundled to /lib/posthog.js (npm: posthog-js). It only sets the library up: the page's own inline tag, which stands
// behind this one, sends the page view. Were the order of gated tags lost, that inline tag would fail (G2).
import posthog from "posthog-js";

posthog.init("phc_slackwater_demo", {
  api_host: SINK,
  persistence: "localStorage+cookie",
  cross_subdomain_cookie: false,
  person_profiles: "always",
  request_batching: false,
  // Automated browsers count as readers here: the end-to-end tests are some.
  opt_out_useragent_filter: true,
  // One report per page view, and nothing else on the wire.
  autocapture: false,
  rageclick: false,
  capture_pageview: false,
  capture_pageleave: false,
  capture_performance: false,
  capture_heatmaps: false,
  capture_dead_clicks: false,
  capture_exceptions: false,
  disable_session_recording: true,
  disable_surveys: true,
  disable_product_tours: true,
  disable_conversations: true,
  disable_web_experiments: true,
  disable_external_dependency_loading: true,
  advanced_disable_flags: true,
  advanced_disable_toolbar_metrics: true,
});
window.posthog = posthog;
