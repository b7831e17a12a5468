//! Typed settings out of texts.

use std::collections::BTreeMap;

use super::{
    AllowRule, Argon2Cost, ConfigError, Environment, Listen, LogFormat, Mail, Origins, PerService, Problem, S3,
    Settings, Telemetry, TlsFiles,
    keys::{self, Fallback, Key, Need},
    parse,
    sources::Given,
};
use crate::{egress, secret::Secret};

/// Reads keys and notes what is wrong with them.
struct Reader<'a> {
    who: &'a str,
    production: bool,
    given: &'a Given,
    problems: Vec<Problem>,
}

pub(super) fn settings(who: &str, given: Given, problems: Vec<Problem>) -> Result<Settings, ConfigError> {
    let environment = given.get("NEIPIX_ENV").map(|t| t.expose().as_str()).and_then(parse::environment);
    // An unreadable NEIPIX_ENV is judged as production: strictness must not hang on a misspelling.
    let production = environment.map_or(given.contains_key("NEIPIX_ENV"), |e| e == Environment::Production);
    let mut reader = Reader { who, production, given: &given, problems };
    let built = build(&mut reader);
    refuse(&mut reader, &built);
    let problems = reader.problems;
    if problems.is_empty() { Ok(Settings { given, ..built }) } else { Err(ConfigError { problems }) }
}

impl Reader<'_> {
    fn get<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let Some(key) = keys::find(name) else {
            self.problems.push(Problem::new(name, "is not in the table of keys"));
            return None;
        };
        let Some(text) = self.given.get(name) else { return self.fall_back(name, key, parse) };
        let text = text.expose();
        if self.production && key.secret && is_default(key, text) {
            self.problems
                .push(Problem::new(name, format!("is the known default, which production refuses; it {}", key.rule)));
        }
        let value = parse(text);
        if value.is_none() {
            let found = if key.secret { String::new() } else { format!(", not `{text}`") };
            self.problems.push(Problem::new(name, format!("{}{found}", key.rule)));
        }
        value
    }

    fn fall_back<T>(&mut self, name: &str, key: &Key, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = match key.fallback {
            Fallback::Always(text) => Some(text),
            Fallback::Local(text) if !self.production => Some(text),
            Fallback::Split(local, production) => Some(if self.production { production } else { local }),
            Fallback::Local(_) | Fallback::None => None,
        };
        if let Some(text) = text {
            return parse(text);
        }
        let now = key.need == Need::Always || (key.need == Need::Production && self.production);
        if now && key.is_read_by(self.who, name) {
            self.problems.push(Problem::new(name, format!("is not set; it {}", key.rule)));
        }
        None
    }

    /// A database; in production with a password that is no default.
    fn database(&mut self, name: &str) -> Option<Secret<String>> {
        let url = self.get(name, parse::postgres)?;
        if self.production && parse::weak_password(url.expose()) {
            self.problems
                .push(Problem::new(name, "has a default password, which production refuses: give the role another"));
        }
        Some(url)
    }
}

/// Lists of keys are compared item by item: a default behind a good key still opens doors.
fn is_default(key: &Key, text: &str) -> bool {
    let default = match key.fallback {
        Fallback::Local(default) | Fallback::Always(default) => default,
        Fallback::None | Fallback::Split(..) => return false,
    };
    let bare = |item: &str| item.rsplit_once(':').map_or(item.to_owned(), |(_, bytes)| bytes.to_owned());
    let keyring = key.name.ends_with("_KEYS");
    text == default || (keyring && text.split(',').any(|item| bare(item.trim()) == bare(default)))
}

fn build(r: &mut Reader<'_>) -> Settings {
    let (storage_endpoint, s3) = s3(r);
    // The fallbacks behind `unwrap_or` stand in only for keys whose problem was noted: then no settings come out.
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    Settings {
        environment: r.get("NEIPIX_ENV", parse::environment).unwrap_or(Environment::Production),
        demo: r.get("NEIPIX_DEMO", parse::flag).unwrap_or(false),
        huge_text: r.get("HUGE_TEXT", parse::flag).unwrap_or(true),
        listen: Listen {
            http: r.get("HTTP_ADDR", parse::address).unwrap_or(nowhere),
            ops: r.get("OPS_ADDR", parse::address).unwrap_or(nowhere),
            grpc: r.get("GRPC_ADDR", parse::address).unwrap_or(nowhere),
        },
        tls: tls(r),
        web_dir: r.get("WEB_DIR", parse::folder),
        trusted_proxies: r.get("TRUSTED_PROXIES", parse::ranges).unwrap_or_default(),
        argon2: r.get("ARGON2", parse::argon2).unwrap_or(Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 }),
        egress_allow: r.get("EGRESS_ALLOW", parse::allow).unwrap_or_default(),
        telegram_api: r.get("TELEGRAM_API", parse::http).unwrap_or_default(),
        welcome_grant_micro_pix: r
            .get("WELCOME_GRANT_MICRO_PIX", |t| parse::number(t, 0..=1_000_000_000_000))
            .unwrap_or_default(),
        simulation_free_micro_pix: r
            .get("SIMULATION_FREE_MICRO_PIX", |t| parse::number(t, 0..=1_000_000_000_000))
            .unwrap_or_default(),
        telemetry: Telemetry {
            format: r.get("LOG_FORMAT", parse::log_format).unwrap_or(LogFormat::Json),
            filter: r.get("RUST_LOG", parse::filter).unwrap_or_default(),
            otlp: r.get("OTEL_EXPORTER_OTLP_ENDPOINT", parse::http),
        },
        crashpoints: r.get("NEIPIX_CRASHPOINTS", parse::crashpoints),
        crashpoint_log: r.get("NEIPIX_CRASHPOINT_LOG", parse::path),
        database_url: r.database("DATABASE_URL"),
        verify_database_url: r.database("VERIFY_DATABASE_URL"),
        redis_url: r.get("REDIS_URL", parse::redis),
        storage_endpoint,
        s3,
        mail: mail(r),
        origins: origins(r),
        auth_issuer: r.get("AUTH_ISSUER", parse::any),
        seal_keys: r.get("SEAL_KEYS", parse::keyring),
        refresh_keys: r.get("REFRESH_KEYS", parse::keyring),
        page_token_keys: r.get("PAGE_TOKEN_KEYS", parse::keyring),
        services: keys::SERVICES.into_iter().map(|name| (name, per_service(r, name))).collect(),
        given: BTreeMap::new(),
    }
}

