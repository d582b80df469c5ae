//! Made-up secrets for tests, the same on every run.

/// Knuth's MMIX generator: the same secrets on every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % limit
    }

    pub(super) fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len())]
    }

    pub(super) fn string(&mut self, alphabet: &str, len: usize) -> String {
        (0..len).map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())])).collect()
    }
}

pub(super) const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE36: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(super) const HEX: &str = "0123456789abcdef";

const PREFIXES: &str = "sk- sk-ant-api03- sk-proj- sk_live_ sk_test_ rk_live_ pk_live_ ghp_ gho_ ghu_ ghs_ ghr_ \
    github_pat_ glpat- xoxb- xoxp- AIza ya29. npm_ pypi- hf_ SG. dop_v1_ shpat_ whsec_";

/// A secret whose shape gives it away wherever it stands.
pub(super) fn shaped_secret(random: &mut Random) -> String {
    let len = 24 + random.below(30);
    match random.below(8) {
        0 | 1 => format!("{}{}", prefix(random), random.string(BASE62, len)),
        2 => format!("eyJ{}.eyJ{}.{}", random.string(BASE64URL, 20), random.string(BASE64URL, 40), random.string(BASE64URL, 43)),
        3 => format!("{}{}", random.pick(&["AKIA", "ASIA"]), random.string(BASE32, 16)),
        4 => random.string(BASE62, len),
        5 => random.string(BASE64URL, len + 8),
        6 => random.string(BASE36, len + 8),
        _ => random.string(HEX, len + 8),
    }
}

/// A secret that only its name gives away.
pub(super) fn plain_secret(random: &mut Random) -> String {
    let len = 10 + random.below(20);
    match random.below(5) {
        0 => random.string("abcdefghijklmnopqrstuvwxyz", len),
        1 => random.string("0123456789", len),
        2 => random.string(BASE64, len),
        3 => format!("correct-horse-battery{}", random.string(HEX, 4)),
        _ => shaped_secret(random),
    }
}

pub(super) fn prefix(random: &mut Random) -> &'static str {
    let prefixes: Vec<_> = PREFIXES.split(' ').collect();
    random.pick(&prefixes)
}
