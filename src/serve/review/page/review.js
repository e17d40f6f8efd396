// One screen: a strip of images, three answers. Arrows move and decide nothing; what is decided is on the disk before
// the page moves on.

const TOKEN = location.hash.slice(1);
// Whoever decides faster has not looked: a key that was still on its way when the picture changed.
const BLINK_MS = 150;
// Pictures on either side that are ready before they are asked for.
const AHEAD = 3;

const part = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const VERDICTS = ["accept", "reject", "unsure"];
const WORDS = { accept: "accepted", reject: "rejected", unsure: "unsure" };

let standing = null;
let at = 0;
let shownAt = 0;
let busy = false;
const pictures = new Map();

function trouble(text) {
  part.trouble.textContent = text;
  part.trouble.hidden = !text;
}

function over(title, about) {
  trouble("");
  part.said.textContent = "";
  part["over-title"].textContent = title;
  part["over-about"].textContent = about;
  part.look.hidden = true;
  part.tools.hidden = true;
  part.over.hidden = false;
  if (part.keys.open) part.keys.close();
  document.body.dataset.screen = "over";
}

function gone() {
  over("The program does not answer", "It was ended, or this page is of an earlier start. Start it again with the same command and open the address that it prints: every decision up to here is kept.");
}

async function call(path, body) {
  const request = { headers: { "x-rimforge-token": TOKEN }, cache: "no-store", credentials: "omit" };
  if (body !== undefined) {
    request.method = "POST";
    request.headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  return fetch(path, request);
}

// The standing in a reply: of a request that was served, or of one that came too late.
async function standingIn(reply) {
  if (reply.ok || reply.status === 409) return reply.json();
  if (reply.status === 401) {
    over("This address is not complete", "Open the address as the program printed it, with all that stands behind the #.");
    return null;
  }
  const said = await reply.json().catch(() => ({}));
  trouble(said.problem ? `Not kept: ${said.problem}` : `Not kept: the program answered ${reply.status}`);
  return null;
}

function dataOf(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}

// A picture that is decoded already, so that it is there as soon as it is shown.
function pictureOf(question) {
  if (!pictures.has(question)) {
    const loaded = call(`/api/picture/${question}`).then(async (reply) => {
      if (!reply.ok) throw new Error(`picture ${question}: ${reply.status}`);
      const image = new Image();
      image.src = await dataOf(await reply.blob());
      await image.decode();
      return image.src;
    });
    loaded.catch(() => pictures.delete(question));
    pictures.set(question, loaded);
  }
  return pictures.get(question);
}

async function show(question) {
  const begun = performance.now();
  at = Math.max(0, Math.min(question, standing.questions.length - 1));
  const picture = await pictureOf(at);
  const { questions, lines, next, last } = standing;
  const asked = questions[at];
  const decided = questions.filter((one) => one.decision).length;
  part.reviewer.textContent = standing.reviewer;
  part.simulated.hidden = !standing.simulated;
  part.progress.max = questions.length;
  part.progress.value = decided;
  part.count.textContent = `picture ${at + 1} of ${questions.length} · ${decided} decided`;
  part.picture.src = picture;
  part.picture.alt = `Picture ${at + 1}: rows are codes, columns the steps along one direction`;
  part.scores.hidden = !asked.scores;
  part.scores.textContent = asked.scores || "";
  part.comment.value = asked.comment;
  part.name.value = "";
  for (const verdict of VERDICTS) part[verdict].setAttribute("aria-pressed", String(asked.decision === verdict));
  part.back.disabled = at === 0;
  part.on.disabled = at === questions.length - 1;
  part.undo.disabled = last === null;
  part.said.textContent = next === null ? "All pictures are decided: finish, or look again." : asked.decision ? WORDS[asked.decision] : "not decided";
  part.over.hidden = true;
  part.look.hidden = false;
  part.tools.hidden = false;
  const { dataset } = document.body;
  dataset.screen = "look";
  dataset.question = String(at);
  dataset.lines = String(lines);
  dataset.decided = String(decided);
  dataset.took = String(performance.now() - begun);
  shownAt = performance.now();
  for (const known of pictures.keys()) if (Math.abs(known - at) > 2 * AHEAD) pictures.delete(known);
  for (let step = 1; step <= AHEAD; step += 1) {
    for (const near of [at + step, at - step]) {
      if (near >= 0 && near < questions.length) pictureOf(near).catch(() => {});
    }
  }
  if (next !== null) pictureOf(next).catch(() => {});
}

// One thing at a time; a program that is gone is said to be.
async function alone(work) {
  if (busy) return;
  busy = true;
  try {
    await work();
  } catch {
    gone();
  } finally {
    busy = false;
  }
}

const looking = () => document.body.dataset.screen === "look" && !part.keys.open;

// The next one behind that is not decided, else the first, else the one that is shown.
function onwards() {
  const open = standing.questions.map((one, question) => (one.decision ? -1 : question)).filter((question) => question >= 0);
  return open.find((question) => question > at) ?? open[0] ?? at;
}

function decide(decision) {
  if (!looking() || performance.now() - shownAt < BLINK_MS) return;
  alone(async () => {
    const milliseconds = Math.round(Math.min(performance.now() - shownAt, 4294967295));
    const given = { question: at, lines: standing.lines, decision, comment: part.comment.value, name: part.name.value, milliseconds };
    const reply = await call("/api/decide", given);
    const next = await standingIn(reply);
    if (!next) return;
    trouble(reply.status === 409 ? "Not kept: something was decided in another window. This is where it stands." : "");
    standing = next;
    document.activeElement?.blur();
    await show(reply.ok ? onwards() : at);
  });
}

function undo() {
  if (!looking() || standing.last === null) return;
  const taken = standing.last;
  alone(async () => {
    const next = await standingIn(await call("/api/undo", { lines: standing.lines }));
    if (!next) return;
    trouble("");
    standing = next;
    await show(taken);
  });
}

function move(step) {
  if (!looking()) return;
  const wanted = at + step;
  if (wanted >= 0 && wanted < standing.questions.length) alone(() => show(wanted));
}

function help() {
  if (part.keys.open) part.keys.close();
  else if (looking()) part.keys.showModal();
}

function finish() {
  alone(async () => {
    const reply = await call("/api/finish", {});
    if (reply.ok) over("Finished", "You may close this page.");
  });
}

const KEYS = {
  a: () => decide("accept"), r: () => decide("reject"), u: () => decide("unsure"), z: undo, "?": help,
  ArrowLeft: () => move(-1), ArrowRight: () => move(1),
};

document.addEventListener("keydown", (event) => {
  // Words that are typed decide nothing; Enter ends them.
  if (event.target instanceof HTMLInputElement) {
    if (event.key === "Enter" || event.key === "Escape") event.target.blur();
    return;
  }
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  const moves = event.key.startsWith("Arrow");
  if (!act || (event.repeat && !moves) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
for (const verdict of VERDICTS) part[verdict].addEventListener("click", () => decide(verdict));
part.back.addEventListener("click", () => move(-1));
part.on.addEventListener("click", () => move(1));
part.undo.addEventListener("click", undo);
part.help.addEventListener("click", help);
part.close.addEventListener("click", help);
part.finish.addEventListener("click", finish);

alone(async () => {
  const first = await standingIn(await call("/api/state"));
  if (!first) return;
  standing = first;
  await show(standing.next ?? 0);
});
