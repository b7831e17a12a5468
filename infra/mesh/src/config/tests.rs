use super::*;

fn problems(who: &str, pairs: &[(&str, &str)]) -> String {
    Settings::from_pairs(who, pairs.to_vec()).map_or_else(|e| e.to_string(), |_| String::new())
}

const GOOD_KEYS: &str = "k2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// What a production svc-auth needs.
fn production() -> Vec<(&'static str, &'static str)> {
    vec![
        ("NEIPIX_ENV", "production"),
        ("AUTH_DATABASE_URL", "postgres://auth_service:f8-Kq2@db:5432/neipix"),
        ("REDIS_URL", "redis://:f8-Kq2@redis:6379"),
        ("SMTP_URL", "smtps://mailer:f8-Kq2@mail.example.ru:465"),
        ("MAIL_FROM", "Neipix <hello@example.ru>"),
        ("TLS_CERT", "/tls/tls.crt"),
        ("TLS_KEY", "/tls/tls.key"),
        ("TLS_CA", "/tls/ca.crt"),
        ("APP_ORIGIN", "https://app.example.ru"),
        ("ADMIN_ORIGIN", "https://admin.example.ru"),
        ("AUTH_ISSUER", "https://api.example.ru"),
        ("SEAL_KEYS", GOOD_KEYS),
        ("REFRESH_KEYS", GOOD_KEYS),
        ("PAGE_TOKEN_KEYS", GOOD_KEYS),
    ]
}

fn production_with(key: &'static str, value: &'static str) -> String {
    let mut pairs = production();
    pairs.push((key, value));
    problems("svc-auth", &pairs)
}

#[test]
fn a_local_start_needs_nothing_but_databases() {
    assert_eq!(problems("local", &[]), "");
    assert!(problems("svc-billing", &[]).contains("BILLING_DATABASE_URL is not set; it must be postgres://"));
    let settings = Settings::from_pairs(
        "svc-billing",
        [
            ("BILLING_DATABASE_URL", "postgres://billing_service:x@127.0.0.1:5432/neipix"),
            ("BILLING_POOL", "3"),
            ("CHATS_ADDRS", "127.0.0.1:7001, chats.internal:7002"),
        ],
    )
    .unwrap();
    let own = settings.service("svc-billing").unwrap();
    assert_eq!((own.name, own.pool), ("billing", 3));
    assert_eq!(settings.addresses()["svc-chats"], ["127.0.0.1:7001", "chats.internal:7002"]);
    assert!(settings.service("chats").unwrap_err().to_string().contains("CHATS_DATABASE_URL is not set"));
    assert_eq!(settings.seal_keys().unwrap().kids().collect::<Vec<_>>(), ["local"]);
    assert_eq!(settings.origins().unwrap().app, settings.origin("APP_ORIGIN").unwrap());
}

#[test]
fn all_wrong_keys_are_told_at_once_each_with_its_rule() {
    let told = problems(
        "svc-auth",
        &[
            ("AUTH_POOL", "0"),
            ("HTTP_ADDR", "here"),
            ("ARGON2", "m=1,t=2,p=1"),
            ("SEAL_KEYS", "k1:canarycanary"),
            ("AUTH_DATABASE_URL", "canary-7f3a"),
            ("REDIS_ULR", "redis://x"),
            ("TLS_CERT", "/a"),
        ],
    );
    for part in [
        "AUTH_POOL must be a whole number from 1 to 500, not `0`",
        "HTTP_ADDR must be an IP address and port, such as 127.0.0.1:8080, not `here`",
        "ARGON2 must be",
        "SEAL_KEYS must be a list kid:base64",
        "AUTH_DATABASE_URL must be postgres://",
        "REDIS_ULR in the settings is not a setting; did you mean REDIS_URL?",
        "TLS_KEY is not set, but others",
    ] {
        assert!(told.contains(part), "no «{part}» in:\n{told}");
    }
    assert!(told.starts_with("8 settings are wrong:"), "{told}");
    assert!(!told.contains("canary"), "a secret was printed:\n{told}");
}

#[test]
fn every_key_of_the_table_is_checked() {
    let unbreakable = ["NEIPIX_CONFIG", "AUTH_ISSUER", "S3_ACCESS_KEY"];
    for name in keys::names().filter(|name| !unbreakable.contains(&name.as_str())) {
        let told = problems("local", &[(&name, "\0=!=?:")]);
        assert!(told.contains(&format!("{name} must ")), "{name} takes anything:\n{told}");
    }
}

