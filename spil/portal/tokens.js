// Tokens of the demo's issuer, one per role, kept in this tab and asked anew when they end.
// Law: a token stays in sessionStorage and in the authorization header; it never stands in an address.

export const settings = JSON.parse(document.body.dataset.settings);

const keyOf = (role) => `spil.token.${role}`;

// The token of a role's example party; null where there is none to take.
export async function tokenOf(role) {
  const actor = settings.demo?.actors[role];
  if (!actor) return null;
  const kept = sessionStorage.getItem(keyOf(role));
  if (kept && endOf(kept) > Date.now() + 60_000) return kept;
  const form = new URLSearchParams({
    grant_type: "client_credentials", client_id: settings.demo.client, client_secret: settings.demo.secret,
    party: actor[0], function: actor[1],
  });
  const response = await fetch(settings.demo.url, { method: "POST", body: form });
  if (!response.ok) throw new Error("The demo's issuer gives no token.");
  const token = (await response.json()).access_token;
  sessionStorage.setItem(keyOf(role), token);
  return token;
}

// Of a token that the hub refused: it is of an earlier demo.
export function forget(role) {
  sessionStorage.removeItem(keyOf(role));
}

function endOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).exp * 1000;
  } catch {
    return 0;
  }
}
