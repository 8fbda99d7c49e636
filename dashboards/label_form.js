// The form of one label. What is typed lives here, in the browser, until the server says that it
// has it: keys never wait for the server, and a server that dies takes nothing with it.
//
// Text from the server is put in as text, never as markup.

const DRAFT = "am-label-draft:";
const OUTBOX = "am-label-outbox";
const FLAGS = "opportunities";
const AGAIN_AFTER = 4000;
const EDITABLE = "input, textarea, select, [contenteditable=true]";

let form = null;
document.addEventListener("keydown", (event) => form?.pressed(event), true);

export default function ({ data, parentElement, setTriggerValue }) {
  if (form?.root !== parentElement) form = new Form(parentElement);
  form.receive(data, setTriggerValue);
}

const stored = {
  read(name) {
    try { return JSON.parse(sessionStorage.getItem(name)); } catch { return null; }
  },
  write(name, value) {
    try { sessionStorage.setItem(name, JSON.stringify(value)); } catch { /* a full or closed store */ }
  },
  drop(name) {
    try { sessionStorage.removeItem(name); } catch { /* as above */ }
  },
};

class Form {
  constructor(root) {
    this.root = root;
    this.data = null;
    this.said = "";
    this.failed = false;
  }

  // What the server sent: the message, the questions, and what became of what was sent to it.
  receive(data, send) {
    this.send = send;
    const before = this.data;
    this.data = data;
    const waiting = this.waiting();
    if (waiting && data.reply.token === waiting.token) {
      stored.drop(this.outbox());
      if (data.reply.ok && waiting.drops) stored.drop(DRAFT + waiting.draft);
      this.said = data.reply.said;
      this.failed = !data.reply.ok;
    } else if (waiting && before?.session !== data.session) {
      this.deliver(waiting);
    }
    if (before?.item !== data.item || before?.draft !== data.draft) this.open(Boolean(before?.item));
    this.draw();
  }

  // An unacknowledged act of this annotator, also from before the page was loaded again.
  waiting() { return stored.read(this.outbox()); }

  outbox() { return `${OUTBOX}:${this.data.mode}|${this.data.annotator}`; }

  open(follows) {
    const kept = stored.read(DRAFT + this.data.draft);
    this.state = kept ?? {
      answers: { ...this.data.answers }, notes: { ...this.data.notes }, unsure: [],
      flagged: this.data.flagged,
    };
    // What a label left unanswered when it was given is no open question when it is opened again.
    if (!kept && this.data.again) this.state.unsure = this.openSteps().map((step) => step.name);
    this.current = null;
    this.noting = false;
    this.advance();
    for (const wait of [30, 300]) {
      setTimeout(() => {
        const talk = document.querySelector(".am-label-talk");
        if (talk) talk.scrollTop = talk.scrollHeight;
        if (follows && window.innerWidth <= 640) talk?.scrollIntoView();
      }, wait);
    }
  }

  // The questions that apply, in order; all opportunities are one step.
  steps() {
    const present = (flag) => this.state.answers[flag] === "yes";
    const applies = (question) =>
      question.kind === "side" ? present(question.flag) : !question.needs.length || question.needs.some(present);
    const flags = this.data.questions.filter((one) => one.kind === "opportunity");
    const others = this.data.questions.filter((one) => one.kind !== "opportunity");
    const place = others.findIndex((one) => one.kind !== "stance");
    const found = others.filter(applies);
    found.splice(place, 0, { name: FLAGS, kind: FLAGS, title: this.data.words.flags, flags });
    return found;
  }

  isAnswered(step) {
    if (step.kind === FLAGS) return this.state.flagged;
    return step.name in this.state.answers || this.state.unsure.includes(step.name);
  }

  openSteps() { return this.steps().filter((step) => !this.isAnswered(step)); }

  // To the next open question after this one, else the first open one; stay where none is.
  advance() {
    const steps = this.steps();
    const at = steps.findIndex((step) => step.name === this.current);
    const next = steps.slice(at + 1).find((s) => !this.isAnswered(s)) ?? this.openSteps()[0];
    if (next) this.current = next.name;
    else if (at < 0) this.current = steps[0].name;
    this.noting = false;
  }

  move(by) {
    const steps = this.steps();
    const at = steps.findIndex((step) => step.name === this.current);
    this.current = steps[Math.min(steps.length - 1, Math.max(0, at + by))].name;
    this.noting = false;
  }

  step() { return this.steps().find((step) => step.name === this.current); }

  answer(step, value) {
    this.said = "";
    this.state.answers[step.name] = value;
    this.state.unsure = this.state.unsure.filter((name) => name !== step.name);
    this.advance();
    this.changed();
  }

  unsure(step) {
    if (step.kind === FLAGS) return;
    delete this.state.answers[step.name];
    delete this.state.notes[step.name];
    if (!this.state.unsure.includes(step.name)) this.state.unsure.push(step.name);
    this.advance();
    this.changed();
  }

