// React in its development build, whose StrictMode mounts every effect twice.
import { StrictMode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { ARTICLES, LINKS, follow, frame, href, insertScript, pixel, route, script } from "../shared/router.js";

const Pixel = ({ n }) => <img data-category="marketing" data-service="tidemark-pixel" data-src={pixel(n)} alt="" />;
const Frame = ({ n }) => <iframe data-category="marketing" data-service="video" data-src={frame(n)} title="Film" />;
const Script = ({ n }) => <script type="text/plain" data-category="analytical" data-service="plausible" data-src={script(n)} />;

function List({ n }) {
  return <section><ul>{ARTICLES.map((id) => <li key={id}>Article {id}</li>)}</ul><Pixel n={n} /></section>;
}

function Article({ n, id }) {
  const [times, setTimes] = useState(0);
  const [shown, setShown] = useState(true);
  const inserted = useRef(null);
  useEffect(() => insertScript(inserted.current, n), [n]);
  return (
    <section>
      <h1>Article {id}</h1>
      <button id="again" onClick={() => setTimes(times + 1)}>Rendered {times}</button>
      <button id="toggle" onClick={() => setShown(!shown)}>Toggle</button>
      <Frame n={n} />
      {shown && <Script n={n} />}
      <Pixel n={n} />
      <div ref={inserted} />
    </section>
  );
}

/** Without a key: React keeps the elements and changes their attributes. */
const Reuse = ({ n, id }) => <section><h1>Film {id}</h1><Frame n={n} /><Pixel n={n} /></section>;

function App() {
  const now = useSyncExternalStore((changed) => follow(() => flushSync(changed)), route);
  const { name, n, id } = now;
  return (
    <>
      <nav>{LINKS.map((to) => <a key={to} href={href(to)} data-to={to}>{to || "list"}</a>)}</nav>
      <main data-n={n}>
        {name == "list" && <List key={n} n={n} />}
        {(name == "article" || name == "kept") && <Article key={n} n={n} id={id} />}
        {name == "reuse" && <Reuse n={n} id={id} />}
      </main>
    </>
  );
}

createRoot(document.getElementById("app")).render(<StrictMode><App /></StrictMode>);
