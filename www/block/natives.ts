// Wrapping what the browser offers so that a page can't tell: a proxy keeps name, length, prototype, statics, `instanceof`
// and the "[native code]" of its target, and a wrong receiver throws what it always threw.

type Trap = (self: any, args: any[], native: (...args: any[]) => any) => unknown;

/** A function that goes through `trap`; `native(...args)` calls the original with the same receiver. */
export const wrap = <F extends (...args: any[]) => any>(fn: F, trap: Trap): F => new Proxy(fn, {
  apply: (target, self, args) => trap(self, args, (...changed) => Reflect.apply(target, self, changed)) as any,
});

/** Wraps a method where it is defined; a browser without it stays without it. */
export const method = (owner: any, name: string, trap: Trap) => {
  const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
  if (typeof descriptor?.value == 'function') Object.defineProperty(owner, name, { ...descriptor, value: wrap(descriptor.value, trap) });
};

/** Wraps the accessors of a property where it is defined. */
export const accessor = (owner: any, name: string, set: Trap, get?: Trap) => {
  const descriptor = owner && Object.getOwnPropertyDescriptor(owner, name);
  if (!descriptor?.set) return;
  Object.defineProperty(owner, name, {
    ...descriptor,
    set: wrap(descriptor.set, set),
    ...(get && descriptor.get && { get: wrap(descriptor.get, get) }),
  });
};

/** Replaces a constructor of the window; `instance` makes what stands for a refused one. */
export const constructor = (name: string, instance: (args: any[], newTarget: any) => object | undefined) => {
  const descriptor = Object.getOwnPropertyDescriptor(window, name);
  const native = descriptor?.value;
  if (typeof native != 'function') return;
  const value = new Proxy(native, {
    construct: (target, args, newTarget) => instance(args, newTarget) || Reflect.construct(target, args, newTarget),
  });
  Object.defineProperty(window, name, { ...descriptor, value });
  Object.defineProperty(native.prototype, 'constructor', { ...Object.getOwnPropertyDescriptor(native.prototype, 'constructor'), value });
};