#[test]
fn o_1_production_refuses_what_is_fine_at_home() {
    // trust: O-1
    assert_eq!(problems("svc-auth", &production()), "");
    assert!(production_with("NEIPIX_DEMO", "1").contains("NEIPIX_DEMO must be 0 in production"));
    assert!(production_with("NEIPIX_CRASHPOINTS", "x=abort").contains("NEIPIX_CRASHPOINTS must be empty"));
    for allowed in
        ["10.0.0.0/8", "127.0.0.1:9000", "localhost:80", "redis:6379", "[::1]:80", "0.0.0.0/0", "x.internal:1"]
    {
        assert!(production_with("EGRESS_ALLOW", allowed).contains("EGRESS_ALLOW allows"), "{allowed}");
    }
    assert_eq!(production_with("EGRESS_ALLOW", "llm.example.ru:8000,93.184.216.0/24"), "");
    for url in ["postgres://auth_service:auth_service@db/neipix", "postgres://postgres:postgres@db/neipix"] {
        assert!(production_with("AUTH_DATABASE_URL", url).contains("AUTH_DATABASE_URL has a default password"));
    }
}

#[test]
fn o_1_production_refuses_the_default_of_every_secret_also_behind_a_good_one() {
    // trust: O-1
    for key in keys::KEYS.iter().filter(|key| key.secret) {
        let keys::Fallback::Local(default) = key.fallback else { continue };
        assert!(production_with(key.name, default).contains(&format!("{} is the known default", key.name)));
    }
    let behind: &'static str =
        Box::leak(format!("{GOOD_KEYS},old:bmVpcGl4LWxvY2FsLXNlYWwta2V5LTAxMjM0NTY3ODk=").into_boxed_str());
    assert!(production_with("SEAL_KEYS", behind).contains("SEAL_KEYS is the known default"));
}

#[test]
fn o_1_production_has_no_local_defaults_and_names_what_is_missing() {
    // trust: O-1
    let told = problems("svc-auth", &[("NEIPIX_ENV", "production")]);
    for (key, _) in production().iter().skip(1) {
        assert!(told.contains(&format!("{key} is not set")), "{key} is not missed:\n{told}");
    }
    assert!(!told.contains("S3_ENDPOINT"), "another service's key is asked for:\n{told}");
    let settings = Settings::from_pairs("svc-auth", production()).unwrap();
    assert!(settings.s3().unwrap_err().to_string().contains("S3_ENDPOINT is not set"));
    assert!(settings.origin("WIDGET_ORIGIN").is_err());
    assert_eq!(settings.telemetry.format, LogFormat::Json);
}

fn said(fsync: &str, synchronous_commit: &str, full_page_writes: &str) -> Durability {
    Durability {
        fsync: fsync.into(),
        synchronous_commit: synchronous_commit.into(),
        full_page_writes: full_page_writes.into(),
    }
}

#[test]
fn o_1_production_refuses_a_forgetful_database() {
    // trust: O-1
    let told = refuse_forgetful_database(Environment::Production, &said("off", "off", "on")).unwrap_err().to_string();
    assert!(
        told.contains("fsync of the Postgres") && told.contains("synchronous_commit of") && !told.contains("full_page")
    );
    assert!(refuse_forgetful_database(Environment::Production, &said("on", "remote_apply", "on")).is_ok());
    assert!(refuse_forgetful_database(Environment::Test, &said("off", "off", "off")).is_ok());
}

#[test]
fn a_misspelt_environment_is_as_strict_as_production() {
    let told = problems("svc-auth", &[("NEIPIX_ENV", "prod"), ("NEIPIX_DEMO", "1")]);
    assert!(told.contains("NEIPIX_ENV must be local, test or production, not `prod`"));
    assert!(told.contains("NEIPIX_DEMO must be 0") && told.contains("SEAL_KEYS is not set"));
}

