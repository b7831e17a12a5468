//! Every setting there is: one table, from which checks, errors and `docs/settings.md` come.

use std::fmt::Write as _;

/// The five services, as they stand for `<SVC>` in the names of keys (upper-cased).
pub const SERVICES: [&str; 5] = ["auth", "assistants", "billing", "chats", "admin"];

/// What applies where a key is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing.
    None,
    /// The same everywhere.
    Always(&'static str),
    /// Outside production only.
    Local(&'static str),
    /// One value outside production, another in it.
    Split(&'static str, &'static str),
}

/// When the processes that read a key cannot start without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Never.
    Optional,
    /// In production.
    Production,
    /// Everywhere.
    Always,
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the file and in the environment; `<SVC>` stands for a service.
    pub name: &'static str,
    /// Its value is never printed, and its local default is refused in production.
    pub secret: bool,
    /// What applies where it is not set.
    pub fallback: Fallback,
    /// Whether its readers start without it.
    pub need: Need,
    /// The processes that read it; `<svc>` is the service itself, `all` is everybody.
    pub readers: &'static [&'static str],
    /// What a value must be.
    pub rule: &'static str,
    /// What it is for.
    pub about: &'static str,
}

impl Key {
    const fn new(
        name: &'static str,
        readers: &'static [&'static str],
        rule: &'static str,
        about: &'static str,
    ) -> Self {
        Self { name, secret: false, fallback: Fallback::None, need: Need::Optional, readers, rule, about }
    }
    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
    const fn or(mut self, fallback: Fallback) -> Self {
        self.fallback = fallback;
        self
    }
    const fn needed(mut self, need: Need) -> Self {
        self.need = need;
        self
    }

    /// Whether the process `who` reads the key `name` of this family.
    #[must_use]
    pub fn is_read_by(&self, who: &str, name: &str) -> bool {
        self.readers.iter().any(|reader| match *reader {
            "all" => true,
            "<svc>" => service_of(name).is_some_and(|s| who.strip_prefix("svc-") == Some(s)),
            "services" => who.starts_with("svc-"),
            reader => reader == who,
        })
    }
}

const ORIGIN: &str = "must be an origin such as https://app.example.ru, without a path";
const KEYRING: &str = "must be a list kid:base64,… of 32-byte keys; the first one is used for new values";
const PATH: &str = "must be the path of a PEM file; TLS_CERT, TLS_KEY and TLS_CA go together";
const ADDRESS: &str = "must be an IP address and port, such as 127.0.0.1:8080";
const POSTGRES: &str = "must be postgres://user:password@host:port/database";
const HTTP: &str = "must be an http or https URL";