  toggle(flag) {
    this.said = "";
    const present = this.state.answers[flag.name] === "yes";
    this.state.answers[flag.name] = present ? "no" : "yes";
    this.state.flagged = true;
    this.current = FLAGS;
    if (!present) {
      const side = this.steps().find((one) => one.flag === flag.name && !this.isAnswered(one));
      if (side) this.current = side.name;
    }
    this.changed();
  }

  none() {
    for (const flag of this.step().flags) this.state.answers[flag.name] = "no";
    this.state.flagged = true;
    this.advance();
    this.changed();
  }

  changed() {
    stored.write(DRAFT + this.data.draft, this.state);
    this.draw();
  }

  label() {
    const asked = this.steps();
    const given = (kinds) => Object.fromEntries(
      asked.filter((step) => kinds.includes(step.kind) && step.name in this.state.answers)
        .map((step) => [step.name, this.state.answers[step.name]]),
    );
    const flags = asked.find((step) => step.kind === FLAGS).flags
      .filter((flag) => this.state.answers[flag.name] === "yes");
    const sides = given(["side"]);
    const opportunities = Object.fromEntries(flags.map((flag) => [
      flag.name,
      Object.fromEntries(Object.entries(sides)
        .filter(([name]) => name.startsWith(`${flag.name}.`))
        .map(([name, value]) => [name.slice(flag.name.length + 1), value])),
    ]));
    const answered = new Set([...asked.map((s) => s.name), ...asked.flatMap((s) => (s.flags ?? []).map((f) => f.name))]);
    const notes = Object.fromEntries(Object.entries(this.state.notes)
      .filter(([name, note]) => note.trim() && answered.has(name) && name in this.state.answers));
    const stance = asked.find((step) => step.kind === "stance");
    return {
      stance: stance && this.state.answers[stance.name] !== undefined ? this.state.answers[stance.name] : null,
      opportunities, levels: given(["behaviour", "guard"]), choices: given(["outcome"]), notes,
    };
  }

  save(asItIs) {
    const open = this.openSteps();
    if (!this.state.flagged || (open.length && !asItIs)) {
      this.current = (this.state.flagged ? open[0] : this.steps().find((s) => s.kind === FLAGS)).name;
      this.said = this.data.words.open.replace("{n}", open.length);
      this.failed = false;
      this.draw();
      return;
    }
    this.act("save", this.label());
  }

  // Kept until the server answers to it, and sent again until then: the server knows repeats.
  act(what, label = null) {
    if (this.waiting()) return;
    const { item, annotator, mode, version, draft } = this.data;
    const token = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
    // Half an answer stays where one goes back or puts it off; not where a label is left as it was.
    const drops = what === "save" || (what === "skip" && this.data.again);
    const out = { do: what, token, item, annotator, mode, version, draft, label, drops };
    stored.write(this.outbox(), out);
    this.said = "";
    this.failed = false;
    this.deliver(out);
    this.draw();
  }

  deliver(out) {
    clearTimeout(this.timer);
    this.send("act", out);
    this.timer = setTimeout(() => {
      if (this.root.isConnected && this.waiting()?.token === out.token) this.deliver(out);
    }, AGAIN_AFTER);
  }

  pressed(event) {
    if (!this.root.isConnected || !this.data?.item || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    const inside = event.composedPath().includes(this.root);
    if (target.matches?.(EDITABLE)) {
      if (inside && (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey))) {
        target.blur();
        event.preventDefault();
        event.stopPropagation();
      }
      return;
    }
    if (document.querySelector("[role=dialog]")) return;
    if (!inside && target.closest?.("button, a, summary, [role=radio], [role=tab]") && [" ", "Enter"].includes(event.key)) return;
    if (this.handled(event)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }

  handled(event) {
    if (this.waiting()) return event.key === "Enter";
    const step = this.step();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const flag = this.steps().find((one) => one.kind === FLAGS).flags.find((one) => one.key === key);
    const option = step.options?.find((one) => one.key === key);
    if (key === "Enter") this.save(event.shiftKey);
    else if (option) this.answer(step, option.value);
    else if (flag) this.toggle(flag);
    else if (key === "0" && step.kind === FLAGS) this.none();
    else if (key === "ArrowDown" || key === "ArrowUp") { this.move(key === "ArrowDown" ? 1 : -1); this.draw(); }
    else if (key === "x") this.unsure(step);
    else if (key === "n") this.note();
    else if (key === "g") { stored.write("am-label-examples", !stored.read("am-label-examples")); this.draw(); }
    else if (key === "s" && this.data.mode === "label") this.act("skip");
    else if (key === "Backspace" && this.data.mode === "label") this.act("back");
    else return false;
    return true;
  }

  note() {
    if (!(this.step().name in this.state.answers)) {
      this.said = this.data.words.note_first;
      this.draw();
      return;
    }
    this.noting = true;
    this.draw();
    this.root.querySelector("textarea")?.focus();
  }

  draw() { paint(this); }
}
