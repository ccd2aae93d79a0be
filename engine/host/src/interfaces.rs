//! What a component imports and exports, by name, read without running or compiling it.

use wasmparser::{Encoding, Parser, Payload};

use crate::manifest::ManifestError;

/// The names at a component's border, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// What it needs: `kiket:plugin/http@0.1.0`, `wasi:cli/environment@0.2.6` …
    pub imports: Vec<String>,
    /// What it offers: `kiket:plugin/action@0.1.0` …
    pub exports: Vec<String>,
}

impl Interfaces {
    /// Reads them.
    ///
    /// # Errors
    /// The bytes are not a component.
    pub fn of(component: &[u8]) -> Result<Self, ManifestError> {
        if !Parser::is_component(component) {
            return Err(ManifestError::NotAComponent);
        }
        let mut found = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::Version { encoding: Encoding::Module | Encoding::Component, .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        found.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        found.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_border_and_not_what_is_inside() {
        let text = r#"(component
            (import "a:b/c@0.1.0" (instance $i))
            (component (import "inner:x/y" (instance)))
            (export "d:e/f" (instance $i)))"#;
        let found = Interfaces::of(&wat::parse_str(text).expect("test component")).expect("it can be read");
        assert_eq!((found.imports, found.exports), (vec!["a:b/c@0.1.0".to_owned()], vec!["d:e/f".to_owned()]));
        assert!(Interfaces::of(b"").is_err());
    }
}
