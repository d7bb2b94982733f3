//! The small things that are done a million times: a row mapped, a digest recognised, a users file read, a turn to
//! send given.

use std::hint::black_box;
use std::io::Cursor;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput};
use db2clerk::clerk::limit::{Limiter, Load};
use db2clerk::clerk::{Environment, Pace};
use db2clerk::mapping::{ElementMapping, Mapping, Options};
use db2clerk::record::Hasher;
use db2clerk::row::{Column, Row, Value};
use db2clerk::users_file;

/// A digest of nobody's password.
const DIGEST: &str = "$2b$10$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    mapping(&mut criterion);
    digests(&mut criterion);
    users_files(&mut criterion);
    limiter(&mut criterion);
    criterion.final_summary();
}

fn mapping(criterion: &mut Criterion) {
    let columns = ["userId", "name", "email", "emailVerified", "publicMetadata.image", "password"];
    let columns = columns.map(|name| Column { name: name.to_owned(), type_name: "text".to_owned() });
    let mapping = Mapping::of_columns(&columns, Options::default()).expect("the columns of the schema");
    let mut group = criterion.benchmark_group("mapping a row");
    group.throughput(Throughput::Elements(1));
    for (name, digest) in [("with a digest", Some(DIGEST)), ("without", None)] {
        let row = row(digest);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| row.clone(), |row| mapping.user(black_box(row), 1), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn row(digest: Option<&str>) -> Row {
    let texts = [
        Some("00000001-0000-4000-8000-000000000001"),
        Some("Ada Lovelace"),
        Some("ada@example.com"),
        Some("2020-01-02 03:04:05"),
        Some("https://images.example.com/1.png"),
        digest,
    ];
    texts.map(|text| text.map_or(Value::Null, |text| Value::Text(text.to_owned()))).into()
}

/// Each digest against every hasher: what recognising one takes.
fn digests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recognising a digest");
    let argon2 = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b27dWRJJTmaaJObG2bwX0TZcAo";
    for (name, digest) in [("bcrypt", DIGEST), ("argon2id", argon2), ("none", "no digest at all")] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| Hasher::ALL.into_iter().filter(|hasher| hasher.check(black_box(digest)).is_ok()).count());
        });
    }
    group.finish();
}

/// Read and mapped, as `import` does it.
fn users_files(criterion: &mut Criterion) {
    let users = 10_000;
    let element = |n: u32| {
        let name = r#""firstName":"Ada","lastName":"Lovelace""#;
        let password = format!(r#""password":"{DIGEST}","passwordHasher":"bcrypt""#);
        format!(r#"{{"userId":"u{n}","email":"user{n}@example.com",{name},{password}}}"#)
    };
    let elements: Vec<String> = (0..users).map(element).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("reading a users file");
    group.throughput(Throughput::Elements(users.into())).sample_size(20);
    for (name, text) in [("array", format!("[{}]", elements.join(",\n"))), ("NDJSON", elements.join("\n"))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let reader = Box::new(Cursor::new(text.clone()));
                let read = runtime.block_on(async {
                    let (mut elements, mut mapping) =
                        (users_file::elements(reader), ElementMapping::new(Options::default()));
                    let mut read = 0;
                    while let Some(element) = elements.recv().await {
                        let (number, element) = element.expect("JSON");
                        mapping.user(element, number).expect("a valid user");
                        read += 1;
                    }
                    read
                });
                assert_eq!(read, users);
            });
        });
    }
    group.finish();
}

/// A turn asked for, and answered if it is given, at twice the pace of the limit: the window is full, as in any long
/// run.
fn limiter(criterion: &mut Criterion) {
    let windows = Pace::of_instance(Environment::Production).windows;
    criterion.bench_function("a turn to send", |bencher| {
        let (mut limiter, mut now) = (Limiter::new(&windows), Instant::now());
        bencher.iter(|| {
            now += Duration::from_millis(5);
            if let Ok(passage) = limiter.next(black_box(now)) {
                limiter.answered(passage, Load::Write, now);
            }
        });
    });
}
