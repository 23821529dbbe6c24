/** Whether a declared name, in which `*` stands for any characters, means this one; as `core::pattern` does it
 * (tests/vectors/patterns.json holds them together). */
export const isMeant = (pattern: string, name: string) =>
  RegExp(`^${pattern.split('*').map((part) => part.replace(/[^\w]/g, '\\$&')).join('.*')}$`, 's').test(name);
