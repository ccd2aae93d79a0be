//! The rows: what is called with a grant and without one, and what a narrower grant makes of which call.

/// One function of the border.
pub(super) struct Row {
    /// `interface.function`.
    pub(super) function: &'static str,
    /// The capability that it takes; none where everybody may call it.
    pub(super) capability: Option<&'static str>,
    /// What it is called with.
    pub(super) arguments: &'static [&'static str],
    /// A narrower grant, what the function is called with under it, and how what came of it begins.
    pub(super) narrowed: Option<(&'static str, &'static [&'static str], &'static str)>,
}

const fn free(function: &'static str, arguments: &'static [&'static str]) -> Row {
    Row { function, capability: None, arguments, narrowed: None }
}

const fn row(
    function: &'static str,
    capability: &'static str,
    arguments: &'static [&'static str],
    narrowed: (&'static str, &'static [&'static str], &'static str),
) -> Row {
    Row { function, capability: Some(capability), arguments, narrowed: Some(narrowed) }
}

const DENIED: &str = "error: Error::Denied(";
const INVALID: &str = "error: Error::Invalid(";
const NOT_FOUND: &str = "error: Error::NotFound(";
const OVER_QUOTA: &str = "error: Error::OverQuota(";

const GET: &str = "http: [{ scheme: http, host: 127.0.0.1, port: {port}, methods: [GET] }]";
const HEADER: &str = "secrets: [{ name: TOKEN, use: [header], hosts: [127.0.0.1] }]";
const KV: &str = "kv: { quota: 1KiB }";
const READ_FILES: &str = "workspace: { access: read }";
const READ_ARTIFACTS: &str = "artifacts: { access: read }";
const READ_BOTH: &str = "artifacts: { access: read }, workspace: { access: read }";
const NO_WRITE: &str = "items: { scopes: [items:read, transitions:write] }";
const NO_TRANSITION: &str = "items: { scopes: [items:read, items:write] }";
const NO_READ: &str = "items: { scopes: [items:write, transitions:write] }";
const READ_ITEMS: &str = "items: { scopes: [items:read] }";
const DOCS: &str = "deployments: { apps: [docs] }";
const MAIL: &str = "mail: { servers: [{ host: localhost, port: {smtp}, tls: none }], to: ['*@example.org'] }";

/// In the order in which they are called; what one leaves the next may use.
pub(super) const ROWS: &[Row] = &[
    free("log.line", &["a line"]),
    free("progress.report", &["half"]),
    free("clock.now", &[]),
    row("http.send", "http", &["GET", "{url}"], (GET, &["POST", "{url}"], DENIED)),
    row("secrets.placeholder", "secrets", &["TOKEN"], (HEADER, &["OTHER"], DENIED)),
    row("secrets.sign", "secrets", &["TOKEN", "text"], (HEADER, &["TOKEN", "text"], DENIED)),
    row("secrets.reveal", "secrets", &["TOKEN"], (HEADER, &["TOKEN"], DENIED)),
    // Another plugin has values of its own.
    row("kv.get", "kv", &["kept"], (KV, &["kept"], "ok: None")),
    row("kv.keys", "kv", &["k"], (KV, &["k"], "ok: []")),
    row("kv.set", "kv", &["a", "b"], (KV, &["a", "{large}"], OVER_QUOTA)),
    row("kv.swap", "kv", &["new", "b"], (KV, &["new", "{large}"], OVER_QUOTA)),
    row("kv.remove", "kv", &["kept"], (KV, &["kept"], "ok: false")),
    row("workspace.entries", "workspace", &[""], (READ_FILES, &[".."], INVALID)),
    row("workspace.read", "workspace", &["notes.txt"], (READ_FILES, &["/etc/passwd"], INVALID)),
    row("workspace.write", "workspace", &["new.txt", "text"], (READ_FILES, &["new.txt", "text"], DENIED)),
    row("workspace.append", "workspace", &["notes.txt", "!"], (READ_FILES, &["notes.txt", "!"], DENIED)),
    row("workspace.set-executable", "workspace", &["notes.txt"], (READ_FILES, &["notes.txt"], DENIED)),
    row("workspace.remove", "workspace", &["notes.txt"], (READ_FILES, &["notes.txt"], DENIED)),
    row("artifacts.put", "artifacts", &["note", "text"], (READ_ARTIFACTS, &["note", "text"], DENIED)),
    row("artifacts.keep", "artifacts", &["site", "site"], (READ_BOTH, &["site", "site"], DENIED)),
    // Another project has artifacts of its own.
    row("artifacts.find", "artifacts", &["{artifact}"], (READ_ARTIFACTS, &["{foreign}"], NOT_FOUND)),
    row("artifacts.newest", "artifacts", &["artifact"], (READ_ARTIFACTS, &["foreign"], NOT_FOUND)),
    row("artifacts.read", "artifacts", &["{artifact}"], (READ_ARTIFACTS, &["{foreign}"], NOT_FOUND)),
    row(
        "artifacts.place",
        "artifacts",
        &["{site}", "there"],
        ("artifacts: { access: read }, workspace: { access: write }", &["{foreign}", "there"], NOT_FOUND),
    ),
    row("process.run", "process", &["echo", "hi"], ("process: { programs: [echo] }", &["sh", "-c", "echo hi"], DENIED)),
    row("items.get", "items", &["{item}"], (READ_ITEMS, &["{foreign-item}"], NOT_FOUND)),
    row("items.find", "items", &[], (NO_READ, &[], DENIED)),
    row("items.create", "items", &[r#"{"title":"two"}"#], (NO_WRITE, &[r#"{"title":"two"}"#], DENIED)),
    row("items.update", "items", &["{item}", r#"{"title":"x"}"#], (NO_WRITE, &["{item}", r#"{"title":"x"}"#], DENIED)),
    row("items.comment", "items", &["{item}", "seen"], (NO_WRITE, &["{item}", "seen"], DENIED)),
    row("items.transition", "items", &["{item}", "Finish"], (NO_TRANSITION, &["{item}", "Finish"], DENIED)),
    row("mail.send", "mail", &["{smtp}", "ada@example.com"], (MAIL, &["{smtp}", "ada@example.com"], DENIED)),
    row("deployments.prepare", "deployments", &["web", "{site}"], (DOCS, &["web", "{site}"], DENIED)),
    row("deployments.probe", "deployments", &["{release}", "/"], (DOCS, &["{release}", "/"], DENIED)),
    row("deployments.activate", "deployments", &["{release}"], (DOCS, &["{release}"], DENIED)),
    row("deployments.live", "deployments", &["web"], (DOCS, &["web"], DENIED)),
    row("deployments.previous", "deployments", &["web"], (DOCS, &["web"], DENIED)),
];
