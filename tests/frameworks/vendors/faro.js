import { initializeFaro } from "@grafana/faro-web-sdk";

initializeFaro({ url: `${SINK}/faro`, app: { name: "slackwater" } }).api.pushEvent("page");
