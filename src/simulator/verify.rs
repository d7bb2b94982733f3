//! Checks a password against a digest, as Clerk does at a sign-in.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use argon2::{Argon2, PasswordVerifier};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::digest::{Cost, Digest, Function, PHPASS};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the password.
    Right,
    /// It is not.
    Wrong,
    /// Nobody but Clerk knows how to check this kind of digest.
    Unknown,
}

/// Checks a password. Slow by intention: not for an async thread.
pub(super) fn verify(digest: &Digest, password: &str) -> Verdict {
    match check(digest, password) {
        Some(true) => Verdict::Right,
        Some(false) => Verdict::Wrong,
        None => Verdict::Unknown,
    }
}

fn check(digest: &Digest, password: &str) -> Option<bool> {
    let word = password.as_bytes();
    Some(match digest {
        Digest::Bcrypt { hash, pepper, sha256_first } => {
            let first = if *sha256_first { hex::encode(Sha256::digest(word)) } else { password.to_owned() };
            bcrypt::verify(first + pepper, hash).unwrap_or(false)
        }
        Digest::Argon2(phc) => Argon2::default().verify_password(word, phc.as_str()).is_ok(),
        Digest::Pbkdf2 { function, iterations, salts, hash } => {
            salts.iter().any(|salt| pbkdf2(*function, word, salt, *iterations, hash.len()) == *hash)
        }
        Digest::Scrypt { cost, salt, hash } => scrypt(*cost, word, salt, hash.len())? == *hash,
        Digest::ScryptFirebase { cost, salt, signer_key, hash } => {
            firebase(&scrypt(*cost, word, salt, 64)?, signer_key)? == *hash
        }
        Digest::Phpass { rounds_log2, salt, checksum } => phpass(*rounds_log2, salt, word) == *checksum,
        Digest::Plain { function, salt, hash } => {
            [[salt, word].concat(), [word, salt].concat()].iter().any(|text| function.of(text) == *hash)
        }
        Digest::Symfony { iterations, salt, hash } => symfony(*iterations, salt, password) == *hash,
        Digest::Undocumented => return None,
    })
}

impl Function {
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(bytes).to_vec(),
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

fn pbkdf2(function: Function, password: &[u8], salt: &[u8], iterations: u32, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let run = match function {
        Function::Md5 => pbkdf2::pbkdf2_hmac::<Md5>,
        Function::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>,
        Function::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
        Function::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
    };
    run(password, salt, iterations, &mut out);
    out
}

fn scrypt(cost: Cost, password: &[u8], salt: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; length];
    let params = scrypt::Params::new(cost.log_n, cost.r, cost.p).ok()?;
    scrypt::scrypt(password, salt, &params, &mut out).ok()?;
    Some(out)
}

/// Encrypts the signer key with AES-256 in counter mode from zero
/// (<https://github.com/firebase/scrypt>): each block of the key stream is the encrypted number of the block.
fn firebase(derived: &[u8], signer_key: &[u8]) -> Option<Vec<u8>> {
    let cipher = Aes256::new_from_slice(derived.get(..32)?).ok()?;
    let mut out = Vec::with_capacity(signer_key.len());
    for (number, chunk) in (0_u128..).zip(signer_key.chunks(16)) {
        let mut block = number.to_be_bytes().into();
        cipher.encrypt_block(&mut block);
        out.extend(chunk.iter().zip(block).map(|(text, key)| text ^ key));
    }
    Some(out)
}

/// MD5 over and over, then base64 of a kind (<https://www.openwall.com/phpass/>).
fn phpass(rounds_log2: u8, salt: &[u8], password: &[u8]) -> String {
    let mut hash = Md5::digest([salt, password].concat());
    for _ in 0..1_u32 << rounds_log2 {
        hash = Md5::new().chain_update(hash).chain_update(password).finalize();
    }
    let mut text = String::with_capacity(22);
    for chunk in hash.chunks(3) {
        let bits = chunk.iter().rev().fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
        for place in 0..=chunk.len() {
            text.push(char::from(PHPASS[(bits >> (6 * place)) & 0x3F]));
        }
    }
    text
}

/// SHA-512 of the password and `{salt}`, then of each result and that text again.
fn symfony(iterations: u32, salt: &str, password: &str) -> Vec<u8> {
    let text = format!("{password}{{{salt}}}");
    let mut hash = Sha512::digest(&text);
    for _ in 1..iterations {
        hash = Sha512::new().chain_update(hash).chain_update(&text).finalize();
    }
    hash.to_vec()
}
