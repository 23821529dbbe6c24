// The contact form of the magazine. It is the site's own and strictly functional, so it is not gated.
const form = document.querySelector("form.letter");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = [...form.querySelectorAll("[required]")];
  for (const field of fields) field.setAttribute("aria-invalid", String(!field.validity.valid));
  const wrong = fields.find((field) => !field.validity.valid);
  form.querySelector("[data-form-status]").textContent = wrong ? form.dataset.missing : form.dataset.done;
  if (wrong) wrong.focus();
  else form.reset();
});
