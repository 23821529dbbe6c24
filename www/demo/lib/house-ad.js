// Bundled to /lib/house-ad.js. Gated with "!marketing": it runs where marketing is refused, and fills the same space
// with something that needs to know nothing about the reader.
const slot = document.querySelector("[data-ad]");
if (slot) {
  slot.dataset.ad = "house";
  slot.querySelector("[data-ad-label]").textContent = slot.dataset.labelHouse;
  slot.querySelector("[data-ad-title]").textContent = slot.dataset.titleHouse;
  slot.querySelector("[data-ad-text]").textContent = slot.dataset.textHouse;
}
