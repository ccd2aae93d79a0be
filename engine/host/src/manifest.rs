//! Reads a plugin's manifest out of its component without running or compiling it.
//!
//! The manifest is the text of the custom section `kiket:manifest`. A tool that
//! finishes a component writes it at the top level; a Rust guest carries it in
//! its core module, where `#[link_section]` puts it. What the text means is not
//! this crate's business.

mod embed;

use wasmparser::{Chunk, Parser, Payload};

pub use embed::embed_manifest;

/// Name of the custom section.
pub const MANIFEST_SECTION: &str = "kiket:manifest";

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES: usize = 256 * 1024;

/// How deep components may nest: real toolchains stay below five levels.
const DEPTH: usize = 16;

/// Why there is no reading the manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The bytes are not a component's binary format.
    #[error("not a WebAssembly component")]
    NotAComponent,
    /// The binary format is broken.
    #[error("invalid component: {0}")]
    Malformed(#[from] wasmparser::BinaryReaderError),
    /// Components are nested more than 16 levels deep.
    #[error("components are nested more than {DEPTH} levels deep")]
    TooDeep,
    /// The section is larger than [`MANIFEST_BYTES`].
    #[error("the manifest has {0} bytes, {MANIFEST_BYTES} are allowed")]
    TooLarge(usize),
    /// The section is not UTF-8 text.
    #[error("the manifest is not UTF-8 text")]
    NotText,
    /// Which of several manifests counts would be a guess.
    #[error("the component carries more than one manifest")]
    Ambiguous,
}

/// The text of the manifest, or `None` where the component carries none.
///
/// A manifest at the component's own level wins over those of nested modules
/// and components; two at the level that counts are an error.
pub fn manifest_section(component: &[u8]) -> Result<Option<String>, ManifestError> {
    if !Parser::is_component(component) {
        return Err(ManifestError::NotAComponent);
    }
    let (mut own, mut nested) = (None, None);
    let (mut parser, mut outer) = (Parser::new(0), Vec::new());
    let mut rest = component;
    // Code is passed over and not walked through: nobody's memory holds a component for the sake of its manifest.
    while let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? {
        rest = &rest[consumed..];
        match payload {
            Payload::CodeSectionStart { size, .. } => {
                // Code that is cut off is walked into, and refused.
                if let Some(after) = rest.get(size as usize..) {
                    parser.skip_section();
                    rest = after;
                }
            }
            Payload::ModuleSection { parser: inner, .. } | Payload::ComponentSection { parser: inner, .. } => {
                outer.push(std::mem::replace(&mut parser, inner));
                if outer.len() > DEPTH {
                    return Err(ManifestError::TooDeep);
                }
            }
            Payload::End(_) => match outer.pop() {
                Some(around) => parser = around,
                None => break,
            },
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                let found = if outer.is_empty() { &mut own } else { &mut nested };
                let first = found.is_none();
                *found = Some((section.data(), first));
            }
            _ => {}
        }
    }
    match own.or(nested) {
        None => Ok(None),
        Some((_, false)) => Err(ManifestError::Ambiguous),
        Some((text, true)) => read(text).map(Some),
    }
}

fn read(text: &[u8]) -> Result<String, ManifestError> {
    if text.len() > MANIFEST_BYTES {
        return Err(ManifestError::TooLarge(text.len()));
    }
    match std::str::from_utf8(text) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(ManifestError::NotText),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(component: &str) -> Result<Option<String>, ManifestError> {
        manifest_section(&wat::parse_str(component).expect("test component"))
    }

    #[test]
    fn finds_a_manifest_of_the_component_before_one_of_its_module() {
        let found = section(
            r#"(component
                (core module (@custom "kiket:manifest" "inner"))
                (@custom "kiket:manifest" "outer"))"#,
        );
        assert_eq!(found.expect("readable").as_deref(), Some("outer"));
    }

    #[test]
    fn finds_a_manifest_in_a_nested_module() {
        let found = section(r#"(component (component (core module (@custom "kiket:manifest" "id: notify"))))"#);
        assert_eq!(found.expect("readable").as_deref(), Some("id: notify"));
    }

    #[test]
    fn says_none_where_there_is_none() {
        assert_eq!(section("(component (core module))").expect("readable"), None);
    }

    #[test]
    fn refuses_two_manifests_at_one_level() {
        let found = section(
            r#"(component
                (core module (@custom "kiket:manifest" "a"))
                (core module (@custom "kiket:manifest" "b")))"#,
        );
        assert!(matches!(found, Err(ManifestError::Ambiguous)), "{found:?}");
    }

    #[test]
    fn refuses_what_is_not_a_whole_component() {
        let component = wat::parse_str("(component (core module))").expect("test component");
        for bytes in [&b""[..], b"\x7fELF", b"\0asm\x01\0\0\0", b"kiket:manifest"] {
            let found = manifest_section(bytes);
            assert!(matches!(found, Err(ManifestError::NotAComponent)), "{found:?}");
        }
        let found = manifest_section(&component[..component.len() - 1]);
        assert!(matches!(found, Err(ManifestError::Malformed(_))), "{found:?}");
    }

    #[test]
    fn refuses_a_manifest_that_is_too_large_or_not_text() {
        let large = format!(r#"(component (@custom "kiket:manifest" "{}"))"#, "a".repeat(MANIFEST_BYTES + 1));
        assert!(matches!(section(&large), Err(ManifestError::TooLarge(_))));
        let binary = r#"(component (@custom "kiket:manifest" "\ff\fe"))"#;
        assert!(matches!(section(binary), Err(ManifestError::NotText)));
    }

    #[test]
    fn refuses_components_nested_without_end() {
        let deep = format!("{}{}", "(component ".repeat(20), ")".repeat(20));
        assert!(matches!(section(&deep), Err(ManifestError::TooDeep)));
    }
}
