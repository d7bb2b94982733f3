//! The passwords that move: `correct horse battery staple`, as each system stores it.
//!
//! No crate that checks them here has made them: they come from Django, Werkzeug, passlib, the `bcrypt` and `argon2-cffi` of
//! Python, Lucia 2 and 3, the `firebase-scrypt` and `aspnet-identity-pw` of Node, and where the system itself calls them with
//! no library between, from hashlib and `node:crypto`. Costs are low where the source lets them be.

/// One stored digest, and what is to become of it.
#[derive(Debug)]
pub(super) struct Case {
    /// Whose it is.
    pub(super) source: &'static str,
    /// Its `passwordHasher`, where its shape does not tell.
    pub(super) said: Option<&'static str>,
    /// As the source stores it.
    pub(super) stored: &'static str,
    /// Who verifies it at Clerk.
    pub(super) hasher: &'static str,
    /// How it gets there.
    pub(super) way: Way,
}

/// How a digest gets to Clerk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Unchanged.
    AsStored,
    /// In Clerk's spelling.
    Rewritten,
    /// In Clerk's spelling, and only with `--experimental-rewrites`.
    Experimental,
}

const fn as_stored(
    source: &'static str,
    said: Option<&'static str>,
    stored: &'static str,
    hasher: &'static str,
) -> Case {
    Case { source, said, stored, hasher, way: Way::AsStored }
}

const fn rewritten(
    source: &'static str,
    said: Option<&'static str>,
    stored: &'static str,
    hasher: &'static str,
) -> Case {
    Case { source, said, stored, hasher, way: Way::Rewritten }
}

const fn experimental(
    source: &'static str,
    said: Option<&'static str>,
    stored: &'static str,
    hasher: &'static str,
) -> Case {
    Case { source, said, stored, hasher, way: Way::Experimental }
}

