// How the form is drawn: everything is made anew, and focus goes back to where it was. Follows
// label_form.js in one module.

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made && !key.startsWith("aria")) made[key] = value;
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function paint(form) {
  const place = form.root.querySelector(".form");
  if (!place) return;
  place.dataset.item = form.data.item;
  if (!form.data.item) { place.replaceChildren(); return; }
  const focused = (form.root.activeElement ?? document.activeElement)?.dataset?.id;
  const waits = Boolean(form.waiting());
  place.classList.toggle("waits", waits);
  place.setAttribute("aria-busy", String(waits));
  const said = waits ? form.data.words.sending : form.said;
  place.replaceChildren(
    element("p", { className: form.failed ? "status failed" : "status", role: "status" }, said || form.data.words.ready),
    element("ol", {}, ...form.steps().map((step) => drawStep(form, step))),
    foot(form),
  );
  if (focused) place.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
  if (window.innerWidth > 640) place.querySelector(".current")?.scrollIntoView({ block: "nearest" });
}

function drawStep(form, step) {
  const current = step.name === form.current;
  const head = element(
    "button",
    { type: "button", className: "head", "aria-expanded": String(current), "data-id": `head:${step.name}`,
      onclick: () => { form.current = step.name; form.noting = false; form.draw(); } },
    element("span", { className: "title" }, step.title),
    element("span", { className: form.isAnswered(step) ? "said" : "said open" }, summary(form, step)),
  );
  const differs = [step, ...(step.flags ?? [])].some((one) => form.data.differing.includes(one.name));
  const kind = `step ${step.kind}${current ? " current" : ""}${differs ? " differs" : ""}`;
  return element("li", { className: kind }, head, current ? body(form, step) : null);
}

function summary(form, step) {
  if (step.kind === FLAGS) {
    const present = step.flags.filter((flag) => form.state.answers[flag.name] === "yes");
    if (present.length) return present.map((flag) => flag.title).join(", ");
    return form.state.flagged ? form.data.words.none : "–";
  }
  if (!(step.name in form.state.answers)) return form.state.unsure.includes(step.name) ? form.data.words.unsure : "–";
  const chosen = step.options.find((one) => one.value === form.state.answers[step.name]);
  return chosen ? `${chosen.short}${chosen.label === chosen.short ? "" : ` · ${chosen.label}`}` : "–";
}

function body(form, step) {
  const flags = step.kind === FLAGS;
  const options = flags
    ? step.flags.map((flag) => choice(flag, form.state.answers[flag.name] === "yes", "checkbox", () => form.toggle(flag), form.data.differing.includes(flag.name)))
    : step.options.map((one) => choice(one, form.state.answers[step.name] === one.value, "radio", () => form.answer(step, one.value), false, step.name));
  options.push(flags
    ? choice({ key: "0", name: "none", label: form.data.words.none }, form.state.flagged && !step.flags.some((f) => form.state.answers[f.name] === "yes"), "checkbox", () => form.none(), false)
    : choice({ key: "x", value: "unsure", label: form.data.words.unsure }, form.state.unsure.includes(step.name), "radio", () => form.unsure(step), false, step.name));
  const examples = step.examples?.length
    ? element("details", { open: Boolean(stored.read("am-label-examples")) },
        element("summary", {}, form.data.words.examples, " ", element("kbd", {}, "G")),
        ...step.examples.map((one) => element("div", { className: "example" },
          element("p", {}, element("b", {}, "User "), one.given),
          element("p", {}, element("b", {}, "Reply "), one.reply),
          element("p", { className: "faint" }, `${one.level}: ${one.because}`))))
    : null;
  return element("div", { className: "body" },
    step.ask ? element("p", { className: "faint" }, step.ask) : null,
    element("div", { className: "options", role: flags ? "group" : "radiogroup", "aria-label": step.title }, ...options),
    form.noting || form.state.notes[step.name] ? note(form, step) : null,
    examples);
}

function choice(one, chosen, role, act, differs, step = "") {
  return element("button",
    { type: "button", className: differs ? "option differs" : "option", role, "aria-checked": String(chosen),
      "aria-keyshortcuts": one.key, "data-id": `${step}:${one.name ?? one.value}`, onclick: act },
    element("kbd", { "aria-hidden": "true" }, one.key.toUpperCase()),
    element("span", {}, one.title ? element("b", {}, `${one.title}: `) : null, one.label));
}

function note(form, step) {
  const area = element("textarea", { rows: 2, maxLength: 2000, value: form.state.notes[step.name] ?? "",
    "aria-label": `${form.data.words.note}: ${step.title}`, placeholder: form.data.words.note, "data-id": `note:${step.name}` });
  area.addEventListener("input", () => {
    form.state.notes[step.name] = area.value;
    stored.write(DRAFT + form.data.draft, form.state);
  });
  return area;
}

function foot(form) {
  const button = (key, label, act, kind = "") => element("button",
    { type: "button", className: `act ${kind}`, "aria-keyshortcuts": key, onclick: act, "data-id": `act:${key}` },
    label, " ", element("kbd", { "aria-hidden": "true" }, key));
  const words = form.data.words;
  const others = form.data.mode === "label"
    ? [button("S", words.skip, () => form.act("skip")), button("Backspace", words.back, () => form.act("back"))]
    : [];
  const keys = words.keys.map(([key, meaning]) =>
    element("span", {}, element("kbd", {}, key), ` ${meaning}`));
  return element("div", { className: "foot" },
    element("div", { className: "acts" }, button("Enter", words.save, () => form.save(false), "primary"), ...others),
    element("p", { className: "keys" }, ...keys));
}
