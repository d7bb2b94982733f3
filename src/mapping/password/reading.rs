//! Every way to read a stored digest, and which of them a digest allows.

use super::rewrite::{self, Rewritten};
use super::spelling::Spelling;
use super::{keycloak, spelling};
use crate::record::Hasher;
use crate::record::password::Misfit;

/// One way to read one digest.
pub(super) struct Read {
    /// The hasher's name, or that of the system in whose notation it is.
    pub(super) name: &'static str,
    /// Who verifies it at Clerk.
    pub(super) hasher: Hasher,
    /// The digest in Clerk's spelling; `None`: as it is stored.
    pub(super) rewritten: Option<String>,
    /// Whether somebody has shown that Clerk verifies such a digest.
    pub(super) proven: bool,
}

/// A notation that is rewritten.
struct Notation {
    /// The system it belongs to.
    source: &'static str,
    /// Whether the shape alone tells it.
    told_by_shape: bool,
    /// Reads a digest in this notation; `None` if it is in another.
    rewrite: fn(&str) -> Option<Rewritten>,
}

/// The rewrites. Systems that store several notations stand here several times.
///
/// `FusionAuth`, Keycloak's two columns, passport's hash and salt: the query puts the parts together, as Clerk's spelling wants
/// them (`'pbkdf2_sha512$' || iterations || '$' || salt || '$' || hash`), and says `passwordHasher`.
const NOTATIONS: [Notation; 15] = [
    Notation { source: "better-auth", told_by_shape: false, rewrite: rewrite::better_auth },
    Notation { source: "lucia-v3", told_by_shape: false, rewrite: rewrite::lucia_v3 },
    Notation { source: "lucia-v2", told_by_shape: false, rewrite: rewrite::lucia_v2 },
    Notation { source: "lucia-v2", told_by_shape: true, rewrite: rewrite::lucia_v2_s2 },
    Notation { source: "node-scrypt", told_by_shape: true, rewrite: rewrite::node_scrypt },
    Notation { source: "fbscrypt", told_by_shape: true, rewrite: rewrite::fbscrypt },
    Notation { source: "django", told_by_shape: true, rewrite: rewrite::django_prefixed },
    Notation { source: "django", told_by_shape: true, rewrite: rewrite::django_scrypt },
    Notation { source: "django", told_by_shape: true, rewrite: rewrite::django_pbkdf2_sha1 },
    Notation { source: "werkzeug", told_by_shape: true, rewrite: rewrite::werkzeug_pbkdf2 },
    Notation { source: "aspnet-identity", told_by_shape: true, rewrite: rewrite::aspnet_identity },
    Notation { source: "payload", told_by_shape: true, rewrite: rewrite::payload },
    Notation { source: "kratos", told_by_shape: true, rewrite: rewrite::kratos },
    Notation { source: "keycloak", told_by_shape: true, rewrite: keycloak::json },
    Notation { source: "phpbb", told_by_shape: true, rewrite: rewrite::phpbb },
];

pub(super) const UNKNOWN: &str = "no hasher of Clerk's verifies a digest of this shape";
pub(super) const TOO_DEAR: &str = "is bcrypt of a cost above 15, which Clerk does not verify";
pub(super) const TOO_LONG: &str = "is longer than any digest";

/// Returns every reading that a digest allows, and whether its shape alone tells it.
pub(super) fn all_readings(digest: &str) -> Vec<(Read, bool)> {
    let as_is = Hasher::ALL
        .into_iter()
        // Any base64 fits the one whose format is documented nowhere: it counts only where it is said.
        .filter(|hasher| *hasher != Hasher::HmacSha256Utf16B64)
        .filter_map(|hasher| {
            Some((as_stored(hasher, digest)?, hasher.is_told_by_shape() || only_django(hasher, digest)))
        });
    let rewritten = NOTATIONS.iter().filter_map(|notation| Some((notation.read(digest)?, notation.told_by_shape)));
    as_is.chain(rewritten).collect()
}

/// Returns the reading of a digest under a given name; `None` if it does not fit.
pub(super) fn readings_of(digest: &str, spelling: Spelling) -> Option<Read> {
    match spelling {
        Spelling::Clerk(hasher) => as_stored(hasher, digest).or_else(|| rewritten_for(hasher, digest)),
        Spelling::Argon2 => {
            [Hasher::Argon2id, Hasher::Argon2i].into_iter().find_map(|hasher| as_stored(hasher, digest))
        }
        Spelling::Source(source) => in_notation(source.word, digest)
            .or_else(|| source.as_is.iter().find_map(|hasher| as_stored(*hasher, digest)))
            .or_else(|| borrowed(source, digest)),
    }
}

/// Says what a digest that nothing fits is, as far as that can be told.
pub(super) fn what_it_is(digest: &str) -> &'static str {
    if Hasher::Bcrypt.check(digest) == Err(Misfit::Cost) {
        TOO_DEAR
    } else if Hasher::Md5.check(digest) == Err(Misfit::TooLong) {
        TOO_LONG
    } else if digest.starts_with("$argon2d$") {
        "is argon2d, which no hasher of Clerk's verifies"
    } else if digest.starts_with("$wp$") {
        "is WordPress 6.8's bcrypt over a keyed hash, which no hasher of Clerk's verifies"
    } else {
        UNKNOWN
    }
}

impl Notation {
    fn read(&self, digest: &str) -> Option<Read> {
        let Rewritten { hasher, digest, proven } = (self.rewrite)(digest)?;
        // A rewrite is held to the same shape as a stored digest: what comes out here must be what Clerk takes.
        hasher.check(&digest).ok()?;
        Some(Read { name: self.source, hasher, rewritten: Some(digest), proven })
    }
}

fn as_stored(hasher: Hasher, digest: &str) -> Option<Read> {
    hasher.check(digest).ok()?;
    Some(Read { name: hasher.word(), hasher, rewritten: None, proven: true })
}

/// A name of Clerk's given for a digest in another system's notation of that very hasher, such as `bcrypt` for Django's
/// `bcrypt$$2b$...`, is a digest to rewrite and no mismatch. Only where the shape tells the notation.
fn rewritten_for(hasher: Hasher, digest: &str) -> Option<Read> {
    NOTATIONS
        .iter()
        .filter(|notation| notation.told_by_shape)
        .find_map(|notation| notation.read(digest).filter(|read| read.hasher == hasher))
}

fn in_notation(source: &str, digest: &str) -> Option<Read> {
    NOTATIONS.iter().filter(|notation| notation.source == source).find_map(|notation| notation.read(digest))
}

/// Systems that store another system's notation beside their own.
fn borrowed(source: &spelling::Source, digest: &str) -> Option<Read> {
    let lender = match source.word {
        "supabase" => "fbscrypt",
        "wordpress" => "phpbb",
        _ => return None,
    };
    in_notation(lender, digest)
}

/// `pbkdf2_sha256$` with a salt that is no base64 can only be Django's.
fn only_django(hasher: Hasher, digest: &str) -> bool {
    hasher == Hasher::Pbkdf2Sha256Django && Hasher::Pbkdf2Sha256.check(digest).is_err()
}
