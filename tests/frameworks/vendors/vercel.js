import { inject } from "@vercel/analytics";

inject({ mode: "production", scriptSrc: `${SINK}/vercel/script.js` });
