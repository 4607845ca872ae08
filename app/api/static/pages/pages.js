// The forms of /login and /setup over the JSON API. Addresses are relative, so that a sub-path needs no setting.

const problem = document.getElementById("problem");
const note = document.getElementById("note");
const CREATED = "#created";
const TOKEN = "#token=";

/** Say what went wrong, mark the fields it is about and put the cursor where it can be put right. */
function complain(sentence, fields) {
  for (const field of document.querySelectorAll("input")) {
    field.removeAttribute("aria-invalid");
  }
  problem.textContent = sentence;
  for (const field of fields) {
    field.setAttribute("aria-invalid", "true");
  }
  (fields[0] || problem).focus();
}

/** Say something that is no error. */
function tell(sentence) {
  note.textContent = sentence;
  note.hidden = false;
}

/** Call the API: `{status, body}`; status 0 when nothing answers, or something that is not Huntarr does. */
async function call(path, data) {
  try {
    const reply = await fetch(path, {
      method: data ? "POST" : "GET",
      headers: data ? { "Content-Type": "application/json" } : {},
      body: data && JSON.stringify(data),
      credentials: "same-origin",
      redirect: "error",
    });
    return { status: reply.status, wait: Number(reply.headers.get("Retry-After")), body: await reply.json() };
  } catch {
    return { status: 0, wait: 0, body: { error: "Huntarr does not answer. Is it still running?" } };
  }
}

/** The reply's own words; field by field where it names fields, with the waiting time where there is one. */
function sentenceOf({ status, wait, body }) {
  const details = (body.details || []).map((one) => `${labelOf(one.field)}: ${one.message}`);
  const sentence = details.length ? details.join(" ") : body.error;
  if (status !== 429 || !wait) {
    return sentence;
  }
  return `${sentence} Wait ${wait > 90 ? `${Math.ceil(wait / 60)} minutes` : `${wait} seconds`}.`;
}

function inputOf(field) {
  return document.getElementById(String(field).replace(/^body\./, ""));
}

function labelOf(field) {
  const label = document.querySelector(`label[for="${CSS.escape(String(field).replace(/^body\./, ""))}"]`);
  return label ? label.textContent : field;
}

function fieldsOf(body, otherwise) {
  const named = (body.details || []).map((one) => inputOf(one.field)).filter((input) => input !== null);
  return named.length ? named : otherwise;
}

/** Show a field that is only sometimes needed. */
function reveal(block, input) {
  block.hidden = false;
  input.disabled = false;
}

/** The token of the link that Huntarr printed. It is taken out of the address, and so stands in no bookmark. */
function takeToken() {
  const { hash, pathname } = window.location;
  if (!hash.startsWith(TOKEN)) {
    return "";
  }
  window.history.replaceState(null, "", pathname);
  return hash.slice(TOKEN.length);
}

/** One submission at a time; the button keeps its focus, so it is not `disabled`. */
function onSubmit(form, handle) {
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") {
      return;
    }
    button.setAttribute("aria-disabled", "true");
    if (note) {
      note.hidden = true;
    }
    try {
      await handle(form.elements);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}

function missing(...inputs) {
  const empty = inputs.filter((input) => !input.disabled && input.value === "");
  if (empty.length) {
    const names = empty.map((input) => document.querySelector(`label[for="${input.id}"]`).textContent.toLowerCase());
    complain(`Please fill in: ${names.join(", ")}.`, empty);
  }
  return empty.length > 0;
}

async function logIn({ username, password, totp_code: code }) {
  if (missing(username, password, code)) {
    return;
  }
  const data = { username: username.value, password: password.value };
  if (!code.disabled) {
    data.totp_code = code.value.replace(/\s/g, "");
  }
  const reply = await call("api/auth/login", data);
  if (reply.status === 200) {
    window.location.assign("docs");
  } else if (reply.status === 401 && reply.body.error === "Two-factor code required") {
    reveal(document.getElementById("second"), code);
    complain("", [code]);
    code.removeAttribute("aria-invalid");
    tell("One more step: enter your two-factor code.");
  } else {
    const retry = code.disabled ? password : code;
    if (reply.status === 401) {
      retry.value = "";
    }
    complain(sentenceOf(reply), fieldsOf(reply.body, reply.status === 401 ? [retry] : []));
  }
}

async function setUp({ username, password, again, setup_token: token }) {
  if (missing(token, username, password, again)) {
    return;
  }
  if (password.value.length < password.minLength) {
    complain(`The password is too short: at least ${password.minLength} characters.`, [password]);
    return;
  }
  if (password.value !== again.value) {
    complain("The two passwords are not the same.", [again]);
    return;
  }
  const data = { username: username.value, password: password.value, setup_token: token.value.trim() };
  const reply = await call("api/setup", data);
  if (reply.status === 201) {
    window.location.assign(`login${CREATED}`);
  } else if (reply.status === 409) {
    window.location.assign("login");
  } else if (reply.status === 403) {
    reveal(document.getElementById("proof"), token);
    complain(sentenceOf(reply), [token]);
  } else {
    complain(sentenceOf(reply), fieldsOf(reply.body, []));
  }
}

/** Whoever comes to the wrong one of the two pages is led to the other. */
async function start() {
  const token = takeToken();
  const login = document.getElementById("login");
  if (login) {
    onSubmit(login, logIn);
    if (window.location.hash === CREATED) {
      window.history.replaceState(null, "", window.location.pathname);
      tell("The owner is created. Log in with the name and password that you chose.");
    }
  } else {
    const setup = document.getElementById("setup");
    onSubmit(setup, setUp);
    setup.elements.setup_token.value = token;
    document.getElementById("proof").hidden = token !== "";
  }
  const { status, body } = await call("api/setup/status");
  if (status === 200 && body.data.setup_required === Boolean(login)) {
    window.location.replace(login ? "setup" : "login");
  }
}

start();
