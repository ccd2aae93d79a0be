//! Whether a symbolic link leads to a place inside the tree it stands in.

/// Tells whether a link whose folder lies `depth` folders below a root, and which is
/// reached through real folders only, leads to a place at or below that root.
///
/// `..` counts at the beginning only, where it is certain what it leads to: behind a
/// name it may lead anywhere, because the name may be that of another link. By the
/// same rule for every link of the tree, one that leads to another stays inside as well.
#[must_use]
pub fn stays_inside(depth: usize, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return false;
    }
    let mut parts = target.split('/').filter(|part| !matches!(*part, "" | ".")).peekable();
    let mut up = 0;
    while parts.next_if_eq(&"..").is_some() {
        up += 1;
    }
    up <= depth && parts.all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_stays_and_refuses_what_may_leave() {
        for (depth, target) in [(0, "a"), (0, "a/b/"), (0, "."), (0, "./a"), (1, ".."), (2, "../../a"), (1, "./../a")] {
            assert!(stays_inside(depth, target), "{target} at {depth}");
        }
        for (depth, target) in
            [(0, ""), (0, "/"), (0, "/etc/passwd"), (0, ".."), (1, "../.."), (1, ".././../a"), (9, "a/.."), (9, "a\0b")]
        {
            assert!(!stays_inside(depth, target), "{target} at {depth}");
        }
    }
}
