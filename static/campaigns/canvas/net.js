// Asking the server: answers are JSON, and whatever goes wrong is a sentence.
// The cookie comes first: who was logged out, and logs in again in another tab, gets another token.
const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? document.querySelector("[name=csrfmiddlewaretoken]").value;
const SILENT = "The site does not answer. Nothing is lost: try again in a moment.";
const LOGGED_OUT = "You were logged out. Log in again in another tab, then try once more here: nothing is lost.";
const GONE = "This campaign is not there any more: somebody deleted it. What you drew is still here, but cannot be saved to it.";
const TOO_LARGE = "The campaign is too large to be sent; split it.";

// {status, …the answer}; `refused` says why something was not done.
export async function send(url, body) {
  const plain = body instanceof FormData;
  try {
    const answer = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: { "X-CSRFToken": token(), ...(plain ? {} : { "Content-Type": "application/json" }) },
      body: plain ? body : JSON.stringify(body),
    });
    return await read(answer);
  } catch {
    return { status: 0, refused: SILENT };
  }
}

export async function get(url) {
  try {
    return await read(await fetch(url, { redirect: "manual", cache: "no-store" }));
  } catch {
    return { status: 0, refused: SILENT };
  }
}

async function read(answer) {
  if (answer.type === "opaqueredirect") return { status: 403, refused: LOGGED_OUT };
  const found = await answer.json().catch(() => null);
  if (found) return { ...found, status: answer.status };
  return { status: answer.status, refused: { 403: LOGGED_OUT, 404: GONE, 413: TOO_LARGE }[answer.status] ?? SILENT };
}
