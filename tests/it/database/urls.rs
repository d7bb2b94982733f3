//! Addresses and connections.

use db2clerk::database::{Access, Database, DatabaseUrl, UrlError};
use db2clerk::engine::Engine;

use crate::servers;

fn check(text: &str, shown: &str, identity: &str, warned: bool) {
    let url = DatabaseUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!((url.to_string().as_str(), url.is_remote_without_tls()), (shown, warned), "{text}");
    if url.engine() != Engine::Sqlite {
        assert_eq!(url.identity(), identity, "{text}");
    }
    assert!(!format!("{url:?}{url}").contains("pa:ss"), "{text}");
}

#[test]
fn urls_are_read_as_prisma_drizzle_and_hosts_write_them() {
    check("postgres://u:pa%3Ass@h/d", "postgres://u@h:5432/d", "postgres h:5432/d", true);
    check(
        "postgresql://u:pa%3Ass@H:6543/d?pgbouncer=true&connection_limit=1&schema=public",
        "postgres://u@H:6543/d",
        "postgres h:6543/d",
        true,
    );
    check(
        "postgresql://u@ep-x.neon.tech/d?sslmode=require&channel_binding=require",
        "postgres://u@ep-x.neon.tech:5432/d",
        "postgres ep-x.neon.tech:5432/d",
        false,
    );
    check("postgres://u@h/d?schema=Tenant", "postgres://u@h:5432/d", "postgres h:5432/d schema Tenant", true);
    check("mysql://u@h/d?schema=x", "mysql://u@h:3306/d", "mysql h:3306/d", true);
    check("postgres://u@h/d?sslmode=no-verify", "postgres://u@h:5432/d", "postgres h:5432/d", false);
    check(
        "postgres://u@localhost/d?statement_cache_size=0&pool_timeout=5",
        "postgres://u@localhost:5432/d",
        "postgres localhost:5432/d",
        false,
    );
    check(
        "postgres://u:pa%3Ass@h/d?options=a%40b@c&user=me@tenant",
        "postgres://me@tenant@h:5432/d",
        "postgres h:5432/d",
        true,
    );
    check("postgres://u@[::1]:5/d", "postgres://u@[::1]:5/d", "postgres [::1]:5/d", false);
    check("postgres:///d?host=/run/pg", "postgres://postgres@/run/pg/d", "postgres /run/pg/d", false);
    check("mysql://u:pa%3Ass@h/d?sslaccept=strict", "mysql://u@h:3306/d", "mysql h:3306/d", false);
    check("mysql://u@h/d?ssl={\"rejectUnauthorized\":true}", "mysql://u@h:3306/d", "mysql h:3306/d", false);
    check("mariadb://u@h:3307/d?ssl-mode=DISABLED", "mysql://u@h:3307/d", "mysql h:3307/d", true);
    check("file:./dev.db?connection_limit=1", "sqlite:./dev.db", "", false);
    check("sqlite:///var/a%20b.db", "sqlite:/var/a b.db", "", false);
    check("sqlite:dev.db?mode=ro", "sqlite:dev.db", "", false);
    check("data/app.sqlite", "sqlite:data/app.sqlite", "", false);
}

#[test]
fn what_is_no_database_url_is_refused_without_quoting_it() {
    let secrets = [
        "",
        "mongodb://u:hush@h/d",
        "postgres://u:hu#sh@h/d",
        "postgres://u:hu/sh@h/d",
        "postgres://u:a@hush/b@h/d",
        "mysql://u:a@hush/b@h:1/d?x=y",
        "postgres://u:a@hush?b@h/d",
        "postgres://u:a@hush/b?c@h/d",
        "prisma://hush",
        "hush",
        "postgres://u:hush@h:notaport/d",
        "postgres://u:hush@h/d?sslmode=hush",
        "sqlite::memory:",
        "hu sh:x",
        "postgres:u:hush@h",
    ];
    for text in secrets {
        let error = DatabaseUrl::parse(text).expect_err(text);
        assert!(!error.to_string().contains("hush"), "{text}: {error}");
    }
    assert_eq!(DatabaseUrl::parse(" "), Err(UrlError::Empty));
    assert!(matches!(DatabaseUrl::parse("prisma+postgres://x"), Err(UrlError::Proxy(_))));
}

async fn refusal(url: &str) -> String {
    let url = DatabaseUrl::parse(url).expect("a URL");
    let error = Database::connect(&url, Access::Read).await.expect_err("no connection");
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hush"), "{text}");
    error.to_string()
}

#[tokio::test]
async fn a_connection_that_fails_says_what_to_check_and_never_the_password() {
    let nobody = refusal("postgres://u:hush@127.0.0.1:1/d").await;
    assert!(nobody.contains("`127.0.0.1:1`") && nobody.contains("check host and port"), "{nobody}");
    for database in [servers::postgres().await, servers::mysql().await] {
        let url = url::Url::parse(&database.url).expect("a URL");
        let with = |user: &str, password: Option<&str>, path: &str, query: &str| {
            let mut url = url.clone();
            url.set_username(user).expect("takes a user");
            url.set_password(password).expect("takes a password");
            url.set_path(path);
            url.set_query(Some(query));
            url.to_string()
        };
        let wrong_user = refusal(&with("no_such_user", Some("hush"), "x", "")).await;
        assert!(wrong_user.contains("check user and password"), "{wrong_user}");
        let (user, password) = (url.username(), url.password());
        let wrong_database = refusal(&with(user, password, "no_such_database", "")).await;
        assert!(wrong_database.contains("`no_such_database`"), "{wrong_database}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_connected_to_where_tls_is_required() {
    let database = servers::postgres().await;
    if database.query("SHOW ssl").await == [[Some("off".to_owned())]] {
        let refused = refusal(&format!("{}?sslmode=require", database.url)).await;
        assert!(refused.contains("TLS") && refused.contains("sslmode"), "{refused}");
    } else {
        let url = DatabaseUrl::parse(&format!("{}?sslmode=require", database.url)).expect("a URL");
        Database::connect(&url, Access::Read).await.expect("the server has TLS");
    }
}

#[tokio::test]
async fn a_missing_file_is_named_and_not_created() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("none.db");
    for access in [Access::Read, Access::Write] {
        let url = DatabaseUrl::parse(&format!("file:{}", path.display())).expect("a URL");
        let error = Database::connect(&url, access).await.expect_err("no file").to_string();
        assert!(error.contains("none.db"), "{error}");
        assert!(!path.exists());
    }
    std::fs::write(&path, "this is no database, and long enough to be taken for one at first sight".repeat(20))
        .expect("written");
    let error = refusal(&format!("sqlite:{}", path.display())).await;
    assert!(error.contains("no SQLite database"), "{error}");
}