#[test]
fn the_environment_wins_over_the_file_and_foreign_variables_are_left_alone() {
    let mut problems = vec![];
    let text = "REDIS_URL = \"redis://file:1\"\nBILLING_POOL = 5\nTRUSTED_PROXIES = [\"10.0.0.0/8\", \"::1\"]\nBILING_POOL = 1\n";
    let mut given = sources::of_file("neipix.toml", text, &mut problems);
    let variables = [
        ("REDIS_URL", "redis://env:2"),
        ("PATH", "/bin"),
        ("BILLING_POOL", ""),
        ("NEIPIX_ENVV", "x"),
        ("NEIPIX_TEST_X", "1"),
    ];
    given.extend(sources::of_environment(variables.into_iter().map(|(k, v)| (k.into(), v.into())), &mut problems));
    assert_eq!(given["REDIS_URL"].expose(), "redis://env:2");
    assert_eq!(given["BILLING_POOL"].expose(), "5", "an empty variable is no value");
    assert_eq!(given["TRUSTED_PROXIES"].expose(), "10.0.0.0/8,::1");
    let told: Vec<_> = problems.iter().map(|p| format!("{} {}", p.key, p.message)).collect();
    assert_eq!(
        told,
        [
            "BILING_POOL in neipix.toml is not a setting; did you mean BILLING_POOL?",
            "NEIPIX_ENVV in the environment is not a setting; did you mean NEIPIX_ENV?",
        ]
    );
}

#[test]
fn inv_100_a_broken_file_is_told_by_line_without_its_text() {
    // trust: INV-100
    let mut problems = vec![];
    sources::of_file("neipix.toml", "LOG_FORMAT = \"json\"\nS3_SECRET_KEY = canary-7f3a\n", &mut problems);
    let told = problems[0].message.clone();
    assert!(told.starts_with("is not TOML, line 2:"), "{told}");
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn inv_100_printed_settings_show_no_secret() {
    // trust: INV-100
    let pairs = [
        ("BILLING_DATABASE_URL", "postgres://u:canary-7f3a@db/n"),
        ("REDIS_URL", "redis://:canary-7f3a@r:1"),
        ("S3_SECRET_KEY", "canary-7f3a"),
        ("SMTP_URL", "smtp://u:canary-7f3a@m:25"),
    ];
    let settings = Settings::from_pairs("local", pairs).unwrap();
    let printed = format!("{settings:?} {:?}", settings.service("billing").unwrap());
    assert!(!printed.contains("canary"), "{printed}");
}

#[test]
fn a_child_gets_only_the_keys_it_reads() {
    let settings = Settings::from_pairs(
        "local",
        [
            ("BILLING_DATABASE_URL", "postgres://u:x@db/n"),
            ("CHATS_DATABASE_URL", "postgres://u:y@db/n"),
            ("DATABASE_URL", "postgres://o:z@db/n"),
            ("REDIS_URL", "redis://r:1"),
            ("S3_PUBLIC_ENDPOINT", "https://s3.example"),
            ("S3_SECRET_KEY", "only for services"),
            ("WEB_DIR", "/srv/web"),
        ],
    )
    .unwrap();
    let names = |who: &str| settings.environment_of(who).into_iter().map(|(k, _)| k).collect::<Vec<_>>();
    assert_eq!(names("svc-billing"), ["BILLING_DATABASE_URL", "REDIS_URL"]);
    assert_eq!(names("edge"), ["REDIS_URL", "S3_PUBLIC_ENDPOINT", "WEB_DIR"]);
    let moved = settings.with("local", [("REDIS_URL", "redis://r:2")]).unwrap();
    assert_eq!(moved.redis_url().unwrap().expose(), "redis://r:2");
    assert!(moved.is_set("DATABASE_URL") && !moved.is_set("SMTP_URL"));
}

#[test]
fn an_edge_knows_where_browsers_upload_to_and_a_full_path_of_the_web_apps() {
    let at = |pairs: &[(&'static str, &'static str)]| Settings::from_pairs("edge", pairs.iter().copied()).unwrap();
    let inside = ("S3_ENDPOINT", "http://s3.internal:9000");
    assert_eq!(at(&[inside]).storage_endpoint.as_deref(), Some(inside.1));
    let public = ("S3_PUBLIC_ENDPOINT", "https://s3.example");
    assert_eq!(at(&[inside, public]).storage_endpoint.as_deref(), Some(public.1));
    assert_eq!(at(&[]).web_dir, None);
    let told = problems("edge", &[("WEB_DIR", "web/dist")]);
    assert!(told.contains("WEB_DIR must be the full path of a folder, not `web/dist`"), "{told}");
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    let page = keys::markdown();
    if std::env::var_os("NEIPIX_TEST_WRITE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == page, "docs/settings.md is stale: run this test with NEIPIX_TEST_WRITE=1");
}
