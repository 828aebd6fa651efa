// GraphiQL as one role at a time: its own introspection, so that it shows this role's contract and no other.
import { forget, settings, tokenOf } from "/portal/tokens.js";

const { React, ReactDOM, GraphiQL } = window;
const examples = JSON.parse(document.body.dataset.examples);
const select = document.getElementById("role");
const root = ReactDOM.createRoot(document.getElementById("explorer"));

// What GraphiQL keeps (tabs, sizes) stays in this tab, per role.
function storageOf(role) {
  const name = (key) => `spil.explorer.${role}.${key}`;
  return {
    getItem: (key) => sessionStorage.getItem(name(key)),
    setItem: (key, value) => sessionStorage.setItem(name(key), value),
    removeItem: (key) => sessionStorage.removeItem(name(key)),
    clear: () => Object.keys(sessionStorage).filter((key) => key.startsWith(name(""))).forEach((key) => sessionStorage.removeItem(key)),
    length: 0,
  };
}

function fetcherOf(role) {
  const send = async (body) => {
    const token = await tokenOf(role);
    const headers = { "content-type": "application/json", accept: "application/graphql-response+json" };
    if (token) headers.authorization = `Bearer ${token}`;
    return fetch("/graphql", { method: "POST", headers, body });
  };
  return async (question) => {
    const body = JSON.stringify(question);
    let response = await send(body);
    if (response.status === 401) {
      forget(role);
      response = await send(body);
    }
    return response.json();
  };
}

function show(role, query) {
  const actor = settings.demo.actors[role];
  select.value = role;
  document.getElementById("asker").textContent = actor ? actor.join(", ") : "no token";
  document.getElementById("contract").href = `/contracts/${role.toLowerCase()}.graphql`;
  sessionStorage.setItem("spil.role", role);
  root.render(React.createElement(GraphiQL, {
    key: role, fetcher: fetcherOf(role), storage: storageOf(role), query, defaultQuery: examples[role],
    isHeadersEditorEnabled: false, shouldPersistHeaders: false, defaultEditorToolsVisibility: false,
  }));
}

select.addEventListener("change", () => show(select.value));
const given = sessionStorage.getItem("spil.query") ?? undefined;
sessionStorage.removeItem("spil.query");
const kept = sessionStorage.getItem("spil.role");
show(kept in examples ? kept : "PUBLIC", given);
