// No framework: text into `innerHTML`, and the page's own code for the rest.
import { ARTICLES, LINKS, follow, frame, href, insertScript, pixel, route, script } from "../shared/router.js";

const app = document.getElementById("app");
const picture = (n) => `<img data-category="marketing" data-service="tidemark-pixel" data-src="${pixel(n)}" alt="">`;
const film = (n) => `<iframe data-category="marketing" data-service="video" data-src="${frame(n)}" title="Film"></iframe>`;
const tag = (n) => `<script type="text/plain" data-category="analytical" data-service="plausible" data-src="${script(n)}"></script>`;

const pages = {
  list: ({ n }) => `<ul>${ARTICLES.map((id) => `<li>Article ${id}</li>`).join("")}</ul>${picture(n)}`,
  article: ({ n, id }) => `<h1>Article ${id}</h1><button id="again">Rendered 0</button><button id="toggle">Toggle</button>${film(n)}${tag(n)}${picture(n)}`,
};
pages.kept = pages.article;

app.innerHTML = `<nav>${LINKS.map((to) => `<a href="${href(to)}" data-to="${to}">${to || "list"}</a>`).join("")}</nav><main></main>`;
const main = app.querySelector("main");

/** The page's own element changes its address, as a gallery does. */
const reuse = ({ n, id }) => {
  if (!main.querySelector("h2")) main.innerHTML = `<section><h2>Film</h2>${film(n)}${picture(n)}</section>`;
  main.querySelector("h2").textContent = `Film ${id}`;
  main.querySelector("iframe").dataset.src = frame(n);
  main.querySelector("img").dataset.src = pixel(n);
};

const render = (now) => {
  main.dataset.n = now.n;
  if (now.name == "reuse") return reuse(now);
  main.innerHTML = `<section>${pages[now.name](now)}</section>`;
  const section = main.firstElementChild;
  let times = 0;
  section.querySelector("#again")?.addEventListener("click", (event) => {
    event.target.textContent = `Rendered ${(times += 1)}`;
  });
  // Taken out and put back: the page keeps the element it was handed by its own markup.
  section.querySelector("#toggle")?.addEventListener("click", () => {
    const found = section.querySelector('script[data-src*="/script/"]');
    if (found) found.remove();
    else section.querySelector("img").insertAdjacentHTML("beforebegin", tag(now.n));
  });
  if (now.name != "list") insertScript(section, now.n);
};

follow(render);
render(route());
