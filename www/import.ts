// The choice that a visitor has made under another consent manager, for a site that moves (FIELD 81). Loaded only where the
// configuration names products in `dialects` and nothing of ours is stored; it reads, and writes and sends nothing.
//
// Only what is beyond doubt counts: an explicit act, a time, values of the known form. A product that keeps no time can
// only say no: a refusal harms nobody if it is younger than it seems, a grant that has ended would.

/** What was found, for the engine: when, in ms, and what was said about each category. */
export type Found = [at: number, answers: [category: string, granted: boolean][]];

/** What a product keeps: when the visitor decided, and what was said under its own names. */
interface Kept {
  /** In ms; not a number where the product keeps none. */
  at: number;
  said: Record<string, boolean>;
  /** It lists what was agreed to alone: what is missing was refused. */
  only?: boolean;
}

const cookies = () => document.cookie.split('; ').map((pair): [string, string] => {
  const end = pair.indexOf('=');
  return [pair.slice(0, end), pair.slice(end + 1)];
});
const decoded = (text: string) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
const cookie = (name: string) => {
  const found = cookies().filter(([key]) => key == name);
  // Two of one name contradict each other.
  return found.length == 1 ? decoded(found[0]![1]) : undefined;
};
const local = (name: string) => localStorage.getItem(name) ?? undefined;
const date = (value: unknown) => (typeof value == 'number' ? value : typeof value == 'string' ? Date.parse(value) : NaN);
/** Only what is plainly yes or no. */
const flags = (value: Record<string, unknown>) => Object.fromEntries(Object.entries(value).filter((entry): entry is [string, boolean] => typeof entry[1] == 'boolean'));
const pairs = (text: string, between: string | RegExp, yes: string, no: string) => Object.fromEntries(text.split(between)
  .map((pair) => pair.split(':') as [string, string]).filter(([, value]) => value == yes || value == no).map(([name, value]) => [name.trim(), value == yes]));

const READ: Record<string, () => Kept | undefined> = {
  /** Versions 2 and 3, in a cookie or in localStorage; both list what was agreed to. */
  orestbida() {
    const text = cookie('cc_cookie') ?? local('cc_cookie');
    if (!text) return;
    const { categories, lastConsentTimestamp, consentTimestamp, last_consent_update, consent_date, expirationTime } = JSON.parse(text);
    if (!Array.isArray(categories) || Number(expirationTime) <= Date.now()) return;
    return { at: date(lastConsentTimestamp ?? consentTimestamp ?? last_consent_update ?? consent_date), said: Object.fromEntries(categories.map((name) => [name, true])), only: true };
  },
  cookiebot() {
    const text = cookie('CookieConsent') ?? '';
    // Where it did not ask, it has assumed.
    if (!/method:'explicit'/.test(text)) return;
    return { at: Number(/\butc:(\d{13})\b/.exec(text)?.[1] ?? NaN), said: pairs(text.replace(/[{}]/g, ''), ',', 'true', 'false') };
  },
  /** A cookie or localStorage, by the services' names, without a time. */
  klaro() {
    const text = cookie('klaro') ?? local('klaro');
    return text ? { at: NaN, said: flags(JSON.parse(text)) } : undefined;
  },
  onetrust() {
    const text = cookies().find(([name]) => name == 'OptanonConsent')?.[1];
    const closed = cookie('OptanonAlertBoxClosed');
    if (!text || !closed) return;
    const values = new URLSearchParams(text);
    if (values.get('AwaitingReconsent') == 'true') return;
    return { at: date(closed), said: pairs(values.get('groups') ?? '', ',', '1', '0') };
  },
  /** By the ids of its service templates, each with a history. */
  usercentrics() {
    const text = local('uc_settings');
    if (!text || local('uc_user_interaction') != 'true') return;
    const services: any[] = JSON.parse(text).services;
    const last = services.map(({ history }) => history[history.length - 1]);
    if (!last.length || last.some((one) => one?.type != 'explicit')) return;
    // The oldest counts: nothing is valid longer than it was meant.
    return { at: Math.min(...last.map(({ timestamp }) => date(timestamp))), said: Object.fromEntries(services.map(({ id, status }) => [id, status === true])) };
  },
  /** Its `lastRenewedDate` is the owner's, not the visitor's. */
  cookieyes() {
    const text = cookie('cookieyes-consent');
    return text && /\baction:yes\b/.test(text) ? { at: NaN, said: pairs(text, ',', 'yes', 'no') } : undefined;
  },
  iubenda() {
    const found = cookies().filter(([name]) => /^_iub_cs-\d+$/.test(name));
    if (found.length != 1) return;
    const { timestamp, purposes } = JSON.parse(decoded(found[0]![1]));
    return purposes ? { at: date(timestamp), said: flags(purposes) } : undefined;
  },
  /** A cookie or localStorage; short names in the one, JSON in the other. */
  c15t() {
    const json = local('c15t') ?? local('privacy-consent-storage');
    if (json) {
      const { consents, consentInfo } = JSON.parse(json);
      return { at: date(consentInfo?.time), said: flags(consents) };
    }
    const text = cookie('c15t');
    if (!text) return;
    const parts = text.split(',').map((part) => part.split(/:(.*)/s) as [string, string]);
    // Only what is true is in it.
    const said = parts.filter(([name, value]) => name.startsWith('c.') && value == '1').map(([name]): [string, boolean] => [name.slice(2), true]);
    return { at: Number(parts.find(([name]) => name == 'i.t')?.[1] ?? NaN), said: Object.fromEntries(said), only: true };
  },
  probo() {
    const text = cookie('probo_consent');
    return text ? { at: NaN, said: flags(JSON.parse(text).data) } : undefined;
  },
};

/** What their usual names mean here. What they call functional or preferences needs consent there. */
const USUAL: Record<string, string> = {
  functional: 'preferences', functionality: 'preferences', preferences: 'preferences', experience: 'preferences',
  analytics: 'analytical', statistics: 'analytical', measurement: 'analytical', performance: 'analytical', analytical: 'analytical',
  marketing: 'marketing', advertisement: 'marketing', advertising: 'marketing', targeting: 'marketing', ads: 'marketing',
};
const NAMES: Record<string, Record<string, string>> = {
  onetrust: { C0002: 'analytical', C0003: 'preferences', C0004: 'marketing', C0005: 'marketing' },
  iubenda: { 2: 'preferences', 3: 'preferences', 4: 'analytical', 5: 'marketing' },
};

/** The first of the named products that has a choice which is beyond doubt. */
export function find(config: any): Found | undefined {
  for (const [product, own] of Object.entries<Record<string, string>>(config.dialects ?? {})) {
    let kept: Kept | undefined;
    try {
      kept = READ[product]?.();
    } catch {
      // Not what that product writes.
    }
    if (!kept) continue;
    const stated = Object.keys(own).length > 0;
    const meaning = stated ? own : NAMES[product] ?? USUAL;
    const { at, said, only } = kept;
    const timed = Number.isFinite(at);
    const answers = Object.keys(config.categories ?? {}).flatMap((category): Found[1] => {
      const names = Object.keys(meaning).filter((name) => meaning[name]!.split(':')[0] == category);
      const known = names.filter((name) => name in said);
      // All that the owner says belongs to a category must have been agreed to; of usual names some are not in use.
      if (!known.length) return only && names.length ? [[category, false]] : [];
      const granted = known.every((name) => said[name]) && (!stated || known.length == names.length);
      return granted && !timed ? [] : [[category, granted]];
    });
    if (answers.length) return [timed ? Math.floor(at) : Date.now(), answers];
  }
  return undefined;
}
