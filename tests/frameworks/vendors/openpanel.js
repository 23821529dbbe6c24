import { OpenPanel } from "@openpanel/web";

new OpenPanel({ clientId: "slackwater", apiUrl: `${SINK}/openpanel` }).track("page");
