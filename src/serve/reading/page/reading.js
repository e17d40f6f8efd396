// One screen: an image, two answers. The program says which question is next; what the image is, it tells nobody.

const TOKEN = location.hash.slice(1);
// Whoever answers faster has not looked: a key that was still on its way when the image changed.
const BLINK_MS = 150;

const part = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
const screens = ["ask", "intro", "done", "over"];

let standing = null;
let shownAt = 0;
let busy = false;
let introduced = null;
const images = new Map();

function show(screen) {
  for (const name of screens) part[name].hidden = name !== screen;
  document.body.dataset.screen = screen;
  const reading = screen === "ask" || screen === "done" || screen === "intro";
  part.back.hidden = !reading;
  part.smooth.hidden = screen !== "ask";
  part.back.disabled = !standing || standing.answered === 0;
}

function trouble(text) {
  part.trouble.textContent = text;
  part.trouble.hidden = !text;
}

function over(title, about) {
  trouble("");
  part["over-title"].textContent = title;
  part["over-about"].textContent = about;
  show("over");
}

function gone() {
  over("The program does not answer", "It was ended, or this page is of an earlier start. Start it again with the same command and open the address that it prints: every answer up to here is kept.");
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

function imageOf(question) {
  if (!images.has(question)) {
    const loaded = call(`/api/image/${question}`).then(async (reply) => {
      if (!reply.ok) throw new Error(`image ${question}: ${reply.status}`);
      return new Uint8Array(await reply.arrayBuffer());
    });
    loaded.catch(() => images.delete(question));
    images.set(question, loaded);
  }
  return images.get(question);
}

function draw(levels) {
  const [channels, height, width] = standing.shape;
  const across = standing.colour ? 1 : channels;
  const canvas = part.image;
  canvas.width = width * across;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  const plane = height * width;
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width * across; column += 1) {
      const at = 4 * (row * width * across + column);
      const inside = row * width + (column % width);
      for (let colour = 0; colour < 3; colour += 1) {
        const channel = standing.colour ? colour : Math.floor(column / width);
        picture.data[at + colour] = levels[channel * plane + inside];
      }
      picture.data[at + 3] = 255;
    }
  }
  context.putImageData(picture, 0, 0);
  fit();
}

// As large as the screen allows, every pixel the same number of screen pixels.
function fit() {
  const canvas = part.image;
  const room = canvas.parentElement;
  const ratio = window.devicePixelRatio || 1;
  const most = Math.min(room.clientWidth / canvas.width, room.clientHeight / canvas.height) * ratio;
  const times = Math.max(most >= 1 ? Math.floor(most) : most, 0.05) / ratio;
  canvas.style.width = `${canvas.width * times}px`;
  canvas.style.height = `${canvas.height * times}px`;
}

async function take(next) {
  standing = next;
  const { answered, questions, now } = standing;
  document.title = `${standing.study}: rimforge read`;
  part.study.textContent = `${standing.study} · ${standing.reader}`;
  part.simulated.hidden = !standing.simulated;
  part.progress.max = questions;
  part.progress.value = answered;
  part.count.textContent = now ? `${now.of_task[0]} of ${now.of_task[1]} · task ${now.task[0]} of ${now.task[1]}` : `${answered} of ${questions}`;
  for (const known of images.keys()) if (known < answered - 1 || known > answered + 2) images.delete(known);
  if (!now) {
    show("done");
  } else if (introduced !== now.title) {
    intro();
  } else {
    await ask();
  }
  document.body.dataset.answered = String(answered);
}

function intro() {
  const { now, answered } = standing;
  part["intro-step"].textContent = `Task ${now.task[0]} of ${now.task[1]} · ${now.of_task[1]} images`;
  part["intro-title"].textContent = now.title;
  part["intro-about"].textContent = now.about;
  part["intro-left"].textContent = now.answers[0];
  part["intro-right"].textContent = now.answers[1];
  part["intro-shown"].textContent = standing.shown.length ? `Shown: ${standing.shown.join(", ")}; the same window for all.` : "";
  part["begin-word"].textContent = now.of_task[0] > 1 ? `Go on with image ${now.of_task[0]}` : "Begin";
  imageOf(answered).catch(() => {});
  show("intro");
}

async function ask() {
  const { now, answered } = standing;
  const levels = await imageOf(answered);
  part.title.textContent = now.title;
  part["left-word"].textContent = now.answers[0];
  part["right-word"].textContent = now.answers[1];
  part.left.classList.remove("pressed");
  part.right.classList.remove("pressed");
  show("ask");
  draw(levels);
  shownAt = performance.now();
  if (answered + 1 < standing.questions) imageOf(answered + 1).catch(() => {});
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

async function send(path, body) {
  const next = await standingIn(await call(path, body));
  if (!next) return false;
  trouble("");
  await take(next);
  return true;
}

function answer(yes) {
  if (document.body.dataset.screen !== "ask" || performance.now() - shownAt < BLINK_MS) return;
  alone(async () => {
    const button = yes ? part.left : part.right;
    button.classList.add("pressed");
    const milliseconds = Math.round(Math.min(performance.now() - shownAt, 4294967295));
    if (!(await send("/api/answer", { question: standing.answered, yes, milliseconds }))) button.classList.remove("pressed");
  });
}

function takeBack() {
  if (!standing || standing.answered === 0 || part.back.hidden) return;
  alone(() => send("/api/withdraw", { question: standing.answered - 1 }));
}

function begin() {
  if (document.body.dataset.screen !== "intro") return;
  introduced = standing.now.title;
  alone(ask);
}

function finish() {
  if (document.body.dataset.screen !== "done") return;
  alone(async () => {
    const reply = await call("/api/finish", {});
    if (reply.ok) over("Finished", "You may close this page.");
  });
}

function smooth() {
  const on = part.image.classList.toggle("smooth");
  part.smooth.setAttribute("aria-pressed", String(on));
}

const KEYS = {
  1: () => answer(true), ArrowLeft: () => answer(true), 2: () => answer(false), ArrowRight: () => answer(false),
  Backspace: takeBack, s: smooth, S: smooth, Enter: () => { begin(); finish(); },
};

document.addEventListener("keydown", (event) => {
  const act = KEYS[event.key];
  if (!act || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
part.left.addEventListener("click", () => answer(true));
part.right.addEventListener("click", () => answer(false));
part.back.addEventListener("click", takeBack);
part.smooth.addEventListener("click", smooth);
part.begin.addEventListener("click", begin);
part.finish.addEventListener("click", finish);
window.addEventListener("resize", () => { if (document.body.dataset.screen === "ask") fit(); });

alone(async () => {
  const first = await standingIn(await call("/api/state"));
  if (first) await take(first);
});
