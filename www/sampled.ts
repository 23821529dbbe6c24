// How often the audit looks at a page: one home for the glue, which loads it, and for the audit's own tag.

/** Whether a page with this `"audit"` in its configuration is looked at: always, or one of a hundred. */
export const isSampled = (audit: string | true | undefined) => !!audit && (audit != 'sampled' || Math.random() < 0.01);
