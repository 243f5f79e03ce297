// A request as code: curl, Python, Node, Rust and Go.

const quoted = (text) => JSON.stringify(text);
const inShell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const lines = (list, indent) => list.map((line) => `${indent}${line}`).join("\n");

function parts({ method, path, body, headers }) {
  const all = Object.entries(headers);
  if (body !== undefined) all.push(["content-type", "application/json"]);
  return { method, url: location.origin + path, headers: all, text: body === undefined ? null : JSON.stringify(body) };
}

function curl(request) {
  const { method, url, headers, text } = parts(request);
  const words = [`curl -s ${inShell(url)}`, ...headers.map(([name, value]) => `-H ${inShell(`${name}: ${value}`)}`)];
  if (text !== null) words.push(`-d ${inShell(text)}`);
  if (method !== (text === null ? "GET" : "POST")) words.splice(1, 0, `-X ${method}`);
  return words.join(" \\\n  ");
}

function python(request) {
  const { method, url, headers, text } = parts(request);
  const dict = lines(headers.map(([name, value]) => `${quoted(name)}: ${quoted(value)},`), "        ");
  const data = text === null ? "" : `    data=${quoted(text)}.encode(),\n`;
  return `import urllib.request

request = urllib.request.Request(
    ${quoted(url)},
    method=${quoted(method)},
    headers={
${dict}
    },
${data})
with urllib.request.urlopen(request) as answer:
    print(answer.status, answer.read().decode())`;
}

function node(request) {
  const { method, url, headers, text } = parts(request);
  const object = lines(headers.map(([name, value]) => `${quoted(name)}: ${quoted(value)},`), "    ");
  const body = text === null ? "" : `  body: ${quoted(text)},\n`;
  return `const answer = await fetch(${quoted(url)}, {
  method: ${quoted(method)},
  headers: {
${object}
  },
${body}});
console.log(answer.status, await answer.text());`;
}

function rust(request) {
  const { method, url, headers, text } = parts(request);
  const calls = headers.map(([name, value]) => `.header(${quoted(name)}, ${quoted(value)})`);
  if (text !== null) calls.push(`.body(${quoted(text)})`);
  return `let answer = reqwest::Client::new()
    .${method.toLowerCase()}(${quoted(url)})
${lines(calls, "    ")}
    .send()
    .await?;
println!("{} {}", answer.status(), answer.text().await?);`;
}

function go(request) {
  const { method, url, headers, text } = parts(request);
  const body = text === null ? "nil" : `strings.NewReader(${quoted(text)})`;
  const sets = headers.map(([name, value]) => `request.Header.Set(${quoted(name)}, ${quoted(value)})`);
  return `request, err := http.NewRequest(${quoted(method)}, ${quoted(url)}, ${body})
if err != nil {
	log.Fatal(err)
}
${lines(sets, "")}
answer, err := http.DefaultClient.Do(request)
if err != nil {
	log.Fatal(err)
}
defer answer.Body.Close()
text, _ := io.ReadAll(answer.Body)
fmt.Println(answer.Status, string(text))`;
}

export const LANGUAGES = { curl, Python: python, Node: node, Rust: rust, Go: go };
