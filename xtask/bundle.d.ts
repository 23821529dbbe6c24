// What `xtask/bundle.mjs` provides to the files it bundles.

/** `sha256-<base64url>` of the wasm followed by the minified style sheet: names the interface a visitor saw. */
declare const __UI__: string;

/** The version of the workspace. */
declare const __VERSION__: string;

declare module '*.css' {
  /** The minified style sheet as text. */
  const css: string;
  export default css;
}
