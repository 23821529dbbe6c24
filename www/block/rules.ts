// Which hosts are listed, and whether the loader's gate is open for them. What is open is the loader's to say: each rule
// has a probe in the page, a gated element like any other, and is open once the loader has released that.

/** One entry of `data-block`. */
export interface Rule {
  /** Whether a URL goes to the listed hosts. */
  matches(url: URL): boolean;
  /** What every text that names such a host contains; empty where any host may be meant. */
  hint: string;
  category: string;
  service: string | undefined;
}

const ENTRY = /^([^\s=]+)=([^\s=:]+)(?::([^\s=:]+))?$/;

/** `www.example.com`, with a port if only that is meant; `*.example.com` means subdomains, as in a CSP; `*` any other site. */
export const hostPattern = (pattern: string): Pick<Rule, 'matches' | 'hint'> => {
  const name = pattern.toLowerCase();
  return {
    matches({ hostname, host }) {
      if (name == '*') return hostname != location.hostname;
      const at = /:\d+$/.test(name) ? host : hostname;
      return name.startsWith('*.') ? at.endsWith(name.slice(1)) : at == name;
    },
    hint: name.replace(/^\*\.?|:\d+$/g, ''),
  };
};

/** `host=category[:service]`, separated by white space. */
export const readRules = (list: string): Rule[] => (list.match(/\S+/g) || []).flatMap((entry) => {
  const [, host, category, service] = ENTRY.exec(entry) || [];
  if (host && category) return { ...hostPattern(host), category, service };
  console.warn(`askfirst: data-block: "${entry}" is not host=category or host=category:service`);
  return [];
});

/** The most exact entries for a URL. Where several services share a host, as those of Google do, one of them opens it. */
export const matching = (rules: Rule[], url: URL) => {
  const all = rules.filter((rule) => rule.matches(url));
  return all.filter(({ hint }) => all.every((other) => other.hint.length <= hint.length));
};

const PROBE = 'askfirst/open';
const win = window as any;

export class Rules {
  private readonly probes = new Map<Rule, HTMLElement>();
  private readonly listeners: (() => void)[] = [];
  private readonly said = new Set<string>();
  private readonly observer = new MutationObserver(() => this.tell());

  constructor(private readonly rules: Rule[]) {
    for (const rule of rules) this.arm(rule);
    // A choice may have closed what was open: new probes show it. While they wait for the loader the old ones count, so
    // that whoever hears of a grant can act on it at once; what is plainly withdrawn is shut without waiting.
    for (const name of ['change', 'withdraw']) addEventListener('askfirst:' + name, () => this.renew());
  }

  /** Calls back whenever something has become open. */
  onOpen(listener: () => void) {
    this.listeners.push(listener);
  }

  isOpen(rule: Rule) {
    const probe = this.probes.get(rule)!;
    if (probe.getAttribute('type') == PROBE) return true;
    // Somebody has emptied the head.
    if (!probe.isConnected) this.place(probe);
    return false;
  }

  /** The rule that keeps a URL shut now, if any. */
  shut(url: unknown): Rule | undefined {
    try {
      const target = new URL(String(url), document.baseURI);
      if (!/^(http|ws)s?:$/.test(target.protocol)) return;
      const exact = matching(this.rules, target);
      return exact.some((rule) => this.isOpen(rule)) ? undefined : exact[0];
    } catch {
      // Not a URL: nothing will be sent.
    }
  }

  /** Whether a text can name a host that is shut. */
  concerns(text: string) {
    const lower = text.toLowerCase();
    return this.rules.some((rule) => lower.includes(rule.hint) && !this.isOpen(rule));
  }

  /** The sentence about something refused; it goes to the console once for each host and way. */
  note(way: string, url: unknown, { category, service }: Rule, what = 'refused') {
    const { host } = new URL(String(url), document.baseURI);
    const line = `askfirst: ${way} to ${host} ${what}: no consent for ${service ? `${service} (${category})` : category}`;
    if (!this.said.has(line)) console.warn(line);
    this.said.add(line);
    return line;
  }

  private arm(rule: Rule) {
    // Without `rel` and `href` a link does nothing.
    const probe = document.createElement('link');
    probe.dataset.category = rule.category;
    if (rule.service) probe.dataset.service = rule.service;
    probe.dataset.type = PROBE;
    this.observer.observe(probe, { attributeFilter: ['type'] });
    this.place(probe);
    const old = this.probes.get(rule);
    if (!old || old.getAttribute('type') != PROBE || this.isWithdrawn(rule)) {
      old?.remove();
      this.probes.set(rule, probe);
    } else {
      setTimeout(() => {
        if (this.probes.get(rule) != old) return probe.remove();
        old.remove();
        this.probes.set(rule, probe);
      });
    }
  }

  private isWithdrawn({ category }: Rule) {
    return category.split(',').some((id) => id[0] != '!' && win.askfirst?.has?.(id) === false);
  }

  private place(probe: HTMLElement) {
    (document.head || document.documentElement).append(probe);
  }

  private renew() {
    for (const rule of this.rules) this.arm(rule);
  }

  private tell() {
    for (const listener of this.listeners) listener();
  }
}
