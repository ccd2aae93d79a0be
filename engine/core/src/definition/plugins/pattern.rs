//! Patterns that grants are written with: hosts, addresses of e-mail, programs.

/// A wildcard stands for whole labels at the front, and at least two labels have to follow.
pub(super) fn is_host_pattern(text: &str) -> bool {
    match text.strip_prefix("*.") {
        Some(name) => name.contains('.') && is_name(name),
        None => is_host(text),
    }
}

/// Tells whether a text is a host's name or address.
pub(super) fn is_host(text: &str) -> bool {
    let address = text.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().is_ok();
    address || is_name(text)
}

/// An address, or `*` and what follows the `@`.
pub(super) fn is_mail_pattern(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let strange = |char: char| char.is_whitespace() || char.is_control() || "<>,;:\"()[]\\@*".contains(char);
    (local == "*" || !local.is_empty() && !local.contains(strange)) && is_host_pattern(domain)
}

/// A bare name, or an absolute path without detours.
pub(super) fn is_program(text: &str) -> bool {
    let part = |part: &str| {
        let strange = |char: char| char.is_whitespace() || char.is_control() || char == '\\';
        !matches!(part, "" | "." | "..") && !part.starts_with('-') && !part.contains(strange)
    };
    let path = text.strip_prefix('/').unwrap_or(text);
    text.len() <= 256 && path.split('/').all(part) && (text.starts_with('/') || !text.contains('/'))
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_names_something_and_nothing_else() {
        let all = |takes: fn(&str) -> bool, good: &[&str], bad: &[&str]| {
            good.iter().for_each(|text| assert!(takes(text), "{text}"));
            bad.iter().for_each(|text| assert!(!takes(text), "{text}"));
        };
        all(
            is_host_pattern,
            &["localhost", "a.example.com", "*.example.com", "127.0.0.1", "::1", "[::1]"],
            &["", "*", "*.com", "a.*.com", "https://a", "a:80", "a b", "a.", ".a"],
        );
        all(
            is_mail_pattern,
            &["ada@example.com", "*@example.com", "a.b+c@mail.example.com", "ada@*.example.com"],
            &[
                "",
                "*",
                "@example.com",
                "ada",
                "a*@example.com",
                "a b@example.com",
                "<a@example.com>",
                "a@b@example.com",
            ],
        );
        all(
            is_program,
            &["cargo", "python3.12", "g++", "/usr/bin/make"],
            &["", "bin/make", "./make", "/usr/../make", "/", "/usr//make", "rm -rf", "-x", ".."],
        );
    }
}
