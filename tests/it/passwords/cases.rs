//! The passwords that move: `correct horse battery staple`, as each system stores it.
//!
//! No crate that checks them here has made them. They come from Django, Werkzeug, passlib, the `bcrypt` and `argon2-cffi` of
//! Python, from Lucia 2 and 3, `firebase-scrypt` and `aspnet-identity-pw` of Node, and the others, by the algorithm that the
//! source documents, from hashlib and `node:crypto`. Costs are low where the source lets them be.

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
    as_stored("bcrypt, 2a", None, "$2a$04$Ur954iqrnXMF6g3HAiv61emUsjyIjIyq0hYcZSoiaa0lddYzJWeAC", "bcrypt"),
    as_stored("bcrypt, 2b", None, "$2b$04$27wR0cmTrP7jKocaAeNjzeM/UM9yzxVtXiswoAWMsW4dC3yp.0IV.", "bcrypt"),
    as_stored(
        "bcrypt, 2y, as PHP writes it",
        Some("laravel"),
        "$2y$04$U69RWJ6LkixPMUY.G9oEZ.WsQWJ9S/dP0Axy19rAniX5W6GRW9mBG",
        "bcrypt",
    ),
    as_stored(
        "Devise with a pepper",
        None,
        "$2a$04$gLDuVVJ54NiXjpGhOCsp..MfI0bDwHKxd7lGxenTYeRZTtNePJCry$a-fake-pepper",
        "bcrypt_peppered",
    ),
    as_stored(
        "Django, bcrypt over SHA-256",
        None,
        "bcrypt_sha256$$2b$04$vcGT5U9J6ho/A3Rhv8lF8u9c4QFzUhmRjheJbmSxtJ6ulKWUm9dRi",
        "bcrypt_sha256_django",
    ),
    as_stored(
        "argon2i",
        None,
        "$argon2i$v=19$m=1024,t=2,p=1$/JEr4yW0CwYtdRtTRmJKOA$j4iEnYu51P/oLVcFA/wLTPQ+hrKQN/2eUJ/KiEf/wro",
        "argon2i",
    ),
    as_stored(
        "argon2id",
        None,
        "$argon2id$v=19$m=1024,t=2,p=2$4gA5dTJY0kgZvQfVG/ZwpQ$m2ISLnq/ADaNAqLgvbewSEsYm9/ANw2T0V2kdY7wJ2I",
        "argon2id",
    ),
    as_stored(
        "pbkdf2_sha1",
        None,
        "pbkdf2_sha1$1000$bb633bbccf5d5572d2081a600f1dba1c$8bd84faef2d3c66b1bcbdbd0a1f0676007f37343f7b8b6d16f5841d16d6c9ed0",
        "pbkdf2_sha1",
    ),
    as_stored(
        "pbkdf2_sha1 with the length of its key",
        None,
        "pbkdf2_sha1$1000$bb633bbccf5d5572d2081a600f1dba1c$8bd84faef2d3c66b1bcbdbd0a1f0676007f37343$20",
        "pbkdf2_sha1",
    ),
    as_stored(
        "pbkdf2_sha256",
        Some("pbkdf2_sha256"),
        "pbkdf2_sha256$1000$u2M7vM9dVXLSCBpgDx26HA==$CaJIXBncuTn3d3y/fT2dw6ZyHU7pq+K4WOTvWaJC/lA=",
        "pbkdf2_sha256",
    ),
    as_stored(
        "Django",
        None,
        "pbkdf2_sha256$1000$00BxJukzRzefC81RMfB2c4$nWO3YvZ6wu7i2+rxYJtRDpptLQ+De/ROWNSxn5nXKOc=",
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
        "pbkdf2_sha512$1000$ee15cd4f00e85e6b8e2ceaf7cf6999a6$7d4edbdec94de09e70ad277325bcc1e0852890e3c7b5ff2219e3c76909647f4e53979ca189069d5c2ba30b3826e00eff21b188658209989b5c5eb32727cc906d",
        "pbkdf2_sha512",
    ),
    as_stored(
        "pbkdf2_sha512",
        None,
        "pbkdf2_sha512$1000$eeb2715a56d15490$7ce884ab7ccc3e272c0494cebedfa242bf24fe11c1c92a7caceef3ac1578100c09725622804a86cb869aff7ed31a0ced6db24e48a6f43b840e376609d9e684a1",
        "pbkdf2_sha512",
    ),
    as_stored(
        "pbkdf2_sha512_hex",
        None,
        "pbkdf2_sha512_hex$1000$bb633bbccf5d5572d2081a600f1dba1c$74abfcb233c8e2229394e322ecc1f3e5b997345e1fe049e279a9879a7d3bd27ac171d78df4b4202b30dacb0f90df3de422f409cbd6bea56d15e458d9cde51c00",
        "pbkdf2_sha512_hex",
    ),
    as_stored(
        "Firebase",
        None,
        "KyYZ4V7lHQpMRJoOGPXubiGCuSTYpj/76Hdt0gJaF8LgxwXUaCFP181jOLuNdUUs+YaV131bRX3O46eec7eI/A==$5U+2b914yaG+0Q==$K1e8VUQdxtMAzbdnafxEVtRZnSnTiNki+H1hnKTGHJ8CBIKtilqqnT8mQzLd9e3DSgQQrIvv17x5KZooQ4IAjA==$Bw==$8$14",
        "scrypt_firebase",
    ),
    as_stored(
        "Werkzeug",
        None,
        "scrypt:32768:8:1$GFj0hH1txtVhaz0Z$4c7d674f3bc54b4040684a388cde43807dc2d223182a09d209ea4b806a1826025e8e3c50e8ea06faef2ad2e01c20c7182033ce6f74e4935a8fae08c453029c36",
        "scrypt_werkzeug",
    ),
    as_stored("phpass", None, "$P$6snl10tXFEKaw.PiwvuhtPi1jNcNU3.", "phpass"),
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
    as_stored("LDAP", None, "{SSHA}mghNisu972Lc6ZZHQN33SZbRHmMq5Rxj", "ldap_ssha"),
    rewritten(
        "Better Auth",
        Some("better-auth"),
        "0728332cd4cfb962315715e79405fe7b:965a1d33bce7a2324bdce3f6070e6546edc5f81aeeca81c01c7cc00819345b7aee4e1801981abfec759d8fa69c289f902b2798142bbfd3cfa885e15a0618a0f6",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Lucia 3",
        Some("lucia-v3"),
        "8c3a653bda200790b073e49c5b1273fc:457d5f1aeed84e5d35cdd66d905119e28609e8edd7246073bc318419635ab1f798fecb5743005989867da7a43dd89a7840c376133bb5657414763caa8bd871be",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Lucia 3, its hasher for Lucia 2",
        None,
        "s2:3cf42777b9525eb5cbeaf2882d0c3735:71eb20eaa2a29b458d8bb9db1c807c640cba04a7d328bcf9272938b80eba2e9aabc6ebc910a4fff87a06630933f3858f08fa9b03bcb63a260b8ba1d5330743eb",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Lucia 2",
        None,
        "s2:w8reags7iskxclem:6fc8eba6aa37a48732b0bf5d38e41e29fb48557df6055f9d91276a99cc3d82363db83360df30b1f6fcba07b7f712bf33794e79b4cc9d2b12d86da5b14c703ded",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Lucia 2 without a version mark",
        Some("lucia-v2"),
        "fa33fa62d0c1eee7:2ff4612f20cb0a0e44c71bf2e3da28c887c86b5beef5555e37177574e74c1cdf20e7a45173337096954866c092353a89391a5dcf78e62384a330ffd0243cea57",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Node's scrypt by hand",
        None,
        "9a38f81bd94df706c0280d148ab941bbaf65b4abe50b339b87207fa03842762b20c8be57adc15b7d1e01e6ab5f61da81559f07833817befaf28046a66dc521cf.ffd10cd35566a01bbff07246dfa564fb",
        "scrypt_werkzeug",
    ),
    rewritten(
        "Supabase, users of Firebase",
        Some("supabase"),
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=K1e8VUQdxtMAzbdnafxEVtRZnSnTiNki+H1hnKTGHJ8CBIKtilqqnT8mQzLd9e3DSgQQrIvv17x5KZooQ4IAjA==$5U+2b914yaG+0Q==$KyYZ4V7lHQpMRJoOGPXubiGCuSTYpj/76Hdt0gJaF8LgxwXUaCFP181jOLuNdUUs+YaV131bRX3O46eec7eI/A==",
        "scrypt_firebase",
    ),
    rewritten(
        "Django, argon2",
        None,
        "argon2$argon2id$v=19$m=1024,t=2,p=8$dlVwbHdRbHhqQUFhRUVZNEhkdWNtNA$JNo5WJuzc4L+d27CueEyPrzi4vIKP5KmQ1RSuJs0MVE",
        "argon2id",
    ),
    rewritten(
        "Django, bcrypt",
        Some("django"),
        "bcrypt$$2b$04$WBZlj.0/iC68pIEWnGnzFO4wvGWBmdJOfuqNU6kazOexU54/Gp/Y6",
        "bcrypt",
    ),
    experimental(
        "Django, scrypt",
        None,
        "scrypt$16384$VU7RtNypvHyjbRCLzkRmGR$8$5$uFY//s7iMQRNBue4Utr4po48aAxgxYpL5xfGga4JlHXQcOfW4yWTwN/3YwP+2k517hjqUeHRJCZe/8o9hrNNMA==",
        "scrypt_werkzeug",
    ),
    experimental(
        "Django, PBKDF2 of SHA-1",
        None,
        "pbkdf2_sha1$1000$MSn2SpqSNUoqpiZBEoZDlc$inj0uBE1tr0pfCeERjhSELWFYjE=",
        "pbkdf2_sha1",
    ),
    rewritten(
        "Werkzeug, PBKDF2 of SHA-256",
        None,
        "pbkdf2:sha256:1000$efMMPFsKTx8qXe0t$7f374b689b53e1b245a2ce30766e954a5e546d952b8c45fb0cd7249beabe671a",
        "pbkdf2_sha256_django",
    ),
    rewritten(
        "Werkzeug, PBKDF2 of SHA-512",
        None,
        "pbkdf2:sha512:1000$TjOdrxdRGsXy3APO$b80fab1621783a9b1aad05625c5b1d1ab1b21d300efe060ebc355bca9ebde00768c09e3a2cebf2d7c94210d59e411e34f76899c051e5251768aff2c11256c219",
        "pbkdf2_sha512",
    ),
    rewritten(
        "ASP.NET Identity 2",
        None,
        "ANF0tiJltWW5HThqA00UFOttoqnl50zGSjjoOJ7CmCCzgemMT6sJRvh7dtKudP9eEA==",
        "pbkdf2_sha1",
    ),
    rewritten(
        "ASP.NET Identity 3, SHA-1",
        None,
        "AQAAAAAAAAPoAAAAEDPUQLITed4ExqB04O9V/O8RUV/mEHs2TS5YPr1899Wj5FwN4/AIoPyZLkzVXsT6GA==",
        "pbkdf2_sha1",
    ),
    rewritten(
        "ASP.NET Identity 3, SHA-256",
        None,
        "AQAAAAEAAAPoAAAAEAY+U3A0fYUE7FZf3iF7UR6PJ+vbQdi3YSslyS31hKrRAniG9Ti46W6f3VlDN/dImA==",
        "pbkdf2_sha256",
    ),
    experimental(
        "ASP.NET Identity 3, SHA-512",
        None,
        "AQAAAAIAAAPoAAAAEFOL2j38N4IWZEUbijt/Lj3iiFfSh+H11gBmyQpoNQ1JA/kwM+Q1Jj7sfEW1pj4uSg==",
        "pbkdf2_sha512_hex",
    ),
    rewritten(
        "Kratos, SHA-256",
        None,
        "$pbkdf2-sha256$i=1000,l=32$u2M7vM9dVXLSCBpgDx26HA$CaJIXBncuTn3d3y/fT2dw6ZyHU7pq+K4WOTvWaJC/lA",
        "pbkdf2_sha256",
    ),
    rewritten(
        "Kratos, SHA-512",
        None,
        "$pbkdf2-sha512$i=1000,l=64$u2M7vM9dVXLSCBpgDx26HA$dKv8sjPI4iKTlOMi7MHz5bmXNF4f4EnieamHmn070nrBcdeN9LQgKzDayw+Q3z3kIvQJy9a+pW0V5FjZzeUcAA",
        "pbkdf2_sha512_hex",
    ),
    rewritten(
        "Payload, its two columns joined",
        None,
        "6b9cf22c0d34a36c33eace96d7f9d8f97e8c6607abe289b535558ca33500237e$pbkdf2-sha256-v2-i1000-l32:cac332fce6961854dd4f7489a9e12b462a4fe6b77e25d503ba9ff304e2ea5008",
        "pbkdf2_sha256_django",
    ),
    rewritten(
        "Payload, the version before",
        None,
        "6b9cf22c0d34a36c33eace96d7f9d8f97e8c6607abe289b535558ca33500237e$pbkdf2-sha256-v1:f8d1fea87afb9f281f63776b34843c0cbaf826ec31413784dfdf486c912919e1",
        "pbkdf2_sha256_django",
    ),
    experimental(
        "Payload, the first version",
        None,
        "6b9cf22c0d34a36c33eace96d7f9d8f97e8c6607abe289b535558ca33500237e$a51ff5603ba1594e81de59e7b4f1f78d6240f66afce76f75f8e65f3f77023713bd41b1ae4ac8e740e4eb282d096ee1a619b856a743bb368c2570d5ec35beae42725a2ffa56bc74f4a859c1abb131acf482a0672b5290defb0c3e25ccffe8e7d506462ed9f90b2e10da8c7c4223b90b492a02e7eebea42cb691b4e887f722fa266ab8d471bb75cad442c5a3eaefe20d3ba8c607482c4c9a42b862258b1f0d8f295d31a6883350fc36b285ab97fa86d2516cec43873ddbba07fdc46b668918482ddc60ef52a6624cfe0904ad221614618029bf8a8f952e5d1155f891cb70a8c86d2649c029a8aa833f94489cb54733b93695408ad9f797957a2e8653e8616e692cb21a0f9d42b268f33c2e8f1b1799e5b5786d3e5e6fe1dc7a9f461c992f34b1791fb1455aef676631927c69b41a9a92e5d3836c4393543e3f646ba1932ab0b017cbe1bf2e1b686a14f34dc9222407a75d61420965496bf745439420dec3578ec0b95a838f01abf56ff664f33ddd44220b1645e773eccaab681838ec088a3660b68c1bb707c6063d388d4e2ff37cf2d7713ef00f59d223a5955b38571acacf49ff90b229905e5c2f7c0f8ee649e9d20d91df7c97ab0f0a63f1e4c259d279d6fb2a248686907eff1c525d40860d7f1b47f89f30da6f41c112fa95923693b321eec3b3e3c9ad5d0fc05696187265b94ceb040ff33881afc029ffceb2d52fd75a1f57",
        "pbkdf2_sha256_django",
    ),
    rewritten(
        "Keycloak, PBKDF2 of SHA-256",
        None,
        r#"{"value":"CaJIXBncuTn3d3y/fT2dw6ZyHU7pq+K4WOTvWaJC/lA=","salt":"u2M7vM9dVXLSCBpgDx26HA==","hashIterations":1000,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#,
        "pbkdf2_sha256",
    ),
    experimental(
        "Keycloak, PBKDF2 of SHA-256, its default key of 64 bytes",
        None,
        r#"{"value":"CaJIXBncuTn3d3y/fT2dw6ZyHU7pq+K4WOTvWaJC/lDZBVC1n5HQedwlcx1bSv2wgfHpzWIvlu+QgxT2KqlBcg==","salt":"u2M7vM9dVXLSCBpgDx26HA==","hashIterations":1000,"algorithm":"pbkdf2-sha256","additionalParameters":{}}"#,
        "pbkdf2_sha256",
    ),
    rewritten(
        "Keycloak, PBKDF2 of SHA-512",
        None,
        r#"{"value":"dKv8sjPI4iKTlOMi7MHz5bmXNF4f4EnieamHmn070nrBcdeN9LQgKzDayw+Q3z3kIvQJy9a+pW0V5FjZzeUcAA==","salt":"u2M7vM9dVXLSCBpgDx26HA==","hashIterations":1000,"algorithm":"pbkdf2-sha512","additionalParameters":{}}"#,
        "pbkdf2_sha512_hex",
    ),
    rewritten(
        "Keycloak, argon2",
        None,
        r#"{"value":"5EDnm50pYQm2yIMkBFe7/vHZc/WMauYEW5M2g/UfHlQ=","salt":"u2M7vM9dVXLSCBpgDx26HA==","hashIterations":5,"algorithm":"argon2","additionalParameters":{"hash":[],"memory":["7168"],"type":["id"],"version":["1.3"],"parallelism":["1"]}}"#,
        "argon2id",
    ),
    rewritten("phpBB", None, "$H$6IalpczwldJPeNxY9nAnakRaC0lT9v1", "phpass"),
];
