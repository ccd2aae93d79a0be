// Shows openapi.json. Everything is written as text: nothing of the document becomes markup.
"use strict";

const element = (name, text, ...children) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
};

// A schema with what it refers to in its place, as deep as one can read.
const resolve = (schema, all, depth = 0) => {
  if (Array.isArray(schema)) return schema.map((one) => resolve(one, all, depth));
  if (schema === null || typeof schema !== "object") return schema;
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return depth < 4 ? resolve(all[name], all, depth + 1) : name;
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolve(value, all, depth)]));
};

const shape = (content, all) =>
  Object.entries(content ?? {}).map(([kind, { schema }]) =>
    element("div", "", element("p", kind), element("pre", JSON.stringify(resolve(schema, all), null, 2))));

const parameters = (list, all) => {
  const rows = list.map(({ name, in: place, required, description, schema }) =>
    element("tr", "", element("td", "", element("code", name)), element("td", required ? place : `${place}, optional`),
      element("td", description || JSON.stringify(resolve(schema, all)))));
  return element("table", "", element("tr", "", element("th", "Parameter"), element("th", "Where"), element("th", "What")), ...rows);
};

const show = (path, method, operation, all) => {
  const summary = element("summary", "", element("span", method.toUpperCase()), element("code", path), element("span", operation.summary));
  summary.firstChild.className = "method";
  const details = element("details", "", summary);
  details.dataset.words = `${path} ${method} ${operation.operationId} ${operation.summary}`.toLowerCase();
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    if (operation.description) details.append(element("p", operation.description));
    if (operation.parameters.length) details.append(parameters(operation.parameters, all));
    if (operation.requestBody) details.append(element("h3", "Body"), ...shape(operation.requestBody.content, all));
    for (const [status, answer] of Object.entries(operation.responses)) {
      const one = element("details", "", element("summary", `${status} ${answer.description}`), ...shape(answer.content, all));
      details.append(one);
    }
  });
  return details;
};

const start = async () => {
  const api = await (await fetch("/api/v1/openapi.json")).json();
  const all = api.components.schemas;
  document.getElementById("about").textContent = `${api.info.description} Version ${api.info.version}.`;
  const sections = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!sections.has(tag)) sections.set(tag, element("section", "", element("h2", tag)));
      sections.get(tag).append(show(path, method, operation, all));
    }
  }
  document.getElementById("operations").replaceChildren(...sections.values());
  document.getElementById("search").addEventListener("input", ({ target }) => {
    for (const one of document.querySelectorAll("details[data-words]")) {
      one.hidden = !one.dataset.words.includes(target.value.toLowerCase());
    }
  });
};

start().catch((error) => { document.getElementById("about").textContent = `The document cannot be shown: ${error}`; });
