//! Writes a manifest into a finished component, whatever tool made it.

use wasm_encoder::{ComponentSection as _, CustomSection, RawSection};
use wasmparser::{Encoding, Parser, Payload};

use super::{MANIFEST_BYTES, MANIFEST_SECTION, ManifestError};

/// Returns the component with a manifest at its own level, in place of one that is there.
///
/// Nothing else is changed. A manifest in a nested module stays where it is: the one of the component's own level wins.
///
/// # Errors
/// The bytes are not a component, or the manifest is larger than [`MANIFEST_BYTES`].
pub fn embed_manifest(component: &[u8], manifest: &str) -> Result<Vec<u8>, ManifestError> {
    if !Parser::is_component(component) {
        return Err(ManifestError::NotAComponent);
    }
    if manifest.len() > MANIFEST_BYTES {
        return Err(ManifestError::TooLarge(manifest.len()));
    }
    let mut whole = wasm_encoder::Component::HEADER.to_vec();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        match &payload {
            Payload::Version { encoding: Encoding::Module | Encoding::Component, .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_manifest = matches!(&payload, Payload::CustomSection(section) if section.name() == MANIFEST_SECTION);
        // A section that is said to go on beyond the end is what the parser complains of next.
        let section = payload.as_section().and_then(|(id, range)| Some((id, component.get(range)?)));
        if let (1, false, Some((id, data))) = (depth, is_manifest, section) {
            RawSection { id, data }.append_to_component(&mut whole);
        }
    }
    CustomSection { name: MANIFEST_SECTION.into(), data: manifest.as_bytes().into() }.append_to_component(&mut whole);
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest_section;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).expect("test component")
    }

    fn manifest(component: &[u8]) -> Option<String> {
        manifest_section(component).expect("it can be read")
    }

    #[test]
    fn what_is_written_is_read_and_wins_over_what_was_there() {
        let inner = r#"(core module (@custom "kiket:manifest" "inner") (@custom "other" "kept"))"#;
        let bare = component(&format!("(component {inner} (component (core module)))"));
        let one = embed_manifest(&bare, "one").expect("a component");
        assert_eq!(manifest(&one).as_deref(), Some("one"));
        assert!(one.windows(5).any(|window| window == b"inner"));
        let two = embed_manifest(&one, "two").expect("a component");
        assert_eq!(manifest(&two).as_deref(), Some("two"));
        assert_eq!((one.len(), &one[..bare.len()]), (two.len(), bare.as_slice()));
        assert_eq!(embed_manifest(&two, "one").expect("a component"), one);
    }

    #[test]
    fn refuses_what_is_no_component_and_what_is_too_large() {
        let module = component("(module)");
        assert!(matches!(embed_manifest(&module, "x"), Err(ManifestError::NotAComponent)));
        let whole = component("(component (core module))");
        assert!(matches!(embed_manifest(&whole[..whole.len() - 1], "x"), Err(ManifestError::Malformed(_))));
        let large = "x".repeat(MANIFEST_BYTES + 1);
        assert!(matches!(embed_manifest(&whole, &large), Err(ManifestError::TooLarge(_))));
    }
}
