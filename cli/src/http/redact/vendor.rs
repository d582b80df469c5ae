//! Tokens that their vendor marks with a prefix. Prefixes are enough: the capture may have cut the rest.

/// Distinctive: whatever follows is a secret.
const CERTAIN: &[&[u8]] = &[
    b"eyJ", // a JSON object in base64: JWT, JWE, and what frameworks sign
    b"ghp_",
    b"gho_",
    b"ghu_",
    b"ghs_",
    b"ghr_",
    b"github_pat_",
    b"glpat-",
    b"gldt-",
    b"glrt-",
    b"glcbt-",
    b"glptt-",
    b"glsoat-",
    b"glagent-",
    b"xoxa-",
    b"xoxb-",
    b"xoxc-",
    b"xoxd-",
    b"xoxe-",
    b"xoxe.",
    b"xoxo-",
    b"xoxp-",
    b"xoxr-",
    b"xoxs-",
    b"xapp-",
    b"sk_live_",
    b"sk_test_",
    b"rk_live_",
    b"rk_test_",
    b"pk_live_",
    b"pk_test_",
    b"whsec_",
    b"sk-ant-",
    b"sk-proj-",
    b"sk-or-",
    b"sk-svcacct-",
    b"sk-admin-",
    b"sk-lf-",
    b"AKIA",
    b"AIza",
    b"ya29.",
    b"GOCSPX-",
    b"1//0",
    b"dop_v1_",
    b"doo_v1_",
    b"dor_v1_",
    b"shpat_",
    b"shpca_",
    b"shppa_",
    b"shpss_",
    b"dckr_pat_",
    b"lin_api_",
    b"lsv2_",
    b"glsa_",
    b"sntrys_",
    b"sntryu_",
    b"dp.pt.",
    b"dp.st.",
    b"tskey-",
    b"sb_secret_",
    b"figd_",
    b"rubygems_",
    b"AGE-SECRET-KEY-",
    b"PMAK-",
    b"NRAK-",
    b"ATATT3",
    b"npm_",
    b"pypi-",
];

/// Words and names begin like this too (`sk-SK`, `hf_hub`): a secret if what follows looks like one.
const AMBIGUOUS: &[&[u8]] = &[
    b"sk-", b"sk_", b"rk_", b"pk_", b"hf_", b"SG.", b"ASIA", b"hvs.", b"hvb.", b"hvr.", b"xai-", b"pplx-", b"gsk_", b"tvly-", b"nvapi-",
    b"glc_", b"r8_", b"key-", b"sbp_", b"EAAC",
];

/// What begins like a prefix in names that many use: `npm_config_cache`, `x-amz-...-customer-key-md5`.
const NAMES: &[&[u8]] = &[
    b"npm_config",
    b"npm_lifecycle",
    b"npm_package",
    b"npm_execpath",
    b"pypi-server",
    b"pypi-mirror",
    b"key-md5",
    b"key-MD5",
    b"key-sha1",
    b"key-sha256",
];

/// One bit for the first three bytes of every prefix: one load tells that most words are none.
const FIRST_THREE: [u64; 64] = {
    let mut table = [0; 64];
    let lists = [CERTAIN, AMBIGUOUS];
    let mut list = 0;
    while list < lists.len() {
        let mut i = 0;
        while i < lists[list].len() {
            let bit = first_three(lists[list][i]);
            table[bit / 64] |= 1 << (bit % 64);
            i += 1;
        }
        list += 1;
    }
    table
};

const fn first_three(prefix: &[u8]) -> usize {
    (prefix[0] as usize * 31 + prefix[1] as usize * 17 + prefix[2] as usize * 257) % 4096
}

/// Whether `text`, which starts at the beginning of a word and ends where its run of token characters does, starts
/// with a vendor's token. `cut` says that nothing follows `text`, so that its end may be missing.
pub(super) fn starts_token(text: &[u8], cut: bool) -> bool {
    if text.len() <= 3 {
        return false;
    }
    let bit = first_three(text);
    if FIRST_THREE[bit / 64] & (1 << (bit % 64)) == 0 {
        return false;
    }
    let after = |list: &[&[u8]]| list.iter().find_map(|prefix| text.strip_prefix(*prefix));
    if after(NAMES).is_some() {
        return false;
    }
    if let Some(rest) = after(CERTAIN) {
        return rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    }
    // The two that LLM gateways see most, cut short: nothing else of three letters follows them at the end of a value.
    let few_left = |rest: &[u8]| rest.len() > 2 && rest.iter().all(u8::is_ascii_alphanumeric);
    let cut_short = |rest| cut && (text.starts_with(b"sk-") || text.starts_with(b"hf_")) && few_left(rest);
    after(AMBIGUOUS).is_some_and(|rest| looks_like_token(rest, cut) || cut_short(rest))
}

fn looks_like_token(rest: &[u8], cut: bool) -> bool {
    const MIN_LEN: usize = 12;
    let min_mixed_len = if cut { 3 } else { 6 };
    // Long enough to judge, short enough to keep a hostile `sk-sk-sk-...` linear.
    const MAX_LEN: usize = 64;
    let rest = &rest[..rest.len().min(MAX_LEN)];
    let token = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    let first_piece = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let token = &rest[..token];
    let mixed = token.iter().any(u8::is_ascii_digit) || token.iter().skip(1).any(u8::is_ascii_uppercase);
    (mixed && first_piece > 0 && token.len() >= min_mixed_len) || first_piece >= MIN_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_prefix_is_enough() {
        for text in "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0 eyJh ghp_16C7e42F292c6912E7710c838347Ae178B4a ghp_a \
            sk-ant-api03-x sk-1234567890 sk-abcdefghijklmnop sk_live_4eC39Hq AKIAIOSFODNN7EXAMPLE AKIAIO \
            ASIAIOSFODNN7EXAMPLE AIzaSyD ya29.a0AfH6 npm_x pypi-AgEI hf_abcDEF123 SG.ngeVfQFYQlKU0ufo \
            github_pat_11A xoxb-1 whsec_a"
            .split(' ')
        {
            assert!(starts_token(text.as_bytes(), false), "{text}");
        }
    }

    #[test]
    fn words_that_begin_like_a_prefix_are_not_tokens() {
        for text in "sk-SK sk-telecom-news hf_hub hf_transfer npm_config_cache pypi-server ASIA ASIA-PACIFIC \
            SG.example key-value pk_name gh ey AKIA task-sk"
            .split(' ')
        {
            assert!(!starts_token(text.as_bytes(), false), "{text}");
        }
    }

    #[test]
    fn the_commonest_prefix_counts_when_the_rest_may_have_been_cut() {
        assert!(starts_token(b"sk-abcde", true));
        assert!(!starts_token(b"sk-SK", true));
    }
}