pub(super) const CASES: [Case; 51] = [
    as_stored("bcrypt, 2a", None, "$2a$04$zJmAHcWsBG6oz16OAmNZeOPncdlamJBHfFA9RDnv3IEqkmVq5UsDi", "bcrypt"),
    as_stored("bcrypt, 2b", None, "$2b$04$xkbWsXITwK5CVDYG2Xx9Wes6zTaJQVUlfYLO0e1szRWZby1dG/q.G", "bcrypt"),
    as_stored(
        "bcrypt, 2y, as PHP writes it",
        Some("laravel"),
        "$2y$04$bJN3J5cyiCJyUgf1URr3p.pJV48Cwp0I.Pw9nFl6en0JGWhcM3vRi",
        "bcrypt",
    ),
    as_stored(
        "Devise with a pepper",
        None,
        "$2a$04$MYEGzqcmJlWr1gKCNhgbQOR28UMDQ.nkhYqtiHdDzQUvkXQF2/ILm$a-fake-pepper",
        "bcrypt_peppered",
    ),
    as_stored(
        "Django, bcrypt over SHA-256",
        None,
        "bcrypt_sha256$$2b$04$yr36V/pyzUbWdCP0Jotk3uWEie.IMv3lDdvNKc4umdgXdIgmRsqxq",
        "bcrypt_sha256_django",
    ),
    as_stored(
        "argon2i",
        None,
        "$argon2i$v=19$m=1024,t=2,p=1$e88YCymeRvFY1AMtPuuFCA$rOOjzt0M3iY4mvfCtXyREJ/ABdR5/QI8KHn3bBPR3lQ",
        "argon2i",
    ),
    as_stored(
        "argon2id",
        None,
        "$argon2id$v=19$m=1024,t=2,p=2$jtscvnLhesAC9BzrqfTO2Q$Ya8rZOxadRR6DQAg7EZ/tLsgnz6YeefHNfmLMKxOrd4",
        "argon2id",
    ),
    as_stored(
        "pbkdf2_sha1",
        None,
        "pbkdf2_sha1$1000$0068a12d4d57584f786ad812f68a560e$ddd7d7f26d868f0b5779d20583fdbf14e6814459a6f4ac20d6ad5161cc3d0da0",
        "pbkdf2_sha1",
    ),
    as_stored(
        "pbkdf2_sha1 with the length of its key",
        None,
        "pbkdf2_sha1$1000$0068a12d4d57584f786ad812f68a560e$ddd7d7f26d868f0b5779d20583fdbf14e6814459$20",
        "pbkdf2_sha1",
    ),
    as_stored(
        "pbkdf2_sha256",
        Some("pbkdf2_sha256"),
        "pbkdf2_sha256$1000$AGihLU1XWE94atgS9opWDg==$PaBb8+ijIkNo/T8FibTQS1ExJt+TKXxp6D5fG7L2pyU=",
        "pbkdf2_sha256",
    ),
    as_stored(
        "Django",
        None,
        "pbkdf2_sha256$1000$jM8kPQYCYB3jpPnZOEZamz$60Xl1prsBp5dX1id0ACs35lREyKABP8pVtuzI3GiN7A=",
        "pbkdf2_sha256_django",
    ),
    as_stored(
        "Django with a salt that could be base64",
        Some("django"),
        "pbkdf2_sha256$1000$seasalt12345$lc9upgiPQ2muevvuisr7qA/SNSmKyk+QjwXhw/n1uhw=",
        "pbkdf2_sha256_django",
    ),
    as_stored(
        "passport, its two columns joined",
        Some("node-pbkdf2"),
        "pbkdf2_sha512$1000$e11a2ab8f7400ceee0ddb5c335cf1186$93f2cb435a4b697b0ce50b992e4d5b93d1b1ff7c09ce60c59d84ae9eb13ca67f104a3b7fab0b99b9b6b7b6d1ed5392ebd32cca8c06ee7f83d4c81ffb5685af45",
        "pbkdf2_sha512",
    ),
    as_stored(
        "pbkdf2_sha512",
        None,
        "pbkdf2_sha512$1000$ad7a225e8d9f6547$a3f560ac5b2587804b9fbfd284b6c47f49abc3d9f10a77fadfa03c351c4545b99fe5f44a642b34fe067b9174e1ca147c4c898ab7f49d40db15675f1952da420f",
        "pbkdf2_sha512",
    ),
    as_stored(
        "pbkdf2_sha512_hex",
        None,
        "pbkdf2_sha512_hex$1000$0068a12d4d57584f786ad812f68a560e$c6b26b6bfeab19444f3a3713a0318ca8ae5ab2fb4d81e12763e78996ebe1726b6b004136435ca73e6eee7d6ac789201e52dc6bb7c34852030ea7c7b16ed456a0",
        "pbkdf2_sha512_hex",
    ),
    as_stored(
        "Firebase",
        None,
        "ucRKtkAuXFeCnfmFucbg82O2k74BWGX4sncD5h046dHNaDzug4IobthJeNCh+m1jD+R597+g+807tGnAQJlHWw==$5kmcq/YFMPcsbw==$U7gNClrZL6tQl4N25An7ceO3BGE5N2uaf6aOHI01JSoQyFlsIpNrhVO32FsJbFRoUSRZqCCs3pO+Uiz9+phP9w==$Bw==$8$14",
        "scrypt_firebase",
    ),
    as_stored(
        "Werkzeug",
        None,
        "scrypt:32768:8:1$1SGPOjL5ZdmzOxJ1$a2ecf9d75da2f507ecd1a0f60482136003c56881abc1384b9e20d8968ce3eb1514b6accfd48eaca770b696fe310f98b9fee7e9dc576c1da2402e0ed6185cb528",
        "scrypt_werkzeug",
    ),
    as_stored("phpass", None, "$P$6vejj6eb/mkpSx1ecWEmNZ9jzskgD4/", "phpass"),
    as_stored("md5", Some("md5"), "9cc2ae8a1ba7a93da39b46fc1019c481", "md5"),
    as_stored("md5_salted", Some("md5_salted"), "seasalt$9aa4b8addefd43dbf9340b7540e4e49a", "md5_salted"),
    as_stored("sha256", Some("sha256"), "c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a", "sha256"),
    as_stored(
        "sha256_salted",
        Some("sha256_salted"),
        "seasalt$31e598cfc54ba1a645dd5cf0eb814b0f199a6323a114856c32a19a27215f32df",
        "sha256_salted",
    ),
    as_stored(
        "Symfony, its old hasher",
        None,
        "sha512_symfony$5000$seasalt$/O1EMMU0Of5TESXW+1ivfHAcXgfBDShFcjXIpklwmimPWqUheTeCKy/w9rhYQeAUFwfcardXgXxkadqlGOIVww==",
        "sha512_symfony",
    ),
    as_stored("LDAP", None, "{SSHA}Xn7m1aXLn5B46paVtsnJAWjxTHvnnHMO", "ldap_ssha"),
    rewritten(
        "Better Auth",
        Some("better-auth"),
        "17b9a4782dda4eaa3c1ffd4beb8dae25:bd3edb84ce76879006fde2ba19d8c969fa5c8ea5bdea879076a744689f15856ff5705faccd82f46e85e3f0ab15f7c6f359c1f0cf3415b008fbc880f14e8a2cd1",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Lucia 3",
        Some("lucia-v3"),
        "15ec0324a18ef4e13171727965f7cee6:f414b7e6c14b2034ff51ec33671983585c94f77798d51dbbf7dd13899ad4dab787b2a211aa2a4decd0baa107c9c161ee33c12834101d4ec8dd53efdaf13b517d",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Lucia 3, its hasher for Lucia 2",
        None,
        "s2:e1b1b3d729161417a0c1024300f320a9:9594c04795dc36376318acaa7262107b17ae381f1e2d437a948ba49b1351eb1b70d948fb494371e73689e2938c7891d7440af804320af1c9c8826224e4af53ea",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Lucia 2",
        None,
        "s2:7v5oia4l5cb34h6u:38401adc41bb43d9d5a86d5957b2b4fc7b655a7c13f24d7f7b55f27e71b44de4a58a90643b19b4e15d7b169b3be02b52479fb16ee33e0dc6d4097651610be519",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Lucia 2 without a version mark",
        Some("lucia-v2"),
        "bc0dad69c0ec15ad:8b928c9995e9652b30b36862a042a21fb00924c21d657540e0f238b29904ea281399bb6654d3b592703145a13bc8d78a03751829b9e9aa6c893e477d4a11fb99",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Node's scrypt by hand",
        None,
        "a727fe96d4e580198a5e49f80ad5c918ffe9f790057614afacc0ecbb65d1c1b2da70c7e7a1a9732e4872d9f4d897dd83e69661274d7b5eb984837f01511614ae.6953f5198fbcfd7b92c9561709664c4e",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Supabase, users of Firebase",
        Some("supabase"),
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=U7gNClrZL6tQl4N25An7ceO3BGE5N2uaf6aOHI01JSoQyFlsIpNrhVO32FsJbFRoUSRZqCCs3pO+Uiz9+phP9w==$5kmcq/YFMPcsbw==$ucRKtkAuXFeCnfmFucbg82O2k74BWGX4sncD5h046dHNaDzug4IobthJeNCh+m1jD+R597+g+807tGnAQJlHWw==",
        "scrypt_firebase",
    ),
    rewritten(
        "Django, argon2",
        None,
        "argon2$argon2id$v=19$m=1024,t=2,p=8$M3ByNEE2NWNCTmVSdTJna0RYZkZabw$IdAbEsld39qiPeW0fesnMMPQcCfPnTsZawfBAGkyi7c",
        "argon2id",
    ),
    rewritten(
        "Django, bcrypt",
        Some("django"),
        "bcrypt$$2b$04$wK8NaoM3uRBMQXSyH95a3.b2Gz12rY8IwqlRR9Q0uNl7nGGUSkpJ2",
        "bcrypt",
    ),
    experimental(
        "Django, scrypt",
        None,
        "scrypt$16384$zzPYC9CMF1icciEF2Oae01$8$5$sE4JwUvjE2Y0Iu46ztfy3wfsmBxjtNFBFJER/T4sk06phnbW1VOrLS2RghAnf7+kJmwg4VWkpLgOhb+IdjLFVw==",
        "scrypt_werkzeug",
    ),
    experimental(
        "Django, PBKDF2 of SHA-1",
        None,
        "pbkdf2_sha1$1000$VmL3wrGo3mPPzH8YqwM5GU$zFk9Nuv50yUWlg2nZ8q0Yk447nw=",
        "pbkdf2_sha1",
    ),
    rewritten(
        "Werkzeug, PBKDF2 of SHA-256",
        None,
        "pbkdf2:sha256:1000$yOfYPQwYzWDD9quR$63d88565408d12cf88eff06e03e43262dcb3ccf99ecf3bd9e7130342cbafef04",
        "pbkdf2_sha256_django",
    ),
    rewritten(
        "Werkzeug, PBKDF2 of SHA-512",
        None,
        "pbkdf2:sha512:1000$3Y2ObSEkZypNvMsg$3d1b83d26a413e6912f7f64202876f81a94d2a30ba9d0e6d3ccedb7b4ab497b456cc88e17c2b97d44380968d6f7bdb6fb8839a7475adaf2a982ea06c27349ad7",
        "pbkdf2_sha512",
    ),
    rewritten(
        "ASP.NET Identity 2",
        None,
        "AIh7ZZe0X9jlmgp7sMtY8yK8sX7F0K6zzEIKKPmSQi5psUfLv4PtGf9de6u9Q7Mcgw==",
        "pbkdf2_sha1",
    ),
    rewritten(
        "ASP.NET Identity 3, SHA-1",
        None,
        "AQAAAAAAAAPoAAAAEO5090XU4is6wBiBIF3Yit0/nH5jGeDFzs+fChZDg4srLLlKXvd+WaZ+Ood09NEWnA==",
        "pbkdf2_sha1",
    ),
    rewritten(
        "ASP.NET Identity 3, SHA-256",
        None,
        "AQAAAAEAACcQAAAAEMNeIOPsVepIdlC9Zs2L7vs7cdArw8pnHRTcbsVjNcBJDlnWhhNnckCNwdqtfWCzXQ==",
        "pbkdf2_sha256",
    ),
    experimental(
        "ASP.NET Identity 3, SHA-512",
        None,
        "AQAAAAIAAYagAAAAEIejznT/fz2UW840yzsTDx7jkeS6ACMMokdkTAYG9ya5CYfTwkEvpC4ShXbVrypuYQ==",
        "pbkdf2_sha512_hex",
    ),
    rewritten(
        "Kratos, SHA-256",
        None,
        "$pbkdf2-sha256$i=1000,l=32$AGihLU1XWE94atgS9opWDg$PaBb8+ijIkNo/T8FibTQS1ExJt+TKXxp6D5fG7L2pyU",
        "pbkdf2_sha256",
    ),
    rewritten(
        "Kratos, SHA-512",
        None,
        "$pbkdf2-sha512$i=1000,l=64$AGihLU1XWE94atgS9opWDg$xrJra/6rGURPOjcToDGMqK5asvtNgeEnY+eJluvhcmtrAEE2Q1ynPm7ufWrHiSAeUtxrt8NIUgMOp8exbtRWoA",
        "pbkdf2_sha512_hex",
    ),
    rewritten(
        "Payload, its two columns joined",
        None,
        "170ad3e3505172c8912e6aaed737888eef244ce86ab78e4ee6ecbfef734e8f76$pbkdf2-sha256-v2-i1000-l32:590682b7aa876812d0cd7b30c5a592b00ab70253e18ed58fc84aa4dfa9362e0e",
        "pbkdf2_sha256_django",
    ),
    rewritten(
        "Payload, the version before",
        None,
        "170ad3e3505172c8912e6aaed737888eef244ce86ab78e4ee6ecbfef734e8f76$pbkdf2-sha256-v1:1099d52ed36ae3940b38f736b16252c81979d229f6f40b7b2660046367d571aa",
        "pbkdf2_sha256_django",
    ),
    experimental(
        "Payload, the first version",
        None,
        "170ad3e3505172c8912e6aaed737888eef244ce86ab78e4ee6ecbfef734e8f76$f3054026217e2ee3afd643f702190498aace5ab4ace43b9629a7956efb0275fbfb1a006d01bbe1f55a6165ce1d4d46f0a58220de31f085ca546d594ee6d77e39014262b7c2c05e2eed2d103e75fa8dc783a2192d8e55a8a47c7ffb175505ab8ce527345028f0351a34311190e94bf9551f0af3fe0a6467c83937ddee1bc7738317ee99fffb51119cf24a8bd9609f4b78bb508353691ef47e14b5364ea0035f85ad78f7e75c4e5c6ba5a5bda893b287f328e4babbd9e378f391ca135d7bbc99483479c231f02efb950d64bbe7dc2cb7976b3d33212882f51966f332c5d06f686472bad857629c22bc2e164e10900799da2cd8bb2d7778ab5569ee723b49ea7e575a47189d5984e1cd71c5a80af6f98172ac9ce6c1f3e14167df3262454b060942b55f470a391d57676842da9ef9f1e07638a185735f200faedbbf369f22513cd2cd4737a982cb1524fc3ba9649c60fc4ad01d2bbbac89f4f3401313c09d1fcb387ee4a2edb87730ab46b8f5a294ae154b65798c3504ad7492511322c9ffdbb7f4c99d7f36daa4e9c0b3d4a8096ca40f4b247265987f5031c0778ede99b631acdba60f96895b8be40221916687b64b49527dcc3c56c2d3a13ab097ef7b5af670cbc91068145a25e98c8e5036bda5d93946cab28d228c20805d7ff95757f9e4e5d2f4777c92af8463b4de9af6f789069173f9af793ebb436bfa85bc2dfa103ac8cb",
        "pbkdf2_sha256_django",
    ),
    rewritten(
        "Keycloak, PBKDF2 of SHA-256",
        None,
        r#"{"value":"PaBb8+ijIkNo/T8FibTQS1ExJt+TKXxp6D5fG7L2pyU=","salt":"AGihLU1XWE94atgS9opWDg==","hashIterations":1000,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#,
        "pbkdf2_sha256",
    ),
    experimental(
        "Keycloak, PBKDF2 of SHA-256, its default key of 64 bytes",
        None,
        r#"{"value":"RwO0MNfgJjjmDVSEHNP9lddrlaBtme8SRTt5YHw0JphbevSPmLm9qaEhgwDxbJRdu4cFQlIeereKZJ5y6pWeDA==","salt":"AGihLU1XWE94atgS9opWDg==","hashIterations":27500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#,
        "pbkdf2_sha256",
    ),
    rewritten(
        "Keycloak, PBKDF2 of SHA-512",
        None,
        r#"{"value":"xrJra/6rGURPOjcToDGMqK5asvtNgeEnY+eJluvhcmtrAEE2Q1ynPm7ufWrHiSAeUtxrt8NIUgMOp8exbtRWoA==","salt":"AGihLU1XWE94atgS9opWDg==","hashIterations":1000,"algorithm":"pbkdf2-sha512","additionalParameters":{}}"#,
        "pbkdf2_sha512_hex",
    ),
    rewritten(
        "Keycloak, argon2",
        None,
        r#"{"value":"rI7zYIw8I62Pm1Ivt9bU+ANZY8l5FFrgIuDXQtrs2a4=","salt":"AGihLU1XWE94atgS9opWDg==","hashIterations":5,"algorithm":"argon2","additionalParameters":{"hash":[],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#,
        "argon2id",
    ),
    rewritten("phpBB", None, "$H$6PHLQjWOed4VWZ9qEFkM3Ut6yIPphF0", "phpass"),
];
