//! What grants may look like, in `plugins.yaml` and in `plugins.lock`, with their defaults and bounds.

use std::time::Duration;

use crate::grants::{Access, ItemScope, MailTls, SecretUse};
use crate::shape::{IdRule, Record, Shape, closed, optional, required};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Bytes that a plugin keeps where nothing is given.
pub(super) const KV_QUOTA: u64 = MIB;
/// Bytes of a workspace where nothing is given.
pub(crate) const WORKSPACE_QUOTA: u64 = 2 * GIB;
/// Bytes of artifacts where nothing is given.
pub(crate) const ARTIFACTS_QUOTA: u64 = GIB;
/// Processor time of a program where nothing is given.
pub(crate) const CPU: Duration = Duration::from_secs(10 * 60);
/// Time of a program where nothing is given.
pub(crate) const WALL: Duration = Duration::from_secs(30 * 60);
/// Memory of a program where nothing is given.
pub(crate) const MEMORY: u64 = 4 * GIB;
/// Most time that can be granted to a program.
pub(super) const MAX_TIME: Duration = Duration::from_secs(24 * 3600);

/// What a plugin may do.
pub(crate) static GRANTS: Record = closed(
    "grants",
    "What a plugin may do.",
    &[
        optional("http", Shape::OneOrList(&Shape::Record(&HTTP)), "Requests it may send."),
        optional("secrets", Shape::OneOrList(&Shape::Record(&SECRET)), "Secrets it may use, and how."),
        optional("kv", Shape::Record(&KV), "Values it may keep from call to call, for this project."),
        optional("workspace", Shape::Record(&WORKSPACE), "A private copy of the commit's files."),
        optional("artifacts", Shape::Record(&ARTIFACTS), "Artifacts of the project."),
        optional("process", Shape::Record(&PROCESS), "Programs of the machine it may start, in a jail."),
        optional("items", Shape::Record(&ITEMS), "What it may do with items."),
        optional("mail", Shape::Record(&MAIL), "E-mail that the host sends for it over SMTP."),
        optional("deployments", Shape::Record(&DEPLOYMENTS), "Apps it may put live."),
    ],
);

static HTTP: Record = closed(
    "http grant",
    "Requests to one host, or to the hosts below one name.",
    &[
        required("host", Shape::Text, "A host's name or address, or *.example.com."),
        optional("scheme", Shape::Word(&["https", "http"]), "https where none is given."),
        optional("port", Shape::Integer { min: 1, max: 65_535 }, "The scheme's own where none is given."),
        optional("methods", Shape::OneOrList(&Shape::Text), "All where none is given."),
    ],
);

static SECRET: Record = closed(
    "secret",
    "Use of one secret. The plugin handles a placeholder; the value is put in outside of it.",
    &[
        required("name", Shape::Id(IdRule::Secret), "The secret's name: TOKEN."),
        required(
            "use",
            Shape::OneOrList(&Shape::Word(&SecretUse::NAMES)),
            "How it may be used: in a request's header, url or body, to sign, or reveal, with which the plugin sees it.",
        ),
        optional(
            "hosts",
            Shape::OneOrList(&Shape::Text),
            "The hosts it may be sent to: names, addresses or *.example.com. Needed for header, url and body.",
        ),
    ],
);

static KV: Record = closed(
    "kv grant",
    "Values that a plugin keeps from call to call, for this project.",
    &[optional("quota", Shape::Size { max: 64 * MIB }, "Most bytes in all; 1MiB where none is given, 64MiB at most.")],
);

static WORKSPACE: Record = closed(
    "workspace grant",
    "A private copy of the commit's files.",
    &[
        required("access", Shape::Word(&Access::NAMES), "read, or write, which includes it."),
        optional("quota", Shape::Size { max: 64 * GIB }, "Most bytes in all; 2GiB where none is given, 64GiB at most."),
    ],
);

static ARTIFACTS: Record = closed(
    "artifacts grant",
    "Artifacts of the project.",
    &[
        required("access", Shape::Word(&Access::NAMES), "read, or write, which includes it."),
        optional(
            "quota",
            Shape::Size { max: 64 * GIB },
            "Most bytes that a call writes; 1GiB where none is given, 64GiB at most.",
        ),
    ],
);

static PROCESS: Record = closed(
    "process grant",
    "Programs of the machine, started in a jail: with files of the workspace only, and ended with all they started.",
    &[
        required("programs", Shape::OneOrList(&Shape::Text), "Bare names (cargo) and absolute paths (/usr/bin/make)."),
        optional("network", Shape::Boolean, "Whether they reach the network; false where nothing is given."),
        optional("cpu", Shape::Duration, "Most processor time; 10m where none is given, 24h at most."),
        optional("wall", Shape::Duration, "Most time from start to end; 30m where none is given, 24h at most."),
        optional("memory", Shape::Size { max: 1024 * GIB }, "Most memory; 4GiB where none is given, 1TiB at most."),
    ],
);

static ITEMS: Record = closed(
    "items grant",
    "What a plugin may do with items.",
    &[required("scopes", Shape::OneOrList(&Shape::Word(&ItemScope::NAMES)), "What it may do.")],
);

static MAIL: Record = closed(
    "mail grant",
    "E-mail that the host sends over SMTP.",
    &[
        required("servers", Shape::OneOrList(&Shape::Record(&MAIL_SERVER)), "The servers that take it."),
        optional(
            "from",
            Shape::OneOrList(&Shape::Text),
            "Senders: addresses or *@example.com; any where none is given.",
        ),
        optional(
            "to",
            Shape::OneOrList(&Shape::Text),
            "Recipients: addresses or *@example.com; anybody where none is given.",
        ),
    ],
);

static MAIL_SERVER: Record = closed(
    "mail server",
    "A server that takes e-mail.",
    &[
        required("host", Shape::Text, "Its name or address."),
        optional(
            "port",
            Shape::Integer { min: 1, max: 65_535 },
            "The port; 465, 587 with starttls and 25 without TLS where none is given.",
        ),
        optional(
            "tls",
            Shape::Word(&MailTls::NAMES),
            "required: TLS from the first byte; starttls: TLS before anything is said; none. required where none is given.",
        ),
    ],
);

static DEPLOYMENTS: Record = closed(
    "deployments grant",
    "Apps that a plugin may put live.",
    &[required("apps", Shape::OneOrList(&Shape::Text), "Names of apps; \"*\" is every one.")],
);
