// What HTML lacks: a key that signs and never leaves, files that are dropped, progress. Nothing here is evaluated from text.
"use strict";

const keys = {
  // One key for each person that uses this browser; the private key cannot be taken out again (extractable: false).
  open() {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open("console", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("keys");
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  },
  async with(mode, use) {
    const base = await this.open();
    return new Promise((resolve, reject) => {
      const request = use(base.transaction("keys", mode).objectStore("keys"));
      request.onsuccess = () => { base.close(); resolve(request.result); };
      request.onerror = () => { base.close(); reject(request.error); };
    });
  },
  name() { return document.body.dataset.user || document.querySelector(".who span")?.textContent || ""; },
  find() { return this.with("readonly", (store) => store.get(this.name())); },
  keep(value) { return this.with("readwrite", (store) => store.put(value, this.name())); },
  forget() { return this.with("readwrite", (store) => store.delete(this.name())); },

  async bring(pem, keyid) {
    const text = pem.replace(/-----[^-]+-----/g, "").replace(/\s+/g, "");
    const der = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    for (const [algorithm, terms] of [["ecdsa-p256-sha256", { name: "ECDSA", namedCurve: "P-256" }], ["ed25519", { name: "Ed25519" }]]) {
      try {
        const key = await crypto.subtle.importKey("pkcs8", der, terms, false, ["sign"]);
        await this.keep({ keyid, algorithm, key });
        return;
      } catch (error) { if (error.name === "NotSupportedError" || error.name === "DataError" || error.name === "OperationError") continue; throw error; }
    }
    throw new Error("key");
  },
  async sign(held, base) {
    const terms = held.algorithm === "ed25519" ? { name: "Ed25519" } : { name: "ECDSA", hash: "SHA-256" };
    return new Uint8Array(await crypto.subtle.sign(terms, held.key, base));
  },
};

const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const words = (name) => document.querySelector("[data-words]")?.dataset[name] || name;

function tell(place, text, tone) {
  const line = document.createElement("p");
  line.className = `note ${tone || ""}`;
  line.textContent = text;
  place.replaceChildren(line);
}

async function send(address, form) {
  const answer = await fetch(address, { method: "POST", body: form, credentials: "same-origin" });
  if (answer.redirected || !(answer.headers.get("content-type") || "").includes("json")) {
    window.location.assign("/signin?why=ended&next=" + encodeURIComponent(location.pathname + location.search));
    return null;
  }
  return answer.json();
}

// The person signs what he sees: a file's digest is computed here and must stand in what is to be signed.
async function coversFile(base, form) {
  const file = [...form.values()].find((value) => value instanceof File && value.size > 0);
  const text = new TextDecoder().decode(base);
  if (!file || !form.get("whole-file")) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return text.includes(`sha-256=:${toBase64(digest)}:`);
}

async function act(element) {
  const place = element.querySelector("[data-outcome]");
  const button = element.querySelector("button[type=submit]");
  const held = await keys.find();
  if (!held) { tell(place, words("nokey"), "bad"); return; }
  if (element.dataset.confirm && !window.confirm(element.dataset.confirm)) return;
  button.disabled = true;
  tell(place, words("signing"));
  try {
    const form = new FormData(element);
    form.set("csrf", element.dataset.csrf);
    form.set("action", element.dataset.action);
    form.set("keyid", held.keyid);
    form.set("algorithm", held.algorithm);
    const begun = await send("/act/begin", form);
    if (!begun) return;
    if (begun.mistake) { mistaken(element, place, begun); return; }
    const base = fromBase64(begun.base);
    if (!(await coversFile(base, form))) { tell(place, words("otherfile"), "bad"); return; }
    const signed = new FormData();
    signed.set("csrf", element.dataset.csrf);
    signed.set("act", begun.act);
    signed.set("signature", toBase64(await keys.sign(held, base)));
    const done = await send("/act/finish", signed);
    if (!done) return;
    if (done.mistake) mistaken(element, place, done);
    else if (done.problem) { place.innerHTML = done.problem; place.scrollIntoView({ block: "nearest" }); }
    else window.location.assign(done.then);
  } catch (error) {
    tell(place, words("lost"), "bad");
  } finally {
    button.disabled = false;
  }
}

// A button that asks for something beside the act, say a rehearsal: data-also="/address" answers {html} or {mistake}.
async function also(button) {
  const element = button.closest("form");
  const place = element.querySelector("[data-outcome]");
  const form = new FormData(element);
  form.set("csrf", element.dataset.csrf);
  button.disabled = true;
  try {
    const told = await send(button.dataset.also, form);
    if (told?.mistake) mistaken(element, place, told);
    else if (told) place.innerHTML = told.html;
  } catch (error) {
    tell(place, words("lost"), "bad");
  } finally {
    button.disabled = false;
  }
}

function mistaken(element, place, answer) {
  tell(place, answer.mistake, "bad");
  if (answer.field) element.querySelector(`[name="${CSS.escape(answer.field)}"]`)?.focus();
}

async function showKey() {
  const held = await keys.find().catch(() => null);
  for (const place of document.querySelectorAll("[data-signed-with]")) {
    if (held) place.textContent = `${words("signedwith")} ${held.keyid}`;
  }
  const place = document.querySelector("[data-key-id]");
  if (place && held) place.textContent = `${held.keyid} (${held.algorithm})`;
}

function dropping(zone) {
  const input = zone.querySelector("input[type=file]");
  const named = zone.querySelector("[data-file-name]");
  const show = () => { if (named) named.textContent = input.files.length ? `${input.files[0].name} (${input.files[0].size.toLocaleString()} B)` : ""; };
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); input.files = event.dataTransfer.files; input.dispatchEvent(new Event("change", { bubbles: true })); });
  input.addEventListener("change", show);
}

// A page that says how far something is asks again until it is done: data-poll="/address" answers {html, done}.
async function polling(place) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    try {
      const answer = await fetch(place.dataset.poll, { credentials: "same-origin" });
      if (!(answer.headers.get("content-type") || "").includes("json")) { window.location.reload(); return; }
      const told = await answer.json();
      place.innerHTML = told.html;
      if (told.done) { if (place.dataset.then) window.location.assign(place.dataset.then); return; }
    } catch (error) { /* the line is gone for a moment: ask again */ }
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-act]")) { event.preventDefault(); act(event.target); }
  });
  const bring = document.querySelector("[data-key-import]");
  bring?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const place = bring.querySelector("[data-outcome]");
    try {
      await keys.bring(await bring.pem.files[0].text(), bring.keyid.value.trim());
      bring.reset(); tell(place, words("keykept")); showKey();
    } catch (error) { tell(place, words("keywrong"), "bad"); }
  });
  const demo = document.querySelector("[data-key-demo]");
  demo?.addEventListener("click", async () => {
    const answer = await fetch(demo.dataset.keyDemo, { credentials: "same-origin" });
    const place = bring.querySelector("[data-outcome]");
    try { await keys.bring(await answer.text(), demo.dataset.keyid); tell(place, words("keykept")); showKey(); }
    catch (error) { tell(place, words("keywrong"), "bad"); }
  });
  document.querySelector("[data-key-forget]")?.addEventListener("click", async () => { await keys.forget(); window.location.reload(); });
  document.querySelectorAll("[data-also]").forEach((button) => button.addEventListener("click", () => also(button)));
  document.querySelectorAll(".drop").forEach(dropping);
  document.querySelectorAll("[data-poll]").forEach(polling);
  showKey();
});