/// All keys.
pub const KEYS: &[Key] = &[
    Key::new("NEIPIX_CONFIG", &["all"], "must be the path of a TOML file", "The settings' file (environment only).")
        .or(Fallback::Always("neipix.toml")),
    Key::new("NEIPIX_ENV", &["all"], "must be local, test or production", "How strict the start is.")
        .or(Fallback::Always("local")),
    Key::new(
        "NEIPIX_DEMO",
        &["all"],
        "must be 0 or 1, and 0 in production",
        "Seeds a demo workspace with known log-ins.",
    )
    .or(Fallback::Always("0")),
    Key::new(
        "HUGE_TEXT",
        &["all"],
        "must be 0 or 1",
        "Moves the code of an optimised program onto huge pages, where profilers do not find its names.",
    )
    .or(Fallback::Always("1")),
    Key::new("DATABASE_URL", &["migrate"], POSTGRES, "The owner of the schemas; never given to a serving process.")
        .secret()
        .needed(Need::Always),
    Key::new("<SVC>_DATABASE_URL", &["<svc>"], POSTGRES, "The database as the service's own role.")
        .secret()
        .needed(Need::Always),
    Key::new(
        "<SVC>_POOL",
        &["<svc>"],
        "must be a whole number from 1 to 500",
        "Most connections to Postgres of one process.",
    )
    .or(Fallback::Always("8")),
    Key::new("VERIFY_DATABASE_URL", &["cli"], POSTGRES, "The database as the read-only role `neipix_verify`.").secret(),
    Key::new(
        "REDIS_URL",
        &["services", "edge"],
        "must be redis://[:password@]host[:port][/number], or rediss://",
        "Redis: events, wake-ups, revocations, rate limits.",
    )
    .secret()
    .or(Fallback::Local("redis://127.0.0.1:6379/0"))
    .needed(Need::Production),
    Key::new("S3_ENDPOINT", &["svc-assistants", "svc-chats", "edge"], HTTP, "Object storage as the services reach it.")
        .or(Fallback::Local("http://127.0.0.1:9000"))
        .needed(Need::Production),
    Key::new(
        "S3_PUBLIC_ENDPOINT",
        &["svc-assistants", "svc-chats", "edge"],
        HTTP,
        "Object storage as browsers reach it; S3_ENDPOINT where not set.",
    ),
    Key::new(
        "S3_BUCKET",
        &["svc-assistants", "svc-chats"],
        "must be 3 to 63 of a-z, 0-9, dot and hyphen",
        "The bucket of all files.",
    )
    .or(Fallback::Always("neipix")),
    Key::new("S3_ACCESS_KEY", &["svc-assistants", "svc-chats"], "must not be empty", "Log-in of the object storage.")
        .secret()
        .or(Fallback::Local("neipix-local"))
        .needed(Need::Production),
    Key::new(
        "S3_SECRET_KEY",
        &["svc-assistants", "svc-chats"],
        "must have at least 8 characters",
        "Password of the object storage.",
    )
    .secret()
    .or(Fallback::Local("neipix-local-secret"))
    .needed(Need::Production),
    Key::new(
        "SMTP_URL",
        &["svc-auth"],
        "must be smtp://[user:password@]host:port or smtps://…",
        "Where letters go out.",
    )
    .secret()
    .or(Fallback::Local("smtp://127.0.0.1:1025"))
    .needed(Need::Production),
    Key::new("MAIL_FROM", &["svc-auth"], "must be an e-mail address, with or without a name", "Sender of letters.")
        .or(Fallback::Local("Neipix <no-reply@neipix.localhost>"))
        .needed(Need::Production),
    Key::new("HTTP_ADDR", &["edge"], ADDRESS, "Where the edge listens.").or(Fallback::Always("127.0.0.1:8080")),
    Key::new("OPS_ADDR", &["all"], ADDRESS, "Where /metrics, /healthz and /readyz are served; never public.")
        .or(Fallback::Always("127.0.0.1:9464")),
    Key::new("GRPC_ADDR", &["services"], ADDRESS, "Where a service listens.").or(Fallback::Always("127.0.0.1:50051")),
    Key::new(
        "<SVC>_ADDRS",
        &["services", "edge", "cli"],
        "must be a list host:port,…",
        "Where a service is reached: all replicas, or a name that resolves to all.",
    ),
    Key::new("TLS_CERT", &["services", "edge", "cli"], PATH, "Own certificate chain within the mesh.")
        .needed(Need::Production),
    Key::new("TLS_KEY", &["services", "edge", "cli"], PATH, "Its private key.").needed(Need::Production),
    Key::new("TLS_CA", &["services", "edge", "cli"], PATH, "The authority of the mesh.").needed(Need::Production),
    Key::new("APP_ORIGIN", &["edge", "svc-auth", "svc-chats"], ORIGIN, "The app.")
        .or(Fallback::Local("http://app.localhost:8080"))
        .needed(Need::Production),
    Key::new("ADMIN_ORIGIN", &["edge", "svc-auth"], ORIGIN, "The staff's app.")
        .or(Fallback::Local("http://admin.localhost:8080"))
        .needed(Need::Production),
    Key::new("API_ORIGIN", &["edge", "svc-chats"], ORIGIN, "The public API; also where webhooks come in.")
        .or(Fallback::Local("http://api.localhost:8080"))
        .needed(Need::Production),
    Key::new(
        "WIDGET_ORIGIN",
        &["edge", "svc-chats"],
        ORIGIN,
        "The web widget; another registrable domain than the apps'.",
    )
    .or(Fallback::Local("http://widget.localhost:8080"))
    .needed(Need::Production),
    Key::new(
        "FILES_ORIGIN",
        &["edge", "svc-assistants"],
        ORIGIN,
        "Users' files; another registrable domain than the apps'.",
    )
    .or(Fallback::Local("http://files.localhost:8080"))
    .needed(Need::Production),
    Key::new(
        "WEB_DIR",
        &["edge"],
        "must be the full path of a folder",
        "The built web apps, `app/`, `admin/` and `widget/`; none: they are not served.",
    ),
    Key::new(
        "TRUSTED_PROXIES",
        &["edge"],
        "must be a list of addresses or ranges, such as 10.0.0.0/8",
        "Whose X-Forwarded-For is believed.",
    ),
    Key::new("AUTH_ISSUER", &["services", "edge"], "must not be empty", "`iss` of access tokens.")
        .or(Fallback::Local("http://api.localhost:8080"))
        .needed(Need::Production),
    Key::new("SEAL_KEYS", &["services"], KEYRING, "Seals secrets of third parties at rest.")
        .secret()
        .or(Fallback::Local("local:bmVpcGl4LWxvY2FsLXNlYWwta2V5LTAxMjM0NTY3ODk="))
        .needed(Need::Production),
    Key::new("REFRESH_KEYS", &["svc-auth"], KEYRING, "Derives the successor of a refresh token.")
        .secret()
        .or(Fallback::Local("local:bmVpcGl4LWxvY2FsLXJlZnJlc2gta2V5LTAxMjM0NTY="))
        .needed(Need::Production),
    Key::new("PAGE_TOKEN_KEYS", &["services"], KEYRING, "Signs page tokens.")
        .secret()
        .or(Fallback::Local("local:bmVpcGl4LWxvY2FsLXBhZ2UtdG9rZW4ta2V5LTAxMjM="))
        .needed(Need::Production),
    Key::new(
        "ARGON2",
        &["svc-auth"],
        "must be m=<KiB>,t=<passes>,p=<lanes>, with m ≥ 8·p, t ≥ 1, p from 1 to 16",
        "Cost of a password hash.",
    )
    .or(Fallback::Always("m=19456,t=2,p=1")),
    Key::new(
        "EGRESS_ALLOW",
        &["svc-assistants", "svc-chats"],
        "must be a list of host:port or address ranges; in production none of a private address",
        "Stand-ins that the guard of outgoing calls lets through.",
    ),
    Key::new("TELEGRAM_API", &["svc-chats"], HTTP, "Base URL of the Bot API.")
        .or(Fallback::Always("https://api.telegram.org")),
    Key::new(
        "WELCOME_GRANT_MICRO_PIX",
        &["svc-billing"],
        "must be a whole number from 0 to 1000000000000",
        "Put into `bonus` of a new wallet, in micro-pix.",
    )
    .or(Fallback::Always("100000000")),
    Key::new(
        "SIMULATION_FREE_MICRO_PIX",
        &["svc-assistants"],
        "must be a whole number from 0 to 1000000000000",
        "What test dialogues of a workspace may cost a day (UTC) before its wallet pays, in micro-pix.",
    )
    .or(Fallback::Always("5000000")),
    Key::new("OTEL_EXPORTER_OTLP_ENDPOINT", &["all"], HTTP, "Where traces go (OTLP over gRPC); none: they stay."),
    Key::new("LOG_FORMAT", &["all"], "must be json or pretty", "Shape of log lines.")
        .or(Fallback::Split("pretty", "json")),
    Key::new("RUST_LOG", &["all"], "must be a filter such as info,neipix_mesh=debug", "Which log lines are written.")
        .or(Fallback::Always("info")),
    Key::new(
        "NEIPIX_CRASHPOINTS",
        &["all"],
        "must be a list name=abort|fail|sleep:<ms>[@<pass>], and empty in production",
        "Arms crash points, in builds that have them.",
    ),
    Key::new(
        "NEIPIX_CRASHPOINT_LOG",
        &["all"],
        "must be the path of a file that can be appended to",
        "Where passed crash points are written down.",
    ),
];

