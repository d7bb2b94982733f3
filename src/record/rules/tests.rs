use super::*;

type Rule = fn(&str) -> Result<String, &'static str>;

/// Each good text becomes the other; each bad one is refused with a message that does not quote it.
fn check(rule: Rule, good: &[(&str, &str)], bad: &[&str]) {
    for (text, kept) in good {
        assert_eq!(rule(text).as_deref(), Ok(*kept), "{text}");
    }
    for text in bad {
        let message = rule(text).expect_err(text);
        assert!(text.trim().is_empty() || text.len() < 3 || !message.contains(text), "{text}");
    }
}

#[test]
fn an_email_address_is_kept_in_lower_case_and_refused_where_no_mail_arrives() {
    let long_local = format!("{}@b.com", "a".repeat(65));
    check(
        email,
        &[
            ("ada@lovelace.dev", "ada@lovelace.dev"),
            (" Ada@Lovelace.DEV ", "ada@lovelace.dev"),
            ("a+b.c_d@sub.example.com", "a+b.c_d@sub.example.com"),
            ("o'brien@mail.ie", "o'brien@mail.ie"),
            ("ü@müller.de", "ü@müller.de"),
            ("dev+clerk_test@foo.clerk.test", "dev+clerk_test@foo.clerk.test"),
        ],
        &[
            "",
            "ada",
            "ada@",
            "@lovelace.dev",
            "ada@lovelace",
            "ada@@lovelace.dev",
            "a b@lovelace.dev",
            "ada@love lace.dev",
            "Ada <ada@lovelace.dev>",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada@phone.local",
            "ada@anon.invalid",
            "ada@my.test",
            "ada@my.example",
            "ada@corp.internal",
            "ada@office.lan",
            "ada@office.corp",
            "a\0b@lovelace.dev",
            "ada@lovelace..dev",
            &long_local,
        ],
    );
}

#[test]
fn a_phone_number_becomes_e164() {
    check(
        phone,
        &[
            ("+14155552671", "+14155552671"),
            ("+1 (415) 555-2671", "+14155552671"),
            (" +44 20 7946 0958 ", "+442079460958"),
            ("+49.30.901820", "+4930901820"),
            ("+15555550100", "+15555550100"),
        ],
        &[
            "",
            "+",
            "4155552671",
            "0049 30 901820",
            "+1415555267",
            "+999123456789",
            "+1415555267112345",
            "+1415CALLME1",
            "+0",
        ],
    );
}

#[test]
fn a_username_is_four_to_sixty_four_letters_digits_underscores_and_dashes() {
    let long = "a".repeat(64);
    check(
        |text| username(text, false),
        &[("Ada_Lovelace-1", "ada_lovelace-1"), ("abcd", "abcd"), (&long, &long)],
        &["", "abc", &"a".repeat(65), "12345", "a.da", "ada lovelace", "adä1", "ada@x", "____"],
    );
    check(
        |text| username(text, true),
        &[("a.da", "a.da"), ("12345", "12345"), ("a+b!c", "a+b!c")],
        &["abc", "ada lovelace", "ada@x.y", "+4915112345"],
    );
}

#[test]
fn a_name_that_could_carry_spam_is_refused() {
    for name in [
        "+49 151 1234567",
        "415-555-2671 0",
        "00491511234",
        "Ada ada@lovelace.dev",
        "https://spam.dev",
        "Win at spam.dev/now",
        "<b>Ada</b>",
        "Ada <!-- x -->",
    ] {
        assert!(is_refused_name(name), "{name}");
    }
    for name in [
        "Ada", "O'Brien", "Jean-Luc", "Dr.Who", "Louis 14", "I <3 you", "Zoë", "李", "1234567", "a@b", "AC/DC",
        "St. John",
    ] {
        assert!(!is_refused_name(name), "{name}");
    }
}

#[test]
fn a_locale_is_a_language_and_its_variants() {
    check(
        locale,
        &[("en", "en"), ("en_US", "en-US"), ("zh-Hant-TW", "zh-Hant-TW"), (" fr-FR ", "fr-FR")],
        &["", "e", "english language", "fr-", "C.UTF-8", "12", "en-abcdefghi"],
    );
}

#[test]
fn a_wallet_is_an_address() {
    let ethereum = format!("0x{}", "aB".repeat(20));
    let solana = "4Nd1mYw4p3vF5zYf6nX3N6sTQ2d5p1yq7q8Wb5uE6xyz";
    check(
        wallet,
        &[(&ethereum, &ethereum), (solana, solana)],
        &["", "0x12", "vitalik.eth", &format!("0x{}", "g".repeat(40))],
    );
}

#[test]
fn a_totp_secret_is_base32() {
    check(
        totp_secret,
        &[
            ("JBSWY3DPEHPK3PXP", "JBSWY3DPEHPK3PXP"),
            ("jbsw y3dp ehpk 3pxp", "JBSWY3DPEHPK3PXP"),
            ("JBSWY3DPEE======", "JBSWY3DPEE"),
        ],
        &["", "ABC", "JBSWY3DPEHPK3PX1", "0123456789"],
    );
}

proptest::proptest! {
    #[test]
    fn an_address_that_needs_no_close_look_would_pass_one(local in "[a-c0._+-]{0,6}", domain in "[a-c0.-]{0,8}") {
        let syntax = Options::default().with_required_tld().without_domain_literal().without_display_text();
        if is_plain(&local, &domain) {
            let email = format!("{local}@{domain}");
            proptest::prop_assert!(EmailAddress::parse_with_options(&email, syntax).is_ok());
        }
    }

    #[test]
    fn a_name_that_is_kept_without_a_close_look_would_pass_one(name in "[a-bü0-1 +().@/?#<>:-]{0,16}") {
        let refused =
            holds_phone_number(&name) || name.split_whitespace().any(|word| is_address(word) || is_url(word)) || holds_html(&name);
        proptest::prop_assert_eq!(is_refused_name(&name), refused);
    }
}
