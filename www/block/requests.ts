// Requests without an element: refused while their host is shut, as the network itself would fail.
import { constructor, method } from './natives';
import type { Rules } from './rules';

/** Stands for a connection that could not be made: an event target of the right kind, which says so and is closed. */
const dud = (newTarget: any, fields: Record<string, unknown>, closed: number, events: () => Event[]) => {
  const target: any = new EventTarget();
  const handlers: Record<string, any> = {};
  let readyState = 0;
  Object.setPrototypeOf(target, newTarget.prototype);
  for (const [name, value] of Object.entries(fields)) Object.defineProperty(target, name, { value, writable: true, configurable: true });
  Object.defineProperty(target, 'readyState', { get: () => readyState, configurable: true });
  for (const name of ['onopen', 'onmessage', 'onerror', 'onclose']) {
    Object.defineProperty(target, name, {
      get: () => handlers[name] ?? null,
      set: (value) => (handlers[name] = typeof value == 'function' ? value : null),
      configurable: true,
    });
  }
  setTimeout(() => {
    readyState = closed;
    for (const event of events()) {
      target.dispatchEvent(event);
      try {
        handlers['on' + event.type]?.call(target, event);
      } catch (error) {
        // As from a real event: the error is the page's, and does not stop the next.
        reportError(error);
      }
    }
  });
  return target;
};

export function installRequests(rules: Rules) {
  method(window, 'fetch', (_, args, native) => {
    const url = args[0] instanceof Request ? args[0].url : args[0];
    const rule = rules.shut(url);
    return rule ? Promise.reject(new TypeError(rules.note('fetch', url, rule))) : native(...args);
  });

  method(Navigator.prototype, 'sendBeacon', (_, args, native) => {
    const rule = rules.shut(args[0]);
    if (!rule) return native(...args);
    rules.note('sendBeacon', args[0], rule);
    return false;
  });

  /** Where each request goes, and whether its caller waits. */
  const opened = new WeakMap<XMLHttpRequest, { url: unknown; waits: boolean }>();
  method(XMLHttpRequest.prototype, 'open', (xhr, args, native) => {
    const result = native(...args);
    opened.set(xhr, { url: args[1], waits: args.length > 2 && !args[2] });
    delete xhr.readyState;
    return result;
  });
  method(XMLHttpRequest.prototype, 'send', (xhr: XMLHttpRequest, args, native) => {
    const request = opened.get(xhr);
    const rule = request && rules.shut(request.url);
    if (!rule) return native(...args);
    const line = rules.note('XMLHttpRequest', request.url, rule);
    if (request.waits) throw new DOMException(line, 'NetworkError');
    setTimeout(() => {
      // Another `open` has come between.
      if (opened.get(xhr) != request) return;
      Object.defineProperty(xhr, 'readyState', { value: XMLHttpRequest.DONE, configurable: true });
      xhr.dispatchEvent(new Event('readystatechange'));
      xhr.dispatchEvent(new ProgressEvent('error'));
      xhr.dispatchEvent(new ProgressEvent('loadend'));
    });
  });

  constructor('WebSocket', (args, newTarget) => {
    const rule = rules.shut(args[0]);
    if (!rule) return;
    rules.note('WebSocket', args[0], rule);
    const fields = { url: String(args[0]), protocol: '', extensions: '', binaryType: 'blob', bufferedAmount: 0, send() {}, close() {} };
    return dud(newTarget, fields, 3, () => [new Event('error'), new CloseEvent('close', { code: 1006 })]);
  });
  constructor('EventSource', (args, newTarget) => {
    const rule = rules.shut(args[0]);
    if (!rule) return;
    rules.note('EventSource', args[0], rule);
    return dud(newTarget, { url: String(args[0]), withCredentials: !!args[1]?.withCredentials, close() {} }, 2, () => [new Event('error')]);
  });
}