/// The service in the name of a key such as `BILLING_POOL`: `billing`.
fn service_of(name: &str) -> Option<&'static str> {
    SERVICES.into_iter().find(|s| name.strip_prefix(&s.to_uppercase()).is_some_and(|rest| rest.starts_with('_')))
}

/// The key of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Some(key);
    }
    let rest = &name[service_of(name)?.len()..];
    KEYS.iter().find(|key| key.name.strip_prefix("<SVC>") == Some(rest))
}

/// The names of all keys, families written out.
pub fn names() -> impl Iterator<Item = String> {
    KEYS.iter().flat_map(|key| {
        let of = |service: &str| key.name.replace("<SVC>", &service.to_uppercase());
        if key.name.contains('<') { SERVICES.iter().map(|s| of(s)).collect() } else { vec![key.name.to_owned()] }
    })
}

/// The page `docs/settings.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Settings\n\nFrom the table in `infra/mesh/src/config/keys.rs`; a test compares. A key stands in `neipix.toml` \
         (flat: `KEY = \"value\"`) or in the environment, which wins; an empty value is no value. `<SVC>` is one of AUTH, \
         ASSISTANTS, BILLING, CHATS, ADMIN. Unknown keys and broken rules stop the start, all of them named at once. \
         Production (`NEIPIX_ENV=production`) has no defaults marked *local*, and refuses their values for secrets, demo \
         users, a database with `fsync`, `synchronous_commit` or `full_page_writes` off, and exceptions of private \
         addresses in `EGRESS_ALLOW`.\n\n| Key | Default | Needed | Read by | Rule | For |\n|---|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let default = match key.fallback {
            Fallback::None => String::new(),
            Fallback::Always(value) => format!("`{value}`"),
            Fallback::Local(_) if key.secret => "*local*: a known one".to_owned(),
            Fallback::Local(value) => format!("*local*: `{value}`"),
            Fallback::Split(local, production) => format!("`{local}`, in production `{production}`"),
        };
        let need = match key.need {
            Need::Optional => "",
            Need::Production => "in production",
            Need::Always => "always",
        };
        let secret = if key.secret { " (secret)" } else { "" };
        let cells = [key.readers.join(", "), key.rule.to_owned(), key.about.to_owned()];
        let cells = cells.map(|c| c.replace('|', "\\|").replace("<svc>", "that service")).join(" | ");
        let _ = writeln!(page, "| `{}`{secret} | {default} | {need} | {cells} |", key.name);
    }
    page
}
