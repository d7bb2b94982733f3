//! Keycloak keeps a password in two JSON columns; the query joins them: `(secret_data::jsonb || credential_data::jsonb)`.

use serde::Deserialize;

use super::rewrite::{BASE64, Rewritten, pbkdf2_sha256, pbkdf2_sha512};
use crate::record::Hasher;
use base64::Engine as _;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    value: String,
    salt: String,
    hash_iterations: u32,
    algorithm: String,
    #[serde(default)]
    additional_parameters: Parameters,
}

/// Of argon2 alone; Keycloak writes each as a list of one.
#[derive(Deserialize, Default)]
struct Parameters {
    #[serde(default, rename = "type")]
    kind: Vec<String>,
    #[serde(default)]
    version: Vec<String>,
    #[serde(default)]
    memory: Vec<String>,
    #[serde(default)]
    parallelism: Vec<String>,
}

/// Reads `{"value": .., "salt": .., "hashIterations": .., "algorithm": .., "additionalParameters": ..}`.
pub(super) fn json(digest: &str) -> Option<Rewritten> {
    if !digest.starts_with('{') {
        return None;
    }
    let credential: Credential = serde_json::from_str(digest).ok()?;
    let (salt, key) = (BASE64.decode(&credential.salt).ok()?, BASE64.decode(&credential.value).ok()?);
    match credential.algorithm.as_str() {
        "pbkdf2-sha256" => Some(pbkdf2_sha256(credential.hash_iterations, &salt, &key)),
        "pbkdf2-sha512" => Some(pbkdf2_sha512(credential.hash_iterations, &salt, &key)),
        "argon2" => argon2(&credential),
        _ => None,
    }
}

fn argon2(credential: &Credential) -> Option<Rewritten> {
    let parameters = &credential.additional_parameters;
    let hasher = match parameters.kind.first()?.as_str() {
        "id" => Hasher::Argon2id,
        "i" => Hasher::Argon2i,
        _ => return None,
    };
    let version = match parameters.version.first()?.as_str() {
        "1.3" => 19,
        "1.0" => 16,
        _ => return None,
    };
    let (memory, parallelism) = (parameters.memory.first()?, parameters.parallelism.first()?);
    let (salt, key) = (credential.salt.trim_end_matches('='), credential.value.trim_end_matches('='));
    let digest =
        format!("${hasher}$v={version}$m={memory},t={},p={parallelism}${salt}${key}", credential.hash_iterations);
    Some(Rewritten { hasher, digest, proven: true })
}