fn per_service(r: &mut Reader<'_>, name: &str) -> PerService {
    let upper = name.to_uppercase();
    PerService {
        database_url: r.database(&format!("{upper}_DATABASE_URL")),
        pool: r
            .get(&format!("{upper}_POOL"), |t| parse::number(t, 1..=500))
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(8),
        addresses: r.get(&format!("{upper}_ADDRS"), parse::addresses).unwrap_or_default(),
    }
}

fn tls(r: &mut Reader<'_>) -> Option<TlsFiles> {
    let names = ["TLS_CERT", "TLS_KEY", "TLS_CA"];
    let paths = names.map(|name| r.get(name, parse::path));
    let set = paths.iter().flatten().count();
    let missing = names.iter().zip(&paths).filter(|(_, path)| path.is_none());
    let alone: Vec<_> = missing
        .map(|(name, _)| Problem::new(*name, "is not set, but others of TLS_CERT, TLS_KEY, TLS_CA are"))
        .collect();
    if (1..3).contains(&set) && !r.production {
        r.problems.extend(alone);
    }
    let [certificate, key, authority] = paths;
    Some(TlsFiles { certificate: certificate?, key: key?, authority: authority? })
}

/// The object storage: its address for browsers, which is no secret, and all of it for who holds its log-in.
fn s3(r: &mut Reader<'_>) -> (Option<String>, Result<S3, &'static str>) {
    let endpoint = r.get("S3_ENDPOINT", parse::http);
    let public_endpoint = r.get("S3_PUBLIC_ENDPOINT", parse::http).or_else(|| endpoint.clone());
    let bucket = r.get("S3_BUCKET", parse::bucket);
    let access_key = r.get("S3_ACCESS_KEY", |t| parse::secret(t, 1));
    let secret_key = r.get("S3_SECRET_KEY", |t| parse::secret(t, 8));
    let whole = || {
        let endpoint = endpoint.ok_or("S3_ENDPOINT")?;
        Ok(S3 {
            public_endpoint: public_endpoint.clone().unwrap_or_else(|| endpoint.clone()),
            endpoint,
            bucket: bucket.ok_or("S3_BUCKET")?,
            access_key: access_key.ok_or("S3_ACCESS_KEY")?,
            secret_key: secret_key.ok_or("S3_SECRET_KEY")?,
        })
    };
    let whole = whole();
    (public_endpoint, whole)
}

fn mail(r: &mut Reader<'_>) -> Result<Mail, &'static str> {
    let smtp_url = r.get("SMTP_URL", parse::smtp);
    let from = r.get("MAIL_FROM", parse::mailbox);
    Ok(Mail { smtp_url: smtp_url.ok_or("SMTP_URL")?, from: from.ok_or("MAIL_FROM")? })
}

fn origins(r: &mut Reader<'_>) -> Result<Origins, &'static str> {
    let app = r.get("APP_ORIGIN", parse::origin);
    let admin = r.get("ADMIN_ORIGIN", parse::origin);
    let api = r.get("API_ORIGIN", parse::origin);
    let widget = r.get("WIDGET_ORIGIN", parse::origin);
    let files = r.get("FILES_ORIGIN", parse::origin);
    Ok(Origins {
        app: app.ok_or("APP_ORIGIN")?,
        admin: admin.ok_or("ADMIN_ORIGIN")?,
        api: api.ok_or("API_ORIGIN")?,
        widget: widget.ok_or("WIDGET_ORIGIN")?,
        files: files.ok_or("FILES_ORIGIN")?,
    })
}

/// What production refuses although it is well formed.
fn refuse(r: &mut Reader<'_>, settings: &Settings) {
    if !r.production {
        return;
    }
    if settings.demo {
        r.problems.push(Problem::new("NEIPIX_DEMO", "must be 0 in production: demo users have known passwords"));
    }
    if settings.crashpoints.is_some() {
        r.problems.push(Problem::new("NEIPIX_CRASHPOINTS", "must be empty in production"));
    }
    for rule in &settings.egress_allow {
        let (inside, what) = match rule {
            AllowRule::Host { host, port } => (egress::is_inside(host), format!("{host}:{port}")),
            AllowRule::Range(range) => (egress::touches_inside(range), range.to_string()),
        };
        if inside {
            let message = format!("allows {what}, a private address, which production refuses");
            r.problems.push(Problem::new("EGRESS_ALLOW", message));
        }
    }
}
