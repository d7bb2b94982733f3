//! The program behind a company's proxy, which the environment names.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{Authority, json_answer};
use crate::program::Program;

/// A proxy that leads to one server, whatever host is asked for, and the heads of the requests it was sent.
async fn proxy_to(server: std::net::SocketAddr) -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("is bound");
    let heads = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heads);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.expect("accepts");
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.expect("the head is whole"));
                }
                log.lock().expect("is whole").push(String::from_utf8(head).expect("is text").to_lowercase());
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.expect("writes");
                let mut server = TcpStream::connect(server).await.expect("connects");
                // However the two part.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, heads)
}

fn behind(proxy: &str, authority: &Authority) -> Program {
    let program = Program::new()
        .variable("CLERK_API_URL", "https://clerk.example")
        .variable("CLERK_SECRET_KEY", "sk_live_visible")
        .variable("HTTPS_PROXY", proxy);
    program.write("authority.pem", &authority.0.pem()).write("users.json", "[]");
    let authority = program.path("authority.pem").display().to_string();
    program.variable("SSL_CERT_FILE", &authority)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_through_a_proxy_is_a_tunnel_and_the_proxy_reads_no_key() {
    let authority = Authority::new();
    let refusal = json_answer(401, &super::refusal("clerk_key_invalid", ""));
    let server = authority.serve("clerk.example", [refusal.clone(), refusal]).await;
    let (proxy, heads) = proxy_to(server.address).await;
    let program = behind(&format!("http://me:secret@{proxy}"), &authority);
    let run = program.run(&["import", "--yes"]).await;
    run.expect_code(1).expect_told("clerk_key_invalid");
    let heads = heads.lock().expect("is whole").clone();
    assert!(!heads.is_empty());
    for head in heads {
        assert!(head.starts_with("connect clerk.example:443 "), "{head}");
        assert!(head.contains("proxy-authorization: basic ") && !head.contains("sk_live"), "{head}");
    }
    assert!(server.seen().iter().any(|request| request.header("authorization") == Some("Bearer sk_live_visible")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_a_password_or_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let proxy = listener.local_addr().expect("is bound");
    let answers = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.expect("accepts");
            while client.read_u8().await.is_ok_and(|byte| byte != b'\n') {}
            let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
            client.write_all(refusal).await.expect("writes");
            // Until the other one has read it and gone.
            while client.read_u8().await.is_ok() {}
        }
    });
    let program = behind(&format!("http://{proxy}"), &Authority::new());
    let run = program.run(&["import", "--yes"]).await;
    run.expect_code(1).expect_told(&format!("through the proxy `{proxy}`: the proxy wants a name and a password"));
    answers.abort();
    // In vain: it is over.
    let _ = answers.await;
    let program = behind(&format!("http://me:half@secret@{proxy}"), &Authority::new());
    let run = program.run(&["import", "--yes"]).await;
    run.expect_code(1).expect_told(&format!("through the proxy `{proxy}`: connection refused"));
    run.expect_not_told("secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_none_is_not_passed_by() {
    for value in [":::", "gopher://hush@127.0.0.1:1", "http://me:hush@127.0.0.1:99999", "http://"] {
        let run = behind(value, &Authority::new()).run(&["import", "--yes"]).await;
        run.expect_code(2).expect_told("`HTTPS_PROXY` in the environment is not the address of a proxy");
        run.expect_not_told("hush");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_another_kind_is_refused_with_a_way_out() {
    let run = behind("socks5://127.0.0.1:1080", &Authority::new()).run(&["import", "--yes"]).await;
    run.expect_code(2).expect_told("cannot go through a `socks5` proxy").expect_told("NO_PROXY");
}
