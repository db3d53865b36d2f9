const $ = (id) => document.getElementById(id);

function element(name, text, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

async function predict() {
  const texts = $("texts").value.split("\n").filter((line) => line.trim());
  const headers = { "Content-Type": "application/json" };
  if ($("key").value) headers.Authorization = "Bearer " + $("key").value;
  const options = { method: "POST", headers, body: JSON.stringify({ texts }) };
  $("answer").hidden = false;
  try {
    const response = await fetch("predict", options);
    $("answer").textContent = JSON.stringify(await response.json(), null, 2);
  } catch {
    $("answer").textContent = "The endpoint does not answer.";
  }
}

async function paths() {
  const described = await (await fetch("openapi.json")).json();
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const statuses = Object.entries(operation.responses).flatMap(([status, response]) => [
        element("dt", status),
        element("dd", response.description),
      ]);
      const title = element("h3", method.toUpperCase() + " " + path);
      const list = element("dl", "", ...statuses);
      $("paths").append(element("section", "", title, element("p", operation.description), list));
    }
  }
}

$("send").addEventListener("click", predict);
paths();
